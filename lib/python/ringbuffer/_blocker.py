# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a writer waits for, and what left a hole: which process, and how."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple, Union

BY_READER, BY_WRITER = 1, 2

_CAUSES = ("unknown", "discarded", "left", "unmapped", "exited", "killed", "died", "fenced")


class Blocker(NamedTuple):
    """The reader that limits the writers.

    pid is 0, and comm empty, where the caller has no number for the process.  The reader has
    been at position since this time of time.monotonic(), at least; lag: slots from there to head.
    """
    id: int
    pid: int
    lag: int
    position: int
    comm: str
    since: float

    @property
    def kind(self) -> str:
        return "reader"


class BlockingWriter(NamedTuple):
    """A writer that has not finished the slot at position, lag slots behind head.

    The rest as in Blocker.
    """
    id: int
    pid: int
    position: int
    lag: int
    comm: str
    since: float

    @property
    def kind(self) -> str:
        return "writer"


class Hole(NamedTuple):
    """Why a position is a hole.

    cause: "discarded", "left" (done or closed), "unmapped" (or exec), "exited" (code: the
        status), "killed" (code: the signal), "died" (how is not known), "fenced", "unknown"
    writer: the id that the writer had, 0: not known
    pid, comm: its process, which may have ended; 0 and empty where they are not known
    """
    position: int
    cause: str
    code: int
    writer: int
    pid: int
    comm: str


_Raw = Tuple[int, int, int, int, int, int, str]


def blocker(raw: _Raw) -> Union[Blocker, BlockingWriter, None]:
    """What the extension tells, by name."""
    kind, number, pid, position, lag, since, comm = raw
    if kind == BY_READER:
        return Blocker(number, pid, lag, position, comm, since / 1e9)
    if kind == BY_WRITER:
        return BlockingWriter(number, pid, position, lag, comm, since / 1e9)
    return None


def hole(raw: Optional[Tuple[int, int, int, int, int, str]]) -> Optional[Hole]:
    if raw is None:
        return None
    position, cause, code, writer, pid, comm = raw
    return Hole(position, _CAUSES[cause if cause < len(_CAUSES) else 0], code, writer, pid, comm)


def _process(b):
    if not b.pid:
        return "%s %d (of a process that is not visible here)" % (b.kind, b.id)
    if not b.comm:
        return "%s %d (pid %d)" % (b.kind, b.id, b.pid)
    # Another process has chosen its name: nothing of it may act on a terminal.
    name = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in b.comm)
    return "%s %d (pid %d, %s)" % (b.kind, b.id, b.pid, name)


def describe(b: Union[Blocker, BlockingWriter, None], lacking: int, now: float) -> str:
    """One clause, as of the time now; empty without a blocker."""
    if lacking:
        return "the ring waits for %d more reader%s" % (lacking, "s" if lacking > 1 else "")
    if b is None:
        return ""
    age = ", for %.1f s" % (now - b.since) if now - b.since >= 0.1 else ""
    if isinstance(b, Blocker):
        return "%s has not released position %d; it is %d slot%s behind%s" % (
            _process(b), b.position, b.lag, "" if b.lag == 1 else "s", age)
    return "%s has not committed position %d%s" % (_process(b), b.position, age)
