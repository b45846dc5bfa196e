# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ring, Reader, Writer: all that libringbuf can, as Python would say it."""

from __future__ import annotations

import enum
import operator
import os
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Tuple, Type, TypeVar, Union

from . import _policy, _ringbuf
from ._blocker import Blocker, BlockingWriter, Hole, blocker, hole
from ._errors import AlreadyClosedError, ClosedError, Error
from ._exit import watch
from ._passing import arrived, departing, departure
from ._policy import Policy

if TYPE_CHECKING:
    from uuid import UUID

    from .aio import AsyncReader, AsyncWriter

_R = TypeVar("_R", bound="Ring")
_Name = Union[str, "os.PathLike[str]"]

_EXCLUSIVE = 1
_TIMESTAMP = 2
_KEPT = 4
_ALL_READERS = 2**32 - 1

_HOSTS = {None: 0, "auto": 0, "module": 1, "embedded": 2}
_HOST_NAMES = {1: "module", 2: "embedded"}


class Start(enum.IntEnum):
    """Where a reader begins; any other number is a position."""
    HEAD = 0
    OLDEST = 1


HEAD = Start.HEAD
OLDEST = Start.OLDEST
_POSITION = 2


class ReaderStats(NamedTuple):
    """One reader; lag is how far it is behind, pid is 0 where the caller has no number for it.

    policy, at_stop: see Ring.create().  skipped: it is skipped now, and no writer waits for
    it until it asks for its next message; skips: how often it was skipped.
    """
    id: int
    cursor: int
    lag: int
    lost: int
    holes: int
    waits: int
    pid: int
    policy: Policy
    at_stop: bool
    skipped: bool
    skips: int


class WriterStats(NamedTuple):
    """One writer that is attached and not done."""
    id: int
    pid: int
    waits: int


class Stats(NamedTuple):
    """A ring at one moment; ended is None, "done" or "died".

    blocker is the reader that lags most.  Where that waits itself for a slot that a writer
    has reserved and not committed, blocker is None, and blocking_writer tells the writer.
    readers_lacking: how many must still attach before writers begin, see wait_readers.
    fenced: how many writers were fenced, see claim_timeout.
    """
    head: int
    repaired: int
    writer_waits: int
    blocker: Optional[Blocker]
    writers: int
    writers_ever: int
    ended: Optional[str]
    readers: Tuple[ReaderStats, ...]
    blocking_writer: Optional[BlockingWriter]
    writer_list: Tuple[WriterStats, ...]
    readers_lacking: int
    fenced: int


def _host(name):
    try:
        return _HOSTS[name]
    except KeyError:
        raise ValueError("host must be 'module', 'embedded' or None, not %r" % (name,)) from None


def _text(name):
    """A name that may be a pathlib.Path."""
    return os.fspath(name) if isinstance(name, os.PathLike) else name


def _reader_stats(*numbers):
    """Of the numbers of a reader, as the extension tells them."""
    *plain, policy, skipped, skips = numbers
    return ReaderStats(*plain, _policy.kind(policy), _policy.at_stop(policy), bool(skipped), skips)


def _absolute(name):
    """A name that means the same in a process of another working directory."""
    return os.path.abspath(name) if "/" in name else name


