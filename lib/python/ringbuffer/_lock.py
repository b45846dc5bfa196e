# SPDX-License-Identifier: LGPL-2.1-or-later
"""The readers/writer lock of the original package, for programs that use it by itself."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
from typing import Any, Iterator

from ._errors import InternalLockingError


class ReadersWriterLock:
    """Many readers or one writer at a time, in threads and in child processes.

    A reader may take the lock again, so a writer that waits does not stop readers.  Pass
    the lock to children as multiprocessing's own locks are passed.  A process that is
    killed while it holds the lock keeps it for ever; rings do not use this lock.

    readers.value is the number of readers that hold the lock, writer.value tells whether
    a writer holds it.
    """

    def __init__(self) -> None:
        self.lock = multiprocessing.Lock()
        self.readers_condition = multiprocessing.Condition(self.lock)
        self.writer_condition = multiprocessing.Condition(self.lock)
        self.readers: Any = multiprocessing.RawValue(ctypes.c_uint, 0)
        self.writer: Any = multiprocessing.RawValue(ctypes.c_bool, False)

    def _leave_readers(self):
        if not self.readers.value:
            raise InternalLockingError("no reader has the lock")
        self.readers.value -= 1
        if not self.readers.value:
            self.writer_condition.notify()

    def _wait_for_writer(self):
        while self.writer.value:
            self.readers_condition.wait()

    @contextlib.contextmanager
    def for_read(self) -> Iterator[ReadersWriterLock]:
        """Hold the lock with other readers for a with block."""
        with self.lock:
            self._wait_for_writer()
            self.readers.value += 1
        try:
            yield self
        finally:
            with self.lock:
                self._leave_readers()

    @contextlib.contextmanager
    def for_write(self) -> Iterator[ReadersWriterLock]:
        """Hold the lock alone for a with block."""
        with self.lock:
            try:
                while self.writer.value or self.readers.value:
                    self.writer_condition.wait()
            except BaseException:
                # Pass on a notification that this waiter may have consumed.
                self.writer_condition.notify()
                raise
            self.writer.value = True
        try:
            yield self
        finally:
            with self.lock:
                self.writer.value = False
                self.writer_condition.notify()
                self.readers_condition.notify_all()

    def wait_for_write(self) -> None:
        """Release the lock until a writer has held it, then take it again for reading.

        For use inside for_read().  Check again afterwards what the reader waits for.
        Raises InternalLockingError if no reader holds the lock.
        """
        with self.lock:
            self._leave_readers()
            try:
                self.readers_condition.wait()
            finally:
                # After an exception too: the end of the with block decrements it.
                self._wait_for_writer()
                self.readers.value += 1
