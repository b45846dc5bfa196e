// SPDX-License-Identifier: GPL-2.0
/*
 * Let every allocation and every copy from or to user space fail, one after the other.
 *
 * The test makes, uses and closes a ring again and again.  In round n the kernel injects
 * a fault at the n-th place where it can (Documentation/fault-injection, fail-nth).  The
 * call with the fault must return an errno, and the ring must leave nothing behind; the
 * leak detector of the debug kernel checks that, too.
 */
#include "../harness/harness.h"

#include <poll.h>
#include <sys/epoll.h>

#include "../harness/child.h"
#include "../harness/device.h"
#include "../harness/fault.h"

#define PATH RINGS "/selftest-fail"

/* Descriptors of a ring in use; -1: not opened yet. */
struct life {
	int owner, reader, writer, observer, set;
	struct ringbuf_info info;
	struct maps m;
};

static int opened(void)
{
	int fd = device_open();

	return fd < 0 ? -errno : fd;
}

static int bound(int *fd, uint32_t role, int from)
{
	*fd = opened();
	return *fd < 0 ? *fd : attach_fd(*fd, role, from);
}

static int life_begin(struct life *l)
{
	int err;

	l->owner = file_open(PATH, O_RDWR | O_CREAT | O_EXCL);
	if (l->owner < 0)
		return l->owner;
	err = create_call(l->owner, 0, 5000, 3);
	if (!err)
		err = bound(&l->reader, RINGBUF_ROLE_READER, l->owner);
	if (!err)
		err = bound(&l->writer, RINGBUF_ROLE_WRITER, l->owner);
	if (err)
		return err;
	l->observer = file_attach_as(PATH, RINGBUF_ROLE_OBSERVER, O_RDONLY);
	return l->observer < 0 ? l->observer : 0;
}

static int life_pass(struct life *l)
{
	struct ringbuf_reader_stats readers[2];
	struct epoll_event event = { .events = EPOLLIN };
	struct ringbuf_stats s;
	struct pollfd p = { .fd = l->writer, .events = POLLOUT };
	char message[5000] = "";
	int err;

	l->set = epoll_create1(EPOLL_CLOEXEC);
	if (l->set < 0 || epoll_ctl(l->set, EPOLL_CTL_ADD, l->reader, &event))
		return -errno;
	if (poll(&p, 1, 0) < 0)
		return -errno;
	if (write(l->writer, message, sizeof(message)) < 0)
		return -errno;
	err = wait_call(l->reader, 1, now_ns() + SECOND);
	if (!err)
		err = threshold_call(l->reader, 1, 0, 0);
	if (!err)
		err = stats_call(l->observer, &s, readers, 2);
	if (!err && read(l->reader, message, sizeof(message)) < 0)
		err = -errno;
	return err;
}

static int life_map(struct life *l)
{
	int err = info_get(l->writer, &l->info);

	if (!err)
		err = maps_open(&l->m, l->writer);
	if (err)
		return err;
	claim_by_hand(&l->m, 1, 1);
	*(volatile char *)l->m.data = 1;
	return unlink(PATH) ? -errno : 0;
}

/* Unmap the regions that were mapped before the fault. */
static void maps_end(struct maps *m)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		if (m->map[i] && m->map[i] != MAP_FAILED)
			munmap(m->map[i], m->region[i].bytes);
}

static void life_end(struct life *l)
{
	maps_end(&l->m);
	if (l->set >= 0)
		close(l->set);
	if (l->observer >= 0)
		close(l->observer);
	if (l->writer >= 0)
		close(l->writer);
	if (l->reader >= 0)
		close(l->reader);
	if (l->owner >= 0)
		close(l->owner);
}

static int lead_life(struct life *l)
{
	int err = life_begin(l);

	if (!err)
		err = life_pass(l);
	return err ? err : life_map(l);
}

TEST(failed_allocation_or_copy_is_an_error_and_leaves_nothing)
{
	uint64_t before = bytes_left();
	unsigned int n, failed = 0;
	bool injected = true;
	int nth;

	if (!fault_ready())
		SKIP(return, "this kernel injects no faults");
	nth = fault_open();
	ASSERT_GE(nth, 0);
	for (n = 1; injected; n++) {
		struct life l = { -1, -1, -1, -1, -1, { 0 }, { 0 } };
		int err;

		ASSERT_LT(n, 100000);
		fault_set(nth, n);
		err = lead_life(&l);
		injected = fault_end(nth);
		if (!injected)
			EXPECT_EQ(0, err);
		EXPECT_TRUE(!err || err == -ENOMEM || err == -EFAULT)
		TH_LOG("fault %u: %s", n, strerror(-err));
		failed += !!err;
		life_end(&l);
		/* The quota is whole again: the ring and its name are gone, whatever failed. */
		EXPECT_EQ(before, bytes_left())
		TH_LOG("after fault %u", n);
	}
	TH_LOG("%u places, %u of them an error", n - 2, failed);
	EXPECT_GT(failed, 20);
	close(nth);
}

DEVICE_HARNESS_MAIN
