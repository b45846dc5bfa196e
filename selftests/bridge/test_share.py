# SPDX-License-Identifier: GPL-2.0
"""Work queues: several subscribers share the messages of a stream."""
import contextlib
import random
import signal
import struct
import threading
import time

import ringbuffer
from world import (ASAN, MAX_PAYLOAD, PATIENCE, Half, Task, World, ended, read_numbers, restart, until,
                   until_read)

MOST = 3 * MAX_PAYLOAD      # of a slot, so that some messages are split
OTHER = "00000000-0000-4000-8000-000000000001"      # UUID of a ring that is elsewhere


def body(number):
    """A message that tells its number; some are split."""
    return b"%d " % number + bytes([number % 256]) * random.Random(number).choice(
        (0, 10, 10, 1000, 2 * MAX_PAYLOAD))


def write_all(ring, count, lock=None):
    with ring.writer() as writer:
        for number in range(count):
            with lock or contextlib.nullcontext():
                writer.write(body(number), timeout=PATIENCE)


class Machines:
    """Rings, each with a subscriber, that stand for machines."""

    def __init__(self, w, count, slots=16):
        self.got = {}           # the machines that each message reached
        self.may_repeat = False     # a message may reach several machines
        self.rings = [ringbuffer.Ring.create(MOST, slots, name=f"{w.name}.m{n}", exclusive=True)
                      for n in range(count)]
        self.readers = [ring.reader(ringbuffer.OLDEST) for ring in self.rings]
        self.halves = [Half(w, "subscribe", "s", ring.name, "--state", w.folder, "--share=work",
                            "--ack-wait=1")
                       for ring in self.rings]
        w.halves += self.halves

    def read(self):
        """Read what has come; no message may be twice in one ring."""
        for n, reader in enumerate(self.readers):
            while True:
                try:
                    slot = reader.peek(timeout=0)
                except (ringbuffer.ReadTimeoutError, ringbuffer.WriterFinishedError,
                        ringbuffer.WaitingForWriterError):
                    break
                number = int(bytes(slot[:20]).split(b" ")[0])
                assert bytes(slot) == body(number), number
                machines = self.got.setdefault(number, [])
                assert n not in machines and (self.may_repeat or not machines), \
                    f"{number} came to {machines} and {n}"
                machines.append(n)
                slot.release()

    def read_all(self, count):
        def all_came():
            self.read()
            return len(self.got) == count
        until(all_came, f"not all of {count} came")
        assert sorted(self.got) == list(range(count))

    def close(self):
        for ring in self.rings:
            ring.close()


def test_each_message_goes_to_one_of_several_machines():
    with World(slot_bytes=MOST) as w:
        w.server.start()
        publish = w.publish()
        until(lambda: w.server.stored() is not None, "no stream")
        machines = Machines(w, 3)
        writing = Task(write_all, w.here, 300)
        machines.read_all(300)
        writing.finish()
        assert publish.end()[0] == 0
        # Each machine finds out that all is done.
        for half, reader in zip(machines.halves, machines.readers):
            status, report = half.end()
            assert (status, report["lost"], report["repeated"]) == (0, 0, 0), report
            assert ended(reader)
        assert len({machine for one in machines.got.values() for machine in one}) > 1, "one machine got all"
        machines.close()


def test_machine_whose_ring_is_full_leaves_the_messages_to_others():
    with World(slot_bytes=MOST) as w:
        w.server.start()
        w.publish()
        until(lambda: w.server.stored() is not None, "no stream")
        machines = Machines(w, 2)
        idle = machines.readers[0]      # reads nothing
        machines.readers[0] = machines.rings[0].reader(ringbuffer.HEAD)
        writing = Task(write_all, w.here, 200)

        def all_came():
            machines.read()
            return len(machines.got) == 200
        until(all_came, f"a full ring keeps messages: {len(machines.got)}")
        writing.finish()
        assert sum(one == [0] for one in machines.got.values()) <= 16
        idle.close()
        machines.close()


def kill_and_work(kills, seed, *, servers):
    """Kill the bridge, and servers, and let all work be done."""
    rng = random.Random(seed)
    count = 20 + 20 * kills
    with World(slot_bytes=MOST) as w:
        w.server.start()
        publish = w.publish()
        until(lambda: w.server.stored() is not None, "no stream")
        machines = Machines(w, 3)
        # A server that is killed may forget that a message was acknowledged.
        servers = [w.server] if servers else []
        machines.may_repeat = bool(servers)
        lock = threading.Lock()
        writing = Task(write_all, w.here, count, lock)
        for _ in range(kills):
            end = time.monotonic() + rng.random() * 0.3     # a random moment
            while time.monotonic() < end:
                machines.read()
            victim = rng.choice((*servers, publish, *machines.halves))
            if victim is publish:
                restart(victim, [w.here], lock)
            else:
                restart(victim)
        machines.read_all(count)
        writing.finish()
        for half in machines.halves:
            status, _ = half.end()
            assert status == 0, half.said()
        machines.read()
        machines.close()


