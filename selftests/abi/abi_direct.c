// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O between a file and slots, without a copy by the processor.  RINGBUF_DIRECT
 * names a folder whose file system supports it; see files/direct.sh.
 * Then: what happens to slots that are pinned when their writer ends.
 */
#include "../harness/handles.h"

#include <ringbuf_uring.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#define SLOT  65536
#define SLOTS 3
#define LAPS  10

FIXTURE(direct)
{
	HANDLES;
	struct maps r;
	struct maps w;
	int file; /* opened with O_DIRECT */
	int plain;
};

FIXTURE_SETUP(direct)
{
	const char *folder = getenv("RINGBUF_DIRECT");
	char path[256];

	if (!folder)
		SKIP(return, "no folder with direct I/O: selftests/files/direct.sh has one");
	snprintf(path, sizeof(path), "%s/file", folder);
	unlink(path);
	self->file = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	ASSERT_LE(0, self->file);
	self->plain = open(path, O_RDWR | O_CLOEXEC);
	HANDLES_SETUP(RINGBUF_CREATE_EXCLUSIVE, SLOT, SLOTS);
	ASSERT_OK(maps_open(&self->r, self->reader));
	ASSERT_OK(maps_open(&self->w, self->writer));
	ASSERT_OK(nonblock(self->reader));
}

FIXTURE_TEARDOWN(direct)
{
	maps_close(&self->r);
	maps_close(&self->w);
	HANDLES_CLOSE();
	close(self->file);
	close(self->plain);
}

static void fill(unsigned char *to, uint64_t seed)
{
	size_t i;

	for (i = 0; i < SLOT; i++)
		to[i] = (unsigned char)((seed * SLOT + i) * 2654435761u >> 11);
}

static char *slot_of(const struct maps *m, uint64_t pos)
{
	return m->data + pos % SLOTS * m->info.slot_stride;
}

/* Commit the slot at @pos as an exclusive writer does through its maps. */
static void commit(struct maps *m, uint64_t pos)
{
	struct ringbuf_desc *d = &m->desc[pos % SLOTS];

	__atomic_store_n(&writer_row(m)->allowance, pos + 1, __ATOMIC_RELAXED);
	d->length = SLOT;
	d->flags = 0;
	__atomic_store_n(&d->state, pos << RINGBUF_STATE_SHIFT | RINGBUF_COMMITTED,
			 __ATOMIC_SEQ_CST);
	__atomic_store_n(&m->head->head, pos + 1, __ATOMIC_RELAXED);
}

/* This is how a recorder works. */
TEST_F(direct, file_is_written_from_slots)
{
	static unsigned char text[SLOT], back[SLOT];
	uint64_t n;

	for (n = 0; n < LAPS * SLOTS; n++) {
		fill(text, n);
		ASSERT_EQ(SLOT, write(self->writer, text, SLOT));
		ASSERT_EQ(SLOT, pwrite(self->file, slot_of(&self->r, n), SLOT, (off_t)n * SLOT));
		release_by_hand(&self->r, n + 1);
	}
	for (n = 0; n < LAPS * SLOTS; n++) {
		fill(text, n);
		ASSERT_EQ(SLOT, pread(self->plain, back, SLOT, (off_t)n * SLOT));
		ASSERT_EQ(0, memcmp(text, back, SLOT));
	}
}

/* This is how a player works. */
TEST_F(direct, slots_are_filled_from_a_file)
{
	static unsigned char text[SLOT], back[SLOT];
	uint64_t n;

	for (n = 0; n < LAPS * SLOTS; n++) {
		fill(text, n);
		ASSERT_EQ(SLOT, pwrite(self->plain, text, SLOT, (off_t)n * SLOT));
	}
	ASSERT_EQ(0, fsync(self->plain));
	for (n = 0; n < LAPS * SLOTS; n++) {
		ASSERT_EQ(SLOT, pread(self->file, slot_of(&self->w, n), SLOT, (off_t)n * SLOT));
		commit(&self->w, n);
		ASSERT_EQ(SLOT, read(self->reader, back, SLOT));
		fill(text, n);
		ASSERT_EQ(0, memcmp(text, back, SLOT));
	}
}

