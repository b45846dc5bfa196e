// SPDX-License-Identifier: GPL-2.0
/*
 * The node /dev/ringbuf.
 *
 * It has a device number of its own instead of a misc device: misc_open() calls ->open
 * under a mutex of all misc devices, and this ->open may allocate a default ring or wait
 * for the lock of one.  A slow user of ringbuf must not keep others from /dev/kvm.
 */
#include <linux/cdev.h>
#include <linux/device.h>

#include "compat.h"
#include "internal.h"

static dev_t device_number;
static struct cdev device_cdev;

static char *device_node(RB_DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (mode)
		*mode = 0666;
	return NULL;
}

static struct class device_class = {
	.name = "ringbuf",
	.devnode = device_node,
};

int __init rb_device_init(void)
{
	struct device *dev;
	int err = alloc_chrdev_region(&device_number, 0, 1, "ringbuf");

	if (err)
		return err;
	err = class_register(&device_class);
	if (err)
		goto err_region;
	cdev_init(&device_cdev, &rb_fops);
	err = cdev_add(&device_cdev, device_number, 1);
	if (err)
		goto err_class;
	dev = device_create(&device_class, NULL, device_number, NULL, "ringbuf");
	err = PTR_ERR_OR_ZERO(dev);
	if (err)
		goto err_cdev;
	return 0;

err_cdev:
	cdev_del(&device_cdev);
err_class:
	class_unregister(&device_class);
err_region:
	unregister_chrdev_region(device_number, 1);
	return err;
}

void rb_device_exit(void)
{
	device_destroy(&device_class, device_number);
	cdev_del(&device_cdev);
	class_unregister(&device_class);
	unregister_chrdev_region(device_number, 1);
}
