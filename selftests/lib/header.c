// SPDX-License-Identifier: GPL-2.0
/*
 * Another program may put any bytes into the file of a named ring.  The library must refuse
 * the file, or use it without an access outside of its memory.
 */
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

#include "embedded.h"

/* A child that takes longer than so many seconds hangs, and is ended by SIGALRM. */
#define HANGS 120

/**
 * struct victim - the file of a ring, and its original bytes
 * @name: name of the ring, which is kept
 * @path: path of the file
 * @spare: second link of the file, in case the library removes the first one
 * @file: map of the file
 * @image: copy of the original bytes
 * @bytes: size of the file
 * @control: number of bytes before the data
 * @round: current round, which the parent prints if the child dies
 */
struct victim {
	char name[64];
	char path[128];
	char spare[128];
	char *file;
	char *image;
	size_t bytes;
	size_t control;
	uint64_t round;
};

FIXTURE(header)
{
	struct victim *v;
};

FIXTURE_SETUP(header)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 4);
	struct victim *v = shared_memory(sizeof(*v));
	const struct emb_header *h;
	struct ringbuf *ring;
	struct stat st;
	int fd;

	self->v = v;
	snprintf(v->name, sizeof(v->name), "%s", name_of("header"));
	snprintf(v->path, sizeof(v->path), "/dev/shm/ringbuf.%s", v->name);
	snprintf(v->spare, sizeof(v->spare), "/dev/shm/%s", v->name);
	config.host = RINGBUF_HOST_EMBEDDED;
	config.flags = RINGBUF_KEPT;
	config.max_readers = 2;
	config.max_writers = 2;
	config.name = v->name;
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	ringbuf_close(ring);
	ASSERT_EQ(0, link(v->path, v->spare));
	fd = open(v->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, fstat(fd, &st));
	v->bytes = (size_t)st.st_size;
	v->file = mmap(NULL, v->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	v->image = malloc(v->bytes);
	ASSERT_TRUE(v->file != MAP_FAILED && v->image);
	memcpy(v->image, v->file, v->bytes);
	h = (void *)v->image;
	v->control = h->ring + h->layout.region[RINGBUF_REGION_DATA].offset;
	close(fd);
}

FIXTURE_TEARDOWN(header)
{
	unlink(self->v->path);
	unlink(self->v->spare);
	munmap(self->v->file, self->v->bytes);
	free(self->v->image);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 33;
}

/* Return a number at the edge of what a field can hold, or any other. */
static uint64_t odd_number(uint64_t *state)
{
	static const uint64_t odd[] = { 0,	    1,		2,	    3,		~0ULL,
					1ULL << 31, 1ULL << 32, 1ULL << 40, 1ULL << 63, ~0ULL >> 1,
					255,	    4096,	65536,	    0xffffffff };
	uint64_t pick = next_random(state) % (ARRAY_SIZE(odd) + 4);

	return pick < ARRAY_SIZE(odd) ? odd[pick] : next_random(state) << 32 ^ next_random(state);
}

/* Make the calls that a program makes on a ring, without waiting. */
static void use(struct ringbuf *ring)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf_reader_status row[4];
	struct ringbuf_reader *reader = reader_new(ring);
	struct ringbuf_writer *writer = writer_new(ring);
	unsigned int n;
	char byte;

	ringbuf_stats(ring, &status, row, ARRAY_SIZE(row));
	for (n = 0; writer && n < 6; n++)
		put(writer, n, RINGBUF_TRY);
	ringbuf_sync(ring, RINGBUF_ALL_READERS, 3);
	for (n = 0; reader && n < 3; n++)
		get(reader, RINGBUF_TRY);
	if (reader)
		ringbuf_reader_read(reader, &byte, 1, RINGBUF_TRY);
	ringbuf_evict_reader(ring, status.blocker_id);
	ringbuf_stats(ring, &status, row, ARRAY_SIZE(row));
	if (writer)
		ringbuf_writer_done(writer);
	ringbuf_reader_close(reader);
	ringbuf_writer_close(writer);
}

