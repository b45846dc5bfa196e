// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Transport: POSIX message queues.  RLIMIT_MSGQUEUE is less than one message of 1 MiB. */
#include "stream.h"
#include "wake.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>

struct mq_chan {
	mqd_t q;
	long depth;
};

/* Return @want, or what sysctl fs.mqueue.msg_max allows if that is less. */
static long mq_depth(long want)
{
	FILE *f = fopen("/proc/sys/fs/mqueue/msg_max", "r");
	long max = 10;

	if (f) {
		if (fscanf(f, "%ld", &max) != 1)
			max = 10;
		fclose(f);
	}
	return max < want ? max : want;
}

static int mq_setup(void *chan, const struct bench_params *p)
{
	struct mq_chan *c = chan;
	struct mq_attr attr = { 0 };
	char name[64];

	c->depth = mq_depth((long)p->depth);
	attr.mq_msgsize = (long)p->bytes;
	attr.mq_maxmsg = c->depth;
	snprintf(name, sizeof(name), "/%s", p->tag);
	c->q = mq_open(name, O_CREAT | O_EXCL | O_RDWR | (p->mode == BENCH_SPIN ? O_NONBLOCK : 0),
		       0600, &attr);
	if (c->q < 0)
		return -1;
	mq_unlink(name);
	return 0;
}

static void mq_teardown(void *chan)
{
	mq_close(((struct mq_chan *)chan)->q);
}

static void mq_describe(void *chan, char *text, size_t size)
{
	snprintf(text, size, "; queue depth %ld", ((struct mq_chan *)chan)->depth);
}

static inline void mq_send_one(void *chan, const void *msg, size_t bytes)
{
	struct mq_chan *c = chan;

	while (mq_send(c->q, msg, bytes, 0))
		if (errno != EAGAIN)
			bench_die("mq_send");
}

static inline void mq_recv_one(void *chan, void *msg, size_t bytes)
{
	struct mq_chan *c = chan;

	while (mq_receive(c->q, msg, bytes, NULL) != (ssize_t)bytes)
		if (errno != EAGAIN)
			bench_die("mq_receive");
}

static const struct bench_ops mq_ops = {
	.size = sizeof(struct mq_chan),
	.own_depth = true,
	.setup = mq_setup,
	.teardown = mq_teardown,
	.describe = mq_describe,
	.send = mq_send_one,
	.recv = mq_recv_one,
};

BENCH_ROUND(mq_echo, mq_ops);
BENCH_STREAM(mq_one, mq_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(mq_fan, mq_ops, BENCH_FAN, BENCH_ONE);

static const struct bench_case cases[] = {
	BENCH_CASE("mqueue", "L1", mq_echo, mq_ops, BENCH_SPIN, "a queue each way"),
	BENCH_CASE("mqueue", "L2", mq_echo, mq_ops, BENCH_BLOCK, "a queue each way"),
	BENCH_CASE("mqueue", "L2p", mq_echo, mq_ops, BENCH_BLOCK, "a queue each way"),
	BENCH_CASE("mqueue", "L2s", mq_echo, mq_ops, BENCH_BLOCK, "a queue each way"),
	BENCH_CASE("mqueue", "T1", mq_one, mq_ops, BENCH_BLOCK, "one queue"),
	BENCH_CASE("mqueue", "T3", mq_fan, mq_ops, BENCH_BLOCK, "a queue per reader"),
	BENCH_CASE("mqueue", "T4", mq_one, mq_ops, BENCH_BLOCK, "one queue for all writers"),
	BENCH_WAKE_CASES("mqueue", mq_ops),
};

extern const struct bench_family bench_mqueue;
const struct bench_family bench_mqueue = { cases, BENCH_ARRAY_SIZE(cases) };
