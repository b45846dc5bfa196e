// SPDX-License-Identifier: LGPL-2.1-or-later
/* Public functions of writers. */
#include <limits.h>
#include <stdlib.h>

#include "engine/ready.h"
#include "inside.h"
#include "slot.h"

#define RETRY_LIMIT 1000

/* A waiter word for a position that no stream reaches. */
#define NEVER_REACHED rb_waiter_word(~0ULL >> 2, RB_WAIT_POSITION)

struct ringbuf_writer {
	struct lib_handle h;
	struct rb_writer w;
	bool done;
};

/* Enter the handle at its first use in this process. */
static int writer_enter(struct ringbuf_writer *writer)
{
	LIB_NO_CANCEL;
	struct lib_handle *h = &writer->h;
	int err;

	if (h->detached)
		return -EPIPE;
	err = h->host->enter(h);
	if (err)
		return err;
	rb_writer_init(&h->view, &writer->w, h->id);
	h->cpu = &rb_writer_row(&h->view, h->id)->cpu;
	lib_cpu_hint(h);
	h->process = lib_process();
	return 0;
}

static inline int writer_ready(struct ringbuf_writer *writer)
{
	if (likely(writer->h.process == lib_process()))
		return 0;
	return writer_enter(writer);
}

static int writer_attach(struct ringbuf *ring, bool take_over, struct ringbuf_writer **writer)
{
	struct ringbuf_writer *w;
	int err;

	*writer = NULL;
	if (posix_memalign((void **)&w, RINGBUF_LINE, sizeof(*w)))
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->h.take_over = take_over;
	err = lib_handle_init(&w->h, ring, RINGBUF_ROLE_WRITER, RINGBUF_FROM_HEAD, 0);
	if (err)
		free(w);
	else
		*writer = w;
	return err;
}

LIB_PUBLIC int ringbuf_writer_attach(struct ringbuf *ring, struct ringbuf_writer **writer)
{
	LIB_NO_CANCEL;

	return writer_attach(ring, false, writer);
}

LIB_PUBLIC int ringbuf_writer_take_over(struct ringbuf *ring, struct ringbuf_writer **writer)
{
	LIB_NO_CANCEL;

	*writer = NULL;
	if (ring->host->kind != RINGBUF_HOST_MODULE)
		return -EOPNOTSUPP;
	if (!(ring->layout.flags & RINGBUF_EXCLUSIVE) || !ring->layout.claim_timeout)
		return -EINVAL;
	return writer_attach(ring, true, writer);
}

LIB_PUBLIC int ringbuf_writer_export(const struct ringbuf_writer *writer,
				     struct ringbuf_ticket *ticket)
{
	return lib_handle_export(&writer->h, ticket);
}

LIB_PUBLIC int ringbuf_writer_import(struct ringbuf *ring, const struct ringbuf_ticket *ticket,
				     struct ringbuf_writer **writer)
{
	LIB_NO_CANCEL;
	struct ringbuf_writer *w;
	int err;

	*writer = NULL;
	if (posix_memalign((void **)&w, RINGBUF_LINE, sizeof(*w)))
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	err = lib_handle_import(&w->h, ring, RINGBUF_ROLE_WRITER, ticket);
	if (err)
		free(w);
	else
		*writer = w;
	return err;
}

LIB_PUBLIC void ringbuf_writer_close(struct ringbuf_writer *writer)
{
	LIB_NO_CANCEL;

	if (!writer)
		return;
	if (writer->w.count && writer->h.process == lib_process())
		ringbuf_writer_discard(writer);
	lib_handle_close(&writer->h);
	free(writer);
}

LIB_HIDDEN void lib_writer_abandon(struct ringbuf_writer *writer)
{
	if (!writer)
		return;
	/* Bind an unused handle to this process first, or another process could still use it. */
	if (!writer->done)
		writer_ready(writer);
	writer->h.abandoned = true;
	ringbuf_writer_close(writer);
}

LIB_HIDDEN int lib_watch_writer(struct lib_watch *watch, struct ringbuf_writer *writer,
				uint64_t tag)
{
	struct rb_ready ready;

	if (writer->h.process != lib_process())
		return -EOPNOTSUPP;
	if (writer->done)
		return 1;
	rb_writer_ready(&writer->h.view, 1, &ready);
	if (!ready.waiter)
		return 1;
	if (READ_ONCE(writer->h.view.info->policies) &&
	    writer->h.host->relieve(&writer->h, 1) != -EAGAIN)
		return 1;
	return lib_watch_arm(watch, &writer->h, ready.waiter, tag);
}

