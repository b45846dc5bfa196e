// SPDX-License-Identifier: GPL-2.0
/*
 * Leftovers: bytes that have left the ring for a pipe, and may come back.
 *
 * sendfile(2) reads into a pipe of the task's own, and drops what its output did not
 * take.  The kernel releases each buffer of that pipe with the length that is left of it,
 * so a leftover of which some bytes were not taken returns to the list of its handle,
 * and the next call that reads gets it first.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pipe_fs_i.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "internal.h"

/* Free @leftover, which no list and no pipe has. */
void rb_leftover_free(struct rb_leftover *leftover)
{
	while (leftover->count--)
		put_page(leftover->page[leftover->count]);
	kvfree(leftover);
}

/* Allocate a leftover with pages for @length bytes, or for fewer where memory is short. */
struct rb_leftover *rb_leftover_new(size_t length)
{
	unsigned int most = DIV_ROUND_UP(length, PAGE_SIZE);
	struct rb_leftover *leftover;

	leftover = kvzalloc(struct_size(leftover, page, most), RB_GFP_LARGE);
	if (!leftover)
		return NULL;
	while (leftover->count < most) {
		struct page *page = alloc_page(RB_GFP_LARGE);

		if (!page)
			break;
		leftover->page[leftover->count++] = page;
	}
	leftover->length = min(length, leftover->count * PAGE_SIZE);
	if (leftover->count)
		return leftover;
	kvfree(leftover);
	return NULL;
}

/*
 * Put @leftover, whose last user has gone, before all others of @h, or free it if nothing
 * of it is left.
 */
static void leftover_back(struct rb_handle *h, struct rb_leftover *leftover)
{
	if (leftover->rest == leftover->length) {
		rb_leftover_free(leftover);
		return;
	}
	spin_lock(&h->leftover_lock);
	list_add(&leftover->node, &h->leftover);
	spin_unlock(&h->leftover_lock);
}

/* Take the first leftover from the list of @h.  NULL: the list is empty. */
struct rb_leftover *rb_leftover_first(struct rb_handle *h)
{
	struct rb_leftover *leftover;

	if (!rb_has_leftover(h))
		return NULL;
	spin_lock(&h->leftover_lock);
	leftover = list_first_entry_or_null(&h->leftover, struct rb_leftover, node);
	if (leftover)
		list_del(&leftover->node);
	spin_unlock(&h->leftover_lock);
	return leftover;
}

/* Count the bytes that a read of @h gets before those in the ring. */
size_t rb_leftover_bytes(struct rb_handle *h)
{
	struct rb_leftover *leftover;
	size_t bytes = 0;

	spin_lock(&h->leftover_lock);
	list_for_each_entry(leftover, &h->leftover, node)
		bytes += leftover->length - leftover->rest;
	spin_unlock(&h->leftover_lock);
	return bytes;
}

/* Free all leftovers of @list, which no other task can reach. */
void rb_leftovers_free(struct list_head *list)
{
	struct rb_leftover *leftover, *next;

	list_for_each_entry_safe(leftover, next, list, node)
		rb_leftover_free(leftover);
	INIT_LIST_HEAD(list);
}

/*
 * Keep the leftovers of @h, a reader that ends as a member, if @ring is a default ring.
 * The ring keeps them with the position at which the reader stops, for the reader that
 * resumes there (reader_resume()).  They replace those of an earlier reader, whose
 * position is replaced too.
 */
void rb_leftover_leave(struct rb_handle *h, struct rb_ring *ring)
{
	lockdep_assert_held(&ring->lock);
	if (!ring->is_default)
		return;
	rb_leftovers_free(&ring->leftover);
	spin_lock(&h->leftover_lock);
	list_splice_init(&h->leftover, &ring->leftover);
	spin_unlock(&h->leftover_lock);
}

