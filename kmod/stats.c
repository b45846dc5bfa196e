// SPDX-License-Identifier: GPL-2.0
/* RINGBUF_IOC_STATS: counters of the ring, its readers and writers, and the blocker. */
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"

/* The process of @seat in the caller's pid namespace, 0 if it has no number there. */
static s32 seat_pid(const struct rb_ring *ring, const struct rb_seat *seat)
{
	lockdep_assert_held(&ring->lock);
	return seat->handle ? rb_process_pid(&seat->process, task_active_pid_ns(current)) : 0;
}

static u64 row_lag(const struct rb_view *v, u64 head, u32 row)
{
	u64 cursor = rb_row_cursor(v, row);

	return head > cursor ? head - cursor : 0;
}

static void reader_stats(struct rb_ring *ring, u64 head, u32 row, struct ringbuf_reader_stats *r)
{
	const struct ringbuf_cursor *c = rb_cursor(&ring->view, row);
	const struct rb_seat *seat = &ring->rows[row];
	const struct rb_handle *h = seat->handle;

	r->cursor = rb_row_cursor(&ring->view, row);
	r->lag = row_lag(&ring->view, head, row);
	r->lost = READ_ONCE(c->lost);
	r->holes = READ_ONCE(c->holes);
	r->id = row;
	r->pid = seat_pid(ring, seat);
	r->policy = seat->policy.kind;
	r->skipped = rb_row_skipped(&ring->view, row);
	r->policy_timeout = seat->policy.timeout;
	r->policy_lag = seat->policy.lag;
	r->skips = seat->hold.skips;
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
		if (!(rb_row(v, row)->flags & RINGBUF_ROW_ATTACHED))
			continue;
		if (s->count < room)
			reader_stats(ring, s->head, row, &readers[s->count++]);
		s->total++;
	}
}

static void writer_stats(struct rb_ring *ring, u32 id, struct ringbuf_writer_stats *w)
{
	const struct rb_seat *seat = &ring->ids[id - 1];

	w->id = id;
	w->pid = seat_pid(ring, seat);
	if (!seat->handle)
		return;
	spin_lock(&ring->wait_lock);
	w->waits = seat->handle->waits;
	w->wakeups = seat->handle->wakeups;
	spin_unlock(&ring->wait_lock);
}

static void stats_writers(struct rb_ring *ring, struct ringbuf_stats *s,
			  struct ringbuf_writer_stats *writers, u32 room)
{
	u32 id;

	s->writer_count = 0;
	for (id = 1; id <= ring->layout.max_writers && s->writer_count < room; id++)
		if (ring->ids[id - 1].live)
			writer_stats(ring, id, &writers[s->writer_count++]);
}

static void stats_blocker(struct rb_ring *ring, struct ringbuf_stats *s)
{
	struct rb_blocker_report r;

	rb_blocker_report(ring, s->head, task_active_pid_ns(current), &r);
	s->blocker_kind = r.kind;
	s->blocker_id = r.id;
	s->blocker_position = r.position;
	s->blocker_lag = r.lag;
	s->blocker_pid = r.pid;
	s->blocker_since = rb_blocker_caller_ns(r.since);
	memcpy(s->blocker_comm, r.comm, sizeof(s->blocker_comm));
}

static void stats_counters(struct rb_ring *ring, struct ringbuf_stats *s)
{
	spin_lock(&ring->wait_lock);
	s->waits = ring->writer_waits;
	s->wakeups = ring->writer_wakeups;
	s->wake_calls = ring->wake_calls;
	spin_unlock(&ring->wait_lock);
}

/* Kernel copies of the tables that the caller asked for. */
struct stats_tables {
	struct ringbuf_reader_stats *readers;
	struct ringbuf_writer_stats *writers;
	u32 reader_room;
	u32 writer_room;
};

static void stats_fill(struct rb_ring *ring, struct ringbuf_stats *s, const struct stats_tables *t)
{
	const struct ringbuf_info_page *info = ring->view.info;

	mutex_lock(&ring->lock);
	s->head = rb_head(&ring->view);
	s->repaired = ring->repaired;
	s->fenced = ring->fenced;
	stats_counters(ring, s);
	s->writers = info->writers - ring->heirs;
	s->writers_ever = info->writers_ever;
	s->ended = info->writers ? RINGBUF_END_NONE : info->ended;
	s->readers_lacking = rb_readers_lacking(&ring->view);
	stats_readers(ring, s, t->readers, t->reader_room);
	stats_writers(ring, s, t->writers, t->writer_room);
	stats_blocker(ring, s);
	mutex_unlock(&ring->lock);
}

static int stats_put(const struct ringbuf_stats *s, const struct stats_tables *t)
{
	int err;

	err = rb_table_put(s->readers, s->reader_size, t->readers, sizeof(*t->readers), s->count);
	if (err)
		return err;
	return rb_table_put(s->writer_table, s->writer_size, t->writers, sizeof(*t->writers),
			    s->writer_count);
}

static int stats_check(const struct ringbuf_stats *s)
{
	int err = s->flags ? -EINVAL : 0;

	if (!err && s->readers)
		err = rb_table_check(s->reader_size, RINGBUF_READER_STATS_SIZE_VER0);
	if (!err && s->writer_table)
		err = rb_table_check(s->writer_size, RINGBUF_WRITER_STATS_SIZE_VER0);
	return err;
}

static int stats_get(struct rb_ring *ring, struct ringbuf_stats *s)
{
	struct stats_tables t = {
		.reader_room = s->readers ? min(s->count, ring->layout.max_readers) : 0,
		.writer_room = s->writer_table ? min(s->writer_count, ring->layout.max_writers) : 0,
	};
	int err = -ENOMEM;

	t.readers = kvcalloc(max(t.reader_room, 1U), sizeof(*t.readers), RB_GFP_LARGE);
	t.writers = kvcalloc(max(t.writer_room, 1U), sizeof(*t.writers), RB_GFP_LARGE);
	if (t.readers && t.writers) {
		stats_fill(ring, s, &t);
		err = stats_put(s, &t);
	}
	kvfree(t.writers);
	kvfree(t.readers);
	return err;
}

long rb_ioctl_stats(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_stats s;
	int err;

	err = rb_arg_get(&s, sizeof(s), RINGBUF_STATS_SIZE_VER0, arg);
	if (!err)
		err = stats_check(&s);
	if (err)
		return err;
	if (!ring)
		return -EBADFD;
	err = stats_get(ring, &s);
	return err ? err : rb_arg_put(arg, &s, sizeof(s));
}
