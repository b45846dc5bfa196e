// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile writer, in this process and in another one, and a hostile reader scribble over all
 * words that their maps show, while victims use the ring by every call of the ABI.  Each call
 * returns, no reader gets a byte from outside of a slot, and a ring beside it sees nothing of
 * this.  RINGBUF_SEED repeats a run, RINGBUF_LONGER=N makes N times as many calls.
 */
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#include "../harness/handles.h"
#include "../harness/message.h"
#include "../harness/victims.h"

#include <ringbuf_uring.h>

#define GAP_BYTES   24 /* each slot is followed by some bytes that no reader may read */
#define BLOCKED	    6 /* children that make calls which may sleep for ever */
#define BESIDE	    64 /* bytes of a message of the neighbour */
#define URING_DEPTH 32

/**
 * struct stage - the ring with its victims
 * @owner: handle of the ring
 * @enemy: a writer whose maps a thread of this process scribbles over
 * @scribble: what that thread writes
 * @beside: owner, writer and reader of the neighbour's ring
 * @big: a slot and a half, for writes of streams and for reads
 */
struct stage {
	int owner;
	int enemy;
	struct maps maps;
	struct scribble scribble;
	uint64_t seed;
	int beside[3];
	uint64_t beside_sent;
	uint64_t beside_read;
	size_t big;
	struct victims victims;
	pid_t other;
	pid_t blocked[BLOCKED];
};

/**
 * struct user - what one victim has open
 * @fd: its handle; -1: it needs a new one
 * @role: role of @fd
 * @framing: framing of @fd
 * @buffer: stage.big bytes
 * @pipe: for splice
 * @sink: /dev/null
 * @uring: for the victim that uses it
 */
struct user {
	struct stage *stage;
	int fd;
	uint32_t role;
	uint32_t framing;
	unsigned char *buffer;
	int pipe[2];
	int sink;
	struct io_uring uring;
	unsigned int in_flight;
};

/* ---- the hostile peers --------------------------------------------------------------- */

static void scribble_writer_maps(struct scribble *s, const struct maps *m)
{
	s->max_writers = m->info.max_writers;
	s->writer_stride = m->ip->writer_stride;
	s->head = m->head;
	s->writers = (char *)m->head + m->ip->writer_offset;
	s->desc = m->desc;
	s->claim = m->claim;
	if (m->info.stamp_offset)
		s->stamp = (uint64_t *)((char *)m->desc + m->info.stamp_offset);
	s->data = (unsigned char *)m->data;
}

static void scribble_init(struct scribble *s, const struct maps *m, uint64_t chance)
{
	memset(s, 0, sizeof(*s));
	s->chance = chance;
	s->slots = m->info.slot_count;
	s->slot_bytes = m->info.slot_bytes;
	s->stride = m->info.slot_stride;
	if (m->info.role == RINGBUF_ROLE_WRITER)
		scribble_writer_maps(s, m);
}

static int enemy_step(struct victim *v)
{
	struct stage *stage = v->arg;

	scribble_pass(&stage->scribble);
	sched_yield();
	return 0;
}

/* In a process of its own: a writer, if the ring may have two, and a reader. */
static int enemy_run(void *arg)
{
	struct stage *stage = arg;
	struct scribble writer, reader;
	struct maps w, r;
	bool both = !(stage->maps.info.ring_flags & RINGBUF_CREATE_EXCLUSIVE);

	CHECK_EQ(0, maps_open(&r, reader_open(stage->owner)));
	scribble_init(&reader, &r, chance_fork(stage->seed, 1));
	reader.cursor[reader.cursors++] = r.own;
	if (both) {
		CHECK_EQ(0, maps_open(&w, writer_open(stage->owner)));
		scribble_init(&writer, &w, chance_fork(stage->seed, 2));
	}
	for (;;) {
		if (both)
			scribble_pass(&writer);
		scribble_pass(&reader);
		/* Its reader blocks all writers now and then, but not for ever. */
		wake_call(r.fd);
		sched_yield();
	}
}

/* ---- the neighbour --------------------------------------------------------------------- */