/* Restore the bytes of the file, and its name, which the library may have removed. */
static void restore(const struct victim *v)
{
	link(v->spare, v->path);
	memcpy(v->file, v->image, v->bytes);
}

static int open_and_use(const struct victim *v)
{
	struct ringbuf *ring;
	int err = ringbuf_open(v->name, RINGBUF_HOST_EMBEDDED, &ring);

	if (err)
		return err;
	use(ring);
	ringbuf_close(ring);
	return 0;
}

/* Return whether byte @at defines the layout, so that another value can be correct, too. */
static bool defines_layout(size_t at)
{
	/* Readers may have any policy that is one. */
	if (at >= offsetof(struct emb_header, layout.policy) &&
	    at < offsetof(struct emb_header, layout.claim_offset))
		return true;
	return at >= offsetof(struct emb_header, layout) &&
	       at < offsetof(struct emb_header, layout.pad) &&
	       at != offsetof(struct emb_header, layout.page_size) &&
	       (at < offsetof(struct emb_header, layout.slot_stride) ||
		at >= offsetof(struct emb_header, layout.flags));
}

/* Open the file with each word of its description set to each of some values. */
static int patches_the_description(void *arg)
{
	static const uint32_t values[] = { 0, 1, 2, 0xffffffff, 0x80000000, 63, 4095, 4096, 8192 };
	struct victim *v = arg;
	uint32_t *word;
	unsigned int i;
	size_t at;
	int err;

	alarm(HANGS);
	for (at = 0; at < offsetof(struct emb_header, dirty); at += sizeof(*word)) {
		word = (uint32_t *)(v->file + at);
		for (i = 0; i < ARRAY_SIZE(values); i++) {
			v->round = at;
			restore(v);
			if (*word == values[i])
				continue;
			*word = values[i];
			err = open_and_use(v);
			if (defines_layout(at) && (!err || err == -ENOENT))
				continue;
			CHECK_EQ(-EPROTO, err);
		}
	}
	restore(v);
	CHECK_EQ(0, open_and_use(v));
	return 0;
}

TEST_F(header, every_word_that_describes_the_file_is_compared)
{
	EXPECT_EQ(0, child_run(patches_the_description, self->v))
	TH_LOG("byte %lu", self->v->round);
}

/* The file is shorter or longer than its header says. */
TEST_F(header, size_of_the_file_is_compared)
{
	const off_t sizes[] = { 0,
				1,
				64,
				sizeof(struct emb_header) - 1,
				sizeof(struct emb_header),
				(off_t)self->v->bytes - 1,
				(off_t)self->v->bytes + 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, truncate(self->v->path, sizes[i]));
		EXPECT_EQ(-EPROTO, open_and_use(self->v));
	}
}

static void mutate(struct victim *v, uint64_t *state)
{
	size_t limit = next_random(state) & 1 ? sizeof(struct emb_header) + 256 : v->control;
	unsigned int words = 1 + next_random(state) % 4;
	uint64_t value;
	size_t at;

	restore(v);
	while (words--) {
		at = next_random(state) % (limit / 4) * 4;
		value = odd_number(state);
		memcpy(v->file + at, &value, next_random(state) & 1 ? 4 : 8);
	}
}

static int opens_mutants(void *arg)
{
	struct victim *v = arg;
	uint64_t state = 1, round;
	unsigned int opened = 0;
	int err;

	alarm(HANGS);
	for (round = 0; round < often(20000); round++) {
		v->round = round;
		mutate(v, &state);
		err = open_and_use(v);
		CHECK(err == 0 || err == -EPROTO || err == -ENOENT);
		opened += !err;
	}
	/* Enough files have a good header, so that the engine reads their bad words. */
	CHECK(opened > round / 10);
	return 0;
}

TEST_F(header, no_bytes_of_a_file_crash_or_hang_a_program_that_opens_it)
{
	EXPECT_EQ(0, child_run(opens_mutants, self->v))
	TH_LOG("round %lu", self->v->round);
}

LIB_HARNESS_MAIN
