# SPDX-License-Identifier: GPL-2.0
"""A server that answers garbage.  The bridge runs under sanitizers."""
import os
import signal

import ringbuffer
from liar import LIES, Forgetful, Lagging, Liar, Replacing, Restamping, flip
from world import (ALONE, ASAN, PATIENCE, Server, Task, World, check_all, ended, read_numbers,
                   until, until_read, write)

# Some answers let libnats 3.4.1 leak memory.
os.environ["ASAN_OPTIONS"] = "detect_leaks=0"

MOST = 100


class LyingServer(Server):
    """A server that the bridge reaches through a proxy that lies."""

    liar = None

    def lie(self, seed, lies=LIES):
        self.liar = Liar(self, seed, lies)
        self.url = self.liar.url

    def close(self):
        if self.liar:
            self.liar.close()
        super().close()


def test_nothing_is_lost_or_repeated_when_the_server_lies(kills, seed):
    count = 40 * kills + 100

    def pause(number):
        if number == count - 100:
            until(lambda: not w.server.liar.left, "the server tells too few lies")
    with World(slots=64, slot_bytes=MOST, server=LyingServer, program=ASAN) as w:
        w.server.lie(seed)
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        halves = [w.publish(ALONE, "--window=8"), w.subscribe("--window=8")]
        w.server.liar.left = 4 * kills
        writing = Task(write, w.here, count, MOST, pause)
        checking = Task(check_all, reader, count, MOST)
        checking.finish(PATIENCE + kills)
        writing.finish()
        for half in halves:
            status, report = half.end()
            assert (status, report["lost"]) == (0, 0), report
            # The server's words are on a terminal.
            assert all(line.isprintable() for line in half.said().splitlines())
        print("#", w.server.liar.told)


def test_bytes_that_change_on_the_way_do_not_end_the_bridge(kills, seed):
    # Without TLS no one notices that the bytes of a message are others, so these are not compared.
    with World(slots=64, slot_bytes=MOST, server=LyingServer, program=ASAN) as w:
        w.server.lie(seed, [flip])
        w.server.start()
        halves = [w.publish(ALONE, "--window=8"), w.subscribe("--window=8")]
        w.server.liar.left = 4 * kills
        with w.here.writer() as writer:
            while w.server.liar.left:
                writer.write(b"x", timeout=PATIENCE)
            before = w.server.stored() or 0
            writer.write(b"last", timeout=PATIENCE)
            until(lambda: (w.server.stored() or 0) > before, "publish does not continue")
            until(lambda: any(consumer["num_pending"] == 0 for consumer in
                              w.server.ask("CONSUMER.LIST.s")["consumers"] or ()),
                  "subscribe does not continue")
            for half in halves:
                assert half.end(signal.SIGTERM)[0] == 0, half.said()


def with_liar(liar):
    """Make a server that the bridge reaches through a proxy that this function makes."""
    def make(folder, conf):
        server = LyingServer(folder, conf)
        server.liar = liar(server)
        server.url = server.liar.url
        return server
    return make


def test_message_that_the_server_says_to_have_is_kept_until_it_has_it():
    # The ring is full of such messages; others follow; or it is the end of the messages.
    for which in "full", "follows", "end":
        with World(slots=4, slot_bytes=MOST, server=with_liar(Forgetful)) as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            publish, subscribe = w.publish(ALONE), w.subscribe()
            with w.here.writer() as writer:
                for number in range(8):
                    until(lambda n=number: (w.server.stored() or 0) >= n or n > 4,
                          f"message {number - 1} does not come")
                    if number == 4:
                        w.server.liar.left = {"full": 4, "follows": 1, "end": 0}[which]
                    writer.write(b"%d" % number, timeout=PATIENCE)
                if which == "end":
                    until(lambda: w.server.stored() == 8, "not all is stored")
                    w.server.liar.left = 1
            read_numbers(reader, 8)
            for half in publish, subscribe:
                status, report = half.end()
                assert (status, report["lost"]) == (0, 0), report
            assert ended(reader) and not w.server.liar.left


def test_subscriber_notices_that_a_message_has_the_number_of_another_one():
    with World(slot_bytes=MOST, server=with_liar(lambda server: Replacing(server, 4))) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        halves = [w.publish(ALONE), w.subscribe()]
        with w.here.writer() as writer:
            for count in range(10):
                writer.write(b"%d" % count, timeout=PATIENCE)
        read_numbers(reader, 10)
        for half in halves:
            status, report = half.end()
            assert (status, report["lost"], report["messages"]) == (0, 0, 10), report
        assert "got others" in halves[1].said() and ended(reader)


def test_subscriber_notices_that_the_last_message_is_another_one():
    with World(slot_bytes=MOST, server=with_liar(lambda server: Restamping(server, 0))) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        halves = [w.publish(ALONE), w.subscribe()]
        with w.here.writer() as writer:
            writer.write(b"0", timeout=PATIENCE)
            read_numbers(reader, 1)
            w.server.liar.left = 1
            until(lambda: "the stream has lost messages" in halves[1].said(), "no complaint")
            writer.write(b"1", timeout=PATIENCE)
            until_read(reader, b"1")
        for half in halves:
            status, report = half.end()
            assert (status, report["lost"], report["messages"]) == (0, 0, 2), report


def test_subscriber_leaves_a_consumer_that_gives_nothing():
    for every in False, True:
        with World(slot_bytes=MOST, server=with_liar(lambda server, e=every: Lagging(server, e))
                   ) as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            publish, subscribe = w.publish(ALONE), w.subscribe()
            with w.here.writer() as writer:
                for number in range(10):
                    writer.write(b"%d" % number, timeout=PATIENCE)
            read_numbers(reader, 10)
            for half in publish, subscribe:
                status, report = half.end()
                assert (status, report["lost"], report["repeated"]) == (0, 0, 0), report
            assert "the consumer gives no message" in subscribe.said() and ended(reader)
