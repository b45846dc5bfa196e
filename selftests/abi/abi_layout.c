// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, offsets and numbers of the ABI, written out.  The same source is built
 * for 32 and for 64 bits, and both have to agree with this table.
 */
#include <assert.h>

#include "../harness/harness.h"
#include "../harness/device.h"

#define SIZE(type, bytes)	   EXPECT_EQ(bytes, sizeof(struct type))
#define FIELD(type, field, offset) EXPECT_EQ(offset, offsetof(struct type, field))

/* ..._SIZE_VER0 is the first size of a structure: its size today, unless it has grown. */
#define VER0(call, type) \
	static_assert(sizeof(struct ringbuf_##type) == RINGBUF_##call##_SIZE_VER0, #type)
#define GROWN(call, type) \
	static_assert(sizeof(struct ringbuf_##type) > RINGBUF_##call##_SIZE_VER0, #type)

VER0(FEATURES, features);
GROWN(CREATE, create);
GROWN(ATTACH, attach);
GROWN(INFO, info);
VER0(WAIT, wait);
VER0(WAKE, wake);
VER0(DONE, done);
VER0(SYNC, sync);
VER0(DETACH, detach);
GROWN(STATS, stats);
VER0(FRAMING, framing);
VER0(THRESHOLD, threshold);
VER0(EVICT, evict);
VER0(ROOM, room);
VER0(HOLE, hole);
VER0(REGION, region);
GROWN(READER_STATS, reader_stats);
VER0(WRITER_STATS, writer_stats);
VER0(INFO_PAGE, info_page);
GROWN(ROW, row);
VER0(HEAD_PAGE, head_page);
VER0(WRITER_ROW, writer_row);

TEST(features_has_its_layout)
{
	SIZE(ringbuf_features, 32);
	FIELD(ringbuf_features, size, 0);
	FIELD(ringbuf_features, flags, 4);
	FIELD(ringbuf_features, features, 8);
	FIELD(ringbuf_features, abi_version, 16);
	FIELD(ringbuf_features, page_size, 20);
	FIELD(ringbuf_features, max_ring_bytes, 24);
}

TEST(create_has_its_layout)
{
	SIZE(ringbuf_create, 64);
	FIELD(ringbuf_create, size, 0);
	FIELD(ringbuf_create, flags, 4);
	FIELD(ringbuf_create, slot_bytes, 8);
	FIELD(ringbuf_create, slot_count, 16);
	FIELD(ringbuf_create, max_readers, 24);
	FIELD(ringbuf_create, max_writers, 28);
	FIELD(ringbuf_create, wait_readers, 32);
	FIELD(ringbuf_create, policy, 36);
	FIELD(ringbuf_create, claim_timeout, 40);
	FIELD(ringbuf_create, policy_timeout, 48);
	FIELD(ringbuf_create, policy_lag, 56);
}

TEST(attach_has_its_layout)
{
	SIZE(ringbuf_attach, 64);
	FIELD(ringbuf_attach, role, 8);
	FIELD(ringbuf_attach, fd, 12);
	FIELD(ringbuf_attach, position, 16);
	FIELD(ringbuf_attach, start, 24);
	FIELD(ringbuf_attach, id, 28);
	FIELD(ringbuf_attach, policy, 32);
	FIELD(ringbuf_attach, __reserved, 36);
	FIELD(ringbuf_attach, claim_timeout, 40);
	FIELD(ringbuf_attach, policy_timeout, 48);
	FIELD(ringbuf_attach, policy_lag, 56);
}

TEST(info_and_regions_have_their_layout)
{
	SIZE(ringbuf_region, 24);
	FIELD(ringbuf_region, flags, 4);
	FIELD(ringbuf_region, offset, 8);
	FIELD(ringbuf_region, bytes, 16);
	EXPECT_EQ(0, RINGBUF_REGION_INFO);
	EXPECT_EQ(1, RINGBUF_REGION_HEAD);
	EXPECT_EQ(2, RINGBUF_REGION_SLOTS);
	EXPECT_EQ(3, RINGBUF_REGION_CURSOR);
	EXPECT_EQ(4, RINGBUF_REGION_DATA);
	SIZE(ringbuf_info, 136);
	FIELD(ringbuf_info, regions, 8);
	FIELD(ringbuf_info, region_size, 16);
	FIELD(ringbuf_info, region_count, 20);
	FIELD(ringbuf_info, slot_bytes, 24);
	FIELD(ringbuf_info, slot_count, 32);
	FIELD(ringbuf_info, slot_stride, 40);
	FIELD(ringbuf_info, claim_offset, 48);
	FIELD(ringbuf_info, stamp_offset, 56);
	FIELD(ringbuf_info, ring_flags, 64);
	FIELD(ringbuf_info, max_readers, 68);
	FIELD(ringbuf_info, max_writers, 72);
	FIELD(ringbuf_info, role, 76);
	FIELD(ringbuf_info, id, 80);
	FIELD(ringbuf_info, page_size, 84);
	FIELD(ringbuf_info, wait_readers, 88);
	FIELD(ringbuf_info, policy, 92);
	FIELD(ringbuf_info, claim_timeout, 96);
	FIELD(ringbuf_info, policy_timeout, 104);
	FIELD(ringbuf_info, policy_lag, 112);
	FIELD(ringbuf_info, uuid, 120);
}

TEST(structures_of_the_other_calls_have_their_layout)
{
	SIZE(ringbuf_wait, 40);
	FIELD(ringbuf_wait, timeout, 8);
	FIELD(ringbuf_wait, count, 16);
	FIELD(ringbuf_wait, __reserved, 20);
	FIELD(ringbuf_wait, after, 24);
	FIELD(ringbuf_wait, ready, 32);
	SIZE(ringbuf_wake, 8);
	SIZE(ringbuf_done, 8);
	SIZE(ringbuf_detach, 8);
	SIZE(ringbuf_sync, 24);
	FIELD(ringbuf_sync, reader, 8);
	FIELD(ringbuf_sync, __reserved, 12);
	FIELD(ringbuf_sync, position, 16);
	SIZE(ringbuf_framing, 16);
	FIELD(ringbuf_framing, framing, 8);
	FIELD(ringbuf_framing, __reserved, 12);
	SIZE(ringbuf_room, 16);
	FIELD(ringbuf_room, slots, 8);
	SIZE(ringbuf_uring_cmd, 16);
	FIELD(ringbuf_uring_cmd, tag, 8);
	SIZE(ringbuf_threshold, 32);
	FIELD(ringbuf_threshold, slots, 8);
	FIELD(ringbuf_threshold, __reserved, 12);
	FIELD(ringbuf_threshold, bytes, 16);
	FIELD(ringbuf_threshold, after, 24);
}

TEST(stats_have_their_layout)
{
	SIZE(ringbuf_reader_stats, 88);
	FIELD(ringbuf_reader_stats, lag, 8);
	FIELD(ringbuf_reader_stats, lost, 16);
	FIELD(ringbuf_reader_stats, holes, 24);
	FIELD(ringbuf_reader_stats, waits, 32);
	FIELD(ringbuf_reader_stats, wakeups, 40);
	FIELD(ringbuf_reader_stats, id, 48);
	FIELD(ringbuf_reader_stats, pid, 52);
	FIELD(ringbuf_reader_stats, policy, 56);
	FIELD(ringbuf_reader_stats, skipped, 60);
	FIELD(ringbuf_reader_stats, policy_timeout, 64);
	FIELD(ringbuf_reader_stats, policy_lag, 72);
	FIELD(ringbuf_reader_stats, skips, 80);
	SIZE(ringbuf_writer_stats, 24);
	FIELD(ringbuf_writer_stats, wakeups, 8);
	FIELD(ringbuf_writer_stats, id, 16);
	FIELD(ringbuf_writer_stats, pid, 20);
	SIZE(ringbuf_stats, 160);
	FIELD(ringbuf_stats, readers, 8);
	FIELD(ringbuf_stats, count, 16);
	FIELD(ringbuf_stats, reader_size, 20);
	FIELD(ringbuf_stats, writer_table, 24);
	FIELD(ringbuf_stats, writer_count, 32);
	FIELD(ringbuf_stats, writer_size, 36);
	FIELD(ringbuf_stats, head, 40);
	FIELD(ringbuf_stats, repaired, 48);
	FIELD(ringbuf_stats, waits, 56);
	FIELD(ringbuf_stats, wakeups, 64);
	FIELD(ringbuf_stats, wake_calls, 72);
	FIELD(ringbuf_stats, blocker_lag, 80);
	FIELD(ringbuf_stats, blocker_position, 88);
	FIELD(ringbuf_stats, blocker_kind, 96);
	FIELD(ringbuf_stats, blocker_id, 100);
	FIELD(ringbuf_stats, blocker_pid, 104);
	FIELD(ringbuf_stats, total, 108);
	FIELD(ringbuf_stats, writers, 112);
	FIELD(ringbuf_stats, writers_ever, 116);
	FIELD(ringbuf_stats, ended, 120);
	FIELD(ringbuf_stats, readers_lacking, 124);
	FIELD(ringbuf_stats, fenced, 128);
	FIELD(ringbuf_stats, blocker_comm, 136);
	FIELD(ringbuf_stats, blocker_since, 152);
}

TEST(hole)
{
	SIZE(ringbuf_hole, 48);
	FIELD(ringbuf_hole, position, 8);
	FIELD(ringbuf_hole, cause, 16);
	FIELD(ringbuf_hole, code, 20);
	FIELD(ringbuf_hole, writer, 24);
	FIELD(ringbuf_hole, pid, 28);
	FIELD(ringbuf_hole, comm, 32);
}

/* Words that different processes write are in different cache lines. */
TEST(info_page_has_its_layout)
{
	SIZE(ringbuf_row, 32);
	FIELD(ringbuf_row, flags, 8);
	FIELD(ringbuf_row, generation, 12);
	FIELD(ringbuf_row, lag, 16);
	SIZE(ringbuf_info_page, 256);
	FIELD(ringbuf_info_page, abi_version, 8);
	FIELD(ringbuf_info_page, flags, 12);
	FIELD(ringbuf_info_page, slot_bytes, 16);
	FIELD(ringbuf_info_page, slot_count, 24);
	FIELD(ringbuf_info_page, slot_stride, 32);
	FIELD(ringbuf_info_page, max_readers, 40);
	FIELD(ringbuf_info_page, max_writers, 44);
	FIELD(ringbuf_info_page, row_offset, 48);
	FIELD(ringbuf_info_page, row_stride, 52);
	FIELD(ringbuf_info_page, writer_offset, 56);
	FIELD(ringbuf_info_page, writer_stride, 60);
	FIELD(ringbuf_info_page, wake_position, 64);
	FIELD(ringbuf_info_page, wake_cursor, 128);
	FIELD(ringbuf_info_page, generation, 192);
	FIELD(ringbuf_info_page, allowance, 200);
	FIELD(ringbuf_info_page, rows, 208);
	FIELD(ringbuf_info_page, writers, 212);
	FIELD(ringbuf_info_page, writers_ever, 216);
	FIELD(ringbuf_info_page, ended, 220);
	FIELD(ringbuf_info_page, readers_wanted, 224);
	FIELD(ringbuf_info_page, fenced_from, 232);
}

TEST(other_pages_have_their_layout)
{
	SIZE(ringbuf_writer_row, 64);
	FIELD(ringbuf_writer_row, allowance, 0);
	FIELD(ringbuf_writer_row, cpu, 8);
	SIZE(ringbuf_head_page, 64);
	FIELD(ringbuf_head_page, head, 0);
	SIZE(ringbuf_desc, 16);
	FIELD(ringbuf_desc, state, 0);
	FIELD(ringbuf_desc, length, 8);
	FIELD(ringbuf_desc, flags, 12);
	SIZE(ringbuf_cursor, 64);
	FIELD(ringbuf_cursor, cursor, 0);
	FIELD(ringbuf_cursor, lost, 8);
	FIELD(ringbuf_cursor, holes, 16);
	FIELD(ringbuf_cursor, cpu, 24);
}

TEST(numbers_have_their_values)
{
	const struct {
		unsigned long request, number;
	} requests[] = {
		{ RINGBUF_IOC_FEATURES, 0xc020bb00 }, { RINGBUF_IOC_CREATE, 0x4028bb01 },
		{ RINGBUF_IOC_ATTACH, 0xc028bb02 },   { RINGBUF_IOC_INFO, 0xc060bb03 },
		{ RINGBUF_IOC_WAIT, 0xc028bb04 },     { RINGBUF_IOC_WAKE, 0x4008bb05 },
		{ RINGBUF_IOC_DONE, 0x4008bb06 },     { RINGBUF_IOC_SYNC, 0xc018bb07 },
		{ RINGBUF_IOC_DETACH, 0x4008bb08 },   { RINGBUF_IOC_STATS, 0xc080bb0b },
		{ RINGBUF_IOC_FRAMING, 0x4010bb0c },  { RINGBUF_IOC_THRESHOLD, 0x4020bb0d },
		{ RINGBUF_IOC_EVICT, 0x4010bb0e },    { RINGBUF_IOC_ROOM, 0xc010bb0f },
		{ RINGBUF_IOC_HOLE, 0xc030bb10 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		EXPECT_EQ(requests[i].number, requests[i].request);
	EXPECT_EQ(1, RINGBUF_URING_WAIT);
	EXPECT_EQ(2, RINGBUF_URING_CANCEL);
	EXPECT_EQ(2, RINGBUF_ABI_VERSION);
	EXPECT_EQ(0, memcmp(&(uint64_t){ RINGBUF_MAGIC }, "ring0buf", 8));
	EXPECT_EQ(0x72627566, RINGBUF_FS_MAGIC);
	EXPECT_EQ(64, RINGBUF_MAX_BATCH);
	EXPECT_EQ(4096, RINGBUF_MAX_READERS);
	EXPECT_EQ(255, RINGBUF_MAX_WRITERS);
	EXPECT_EQ(0, RINGBUF_CURSOR_OFFSET(0));
	EXPECT_EQ(63 * 64, RINGBUF_CURSOR_OFFSET(63));
	EXPECT_EQ(0, RINGBUF_CURSOR_OFFSET(64));
	/* A claim word has 50 bits of position, 8 of writer and 6 of count. */
	EXPECT_EQ(14, RINGBUF_CLAIM_SHIFT);
	EXPECT_LE(RINGBUF_MAX_WRITERS, (1U << RINGBUF_CLAIM_WRITER_BITS) - 1);
	EXPECT_LE(RINGBUF_MAX_BATCH, 1U << RINGBUF_CLAIM_COUNT_BITS);
}

/* A 32-bit program has to map all regions but the data, even those of the largest ring. */
TEST(control_regions_have_32_bit_offsets)
{
	uint64_t slots = RINGBUF_MAX_SLOTS;
	uint64_t control =
		slots * (sizeof(struct ringbuf_desc) + 8 + 8) + RINGBUF_MAX_READERS * 4096ULL;

	EXPECT_GT(1ULL << 31, control);
}

TEST_HARNESS_MAIN
