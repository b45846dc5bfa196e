// SPDX-License-Identifier: GPL-2.0
/* ringbuf.ko: comes and goes. */
#include <linux/module.h>

#include "internal.h"

static int __init rb_init(void)
{
	int err;

	rb_quota_init();
	err = rb_geometry_init();
	if (err)
		return err;
	err = rb_timer_init();
	if (err)
		return err;
	err = rb_ring_init();
	if (err)
		goto err_timer;
	err = rb_anon_init();
	if (err)
		goto err_ring;
	err = rb_device_init();
	if (err)
		goto err_anon;
	err = rb_file_init();
	if (err)
		goto err_device;
	err = rb_mount_init();
	if (err)
		goto err_file;
	return 0;

err_file:
	rb_file_exit();
err_device:
	rb_device_exit();
err_anon:
	rb_anon_exit();
err_ring:
	rb_ring_exit();
err_timer:
	rb_timer_exit();
	return err;
}

/* No handle is open here, and nothing is mounted: both hold the module. */
static void __exit rb_exit(void)
{
	rb_mount_exit();
	rb_file_exit();
	rb_device_exit();
	rb_ring_exit();
	rb_timer_exit();
	rb_anon_exit();
	rb_pages_exit();
}

module_init(rb_init);
module_exit(rb_exit);

MODULE_DESCRIPTION("Rings of mmap-able slots with in-kernel wait queues");
MODULE_LICENSE("GPL");
