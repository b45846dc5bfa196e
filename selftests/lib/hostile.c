// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile process scribbles over all words that a writer may write, while victims use the
 * library: each call returns, and each slot that it shows lies in the ring and is no longer than
 * a slot.  RINGBUF_SEED repeats a run, RINGBUF_LONGER=N makes N times as many calls.
 *
 * With the arguments "scribble NAME" the program is that process, for the tests of Python.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/rings.h"
#include "../harness/victims.h"

#include "embedded.h"

#define GAP_BYTES 24 /* each slot is followed by some bytes that no reader may read */
#define BATCH	  8

/* ---- the hostile process --------------------------------------------------------------- */

static void *map_part(int fd, uint64_t bytes, uint64_t offset, int prot)
{
	void *p = mmap(NULL, bytes, prot, MAP_SHARED, fd, (off_t)offset);

	return p == MAP_FAILED ? NULL : p;
}

static void scribble_view(struct scribble *s, const struct rb_view *v, void *data)
{
	s->slots = v->slots;
	s->max_writers = v->max_writers;
	s->writer_stride = v->writer_stride;
	s->head = v->head;
	s->writers = v->writers;
	s->desc = v->desc;
	s->claim = (uint64_t *)v->claim;
	s->stamp = (uint64_t *)v->stamp;
	s->data = data;
}

/* All of the ring is writable.  Only words that readers and writers write are scribbled over. */
static int scribble_embedded(struct scribble *s, int fd)
{
	const struct rb_layout *l;
	struct emb_header *header;
	struct rb_view v;
	struct stat st;
	char *ring;

	CHECK_EQ(0, fstat(fd, &st));
	header = map_part(fd, (uint64_t)st.st_size, 0, PROT_READ | PROT_WRITE);
	CHECK(header);
	l = &header->layout;
	ring = (char *)header + header->ring;
	rb_view_init(&v, l, ring + l->region[RINGBUF_REGION_INFO].offset,
		     ring + l->region[RINGBUF_REGION_HEAD].offset,
		     ring + l->region[RINGBUF_REGION_SLOTS].offset,
		     ring + l->region[RINGBUF_REGION_CURSOR].offset);
	scribble_view(s, &v, ring + l->region[RINGBUF_REGION_DATA].offset);
	for (; s->cursors < SCRIBBLE_CURSORS; s->cursors++)
		s->cursor[s->cursors] = rb_cursor(&v, s->cursors);
	return 0;
}

/* Attach a writer to the ring of @from, and map what it may write. */
static int scribble_module(struct scribble *s, int from)
{
	struct ringbuf_attach a = { .size = sizeof(a), .role = RINGBUF_ROLE_WRITER, .fd = from };
	struct ringbuf_region r[RINGBUF_REGION_DATA + 1];
	struct ringbuf_info info = {
		.size = sizeof(info),
		.regions = (uint64_t)(uintptr_t)r,
		.region_size = sizeof(r[0]),
		.region_count = RINGBUF_REGION_DATA + 1,
	};
	struct rb_view v = { 0 };
	void *map[RINGBUF_REGION_DATA + 1];
	int fd = open(RINGBUF_DEVICE, O_RDWR | O_CLOEXEC), i;

	CHECK_EQ(0, ioctl(fd, RINGBUF_IOC_ATTACH, &a));
	CHECK_EQ(0, ioctl(fd, RINGBUF_IOC_INFO, &info));
	for (i = 0; i <= RINGBUF_REGION_DATA; i++) {
		bool own = i != RINGBUF_REGION_INFO && i != RINGBUF_REGION_CURSOR;

		CHECK_EQ(i, r[i].id);
		map[i] = map_part(fd, r[i].bytes, r[i].offset,
				  own ? PROT_READ | PROT_WRITE : PROT_READ);
		CHECK(map[i]);
	}
	v.info = map[RINGBUF_REGION_INFO];
	v.slots = info.slot_count;
	v.max_writers = info.max_writers;
	v.writer_stride = v.info->writer_stride;
	v.head = map[RINGBUF_REGION_HEAD];
	v.writers = (char *)v.head + v.info->writer_offset;
	v.desc = map[RINGBUF_REGION_SLOTS];
	v.claim = (u64 *)((char *)v.desc + info.claim_offset);
	v.stamp = info.stamp_offset ? (u64 *)((char *)v.desc + info.stamp_offset) : NULL;
	scribble_view(s, &v, map[RINGBUF_REGION_DATA]);
	return 0;
}

