// SPDX-License-Identifier: GPL-2.0
/* Rings: their memory and their references. */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uuid.h>
#include <linux/vmalloc.h>

#include "internal.h"

/* Keeps page offsets of all identities of a handle within 52 bits. */
#define RB_MOST_PAGES (BITS_PER_LONG == 64 ? 1ULL << 40 : 1ULL << 20)

static void ring_free_pages(struct rb_ring *ring)
{
	unsigned long i;

	/* A page that is pinned for I/O is freed when the I/O has ended. */
	for (i = 0; i < ring->nr_pages; i++) {
		put_page(ring->pages[i]);
		cond_resched();
	}
	kvfree(ring->pages);
}

/* Allocate all pages.  On failure ring_free_pages() frees those that were allocated. */
static int ring_alloc_pages(struct rb_ring *ring)
{
	u64 count = ring->layout.bytes >> PAGE_SHIFT;

	if (count > RB_MOST_PAGES)
		return -ENOMEM;
	ring->pages = kvmalloc_array(count, sizeof(*ring->pages), RB_GFP_LARGE);
	if (!ring->pages)
		return -ENOMEM;
	for (; ring->nr_pages < count; ring->nr_pages++) {
		struct page *page = alloc_page(RB_GFP_LARGE | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		ring->pages[ring->nr_pages] = page;
		if (fatal_signal_pending(current)) {
			ring->nr_pages++;
			return -EINTR;
		}
		cond_resched();
	}
	return 0;
}

/*
 * Map the control regions into the kernel, one after the other as in the layout:
 *
 *	ring->control  | info | head | slots | cursor pages |
 *	handle offset  0                                    data ...
 *
 * The data region is not mapped; it is accessed page by page.
 */
static int ring_map_control(struct rb_ring *ring)
{
	const struct rb_span *region = ring->layout.region;
	char *base;

	base = vmap(ring->pages, region[RINGBUF_REGION_DATA].offset >> PAGE_SHIFT, VM_MAP,
		    PAGE_KERNEL);
	if (!base)
		return -ENOMEM;
	ring->control = base;
	rb_view_init(&ring->view, &ring->layout, base + region[RINGBUF_REGION_INFO].offset,
		     base + region[RINGBUF_REGION_HEAD].offset,
		     base + region[RINGBUF_REGION_SLOTS].offset,
		     base + region[RINGBUF_REGION_CURSOR].offset);
	rb_host_init(&ring->view, ring->layout.slot_bytes, ring->layout.slot_stride);
	rb_gate_close(&ring->view, ring->layout.wait_readers);
	return 0;
}

static int ring_alloc_seats(struct rb_ring *ring)
{
	ring->rows = kvcalloc(ring->layout.max_readers, sizeof(*ring->rows), RB_GFP_LARGE);
	ring->ids = kvcalloc(ring->layout.max_writers, sizeof(*ring->ids), RB_GFP_LARGE);
	return ring->rows && ring->ids ? rb_holes_alloc(ring) : -ENOMEM;
}

static void seats_free(struct rb_seat *seats, u32 count)
{
	u32 i;

	for (i = 0; seats && i < count; i++)
		rb_process_clear(&seats[i].process);
	kvfree(seats);
}

static void ring_put_work(struct work_struct *work)
{
	rb_ring_put(container_of(work, struct rb_ring, put));
}

static void ring_init(struct rb_ring *ring, const struct rb_layout *layout)
{
	kref_init(&ring->refs);
	ring->layout = *layout;
	generate_random_uuid(ring->layout.uuid);
	/* An exclusive writer is fenced for its successor, not by the timer. */
	if (!(layout->flags & RINGBUF_CREATE_EXCLUSIVE))
		ring->claim_timeout = layout->claim_timeout;
	ring->policy_timeout = U64_MAX;
	ring->written = ktime_get_coarse_real_ns();
	mutex_init(&ring->lock);
	INIT_LIST_HEAD(&ring->handles);
	spin_lock_init(&ring->wait_lock);
	INIT_LIST_HEAD(&ring->armed);
	INIT_LIST_HEAD(&ring->leftover);
	INIT_WORK(&ring->put, ring_put_work);
	rb_recheck_start(ring);
}

static void ring_destroy(struct rb_ring *ring)
{
	rb_leftovers_free(&ring->leftover);
	rb_holes_free(ring);
	seats_free(ring->ids, ring->layout.max_writers);
	seats_free(ring->rows, ring->layout.max_readers);
	if (ring->control)
		vunmap(ring->control);
	if (ring->pages)
		ring_free_pages(ring);
	rb_user_uncharge(ring->user, ring->layout.bytes);
	if (ring->instance)
		rb_instance_uncharge(ring->instance, ring->layout.bytes);
	kfree(ring);
}

/* Charge the ring to @payer, and to @instance if it is not NULL: to both, or to none. */
static int ring_charge(struct rb_ring *ring, kuid_t payer, struct rb_instance *instance)
{
	u64 bytes = ring->layout.bytes;
	int err = instance ? rb_instance_charge(instance, bytes) : 0;

	if (err)
		return err;
	ring->instance = instance;
	ring->user = rb_user_charge(payer, bytes);
	if (!IS_ERR(ring->user))
		return 0;
	if (instance)
		rb_instance_uncharge(instance, bytes);
	return PTR_ERR(ring->user);
}

/*
 * Make a ring with @layout, charged to the user @payer and to @instance, which may be NULL.
 * Returns it with one reference, or an error pointer.
 */
struct rb_ring *rb_ring_create(const struct rb_layout *layout, kuid_t payer,
			       struct rb_instance *instance)
{
	struct rb_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	int err;

	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring_init(ring, layout);
	err = ring_charge(ring, payer, instance);
	if (err) {
		kfree(ring);
		return ERR_PTR(err);
	}
	err = ring_alloc_pages(ring);
	if (!err)
		err = ring_map_control(ring);
	if (!err)
		err = ring_alloc_seats(ring);
	if (err) {
		ring_destroy(ring);
		return ERR_PTR(err);
	}
	return ring;
}

static void ring_release(struct kref *refs)
{
	struct rb_ring *ring = container_of(refs, struct rb_ring, refs);

	if (ring->is_default)
		rb_default_forget(ring);
	rb_recheck_stop(ring);
	ring_destroy(ring);
}

/* Drops references that rb_ring_put_later() takes over. */
static struct workqueue_struct *ring_puts;

int __init rb_ring_init(void)
{
	ring_puts = alloc_workqueue("ringbuf_puts", WQ_UNBOUND, 0);
	return ring_puts ? 0 : -ENOMEM;
}

void rb_ring_exit(void)
{
	destroy_workqueue(ring_puts);
}

/*
 * Drop a reference from another task, for a caller with locks that it must not hold while
 * the pages are freed.  Once in the life of a ring.
 */
void rb_ring_put_later(struct rb_ring *ring)
{
	queue_work(ring_puts, &ring->put);
}

/* Drop a reference; the last one frees the ring.  May sleep. */
void rb_ring_put(struct rb_ring *ring)
{
	kref_put(&ring->refs, ring_release);
}

/*
 * Record a coarse time of day if the head has moved since the last call, for stat(2) of a
 * file.
 */
void rb_ring_note(struct rb_ring *ring)
{
	u64 head;

	if (!ring->instance)
		return;
	head = rb_head_nearby(&ring->view);
	if (READ_ONCE(ring->noted) == head)
		return;
	WRITE_ONCE(ring->noted, head);
	WRITE_ONCE(ring->written, ktime_get_coarse_real_ns());
}

/* When a write was last seen, in ns since the epoch; at first when the ring was made. */
u64 rb_ring_written(struct rb_ring *ring)
{
	rb_ring_note(ring);
	return READ_ONCE(ring->written);
}