TEST_F(direct, file_cannot_be_read_into_the_slots_of_a_reader)
{
	ASSERT_EQ(0, ftruncate(self->plain, SLOT));
	errno = 0;
	EXPECT_EQ(-1, pread(self->file, slot_of(&self->r, 0), SLOT, 0));
	EXPECT_EQ(EFAULT, errno);
}

static int done(struct io_uring *u)
{
	struct io_uring_cqe *cqe;
	int res;

	if (io_uring_submit(u) != 1 || io_uring_wait_cqe(u, &cqe))
		return -EBADMSG;
	res = cqe->res;
	io_uring_cqe_seen(u, cqe);
	return res;
}

/* io_uring pins fixed buffers once, for all later requests. */
TEST_F(direct, slots_can_be_fixed_buffers)
{
	static unsigned char text[SLOT], back[SLOT];
	struct iovec all = { self->w.data, self->w.region[RINGBUF_REGION_DATA].bytes };
	struct io_uring u;
	uint64_t n;
	int err;

	ASSERT_EQ(0, io_uring_queue_init(8, &u, 0));
	err = io_uring_register_buffers(&u, &all, 1);
	if (err == -EOPNOTSUPP) {
		io_uring_queue_exit(&u);
		SKIP(return, "this kernel registers no buffers of drivers");
	}
	ASSERT_EQ(0, err);
	for (n = 0; n < LAPS * SLOTS; n++) {
		fill(text, n);
		ASSERT_EQ(SLOT, write(self->writer, text, SLOT));
		io_uring_prep_write_fixed(io_uring_get_sqe(&u), self->file, slot_of(&self->w, n),
					  SLOT, n * SLOT, 0);
		ASSERT_EQ(SLOT, done(&u));
		ASSERT_EQ(SLOT, read(self->reader, back, SLOT));
	}
	/* Read the file through the page cache, which has not seen the direct writes. */
	for (n = 0; n < LAPS * SLOTS; n++) {
		fill(text, n);
		ASSERT_EQ(SLOT, pread(self->plain, back, SLOT, (off_t)n * SLOT));
		ASSERT_EQ(0, memcmp(text, back, SLOT));
	}
	for (; n < 2 * LAPS * SLOTS; n++) {
		io_uring_prep_read_fixed(io_uring_get_sqe(&u), self->file, slot_of(&self->w, n),
					 SLOT, (n - LAPS * SLOTS) * SLOT, 0);
		ASSERT_EQ(SLOT, done(&u));
		commit(&self->w, n);
		ASSERT_EQ(SLOT, read(self->reader, back, SLOT));
		fill(text, n - LAPS * SLOTS);
		ASSERT_EQ(0, memcmp(text, back, SLOT));
	}
	io_uring_queue_exit(&u);
}

static bool registers_buffers(const struct maps *m)
{
	struct iovec all = { m->data, m->region[RINGBUF_REGION_DATA].bytes };
	struct io_uring u;
	int err;

	if (io_uring_queue_init(8, &u, 0))
		return false;
	err = io_uring_register_buffers(&u, &all, 1);
	io_uring_queue_exit(&u);
	return !err;
}

/*
 * A writer is killed while requests from and to its pinned slots are in flight.  They end
 * before the writer counts as dead, so none of them changes what the next writer writes.
 * The next writer needs a free slot, since the reader skips the holes only after it wrote:
 * so claim one slot less than there are.
 */
#define CLAIMS (SLOTS - 1)

static int goes_with_requests(void *arg)
{
	int *file = arg, owner = file[1], writer;
	struct iovec all;
	struct io_uring u;
	struct maps m;
	uint64_t n, at;

	writer = writer_open(owner);
	CHECK_EQ(0, maps_open(&m, writer));
	all = (struct iovec){ m.data, m.region[RINGBUF_REGION_DATA].bytes };
	CHECK_EQ(0, io_uring_queue_init(32, &u, 0));
	CHECK_EQ(0, io_uring_register_buffers(&u, &all, 1));
	at = m.head->head;
	claim_by_hand(&m, at, CLAIMS);
	for (n = 0; n < 32; n++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&u);
		char *slot = slot_of(&m, at + n % CLAIMS);

		if (n % 2)
			io_uring_prep_read_fixed(sqe, file[0], slot, SLOT, n * SLOT, 0);
		else
			io_uring_prep_write_fixed(sqe, file[0], slot, SLOT, n * SLOT, 0);
		if (n % 4 > 1)
			sqe->flags |= IOSQE_ASYNC;
	}
	CHECK_EQ(32, io_uring_submit(&u));
	raise(SIGKILL);
	return 1;
}

