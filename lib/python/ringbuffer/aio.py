# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers and writers for asyncio.

On the module a handle has a descriptor that the event loop polls.  On the
embedded host there is none: one thread sleeps for all handles of a loop, or one
for each 127 of them.  Where that cannot be, a thread sleeps for each handle, only
while there is something to wait for: the kernel has no futex_waitv(2), another
thread or loop waits with the same handle, or messages in use keep a descriptor of
the module ready.
"""

from __future__ import annotations

import asyncio
import errno
import os
import queue
import threading
import weakref
from typing import TYPE_CHECKING, Any, Iterable, List, TypeVar

from ._errors import (ClosedError, WaitingForReaderError, WaitingForWriterError,
                      WriterDiedError, WriterFinishedError)
from ._ringbuf import Slot, Watch

if TYPE_CHECKING:
    from ._ring import Reader, Writer
    from ._ringbuf import _Buffer

_T = TypeVar("_T")

_SLICE = 0.1  # a wait that was cancelled ends within this time


class _Job:
    """step(timeout) until it returns something but None, in a thread; awaited in a loop.

    What it returned belongs to the task that awaits; if that was cancelled undo()
    gets it at once, in either thread.  When cancel() has returned nothing is left
    but a step that has not ended yet.
    """

    def __init__(self, step, undo, loop):
        self.step = step
        self.undo = undo
        self.loop = loop
        self.future = loop.create_future()
        self.lock = threading.Lock()
        self.result = None
        self.cancelled = False
        self.ended = False

    def run(self):
        result = error = None
        try:
            while not self.cancelled and result is None:
                result = self.step(_SLICE)
        except BaseException as e:
            error = e
        self.step = None    # part of a cycle of references
        with self.lock:
            self.result = result
            if self.cancelled:
                self._give_back()
            self.ended = True
        try:
            self.loop.call_soon_threadsafe(self._finish, error)
        except RuntimeError:
            self.cancel()   # the loop was closed, nobody waits any more

    def _finish(self, error):
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)

    def take(self):
        result, self.result = self.result, None
        return result

    def _give_back(self):
        result = self.take()
        if result is not None and self.undo:
            self.undo(result)

    def cancel(self):
        with self.lock:
            self.cancelled = True
            self._give_back()


class _Waiter:
    """A thread that waits in our place, started when it is needed first."""

    def __init__(self):
        self._jobs = None
        self._process = None
        self._last = None

    def _queue(self):
        if self._process != os.getpid():
            self._process = os.getpid()
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs,), name="ringbuffer",
                             daemon=True).start()
        return self._jobs

    @property
    def idle(self):
        """Whether the thread has nothing of the handle in its hands."""
        return self._last is None or self._last.ended or self._process != os.getpid()

    async def until(self, handle, step, undo=None):
        """What step(timeout) returns in the thread when it is not None at last."""
        self._last = job = _Job(step, undo, asyncio.get_running_loop())
        self._queue().put(job)
        try:
            await _awaited(handle, job.future, job.cancel)
            return job.take()
        finally:
            job.cancel()

    def stop(self):
        if self._jobs is not None and self._process == os.getpid():
            self._jobs.put(None)
        self._jobs = self._process = None

    __del__ = stop


def _serve(jobs):
    while True:
        job = jobs.get()
        if job is None:
            return
        job.run()
        del job


class _Waiters:
    """The threads that sleep for the handles of a loop; they end when it is closed.

    Only the loop refers to them, by its callbacks, and neither tasks nor tracebacks.
    """

    def __init__(self, loop):
        self._watches = []
        self._waiting = {}      # id(handle) -> future
        self._loop = weakref.ref(loop)

    def _add(self):
        """One more thread, or None."""
        try:
            watch = Watch()
        except OSError:
            return None
        self._loop().add_reader(watch.fileno(), self._told, watch)
        self._watches.append(watch)
        return watch

    def _told(self, watch):
        for handle in watch.take():
            future = self._waiting.pop(handle, None)
            if future is not None and not future.done():
                future.set_result(None)

    def _arm(self, handle):
        for watch in self._watches:
            try:
                return watch.arm(handle)
            except OSError as e:
                if e.errno != errno.ENOSPC:
                    raise
        watch = self._add()
        return watch and watch.arm(handle)

    def arm(self, handle, future):
        """True: future ends when there is something to do; False: look now; None: neither."""
        armed = self._arm(handle)
        if armed:
            self._waiting[id(handle)] = future
        else:
            future.set_result(None)
        return armed

    def disarm(self, handle, future):
        if self._waiting.get(id(handle)) is not future:
            return
        del self._waiting[id(handle)]
        for watch in self._watches:
            watch.disarm(handle)


_waiters_of: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()     # loop -> weak reference to _Waiters


def _waiters(loop):
    """Those of loop, or None."""
    reference = _waiters_of.get(loop)
    return reference and reference()


async def _watched(handle):
    """Wait until there may be something to do.  False: not in this way."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    armed = None

    def enter():
        nonlocal armed
        waiters = _waiters(loop)
        if waiters is None:
            waiters = _Waiters(loop)
            _waiters_of[loop] = weakref.ref(waiters)
        armed = waiters.arm(handle, future)

    def leave():
        waiters = _waiters(loop)
        if waiters is not None:
            waiters.disarm(handle, future)

    # Messages that arrive while other tasks run cost no wake-up.
    await asyncio.sleep(0)
    try:
        await _awaited(handle, future, leave, enter)
    finally:
        leave()
    return armed is not None


