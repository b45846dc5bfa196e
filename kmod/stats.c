// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_STATS: the ring, its readers, who blocks it. */
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* As the caller sees it; 0: not at all. */
static s32 row_pid(const struct rb_ring *ring, u32 row)
{
	const struct rb_handle *h = ring->rows[row].handle;

	lockdep_assert_held(&ring->lock);
	return h ? pid_nr_ns(h->pid, task_active_pid_ns(current)) : 0;
}

static u64 row_lag(const struct rb_view *v, u64 head, u32 row)
{
	u64 cursor = rb_row_cursor(v, row);

	return head > cursor ? head - cursor : 0;
}

static void reader_stats(struct rb_ring *ring, u64 head, u32 row, struct ringbuf_reader_stats *r)
{
	const struct ringbuf_cursor *c = rb_cursor(&ring->view, row);
	const struct rb_handle *h = ring->rows[row].handle;

	r->cursor = rb_row_cursor(&ring->view, row);
	r->lag = row_lag(&ring->view, head, row);
	r->lost = READ_ONCE(c->lost);
	r->holes = READ_ONCE(c->holes);
	r->id = row;
	r->pid = row_pid(ring, row);
	if (!h)
		return;
	spin_lock(&ring->wait_lock);
	r->waits = h->waits;
	r->wakeups = h->wakeups;
	spin_unlock(&ring->wait_lock);
}

static void stats_readers(struct rb_ring *ring, struct ringbuf_stats *s,
			  struct ringbuf_reader_stats *readers, u32 room)
{
	const struct rb_view *v = &ring->view;
	u32 row;

	s->count = 0;
	s->total = 0;
	for (row = 0; row < rb_rows(v); row++) {
		if (!(v->info->row[row].flags & RINGBUF_ROW_ATTACHED))
			continue;
		if (s->count < room)
			reader_stats(ring, s->head, row, &readers[s->count++]);
		s->total++;
	}
}

static void stats_blocker(const struct rb_ring *ring, struct ringbuf_stats *s)
{
	u32 row;

	rb_gate_min(&ring->view, &row);
	s->blocker_id = RINGBUF_SYNC_ALL;
	s->blocker_lag = 0;
	s->blocker_pid = 0;
	if (row == RB_NO_ROW)
		return;
	s->blocker_id = row;
	s->blocker_lag = row_lag(&ring->view, s->head, row);
	s->blocker_pid = row_pid(ring, row);
}

static void stats_counters(struct rb_ring *ring, struct ringbuf_stats *s)
{
	spin_lock(&ring->wait_lock);
	s->waits = ring->writer_waits;
	s->wakeups = ring->writer_wakeups;
	s->wake_calls = ring->wake_calls;
	spin_unlock(&ring->wait_lock);
}

static void stats_fill(struct rb_ring *ring, struct ringbuf_stats *s,
		       struct ringbuf_reader_stats *readers, u32 room)
{
	const struct ringbuf_info_page *info = ring->view.info;

	mutex_lock(&ring->lock);
	s->head = rb_head(&ring->view);
	s->repaired = ring->repaired;
	stats_counters(ring, s);
	s->writers = info->writers;
	s->writers_ever = info->writers_ever;
	s->ended = info->writers ? RINGBUF_END_NONE : info->ended;
	s->__reserved = 0;
	stats_readers(ring, s, readers, room);
	stats_blocker(ring, s);
	mutex_unlock(&ring->lock);
}

static int stats_get(struct rb_ring *ring, struct ringbuf_stats *s)
{
	u32 room = s->readers ? min(s->count, ring->layout.max_readers) : 0;
	struct ringbuf_reader_stats *readers;
	int err = 0;

	readers = kvcalloc(max(room, 1U), sizeof(*readers), GFP_KERNEL_ACCOUNT);
	if (!readers)
		return -ENOMEM;
	stats_fill(ring, s, readers, room);
	if (copy_to_user(u64_to_user_ptr(s->readers), readers, s->count * sizeof(*readers)))
		err = -EFAULT;
	kvfree(readers);
	return err;
}

long rb_ioctl_stats(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_stats s;
	int err;

	err = rb_arg_get(&s, sizeof(s), arg);
	if (err)
		return err;
	if (s.flags)
		return -EINVAL;
	if (!ring)
		return -EBADFD;
	err = stats_get(ring, &s);
	return err ? err : rb_arg_put(arg, &s, sizeof(s));
}