TEST_F(direct, requests_of_a_killed_writer_do_not_reach_later_messages)
{
	int fds[2] = { self->file, -1 }, turn;
	static unsigned char text[SLOT], back[SLOT];

	if (!registers_buffers(&self->w))
		SKIP(return, "this kernel registers no buffers of drivers");
	ASSERT_EQ(0, ftruncate(self->plain, 32 * SLOT));
	fds[1] = ring_make(0, SLOT, SLOTS);
	for (turn = 0; turn < 5; turn++) {
		int writer, reader = reader_open(fds[1]);

		ASSERT_EQ(128 + SIGKILL, child_run(goes_with_requests, fds));
		/* The writer counts until its requests have ended and its pins are gone. */
		UNTIL(stats_of(fds[1]).writers == 0);
		EXPECT_EQ(RINGBUF_END_DIED, stats_of(fds[1]).ended);
		writer = writer_open(fds[1]);
		fill(text, (uint64_t)turn);
		ASSERT_EQ(SLOT, write(writer, text, SLOT));
		ASSERT_EQ(SLOT, read(reader, back, SLOT));
		EXPECT_EQ(0, memcmp(text, back, SLOT));
		EXPECT_EQ((uint64_t)CLAIMS * (turn + 1), stats_of(fds[1]).repaired);
		close(writer);
		close(reader);
	}
	close(fds[1]);
}

/* ---- a writer that ends while its slots are pinned ------------------------------- */

/*
 * Slots that share pages with others cannot get fresh pages, so the end of their writer waits
 * for the I/O, but at most for this long.  A turn that takes longer here proves nothing.
 */
#define PIN_WAIT SECOND
#define SMALL	 512
#define TURNS	 20

FIXTURE(pinned)
{
	int owner;
	int writer;
	struct maps w;
	struct io_uring u;
	int pipe[2];
	bool registered;
};

FIXTURE_VARIANT(pinned)
{
	uint32_t flags;
	uint64_t bytes;
	int (*end)(int fd);
};

FIXTURE_VARIANT_ADD(pinned, shared_done){ 0, SMALL, done_call };
FIXTURE_VARIANT_ADD(pinned, shared_detach){ 0, SMALL, detach_call };
FIXTURE_VARIANT_ADD(pinned, exclusive_done){ RINGBUF_CREATE_EXCLUSIVE, SMALL, done_call };
FIXTURE_VARIANT_ADD(pinned, exclusive_detach){ RINGBUF_CREATE_EXCLUSIVE, SMALL, detach_call };
FIXTURE_VARIANT_ADD(pinned, large_shared_done){ 0, SLOT, done_call };
FIXTURE_VARIANT_ADD(pinned, large_shared_detach){ 0, SLOT, detach_call };
FIXTURE_VARIANT_ADD(pinned, large_exclusive_done){ RINGBUF_CREATE_EXCLUSIVE, SLOT, done_call };
FIXTURE_VARIANT_ADD(pinned, large_exclusive_detach){ RINGBUF_CREATE_EXCLUSIVE, SLOT, detach_call };

/* Reserve @claims slots; 0 is for an exclusive writer, which stores no claims: reserve two. */
static void open_slots(struct maps *m, unsigned int claims)
{
	if (claims)
		claim_by_hand(m, m->head->head, claims);
	else
		writer_row(m)->allowance = m->head->head + 2;
}

/*
 * Pin all slots by a registered buffer.  If this kernel registers no such buffer, let a pipe
 * refer to the first slot.
 */
static int pin_slots(struct _test_data_pinned *self)
{
	struct iovec all = { self->w.data, self->w.region[RINGBUF_REGION_DATA].bytes };

	self->registered = registers_buffers(&self->w);
	if (self->registered)
		return io_uring_queue_init(8, &self->u, 0)
			       ?: io_uring_register_buffers(&self->u, &all, 1);
	all.iov_len = 4096;
	if (pipe2(self->pipe, O_CLOEXEC))
		return -errno;
	return vmsplice(self->pipe[1], &all, 1, 0) == 4096 ? 0 : -EBADMSG;
}

