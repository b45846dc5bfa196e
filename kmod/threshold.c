// SPDX-License-Identifier: GPL-2.0
/*
 * RINGBUF_IOC_THRESHOLD: how many slots or bytes, or how much time, make a handle worth
 * waking.
 *
 * A wait for bytes waits for the number of slots that they need at least, and again if
 * those turn out to hold fewer bytes.  Slots that poll has announced to a reader stay
 * readable below the threshold (threshold.opened), so that it can read them one by one.
 */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "compat.h"
#include "internal.h"

/* Sum up committed slots from @pos on, until they are @slots or have @bytes. */
struct rb_sum rb_sum_committed(const struct rb_ring *ring, u64 pos, u64 slots, u64 bytes)
{
	const struct rb_view *v = &ring->view;
	u64 i = rb_index(v, pos), n;
	struct rb_sum sum = { 0 };

	for (n = 0; n < v->slots && sum.slots < slots && sum.bytes < bytes; n++) {
		u64 state = smp_load_acquire(&v->desc[i].state); /* (A) */

		rb_relax(n);
		if (!rb_is_hole(state, pos + n)) {
			if (state != rb_state(pos + n, RINGBUF_COMMITTED))
				break;
			sum.bytes +=
				min_t(u64, READ_ONCE(v->desc[i].length), ring->layout.slot_bytes);
			sum.slots++;
		}
		i = rb_index_add(v, i, 1);
	}
	return sum;
}

/* How many slots, at least, the bytes need that @sum lacks of @bytes. */
static u64 threshold_missing(const struct rb_ring *ring, u64 bytes, const struct rb_sum *sum)
{
	if (sum->bytes >= bytes)
		return 0;
	return div64_u64(bytes - sum->bytes - 1, ring->layout.slot_bytes) + 1;
}

/* How many slots a handle must wait for in all, of which @sum are committed: 1 to a lap. */
static u32 threshold_slots(const struct rb_threshold_values *l, const struct rb_ring *ring,
			   const struct rb_sum *sum)
{
	u64 want = l->slots ? l->slots : ring->view.slots;

	if (l->bytes)
		want = min(want, sum->slots + threshold_missing(ring, l->bytes, sum));
	return clamp_t(u64, want, 1, ring->view.slots);
}

/*
 * Whether the time of the threshold is over, so that one slot is enough.  *deadline is when
 * it will be, or RINGBUF_NO_TIMEOUT.  The first call of a wait starts the clock.
 */
static bool threshold_late(struct rb_handle *h, const struct rb_threshold_values *l, u64 *deadline)
{
	u64 now, at;

	*deadline = RINGBUF_NO_TIMEOUT;
	if (!l->after)
		return false;
	now = ktime_get_ns();
	at = READ_ONCE(h->threshold.deadline);
	if (at && at <= now)
		return true;
	if (!at) {
		if (check_add_overflow(now, l->after, &at))
			return false;
		WRITE_ONCE(h->threshold.deadline, at);
	}
	*deadline = at;
	return false;
}

/*
 * Announce all slots that are finished now, not only the number waited for, and compute
 * what to wait for after them.
 */
static void check_announce(struct rb_handle *h, struct rb_ring *ring,
			   const struct rb_threshold_values *l, u64 pos, struct rb_check *check)
{
	struct rb_sum none = { 0 };
	u64 end = max(pos, READ_ONCE(h->threshold.opened));

	end = rb_first_unfinished(&ring->view, end, pos + ring->view.slots);
	WRITE_ONCE(h->threshold.opened, end);
	WRITE_ONCE(h->threshold.deadline, 0);
	check->next = rb_waiter_word(end + threshold_slots(l, ring, &none) - 1, RB_WAIT_POSITION);
}

static void check_ready(struct rb_check *check, const struct rb_ready *ready)
{
	check->waiter = ready->waiter;
	check->ready = !ready->waiter;
	check->evicted = ready->evicted;
}

static void check_threshold(struct rb_handle *h, struct rb_ring *ring,
			    const struct rb_threshold_values *l, bool poll, struct rb_check *check)
{
	u32 row = READ_ONCE(h->last_id);
	u64 pos = rb_row_cursor(&ring->view, row);
	bool open = pos < READ_ONCE(h->threshold.opened);
	struct rb_sum sum = { 0 };
	struct rb_ready ready;
	u32 want = 1;

	if (!open && !threshold_late(h, l, &check->deadline)) {
		if (l->bytes)
			sum = rb_sum_committed(ring, pos, ~0ULL, l->bytes);
		want = threshold_slots(l, ring, &sum);
	}
	rb_reader_ready(&ring->view, row, want, &ready);
	check_ready(check, &ready);
	if (check->ready && !check->evicted && (poll || !open))
		check_announce(h, ring, l, pos, check);
}