/* Wait for what a failed rb_reserve() needs.  Returns 0 to retry, or -errno. */
static int writer_block(struct ringbuf_writer *writer, struct lib_block *b, enum rb_reserved why,
			unsigned int count, unsigned int *tries)
{
	u64 waiter = rb_waiter_word(writer->w.blocked,
				    why == RB_BLOCKED_BY_SLOT ? RB_WAIT_POSITION : RB_WAIT_CURSOR);

	if (why == RB_RETRY)
		return ++*tries < RETRY_LIMIT ? 0 : -EPROTO;
	if (why == RB_BLOCKED_BY_READER && READ_ONCE(writer->h.view.info->policies)) {
		int err = writer->h.host->relieve(&writer->h, count);

		if (err != -EAGAIN)
			return err ? err : ++*tries < RETRY_LIMIT ? 0 : -EPROTO;
		/* Only a lag blocks, and the host could not act: no cursor tells when it can. */
		if (rb_reached(&writer->h.view, waiter))
			waiter = NEVER_REACHED;
	}
	*tries = 0;
	return lib_block(&writer->h, b, waiter, count);
}

static LIB_SLOW int writer_reserve_slowly(struct ringbuf_writer *writer, unsigned int count,
					  int64_t timeout_ns, enum rb_reserved got)
{
	struct lib_block b = { .timeout = timeout_ns };
	unsigned int tries = 0;
	int err;

	do {
		err = writer_block(writer, &b, got, count, &tries);
		if (err)
			return err;
		got = rb_reserve(&writer->h.view, &writer->w, count);
	} while (got != RB_RESERVED);
	return 0;
}

/* Check whether the writer may reserve; enter the handle first if this is its first use. */
static LIB_SLOW int writer_begin(struct ringbuf_writer *writer)
{
	int err = writer_ready(writer);

	if (err)
		return err;
	if (writer->done)
		return -EPIPE;
	return writer->w.count ? -EBUSY : 0;
}

static inline int writer_reserve(struct ringbuf_writer *writer, unsigned int count,
				 int64_t timeout_ns)
{
	enum rb_reserved got;
	int err;

	if (unlikely(writer->h.process != lib_process() || writer->done || writer->w.count)) {
		err = writer_begin(writer);
		if (err)
			return err;
	}
	got = rb_reserve(&writer->h.view, &writer->w, count);
	if (likely(got == RB_RESERVED))
		return 0;
	return writer_reserve_slowly(writer, count, timeout_ns, got);
}

/* Wake waiters after a commit.  Returns false if the writer was fenced before the commit. */
static LIB_SLOW bool writer_wake(struct ringbuf_writer *writer)
{
	lib_host_wake(&writer->h);
	return !rb_fenced_before(&writer->h.view, writer->w.pos);
}

static inline int writer_publish(struct ringbuf_writer *writer, unsigned int count)
{
	bool wake, ok;

	ok = rb_publish(&writer->h.view, &writer->w, count, &wake);
	if (unlikely(wake))
		ok &= writer_wake(writer);
	return likely(ok) ? 0 : -ESTALE;
}

/* Set length, flags and time of the reserved slot; its state follows with the commit. */
static inline void slot_describe(const struct ringbuf_writer *writer, size_t length)
{
	const struct rb_view *v = &writer->h.view;

	lib_describe(&v->desc[writer->w.index], (u32)length, 0);
	if (unlikely(v->stamp))
		WRITE_ONCE(v->stamp[writer->w.index], lib_clock(CLOCK_MONOTONIC));
}

static void slots_stamp(const struct rb_view *v, u64 index, unsigned int count)
{
	u64 now = lib_clock(CLOCK_MONOTONIC);

	for (; count; count--, index = rb_index_add(v, index, 1))
		WRITE_ONCE(v->stamp[index], now);
}

static void slots_describe(const struct ringbuf_writer *writer, const struct ringbuf_slot *slots,
			   unsigned int count)
{
	const struct rb_view *v = &writer->h.view;
	u32 run = rb_run(v, writer->w.index, count), k;
	struct ringbuf_desc *d = &v->desc[writer->w.index];

	for (k = 0; k < run; k++)
		lib_describe(&d[k], (u32)slots[k].length, slots[k].flags);
	for (d = v->desc; k < count; k++)
		lib_describe(&d[k - run], (u32)slots[k].length, slots[k].flags);
	if (unlikely(v->stamp))
		slots_stamp(v, writer->w.index, count);
}

/* Prefetch lines, which are in the readers' caches, all of them before the first store. */
static inline void lines_ask(const void *first, size_t bytes)
{
	const char *p = first;
	size_t at;

	for (at = 0; at < bytes; at += RINGBUF_LINE)
		__builtin_prefetch(p + at, 1);
}

/* Fill @slots with @count slots that are contiguous from @index on. */
static inline void slots_offer_run(const struct lib_handle *h, struct ringbuf_slot *slots,
				   u64 index, u64 pos, u32 count)
{
	char *data = lib_slot_data(h, index);
	u32 k;

	lines_ask(&h->view.desc[index], count * sizeof(h->view.desc[0]));
	for (k = 0; k < count; k++, data += h->slot_stride) {
		__builtin_prefetch(data, 1);
		slots[k].data = data;
		slots[k].length = h->slot_bytes;
		slots[k].position = pos + k;
		/* timestamp and lost are adjacent: two stores. */
		memset(&slots[k].timestamp, 0, sizeof(slots[k].timestamp) + sizeof(slots[k].lost));
		slots[k].flags = 0;
	}
}