static int beside_write(struct victim *v)
{
	struct stage *stage = v->arg;
	unsigned char bytes[BESIDE];
	ssize_t n;

	message_make(bytes, 1, stage->beside_sent++, sizeof(bytes));
	n = write(stage->beside[1], bytes, sizeof(bytes));
	/* It is told that it is done. */
	CHECK(n == BESIDE || FLAG_GET(*v->stop));
	return 0;
}

static int beside_read(struct victim *v)
{
	struct stage *stage = v->arg;
	unsigned char bytes[BESIDE + 8];
	ssize_t n = read(stage->beside[2], bytes, sizeof(bytes));

	if (!n && FLAG_GET(*v->stop))
		return 0;
	CHECK_EQ(BESIDE, n);
	CHECK(message_is(bytes, BESIDE, 1, stage->beside_read++));
	return 0;
}

static int beside_open(struct stage *stage)
{
	stage->beside[0] = ring_make(0, BESIDE, 5);
	stage->beside[1] = writer_open(stage->beside[0]);
	stage->beside[2] = reader_open(stage->beside[0]);
	return stage->beside[2] < 0 ? -errno : 0;
}

/* ---- calls of any victim ----------------------------------------------------------------- */

static uint64_t any(struct victim *v, uint64_t n)
{
	return chance_below(&v->chance, n);
}

static uint64_t any_position(struct victim *v, struct user *u)
{
	uint64_t head = __atomic_load_n(&u->stage->maps.head->head, __ATOMIC_RELAXED);

	return any(v, 4) ? head - any(v, 2 * u->stage->maps.info.slot_count + 2)
			 : chance_next(&v->chance);
}

static void any_wait(struct victim *v, struct user *u)
{
	struct ringbuf_wait w = wait_for((uint32_t)any(v, u->stage->maps.info.slot_count) + 1,
					 any(v, 2) ? 1 : now_ns() + MS);

	w.after = any(v, 2) ? any(v, MS) : 0;
	call(u->fd, RINGBUF_IOC_WAIT, &w);
}

static int any_stats(struct victim *v, struct user *u)
{
	struct ringbuf_reader_stats readers[4];
	struct ringbuf_writer_stats writers[4];
	struct ringbuf_stats s = {
		.size = sizeof(s),
		.readers = POINTER(readers),
		.count = (uint32_t)any(v, 5),
		.reader_size = sizeof(readers[0]),
		.writer_table = POINTER(writers),
		.writer_count = (uint32_t)any(v, 5),
		.writer_size = sizeof(writers[0]),
	};
	uint32_t count = s.count, writer_count = s.writer_count;

	if (!call(u->fd, RINGBUF_IOC_STATS, &s)) {
		CHECK(s.count <= count && s.writer_count <= writer_count);
		CHECK(s.writers <= u->stage->maps.info.max_writers);
		CHECK(s.blocker_kind <= RINGBUF_BLOCKER_WRITER);
	}
	return 0;
}

static void any_poll(struct victim *v, struct user *u)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | (any(v, 2) ? EPOLLET : 0) };
	int fd;

	if (any(v, 2)) {
		polled(u->fd);
		return;
	}
	fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(fd, EPOLL_CTL_ADD, u->fd, &e);
	epoll_wait(fd, &e, 1, (int)any(v, 2));
	close(fd);
}

static int any_hole(struct victim *v, struct user *u)
{
	struct ringbuf_hole hole;

	if (!hole_call(u->fd, any_position(v, u), &hole)) {
		CHECK(hole.cause <= RINGBUF_HOLE_FENCED);
		CHECK(memchr(hole.comm, 0, sizeof(hole.comm)));
	}
	return 0;
}

static int any_room(struct user *u)
{
	CHECK(room_call(u->fd) <= (int64_t)u->stage->maps.info.slot_count);
	return 0;
}

/* A call that any handle may make. */
static int any_call(struct victim *v, struct user *u)
{
	uint64_t slots = u->stage->maps.info.slot_count;
	struct ringbuf_info info;

	switch (any(v, 10)) {
	case 0:
		any_wait(v, u);
		break;
	case 1:
		wake_call(u->fd);
		break;
	case 2:
		return any_stats(v, u);
	case 3:
		any_poll(v, u);
		break;
	case 4:
		return any_hole(v, u);
	case 5:
		return any_room(u);
	case 6:
		threshold_call(u->fd, (uint32_t)any(v, 3 * slots), any(v, 2) ? any(v, 999) : 0,
			       any(v, 2) * MS);
		break;
	case 7:
		fdinfo(u->fd, "blocker");
		break;
	case 8:
		sync_call(u->fd, (uint32_t)any(v, 5), any_position(v, u));
		break;
	default:
		CHECK_EQ(0, info_get(u->fd, &info));
		CHECK_EQ(slots, info.slot_count);
	}
	return 0;
}

