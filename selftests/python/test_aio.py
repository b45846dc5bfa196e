# SPDX-License-Identifier: GPL-2.0
"""Readers and writers of an event loop."""

import asyncio
import errno
import gc
import multiprocessing
import os
import random
import signal
import threading
import time
import unittest

from support import PATIENCE, Case, often, on_module, ringbuffer, script, until

import ringbuffer.aio

Ring = ringbuffer.Ring


def _has_watch():
    try:
        ringbuffer.aio.Watch().close()
    except OSError:
        return False
    return True


WATCH = _has_watch()


def waiters():
    return sum(thread.name == "ringbuffer" for thread in threading.enumerate())


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 100))


def writes_numbers(writer, count):
    for n in range(count):
        writer.write(b"%d" % n, timeout=60)
    writer.close()


def reads_numbers(reader, count):
    for n in range(count):
        assert reader.read(timeout=60) == b"%d" % n


class Aio(Case):

    def test_readers_in_the_loop_of_their_writer_get_each_message(self):
        count = often(500)

        async def write(writer):
            async with writer:
                for n in range(count):
                    await writer.write(b"%d" % n)

        async def read(reader):
            got = []
            async for message in reader:
                self.assertIs(memoryview, type(message))
                got.append(int(bytes(message)))
            return got

        async def main():
            ring = Ring.create(16, 3)
            readers = [ring.reader() for _ in range(3)]
            writer = ring.async_writer()
            _, *got = await asyncio.gather(write(writer), *map(read, readers))
            self.assertEqual([list(range(count))] * 3, got)

        run(main())

    def test_task_reads_what_another_process_writes(self):
        async def main():
            ring = Ring.create(16, 5)
            reader = ring.reader()
            child = self.start(writes_numbers, ring.writer(), 2000)
            n = 0
            async for message in reader:
                self.assertEqual(b"%d" % n, message)
                n += 1
            self.assertEqual(2000, n)
            self.ends_well(child)

        run(main())

    def test_process_reads_what_a_task_writes(self):
        async def main():
            ring = Ring.create(16, 5)
            child = self.start(reads_numbers, ring.reader(), 1000)
            async with ring.async_writer() as writer:
                for n in range(500):
                    await writer.write(b"%d" % n)
                await writer.write_many([b"%d" % n for n in range(500, 1000)])
            await asyncio.get_running_loop().run_in_executor(None, self.ends_well, child)

        run(main())

    def test_each_call_of_readers_and_writers_can_be_awaited(self):
        async def main():
            ring = Ring.create(16, 5)
            async with ring.async_reader() as reader, ring.async_writer() as writer:
                await writer.write_many([b"1", b"2", b"3", b"4"])
                self.assertEqual(b"1", await reader.read())
                self.assertEqual([b"2", b"3"], await reader.read_many(2))
                with await reader.peek() as slot:
                    self.assertEqual(b"4", slot)
                with self.assertRaises(TypeError):
                    await writer.write("text")
                with self.assertRaises(ringbuffer.DataTooLargeError):
                    await writer.write(b"x" * 17)
                writer.done()
                with self.assertRaises(ringbuffer.WriterFinishedError):
                    await reader.read()
                with self.assertRaises(ringbuffer.AlreadyClosedError):
                    await writer.write(b"")

        run(main())

    def test_the_loop_runs_while_one_waits(self):
        async def main():
            ring = Ring.create(16, 5)
            reader, writer = ring.async_reader(), ring.writer()
            waiting = asyncio.ensure_future(reader.read())
            for _ in range(20):
                await asyncio.sleep(0.001)
                self.assertFalse(waiting.done())
            writer.write(b"now")
            self.assertEqual(b"now", await waiting)

        run(main())

    def test_cancelled_wait_takes_nothing(self):
        async def main():
            ring = Ring.create(16, 5)
            reader, writer = ring.async_reader(), ring.writer()
            for n in range(10):
                with self.assertRaises(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.read(), 0.01)
                writer.write(b"%d" % n)
                self.assertEqual(b"%d" % n, await reader.read())

        run(main())

    def test_more_readers_can_wait_than_a_thread_pool_has_threads(self):
        """As many readers wait as no thread pool has threads."""
        async def main():
            ring = Ring.create(16, 5)
            readers = [ring.async_reader() for _ in range(50)]
            waiting = [asyncio.ensure_future(r.read()) for r in readers]
            await asyncio.sleep(0)
            with ring.writer() as writer:
                writer.write(b"all")
                self.assertEqual([b"all"] * 50, await asyncio.gather(*waiting))

        run(main())

    def test_killed_writer_raises_writer_died(self):
        async def main():
            ring = Ring.create(16, 5)
            reader = ring.reader()
            started = multiprocessing.Value("i", 0)
            child = self.start(_writes_and_stays, ring.writer(), started)
            got = []

            async def read():
                async for message in reader:
                    got.append(bytes(message))

            task = asyncio.ensure_future(read())
            while not got:
                await asyncio.sleep(0.001)
            os.kill(child.pid, 9)
            with self.assertRaises(ringbuffer.WriterDiedError):
                await task
            self.assertEqual([b"1"], got)

        run(main())

    def test_killed_writer_may_be_an_end(self):
        async def main():
            ring = Ring.create(16, 5)
            reader = ring.async_reader(died="end")
            ring.writer().abandon()
            self.assertEqual([], [message async for message in reader])
            self.assertEqual("died", reader.reader.ended)

        run(main())

    def test_exception_in_a_with_block_is_a_death(self):
        async def main():
            ring = Ring.create(16, 5)
            reader = ring.async_reader()
            with self.assertRaises(ZeroDivisionError):
                async with ring.async_writer() as writer:
                    await writer.write(b"1")
                    1 / 0
            self.assertEqual(b"1", await reader.read())
            with self.assertRaises(ringbuffer.WriterDiedError):
                await reader.read()

        run(main())

    def test_arrays_of_earlier_messages_do_not_stop_the_loop(self):
        async def main():
            ring = Ring.create(16, 3)
            writer, kept = ring.async_writer(), []

            async def write():
                async with writer:
                    for n in range(50):
                        await writer.write(b"%d" % n)

            async def read():
                async with ring.async_reader() as reader:
                    ready.set_result(None)
                    async for message in reader:
                        kept[:] = [message[:]]
                        got.append(bytes(message))
                self.assertEqual(b"49", kept[0])
                self.assertEqual(1, len(ring.stats().readers))
                kept.clear()
                self.assertEqual(0, len(ring.stats().readers))

            got, ready = [], asyncio.get_running_loop().create_future()
            task = asyncio.ensure_future(read())
            await ready
            await asyncio.gather(task, write())
            self.assertEqual([b"%d" % n for n in range(50)], got)

        run(main())

    @unittest.skipIf(on_module(), "the module needs no thread")
    def test_close_does_not_wait_for_the_slices_of_waiters(self):
        """Compares the time with waits of one slice each, on the same machine at the same time."""
        async def main():
            ring = Ring.create(16, 1)
            readers = [ring.async_reader() for _ in range(15)]
            tasks = [asyncio.ensure_future(reader.read()) for reader in readers]
            while not all(r.waits for r in ring.stats().readers):
                await asyncio.sleep(0.001)
            start = time.monotonic()
            for reader in readers:
                reader.close()
            closed = time.monotonic() - start
            for task in tasks:
                with self.assertRaises(ringbuffer.ClosedError):
                    await task
            return closed

        def slices():
            reader = Ring.create(16, 1).reader()
            start = time.monotonic()
            for _ in range(15):
                reader.wait(timeout=ringbuffer.aio._SLICE)
            return time.monotonic() - start

        # On a busy machine another process may have its turn in the middle of the closes.
        self.assertTrue(any(run(main()) < slices() / 4 for _ in range(5)))

    def test_cancelled_write_wrote_nothing(self):
        """Cancel writes at any moment: the ring has just the messages of those that returned."""
        async def main():
            ring = Ring.create(16, 1)
            reader = ring.reader()
            writer = ring.async_writer()
            chance, written, got = random.Random(1), [], []

            async def write(n):
                await writer.write(b"%d" % n)
                written.append(b"%d" % n)

            count = often(300)
            await write(0)
            for n in range(1, count):
                task = asyncio.ensure_future(write(n))
                await asyncio.sleep(chance.choice((0, 0.001)))
                if n % 10 == 0:
                    await asyncio.sleep(0.12)   # longer than a slice
                if n % 3:
                    got += self.some(reader)
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                if n % 7 == 0:
                    # The read returns at once, though a thread may still wait.
                    task = asyncio.ensure_future(write(1000 + n))
                    while not task.done():
                        got += self.some(reader)
                        await asyncio.sleep(0)
                    await task
            writer.done()
            got += [bytes(message) for message in reader]
            self.assertEqual(written, got)
            self.assertGreater(len(written), count // 7)     # each seventh write is not cancelled

        run(main())

    @staticmethod
    def some(reader):
        try:
            return reader.read_many(9, timeout=0)
        except ringbuffer.WaitingForWriterError:
            return []

    def test_tasks_that_share_a_handle_lose_no_message(self):
        """Many tasks write by one writer and read by one reader."""
        async def main():
            ring = Ring.create(16, 2)
            reader, writer = ring.async_reader(), ring.async_writer()
            got = []
            count = often(40)

            async def write(n):
                for k in range(count):
                    await writer.write(b"%d" % (count * n + k))
                await writer.write_many([b"%d" % (1000 + 3 * n + k) for k in range(3)])

            async def read():
                try:
                    while True:
                        got.append(int(await reader.read()))
                except ringbuffer.WriterFinishedError:
                    pass

            reads = [asyncio.ensure_future(read()) for _ in range(3)]
            await asyncio.gather(*map(write, range(5)))
            writer.done()
            await asyncio.gather(*reads)
            self.assertEqual(sorted([*range(5 * count), *range(1000, 1015)]), sorted(got))

        run(main())

    def test_handles_can_be_used_in_one_loop_after_the_other(self):
        ring = Ring.create(16, 1)
        reader, writer = ring.async_reader(), ring.async_writer()

        async def main(first):
            reads = [asyncio.ensure_future(reader.read()) for _ in range(6)]
            await asyncio.gather(*[writer.write(b"%d" % n) for n in range(first, first + 6)])
            return sorted(int(message) for message in await asyncio.gather(*reads))

        for first in (10, 20):
            self.assertEqual(list(range(first, first + 6)), run(main(first)))

    def test_close_ends_the_waits_of_all_tasks(self):
        async def main():
            ring = Ring.create(16, 1)
            reader = ring.async_reader()
            tasks = [asyncio.ensure_future(reader.read()) for _ in range(4)]
            await asyncio.sleep(0.05)
            reader.close()
            for task in tasks:
                with self.assertRaises(ringbuffer.ClosedError):
                    await asyncio.wait_for(task, 60)

        run(main())

    def test_done_fails_a_write_that_waits(self):
        """The write fails even if there is room already and the loop has not used it yet."""
        async def main():
            for room in (False, True):
                ring = Ring.create(16, 1)
                reader, writer = ring.reader(), ring.async_writer()
                await writer.write(b"1")
                task = asyncio.ensure_future(writer.write(b"2"))
                await asyncio.sleep(0.05)
                if room:
                    reader.read()
                    time.sleep(0.3)     # the loop does not run, a thread does
                writer.done()
                with self.assertRaises(ringbuffer.AlreadyClosedError):
                    await asyncio.wait_for(task, 60)
                self.assertEqual([] if room else [b"1"], [bytes(m) for m in reader])

        run(main())

    def test_close_ends_every_kind_of_wait(self):
        async def main():
            for wait, full in (("read", False), ("peek", False), ("__anext__", False),
                               ("write", True), ("write_many", True)):
                for through in (True, False):
                    ring = Ring.create(16, 1)
                    reader, writer = ring.async_reader(), ring.async_writer()
                    await writer.write(b"1")
                    mine = writer
                    if not full:
                        await reader.read()
                        mine = reader
                    args = {"write": (b"2",), "write_many": ([b"2", b"3"],)}.get(wait, ())
                    task = asyncio.ensure_future(_awaits(getattr(mine, wait), *args))
                    await asyncio.sleep(0.05)
                    self.assertFalse(task.done())
                    handle = mine.writer if full else mine.reader
                    (mine if through else handle).close()
                    with self.assertRaises(ringbuffer.ClosedError):
                        await asyncio.wait_for(task, 60)

        run(main())

    def test_close_ends_a_task_that_polls(self):
        """The handle has a descriptor, as on the module, but one that never becomes ready."""
        async def main():
            for elsewhere in (False, True):
                ring = Ring.create(16, 1)
                r, w = os.pipe()
                reader = ringbuffer.aio.AsyncReader(_Polled(ring))
                reader._fd = r
                task = asyncio.ensure_future(reader.read())
                await asyncio.sleep(0.01)
                if elsewhere:
                    threading.Thread(target=reader.reader.close).start()
                else:
                    with reader.reader:
                        pass
                with self.assertRaises(ringbuffer.ClosedError):
                    await asyncio.wait_for(task, 60)
                self.assertFalse(asyncio.get_running_loop().remove_reader(r))
                os.close(r)
                os.close(w)

        run(main())


def tasks():
    """Return the number of threads of this process, with those that Python does not know."""
    return len(os.listdir("/proc/self/task"))


def _waiting():
    """Return the number of handles for which the threads of the running loop wait."""
    waiters = ringbuffer.aio._waiters(asyncio.get_running_loop())
    return len(waiters._waiting) if waiters else 0


async def _until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


@unittest.skipIf(on_module(), "the module needs no thread")
@unittest.skipUnless(WATCH, "this kernel has no futex_waitv()")
class OneThread(Case):
    """All waits of a loop have one thread, which sleeps without the GIL."""

    def setUp(self):
        super().setUp()
        # Wait for threads of other tests that have not ended yet.
        until(lambda: gc.collect() + 1 and tasks() == threading.active_count(), "the end")
        self.before = tasks()

    async def waiting(self, handles, step):
        """Start a task for each handle; return the tasks when all of them wait."""
        made = [asyncio.ensure_future(step(handle)) for handle in handles]
        await _until(lambda: _waiting() == len(handles))
        return made

    def test_one_thread_waits_for_readers_of_several_rings(self):
        async def main():
            rings = [Ring.create(16, 3) for _ in range(4)]
            readers = [ring.async_reader() for ring in rings for _ in range(25)]
            writers = [ring.writer() for ring in rings]
            for n in range(often(50)):
                waiting = await self.waiting(readers, lambda r: r.read())
                self.assertEqual(self.before + 1, tasks())
                for k, writer in enumerate(writers):
                    writer.write(b"%d %d" % (n, k))
                self.assertEqual([b"%d %d" % (n, k) for k in range(4) for _ in range(25)],
                                 await asyncio.gather(*waiting))

        run(main())
        self.assertEqual(self.before, tasks())

    def test_one_thread_waits_for_readers_and_writers(self):
        async def main():
            ring, full = Ring.create(16, 1), Ring.create(16, 1)
            reader, kept = ring.async_reader(), full.reader()
            writers = [full.async_writer() for _ in range(5)]
            full.writer().write(b"0")
            waiting = await self.waiting([reader, *writers], lambda h: (
                h.read() if h is reader else h.write(b"1")))
            self.assertEqual(self.before + 1, tasks())
            ring.writer().write(b"2")
            self.assertEqual(b"2", await waiting[0])
            got = []
            while len(got) < 6:
                got += self.some(kept)
                await asyncio.sleep(0)
            await asyncio.gather(*waiting)
            self.assertEqual([b"0"] + [b"1"] * 5, got)

        run(main())
        self.assertEqual(self.before, tasks())

    some = staticmethod(Aio.some)

    def test_each_127_handles_that_wait_have_a_thread(self):
        async def main():
            ring = Ring.create(16, 1, max_readers=300)
            writer = ring.writer()
            readers = [ring.async_reader() for _ in range(254)]
            waiting = await self.waiting(readers, lambda r: r.read())
            self.assertEqual(self.before + 2, tasks())
            writer.write(b"1")
            self.assertEqual([b"1"] * 254, await asyncio.gather(*waiting))
            one = ring.async_reader()
            waiting = await self.waiting([one], lambda r: r.read())
            self.assertEqual(self.before + 3, tasks())
            readers[0].close()      # makes room for one more
            more = ring.async_reader()
            waiting += await self.waiting_more(more)
            self.assertEqual(self.before + 3, tasks())
            for other in readers[1:]:
                other.close()   # or the writer would wait for them
            writer.write(b"2")
            self.assertEqual([b"2"] * 2, await asyncio.gather(*waiting))

        run(main())
        self.assertEqual(self.before, tasks())

    async def waiting_more(self, reader):
        count = _waiting()
        made = asyncio.ensure_future(reader.read())
        await _until(lambda: _waiting() == count + 1)
        return [made]

    def test_cancel_and_close_do_not_disturb_other_waits(self):
        async def main():
            ring = Ring.create(16, 4)
            readers = [ring.async_reader() for _ in range(30)]
            writer = ring.writer()
            for n in range(often(30)):
                waiting = await self.waiting(readers, lambda r: r.read())
                waiting[n % len(waiting)].cancel()
                readers[(n + 1) % len(readers)].close()
                writer.write(b"%d" % n)
                got = await asyncio.gather(*waiting, return_exceptions=True)
                self.assertIsInstance(got[n % len(got)], asyncio.CancelledError)
                self.assertIsInstance(got[(n + 1) % len(got)], ringbuffer.ClosedError)
                self.assertEqual(len(readers) - 2, got.count(b"%d" % n))
                self.assertEqual(b"%d" % n, await readers[n % len(readers)].read())
                readers[(n + 1) % len(readers)] = ring.async_reader()
            self.assertEqual(self.before + 1, tasks())

        run(main())
        self.assertEqual(self.before, tasks())

    def test_loops_of_two_threads_each_get_all_messages(self):
        ring = Ring.create(16, 4)
        writer = ring.writer()
        count = often(300)

        async def read(reader):
            return [int(await reader.read()) for _ in range(count)]

        async def main(readers):
            got = await asyncio.gather(*map(read, readers))
            self.assertEqual([list(range(count))] * len(readers), got)

        groups = [[ring.async_reader() for _ in range(5)] for _ in range(2)]
        with self.threads(*((run, main(readers)) for readers in groups)):
            for n in range(count):
                writer.write(b"%d" % n, timeout=60)
        until(lambda: tasks() == self.before, "the end of the threads")

    def test_two_loops_and_a_thread_can_share_a_reader(self):
        """The loops and the thread take turns; each message is read once."""
        ring = Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        count, got = often(300), []

        async def read():
            own = ringbuffer.aio.AsyncReader(reader)
            try:
                while True:
                    got.append(int(await own.read()))
            except ringbuffer.WriterFinishedError:
                pass

        def reads():
            try:
                while True:
                    got.append(int(reader.read()))
            except ringbuffer.WriterFinishedError:
                pass

        with self.threads((run, read()), (run, read()), (reads,)):
            for n in range(count):
                writer.write(b"%d" % n, timeout=60)
            writer.close()
        self.assertEqual(list(range(count)), sorted(got))

    def test_loop_can_be_closed_while_a_task_waits(self):
        ring = Ring.create(16, 4)
        reader, writer = ring.async_reader(), ring.writer()
        loop = asyncio.new_event_loop()

        async def begin():
            return await self.waiting([reader], lambda r: r.read())

        waiting = loop.run_until_complete(begin())
        self.assertEqual(self.before + 1, tasks())
        loop.close()
        self.assertEqual(self.before, tasks())
        waiting[0]._log_destroy_pending = False
        writer.write(b"1")
        reader = ringbuffer.aio.AsyncReader(reader.reader)
        self.assertEqual(b"1", run(reader.read()))

    def test_process_can_fork_while_the_thread_waits(self):
        async def main():
            ring, other = Ring.create(16, 4), Ring.create(16, 4)
            readers = [ring.async_reader() for _ in range(5)]
            writer, in_child = ring.writer(), other.async_reader()
            for n in range(5):
                waiting = await self.waiting(readers, lambda r: r.read())
                child = self.start(_reads_in_a_child, in_child, other.writer())
                await asyncio.get_running_loop().run_in_executor(None, self.ends_well, child)
                in_child = other.async_reader()
                writer.write(b"%d" % n)
                self.assertEqual([b"%d" % n] * 5, await asyncio.gather(*waiting))

        run(main())

    def test_process_can_exit_while_the_thread_waits(self):
        for text in ("asyncio.run(main())", "loop = asyncio.new_event_loop()\n"
                     "loop.run_until_complete(main())", "loop = asyncio.new_event_loop()\n"
                     "loop.run_until_complete(main())\nos._exit(0)"):
            ran = script("import asyncio, os, ringbuffer\n"
                         "ring = ringbuffer.Ring.create(16, 4)\n"
                         "readers = [ring.async_reader() for _ in range(9)]\n"
                         "async def main():\n"
                         "    global tasks\n"
                         "    tasks = [asyncio.ensure_future(r.read()) for r in readers]\n"
                         "    for task in tasks: task._log_destroy_pending = False\n"
                         "    await asyncio.sleep(0.05)\n" + text,
                         env={"PYTHONMALLOC": "debug"})
            self.assertEqual("", ran.stdout)

    def test_signals_are_for_the_main_thread(self):
        async def main():
            ring = Ring.create(16, 4)
            # multiprocessing keeps a thread that blocks signals too.
            before = set(os.listdir("/proc/self/task"))
            (task,) = await self.waiting([ring.async_reader()], lambda r: r.read())
            got = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGUSR1, lambda: got.done() or got.set_result(None))
            os.kill(os.getpid(), signal.SIGUSR1)
            await got
            masks = [_blocked(task) for task in set(os.listdir("/proc/self/task")) - before]
            self.assertEqual(1, sum(mask >> (signal.SIGUSR1 - 1) & 1 for mask in masks))
            task.cancel()

        run(main())


