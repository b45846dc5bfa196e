# SPDX-License-Identifier: GPL-2.0
"""The clock of the machine steps, which only a virtual machine allows; the rings are of the module."""
import os
import random
import subprocess
import threading
import time

import ringbuffer
from world import Skip, Task, World, check_all, ended, until, write

HOURS = 3600
MESSAGES = 20       # that are written between two steps


def test_steps_of_the_clock_and_kills_lose_and_repeat_nothing(kills, seed):
    if "RINGBUF_VM" not in os.environ:
        raise Skip("it steps the clock: run it in a machine of selftests/vm/run")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    rng = random.Random(seed)
    count = MESSAGES * kills + 1
    with World(slots=count, slot_bytes=128) as w:
        w.server.start()
        reader = w.there.reader(ringbuffer.OLDEST)
        halves = [w.publish(), w.subscribe()]
        go = threading.Semaphore(0)

        def pause(number):
            if number % MESSAGES == 0:
                go.acquire()
        writing = Task(write, w.here, count, 100, pause)
        checking = Task(check_all, reader, count, 100)
        for number in range(kills):
            go.release()
            time.sleep(rng.random() * rng.choice((0.1, 1)))
            # By more than the two minutes for which the server remembers the ids of messages.
            step = rng.choice((-1, 1)) * rng.uniform(0.1, 30) * HOURS
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
            if number % 2:
                victim = rng.choice((w.server, *halves))
                victim.kill()
                victim.start()
            until(lambda: reader.position >= MESSAGES * (number + 1) or checking.error,
                  f"message {reader.position} does not come")
        go.release()
        writing.finish()
        checking.finish()
        for half in halves:
            status, report = half.end()
            assert (status, report["lost"]) == (0, 0), report
        assert ended(w.there.reader(ringbuffer.HEAD))