/* Close the handle, or give up the attempt to open one. */
static void user_close(struct user *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

/* Attach a new handle; some readers are skipped, evicted or overtaken. */
static int user_open(struct victim *v, struct user *u)
{
	struct ringbuf_attach a = attach_to(u->role, u->stage->owner);

	if (u->role == RINGBUF_ROLE_READER) {
		a.policy = (uint32_t)any(v, RINGBUF_POLICY_LOSSY + 1);
		a.start = (uint32_t)any(v, 3);
		a.position = a.start == RINGBUF_START_POSITION ? any_position(v, u) : 0;
	}
	u->fd = device_open();
	CHECK(u->fd >= 0);
	if (call(u->fd, RINGBUF_IOC_ATTACH, &a)) {
		user_close(u); /* no row or id is free now */
		sched_yield();
		return 0;
	}
	CHECK_EQ(0, nonblock(u->fd));
	if (u->role != RINGBUF_ROLE_OBSERVER)
		CHECK_EQ(0, framing_call(u->fd, u->framing));
	return 0;
}

/* ---- readers ---------------------------------------------------------------------------- */

static int read_checked(struct user *u, ssize_t n)
{
	size_t most = u->framing == RINGBUF_FRAMING_STREAM ? u->stage->big
							   : (size_t)u->stage->maps.info.slot_bytes;

	CHECK(n < 0 || (size_t)n <= most);
	CHECK(n < 0 || scribble_inside(u->buffer, (size_t)n));
	return 0;
}

static int reader_read(struct victim *v, struct user *u)
{
	size_t room = any(v, 2) ? u->stage->big : any(v, u->stage->big);
	size_t cut = any(v, room + 1);
	struct iovec iov[2] = { { u->buffer, cut }, { u->buffer + cut, room - cut } };

	if (any(v, 2))
		return read_checked(u, read(u->fd, u->buffer, room));
	return read_checked(u, readv(u->fd, iov, 2));
}

/* Move a message, or bytes, to a pipe and read them there. */
static int reader_splice(struct victim *v, struct user *u)
{
	size_t room = any(v, u->stage->big) + 1;
	ssize_t n = splice(u->fd, NULL, u->pipe[1], NULL, room, SPLICE_F_NONBLOCK);

	CHECK(n <= (ssize_t)room);
	if (n > 0)
		return read_checked(u, read(u->pipe[0], u->buffer, (size_t)n));
	return 0;
}

static int reader_step(struct victim *v)
{
	struct user *u = v->arg;
	ssize_t n;

	if (u->fd < 0)
		return user_open(v, u);
	switch (any(v, 16)) {
	case 0:
		user_close(u);
		return 0;
	case 1:
		n = sendfile(u->sink, u->fd, NULL, u->stage->big);
		CHECK(n <= (ssize_t)u->stage->big);
		return 0;
	case 2:
	case 3:
		return reader_splice(v, u);
	case 4:
		ready_call(u->fd);
		return 0;
	case 5:
	case 6:
	case 7:
		return any_call(v, u);
	default:
		return reader_read(v, u);
	}
}

/* ---- writers ---------------------------------------------------------------------------- */

static int writer_splice(struct victim *v, struct user *u)
{
	size_t n = any(v, 4000) + 1;

	if (write(u->pipe[1], u->buffer, n > u->stage->big ? u->stage->big : n) < 0)
		return 0;
	splice(u->pipe[0], NULL, u->fd, NULL, n, SPLICE_F_NONBLOCK);
	/* What does not fit into the ring now would fill the pipe. */
	while (read(u->pipe[0], u->buffer, u->stage->big) > 0)
		;
	return 0;
}

static int writer_step(struct victim *v)
{
	struct user *u = v->arg;
	size_t n = any(v, u->framing == RINGBUF_FRAMING_STREAM
				  ? u->stage->big
				  : u->stage->maps.info.slot_bytes + 2);

	if (u->fd < 0)
		return user_open(v, u);
	switch (any(v, 12)) {
	case 0:
		/* That of the hostile writer is the only one of an exclusive ring. */
		if (!(u->stage->maps.info.ring_flags & RINGBUF_CREATE_EXCLUSIVE))
			user_close(u);
		return 0;
	case 1:
		return writer_splice(v, u);
	case 2:
	case 3:
	case 4:
		return any_call(v, u);
	case 5:
		evict_call(u->fd, (uint32_t)any(v, 5));
		return 0;
	default:
		CHECK(write(u->fd, u->buffer, n) <= (ssize_t)n);
		return 0;
	}
}

static int observer_step(struct victim *v)
{
	struct user *u = v->arg;

	return u->fd < 0 ? user_open(v, u) : any_call(v, u);
}

/* Make and end a writer or a reader with maps, as processes come and go. */
static int newcomer_step(struct victim *v)
{
	struct user *u = v->arg;
	struct maps m;

	u->role = any(v, 2) ? RINGBUF_ROLE_READER : RINGBUF_ROLE_WRITER;
	if (user_open(v, u) || u->fd < 0)
		return v->failed;
	if (!maps_open(&m, u->fd)) {
		reader_splice(v, u);
		maps_close(&m);
	}
	if (any(v, 2) && u->role == RINGBUF_ROLE_WRITER)
		done_call(u->fd);
	user_close(u);
	return 0;
}

/* ---- io_uring --------------------------------------------------------------------------- */

static void uring_queue(struct victim *v, struct user *u, struct ringbuf_wait *w)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->uring);

	switch (any(v, 4)) {
	case 0:
		ringbuf_prep_read(sqe, u->fd, u->buffer, (unsigned int)u->stage->big);
		break;
	case 1:
		ringbuf_prep_poll(sqe, u->fd, POLLIN | POLLOUT);
		break;
	default:
		*w = wait_for((uint32_t)any(v, u->stage->maps.info.slot_count) + 1,
			      any(v, 2) ? NEVER : now_ns() + MS);
		ringbuf_prep_wait(sqe, u->fd, w, any(v, 3));
	}
	u->in_flight++;
}