async def _awaited(handle, future, leave, enter=None):
    """Await future, or until a thread closes the handle.

    enter() is called when a close is noticed already.
    """
    loop = asyncio.get_running_loop()
    thread = threading.get_ident()
    errors = []

    def end(error):
        errors.append(error)
        leave()
        if not future.done():
            future.set_result(None)

    def told(error):
        if threading.get_ident() == thread:
            end(error)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(end, error)

    handle._waits = {*handle._waits, told}
    try:
        if enter:
            enter()
        await future
    finally:
        handle._waits = handle._waits - {told}
    if errors:
        raise errors[0]


async def _polled(handle, add, remove, fd):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    add(fd, lambda: future.done() or future.set_result(None))
    try:
        await _awaited(handle, future, lambda: remove(fd))
    finally:
        if not handle.closed and not loop.is_closed():
            remove(fd)


def _descriptor(handle):
    try:
        return handle.fileno()
    except OSError:
        return None


class _Turns:
    """One task at a time waits for the handle, in the loop that runs."""

    _lock = _loop = None

    def _turn(self):
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._lock = loop, asyncio.Lock()
        return self._lock

    @property
    def _taken(self):
        return self._lock is not None and self._lock.locked()


class AsyncReader(_Turns):
    """A Reader that is awaited; tasks take turns."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._fd = _descriptor(reader)
        self._waiter = _Waiter()

    def _step(self, timeout):
        try:
            return self.reader.wait(1, timeout) or None
        except WriterFinishedError:
            return True

    async def _ready(self):
        async with self._turn():
            if self.reader.closed:
                raise ClosedError("closed")
            # With messages in use the descriptor is always ready: they count as unread.
            if self._fd is not None and not self.reader._in_use:
                loop = asyncio.get_running_loop()
                await _polled(self.reader, loop.add_reader, loop.remove_reader, self._fd)
            elif self._fd is not None or not await _watched(self.reader):
                await self._waiter.until(self.reader, self._step)

    async def _call(self, call, *args):
        while True:
            try:
                return call(*args, timeout=0)
            except WaitingForWriterError:
                await self._ready()

    async def read(self) -> bytes:
        """The next message, as bytes."""
        return await self._call(self.reader.read)

    async def read_many(self, n: int) -> List[bytes]:
        """Wait for one, then take up to n: a list of bytes."""
        return await self._call(self.reader.read_many, n)

    async def peek(self) -> Slot:
        """The next message in place: a Slot."""
        return await self._call(self.reader.peek)

    def __aiter__(self: _T) -> _T:
        return self

    async def __anext__(self) -> memoryview:
        while True:
            try:
                view = self.reader._try_next()
            except WriterDiedError:
                raise
            except WriterFinishedError:
                raise StopAsyncIteration from None
            if view is not None:
                return view
            await self._ready()

    def close(self) -> None:
        self._waiter.stop()
        self.reader.close()

    async def __aenter__(self: _T) -> _T:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._waiter.stop()
        self.reader.__exit__(*exc)


class AsyncWriter(_Turns):
    """A Writer that is awaited; tasks take turns."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self._fd = _descriptor(writer)
        self._waiter = _Waiter()

    async def write(self, data: _Buffer) -> None:
        """Copy one message in and publish it; wait for slow readers.

        Cancelled means that nothing was written.
        """
        if not self._taken and self._try(data):
            return
        async with self._turn():
            while not self._try(data):
                if self._fd is None:
                    if await _watched(self.writer):
                        continue
                    await self._write_reserved(data)
                    return
                loop = asyncio.get_running_loop()
                await _polled(self.writer, loop.add_writer, loop.remove_writer, self._fd)

    async def _write_reserved(self, data):
        with await self._waiter.until(self.writer, self._reserve, Slot.release) as slot:
            slot._write(data)

    def _try(self, data):
        # A write that was cancelled a moment ago may still be at it.
        if not self._waiter.idle:
            return False
        try:
            self.writer.write(data, timeout=0)
        except WaitingForReaderError:
            return False
        return True

    def _reserve(self, timeout):
        """In the thread, which has room and no data: what to write is the loop's."""
        try:
            return self.writer.reserve(timeout)
        except WaitingForReaderError:
            return None

    async def write_many(self, messages: Iterable[_Buffer]) -> None:
        """All of them, in order; cancelled, it may have written the first ones."""
        messages = list(messages)
        done = 0
        while done < len(messages):
            try:
                if self._waiter.idle and not self._taken:
                    done += self.writer.write_many(messages[done:], timeout=0)
                    continue
            except WaitingForReaderError:
                pass
            await self.write(messages[done])
            done += 1

    def done(self) -> None:
        self.writer.done()

    def close(self) -> None:
        self._waiter.stop()
        self.writer.close()

    async def __aenter__(self: _T) -> _T:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._waiter.stop()
        self.writer.__exit__(*exc)
