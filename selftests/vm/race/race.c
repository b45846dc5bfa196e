// SPDX-License-Identifier: GPL-2.0
/*
 * A module with a data race, which the kernel kcsan has to report when the module is loaded on a
 * machine with two processors or more.
 */
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/smp.h>

static unsigned long counter;

static void race_count(void *unused)
{
	unsigned int i;

	for (i = 0; i < 100000; i++) {
		counter++;
		barrier();
	}
}

static int __init race_init(void)
{
	on_each_cpu(race_count, NULL, 1);
	return 0;
}

static void __exit race_exit(void)
{
}

module_init(race_init);
module_exit(race_exit);
MODULE_DESCRIPTION("a data race for the test of the machine");
MODULE_LICENSE("GPL");
