// SPDX-License-Identifier: GPL-2.0
/* The ioctls, with any values in their structs. */
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <linux/ringbuf.h>

#include "calls.h"

#define STRUCT_ROOM 8192 /* of lane->struct_ */

/*
 * The size that a struct says it has; most programs say the right one, @now.  @first is the
 * first version's.
 */
static uint32_t struct_size(uint64_t choice, size_t now, size_t first)
{
	switch (choice) {
	case 0:
		return (uint32_t)now;
	case 1:
		return (uint32_t)first;
	case 2:
		return (uint32_t)first - 1;
	case 3:
	case 4:
		return (uint32_t)now + 8;
	case 5:
		return STRUCT_ROOM / 2 + 1;
	case 6:
		return 0;
	default:
		return (uint32_t)choice;
	}
}

/*
 * Make the call with the struct @s of @now bytes, whose first word is its size.  With choice 4
 * there is a byte behind it that is not 0.
 */
static void make_call(struct fuzz_lane *lane, int fd, unsigned long request, void *s, size_t now,
		      uint64_t choice)
{
	memset(lane->struct_, 0, STRUCT_ROOM);
	*(uint32_t *)s = struct_size(choice, now, _IOC_SIZE(request));
	memcpy(lane->struct_, s, now);
	if (choice == 4)
		lane->struct_[now] = 1;
	if (!ioctl(fd, request, lane->struct_))
		__atomic_add_fetch(&fuzz_tally->done[_IOC_NR(request)], 1, __ATOMIC_RELAXED);
}

#define CALL(request, s, choice) \
	make_call(lane, lane_fd(lane, arg[0]), (request), &(s), sizeof(s), (choice))

/* A time: an absolute one from now on, "never" for the largest. */
static uint64_t time_from_now(uint64_t ns)
{
	struct timespec t;

	if (ns == RINGBUF_NO_TIMEOUT || !ns)
		return ns;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec + ns;
}

/* Arrays of which the caller may give any address: 0, one that is not mapped, or the buffer. */
static uint64_t array_at(const struct fuzz_lane *lane, uint64_t choice, uint64_t at)
{
	if (!choice)
		return 0;
	return choice == 8 ? 16 : (uint64_t)(uintptr_t)lane->buffer + at;
}

FUZZ_CALL(features)
{
	struct ringbuf_features s = { .flags = (uint32_t)arg[2] };

	CALL(RINGBUF_IOC_FEATURES, s, arg[1]);
}

FUZZ_CALL(create)
{
	struct ringbuf_create s = {
		.flags = (uint32_t)arg[2],
		.slot_bytes = arg[3],
		.slot_count = arg[4],
		.max_readers = (uint32_t)arg[5],
		.max_writers = (uint32_t)arg[6],
		.wait_readers = (uint32_t)arg[7],
		.policy = (uint32_t)arg[8],
		.claim_timeout = arg[9],
		.policy_timeout = arg[10],
		.policy_lag = arg[11],
	};

	CALL(RINGBUF_IOC_CREATE, s, arg[1]);
}

FUZZ_CALL(attach)
{
	struct ringbuf_attach s = {
		.flags = (uint32_t)arg[2],
		.role = (uint32_t)arg[3],
		/* 0 is none, as on a file; n is f(n - 1) */
		.fd = arg[4] ? lane_fd(lane, (arg[4] - 1) % FUZZ_FDS) : -1,
		.start = (uint32_t)arg[5],
		.position = arg[6],
		.policy = (uint32_t)arg[7],
		.claim_timeout = arg[8],
		.policy_timeout = arg[9],
		.policy_lag = arg[10],
	};

	CALL(RINGBUF_IOC_ATTACH, s, arg[1]);
}

FUZZ_CALL(info)
{
	struct ringbuf_info s = {
		.flags = (uint32_t)arg[2],
		.regions = array_at(lane, arg[3], 0),
		.region_size = (uint32_t)arg[4],
		.region_count = (uint32_t)arg[5],
	};

	/* The array ends within the buffer. */
	if ((uint64_t)s.region_size * s.region_count > FUZZ_BUFFER)
		s.region_count = 0;
	CALL(RINGBUF_IOC_INFO, s, arg[1]);
}

