// SPDX-License-Identifier: GPL-2.0
/*
 * What only the inside of the embedded host shows: words as a process left them
 * that was killed while it held the slow-path lock, or that another version wrote.
 */
#include <pthread.h>
#include <sys/stat.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

#include "embedded.h"

FIXTURE(inside)
{
	struct ringbuf *ring;
	struct emb_header *header;
	struct ringbuf_info_page *info;
	uint64_t bytes;
};

FIXTURE_SETUP(inside)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 10);
	struct stat st;
	int fd;

	config.host = RINGBUF_HOST_EMBEDDED;
	ASSERT_EQ(0, ringbuf_create(&config, &self->ring));
	fd = ringbuf_export(self->ring);
	ASSERT_EQ(0, fstat(fd, &st));
	self->bytes = (uint64_t)st.st_size;
	self->header = mmap(NULL, self->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, self->header);
	self->info = (void *)((char *)self->header + self->header->ring);
	ASSERT_EQ(RINGBUF_MAGIC, self->info->magic);
}

FIXTURE_TEARDOWN(inside)
{
	munmap(self->header, self->bytes);
	ringbuf_close(self->ring);
}

/* In rb_attach_writer(), before there was a writer. */
TEST_F(inside, killed_while_attaching)
{
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_writer *writer = writer_new(self->ring);

	ASSERT_TRUE(reader && writer);
	ASSERT_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->ring).ended);
	self->info->ended = RINGBUF_END_NONE;
	self->header->dirty = 1;
	/* What readers and the statistics say is the same. */
	EXPECT_EQ(-ENODATA, get(reader, RINGBUF_TRY));
	EXPECT_EQ(RINGBUF_STREAM_DIED, status_of(self->ring).ended);
	ringbuf_reader_close(reader);
}

/* In rb_end_writer(), before its place was free. */
TEST_F(inside, killed_while_ending)
{
	struct ringbuf_writer *writer = writer_new(self->ring);

	ASSERT_NE(NULL, writer);
	ASSERT_EQ(0, put(writer, 1, RINGBUF_TRY));
	self->info->ended = RINGBUF_END_DONE;
	self->info->writers = 0;
	self->header->dirty = 1;
	EXPECT_EQ(1, status_of(self->ring).writers);
	EXPECT_EQ(RINGBUF_STREAM_OPEN, status_of(self->ring).ended);
	ASSERT_EQ(0, put(writer, 2, RINGBUF_TRY));
	ringbuf_writer_close(writer);
	EXPECT_EQ(0, status_of(self->ring).writers);
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->ring).ended);
}

/* Between a place and the bit that says whether its row is taken. */
TEST_F(inside, killed_before_a_row_was_counted)
{
	struct ringbuf_reader *first = reader_new(self->ring), *second;

	ASSERT_NE(NULL, first);
	self->header->taken[0] = 0;
	self->header->dirty = 1;
	second = reader_new(self->ring);
	ASSERT_NE(NULL, second);
	EXPECT_NE(ringbuf_reader_id(first), ringbuf_reader_id(second));
	ringbuf_reader_close(second);
	self->header->taken[0] = ~0ULL;
	self->header->dirty = 1;
	second = reader_new(self->ring);
	ASSERT_NE(NULL, second);
	EXPECT_EQ(2, status_of(self->ring).readers);
	ringbuf_reader_close(second);
	ringbuf_reader_close(first);
}

static int import(const struct ringbuf *ring)
{
	int fd = fcntl(ringbuf_export((struct ringbuf *)ring), F_DUPFD_CLOEXEC, 0), err;
	struct ringbuf *again;

	err = ringbuf_import(fd, NULL, &again);
	if (err)
		close(fd);
	else
		ringbuf_close(again);
	return err;
}

TEST_F(inside, another_version)
{
	ASSERT_EQ(0, import(self->ring));
	self->info->abi_version++;
	EXPECT_EQ(-EPROTO, import(self->ring));
	self->info->abi_version--;
	self->header->magic++;
	EXPECT_EQ(-EPROTO, import(self->ring));
	self->header->magic--;
	EXPECT_EQ(0, import(self->ring));
}

/* Whether a core dump leaves out the map of the ring's file that the library has made. */
static bool left_out_of_core(const struct ringbuf *ring)
{
	struct stat st;
	unsigned long ino, end;
	bool at = false, out = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	char line[512];

	if (!f || fstat(ringbuf_export((struct ringbuf *)ring), &st))
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x-%lx %*4s %*x %*x:%*x %lu", &end, &ino) == 2)
			at = ino == (unsigned long)st.st_ino;
		else if (at && !strncmp(line, "VmFlags:", 8) && strstr(line, " dd"))
			out = true;
	}
	fclose(f);
	return out;
}

TEST(core_dumps_leave_a_ring_out_unless_asked_for_it)
{
	struct ringbuf_config config = RINGBUF_CONFIG_INIT(64, 10);
	struct ringbuf *ring;

	config.host = RINGBUF_HOST_EMBEDDED;
	ASSERT_EQ(0, unsetenv("RINGBUF_CORE"));
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	EXPECT_TRUE(left_out_of_core(ring));
	ringbuf_close(ring);
	ASSERT_EQ(0, setenv("RINGBUF_CORE", "1", 1));
	ASSERT_EQ(0, ringbuf_create(&config, &ring));
	EXPECT_FALSE(left_out_of_core(ring));
	ringbuf_close(ring);
}

struct sleeper {
	struct ringbuf_reader *reader;
	pid_t tid;
};

static void *sleeps(void *arg)
{
	struct sleeper *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_SEQ_CST);
	get(s->reader, RINGBUF_FOREVER);
	return NULL;
}

TEST_F(inside, cancelled_waiter_is_disarmed)
{
	struct sleeper s = { .reader = reader_new(self->ring) };
	const struct emb_place *p = self->header->place;
	pthread_t thread;
	void *end;

	ASSERT_NE(NULL, s.reader);
	p += ringbuf_reader_id(s.reader);
	ASSERT_EQ(0, pthread_create(&thread, NULL, sleeps, &s));
	UNTIL(__atomic_load_n(&s.tid, __ATOMIC_SEQ_CST));
	ASSERT_TRUE(task_asleep(s.tid));
	UNTIL(READ_ONCE(p->waiter));
	ASSERT_EQ(0, pthread_cancel(thread));
	ASSERT_EQ(0, pthread_join(thread, &end));
	EXPECT_EQ(PTHREAD_CANCELED, end);
	EXPECT_EQ(0, READ_ONCE(p->waiter));
	ringbuf_reader_close(s.reader);
}

LIB_HARNESS_MAIN
