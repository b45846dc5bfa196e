#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pipeline as cameras have it: 1080p frames → three workers → one sink.

The camera paints each frame in a slot of the first ring; the workers look at it
there, each at every third, and send what they found through a second ring.
Nothing is copied on the way.

usage: example_camera.py [FRAMES]
"""

import multiprocessing
import os
import struct
import sys
import time

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ringbuffer  # noqa: E402

WIDTH, HEIGHT = 1920, 1080
WORKERS = 3
BALL = 80
FOUND = struct.Struct("<IHH")


def ball(number):
    """Where the ball is in a frame, left and top."""
    return number * 13 % (WIDTH - BALL), number * 7 % (HEIGHT - BALL)


def paint(frame, background, number):
    """In the slot itself: the array is gone when this function returns."""
    x, y = ball(number)
    frame[:] = background
    frame[y:y + BALL, x:x + BALL] = (250, 200, 30)


def camera(writer, count):
    background = numpy.full((HEIGHT, WIDTH, 3), 40, "u1")
    background[::54] = 60
    for number in range(count):
        with writer.reserve() as slot:
            slot.flags = number
            paint(ringbuffer.asarray(slot, "u1", (HEIGHT, WIDTH, 3)), background, number)
    writer.close()


def worker(reader, writer, mine):
    while True:
        try:
            with reader.peek() as slot:
                if slot.flags % WORKERS == mine:
                    bright = slot.asarray("u1", (HEIGHT, WIDTH, 3))[..., 0] > 128
                    x, y = bright.any(0).argmax(), bright.any(1).argmax()
                    writer.write(FOUND.pack(slot.flags, x, y))
        except ringbuffer.WriterFinishedError:
            break
    writer.close()


def sink(reader, count):
    start = time.monotonic()
    frames = set()
    for message in reader:
        number, x, y = FOUND.unpack(message)
        if (x, y) != ball(number):
            sys.exit("frame %d: the ball is not at %d, %d" % (number, x, y))
        frames.add(number)
    seconds = time.monotonic() - start
    if len(frames) != count:
        sys.exit("%d of %d frames" % (len(frames), count))
    print("%d frames of %d x %d in %.2f s: %.1f frames/s, %.0f MB/s" % (
        count, WIDTH, HEIGHT, seconds, count / seconds,
        count * WIDTH * HEIGHT * 3 / seconds / 1e6))


def main():
    count = int(sys.argv[1]) if sys.argv[1:] else 120
    frames = ringbuffer.Ring.create(WIDTH * HEIGHT * 3, 8, exclusive=True)
    results = ringbuffer.Ring.create(FOUND.size, 64)
    last = results.reader()
    processes = [multiprocessing.Process(target=worker,
                                         args=(frames.reader(), results.writer(), mine))
                 for mine in range(WORKERS)]
    processes.append(multiprocessing.Process(target=camera, args=(frames.writer(), count)))
    for process in processes:
        process.start()
    del frames, results
    sink(last, count)
    for process in processes:
        process.join()
    return max(abs(process.exitcode) for process in processes)


if __name__ == "__main__":
    sys.exit(main())