FUZZ_CALL(wait)
{
	struct ringbuf_wait s = {
		.flags = (uint32_t)arg[2],
		.timeout = time_from_now(arg[3]),
		.count = (uint32_t)arg[4],
		.after = arg[5],
	};

	CALL(RINGBUF_IOC_WAIT, s, arg[1]);
}

FUZZ_CALL(wake)
{
	struct ringbuf_wake s = { .flags = (uint32_t)arg[2] };

	CALL(RINGBUF_IOC_WAKE, s, arg[1]);
}

FUZZ_CALL(done)
{
	struct ringbuf_done s = { .flags = (uint32_t)arg[2] };

	CALL(RINGBUF_IOC_DONE, s, arg[1]);
}

FUZZ_CALL(sync)
{
	struct ringbuf_sync s = {
		.flags = (uint32_t)arg[2],
		.reader = (uint32_t)arg[3],
		.position = arg[4],
	};

	CALL(RINGBUF_IOC_SYNC, s, arg[1]);
}

FUZZ_CALL(detach)
{
	struct ringbuf_detach s = { .flags = (uint32_t)arg[2] };

	CALL(RINGBUF_IOC_DETACH, s, arg[1]);
}

FUZZ_CALL(evict)
{
	struct ringbuf_evict s = { .flags = (uint32_t)arg[2], .reader = (uint32_t)arg[3] };

	CALL(RINGBUF_IOC_EVICT, s, arg[1]);
}

FUZZ_CALL(stats)
{
	struct ringbuf_stats s = {
		.flags = (uint32_t)arg[2],
		.readers = array_at(lane, arg[3], 0),
		.count = (uint32_t)arg[4],
		.reader_size = (uint32_t)arg[5],
		.writer_table = array_at(lane, arg[6], FUZZ_BUFFER / 2),
		.writer_count = (uint32_t)arg[7],
		.writer_size = (uint32_t)arg[8],
	};

	if ((uint64_t)s.count * s.reader_size > FUZZ_BUFFER / 2)
		s.count = 0;
	if ((uint64_t)s.writer_count * s.writer_size > FUZZ_BUFFER / 2)
		s.writer_count = 0;
	CALL(RINGBUF_IOC_STATS, s, arg[1]);
}

FUZZ_CALL(framing)
{
	struct ringbuf_framing s = { .flags = (uint32_t)arg[2], .framing = (uint32_t)arg[3] };

	CALL(RINGBUF_IOC_FRAMING, s, arg[1]);
}

FUZZ_CALL(threshold)
{
	struct ringbuf_threshold s = {
		.flags = (uint32_t)arg[2],
		.slots = (uint32_t)arg[3],
		.bytes = arg[4],
		.after = arg[5],
	};

	CALL(RINGBUF_IOC_THRESHOLD, s, arg[1]);
}

FUZZ_CALL(room)
{
	struct ringbuf_room s = { .flags = (uint32_t)arg[2] };

	CALL(RINGBUF_IOC_ROOM, s, arg[1]);
}

FUZZ_CALL(hole)
{
	struct ringbuf_hole s = { .flags = (uint32_t)arg[2], .position = arg[3] };

	CALL(RINGBUF_IOC_HOLE, s, arg[1]);
}

FUZZ_CALL(fionread)
{
	int n;

	ioctl(lane_fd(lane, arg[0]), FIONREAD, &n);
}

/* Any command of the magic number, with a struct of zeros of any size. */
FUZZ_CALL(ioctl)
{
	unsigned int direction = (unsigned int)(arg[1] >> 8) & 3, nr = (unsigned int)arg[1] & 0x3f;
	unsigned int bytes = (unsigned int)arg[2] & _IOC_SIZEMASK;

	memset(lane->struct_, 0, STRUCT_ROOM);
	*(uint32_t *)lane->struct_ = bytes;
	ioctl(lane_fd(lane, arg[0]), _IOC(direction, RINGBUF_IOC_MAGIC, nr, bytes), lane->struct_);
}
