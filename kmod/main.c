// SPDX-License-Identifier: GPL-2.0
/* ringbuf.ko: comes and goes. */
#include <linux/module.h>

#include "internal.h"

static int __init rb_init(void)
{
	int err;

	rb_limits_init();
	err = rb_default_init();
	if (err)
		return err;
	err = rb_timer_init();
	if (err)
		return err;
	err = rb_fs_init();
	if (err)
		goto err_timer;
	err = rb_names_init();
	if (err)
		goto err_fs;
	err = rb_device_init();
	if (err)
		goto err_names;
	return 0;

err_names:
	rb_names_exit();
err_fs:
	rb_fs_exit();
err_timer:
	rb_timer_exit();
	return err;
}

/* No handle is open here, and no persistent name is left: both hold the module. */
static void __exit rb_exit(void)
{
	rb_device_exit();
	rb_names_exit();
	rb_timer_exit();
	rb_fs_exit();
}

module_init(rb_init);
module_exit(rb_exit);

MODULE_DESCRIPTION("Rings of mmap-able slots with in-kernel wait queues");
MODULE_LICENSE("GPL");