static inline void slots_offer(const struct ringbuf_writer *writer, struct ringbuf_slot *slots,
			       unsigned int count)
{
	const struct lib_handle *h = &writer->h;
	u64 index = writer->w.index, pos = writer->w.pos;
	u32 run = rb_run(&h->view, index, count);

	slots_offer_run(h, slots, index, pos, run);
	if (unlikely(run < count))
		slots_offer_run(h, slots + run, 0, pos + run, count - run);
}

LIB_PUBLIC LIB_FLAT int ringbuf_writer_reserve(struct ringbuf_writer *writer,
					       struct ringbuf_slot *slots, unsigned int count,
					       int64_t timeout_ns)
{
	const struct lib_handle *h = &writer->h;
	int err;

	if (unlikely(!count || count > RINGBUF_BATCH_MAX || count > h->ring->layout.slot_count))
		return -EINVAL;
	err = writer_reserve(writer, count, timeout_ns);
	if (unlikely(err))
		return err;
	slots_offer(writer, slots, count);
	return (int)count;
}

LIB_PUBLIC LIB_FLAT int ringbuf_writer_commit(struct ringbuf_writer *writer,
					      const struct ringbuf_slot *slots, unsigned int count)
{
	const struct lib_handle *h = &writer->h;
	unsigned int k;

	if (unlikely(!count || count > writer->w.count || h->process != lib_process()))
		return -EINVAL;
	for (k = 0; k < count; k++)
		if (unlikely(slots[k].length > h->slot_bytes))
			return -EMSGSIZE;
	slots_describe(writer, slots, count);
	return writer_publish(writer, count);
}

LIB_PUBLIC int ringbuf_writer_discard(struct ringbuf_writer *writer)
{
	if (!writer->w.count || writer->h.process != lib_process())
		return -EINVAL;
	return writer_publish(writer, 0);
}

LIB_PUBLIC LIB_FLAT int ringbuf_writer_write(struct ringbuf_writer *writer, const void *data,
					     size_t length, int64_t timeout_ns)
{
	int err;

	if (unlikely(length > writer->h.slot_bytes))
		return -EMSGSIZE;
	err = writer_reserve(writer, 1, timeout_ns);
	if (unlikely(err))
		return err;
	lib_copy_in(lib_slot_data(&writer->h, writer->w.index), data, length);
	slot_describe(writer, length);
	return writer_publish(writer, 1);
}

LIB_PUBLIC int ringbuf_writer_writev(struct ringbuf_writer *writer, const struct iovec *iov,
				     int count, int64_t timeout_ns)
{
	size_t length = 0;
	char *to;
	int err, k;

	if (count < 0 || count > IOV_MAX)
		return -EINVAL;
	for (k = 0; k < count; k++)
		if (__builtin_add_overflow(length, iov[k].iov_len, &length))
			return -EMSGSIZE;
	if (length > writer->h.slot_bytes)
		return -EMSGSIZE;
	err = writer_reserve(writer, 1, timeout_ns);
	if (err)
		return err;
	to = lib_slot_data(&writer->h, writer->w.index);
	for (k = 0; k < count; k++) {
		lib_copy_in(to, iov[k].iov_base, iov[k].iov_len);
		to += iov[k].iov_len;
	}
	slot_describe(writer, length);
	return writer_publish(writer, 1);
}

LIB_PUBLIC int ringbuf_writer_done(struct ringbuf_writer *writer)
{
	LIB_NO_CANCEL;
	int err = writer_ready(writer);

	if (err)
		return err;
	if (writer->done)
		return -EPIPE;
	if (writer->w.count)
		ringbuf_writer_discard(writer);
	err = writer->h.host->done(&writer->h);
	/* After another error the host has ended nothing, and the caller may repeat the call. */
	writer->done = !err || err == -EPIPE || err == -EBADFD || err == -ESTALE;
	return err;
}

LIB_HIDDEN struct ringbuf *lib_writer_ring(struct ringbuf_writer *writer)
{
	return lib_ring_get(writer->h.ring);
}

LIB_PUBLIC int ringbuf_writer_blocker(struct ringbuf_writer *writer,
				      struct ringbuf_blocker *blocker)
{
	LIB_NO_CANCEL;

	return lib_blocker(writer->h.ring, blocker);
}

LIB_PUBLIC uint64_t ringbuf_writer_position(const struct ringbuf_writer *writer)
{
	return writer->w.pos;
}

LIB_PUBLIC uint32_t ringbuf_writer_id(const struct ringbuf_writer *writer)
{
	return writer->h.id;
}

LIB_PUBLIC int ringbuf_writer_fd(struct ringbuf_writer *writer)
{
	return writer->h.host->fd(&writer->h);
}

LIB_PUBLIC void ringbuf_writer_interruptible(struct ringbuf_writer *writer, int on)
{
	lib_interruptible(&writer->h, on);
}

LIB_PUBLIC void ringbuf_writer_interrupt(struct ringbuf_writer *writer)
{
	lib_interrupt(&writer->h);
}

LIB_PUBLIC void ringbuf_writer_spin(struct ringbuf_writer *writer, int64_t ns)
{
	writer->h.spin.fixed_ns = ns;
}