class Ring(_ringbuf.Ring):
    """A ring of slots; made by Ring.create() or Ring.open()."""

    @classmethod
    def create(cls: Type[_R], slot_bytes: int, slot_count: int, *, name: Optional[_Name] = None,
               exclusive: bool = False, timestamps: bool = False, kept: bool = False,
               max_readers: int = 0, max_writers: int = 0, mode: int = 0o600,
               host: Optional[str] = None, wait_readers: int = 0,
               claim_timeout: float = 0, policy: Policy = Policy.BLOCK,
               policy_timeout: float = 0, policy_lag: int = 0, at_stop: bool = False) -> _R:
        """A new ring.

        name: for Ring.open() in other processes; on the module a file in $RINGBUF_DIR,
            else in /dev/rings, or a path; None for a ring that goes by inheritance and
            pickling only
        exclusive: one writer at a time, faster
        timestamps: CLOCK_MONOTONIC ns in every slot
        kept: the name stays until it is unlinked
        host: "module", "embedded", or None for what RINGBUF_HOST and the machine say
        wait_readers: writers get no slot before this many readers have been attached at
            one time, so that each of these gets every message
        claim_timeout: seconds, at least 0.001, after which a writer is fenced that keeps a
            slot reserved while readers or other writers wait for it; 0: never.  Only the
            module can do that
        policy: what happens to a reader that holds writers up, unless it has a policy of
            its own: a Policy
        policy_timeout: with EVICT and SKIP: seconds, at least 0.001, for which a reader may
            hold up writers without releasing a slot; 0: not at all
        policy_lag: with EVICT and SKIP: how many slots a reader may lag behind a writer; 0:
            as many as the ring has
        at_stop: with EVICT and SKIP: no timeout while all threads of the reader's process are
            stopped or frozen.  Only the module can do that
        """
        flags = ((_EXCLUSIVE if exclusive else 0) | (_TIMESTAMP if timestamps else 0) |
                 (_KEPT if kept else 0))
        slot_count = _positive(slot_count, "slot_count")
        return cls._create(_positive(slot_bytes, "slot_bytes"), slot_count,
                           flags, max_readers, max_writers, _text(name), mode, _host(host),
                           wait_readers, _nanoseconds(claim_timeout, "claim_timeout"),
                           *_policy.request(policy, policy_timeout, policy_lag, at_stop, slot_count))

    @classmethod
    def open(cls: Type[_R], name: _Name, *, host: Optional[str] = None) -> _R:
        """The ring of that name, which a process has created."""
        return cls._open(_text(name), _host(host))

    @staticmethod
    def unlink(name: _Name, *, host: Optional[str] = None) -> None:
        """Remove a name; processes that have the ring open keep it."""
        _ringbuf.Ring._unlink(_text(name), _host(host))

    @property
    def slot_bytes(self) -> int:
        return self._geometry()[0]

    @property
    def slot_count(self) -> int:
        return self._geometry()[1]

    @property
    def max_readers(self) -> int:
        return self._geometry()[4]

    @property
    def max_writers(self) -> int:
        return self._geometry()[5]

    @property
    def wait_readers(self) -> int:
        return self._geometry()[7]

    @property
    def claim_timeout(self) -> float:
        """Seconds after which a writer that is stuck is fenced; 0: never."""
        return self._geometry()[8] / 1e9

    @property
    def policy(self) -> Policy:
        """What happens to readers that hold writers up, and have no policy of their own."""
        return _policy.kind(self._geometry()[9])

    @property
    def policy_timeout(self) -> float:
        """Seconds for which a reader may hold up writers; 0: not at all."""
        return self._geometry()[10] / 1e9

    @property
    def policy_lag(self) -> int:
        """How many slots a reader may lag behind a writer; 0: as many as the ring has."""
        return self._geometry()[11]

    @property
    def at_stop(self) -> bool:
        """Whether the policy does not wait for a reader that is stopped or frozen."""
        return _policy.at_stop(self._geometry()[9])

    @property
    def uuid(self) -> UUID:
        """A name that no other ring has, as long as the ring lives; 0 with an older module."""
        from uuid import UUID   # which takes longer to import than all of this package
        return UUID(bytes=self._uuid())

    @property
    def exclusive(self) -> bool:
        return bool(self._geometry()[3] & _EXCLUSIVE)

    @property
    def timestamps(self) -> bool:
        return bool(self._geometry()[3] & _TIMESTAMP)

    @property
    def kept(self) -> bool:
        """Whether its name stays until it is unlinked."""
        return bool(self._geometry()[3] & _KEPT)

    @property
    def host(self) -> str:
        return _HOST_NAMES[self._geometry()[6]]

    @property
    def head(self) -> int:
        """The next position to be written."""
        return self._head()

    def writer(self) -> Writer:
        """Become a writer."""
        return Writer(self)

    def reader(self, start: int = HEAD, *, died: str = "raise", policy: Optional[Policy] = None,
               policy_timeout: float = 0, policy_lag: int = 0, at_stop: bool = False) -> Reader:
        """Become a reader, from HEAD, OLDEST or a position on.

        Of a position that the ring holds no more, reader.lost counts the messages in
        between; one that was not written yet is ValueError.

        died: what follows the last message where a writer was killed or failed:
            "raise", WriterDiedError, which is a WriterFinishedError, also from a
            for loop; "end", the end as after writers that were done.  reader.ended
            tells it in any case
        policy, policy_timeout, policy_lag, at_stop: what happens to this reader if it holds
            writers up, see create(); it may not hold them up for longer than the ring's
            policy lets it.  None: the ring's policy
        """
        if died not in ("raise", "end"):
            raise ValueError("died must be 'raise' or 'end', not %r" % (died,))
        if policy is not None:
            own = _policy.request(policy, policy_timeout, policy_lag, at_stop, self.slot_count)
        elif policy_timeout or policy_lag or at_stop:
            raise ValueError("policy_timeout, policy_lag and at_stop need a policy")
        else:
            own = None
        if isinstance(start, Start):
            reader = Reader(self, int(start), policy=own)
        else:
            reader = Reader(self, _POSITION, start, policy=own)
        reader._died_is_end = died == "end"
        return reader

    def async_writer(self) -> AsyncWriter:
        """Become a writer whose write() is awaited."""
        from .aio import AsyncWriter
        return AsyncWriter(self.writer())

    def async_reader(self, start: int = HEAD, *, died: str = "raise",
                     policy: Optional[Policy] = None, policy_timeout: float = 0,
                     policy_lag: int = 0, at_stop: bool = False) -> AsyncReader:
        """Become a reader whose read() is awaited; see reader()."""
        from .aio import AsyncReader
        return AsyncReader(self.reader(start, died=died, policy=policy,
                                       policy_timeout=policy_timeout, policy_lag=policy_lag,
                                       at_stop=at_stop))

    def sync(self, reader: Union[Reader, int, None] = None,
             position: Optional[int] = None) -> None:
        """Move a reader, or all, forward to a position, or to head.

        A reader learns at its next step how many slots it lost.
        """
        self._sync(_ALL_READERS if reader is None else _row(reader),
                   2**64 - 1 if position is None else position)

    def evict(self, reader: Union[Reader, int]) -> None:
        """End a reader that is stuck: a Reader, or the id that stats() tells.

        It holds nobody up any more, and gets EvictedError from all that it tries.
        """
        self._evict(_row(reader))

    def stats(self) -> Stats:
        """A Stats of now: the position of each reader, and which one limits the writers."""
        (head, repaired, waits, blocking, writers, ever, ended, readers, writer_list, lacking,
         fenced) = self._stats()
        by = blocker(blocking)
        return Stats(head, repaired, waits, by if isinstance(by, Blocker) else None,
                     writers, ever, (None, "done", "died")[ended],
                     tuple(_reader_stats(*r) for r in readers),
                     by if isinstance(by, BlockingWriter) else None,
                     tuple(WriterStats(*w) for w in writer_list), lacking, fenced)

    def close(self) -> None:
        """Give the ring back; readers and writers made of it stay usable."""
        self._close()

    def __enter__(self: _R) -> _R:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    @departure
    def __reduce__(self):
        fd = self._export()
        if fd is None:
            return type(self).open, (_absolute(self.name),)
        return _ring, (type(self), departing(fd), self.name)

    def __repr__(self):
        if self.closed:
            return "<ringbuffer.Ring, closed>"
        name = " %r" % self.name if self.name else ""
        return "<ringbuffer.Ring%s of %d slots of %d bytes, %s>" % (
            name, self.slot_count, self.slot_bytes, self.host)


