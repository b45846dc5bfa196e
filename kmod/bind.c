// SPDX-License-Identifier: GPL-2.0
/*
 * Bind a handle as a reader or writer with stream framing, to the ring of its file or to the
 * user's default ring.  The open of a handle for one of reading and writing binds it; if it
 * is open for both, its first read or write does, unless an ioctl has bound it.
 */
#include "internal.h"

static struct rb_ring *bind_ring(struct file *file, struct rb_handle *h, bool wait)
{
	if (rb_file_has(h))
		return rb_file_ring(h, wait);
	return rb_default_ring(file->f_cred);
}

static int bind_begin(struct rb_handle *h, struct rb_ring *ring, u32 role, bool wait)
{
	if (role == RINGBUF_ROLE_WRITER)
		return rb_member_begin_writer(h, &h->self, ring, wait);
	return rb_member_resume_reader(h, ring, wait);
}

/* Bind @h, with h->lock held.  On success (0) it takes over the reference on @ring. */
static int bind(struct rb_handle *h, struct rb_ring *ring, u32 role, bool wait)
{
	int err = bind_begin(h, ring, role, wait);

	if (err)
		return err;
	WRITE_ONCE(h->framing, RINGBUF_FRAMING_STREAM);
	rb_handle_bind(h, ring, role);
	return 0;
}

/*
 * Bind @h, unless it is bound.  Without @wait it returns -EAGAIN instead of waiting for a
 * lock or a maker; it may still wait for memory.
 */
int rb_bind_stream(struct file *file, struct rb_handle *h, u32 role, bool wait)
{
	struct rb_ring *ring;
	int err = 0;

	if (rb_handle_ring(h))
		return 0;
	/* Not under h->lock, since this may wait for the maker of the file. */
	ring = bind_ring(file, h, wait && !(file->f_flags & O_NONBLOCK));
	if (IS_ERR(ring))
		return PTR_ERR(ring);
	if (wait) {
		mutex_lock(&h->lock);
	} else if (!mutex_trylock(&h->lock)) {
		rb_ring_put(ring);
		return -EAGAIN;
	}
	if (!h->ring)
		err = bind(h, ring, role, wait);
	else
		err = -EEXIST; /* another thread has bound it meanwhile */
	mutex_unlock(&h->lock);
	if (err)
		rb_ring_put(ring);
	return err == -EEXIST ? 0 : err;
}

/*
 * Bind a handle that is open for one of reading and writing.  O_EXCL without O_CREAT keeps it
 * unbound, for use in an ATTACH.
 */
static int bind_one_way(struct file *file, struct rb_handle *h)
{
	bool excl = file->f_flags & O_EXCL && !(file->f_mode & FMODE_CREATED);

	if (excl)
		return 0;
	if (h->rights == FMODE_READ)
		return rb_bind_stream(file, h, RINGBUF_ROLE_READER, true);
	if (h->rights == FMODE_WRITE)
		return rb_bind_stream(file, h, RINGBUF_ROLE_WRITER, true);
	return 0;
}

static int bind_file(struct file *file, struct rb_handle *h)
{
	int err = rb_file_enter(&file->f_path, file->f_mode & FMODE_CREATED ? h : NULL);

	if (err)
		return rb_file_stale(file);
	h->path = file->f_path;
	err = bind_one_way(file, h);
	if (err)
		rb_file_leave(&h->path, h);
	if (err == -ESTALE)
		return rb_file_stale(file);
	/* The error of a FIFO that has no peer. */
	return err == -EAGAIN ? -ENXIO : err;
}

/* Bind @h in its open(2), if its mode says so.  Returns 0 or the error of the open. */
int rb_bind_open(struct file *file, struct rb_handle *h)
{
	return rb_is_file(file) ? bind_file(file, h) : bind_one_way(file, h);
}
