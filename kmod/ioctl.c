// SPDX-License-Identifier: GPL-2.0
/* ioctl(2): the function for each command. */
#include <asm/ioctls.h>

#include "internal.h"

#define SIZE_IS(call, name) \
	static_assert(sizeof(struct ringbuf_##name) == RINGBUF_##call##_SIZE_VER0)
#define HAS_GROWN(call, name) \
	static_assert(sizeof(struct ringbuf_##name) > RINGBUF_##call##_SIZE_VER0)

SIZE_IS(FEATURES, features);
HAS_GROWN(CREATE, create);
HAS_GROWN(ATTACH, attach);
HAS_GROWN(INFO, info);
SIZE_IS(WAIT, wait);
SIZE_IS(WAKE, wake);
SIZE_IS(DONE, done);
SIZE_IS(SYNC, sync);
SIZE_IS(DETACH, detach);
HAS_GROWN(STATS, stats);
SIZE_IS(FRAMING, framing);
SIZE_IS(THRESHOLD, threshold);
SIZE_IS(EVICT, evict);
SIZE_IS(ROOM, room);
SIZE_IS(HOLE, hole);
SIZE_IS(REGION, region);
HAS_GROWN(READER_STATS, reader_stats);
SIZE_IS(WRITER_STATS, writer_stats);
SIZE_IS(INFO_PAGE, info_page);
HAS_GROWN(ROW, row);
SIZE_IS(HEAD_PAGE, head_page);
SIZE_IS(WRITER_ROW, writer_row);

long rb_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct rb_handle *h = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case RINGBUF_IOC_FEATURES:
		return rb_ioctl_features(h, user);
	case RINGBUF_IOC_CREATE:
		return rb_ioctl_create(file, user);
	case RINGBUF_IOC_ATTACH:
		return rb_ioctl_attach(file, user);
	case RINGBUF_IOC_INFO:
		return rb_ioctl_info(h, user);
	case RINGBUF_IOC_WAIT:
		return rb_ioctl_wait(h, user);
	case RINGBUF_IOC_WAKE:
		return rb_ioctl_wake(h, user);
	case RINGBUF_IOC_DONE:
		return rb_ioctl_done(h, user);
	case RINGBUF_IOC_SYNC:
		return rb_ioctl_sync(h, user);
	case RINGBUF_IOC_DETACH:
		return rb_ioctl_detach(h, user);
	case RINGBUF_IOC_EVICT:
		return rb_ioctl_evict(h, user);
	case RINGBUF_IOC_STATS:
		return rb_ioctl_stats(h, user);
	case RINGBUF_IOC_FRAMING:
		return rb_ioctl_framing(h, user);
	case RINGBUF_IOC_THRESHOLD:
		return rb_ioctl_threshold(h, user);
	case RINGBUF_IOC_ROOM:
		return rb_ioctl_room(h, user);
	case RINGBUF_IOC_HOLE:
		return rb_ioctl_hole(h, user);
	case FIONREAD:
		return rb_ioctl_fionread(h, user);
	default:
		return -ENOTTY;
	}
}