/* End all requests of the handle: waits by their tags, and what io_uring itself knows. */
static void uring_cancel(struct user *u)
{
	struct io_uring_sqe *sqe;
	uint64_t tag;

	for (tag = 0; tag < 3; tag++) {
		sqe = io_uring_get_sqe(&u->uring);
		ringbuf_prep_cancel(sqe, u->fd, tag);
		u->in_flight++;
	}
	sqe = io_uring_get_sqe(&u->uring);
	io_uring_prep_cancel_fd(sqe, u->fd, IORING_ASYNC_CANCEL_ALL);
	u->in_flight++;
	io_uring_submit(&u->uring);
}

/* Take the completions that have come: bytes that were read, slots that are ready, or events. */
static int uring_reap(struct user *u)
{
	uint64_t slots = u->stage->maps.info.slot_count, most = u->stage->big;
	struct io_uring_cqe *cqe;

	if (slots > most)
		most = slots;
	while (!io_uring_peek_cqe(&u->uring, &cqe)) {
		CHECK(cqe->res <= (int)(most | POLLIN | POLLOUT));
		io_uring_cqe_seen(&u->uring, cqe);
		u->in_flight--;
	}
	return 0;
}

/* End all requests.  One that is on its way to another task is not found, so try again. */
static int uring_end(struct user *u)
{
	struct __kernel_timespec pause = { .tv_nsec = 10 * MS };
	struct io_uring_cqe *cqe;

	while (u->in_flight) {
		uring_cancel(u);
		CHECK_EQ(0, uring_reap(u));
		if (u->in_flight)
			io_uring_wait_cqe_timeout(&u->uring, &cqe, &pause);
		CHECK_EQ(0, uring_reap(u));
	}
	CHECK(scribble_inside(u->buffer, u->stage->big));
	return 0;
}

