// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that use one ring: writers, readers, and one more reader that comes and
 * goes.  Every message carries writer, number and checksum.  Every reader has to see
 * those of each writer in order and without a gap, from where it attached.  In the
 * last case the readers attach while the writers wait for them, and have to see
 * everything.  Only a wake-up ends a sleep, so a lost one hangs until the alarm.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"
#include "tap.h"

#define MAX_THREADS 4

struct seat {
	u64 waiter;
	u32 seq;
} __attribute__((aligned(64)));

struct message {
	u64 writer;
	u64 number;
	u64 filler[4];
	u64 checksum;
};

struct stress {
	struct ring ring;
	u32 writers;
	u32 readers;
	u64 messages; /* number of messages of each writer */
	u64 slots;
	u32 flags;
	bool wait; /* writers wait until all readers are attached */
	pthread_mutex_t lock;
	struct seat seat[2 * MAX_THREADS + 1]; /* seats of the writers, then of the readers */
	u32 over;
	u32 errors;
};

struct thread {
	struct stress *s;
	u32 id; /* id of a writer */
	u32 row; /* row of a reader */
	u64 seed;
	u64 next[MAX_THREADS + 1]; /* number of the next message of each writer; ~0: any */
	u64 seen;
	pthread_t pthread;
};

static u64 random_of(struct thread *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed;
}

static void complain(struct stress *s, const char *what, u64 a, u64 b)
{
	if (__atomic_fetch_add(&s->errors, 1, __ATOMIC_RELAXED) < 5)
		printf("# %s: %llu %llu\n", what, (unsigned long long)a, (unsigned long long)b);
}

/* ---- the host -------------------------------------------------------------- */

