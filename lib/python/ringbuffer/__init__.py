# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams of messages between processes, through a ring of slots in shared memory.

RingBuffer has the interface of the package of that name on PyPI.  Ring, Reader
and Writer are the same ring without copies, with batches, names, timeouts and
asyncio.
"""

import os as _os

# In the source tree the extension lies with all that is built.
_built = _os.path.join(_os.path.dirname(_os.path.abspath(__file__)),
                       "..", "..", "..", "build", "python", "ringbuffer")
if _os.path.isdir(_built):
    __path__.append(_os.path.normpath(_built))

from ._blocker import Blocker, BlockingWriter, Hole
from ._dropin import Pointer, Position, RingBuffer, SlotArray
from ._errors import (AlreadyClosedError, BusyError, ClosedError, DataTooLargeError, Error,
                      EvictedError, InternalLockingError, MustCreatedReadersBeforeWritingError,
                      OverrunError, ReadTimeoutError, WaitingForReaderError, WaitingForWriterError,
                      WriterDiedError, WriterFinishedError, WriteTimeoutError)
from ._lock import ReadersWriterLock
from ._policy import Policy
from ._ring import (HEAD, OLDEST, Reader, ReaderStats, Ring, Start, Stats, Writer, WriterStats)
from ._ringbuf import Slot, asarray, library_version

__version__ = library_version

__all__ = [
    "AlreadyClosedError", "Blocker", "BlockingWriter", "BusyError", "ClosedError", "DataTooLargeError", "Error",
    "EvictedError", "HEAD", "Hole", "InternalLockingError", "MustCreatedReadersBeforeWritingError", "OLDEST",
    "OverrunError", "Pointer", "Policy", "Position", "ReadTimeoutError", "Reader", "ReaderStats",
    "ReadersWriterLock", "Ring", "RingBuffer", "Slot", "SlotArray", "Start", "Stats", "WaitingForReaderError",
    "WaitingForWriterError", "WriteTimeoutError", "Writer", "WriterDiedError",
    "WriterFinishedError", "WriterStats", "asarray", "library_version",
]