static int uring_step(struct victim *v)
{
	static struct ringbuf_wait waits[URING_DEPTH];
	struct user *u = v->arg;

	if (u->fd < 0) {
		if (user_open(v, u))
			return 1;
		/* Requests on a blocking handle wait. */
		return u->fd >= 0 && fcntl(u->fd, F_SETFL, 0) ? 1 : 0;
	}
	if (u->in_flight < URING_DEPTH / 2 && any(v, 16)) {
		uring_queue(v, u, &waits[any(v, URING_DEPTH)]);
		io_uring_submit(&u->uring);
		return uring_reap(u);
	}
	CHECK_EQ(0, uring_end(u));
	user_close(u);
	return 0;
}

/* ---- calls that may sleep for ever ------------------------------------------------------- */

struct blocked {
	struct stage *stage;
	int kind;
};

static int blocked_run(void *arg)
{
	struct blocked *b = arg;
	uint32_t role = b->kind % 2 ? RINGBUF_ROLE_WRITER : RINGBUF_ROLE_READER;
	int fd = role_open(role, b->stage->owner), one[2];
	char bytes[24] = "ABCDEFGHIJKLMNOPQRSTUVW";

	CHECK_EQ(0, pipe(one));
	for (; fd >= 0;) {
		struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
		ssize_t n = 0;

		if (b->kind < 2)
			wait_call(fd, 1, NEVER);
		else if (b->kind < 4)
			poll(&p, 1, -1);
		if (b->kind == 4)
			n = splice(fd, NULL, one[1], NULL, 100, 0);
		else
			n = role == RINGBUF_ROLE_READER ? read(fd, bytes, sizeof(bytes))
							: write(fd, bytes, sizeof(bytes));
		if (b->kind == 4 && n > 0)
			n = read(one[0], bytes, sizeof(bytes));
		sched_yield();
	}
	/* The ring is for one writer. */
	pause();
	return 0;
}

/* ---- the test ------------------------------------------------------------------------------ */

FIXTURE(hostile)
{
	struct stage *stage;
};

FIXTURE_VARIANT(hostile)
{
	uint32_t flags;
	uint64_t count;
	uint64_t stride;
	uint64_t claim_timeout;
};

FIXTURE_VARIANT_ADD(hostile, shared){ .count = 5, .stride = 64 };
FIXTURE_VARIANT_ADD(hostile,
		    exclusive){ .flags = RINGBUF_CREATE_EXCLUSIVE, .count = 7, .stride = 64 };
FIXTURE_VARIANT_ADD(hostile, one_slot){ .count = 1, .stride = 128 };
FIXTURE_VARIANT_ADD(hostile,
		    pages){ .flags = RINGBUF_CREATE_TIMESTAMP, .count = 9, .stride = 8192 };
/* More slots than a loop looks at before it lets others run. */
FIXTURE_VARIANT_ADD(hostile, many_slots){ .count = 9000, .stride = 64 };
FIXTURE_VARIANT_ADD(hostile, fences){ .count = 3, .stride = 64, .claim_timeout = MS };

FIXTURE_SETUP(hostile)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.flags = variant->flags,
		.slot_bytes = variant->stride - GAP_BYTES,
		.slot_count = variant->count,
		.claim_timeout = variant->claim_timeout,
		.policy_timeout = MS,
		.policy = RINGBUF_POLICY_SKIP,
	};
	struct stage *stage = calloc(1, sizeof(*stage));

	ASSERT_NE(NULL, stage);
	self->stage = stage;
	stage->seed = chance_seed();
	ASSERT_EQ(0, beside_open(stage));
	stage->owner = device_open();
	ASSERT_LE(0, stage->owner);
	ASSERT_EQ(0, call(stage->owner, RINGBUF_IOC_CREATE, &c));
	stage->enemy = writer_open(stage->owner);
	ASSERT_LE(0, stage->enemy);
	ASSERT_OK(nonblock(stage->enemy));
	ASSERT_OK(maps_open(&stage->maps, stage->enemy));
	ASSERT_LT(stage->maps.info.slot_bytes, stage->maps.info.slot_stride);
	stage->big = variant->stride * 3 / 2;
	scribble_init(&stage->scribble, &stage->maps, chance_fork(stage->seed, 0));
	scribble_gaps(&stage->scribble);
	memset(stage->maps.data, 'A', stage->scribble.slot_bytes);
}

