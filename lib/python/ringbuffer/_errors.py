# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong, by the original's names and a few more."""

from __future__ import annotations

from typing import Optional, Tuple, Union

from . import _blocker


class Error(Exception):
    """Base of all that this package raises of its own."""


class DataTooLargeError(Error, ValueError):
    """The message is larger than a slot, or than the buffer to read into."""


class WaitingForReaderError(Error):
    """A slow reader blocks the write; nothing was written, nothing is lost."""

    # The blocker, how many readers are lacking, and when that was, as the extension tells it.
    _raw: Optional[Tuple[_blocker._Raw, int, int]] = None

    @property
    def blocker(self) -> Union[_blocker.Blocker, _blocker.BlockingWriter, None]:
        """The reader, or the writer of an unfinished slot, that blocked the write then."""
        return self._raw and _blocker.blocker(self._raw[0])

    @property
    def readers_lacking(self) -> int:
        """How many readers must still attach before writers begin, see wait_readers."""
        return self._raw[1] if self._raw else 0

    def __str__(self) -> str:
        texts = [super().__str__()]
        if self._raw:
            texts.append(_blocker.describe(self.blocker, self.readers_lacking, self._raw[2] / 1e9))
        return ": ".join(filter(None, texts))


class WaitingForWriterError(Error):
    """Nothing to read yet."""


class WriterFinishedError(Error):
    """Nothing to read, and no writer is active."""


class WriterDiedError(WriterFinishedError):
    """The end, and a writer was killed, or failed, before it said that it was done."""


class AlreadyClosedError(Error):
    """A write, and no writer is active."""


class MustCreatedReadersBeforeWritingError(Error):
    """new_reader() after the first write; see RingBuffer(late_readers=True)."""


class InternalLockingError(Error):
    """The words that processes share make no sense, or a handle is in use elsewhere."""


class BusyError(InternalLockingError):
    """Another process uses the handle, a second exclusive writer, or an open reservation."""


class OverrunError(Error):
    """The reader was moved forward, skipped or overtaken with a slot in hand, which is lost."""


class EvictedError(Error):
    """This reader was evicted, by Ring.evict() or its policy; attach a new one."""


class ClosedError(Error, ValueError):
    """The object was closed, its handle was taken by another process that has ended, or the
    writer was fenced (claim_timeout)."""


class ReadTimeoutError(WaitingForWriterError, TimeoutError):
    """Nothing to read before the timeout."""


class WriteTimeoutError(WaitingForReaderError, TimeoutError):
    """No room before the timeout."""