static void unpin_slots(struct _test_data_pinned *self)
{
	if (self->registered) {
		io_uring_queue_exit(&self->u);
		return;
	}
	close(self->pipe[0]);
	close(self->pipe[1]);
}

FIXTURE_SETUP(pinned)
{
	self->owner = ring_make(variant->flags, variant->bytes, SLOTS);
	ASSERT_LE(0, self->owner);
}

FIXTURE_TEARDOWN(pinned)
{
	close(self->owner);
}

/*
 * Until the I/O ends, the claims of a shared writer stay open and it counts as a writer; an
 * exclusive writer has ended for the readers, but cannot have a successor.  A turn that took
 * longer than PIN_WAIT proves nothing.
 */
TEST_F(pinned, end_waits_for_io_on_slots_that_share_pages)
{
	bool exclusive = variant->flags, seen = false;
	unsigned int turn, claims = exclusive ? 0 : 2;

	if (variant->bytes != SMALL)
		SKIP(return, "these slots get fresh pages");
	for (turn = 0; turn < TURNS && !seen; turn++) {
		struct ringbuf_stats s;
		uint64_t before, repaired;
		int next = device_open(), err;

		self->writer = writer_open(self->owner);
		ASSERT_LE(0, self->writer);
		ASSERT_OK(maps_open(&self->w, self->writer));
		ASSERT_EQ(0, pin_slots(self));
		repaired = stats_of(self->owner).repaired;
		open_slots(&self->w, claims);
		before = now_ns();
		ASSERT_EQ(0, variant->end(self->writer));
		s = stats_of(self->owner);
		err = attach_fd(next, RINGBUF_ROLE_WRITER, self->owner);
		seen = now_ns() - before < PIN_WAIT;
		close(next);
		if (seen) {
			EXPECT_EQ(exclusive ? -EBUSY : 0, err);
			EXPECT_EQ(exclusive ? 0 : 1, s.writers);
			EXPECT_EQ(exclusive ? RINGBUF_END_DONE : RINGBUF_END_NONE, s.ended);
			EXPECT_EQ(repaired, s.repaired);
		}
		unpin_slots(self);
		maps_close(&self->w);
		close(self->writer);
		UNTIL(stats_of(self->owner).writers == 0);
		EXPECT_EQ(RINGBUF_END_DONE, stats_of(self->owner).ended);
		EXPECT_EQ(repaired + claims, stats_of(self->owner).repaired);
		next = device_open();
		UNTIL(attach_fd(next, RINGBUF_ROLE_WRITER, self->owner) == 0);
		close(next);
	}
	EXPECT_TRUE(seen);
}

/* Submit a request that reads from the pipe, empty as yet, into the first slot. */
static int begin_read(struct _test_data_pinned *self)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&self->u);

	io_uring_prep_read_fixed(sqe, self->pipe[0], self->w.data, 4096, 0, 0);
	return io_uring_submit(&self->u);
}

/*
 * End that request by writing to the pipe.  Without registered buffers, read what the pipe got from
 * the first slot.  Return the number of bytes.
 */
static int end_read(struct _test_data_pinned *self, char *bytes)
{
	struct io_uring_cqe *cqe;

	if (!self->registered)
		return (int)read(self->pipe[0], bytes, 4096);
	memset(bytes, 0x77, 4096);
	if (write(self->pipe[1], bytes, 4096) != 4096 || io_uring_wait_cqe(&self->u, &cqe))
		return -errno;
	return cqe->res;
}

/*
 * A slot that shares no page gets fresh pages.  The writer ends at once, and the I/O continues
 * on the old pages, which no reader sees.
 */