static int scribble_ring(struct scribble *s, struct ringbuf *ring, uint64_t seed)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };
	int fd = ringbuf_export(ring);

	CHECK(fd >= 0);
	CHECK_EQ(0, ringbuf_get_geometry(ring, &g));
	memset(s, 0, sizeof(*s));
	s->chance = chance_fork(seed, 0);
	s->slot_bytes = g.slot_bytes;
	s->stride = g.slot_stride;
	return on_module(ring) ? scribble_module(s, fd) : scribble_embedded(s, fd);
}

static _Noreturn void scribble_for_ever(struct scribble *s)
{
	for (;;) {
		scribble_pass(s);
		sched_yield();
	}
}

/* The hostile process of a test in Python, which tells by a line that it has begun. */
static int scribble_main(const char *name)
{
	struct scribble s;
	struct ringbuf *ring;

	CHECK_EQ(0, ringbuf_open(name, RINGBUF_HOST_AUTO, &ring));
	CHECK_EQ(0, scribble_ring(&s, ring, chance_seed()));
	scribble_gaps(&s);
	printf("ready\n");
	fflush(stdout);
	scribble_for_ever(&s);
}

/**
 * struct stage - the ring with its victims
 * @geometry: of the ring
 * @begun: the hostile process scribbles
 * @base: the first slot, where all handles show it at the same place; else NULL
 */
struct stage {
	struct ringbuf *ring;
	struct ringbuf_geometry geometry;
	bool begun;
	const char *base;
	uint64_t seed;
	struct victims victims;
};

/**
 * struct user - what one victim has open
 * @number: of the neighbour: messages written or read
 */
struct user {
	struct stage *stage;
	struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	uint64_t number;
};

/* Maps of the module are not inherited, so the process makes its own. */
static int enemy_run(void *arg)
{
	struct stage *stage = arg;
	struct scribble s;

	CHECK_EQ(0, scribble_ring(&s, stage->ring, stage->seed));
	scribble_gaps(&s);
	FLAG_SET(stage->begun);
	scribble_for_ever(&s);
}

static uint64_t any(struct victim *v, uint64_t n)
{
	return chance_below(&v->chance, n);
}

static int64_t any_timeout(struct victim *v)
{
	return any(v, 4) ? RINGBUF_TRY : (int64_t)any(v, MS);
}

/* ---- what the library shows --------------------------------------------------------------- */

/*
 * Check that @slot is one of the ring's: behind it lies what is behind each slot.  Its index does
 * not always follow from its position, since a hostile peer may bring a writer or a reader to the
 * last position of all, after which it continues at 0.
 */
static int slot_inside(struct user *u, const struct ringbuf_slot *slot)
{
	const struct ringbuf_geometry *g = &u->stage->geometry;
	const char *data = slot->data;
	uint64_t at = (uint64_t)(data - u->stage->base), n;

	CHECK(slot->length <= g->slot_bytes);
	if (u->stage->base)
		CHECK(!(at % g->slot_stride) && at / g->slot_stride < g->slot_count);
	for (n = g->slot_bytes; n < g->slot_stride; n++)
		CHECK_EQ(SCRIBBLE_GAP, (unsigned char)data[n]);
	CHECK(scribble_inside(data, slot->length));
	return 0;
}

static int slots_inside(struct user *u, const struct ringbuf_slot *slots, int n)
{
	int i;

	CHECK(n <= BATCH);
	for (i = 0; i < n; i++)
		CHECK_EQ(0, slot_inside(u, &slots[i]));
	return 0;
}

/* ---- readers -------------------------------------------------------------------------------- */

static int reader_open_any(struct victim *v, struct user *u)
{
	struct ringbuf_policy p = { .size = sizeof(p) };

	p.kind = any(v, 2) ? RINGBUF_LOSSY : RINGBUF_BLOCK;
	ringbuf_reader_attach_policy(u->stage->ring, (enum ringbuf_start)any(v, 3),
				     any(v, 4) ? any(v, 100) : chance_next(&v->chance), &p,
				     &u->reader);
	if (u->reader)
		ringbuf_reader_spin(u->reader, 0);
	return 0;
}

static int reader_peek(struct victim *v, struct user *u)
{
	struct ringbuf_slot slots[BATCH];
	unsigned int max = (unsigned int)any(v, BATCH) + 1;
	int n = ringbuf_reader_peek(u->reader, slots, max, any_timeout(v));

	if (n <= 0)
		return 0;
	CHECK(n <= (int)max);
	CHECK_EQ(0, slots_inside(u, slots, n));
	ringbuf_reader_release(u->reader, (unsigned int)any(v, (uint64_t)n) + 1);
	return 0;
}

