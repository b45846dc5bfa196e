# SPDX-License-Identifier: LGPL-2.1-or-later
"""The readers/writer lock of the original package, for programs that use it by itself."""

import contextlib
import ctypes
import multiprocessing

from ._errors import InternalLockingError


class ReadersWriterLock:
    """Many readers or one writer at a time, in processes that inherit it.

    A writer that waits goes before readers that come later.  A process that is killed
    with the lock keeps it: rings do not use it, and do not have that fault.  Made in
    the parent and passed to its children, as multiprocessing's own locks are.
    """

    def __init__(self):
        self.lock = multiprocessing.Lock()
        self.readers_condition = multiprocessing.Condition(self.lock)
        self.writer_condition = multiprocessing.Condition(self.lock)
        self.readers = multiprocessing.RawValue(ctypes.c_uint, 0)
        self.writer = multiprocessing.RawValue(ctypes.c_bool, False)
        self._waiting = multiprocessing.RawValue(ctypes.c_uint, 0)

    def _acquire_reader(self):
        with self.lock:
            while self.writer.value or self._waiting.value:
                self.readers_condition.wait()
            self.readers.value += 1

    def _release_reader(self):
        with self.lock:
            if not self.readers.value:
                raise InternalLockingError("no reader has the lock")
            self.readers.value -= 1
            # Also for a reader that waits in wait_for_write().
            self.writer_condition.notify_all()

    def _acquire_writer(self):
        with self.lock:
            self._waiting.value += 1
            try:
                while self.writer.value or self.readers.value:
                    self.writer_condition.wait()
                self.writer.value = True
            finally:
                self._waiting.value -= 1
                if not self.writer.value:
                    self.readers_condition.notify_all()  # an exception ended the wait

    def _release_writer(self):
        with self.lock:
            if not self.writer.value:
                raise InternalLockingError("no writer has the lock")
            self.writer.value = False
            self.readers_condition.notify_all()
            self.writer_condition.notify_all()

    @contextlib.contextmanager
    def for_read(self):
        """Hold the lock with other readers for a with block."""
        self._acquire_reader()
        try:
            yield self
        finally:
            self._release_reader()

    @contextlib.contextmanager
    def for_write(self):
        """Hold the lock alone for a with block."""
        self._acquire_writer()
        try:
            yield self
        finally:
            self._release_writer()

    def wait_for_write(self):
        """Give a reader's hold up until a writer has had the lock, and take it again.

        For use inside of for_read(): what the reader waits for has to be looked at
        again afterwards.
        """
        with self.lock:
            if not self.readers.value:
                raise InternalLockingError("no reader has the lock")
            self.readers.value -= 1
            self.writer_condition.notify_all()
            try:
                # The end of the next write is what notifies readers.
                self.readers_condition.wait()
                while self.writer.value or self._waiting.value:
                    self.readers_condition.wait()
            finally:
                self.readers.value += 1
