# SPDX-License-Identifier: GPL-2.0
"""Many rings over one connection, patterns, several streams into one ring, services."""
import os
import random
import signal
import threading
import time

import ringbuffer
from world import (MAX_PAYLOAD, PATIENCE, Half, Task, World, check_all, ended, restart, until,
                   until_read, write, write_one)

SLOTS = "--slots=64", "--slot-bytes=4096"


def connections(half, port):
    """How many TCP connections the process has to this port."""
    pid = half.process.pid
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f][1:]
    return sum(row[2].endswith(f":{port:04X}") and f"socket:[{row[9]}]" in inodes for row in rows)


def make_ring(w, name):
    """A ring that exists until it is closed, as soon as the last one of its name does not."""
    made = []

    def make():
        try:
            made.append(ringbuffer.Ring.create(4096, 64, name=f"{w.name}.{name}", wait_readers=1))
        except FileExistsError:
            return False
        return True
    until(make, "the bridge keeps a ring that has no other user")
    return made[0]


def start(w, *words):
    w.halves.append(Half(w, *words))
    return w.halves[-1]


def open_ring(name):
    found = []

    def look():
        try:
            found.append(ringbuffer.Ring.open(name))
        except FileNotFoundError:
            return False
        return True
    until(look, f"there is no {name}")
    return found[0]


def unlink(*names):
    for name in names:
        ringbuffer.Ring.unlink(name)


def test_rings_that_match_a_pattern_have_streams_of_their_own():
    with World() as w:
        w.server.start()
        rings = {n: make_ring(w, f"in-{n}") for n in "ab"}
        other = make_ring(w, "other")
        publish = start(w, "publish", w.name + ".in-*", "s-*")
        subscribe = start(w, "subscribe", "s-*", w.name + ".out-*", "--state", w.folder, *SLOTS)
        out = {}

        def pass_all(n):
            out[n] = open_ring(f"{w.name}.out-{n}")
            reader = out[n].reader(ringbuffer.OLDEST)
            writing = Task(write, rings[n], 300, 4096)
            check_all(reader, 300, 4096)
            writing.finish()
            assert ended(reader)
        for n in "ab":
            # The stream exists when the first publisher has connected.
            pass_all(n)
        rings["c"] = make_ring(w, "in-c")
        pass_all("c")
        assert not other.stats().readers
        for half in publish, subscribe:
            assert connections(half, w.server.port) == 1
            status, report = half.end(signal.SIGTERM)
            assert (status, report["lost"], report["connections"]) == (0, 0, 1), report
        unlink(*(ring.name for ring in out.values()))
        for ring in (*rings.values(), *out.values(), other):
            ring.close()


def test_ring_whose_name_no_stream_can_have_is_left_out():
    with World() as w:
        w.server.start()
        bad = [make_ring(w, "in-" + name) for name in ("a b", "a\r\nPUB x 1\r\nx\r\n", "a>")]
        good = make_ring(w, "in-a")
        publish = start(w, "publish", w.name + ".in-*", "s-*")
        write_one(good, b"1")
        until(lambda: w.server.ask("STREAM.INFO.s-a").get("state", {}).get("messages") == 2,
              "the other ring is left out, too")
        until(lambda: "no stream can have this name" in publish.said(), "no complaint")
        assert "\r" not in publish.said()
        status, report = publish.end(signal.SIGTERM)
        assert (status, report["connections"]) == (0, 1), report
        for ring in (*bad, good):
            ring.close()


def numbered(source, number):
    """A message that tells where it is from; some are split."""
    rng = random.Random(number)
    length = rng.choice((0, 10, 1000, 2 * MAX_PAYLOAD))
    return b"%d %d " % (source, number) + bytes([number % 256]) * length


def write_numbered(ring, source, count, lock):
    with ring.writer() as writer:
        for number in range(count):
            while True:
                # Not for long, since the others write as well.
                try:
                    with lock:
                        writer.write(numbered(source, number), timeout=0)
                    break
                except ringbuffer.WaitingForReaderError:
                    time.sleep(0.001)


def read_numbered(reader, sources, count):
    """Read until all have come; each source's messages must come once and in order."""
    next_of = [0] * sources
    end = time.monotonic() + PATIENCE
    while sum(next_of) < sources * count:
        try:
            slot = reader.peek(timeout=PATIENCE)
        except ringbuffer.WriterFinishedError:      # the bridge was killed
            assert time.monotonic() < end, next_of
            time.sleep(0.01)
            continue
        source, number = (int(word) for word in bytes(slot[:40]).split(b" ")[:2])
        assert number == next_of[source], (source, number, next_of)
        assert bytes(slot) == numbered(source, number), (source, number)
        next_of[source] += 1
        slot.release()
        end = time.monotonic() + PATIENCE