def _row(reader):
    row = operator.index(getattr(reader, "id", reader))
    if not 0 <= row < _ALL_READERS:
        raise OverflowError("%d is no id of a reader" % row)
    return row


def _positive(value, what):
    value = operator.index(value)
    if not 0 < value < 2**63:
        raise ValueError("%s must be at least 1" % what)
    return value


def _nanoseconds(seconds, what):
    if not 0 <= seconds < 2**63 / 1e9:
        raise ValueError("%s must be 0 or a number of seconds" % what)
    return int(seconds * 1e9)


def _ring(cls, fd, name):
    return cls._import(arrived(fd), name)


class _Awaited:
    """A handle that tasks of event loops may wait for; they end when it does."""

    _waits: Tuple[Callable[[Error], None], ...] = ()

    def _end_waits(self, error):
        for end in list(self._waits):
            end(error)

    def close(self) -> None:
        """Leave the ring; a task or thread that waits gets ClosedError."""
        self._end_waits(ClosedError("closed"))
        super().close()     # type: ignore[misc]


class Reader(_Awaited, _ringbuf.Reader):
    """Sees every message from where it began; used by one process.

    for view in reader: gives a read-only memoryview of each message in place,
    which is released by the next step.  Slices of it and arrays on it stay: their
    message goes back to the writers, who wait for it, when the last of them is gone.
    BufferError when that is the whole ring and no message can come any more.

    Every step, peek() too, takes the next message.  One whose "with reader.peek()"
    block ended by an exception is read again, and those behind it.
    """

    def hole(self, position: Optional[int] = None) -> Optional[Hole]:
        """Which writer left the hole at position, and why; None: no hole, or not known any more.

        Without a position: of the last hole that this reader has skipped.
        """
        return hole(self._hole(position))

    @departure
    def __reduce__(self):
        fd, *rest = self._export()
        state = {"_missed": self._missed, "_died_is_end": self._died_is_end}
        return _handle, (type(self), _ringbuf.Reader, self.ring, departing(fd), rest, state)

    def __aiter__(self) -> AsyncReader:
        from .aio import AsyncReader
        return AsyncReader(self)

    def __repr__(self):
        if self.closed:
            return "<ringbuffer.Reader, closed>"
        return "<ringbuffer.Reader %d at position %d>" % (self.id, self.position)


