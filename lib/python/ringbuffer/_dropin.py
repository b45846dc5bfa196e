# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface of the original package: RingBuffer, and what comes with it."""

from __future__ import annotations

import ctypes
import multiprocessing
import operator
from typing import TYPE_CHECKING, Any, List, Optional

from . import _ringbuf
from ._errors import (DataTooLargeError, MustCreatedReadersBeforeWritingError)
from ._exit import watch
from ._passing import arrived, departing, departure
from ._ring import Ring, Stats

if TYPE_CHECKING:
    from ._ringbuf import _Buffer

_START_HEAD = 0


class Position:
    """Where a reader or the writers stand."""

    def __init__(self, slot_count: int) -> None:
        self.counter = 0
        self.slot_count = slot_count

    @property
    def index(self) -> int:
        return self.counter % self.slot_count

    @property
    def generation(self) -> int:
        return self.counter // self.slot_count

    def __repr__(self):
        return "<Position %d: index %d, generation %d>" % (
            self.counter, self.index, self.generation)


def _counter(value):
    """ctypes would cut a number that does not fit into 64 bits."""
    value = operator.index(value)
    if not -2**63 <= value < 2**63:
        raise OverflowError("%d does not fit into 64 bits" % value)
    return value


class Pointer:
    """A position in memory that child processes share.

    RingBuffer does not need it; it is here for programs that use it by itself.
    """

    def __init__(self, slot_count: int, *, start: Optional[int] = None) -> None:
        self.counter: Any = multiprocessing.RawValue(ctypes.c_longlong, _counter(start or 0))
        self.position = Position(slot_count)

    def increment(self) -> None:
        self.counter.value += 1

    def get(self) -> Position:
        self.position.counter = self.counter.value
        return self.position

    def set(self, counter: int) -> None:
        self.counter.value = _counter(counter)


class SlotArray:
    """Byte strings of limited length, by index, in memory that child processes share."""

    def __init__(self, *, slot_bytes: int, slot_count: int) -> None:
        self.slot_bytes = slot_bytes
        self.slot_count = slot_count
        self._lengths = multiprocessing.RawArray(ctypes.c_uint32, slot_count)
        self._bytes = multiprocessing.RawArray(ctypes.c_ubyte, max(1, slot_bytes * slot_count))

    def _slot(self, i):
        if not -self.slot_count <= i < self.slot_count:
            raise IndexError("slot %d of %d" % (i, self.slot_count))
        i %= self.slot_count
        start = i * self.slot_bytes
        return i, memoryview(self._bytes).cast("B")[start:start + self.slot_bytes]

    def __getitem__(self, i: int) -> bytearray:
        i, slot = self._slot(i)
        return bytearray(slot[:self._lengths[i]])

    def __setitem__(self, i: int, data: _Buffer) -> None:
        i, slot = self._slot(i)
        view = memoryview(data).cast("B")
        if len(view) > self.slot_bytes:
            raise DataTooLargeError("%d bytes, a slot has %d" % (len(view), self.slot_bytes))
        slot[:len(view)] = view
        self._lengths[i] = len(view)

    def __len__(self) -> int:
        return self.slot_count


class ReaderPointer(_ringbuf.Pointer):
    """A reader of a RingBuffer: for try_read() and blocking_read(), in one process."""

    def get(self) -> Position:
        """Where it stands, whichever process or thread reads with it."""
        position = Position(self.ring.slot_count)
        position.counter = self._counter
        return position

    @departure
    def __reduce__(self):
        fd, *rest = self._export()
        return _reader, (self.ring, self._control, departing(fd), rest)

    def __repr__(self):
        return "<ringbuffer reader, %s>" % ("closed" if self.closed else "row %d" % self.id)


def _reader(ring, control, fd, rest):
    return ReaderPointer(ring, control, ticket=(arrived(fd), *rest))


class WriterPointer:
    """Where the writers of a RingBuffer stand: the next slot to be written."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def get(self) -> Position:
        position = Position(self._ring.slot_count)
        position.counter = self._ring.head
        return position

    def __eq__(self, other):
        return isinstance(other, WriterPointer) and self._ring is other._ring

    __hash__ = None  # type: ignore[assignment]


class _Control(_ringbuf.Control):

    def __reduce__(self):
        return _control, (departing(self._export()),)


def _control(fd):
    return _Control._import(arrived(fd))


class RingBuffer(_ringbuf.RingBuffer):
    """A ring of slots that any number of writers fill and every reader sees whole.

    Made in the parent, and readers and writers too, before the first write; then
    given to the processes or threads that use it.  Every method may be called
    from any thread.  A reader belongs to the process that reads with it first.
    """

    def __init__(self, *, slot_bytes: int, slot_count: int, late_readers: bool = False,
                 max_readers: int = 512, max_writers: int = 64, wait_readers: int = 0) -> None:
        """
        late_readers: new_reader() after the first write is allowed, and sees what
            is written from then on
        max_readers, max_writers: most at a time; a reader takes a page of memory
        wait_readers: writers wait until this many readers have been there at one time
        """
        super().__init__()
        watch(self)
        self._setup(Ring.create(slot_bytes=slot_bytes, slot_count=slot_count,
                                max_readers=max_readers, max_writers=max_writers,
                                wait_readers=wait_readers),
                    _Control(max_readers))
        self.late_readers = late_readers
        self.readers: List[ReaderPointer] = []

    @property
    def slot_count(self) -> int:
        return self._ring.slot_count

    @property
    def slot_bytes(self) -> int:
        return self._ring.slot_bytes

    @property
    def writer(self) -> WriterPointer:
        """Where the writers stand: .get() tells."""
        return WriterPointer(self._ring)

    def new_reader(self) -> ReaderPointer:
        """A reader, to be used by one process.

        Until it is closed or its process ends, writers wait for it.
        """
        reader = ReaderPointer(self._ring, self._control, start=_START_HEAD)
        if reader.position and not self.late_readers:
            reader.close()
            raise MustCreatedReadersBeforeWritingError(
                "something was written already; late_readers=True allows it")
        self.readers.append(reader)
        return reader

    def _end_with_process(self, failed, given):
        """End this process's writers.  A child that was given the ring but no reader counts
        as a writer, even if it has not used the ring."""
        meant = any(thing is self for thing in given)
        meant = meant and not any(isinstance(thing, ReaderPointer) for thing in given)
        self._leave(failed, meant)

    def stats(self) -> Stats:
        """The positions of readers and writers; see Ring.stats()."""
        return self._ring.stats()

    def close(self) -> None:
        """Give back what this process has and has not passed on."""
        for reader in self.readers:
            reader.close()
        self.readers.clear()
        self._close()
        self._ring.close()

    @departure
    def __reduce__(self):
        tokens = [(departing(fd), rest, index, word)
                  for (fd, *rest), index, word in self._tokens()]
        return _ring_buffer, (self._ring, self._control, self.late_readers, tokens)

    def __repr__(self):
        return "<RingBuffer of %d slots of %d bytes>" % (self.slot_count, self.slot_bytes)


def _ring_buffer(ring, control, late_readers, tokens):
    self = RingBuffer.__new__(RingBuffer)
    self._setup(ring, control)
    self.late_readers = late_readers
    self.readers = []
    watch(self)
    for fd, rest, index, word in tokens:
        self._add_token((arrived(fd), *rest), index, word)
    return self