FIXTURE_TEARDOWN(hostile)
{
	maps_close(&self->stage->maps);
	close(self->stage->enemy);
	close(self->stage->owner);
	free(self->stage);
}

static struct user *user_new(struct stage *stage, uint32_t role, uint32_t framing)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u)
		abort();
	u->stage = stage;
	u->fd = -1;
	u->role = role;
	u->framing = framing;
	u->buffer = malloc(stage->big);
	memset(u->buffer, 'V', stage->big);
	u->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (pipe2(u->pipe, O_NONBLOCK | O_CLOEXEC) ||
	    io_uring_queue_init(2 * URING_DEPTH, &u->uring, 0))
		abort();
	return u;
}

static void user_free(struct user *u)
{
	io_uring_queue_exit(&u->uring);
	user_close(u);
	close(u->pipe[0]);
	close(u->pipe[1]);
	close(u->sink);
	free(u->buffer);
	free(u);
}

static const struct {
	const char *name;
	int (*step)(struct victim *v);
	uint32_t role;
	uint32_t framing;
} cast[] = {
	{ "reader", reader_step, RINGBUF_ROLE_READER, RINGBUF_FRAMING_MESSAGE },
	{ "stream reader", reader_step, RINGBUF_ROLE_READER, RINGBUF_FRAMING_STREAM },
	{ "writer", writer_step, RINGBUF_ROLE_WRITER, RINGBUF_FRAMING_MESSAGE },
	{ "stream writer", writer_step, RINGBUF_ROLE_WRITER, RINGBUF_FRAMING_STREAM },
	{ "observer", observer_step, RINGBUF_ROLE_OBSERVER, RINGBUF_FRAMING_MESSAGE },
	{ "newcomer", newcomer_step, RINGBUF_ROLE_READER, RINGBUF_FRAMING_MESSAGE },
	{ "io_uring", uring_step, RINGBUF_ROLE_READER, RINGBUF_FRAMING_STREAM },
};

#define CAST (sizeof(cast) / sizeof(cast[0]))

TEST_F_TIMEOUT(hostile, calls_return_and_read_only_slots, 600)
{
	struct stage *stage = self->stage;
	struct victims *victims = &stage->victims;
	struct blocked blocked[BLOCKED];
	struct user *user[CAST];
	unsigned int i;
	int result;

	signal(SIGPIPE, SIG_IGN);
	stage->other = child_start(enemy_run, stage);
	for (i = 0; i < BLOCKED; i++) {
		blocked[i] = (struct blocked){ stage, (int)i };
		stage->blocked[i] = child_start(blocked_run, &blocked[i]);
	}
	ASSERT_EQ(0, victim_start(victims, "neighbour's writer", beside_write, stage, 0));
	ASSERT_EQ(0, victim_start(victims, "neighbour's reader", beside_read, stage, 0));
	ASSERT_EQ(0, victim_start(victims, "hostile writer", enemy_step, stage, 0));
	for (i = 0; i < CAST; i++) {
		user[i] = user_new(stage, cast[i].role, cast[i].framing);
		/* An exclusive writer is hostile itself; its own calls must return, too. */
		if (cast[i].role == RINGBUF_ROLE_WRITER &&
		    variant->flags & RINGBUF_CREATE_EXCLUSIVE)
			user[i]->fd = dup(stage->enemy);
		ASSERT_EQ(0,
			  victim_start(victims, cast[i].name, cast[i].step, user[i], stage->seed));
	}
	result = victims_watch(victims, often(2000) * chance_longer(), &victims->of[1].calls);
	FLAG_SET(victims->stop);
	EXPECT_OK(done_call(stage->beside[1]));
	/* A victim that is stuck cannot be joined; the end of this process ends it. */
	result = result ?: victims_end(victims);
	EXPECT_EQ(0, result);
	if (result)
		_exit(1);
	for (i = 0; i < CAST; i++)
		user_free(user[i]);
	/* All of them still run, or sleep, and a signal ends each. */
	for (i = 0; i < BLOCKED; i++)
		EXPECT_EQ(128 + SIGKILL, child_kill(stage->blocked[i]));
	EXPECT_EQ(128 + SIGKILL, child_kill(stage->other));
}

DEVICE_HARNESS_MAIN