/*
 * Read the threshold of @h once for a whole call, so that its steps agree.  A call that
 * reads old values, or a mixture, is notified by threshold_set() after it, because a
 * waiter joins the wait queue before it reads.
 */
void rb_threshold_read(const struct rb_handle *h, struct rb_threshold_values *l)
{
	l->set = smp_load_acquire(&h->threshold.set); /* matches threshold_set() */
	l->slots = READ_ONCE(h->threshold.slots);
	l->bytes = READ_ONCE(h->threshold.bytes);
	l->after = READ_ONCE(h->threshold.after);
}

/*
 * Check whether reader @h is worth waking; @poll: and announce the slots to it.  The caller
 * handles the end of the stream.
 */
void rb_check_reader(struct rb_handle *h, struct rb_ring *ring, const struct rb_threshold_values *l,
		     bool poll, struct rb_check *check)
{
	struct rb_ready ready;

	check->deadline = RINGBUF_NO_TIMEOUT;
	check->next = 0;
	if (l->set) {
		check_threshold(h, ring, l, poll, check);
		return;
	}
	rb_reader_ready(&ring->view, READ_ONCE(h->last_id), 1, &ready);
	check_ready(check, &ready);
}

/* Check whether writer @h is worth waking. */
void rb_check_writer(struct rb_handle *h, struct rb_ring *ring, const struct rb_threshold_values *l,
		     struct rb_check *check)
{
	struct rb_sum none = { 0 };
	struct rb_ready ready;
	u32 want = 1;

	check->deadline = RINGBUF_NO_TIMEOUT;
	check->next = 0;
	check->evicted = false;
	check->want = want;
	if (rb_lacks_readers(ring)) {
		check->waiter = RB_WAITER_NEVER;
		check->ready = false;
		return;
	}
	if (l->set && !threshold_late(h, l, &check->deadline))
		want = threshold_slots(l, ring, &none);
	check->want = want;
	rb_writer_ready(&ring->view, want, &ready);
	check_ready(check, &ready);
	if (check->ready)
		WRITE_ONCE(h->threshold.deadline, 0);
	else
		rb_blocker_look(ring);
}

/* The same, once the readers that hold the writer up for too long have been dealt with. */
void rb_check_writer_held(struct rb_handle *h, struct rb_ring *ring,
			  const struct rb_threshold_values *l, bool *held, struct rb_check *check)
{
	rb_check_writer(h, ring, l, check);
	if (rb_policy_ask(h, ring, check->want, held))
		rb_check_writer(h, ring, l, check);
}

/* Wake the tasks that poll @h at the deadline of @check, to check again. */
void rb_check_timer(struct rb_handle *h, const struct rb_threshold_values *l,
		    const struct rb_check *check)
{
	u64 deadline = check->deadline;

	/* The wait for the slots after those announced begins now. */
	if (check->ready && l->set)
		threshold_late(h, l, &deadline);
	if (deadline <= KTIME_MAX)
		hrtimer_start(&h->threshold.timer, ns_to_ktime(deadline), HRTIMER_MODE_ABS_SOFT);
}

static enum hrtimer_restart threshold_timer(struct hrtimer *timer)
{
	struct rb_handle *h = container_of(timer, struct rb_handle, threshold.timer);

	wake_up_all(&h->wq);
	return HRTIMER_NORESTART;
}

void rb_threshold_init(struct rb_handle *h)
{
	rb_hrtimer_setup(&h->threshold.timer, threshold_timer);
}

static void threshold_set(struct rb_handle *h, struct rb_ring *ring,
			  const struct ringbuf_threshold *t)
{
	struct rb_wake_threshold *l = &h->threshold;

	mutex_lock(&ring->lock);
	WRITE_ONCE(l->slots, t->slots);
	WRITE_ONCE(l->bytes, t->bytes);
	WRITE_ONCE(l->after, t->after);
	WRITE_ONCE(l->opened, 0);
	WRITE_ONCE(l->deadline, 0);
	/* Publish @set last: rb_threshold_read(), which loads it first, sees the fields above. */
	smp_store_release(&l->set, t->slots > 1 || t->bytes);
	rb_notify_handle(ring, h);
	mutex_unlock(&ring->lock);
}

long rb_ioctl_threshold(struct rb_handle *h, void __user *arg)
{
	struct rb_ring *ring = rb_handle_ring(h);
	struct ringbuf_threshold t;
	int err;

	err = rb_arg_get(&t, sizeof(t), RINGBUF_THRESHOLD_SIZE_VER0, arg);
	if (err)
		return err;
	if (t.flags || t.__reserved)
		return -EINVAL;
	if (!ring || (h->role != RINGBUF_ROLE_READER && h->role != RINGBUF_ROLE_WRITER))
		return -EBADFD;
	threshold_set(h, ring, &t);
	return 0;
}