class Writer(_Awaited, _ringbuf.Writer):
    """Writes messages; a shared one becomes a writer of its own in a child.

    A with block that an exception ends is not done: it abandons the writer, and
    readers see that a writer died.
    """

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        watch(self)
        return self

    def _end_with_process(self, failed, given):
        """End the writer if this process has used it, or failed before it could use it."""
        if not self._used and not (failed and any(thing is self for thing in given)):
            return
        try:
            _ringbuf.Writer.abandon(self) if failed else _ringbuf.Writer.close(self)
        except (Error, BufferError):
            pass    # a thread uses it, or a view of a slot lives: it ends with the process

    def done(self) -> None:
        """This writer will write no more."""
        self._end_waits(AlreadyClosedError("done; what waited wrote nothing"))
        super().done()

    def abandon(self) -> None:
        """Give the handle back as one that failed: readers see that a writer died."""
        self._end_waits(ClosedError("closed"))
        super().abandon()

    @departure
    def __reduce__(self):
        fd, *rest = self._export()
        return _handle, (type(self), _ringbuf.Writer, self.ring, departing(fd), rest)

    def __repr__(self):
        if self.closed:
            return "<ringbuffer.Writer, closed>"
        return "<ringbuffer.Writer %d>" % self.id


def _handle(cls, base, ring, fd, rest, state=None):
    """What a derived class does in __init__ is not done again, as in any unpickling."""
    self = cls.__new__(cls)
    base.__init__(self, ring, ticket=(arrived(fd), *rest))
    for name, value in (state or {}).items():
        setattr(self, name, value)
    return self
