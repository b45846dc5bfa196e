// SPDX-License-Identifier: GPL-2.0
/*
 * Tests that need the inside of the embedded host: words that a process left when it was
 * killed with the slow-path lock, or that another version wrote.
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

/* The process died in rb_attach_writer(), before it counted the writer. */
TEST_F(inside, death_in_an_attach_is_repaired)
{
	struct ringbuf_reader *reader = reader_new(self->ring);
	struct ringbuf_writer *writer = writer_new(self->ring);

	ASSERT_TRUE(reader && writer);
	ASSERT_EQ(0, ringbuf_writer_done(writer));
	ringbuf_writer_close(writer);
	EXPECT_EQ(RINGBUF_STREAM_DONE, status_of(self->ring).ended);
	self->info->ended = RINGBUF_END_NONE;
	self->header->dirty = 1;
	/* Readers and the statistics agree that the stream has ended. */
	EXPECT_EQ(-ENODATA, get(reader, RINGBUF_TRY));
	EXPECT_EQ(RINGBUF_STREAM_DIED, status_of(self->ring).ended);
	ringbuf_reader_close(reader);
}

/* The process died in rb_end_writer(), before it freed the seat. */
TEST_F(inside, death_at_the_end_of_a_writer_is_repaired)
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

/* The process died between its store to a seat and that to the bit of the row. */
TEST_F(inside, death_before_a_row_was_counted_is_repaired)
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

TEST_F(inside, file_of_another_version_is_refused)
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

/* Offsets that a peer has written must not lead out of the file. */
TEST_F(inside, tables_outside_of_their_regions_are_refused)
{
	const uint32_t row = self->info->row_offset, stride = self->info->writer_stride;

	ASSERT_EQ(0, import(self->ring));
	self->info->row_offset = (uint32_t)self->header->layout.region[RINGBUF_REGION_INFO].bytes;
	EXPECT_EQ(-EPROTO, import(self->ring));
	self->info->row_offset = row;
	self->info->writer_stride = 1U << 30;
	EXPECT_EQ(-EPROTO, import(self->ring));
	self->info->writer_stride = stride;
	EXPECT_EQ(0, import(self->ring));
}

/*
 * Make the file of a ring of a later version: with longer rows, in regions that are a page larger.
 * Return its descriptor, or -1.
 */
static int later_file(const struct emb_header *from, struct emb_header **header)
{
	int fd = memfd_create("later", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct rb_layout l = from->layout;
	struct rb_view view;
	char *ring;

	if (rb_layout_larger(&l, l.region[RINGBUF_REGION_INFO].bytes + l.page_size,
			     l.region[RINGBUF_REGION_HEAD].bytes + l.page_size) ||
	    ftruncate(fd, (off_t)(from->ring + l.bytes)))
		return -1;
	*header = mmap(NULL, from->ring + l.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*header == MAP_FAILED)
		return -1;
	memcpy(*header, from, from->ring);
	(*header)->layout = l;
	(*header)->bytes = from->ring + l.bytes;
	ring = (char *)*header + from->ring;
	rb_view_init(&view, &l, ring + l.region[RINGBUF_REGION_INFO].offset,
		     ring + l.region[RINGBUF_REGION_HEAD].offset,
		     ring + l.region[RINGBUF_REGION_SLOTS].offset,
		     ring + l.region[RINGBUF_REGION_CURSOR].offset);
	view.rows += 64;
	view.row_stride = 80;
	view.writers += 64;
	view.writer_stride = 256;
	rb_host_init(&view, l.slot_bytes, l.slot_stride);
	return fd;
}

TEST_F(inside, longer_tables_of_a_later_version_are_used)
{
	const struct ringbuf_info_page *info;
	const struct ringbuf_row *row;
	struct emb_header *header;
	struct ringbuf_writer *writer;
	struct ringbuf_reader *reader[3];
	struct ringbuf *ring;
	unsigned int i;
	int fd = later_file(self->header, &header);

	ASSERT_LE(0, fd);
	info = (void *)((char *)header + header->ring);
	ASSERT_EQ(0, ringbuf_import(fd, NULL, &ring));
	writer = writer_new(ring);
	ASSERT_NE(NULL, writer);
	for (i = 0; i < 3; i++) {
		reader[i] = reader_new(ring);
		ASSERT_NE(NULL, reader[i]);
		ASSERT_EQ(i, ringbuf_reader_id(reader[i]));
		row = (void *)((char *)info + sizeof(*info) + 64 + 80 * i);
		EXPECT_EQ(RINGBUF_ROW_ATTACHED | RINGBUF_ROW_GATING, row->flags);
	}
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, put(writer, i, RINGBUF_TRY));
	EXPECT_EQ(-EAGAIN, put(writer, i, RINGBUF_TRY));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, get(reader[i], RINGBUF_TRY));
	EXPECT_EQ(0, put(writer, 10, RINGBUF_TRY));
	EXPECT_EQ(3, status_of(ring).readers);
	for (i = 0; i < 3; i++)
		ringbuf_reader_close(reader[i]);
	ringbuf_writer_close(writer);
	munmap(header, header->bytes);
	ringbuf_close(ring);
}

/* Return whether core dumps leave out the library's map of the ring's file. */
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

TEST(core_dump_leaves_the_ring_out_unless_asked_for_it)
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

struct waiter {
	struct ringbuf_reader *reader;
	pid_t tid;
};

static void *sleeps(void *arg)
{
	struct waiter *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_SEQ_CST);
	get(s->reader, RINGBUF_FOREVER);
	return NULL;
}

TEST_F(inside, cancelled_waiter_is_disarmed)
{
	struct waiter s = { .reader = reader_new(self->ring) };
	const struct emb_seat *p = self->header->seat;
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
