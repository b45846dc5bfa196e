// SPDX-License-Identifier: GPL-2.0
/* Show a handle in /proc/PID/fdinfo/FD. */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "internal.h"

static const char *role_name(u32 role)
{
	switch (role) {
	case RINGBUF_ROLE_READER:
		return "reader";
	case RINGBUF_ROLE_WRITER:
		return "writer";
	case RINGBUF_ROLE_OBSERVER:
		return "observer";
	default:
		return "owner";
	}
}

static const char *show_state(const struct rb_handle *h, const struct rb_ring *ring)
{
	if (READ_ONCE(h->detached))
		return " (detached)";
	if (READ_ONCE(h->fenced))
		return " (fenced)";
	if (rb_handle_members(h) && rb_member_evicted(h, ring))
		return " (evicted)";
	if (h->role == RINGBUF_ROLE_READER && rb_handle_members(h) &&
	    rb_row_skipped(&ring->view, READ_ONCE(h->last_id)))
		return " (skipped)";
	return READ_ONCE(h->done) ? " (done)" : "";
}

/* Show the file, also of a handle of /dev/ringbuf that attached by a file's descriptor. */
static void show_file(struct seq_file *m, const struct rb_handle *h)
{
	if (!rb_file_has(h))
		return;
	seq_puts(m, "ringbuf-file:\t");
	seq_path(m, &h->path, "\n\t\\");
	seq_putc(m, '\n');
}

static void show_position(struct seq_file *m, struct rb_handle *h, struct rb_ring *ring)
{
	u64 head = rb_head(&ring->view), cursor;

	seq_printf(m, "ringbuf-head:\t%llu\n", head);
	if (h->role == RINGBUF_ROLE_READER || h->role == RINGBUF_ROLE_WRITER)
		seq_printf(m, "ringbuf-id:\t%u\n", READ_ONCE(h->last_id));
	/* After this reader has ended, another reader may have its row. */
	if (h->role != RINGBUF_ROLE_READER || !rb_handle_members(h) || rb_member_evicted(h, ring))
		return;
	cursor = rb_row_cursor(&ring->view, h->last_id);
	seq_printf(m, "ringbuf-cursor:\t%llu\n", cursor);
	seq_printf(m, "ringbuf-lag:\t%llu\n", head > cursor ? head - cursor : 0);
}

/* Show what keeps writer @h from its next slot, if anything does. */
static void show_blocker(struct seq_file *m, const struct rb_handle *h, struct rb_ring *ring)
{
	struct rb_blocker_report r;
	struct rb_ready ready;

	if (h->role != RINGBUF_ROLE_WRITER || !rb_handle_members(h))
		return;
	/* It is no reader that keeps a gate closed, but those that lack. */
	if (rb_gate_closed(&ring->view))
		return;
	rb_writer_ready(&ring->view, 1, &ready);
	if (ready.count)
		return;
	mutex_lock(&ring->lock);
	rb_blocker_report(ring, rb_head(&ring->view), proc_pid_ns(file_inode(m->file)->i_sb), &r);
	mutex_unlock(&ring->lock);
	if (!r.kind)
		return;
	seq_printf(m, "ringbuf-blocker:\t%s %u\n",
		   r.kind == RINGBUF_BLOCKER_READER ? "reader" : "writer", r.id);
	seq_printf(m, "ringbuf-blocker-pid:\t%d\n", r.pid);
	seq_puts(m, "ringbuf-blocker-comm:\t");
	seq_escape(m, r.comm, "\n\\");
	seq_printf(m, "\nringbuf-blocker-position:\t%llu\n", r.position);
	seq_printf(m, "ringbuf-blocker-lag:\t%llu\n", r.lag);
	seq_printf(m, "ringbuf-blocker-ms:\t%llu\n",
		   div_u64(ktime_get_ns() - r.since, NSEC_PER_MSEC));
}

void rb_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct rb_handle *h = file->private_data;
	struct rb_ring *ring = rb_handle_ring(h);

	if (!ring) {
		seq_puts(m, "ringbuf-role:\tnone\n");
		return;
	}
	seq_printf(m, "ringbuf-role:\t%s%s\n", role_name(h->role), show_state(h, ring));
	show_file(m, h);
	if (READ_ONCE(h->framing) == RINGBUF_FRAMING_STREAM)
		seq_puts(m, "ringbuf-framing:\tstream\n");
	seq_printf(m, "ringbuf-slot-bytes:\t%llu\n", ring->layout.slot_bytes);
	seq_printf(m, "ringbuf-slot-count:\t%llu\n", ring->layout.slot_count);
	seq_printf(m, "ringbuf-flags:\t0x%x\n", ring->layout.flags);
	show_position(m, h, ring);
	show_blocker(m, h, ring);
}