static void kick(struct seat *p)
{
	__atomic_add_fetch(&p->seq, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &p->seq, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static u64 *wake_word(void *stress, u32 pass, u32 i)
{
	struct stress *s = stress;

	(void)pass;
	return &s->seat[i].waiter;
}

static void wake_kick(void *stress, u32 i)
{
	struct stress *s = stress;

	kick(&s->seat[i]);
}

static void host_wake(struct stress *s)
{
	const struct rb_seats seats = { 2 * MAX_THREADS + 1, wake_word, wake_kick, s };
	struct rb_round round;

	rb_wake_round(&s->ring.view, &round, &seats);
}

static void wake_all(struct stress *s)
{
	u32 i;

	smp_mb();
	for (i = 0; i < 2 * MAX_THREADS + 1; i++)
		kick(&s->seat[i]);
}

static void host_wait(struct stress *s, struct seat *p, u64 waiter, bool reader)
{
	u32 seq = smp_load_acquire(&p->seq);

	rb_arm(&s->ring.view, &p->waiter, waiter);
	if (!rb_reached(&s->ring.view, waiter) && !(reader && rb_ended(&s->ring.view)))
		syscall(SYS_futex, &p->seq, FUTEX_WAIT_PRIVATE, seq, NULL, NULL, 0);
	rb_disarm(&p->waiter);
}

static void reader_begin(struct thread *t, struct rb_reader *r, u64 want)
{
	struct stress *s = t->s;

	pthread_mutex_lock(&s->lock);
	rb_attach_reader(&s->ring.view, t->row, want, &blocking);
	wake_all(s);
	pthread_mutex_unlock(&s->lock);
	rb_reader_init(&s->ring.view, r, t->row);
}

static void reader_end(struct thread *t)
{
	struct stress *s = t->s;

	pthread_mutex_lock(&s->lock);
	rb_detach_reader(&s->ring.view, t->row);
	wake_all(s);
	pthread_mutex_unlock(&s->lock);
}

static void writer_end(struct thread *t)
{
	struct stress *s = t->s;
	u64 end;

	pthread_mutex_lock(&s->lock);
	rb_repair(&s->ring.view, t->id, &end);
	rb_end_writer(&s->ring.view, t->id, false);
	wake_all(s);
	pthread_mutex_unlock(&s->lock);
}

/* ---- messages ---------------------------------------------------------------- */

static struct message *slot(struct stress *s, u64 index)
{
	return (struct message *)(s->ring.data + index * s->ring.layout.slot_stride);
}

static u64 checksum(const struct message *m)
{
	u64 sum = m->writer * 0x9e3779b97f4a7c15ULL + m->number, i;

	for (i = 0; i < 4; i++)
		sum = sum * 31 + m->filler[i];
	return sum;
}

static void fill(struct message *m, u64 writer, u64 number)
{
	u64 i;

	m->writer = writer;
	m->number = number;
	for (i = 0; i < 4; i++)
		m->filler[i] = number * (i + 3);
	m->checksum = checksum(m);
}

static void check(struct thread *t, const struct message *m)
{
	struct stress *s = t->s;

	if (m->writer < 1 || m->writer > s->writers || m->checksum != checksum(m)) {
		complain(s, "torn message", m->writer, m->number);
		return;
	}
	if (t->next[m->writer] != ~0ULL && t->next[m->writer] != m->number)
		complain(s, "expected, got", t->next[m->writer], m->number);
	t->next[m->writer] = m->number + 1;
	t->seen++;
}

/* ---- threads ------------------------------------------------------------------- */

static void reserve(struct thread *t, struct rb_writer *w, u32 count)
{
	const struct rb_view *v = &t->s->ring.view;
	enum rb_reserved got;

	while ((got = rb_reserve(v, w, count)) != RB_RESERVED) {
		u64 kind = got == RB_BLOCKED_BY_SLOT ? RB_WAIT_POSITION : RB_WAIT_CURSOR;

		if (got != RB_RETRY)
			host_wait(t->s, &t->s->seat[t->id - 1], rb_waiter_word(w->blocked, kind),
				  false);
	}
}

static void *writer(void *arg)
{
	struct thread *t = arg;
	struct stress *s = t->s;
	const struct rb_view *v = &s->ring.view;
	u64 number = 0, most = v->slots < 8 ? v->slots : 8, i;
	struct rb_writer w;
	u32 count, commit, k;
	bool wake;

	rb_writer_init(v, &w, t->id);
	while (number < s->messages) {
		count = (u32)(random_of(t) % most) + 1;
		commit = random_of(t) % 4 ? count : (u32)(random_of(t) % (count + 1));
		if (commit > s->messages - number)
			commit = (u32)(s->messages - number);
		reserve(t, &w, count);
		for (k = 0, i = w.index; k < commit; k++, i = rb_index_add(v, i, 1))
			fill(slot(s, i), t->id, number++);
		if (!rb_publish(v, &w, commit, &wake))
			complain(s, "repaired under a living writer", t->id, number);
		if (wake)
			host_wake(s);
	}
	writer_end(t);
	return NULL;
}

/* Read the messages that are ready, or sleep once.  Return false at the end of the stream. */
static bool read_some(struct thread *t, struct rb_reader *r)
{
	struct stress *s = t->s;
	const struct rb_view *v = &s->ring.view;
	bool ended = false, wake;
	int n, k;
	u64 i;

	for (;; ended = true) {
		n = rb_peek(v, r, (u32)(random_of(t) % 8) + 1, &wake);
		if (wake)
			host_wake(s);
		if (n || ended || !rb_ended(v))
			break;
	}
	if (n < 0)
		complain(s, "words make no sense", r->pos, t->row);
	if (!n && !ended)
		host_wait(s, &s->seat[MAX_THREADS + t->row],
			  rb_waiter_word(r->pos, RB_WAIT_POSITION), true);
	if (n <= 0)
		return !n && !ended;
	for (k = 0, i = r->index; k < n; k++, i = rb_index_add(v, i, 1))
		check(t, slot(s, i));
	if (!rb_release(v, r, (u32)n, &wake))
		complain(s, "moved by nobody", r->pos, t->row);
	if (wake)
		host_wake(s);
	return true;
}

static void *reader(void *arg)
{
	struct thread *t = arg;
	struct rb_reader r;

	if (t->s->wait)
		reader_begin(t, &r, ~0ULL);
	else
		rb_reader_init(&t->s->ring.view, &r, t->row);
	while (read_some(t, &r))
		;
	reader_end(t);
	if (t->seen != t->s->messages * t->s->writers)
		complain(t->s, "messages written, read", t->s->messages * t->s->writers, t->seen);
	return NULL;
}

/* Attach at some position, read a little and detach, again and again. */
static void *visitor(void *arg)
{
	struct thread *t = arg;
	struct stress *s = t->s;
	struct rb_reader r;
	u64 last = 0, steps;
	bool more = true;

	while (more && !READ_ONCE(s->over)) {
		static const u64 far[] = { ~0ULL, 0 };
		u64 kind = random_of(t) % 3;

		memset(t->next, 0xff, sizeof(t->next));
		reader_begin(t, &r, kind < 2 ? far[kind] : last);
		for (steps = random_of(t) % 30; more && steps; steps--)
			more = read_some(t, &r);
		last = r.pos;
		reader_end(t);
	}
	return NULL;
}

static void start(struct stress *s, struct thread *t, void *(*body)(void *), u32 number)
{
	t->s = s;
	t->id = t->row = number;
	t->seed = 88172645463325252ULL + number * 977 + (body == writer);
	if (pthread_create(&t->pthread, NULL, body, t))
		abort();
}

static void run(struct stress *s)
{
	struct thread w[MAX_THREADS] = { 0 }, r[MAX_THREADS] = { 0 }, guest = { 0 };
	u32 i;

	CHECK(!ring_new(&s->ring, s->slots, s->flags, MAX_THREADS + 1,
			s->flags & RINGBUF_CREATE_EXCLUSIVE ? 1 : MAX_THREADS));
	pthread_mutex_init(&s->lock, NULL);
	if (s->wait)
		rb_gate_close(&s->ring.view, s->readers);
	for (i = 0; i < s->readers && !s->wait; i++)
		rb_attach_reader(&s->ring.view, i, 0, &blocking);
	for (i = 1; i <= s->writers; i++)
		rb_attach_writer(&s->ring.view, i);
	for (i = 0; i < s->writers; i++)
		start(s, &w[i], writer, i + 1);
	for (i = 0; i < s->readers; i++)
		start(s, &r[i], reader, i);
	/* In that case one more reader would open the gate too early. */
	if (!s->wait)
		start(s, &guest, visitor, s->readers);
	for (i = 0; i < s->writers; i++)
		pthread_join(w[i].pthread, NULL);
	for (i = 0; i < s->readers; i++)
		pthread_join(r[i].pthread, NULL);
	WRITE_ONCE(s->over, 1);
	if (!s->wait)
		pthread_join(guest.pthread, NULL);
	CHECK(!s->errors);
	ring_free(&s->ring);
}

static u64 total = 60000; /* messages of a run with many slots, in which threads sleep rarely */

static void stress(u64 slots)
{
	static const u32 shape[][3] = {
		/* flags, writers, readers */
		{ RINGBUF_CREATE_EXCLUSIVE, 1, 1 },
		{ RINGBUF_CREATE_EXCLUSIVE, 1, 3 },
		{ 0, 1, 2 },
		{ 0, 2, 1 },
		{ 0, 3, 3 },
	};
	u32 i;

	for (i = 0; i < sizeof(shape) / sizeof(*shape); i++) {
		struct stress *s = aligned_alloc(64, sizeof(*s));

		if (!s)
			abort();
		memset(s, 0, sizeof(*s));
		s->slots = slots;
		s->flags = shape[i][0];
		s->writers = shape[i][1];
		s->readers = shape[i][2];
		s->messages = total / s->writers / (slots < 7 ? 10 / slots : 1);
		run(s);
		free(s);
	}
}

/* Make many short runs, since their beginning is what is tested. */
static void stress_wait(void)
{
	u32 i;

	for (i = 0; i < total / 100; i++) {
		struct stress *s = aligned_alloc(64, sizeof(*s));

		if (!s)
			abort();
		memset(s, 0, sizeof(*s));
		s->slots = i % 3 + 1;
		s->flags = i % 2 ? RINGBUF_CREATE_EXCLUSIVE : 0;
		s->writers = i % 2 ? 1 : 2;
		s->readers = 3;
		s->messages = 20;
		s->wait = true;
		run(s);
		free(s);
	}
}

static void stress_1(void)
{
	stress(1);
}

static void stress_2(void)
{
	stress(2);
}

static void stress_3(void)
{
	stress(3);
}

static void stress_7(void)
{
	stress(7);
}

static void stress_64(void)
{
	stress(64);
}

static const struct tap_test tests[] = {
	{ "readers get all messages in order through 1 slot", stress_1 },
	{ "readers get all messages in order through 2 slots", stress_2 },
	{ "readers get all messages in order through 3 slots", stress_3 },
	{ "readers get all messages in order through 7 slots", stress_7 },
	{ "readers get all messages in order through 64 slots", stress_64 },
	{ "three readers for which the writers wait miss no message", stress_wait },
};

int main(int argc, char **argv)
{
	if (argc > 1)
		total = strtoull(argv[1], NULL, 0);
	alarm(300);
	return TAP_ALL(tests);
}
