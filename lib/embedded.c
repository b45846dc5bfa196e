// SPDX-License-Identifier: LGPL-2.1-or-later
/* The embedded host's control calls, statistics and table of operations. */
#include <string.h>

#include "embedded.h"
#include "engine/ready.h"

static bool row_attached(const struct ringbuf *ring, u32 row)
{
	return ring->header->seat[row].state != EMB_FREE && !rb_row_evicted(&ring->view, row);
}

static int emb_sync(struct ringbuf *ring, u32 reader, u64 position)
{
	const struct rb_view *v = &ring->view;
	int err = emb_lock_reap(ring);
	u32 i;

	if (err)
		return err;
	err = reader == RINGBUF_ALL_READERS ? 0 : -ENOENT;
	for (i = 0; i < rb_rows(v); i++) {
		if ((reader != RINGBUF_ALL_READERS && reader != i) || !row_attached(ring, i))
			continue;
		rb_sync_reader(v, i, &ring->header->seat[i].hold, position);
		err = 0;
	}
	emb_wake_all(ring);
	emb_unlock(ring);
	return err;
}

static void reader_stats(const struct ringbuf *ring, u32 row, u64 head,
			 struct ringbuf_reader_status *to)
{
	const struct ringbuf_cursor *c = rb_cursor(&ring->view, row);
	const struct emb_seat *p = &ring->header->seat[row];

	memset(to, 0, sizeof(*to));
	to->cursor = rb_row_cursor(&ring->view, row);
	to->lag = head > to->cursor ? head - to->cursor : 0;
	to->lost = READ_ONCE(c->lost);
	to->holes = READ_ONCE(c->holes);
	to->waits = p->waits;
	to->id = row;
	to->pid = emb_seat_pid(p);
	to->policy = p->policy.kind;
	to->skipped = rb_row_skipped(&ring->view, row);
	to->skips = p->hold.skips;
}

static void writer_stats(const struct ringbuf *ring, struct ringbuf_status *status)
{
	const struct emb_seat *p = &ring->header->seat[ring->layout.max_readers];
	u32 i;

	status->writer_waits = ring->header->writer_waits;
	for (i = 0; i < ring->layout.max_writers; i++)
		status->writer_waits += p[i].waits;
	status->writers = ring->view.info->writers;
	status->writers_ever = ring->view.info->writers_ever;
	status->ended = status->writers ? RINGBUF_END_NONE : ring->view.info->ended;
	status->repaired = ring->header->repaired;
}

static int emb_stats(struct ringbuf *ring, struct ringbuf_status *status,
		     struct ringbuf_blocker *blocker, struct ringbuf_reader_status *readers,
		     unsigned int count)
{
	const struct rb_view *v = &ring->view;
	unsigned int n = 0;
	int err = emb_lock_reap(ring);
	u32 i;

	if (err)
		return err;
	status->head = rb_head(v);
	writer_stats(ring, status);
	emb_blocker(ring, blocker);
	for (i = 0; i < rb_rows(v); i++) {
		if (!row_attached(ring, i))
			continue;
		status->readers++;
		if (n < count)
			reader_stats(ring, i, status->head, &readers[n++]);
	}
	emb_unlock(ring);
	return (int)n;
}

static int emb_writers(struct ringbuf *ring, struct ringbuf_writer_status *writers,
		       unsigned int count)
{
	const struct emb_seat *p = &ring->header->seat[ring->layout.max_readers];
	unsigned int n = 0;
	int err = emb_lock_reap(ring);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < ring->layout.max_writers && n < count; i++)
		if (p[i].state != EMB_FREE)
			writers[n++] = (struct ringbuf_writer_status){
				.waits = p[i].waits,
				.id = i + 1,
				.pid = emb_seat_pid(&p[i]),
			};
	emb_unlock(ring);
	return (int)n;
}

static int emb_fd(struct lib_handle *h)
{
	(void)h;
	return -EOPNOTSUPP;
}

const struct lib_host lib_embedded_host = {
	.kind = RINGBUF_HOST_EMBEDDED,
	.create = emb_create,
	.open = emb_open,
	.unlink = emb_unlink,
	.destroy = emb_destroy,
	.attach = emb_attach,
	.enter = emb_enter,
	.leave = emb_leave,
	.wait = emb_wait,
	.interrupt = emb_interrupt,
	.wake = emb_wake,
	.peers = emb_peers,
	.ours = emb_seat_is_ours,
	.relieve = emb_relieve,
	.proceed = emb_proceed,
	.done = emb_done,
	.sync = emb_sync,
	.evict = emb_evict,
	.stats = emb_stats,
	.writers = emb_writers,
	.blocker = emb_blocker,
	.hole = emb_hole,
	.fd = emb_fd,
	.export = emb_export,
	.import = emb_import,
};