/* Copy leftovers of @h to @to, for read(2).  Return the bytes copied, 0 if there are none. */
ssize_t rb_leftover_read(struct rb_handle *h, struct iov_iter *to)
{
	size_t done = 0, part, got;
	struct rb_leftover *leftover;

	while (iov_iter_count(to) && (leftover = rb_leftover_first(h))) {
		part = min3(leftover->length - leftover->rest,
			    PAGE_SIZE - offset_in_page(leftover->rest), iov_iter_count(to));
		got = copy_page_to_iter(leftover->page[leftover->rest >> PAGE_SHIFT],
					offset_in_page(leftover->rest), part, to);
		leftover->rest += got;
		done += got;
		leftover_back(h, leftover);
		if (got < part)
			return done ? done : -EFAULT;
	}
	return done;
}

/* ---- buffers of a pipe --------------------------------------------------------- */

/* Return how many bytes of @leftover come before @buf. */
static size_t buffer_at(const struct rb_leftover *leftover, const struct pipe_buffer *buf)
{
	unsigned int n = 0;

	while (leftover->page[n] != buf->page)
		n++;
	return n * PAGE_SIZE + buf->offset;
}

/*
 * Give up @buf.  Buffers may be released in any order: the bytes that were not taken are
 * the end of the leftover.
 */
static void direct_release(struct pipe_inode_info *pipe, struct pipe_buffer *buf)
{
	struct rb_leftover *leftover = (struct rb_leftover *)buf->private;
	struct file *file = leftover->file;

	if (buf->len)
		leftover->rest = min(leftover->rest, buffer_at(leftover, buf));
	if (!refcount_dec_and_test(&leftover->buffers))
		return;
	leftover_back(file->private_data, leftover);
	fput(file);
}

/* Refuse to duplicate a buffer: sendfile's pipe belongs to one task, which does not. */
static bool direct_get(struct pipe_inode_info *pipe, struct pipe_buffer *buf)
{
	return false;
}

static const struct pipe_buf_operations direct_ops = {
	.release = direct_release,
	.get = direct_get,
};

static void pipe_push(struct pipe_inode_info *pipe, struct pipe_buffer buf)
{
	pipe->bufs[pipe->head & (pipe->ring_size - 1)] = buf;
	pipe->head++;
}

/* Return for how many bytes @pipe has room. */
size_t rb_pipe_room(const struct pipe_inode_info *pipe)
{
	unsigned int used = pipe_occupancy(pipe->head, pipe->tail);

	return used < pipe->max_usage ? (pipe->max_usage - used) * PAGE_SIZE : 0;
}

/*
 * Put up to @most bytes of @leftover into @pipe, which is sendfile's and empty, and return
 * how many.  @in is the file of the handle that gets back what the pipe does not pass on.
 */
ssize_t rb_leftover_push(struct file *in, struct pipe_inode_info *pipe,
			 struct rb_leftover *leftover, size_t most)
{
	size_t at = leftover->rest, room = rb_pipe_room(pipe) - offset_in_page(at);
	size_t pushed = min3(leftover->length - at, most, room), end = at + pushed;

	leftover->rest = end;
	leftover->file = get_file(in);
	/* Hold one count until all buffers are in the pipe. */
	refcount_set(&leftover->buffers, 1);
	while (at < end) {
		struct pipe_buffer buf = {
			.page = leftover->page[at >> PAGE_SHIFT],
			.offset = offset_in_page(at),
			.len = min_t(size_t, end - at, PAGE_SIZE - offset_in_page(at)),
			.ops = &direct_ops,
			.private = (unsigned long)leftover,
		};

		at += buf.len;
		if (at < end)
			refcount_inc(&leftover->buffers);
		pipe_push(pipe, buf);
	}
	return pushed;
}

/* Give all pages of @leftover to @pipe, which has room for them, and free @leftover. */
void rb_leftover_give(struct pipe_inode_info *pipe, struct rb_leftover *leftover)
{
	size_t at;

	for (at = 0; at < leftover->length; at += PAGE_SIZE) {
		struct pipe_buffer buf = {
			.page = leftover->page[at >> PAGE_SHIFT],
			.len = min_t(size_t, leftover->length - at, PAGE_SIZE),
			.ops = &nosteal_pipe_buf_ops,
		};

		get_page(buf.page);
		pipe_push(pipe, buf);
	}
	rb_leftover_free(leftover);
}
