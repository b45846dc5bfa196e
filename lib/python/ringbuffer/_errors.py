# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong, by the original's names and a few more."""


class Error(Exception):
    """Base of all that this package raises of its own."""


class DataTooLargeError(Error, ValueError):
    """The message is larger than a slot, or than the buffer to read into."""


class WaitingForReaderError(Error):
    """A slow reader blocks the write; nothing was written, nothing is lost."""


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
    """The reader was moved forward while it had a slot in hand; the slot is lost."""


class EvictedError(Error):
    """This reader was evicted, by Ring.evict(); attach a new one."""


class ClosedError(Error, ValueError):
    """The object was closed, its handle was taken by another process that has ended, or the
    writer was fenced (claim_timeout)."""


class ReadTimeoutError(WaitingForWriterError, TimeoutError):
    """Nothing to read before the timeout."""


class WriteTimeoutError(WaitingForReaderError, TimeoutError):
    """No room before the timeout."""