def _blocked(task):
    with open("/proc/self/task/%s/status" % task) as f:
        return int(next(line for line in f if line.startswith("SigBlk")).split()[1], 16)


def _reads_in_a_child(reader, writer):
    """Run a loop and a thread in a process of its own."""
    assert tasks() == 1, tasks()

    async def main():
        task = asyncio.ensure_future(reader.read())
        await _until(_waiting)
        writer.write(b"child")
        assert await task == b"child"
        assert tasks() == 2, tasks()

    run(main())
    assert tasks() == 1, tasks()


@unittest.skipIf(on_module(), "the module needs no thread")
class WithoutWatch(Aio):
    """On a kernel without futex_waitv() each handle that waits has a thread."""

    def setUp(self):
        super().setUp()
        self.watch, ringbuffer.aio.Watch = ringbuffer.aio.Watch, _no_watch

    def tearDown(self):
        ringbuffer.aio.Watch = self.watch
        super().tearDown()

    def test_threads_end_after_their_waits(self):
        async def main():
            ring = Ring.create(16, 5)
            readers = [ring.async_reader() for _ in range(5)]
            writer = ring.writer()
            waiting = [asyncio.ensure_future(r.read()) for r in readers]
            await _until(lambda: waiters() == 5)
            writer.write(b"")
            await asyncio.gather(*waiting)

        until(lambda: gc.collect() + 1 and not waiters(), "the end of other tests' threads")
        run(main())
        until(lambda: not waiters(), "the end of the threads")


def _no_watch():
    raise OSError(errno.ENOSYS, "as on an older kernel")


class _Polled(ringbuffer.Reader):
    pass


async def _awaits(call, *args):
    return await call(*args)


def _writes_and_stays(writer, started):
    writer.write(b"1")
    while True:
        time.sleep(1)


if __name__ == "__main__":
    unittest.main()
