# SPDX-License-Identifier: GPL-2.0
"""Messages pass from ring to ring: whole, in order, counted when lost, until their end."""
import os
import signal

import ringbuffer
from world import (MAX_PAYLOAD, PATIENCE, Task, World, check_all, died, ended, until, until_read,
                   write, write_one)


def test_messages_arrive_once_in_order_and_the_end_too():
    with World(slot_bytes=8192) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        writing = Task(write, w.here, 2000, 8192)
        check_all(reader, 2000, 8192)
        writing.finish()
        assert publish.end()[0] == 0 and ended(reader)
        status, report = subscribe.end()
        assert (status, report["messages"], report["lost"]) == (0, 2000, 0), report


def test_messages_above_max_payload_are_split_and_put_together():
    most = 5 * MAX_PAYLOAD + 3
    with World(slot_bytes=most) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        w.publish()
        w.subscribe()
        writing = Task(write, w.here, 100, most)
        check_all(reader, 100, most)
        writing.finish()


def test_server_that_is_away_does_not_matter_if_there_is_another_one():
    with World() as w:
        w.server.start()
        w.server.url = f"nats://127.0.0.1:1,{w.server.url},nats://127.0.0.1:2"
        reader = w.there.reader(ringbuffer.OLDEST)
        w.publish()
        w.subscribe()
        write_one(w.here, b"x")
        until_read(reader, b"x")


def test_writer_waits_while_the_server_is_away():
    with World(slots=10) as w:
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.start()
        publish, subscribe = w.publish("--status=0.05"), w.subscribe()
        until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
        w.server.kill()
        with w.here.writer() as writer:
            for number in range(10):
                writer.write(b"%d" % number, timeout=0)
            try:
                writer.write(b"10", timeout=0)
                raise AssertionError("the ring has room while the server is away")
            except ringbuffer.WaitingForReaderError:
                pass
            until(lambda: "cannot connect to nats://127.0.0.1" in publish.said(), "no complaint")
            w.server.start()
            writer.write(b"10", timeout=PATIENCE)
        for number in range(11):
            until_read(reader, b"%d" % number)
        assert subscribe.end()[1]["lost"] == 0


def test_what_a_lossy_source_loses_is_counted_at_both_ends():
    with World(slots=10, policy=ringbuffer.Policy.LOSSY) as w:
        reader = w.there.reader(ringbuffer.OLDEST)
        w.server.start()
        publish, subscribe = w.publish(), w.subscribe()
        until(lambda: w.here.stats().readers, "the bridge does not attach")
        w.server.kill()
        with w.here.writer() as writer:
            for number in range(1000):
                writer.write(b"%d" % number, timeout=0)
            w.server.start()
        got = []
        while True:
            try:
                slot = reader.peek(timeout=PATIENCE)
            except ringbuffer.WriterFinishedError:
                break
            got.append(int(bytes(slot)))
            slot.release()
        there = subscribe.end()[1]
        here = publish.end()[1]
        assert got == sorted(set(got)) and got[-1] == 999, got
        assert here["lost"] == there["lost"] == 1000 - len(got), (here, there, len(got))
        assert "are lost" in publish.said() and "are lost" in subscribe.said()


def test_message_that_the_server_refuses_holds_those_behind_it_back():
    with World() as w:
        w.server.start()
        w.server.make_stream(max_msg_size=600)
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        with w.here.writer() as writer:
            for number in range(20):
                writer.write(b"%d" % number * (1000 if number == 10 else 1))
        until(lambda: "the server refused a message" in publish.said(), "no complaint")
        w.server.make_stream("UPDATE", max_msg_size=60000)
        for number in range(20):
            until_read(reader, b"%d" % number * (1000 if number == 10 else 1))
        assert subscribe.end()[1]["lost"] == publish.end()[1]["lost"] == 0


def test_bridge_that_was_stopped_continues_where_it_was():
    with World(slots=1000) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        writer = w.here.writer()
        for number in range(300):
            writer.write(b"%d" % number)
            if number % 100 == 50:
                until(lambda: w.here.stats().readers and w.there.stats().writers,
                      "the bridge does not attach")
                for half in publish, subscribe:
                    status, _ = half.end(signal.SIGTERM)
                    assert status == 0, half.said()
                    half.start()
        for number in range(300):
            until_read(reader, b"%d" % number)
        writer.close()


def test_message_that_is_longer_than_the_window_comes():
    with World(slot_bytes=MAX_PAYLOAD // 2) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish("--window-bytes=1000"), w.subscribe("--window-bytes=1000")
        writing = Task(write, w.here, 30, MAX_PAYLOAD // 2)
        check_all(reader, 30, MAX_PAYLOAD // 2)
        writing.finish()
        assert publish.end()[0] == subscribe.end()[0] == 0
        assert subscribe.said().count("cannot read") <= 1, subscribe.said()


def dies(ring):
    """Attach as a writer in a process that dies."""
    process = os.fork()
    if not process:
        writer = ring.writer()      # which stays open
        writer.write(b"0")
        os._exit(0)     # pylint: disable=protected-access
    os.waitpid(process, 0)


def test_only_an_end_that_was_done_is_done_at_the_far_end():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish(), w.subscribe()
        until(lambda: not w.here.stats().readers_lacking and w.there.stats().writers,
              "the bridge does not attach")
        dies(w.here)
        until_read(reader, b"0")
        assert publish.end()[0] == subscribe.end()[0] == 0
        assert died(reader)
        subscribe.start()
        until(lambda: w.there.stats().writers, "the bridge does not attach")
        assert subscribe.end(signal.SIGTERM)[0] == 0 and died(reader)
