# SPDX-License-Identifier: GPL-2.0
"""The server and both halves of the bridge are killed: at random moments, and at certain steps."""
import random
import threading
import time

import ringbuffer
from world import ALONE, MAX_PAYLOAD, Task, World, check_all, ended, until, write


def test_nothing_is_lost_or_repeated_by_kills(kills, seed):
    rng = random.Random(seed)
    count, most = 300 * kills + 1, 100
    with World(slots=count, slot_bytes=128) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        victims = [w.server, w.publish(), w.subscribe()]
        go = threading.Semaphore(0)

        def pause(number):
            if number % 300 == 0:
                go.acquire()
        writing = Task(write, w.here, count, most, pause)
        checking = Task(check_all, reader, count, most)
        for _ in range(kills):
            go.release()
            # A random moment: while the messages pass, or while a victim starts again.
            time.sleep(rng.random() * rng.choice((0.02, 0.1, 0.3)))
            victim = rng.choice(victims)
            victim.kill()
            victim.start()
        # The end comes now, since a subscriber that is started after it waits for more.
        go.release()
        writing.finish()
        checking.finish()
        assert victims[1].end()[0] == 0 and victims[2].end()[0] == 0
        assert ended(w.there.reader(ringbuffer.HEAD))


def dies_at(half, step, count=200, most=4096, options=(ALONE,)):
    """Kill one half of the bridge before and after a step that passes a message on."""
    for when in ("1:0", "0:1", "3:0", "0:3"):
        with World(slots=1000, slot_bytes=most) as w:
            w.server.start()
            reader = w.there.reader(ringbuffer.OLDEST)
            halves = {"publish": w.publish(*options), "subscribe": w.subscribe()}
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            halves[half].kill()
            write(w.here, count, most)
            checking = Task(check_all, reader, count, most)
            halves[half].die(5, f"{step}:{when}")
            checking.finish()
            for one in halves.values():
                status, report = one.end()
                assert status == 0 and report["lost"] == 0, (step, when, report)
            assert reader.position == count


def test_publisher_that_dies_at_a_send_loses_and_repeats_nothing():
    dies_at("publish", "send")


def test_publisher_that_dies_between_parts_loses_and_repeats_nothing():
    dies_at("publish", "send", 30, 3 * MAX_PAYLOAD)


def test_publisher_that_dies_at_a_release_loses_and_repeats_nothing():
    dies_at("publish", "release", options=[ALONE, "--window=1"])   # each slot is released alone


def test_publisher_that_dies_at_a_batch_loses_and_repeats_nothing():
    # A batch is on its way, and then its slots are released, alone: there are about 25.
    for step in "send", "release":
        dies_at("publish", step, 1000, options=["--window=1"])


def test_subscriber_that_dies_at_a_commit_loses_and_repeats_nothing():
    dies_at("subscribe", "commit")


def test_subscriber_that_dies_inside_a_batch_loses_and_repeats_nothing():
    dies_at("subscribe", "commit", options=[])
