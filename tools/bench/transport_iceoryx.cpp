// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Transport: iceoryx 2.0, untyped publisher and subscriber, both with the policy to wait
 * rather than to lose messages.  Needs a running iox-roudi, and BENCH_ROUDI in the
 * environment, which says that it runs.
 */
#include "stream.h"

#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>

namespace {

/* RouDi connects ports every 100 ms; a message that is sent before would be lost. */
constexpr useconds_t settle_us = 400000;

using publisher = iox::popo::UntypedPublisher;
using subscriber = iox::popo::UntypedSubscriber;
using wait_set = iox::popo::WaitSet<>;

struct iox_chan {
	struct bench_params params;
	publisher *pub;
	subscriber *sub;
	wait_set *set;
	void *now;
	const void *seen;
};

iox_chan *chan_of(void *chan)
{
	return static_cast<iox_chan *>(chan);
}

const char *iox_validate()
{
	return getenv("BENCH_ROUDI") ? nullptr : "no iox-roudi runs (BENCH_ROUDI is not set)";
}

int iox_setup(void *chan, const struct bench_params *p)
{
	chan_of(chan)->params = *p;
	return 0;
}

/* Connect this process to RouDi, once. */
void runtime()
{
	static bool started;
	char name[32];

	if (started)
		return;
	started = true;
	snprintf(name, sizeof(name), "bench%d", static_cast<int>(getpid()));
	iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
		iox::log::LogLevel::kOff, iox::log::LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime(
		iox::RuntimeName_t(iox::cxx::TruncateToCapacity, name, strlen(name)));
}

iox::capro::ServiceDescription service(const iox_chan *c)
{
	const char *tag = c->params.tag;

	return { iox::capro::IdString_t(iox::cxx::TruncateToCapacity, tag, strlen(tag)), "ring",
		 "bench" };
}

void iox_open_tx(void *chan)
{
	iox_chan *c = chan_of(chan);
	iox::popo::PublisherOptions options;

	runtime();
	options.subscriberTooSlowPolicy = iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
	c->pub = new publisher(service(c), options);
	usleep(settle_us);
}

void iox_open_rx(void *chan, int)
{
	iox_chan *c = chan_of(chan);
	iox::popo::SubscriberOptions options;

	runtime();
	options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
	options.queueCapacity = c->params.bytes > 65536 ? 4 : 256;
	c->sub = new subscriber(service(c), options);
	if (c->params.mode == BENCH_BLOCK) {
		c->set = new wait_set;
		c->set->attachState(*c->sub, iox::popo::SubscriberState::HAS_DATA)
			.or_else([](auto) { bench_die("attachState"); });
	}
	usleep(settle_us);
}

void iox_close(void *chan)
{
	iox_chan *c = chan_of(chan);

	delete c->set;
	delete c->sub;
	delete c->pub;
}

inline void *iox_reserve(void *chan, size_t bytes)
{
	iox_chan *c = chan_of(chan);
	struct bench_waiter w = { c->params.mode, 0 };

	for (;; bench_wait(&w)) {
		auto loan = c->pub->loan(static_cast<uint32_t>(bytes), 64);

		if (!loan.has_error())
			return c->now = loan.value();
	}
}

inline void iox_commit(void *chan, size_t)
{
	chan_of(chan)->pub->publish(chan_of(chan)->now);
}

inline const void *iox_peek(void *chan, size_t)
{
	iox_chan *c = chan_of(chan);
	struct bench_waiter w = { c->params.mode, 0 };

	for (;;) {
		auto taken = c->sub->take();

		if (!taken.has_error())
			return c->seen = taken.value();
		if (c->set)
			c->set->wait();
		else
			bench_wait(&w);
	}
}

inline void iox_release(void *chan)
{
	chan_of(chan)->sub->release(chan_of(chan)->seen);
}

inline void iox_send(void *chan, const void *msg, size_t bytes)
{
	bench_copy(iox_reserve(chan, bytes), msg, bytes);
	iox_commit(chan, bytes);
}

inline void iox_recv(void *chan, void *msg, size_t bytes)
{
	bench_copy(msg, iox_peek(chan, bytes), bytes);
	iox_release(chan);
}

constexpr struct bench_ops make_ops()
{
	struct bench_ops ops = {};

	ops.size = sizeof(iox_chan);
	ops.own_depth = true;
	ops.clean_exit = true;
	ops.validate = iox_validate;
	ops.setup = iox_setup;
	ops.open_tx = iox_open_tx;
	ops.open_rx = iox_open_rx;
	ops.close = iox_close;
	ops.send = iox_send;
	ops.recv = iox_recv;
	ops.reserve = iox_reserve;
	ops.commit = iox_commit;
	ops.peek = iox_peek;
	ops.release = iox_release;
	return ops;
}

constexpr struct bench_ops iox_ops = make_ops();

BENCH_ROUND(iox_echo, iox_ops);
BENCH_STREAM(iox_one, iox_ops, BENCH_SHARED, BENCH_ONE);
BENCH_STREAM(iox_place, iox_ops, BENCH_SHARED, BENCH_IN_PLACE);

const char small_queue[] = "queue capacity 256";
const char big_queue[] = "queue capacity 4";
const char cast[] = "publish and subscribe";
const char many[] = "4 publishers, 1 subscriber";

const struct bench_case cases[] = {
	BENCH_CASE("iceoryx", "L1", iox_echo, iox_ops, BENCH_SPIN, small_queue),
	BENCH_CASE("iceoryx", "L2", iox_echo, iox_ops, BENCH_BLOCK, small_queue),
	BENCH_CASE("iceoryx", "L2p", iox_echo, iox_ops, BENCH_BLOCK, small_queue),
	BENCH_CASE("iceoryx", "L2s", iox_echo, iox_ops, BENCH_BLOCK, small_queue),
	BENCH_CASE("iceoryx", "T1", iox_one, iox_ops, BENCH_SPIN, small_queue),
	BENCH_CASE("iceoryx", "T2", iox_one, iox_ops, BENCH_SPIN, big_queue),
	BENCH_CASE("iceoryx", "T2zc", iox_place, iox_ops, BENCH_SPIN, big_queue),
	BENCH_CASE("iceoryx", "T3", iox_one, iox_ops, BENCH_SPIN, cast),
	BENCH_CASE("iceoryx", "T4", iox_one, iox_ops, BENCH_SPIN, many),
	BENCH_CASE("iceoryx", "T5", iox_one, iox_ops, BENCH_SPIN, cast),
};

} /* namespace */

extern "C" const struct bench_family bench_iceoryx;
const struct bench_family bench_iceoryx = { cases, BENCH_ARRAY_SIZE(cases) };