TEST_F(pinned, end_does_not_wait_for_io_on_slots_with_pages_of_their_own)
{
	unsigned int claims = variant->flags ? 0 : 2, n;
	static char text[SLOT], back[SLOT], bytes[4096];
	int reader, writer;

	if (variant->bytes == SMALL)
		SKIP(return, "these slots share their pages");
	reader = reader_open(self->owner);
	self->writer = writer_open(self->owner);
	ASSERT_OK(maps_open(&self->w, self->writer));
	memset(self->w.data, 0x33, 4096);
	ASSERT_EQ(0, pin_slots(self));
	if (self->registered) {
		ASSERT_EQ(0, pipe2(self->pipe, O_CLOEXEC));
		ASSERT_EQ(1, begin_read(self));
	}
	open_slots(&self->w, claims);
	ASSERT_EQ(0, variant->end(self->writer));
	EXPECT_EQ(0, stats_of(self->owner).writers);
	EXPECT_EQ(claims, stats_of(self->owner).repaired);
	writer = writer_open(self->owner);
	ASSERT_LE(0, writer);
	for (n = 0; n < 3 * SLOTS; n++) {
		memset(text, (int)n, SLOT);
		ASSERT_EQ(SLOT, write(writer, text, SLOT));
		if (n == SLOTS) {
			memset(bytes, 0, sizeof(bytes));
			ASSERT_EQ(4096, end_read(self, bytes));
			EXPECT_EQ(self->registered ? 0x77 : 0x33, bytes[0]);
		}
		ASSERT_EQ(SLOT, read(reader, back, SLOT));
		ASSERT_EQ(0, memcmp(text, back, SLOT));
	}
	unpin_slots(self);
	if (self->registered) {
		close(self->pipe[0]);
		close(self->pipe[1]);
	}
	maps_close(&self->w);
	close(self->writer);
	close(writer);
	close(reader);
}

/* The slots at and after head hold the oldest messages: the end of the writer keeps them. */
TEST(end_of_an_exclusive_writer_keeps_old_messages)
{
	int owner = ring_make(RINGBUF_CREATE_EXCLUSIVE, SLOT, SLOTS), reader;
	struct _test_data_pinned self = { .writer = writer_open(owner) };
	struct ringbuf_attach a = attach_to(RINGBUF_ROLE_READER, owner);
	uint64_t n;

	ASSERT_OK(maps_open(&self.w, self.writer));
	for (n = 0; n < 2 * SLOTS; n++)
		commit_by_hand(&self.w, n, n + 100);
	ASSERT_EQ(0, pin_slots(&self));
	ASSERT_EQ(0, done_call(self.writer));
	reader = device_open();
	a.start = RINGBUF_START_OLDEST;
	ASSERT_OK(call(reader, RINGBUF_IOC_ATTACH, &a));
	EXPECT_EQ(SLOTS, a.position);
	for (n = SLOTS; n < 2 * SLOTS; n++)
		EXPECT_EQ((int64_t)n + 100, get(reader));
	unpin_slots(&self);
	maps_close(&self.w);
	close(self.writer);
	close(reader);
	close(owner);
}

/* A writer that is killed while its I/O is in flight; the parent's descriptors keep the I/O. */
struct dying {
	int writer;
	bool exclusive;
	struct io_uring u;
	int pipe[2];
};

static int dies_with_pinned_slots(void *arg)
{
	struct dying *d = arg;
	struct iovec all;
	struct maps m;

	CHECK_EQ(0, maps_open(&m, d->writer));
	open_slots(&m, d->exclusive ? 0 : 2);
	all = (struct iovec){ m.data, m.region[RINGBUF_REGION_DATA].bytes };
	if (io_uring_register_buffers(&d->u, &all, 1)) {
		all.iov_len = 4096;
		CHECK_EQ(4096, vmsplice(d->pipe[1], &all, 1, 0));
	}
	raise(SIGKILL);
	return 1;
}

/*
 * The I/O of a dead writer may still write to its slots.  Until it ends, the writer counts
 * and no other writer gets these slots.
 */