static int reader_read(struct victim *v, struct user *u)
{
	const struct ringbuf_geometry *g = &u->stage->geometry;
	unsigned char bytes[8192];
	ssize_t n;

	CHECK(g->slot_bytes < sizeof(bytes));
	n = ringbuf_reader_read(u->reader, bytes, any(v, 2) ? sizeof(bytes) : any(v, sizeof(bytes)),
				any_timeout(v));
	CHECK(n <= (ssize_t)g->slot_bytes);
	CHECK(n < 0 || scribble_inside(bytes, (size_t)n));
	return 0;
}

static int reader_step(struct victim *v)
{
	struct user *u = v->arg;
	struct ringbuf_hole_status hole = { .size = sizeof(hole) };

	if (!u->reader)
		return reader_open_any(v, u);
	switch (any(v, 16)) {
	case 0:
		ringbuf_reader_close(u->reader);
		u->reader = NULL;
		return 0;
	case 1:
		ringbuf_reader_wait(u->reader,
				    (unsigned int)any(v, u->stage->geometry.slot_count) + 1,
				    any_timeout(v));
		return 0;
	case 2:
		ringbuf_reader_hole(u->reader, any(v, 2) ? RINGBUF_LAST_HOLE : any(v, 100), &hole);
		return 0;
	case 3:
	case 4:
	case 5:
	case 6:
		return reader_read(v, u);
	default:
		return reader_peek(v, u);
	}
}

/* ---- writers -------------------------------------------------------------------------------- */

static int writer_reserve(struct victim *v, struct user *u)
{
	struct ringbuf_slot slots[BATCH];
	unsigned int count = (unsigned int)any(v, BATCH) + 1;
	int n = ringbuf_writer_reserve(u->writer, slots, count, any_timeout(v)), i;

	if (n <= 0)
		return 0;
	CHECK_EQ(count, n);
	CHECK_EQ(0, slots_inside(u, slots, n));
	for (i = 0; i < n; i++)
		memset(slots[i].data, 'W', slots[i].length);
	if (any(v, 4))
		ringbuf_writer_commit(u->writer, slots, (unsigned int)any(v, (uint64_t)n) + 1);
	else
		ringbuf_writer_discard(u->writer);
	return 0;
}

static int writer_step(struct victim *v)
{
	struct user *u = v->arg;
	struct ringbuf_blocker blocker = { .size = sizeof(blocker) };
	char bytes[8192];

	if (!u->writer) {
		ringbuf_writer_attach(u->stage->ring, &u->writer);
		return 0;
	}
	switch (any(v, 12)) {
	case 0:
		ringbuf_writer_close(u->writer);
		u->writer = NULL;
		return 0;
	case 1:
		ringbuf_writer_blocker(u->writer, &blocker);
		return 0;
	case 2:
	case 3:
	case 4:
		memset(bytes, 'X', sizeof(bytes));
		ringbuf_writer_write(u->writer, bytes, any(v, u->stage->geometry.slot_bytes + 2),
				     any_timeout(v));
		return 0;
	default:
		return writer_reserve(v, u);
	}
}

/* ---- the ring ----------------------------------------------------------------------------------
 */

static int ring_step(struct victim *v)
{
	struct user *u = v->arg;
	struct ringbuf *ring = u->stage->ring;
	struct ringbuf_status s = { .size = sizeof(s) };
	struct ringbuf_reader_status readers[4];
	struct ringbuf_writer_status writers[4];

	switch (any(v, 6)) {
	case 0:
		CHECK(ringbuf_writers(ring, writers, 4) <= (int)u->stage->geometry.max_writers);
		return 0;
	case 1:
		ringbuf_sync(ring, (uint32_t)any(v, 5), any(v, 100));
		return 0;
	case 2:
		ringbuf_sync(ring, RINGBUF_ALL_READERS, chance_next(&v->chance));
		return 0;
	case 3:
		ringbuf_evict_reader(ring, (uint32_t)any(v, 5));
		return 0;
	default:
		CHECK(ringbuf_stats(ring, &s, readers, 4) <= (int)u->stage->geometry.max_readers);
		return 0;
	}
}

/* ---- the neighbour ------------------------------------------------------------------------------
 */

static int beside_write(struct victim *v)
{
	struct user *u = v->arg;
	int err = put(u->writer, u->number, 100 * MS);

	CHECK(!err || err == -ETIMEDOUT);
	u->number += !err;
	return 0;
}

