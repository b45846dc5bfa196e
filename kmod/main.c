// SPDX-License-Identifier: GPL-2.0
/* ringbuf.ko: comes and goes. */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "internal.h"

static struct miscdevice rb_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringbuf",
	.fops = &rb_fops,
	.mode = 0666,
};

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
	err = misc_register(&rb_device);
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
	misc_deregister(&rb_device);
	rb_names_exit();
	rb_timer_exit();
	rb_fs_exit();
}

module_init(rb_init);
module_exit(rb_exit);

MODULE_DESCRIPTION("Rings of mmap-able slots with in-kernel wait queues");
MODULE_LICENSE("GPL");
