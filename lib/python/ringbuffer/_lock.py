# SPDX-License-Identifier: LGPL-2.1-or-later
"""The readers/writer lock of the original package, for programs that use it by itself."""

import contextlib
import ctypes
import multiprocessing

from ._errors import InternalLockingError


class ReadersWriterLock:
    """Many readers or one writer at a time, in threads and in child processes.

    A reader may become a reader once more, so readers do not wait for a writer that
    waits.  Passed to children as multiprocessing's own locks are.  A process that is
    killed with the lock keeps it; rings do not use it and do not have that fault.

    readers.value tells how many have it for reading, writer.value whether one has it
    for writing.
    """

    def __init__(self):
        self.lock = multiprocessing.Lock()
        self.readers_condition = multiprocessing.Condition(self.lock)
        self.writer_condition = multiprocessing.Condition(self.lock)
        self.readers = multiprocessing.RawValue(ctypes.c_uint, 0)
        self.writer = multiprocessing.RawValue(ctypes.c_bool, False)

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
    def for_read(self):
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
    def for_write(self):
        """Hold the lock alone for a with block."""
        with self.lock:
            try:
                while self.writer.value or self.readers.value:
                    self.writer_condition.wait()
            except BaseException:
                self.writer_condition.notify()  # it may have been for us
                raise
            self.writer.value = True
        try:
            yield self
        finally:
            with self.lock:
                self.writer.value = False
                self.writer_condition.notify()
                self.readers_condition.notify_all()

    def wait_for_write(self):
        """Inside for_read(): let writers have the lock, until one has had it.

        What the reader waits for has to be looked at again afterwards.
        InternalLockingError where no reader has the lock.
        """
        with self.lock:
            self._leave_readers()
            try:
                self.readers_condition.wait()
            finally:
                # Also with an exception: the with block takes this off again.
                self._wait_for_writer()
                self.readers.value += 1