def test_work_is_done_once_despite_kills_of_the_bridge(kills, seed):
    kill_and_work(kills, seed, servers=False)


def test_work_is_done_despite_kills_of_the_server(kills, seed):
    kill_and_work(kills, seed, servers=True)


def test_subscriber_that_dies_at_a_commit_does_no_work_twice():
    for when in "1:0", "0:1", "3:0", "0:3":
        with World(slot_bytes=MOST) as w:
            w.server.start()
            w.publish()
            until(lambda: w.server.stored() is not None, "no stream")
            machines = Machines(w, 2)
            for half in machines.halves:
                half.kill()
            write_all(w.here, 60)
            machines.halves[0].die(3, f"commit:{when}")
            machines.halves[1].start()
            machines.read_all(60)
            machines.close()


def test_subscriber_completes_and_acknowledges_the_batch_inside_which_it_died():
    ring = "00000000-0000-4000-8000-000000000001"
    with World() as w:
        w.server.start()
        w.server.make_stream()
        w.server.put(b"".join(struct.pack("<QQII", n, 0, 0, 1) + b"%d" % n for n in range(9)),
                     Nats_Msg_Id=ring + ":8", Ringbuf_Slots=9)
        reader = w.there.reader(ringbuffer.OLDEST)
        # The server does not give the batch again while the test runs.
        half = w.subscribe("--share=work", "--ack-wait=3600")
        half.kill()
        half.die(1, "commit:4:0")
        read_numbers(reader, 9)
        w.server.put(b"", Nats_Msg_Id=ring + ":end.9", Ringbuf_End="done")
        status, report = half.end()
        assert (status, report["lost"]) == (0, 0) and ended(reader), report


def test_message_that_is_longer_than_its_headers_tell_is_lost():
    with World(program=ASAN) as w:
        w.server.start()
        w.server.make_stream()
        name = OTHER + ":%d"
        w.server.put(b"x" * 60000, Nats_Msg_Id=name % 0, Ringbuf_Bytes=1)
        w.server.put(b"x" * 60000, Nats_Msg_Id=name % 1)
        w.server.put(b"y", Nats_Msg_Id=name % 2)
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe = w.subscribe("--share=work", "--drop-long")
        until_read(reader, b"y")
        w.server.put(b"", Nats_Msg_Id=name.replace("%d", "end.3"), Ringbuf_End="done")
        status, report = subscribe.end()
        assert (status, report["lost"], report["messages"]) == (0, 2, 1), report
        assert ended(reader)


def test_lost_slots_are_counted_with_shared_messages():
    with World() as w:
        w.server.start()
        w.server.make_stream()
        w.server.put(b"x", Nats_Msg_Id=OTHER + ":7", Ringbuf_Lost=5)
        w.server.put(b"", Nats_Msg_Id=OTHER + ":end.8", Ringbuf_End="done")
        status, report = w.subscribe("--share=work").end()
        assert (status, report["lost"], report["messages"]) == (0, 5, 1), report


def test_consumer_that_cannot_be_shared_is_refused():
    for words, config in (("not acknowledged one by one", {"ack_policy": "all"}),
                          ("gives up a message", {"ack_policy": "explicit", "max_deliver": 3}),
                          ("pushes", {"ack_policy": "explicit", "deliver_subject": "x"})):
        with World() as w:
            w.server.start()
            w.server.make_stream()
            answer = w.server.ask("CONSUMER.DURABLE.CREATE.s.work", stream_name="s",
                                  config={"durable_name": "work", "deliver_policy": "all",
                                          "replay_policy": "instant", **config})
            assert "error" not in answer, answer
            subscribe = w.subscribe("--share=work")
            until(lambda: words in subscribe.said(), f"no complaint: {words}")
            assert subscribe.end(signal.SIGTERM)[0] == 0


def test_messages_with_numbers_that_others_had_are_passed():
    """A server that was restored gives the numbers of messages that were taken to others."""
    with World() as w:
        w.server.start()
        w.server.make_stream()
        for number in range(5):
            w.server.put(b"a%d" % number, Nats_Msg_Id=OTHER + f":{number}")
        reader = w.there.reader(ringbuffer.OLDEST)
        subscribe = w.subscribe("--share=work")
        for number in range(5):
            until_read(reader, b"a%d" % number)
        # The stream is made again, the consumer too, with other messages.
        w.server.ask("STREAM.DELETE.s")
        w.server.make_stream()
        for number in range(5):
            w.server.put(b"b%d" % number, Nats_Msg_Id=OTHER + f":{number + 100}")
        for number in range(5):
            until_read(reader, b"b%d" % number)
        assert subscribe.end(signal.SIGTERM)[1]["repeated"] == 0
