# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers and writers for asyncio.

On the module a handle has a descriptor that the event loop polls.  On the
embedded host there is none: a thread sleeps for the handle, only while there is
something to wait for.
"""

import asyncio
import os
import queue
import threading

from ._errors import WaitingForReaderError, WaitingForWriterError, WriterFinishedError

_SLICE = 0.1  # a wait that was cancelled ends within this time


class _Job:

    def __init__(self, step, loop):
        self.step = step
        self.loop = loop
        self.future = loop.create_future()
        self.cancelled = False

    def run(self):
        error = None
        try:
            while not self.cancelled and not self.step(_SLICE):
                pass
        except BaseException as e:
            error = e
        try:
            self.loop.call_soon_threadsafe(self._finish, error)
        except RuntimeError:
            pass  # the loop was closed, nobody waits any more

    def _finish(self, error):
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class _Sleeper:
    """A thread that waits in our place, started when it is needed first."""

    def __init__(self):
        self._jobs = None
        self._process = None

    def _queue(self):
        if self._process != os.getpid():
            self._process = os.getpid()
            self._jobs = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(self._jobs,), name="ringbuffer",
                             daemon=True).start()
        return self._jobs

    async def until(self, step):
        """Until step(timeout) is true; it runs in the thread."""
        job = _Job(step, asyncio.get_running_loop())
        self._queue().put(job)
        try:
            await job.future
        finally:
            job.cancelled = True

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


async def _polled(add, remove, fd):
    future = asyncio.get_running_loop().create_future()
    add(fd, lambda: future.done() or future.set_result(None))
    try:
        await future
    finally:
        remove(fd)


def _descriptor(handle):
    try:
        return handle.fileno()
    except OSError:
        return None


class AsyncReader:
    """A Reader that is awaited; for one task at a time."""

    def __init__(self, reader):
        self.reader = reader
        self._fd = _descriptor(reader)
        self._sleeper = _Sleeper()

    def _step(self, timeout):
        try:
            return self.reader.wait(1, timeout)
        except WriterFinishedError:
            return True

    async def _ready(self):
        if self._fd is None:
            await self._sleeper.until(self._step)
        else:
            loop = asyncio.get_running_loop()
            await _polled(loop.add_reader, loop.remove_reader, self._fd)

    async def _call(self, call, *args):
        while True:
            try:
                return call(*args, timeout=0)
            except WaitingForWriterError:
                await self._ready()

    async def read(self):
        """The next message, as bytes."""
        return await self._call(self.reader.read)

    async def read_many(self, n):
        """Wait for one, then take up to n: a list of bytes."""
        return await self._call(self.reader.read_many, n)

    async def peek(self):
        """The next message in place: a Slot."""
        return await self._call(self.reader.peek)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            try:
                view = self.reader._try_next()
            except WriterFinishedError:
                raise StopAsyncIteration from None
            if view is not None:
                return view
            await self._ready()

    def close(self):
        self._sleeper.stop()
        self.reader.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()


class AsyncWriter:
    """A Writer that is awaited; for one task at a time."""

    def __init__(self, writer):
        self.writer = writer
        self._fd = _descriptor(writer)
        self._sleeper = _Sleeper()

    async def write(self, data):
        """Copy one message in and publish it; wait for slow readers."""
        while True:
            try:
                return self.writer.write(data, timeout=0)
            except WaitingForReaderError:
                if self._fd is None:
                    return await self._write_in_thread(data)
                loop = asyncio.get_running_loop()
                await _polled(loop.add_writer, loop.remove_writer, self._fd)

    async def _write_in_thread(self, data):
        def step(timeout):
            try:
                self.writer.write(data, timeout=timeout)
            except WaitingForReaderError:
                return False
            return True

        await self._sleeper.until(step)

    async def write_many(self, messages):
        """All of them, in order."""
        messages = list(messages)
        done = 0
        while done < len(messages):
            try:
                done += self.writer.write_many(messages[done:], timeout=0)
            except WaitingForReaderError:
                await self.write(messages[done])
                done += 1

    def done(self):
        self.writer.done()

    def close(self):
        self._sleeper.stop()
        self.writer.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        self.close()
