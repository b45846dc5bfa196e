// SPDX-License-Identifier: GPL-2.0
/* What read(2) and write(2) have in common; see read.c and write.c. */
#include <linux/highmem.h>
#include <linux/sched/signal.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "internal.h"

/* Return the ring of the handle of @iocb, which is @role or is bound as that now. */
struct rb_ring *rb_iocb_ring(struct kiocb *iocb, u32 role)
{
	struct rb_handle *h = iocb->ki_filp->private_data;
	int err = rb_bind_stream(iocb->ki_filp, h, role, rb_iocb_wait(iocb));

	if (err)
		return ERR_PTR(err);
	return h->role == role ? rb_handle_ring(h) : ERR_PTR(-EBADFD);
}

/*
 * Copy between the slot and @iter what can be copied without a page fault.  A fault may wait
 * for another process, and must not do so in a section of rb_copies.  Always copy:
 * copy_page_to_iter() would give the page itself to a pipe.
 */
static size_t slot_copy(const struct rb_ring *ring, u64 at, size_t length, struct iov_iter *iter,
			bool to_slot)
{
	int section = srcu_read_lock(&rb_copies);
	size_t done = 0;

	pagefault_disable();
	while (done < length) {
		/*
		 * Without SPARSEMEM_VMEMMAP this loads page->flags, of which lock_page() changes
		 * other bits.
		 */
		char *page = data_race(kmap_local_page(rb_page(ring, at >> PAGE_SHIFT)));
		size_t offset = offset_in_page(at);
		size_t want = min_t(size_t, length - done, PAGE_SIZE - offset), got;

		if (to_slot)
			got = copy_from_iter(page + offset, want, iter);
		else
			got = copy_to_iter(page + offset, want, iter);
		kunmap_local(page);
		done += got;
		at += got;
		if (got < want)
			break;
		cond_resched();
	}
	pagefault_enable();
	srcu_read_unlock(&rb_copies, section);
	return done;
}

/*
 * Copy @length bytes between the slot at @index, from byte @skip on, and @iter.  Return how
 * many were copied.  A copy to the slot ends at a page that is missing; another one brings
 * such pages in.
 */
size_t rb_slot_copy(const struct rb_ring *ring, u64 index, size_t skip, size_t length,
		    struct iov_iter *iter, bool to_slot)
{
	u64 at = ring->layout.region[RINGBUF_REGION_DATA].offset +
		 index * ring->layout.slot_stride + skip;
	unsigned int tries;
	size_t done = 0;

	for (tries = 0; tries < RB_RW_TRIES; tries++) {
		size_t got = slot_copy(ring, at + done, length - done, iter, to_slot);

		done += got;
		if (done == length || to_slot || fatal_signal_pending(current))
			break;
		if (got)
			tries = 0;
		if (fault_in_iov_iter_writeable(iter, length - done) == length - done)
			break;
	}
	return done;
}
