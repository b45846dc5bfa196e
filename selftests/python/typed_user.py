# SPDX-License-Identifier: GPL-2.0
"""A user's program for mypy --strict (selftests/lint types); it is never run.

A line that ends in "type: ignore" uses the package wrongly.  mypy complains about such a
comment if it finds nothing wrong there.
"""

from typing import List, Optional

import ringbuffer
from ringbuffer import aio


class Camera(ringbuffer.Ring):
    pass


def rings() -> None:
    ring: Camera = Camera.create(slot_bytes=64, slot_count=10, wait_readers=1)
    with ring as same:
        again: Camera = same
        again.evict(ring.reader())
    ringbuffer.Ring.create("64", 10)    # type: ignore[arg-type]
    ring.slot_bytes = 3                 # type: ignore[misc]
    own: ringbuffer.Policy = ring.stats().readers[0].policy
    ring.reader(policy=own, policy_timeout=0.5, policy_lag=3)
    ring.reader(policy="lossy")         # type: ignore[arg-type]


def streams(ring: ringbuffer.Ring, reader: ringbuffer.Reader) -> List[bytes]:
    with ring.writer() as writer:
        writer.write(b"hello", timeout=1)
        count: int = writer.write_many([b"a", bytearray(b"b")])
        with writer.reserve() as slot:
            slot.length = count
        writer.write(b"a", "soon")      # type: ignore[arg-type]
        writer.read()                   # type: ignore[attr-defined]
    ended: Optional[str] = reader.ended
    home: ringbuffer.Ring = reader.ring
    for view in home.reader(ringbuffer.OLDEST):
        view.toreadonly()
    with reader.peek() as peeked:
        peeked.commit("all")            # type: ignore[arg-type]
    return [ended.encode()] if ended else reader.read_many(2)


def blocker(ring: ringbuffer.Ring) -> int:
    pid: int = ring.stats().blocker.pid  # type: ignore[union-attr]
    return pid


def drop_in() -> bytearray:
    ring = ringbuffer.RingBuffer(slot_bytes=64, slot_count=10)
    reader = ring.new_reader()
    ring.try_write()                    # type: ignore[call-arg]
    index: int = reader.get().index
    ring.blocking_read(index)           # type: ignore[arg-type]
    return ring.blocking_read(reader, timeout=1)


async def awaited(ring: ringbuffer.Ring) -> bytes:
    async with ring.async_writer() as writer:
        await writer.write(b"hello")
    reader: aio.AsyncReader = ring.async_reader()
    async for view in reader:
        return view.tobytes()
    return await reader.read()