def test_messages_of_several_streams_come_into_one_ring_also_after_kills(kills, seed):
    rng = random.Random(seed)
    sources, count = 3, 20 + 20 * kills
    with World() as w:
        w.server.start()
        most = 3 * MAX_PAYLOAD
        rings = [ringbuffer.Ring.create(most, 16, name=f"{w.name}.in-{n}", wait_readers=1)
                 for n in range(sources)]
        name = w.name + ".all"
        publish = start(w, "publish", w.name + ".in-*", "s-*")
        subscribe = start(w, "subscribe", "s-*", name, "--state", w.folder, "--slots=16",
                          f"--slot-bytes={most}")
        ring = open_ring(name)
        reader = ring.reader(ringbuffer.OLDEST)
        lock = threading.Lock()
        writing = [Task(write_numbered, rings[n], n, count, lock) for n in range(sources)]
        reading = Task(read_numbered, reader, sources, count)
        for _ in range(kills):
            time.sleep(rng.random() * 0.3)      # a random moment
            victim = rng.choice((publish, subscribe, w.server))
            if victim is publish:
                restart(victim, rings, lock)
            else:
                restart(victim)
        for task in *writing, reading:
            task.finish()
        # The ring's writer is done when those of all streams are.
        assert ended(reader)
        write_one(rings[0], b"more")
        until_read(reader, b"more")
        assert ended(reader)
        for half in publish, subscribe:
            assert half.end(signal.SIGTERM)[0] == 0
        unlink(name)
        for one in (*rings, ring):
            one.close()


def test_service_continues_after_the_end_of_the_messages():
    with World() as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        publish, subscribe = w.publish("--service"), w.subscribe("--service")
        for number in range(3):
            write_one(w.here, b"%d" % number)
            until_read(reader, b"%d" % number)
            assert ended(reader)
        # Each end that was told once is told once.
        assert w.server.stored() == 6
        for half in publish, subscribe:
            status, report = half.end(signal.SIGTERM)
            assert (status, report["lost"], report["messages"]) == (0, 0, 3), report


def test_service_waits_for_a_ring_and_notices_another_one_of_its_name():
    with World() as w:
        w.server.start()
        here, there = w.name + ".late", w.name + ".far"
        publish = start(w, "publish", here, "s", "--service")
        subscribe = start(w, "subscribe", "s", there, "--service", "--state", w.folder, *SLOTS)
        until(lambda: "there is no ring of that name" in publish.said(), "no complaint")
        assert publish.end(signal.SIGTERM)[0] == 0
        publish.start()
        for number in range(3):
            ring = make_ring(w, "late")
            far = open_ring(there)
            # In the second round it is the ring of the first one.
            reader = far.reader(ringbuffer.HEAD if number == 1 else ringbuffer.OLDEST)
            writing = Task(write, ring, 100, 1000)
            check_all(reader, 100, 1000)
            writing.finish()
            # Another ring here, another one there, or both.
            assert ended(reader)
            ring.close()
            if number:
                unlink(there)
            far.close()
        for half in publish, subscribe:
            status, report = half.end(signal.SIGTERM)
            assert (status, report["lost"], report["messages"]) == (0, 0, 300), report


def test_routes_end_with_the_ring_or_the_stream_that_they_were_found_by():
    with World() as w:
        w.server.start()
        publish = start(w, "publish", w.name + ".in-*", "s-*")
        subscribe = start(w, "subscribe", "s-*", w.name + ".out-*", "--state", w.folder, *SLOTS)

        def remembers(half):
            """Whether the process has what it remembers of the ring mapped."""
            with open(f"/proc/{half.process.pid}/maps", encoding="ascii") as f:
                return f"{w.folder}/{w.name}.out-1" in f.read()
        for number in range(3):
            ring = make_ring(w, "in-1")
            write_one(ring, b"%d" % number)
            out = open_ring(w.name + ".out-1")
            until_read(out.reader(ringbuffer.OLDEST), b"%d" % number)
            assert connections(publish, w.server.port) == 1 and remembers(subscribe)
            ring.close()
            until(lambda: not connections(publish, w.server.port), "the publisher stays")
            w.server.ask("STREAM.DELETE.s-1")
            until(lambda: not remembers(subscribe), "the subscriber stays")
            unlink(out.name)
            out.close()
        for half in publish, subscribe:
            assert half.end(signal.SIGTERM)[0] == 0