static int beside_read(struct victim *v)
{
	struct user *u = v->arg;
	int64_t got = get(u->reader, 100 * MS);

	if (got == -ETIMEDOUT)
		return 0;
	CHECK_EQ(u->number, got);
	u->number++;
	return 0;
}

/* ---- the test
 * ------------------------------------------------------------------------------------- */

FIXTURE(hostile)
{
	struct stage *stage;
	struct ringbuf *beside;
};

FIXTURE_VARIANT(hostile)
{
	uint32_t flags;
	uint64_t count;
	uint64_t stride;
};

FIXTURE_VARIANT_ADD(hostile, shared){ .count = 5, .stride = 64 };
FIXTURE_VARIANT_ADD(hostile, exclusive){ .flags = RINGBUF_EXCLUSIVE, .count = 7, .stride = 64 };
FIXTURE_VARIANT_ADD(hostile, one_slot){ .count = 1, .stride = 128 };
FIXTURE_VARIANT_ADD(hostile, pages){ .flags = RINGBUF_TIMESTAMP, .count = 9, .stride = 8192 };
FIXTURE_VARIANT_ADD(hostile, many_slots){ .count = 9000, .stride = 64 };

/* On the embedded host all handles of a ring share its map.  Nothing is hostile yet. */
static const char *base_of(struct ringbuf *ring)
{
	struct ringbuf_writer *writer = writer_new(ring);
	struct ringbuf_slot slot = { 0 };

	if (!writer)
		return NULL;
	ringbuf_writer_reserve(writer, &slot, 1, RINGBUF_TRY);
	ringbuf_writer_discard(writer);
	ringbuf_writer_close(writer);
	return slot.data;
}

FIXTURE_SETUP(hostile)
{
	struct stage *stage = shared_memory(sizeof(*stage));

	ASSERT_NE(NULL, stage);
	self->stage = stage;
	stage->seed = chance_seed();
	stage->geometry.size = sizeof(stage->geometry);
	stage->ring = ring_new(variant->flags, variant->stride - GAP_BYTES, variant->count);
	ASSERT_NE(NULL, stage->ring);
	ASSERT_EQ(0, ringbuf_get_geometry(stage->ring, &stage->geometry));
	ASSERT_EQ(variant->stride, stage->geometry.slot_stride);
	if (!on_module(stage->ring)) {
		stage->base = base_of(stage->ring);
		ASSERT_NE(NULL, stage->base);
	}
	self->beside = ring_new(0, 8, 5);
	ASSERT_NE(NULL, self->beside);
}

FIXTURE_TEARDOWN(hostile)
{
	ringbuf_close(self->stage->ring);
	ringbuf_close(self->beside);
	munmap(self->stage, sizeof(*self->stage));
}

TEST_F_TIMEOUT(hostile, calls_return_and_show_only_slots, 600)
{
	struct stage *stage = self->stage;
	struct victims *all = &stage->victims;
	struct user user[5] = { 0 };
	unsigned int i;
	pid_t enemy;
	int result;

	for (i = 0; i < 5; i++)
		user[i].stage = stage;
	user[0].reader = reader_new(self->beside);
	ASSERT_NE(NULL, user[0].reader);
	user[1].writer = writer_new(self->beside);
	ASSERT_NE(NULL, user[1].writer);
	enemy = child_start(enemy_run, stage);
	UNTIL(FLAG_GET(stage->begun));
	ASSERT_EQ(0, victim_start(all, "neighbour's reader", beside_read, &user[0], 0));
	ASSERT_EQ(0, victim_start(all, "neighbour's writer", beside_write, &user[1], 0));
	ASSERT_EQ(0, victim_start(all, "reader", reader_step, &user[2], stage->seed));
	ASSERT_EQ(0, victim_start(all, "writer", writer_step, &user[3], stage->seed));
	ASSERT_EQ(0, victim_start(all, "ring", ring_step, &user[4], stage->seed));
	result = victims_watch(all, often(16000) * chance_longer(), &user[0].number);
	/* A victim that is stuck cannot be joined; the end of this process ends it. */
	result = result ?: victims_end(all);
	EXPECT_EQ(0, result);
	if (result)
		_exit(1);
	EXPECT_EQ(128 + SIGKILL, child_kill(enemy));
	for (i = 0; i < 5; i++) {
		ringbuf_reader_close(user[i].reader);
		ringbuf_writer_close(user[i].writer);
	}
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "scribble"))
		return scribble_main(argv[2]);
	return harness_main(argc, argv, harness_host_missing());
}
