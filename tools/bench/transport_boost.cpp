// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Transports: Boost.Lockfree's spsc_queue in shared memory, and Boost.Interprocess's message_queue.
 */
#include "stream.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <new>
#include <sys/mman.h>

namespace {

/* ---- spsc_queue ------------------------------------------------------------ */

template <size_t bytes> struct blob {
	char at[bytes];
};

template <size_t bytes, size_t depth> struct spsc {
	using message = blob<bytes>;
	using queue = boost::lockfree::spsc_queue<message, boost::lockfree::capacity<depth>>;

	queue *q;
	enum bench_mode mode;

	static int setup(void *chan, const struct bench_params *p)
	{
		spsc *c = static_cast<spsc *>(chan);

		c->q = new (bench_shm(sizeof(queue))) queue;
		c->mode = p->mode;
		return 0;
	}

	static void teardown(void *chan)
	{
		munmap(static_cast<void *>(static_cast<spsc *>(chan)->q), sizeof(queue));
	}

	static void open_tx(void *chan)
	{
		bench_touch(static_cast<spsc *>(chan)->q, sizeof(queue));
	}

	static void open_rx(void *chan, int)
	{
		open_tx(chan);
	}

	static void send(void *chan, const void *msg, size_t)
	{
		spsc *c = static_cast<spsc *>(chan);
		struct bench_waiter w = { c->mode, 0 };

		while (!c->q->push(*static_cast<const message *>(msg)))
			bench_wait(&w);
	}

	static bool try_recv(void *chan, void *msg, size_t)
	{
		return static_cast<spsc *>(chan)->q->pop(*static_cast<message *>(msg));
	}

	static void recv(void *chan, void *msg, size_t n)
	{
		struct bench_waiter w = { static_cast<spsc *>(chan)->mode, 0 };

		while (!try_recv(chan, msg, n))
			bench_wait(&w);
	}

	static void send_n(void *chan, const void *msgs, size_t count)
	{
		spsc *c = static_cast<spsc *>(chan);
		struct bench_waiter w = { c->mode, 0 };
		const message *m = static_cast<const message *>(msgs);

		while (count) {
			size_t n = c->q->push(m, count);

			if (!n)
				bench_wait(&w);
			m += n;
			count -= n;
		}
	}

	static size_t recv_n(void *chan, void *msgs, size_t max)
	{
		spsc *c = static_cast<spsc *>(chan);
		struct bench_waiter w = { c->mode, 0 };
		size_t n;

		while (!(n = c->q->pop(static_cast<message *>(msgs), max)))
			bench_wait(&w);
		return n;
	}
};

template <class T> constexpr struct bench_ops spsc_ops()
{
	struct bench_ops ops = {};

	ops.size = sizeof(T);
	ops.setup = T::setup;
	ops.teardown = T::teardown;
	ops.open_tx = T::open_tx;
	ops.open_rx = T::open_rx;
	ops.send = T::send;
	ops.recv = T::recv;
	ops.try_recv = T::try_recv;
	ops.send_n = T::send_n;
	ops.recv_n = T::recv_n;
	return ops;
}

constexpr struct bench_ops small_ops = spsc_ops<spsc<64, 1024>>();
constexpr struct bench_ops big_ops = spsc_ops<spsc<1 << 20, 4>>();

/* ---- message_queue ----------------------------------------------------------- */

struct mq {
	using queue = boost::interprocess::message_queue;

	queue *q;
	enum bench_mode mode;
	char name[64];

	static int setup(void *chan, const struct bench_params *p)
	{
		mq *c = static_cast<mq *>(chan);

		c->mode = p->mode;
		snprintf(c->name, sizeof(c->name), "%s", p->tag);
		c->q = new queue(boost::interprocess::create_only, c->name, p->depth, p->bytes);
		queue::remove(c->name);
		return 0;
	}

	static void teardown(void *chan)
	{
		delete static_cast<mq *>(chan)->q;
	}