static void dead_with_pinned_slots(struct __test_metadata *_metadata, uint32_t flags)
{
	int owner = ring_make(flags, SMALL, SLOTS);
	unsigned int turn, claims = flags ? 0 : 2;
	struct dying d = { .exclusive = flags };
	bool seen = false;

	for (turn = 0; turn < TURNS && !seen; turn++) {
		uint64_t before = now_ns(), repaired = stats_of(owner).repaired;
		int next = device_open(), err;
		struct ringbuf_stats s;
		struct ringbuf_hole hole;

		ASSERT_EQ(0, io_uring_queue_init(8, &d.u, 0));
		ASSERT_EQ(0, pipe2(d.pipe, O_CLOEXEC));
		d.writer = writer_open(owner);
		ASSERT_LE(0, d.writer);
		ASSERT_EQ(128 + SIGKILL, child_run(dies_with_pinned_slots, &d));
		s = stats_of(owner);
		err = attach_fd(next, RINGBUF_ROLE_WRITER, owner);
		seen = now_ns() - before < PIN_WAIT;
		close(next);
		if (seen) {
			EXPECT_EQ(flags ? -EBUSY : 0, err);
			EXPECT_EQ(flags ? 0 : 1, s.writers);
			EXPECT_EQ(repaired, s.repaired);
		}
		close(d.pipe[0]);
		close(d.pipe[1]);
		io_uring_queue_exit(&d.u);
		close(d.writer);
		UNTIL(stats_of(owner).writers == 0);
		EXPECT_EQ(RINGBUF_END_DIED, stats_of(owner).ended);
		EXPECT_EQ(repaired + claims, stats_of(owner).repaired);
		/* The holes came later than the writer's end, and tell how that was. */
		if (claims) {
			ASSERT_OK(hole_call(owner, stats_of(owner).head - claims, &hole));
			EXPECT_EQ(RINGBUF_HOLE_KILLED, hole.cause);
			EXPECT_EQ(SIGKILL, hole.code);
		}
		next = device_open();
		UNTIL(attach_fd(next, RINGBUF_ROLE_WRITER, owner) == 0);
		close(next);
	}
	EXPECT_TRUE(seen);
	close(owner);
}

TEST(dead_writer_counts_until_the_io_on_its_slots_ends)
{
	dead_with_pinned_slots(_metadata, 0);
}

TEST(dead_exclusive_writer_has_no_successor_until_its_io_ends)
{
	dead_with_pinned_slots(_metadata, RINGBUF_CREATE_EXCLUSIVE);
}

TEST(pin_that_never_ends_does_not_hold_the_ring)
{
	struct dying d = { .exclusive = false };
	int owner = ring_make(0, SLOT, SLOTS);

	ASSERT_EQ(0, io_uring_queue_init(8, &d.u, 0));
	ASSERT_EQ(0, pipe2(d.pipe, O_CLOEXEC));
	d.writer = writer_open(owner);
	ASSERT_EQ(128 + SIGKILL, child_run(dies_with_pinned_slots, &d));
	UNTIL(stats_of(owner).repaired == 2);
	EXPECT_EQ(0, stats_of(owner).writers);
	close(d.pipe[0]);
	close(d.pipe[1]);
	io_uring_queue_exit(&d.u);
	close(d.writer);
	close(owner);
}

/*
 * Return whether direct I/O pins pages, as from 6.5 on: before, it took a reference as a pipe
 * does.
 */
static bool direct_io_pins(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return !uname(&u) && sscanf(u.release, "%d.%d", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 5));
}

static int dies_with_a_claim(void *arg)
{
	int writer = writer_open(*(int *)arg);
	struct maps m;

	CHECK_EQ(0, maps_open(&m, writer));
	claim_by_hand(&m, m.head->head, 2);
	raise(SIGKILL);
	return 1;
}

/* A page in a pipe can be read only, so the repair need not wait for it. */
TEST(slots_in_the_pipe_of_a_reader_do_not_delay_the_repair)
{
	int owner = ring_make(0, SLOT, SLOTS), reader = reader_open(owner), ends[2];
	struct iovec slot;
	struct maps m;

	ASSERT_LE(0, reader);
	if (!direct_io_pins())
		SKIP(return, "this kernel cannot tell a pipe's reference from direct I/O");
	ASSERT_OK(maps_open(&m, reader));
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	slot = (struct iovec){ m.data, 4096 };
	ASSERT_EQ(4096, vmsplice(ends[1], &slot, 1, 0));
	ASSERT_EQ(128 + SIGKILL, child_run(dies_with_a_claim, &owner));
	/* The repair was over before wait() returned. */
	EXPECT_EQ(0, stats_of(owner).writers);
	EXPECT_EQ(2, stats_of(owner).repaired);
	close(ends[0]);
	close(ends[1]);
	maps_close(&m);
	close(reader);
	close(owner);
}

DEVICE_HARNESS_MAIN