	static void send(void *chan, const void *msg, size_t bytes)
	{
		mq *c = static_cast<mq *>(chan);

		if (c->mode == BENCH_BLOCK) {
			c->q->send(msg, bytes, 0);
			return;
		}
		while (!c->q->try_send(msg, bytes, 0))
			bench_relax();
	}

	static void recv(void *chan, void *msg, size_t bytes)
	{
		mq *c = static_cast<mq *>(chan);
		unsigned int priority;
		size_t got;

		if (c->mode == BENCH_BLOCK)
			c->q->receive(msg, bytes, got, priority);
		else
			while (!c->q->try_receive(msg, bytes, got, priority))
				bench_relax();
		if (got != bytes)
			bench_wrong("length", got, bytes);
	}
};

constexpr struct bench_ops make_mq_ops()
{
	struct bench_ops ops = {};

	ops.size = sizeof(mq);
	ops.setup = mq::setup;
	ops.teardown = mq::teardown;
	ops.send = mq::send;
	ops.recv = mq::recv;
	return ops;
}

constexpr struct bench_ops mq_ops = make_mq_ops();

BENCH_ROUND(small_echo, small_ops);
BENCH_STREAM(small_one, small_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(small_batch, small_ops, BENCH_SHARED, BENCH_BATCHED);
BENCH_STREAM(small_fan, small_ops, BENCH_FAN, BENCH_ONE);
BENCH_STREAM(small_merge, small_ops, BENCH_MERGE, BENCH_ONE);
BENCH_STREAM(big_one, big_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(big_fan, big_ops, BENCH_FAN, BENCH_ONE);
BENCH_ROUND(mq_echo, mq_ops);
BENCH_STREAM(mq_one, mq_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(mq_fan, mq_ops, BENCH_FAN, BENCH_ONE);

const char per_reader[] = "a queue per reader";
const char per_writer[] = "a queue per writer, the reader polls";
const char one_queue[] = "one queue for all writers";

const struct bench_case cases[] = {
	BENCH_CASE("boost_spsc", "L1", small_echo, small_ops, BENCH_SPIN, nullptr),
	BENCH_CASE("boost_spsc", "T1", small_one, small_ops, BENCH_SPIN, nullptr),
	BENCH_CASE("boost_spsc", "T1b", small_batch, small_ops, BENCH_SPIN, nullptr),
	BENCH_CASE("boost_spsc", "T2", big_one, big_ops, BENCH_SPIN, nullptr),
	BENCH_CASE("boost_spsc", "T3", small_fan, small_ops, BENCH_SPIN, per_reader),
	BENCH_CASE("boost_spsc", "T4", small_merge, small_ops, BENCH_SPIN, per_writer),
	BENCH_CASE("boost_spsc", "T5", big_fan, big_ops, BENCH_SPIN, per_reader),
	BENCH_CASE("boost_ipc_mq", "L1", mq_echo, mq_ops, BENCH_SPIN, nullptr),
	BENCH_CASE("boost_ipc_mq", "L2", mq_echo, mq_ops, BENCH_BLOCK, nullptr),
	BENCH_CASE("boost_ipc_mq", "L2p", mq_echo, mq_ops, BENCH_BLOCK, nullptr),
	BENCH_CASE("boost_ipc_mq", "L2s", mq_echo, mq_ops, BENCH_BLOCK, nullptr),
	BENCH_CASE("boost_ipc_mq", "T1", mq_one, mq_ops, BENCH_BLOCK, nullptr),
	BENCH_CASE("boost_ipc_mq", "T2", mq_one, mq_ops, BENCH_BLOCK, nullptr),
	BENCH_CASE("boost_ipc_mq", "T3", mq_fan, mq_ops, BENCH_BLOCK, per_reader),
	BENCH_CASE("boost_ipc_mq", "T4", mq_one, mq_ops, BENCH_BLOCK, one_queue),
	BENCH_CASE("boost_ipc_mq", "T5", mq_fan, mq_ops, BENCH_BLOCK, per_reader),
};

} /* namespace */

extern "C" const struct bench_family bench_boost;
const struct bench_family bench_boost = { cases, BENCH_ARRAY_SIZE(cases) };
