# SPDX-License-Identifier: GPL-2.0
"""What handlers, other threads and the collector do to a handle in use, as a review found it."""

import gc
import os
import signal
import threading
import time
import unittest
import weakref
from support import ringbuffer, script, until

try:
    import _testcapi
except ImportError:
    _testcapi = None


class Review(unittest.TestCase):

    def setUp(self):
        self.ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=4)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()
        self.raised = []

    def catches(self, call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except Exception as error:      # what it is, is what the tests look at
            self.raised.append(type(error))

    def read_while_a_handler_closes(self, after, timeout):
        old = signal.signal(signal.SIGALRM, lambda *_: self.catches(self.reader.close))
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            self.assertRaises(ringbuffer.ReadTimeoutError, self.reader.read, timeout=timeout)
        finally:
            signal.signal(signal.SIGALRM, old)

    def three_wait(self):
        threads = [threading.Thread(target=self.catches, args=(self.reader.read,))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)     # so that they wait; it holds in any case
        return threads

    def test_handler_cannot_close_what_waits(self):
        self.read_while_a_handler_closes(after=0.05, timeout=0.5)
        self.assertEqual([ringbuffer.BusyError], self.raised)
        self.reader.close()

    def test_handler_while_another_thread_waits_for_us(self):
        behind = threading.Timer(0.1, self.catches, (self.reader.read,), {"timeout": 1})
        behind.start()
        self.read_while_a_handler_closes(after=0.3, timeout=0.6)
        behind.join()
        self.assertEqual([ringbuffer.BusyError, ringbuffer.ReadTimeoutError], self.raised)

    def test_trying_does_not_wait_behind_others(self):
        threads = self.three_wait()
        for _ in range(3):
            self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)
        for _ in threads:
            self.writer.write(b"message")
        for thread in threads:
            thread.join()
        self.assertEqual([], self.raised)

    def test_close_ends_the_waits_of_others(self):
        threads = self.three_wait()
        self.reader.close()
        for thread in threads:
            thread.join()
        self.assertEqual([ringbuffer.ClosedError] * 3, self.raised)

    def test_close_keeps_what_is_looked_at(self):
        for _ in range(3):
            self.writer.write(b"message")
        slots = self.reader.peek_many(2)
        view = slots[1].data
        self.ring.sync()
        self.assertRaises(BufferError, self.reader.close)
        self.assertEqual(b"message", bytes(view))
        view.release()
        del slots, view
        self.reader.close()

    def test_list_that_is_cleared_meanwhile(self):
        messages = [b"%060d" % n for n in range(200)]
        threading.Timer(0.1, messages.clear).start()
        self.assertEqual(4, self.writer.write_many(messages, timeout=0.5))
        self.assertEqual([b"%060d" % n for n in range(4)],
                         [bytes(self.reader.read()) for n in range(4)])

    def close_beside_a_write(self):
        """What a write of another thread raises, that waits, or is about to."""
        ring = ringbuffer.RingBuffer(slot_bytes=8, slot_count=1)
        reader = ring.new_reader()
        ring.new_writer()

        def writes():
            ring.blocking_write(b"1")
            self.catches(ring.blocking_write, b"2")

        thread = threading.Thread(target=writes)
        thread.start()
        until(lambda: reader.get().counter == 0 and ring.writer.get().counter == 1, "written")
        ring._close()
        thread.join()
        return self.raised.pop()

    def test_close_ends_the_write_of_another(self):
        for _ in range(50):
            raised = self.close_beside_a_write()
            if raised is ringbuffer.ClosedError:
                return
            # We were faster: it had not begun to wait.
            self.assertIs(ringbuffer.AlreadyClosedError, raised)
        self.fail("it never waited")

    def test_steps_leave_nothing_behind(self):
        def references():
            gc.collect()
            return sum(isinstance(thing, weakref.ref) for thing in gc.get_objects())

        before = references()
        for _ in range(100):
            self.writer.write(b"x")
            bytes(next(self.reader))
        self.assertLess(references(), before + 10)

    def test_used_before_it_is_made(self):
        test = self

        class Early(ringbuffer.RingBuffer):
            def __init__(self):
                test.assertRaises(ringbuffer.Error, self.new_writer)
                test.assertRaises(ringbuffer.Error, self.force_reader_sync)
                super().__init__(slot_bytes=4, slot_count=4)

        Early().new_writer()


class Lost(unittest.TestCase):
    """A step that fails has not taken anything."""

    def setUp(self):
        self.ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=50)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def without_memory(self, call):
        """Whether call() fails as every allocation fails from the n-th on, for each n.

        The first one never does, so it is not one of call().
        """
        for n in range(1, 40):
            failed = False
            got = None
            _testcapi.set_nomemory(n, 0)
            try:
                got = bytearray(1), call()
            except MemoryError:
                failed = True
            finally:
                _testcapi.remove_mem_hooks()
            del got
            yield failed

    @unittest.skipUnless(_testcapi, "this Python has no _testcapi")
    def test_reads_without_memory(self):
        messages = [b"%d" % n for n in range(4)]
        for call in (lambda: self.reader.peek_many(4, 0), lambda: self.reader.peek(0),
                     lambda: self.reader.read_many(4, 0), lambda: self.reader.read(0),
                     lambda: next(self.reader)):
            outcomes = set()
            self.writer.write_many(messages)
            for failed in self.without_memory(call):
                outcomes.add(failed)
                try:
                    left = self.reader.read_many(9, timeout=0)
                except ringbuffer.WaitingForWriterError:
                    left = []
                if failed:
                    self.assertEqual(messages, left)
                self.writer.write_many(messages)
            self.assertEqual({True, False}, outcomes)
            self.reader.read_many(9)

    @unittest.skipUnless(_testcapi, "this Python has no _testcapi")
    def test_reserves_without_memory(self):
        failed = list(self.without_memory(lambda: self.writer.reserve(0)))
        self.assertEqual({True, False}, set(failed))
        # What was reserved and given back is a hole; what failed is nothing at all.
        self.assertEqual(failed.count(False), self.writer.position)

    def test_finalizers_that_read(self):
        """The collector may run in the middle of a step, and what it runs may take a step."""
        got = []
        reader = self.reader

        class Reads:
            def __init__(self):
                self.itself = self

            def __del__(self):
                try:
                    got.append(int(reader.read(timeout=0)))
                except (ringbuffer.Error, BufferError):
                    pass

        old = gc.get_threshold()
        gc.set_threshold(1, 1, 1)
        try:
            for n in range(200):
                self.writer.write_many([b"%d" % k for k in range(5 * n, 5 * n + 5)], timeout=0)
                Reads()
                while True:
                    try:
                        slots = reader.peek_many(3, timeout=0)
                    except ringbuffer.WaitingForWriterError:
                        break
                    # Their bytes may be gone: a finalizer took the next step.
                    got += [slot.position for slot in slots]
        finally:
            gc.set_threshold(*old)
        self.assertEqual(list(range(1000)), sorted(got))


class Garbage(unittest.TestCase):

    def collected(self, make):
        thing = make()
        thing.itself = thing
        gone = weakref.ref(thing)
        del thing
        gc.collect()
        self.assertIsNone(gone())

    def test_cycles(self):
        def handle(kind):
            ring = ringbuffer.Ring.create(64, 4)
            ring.handle = getattr(ring, kind)()
            return ring.handle

        def slot(kind):
            ring = ringbuffer.Ring.create(64, 4)
            ring.reader_, writer = ring.reader(), ring.writer()
            writer.write(b"1")
            if kind == "reserved":
                writer.slot = writer.reserve()
                return writer
            ring.reader_.slot = ring.reader_.peek() if kind == "peeked" else next(ring.reader_)
            return ring.reader_

        def drop(reader):
            ring = ringbuffer.RingBuffer(slot_bytes=8, slot_count=2)
            ring.new_writer()
            ring._ring.its = ring
            ring.mine = ring.new_reader()
            ring.mine.its = ring
            return ring.mine if reader else ring

        for make in (lambda: handle("reader"), lambda: handle("writer"),
                     lambda: handle("async_reader"), lambda: slot("peeked"),
                     lambda: slot("viewed"), lambda: slot("reserved"), lambda: drop(True),
                     lambda: drop(False)):
            self.collected(make)

    def test_a_slot_in_a_cycle_blocks_nobody(self):
        ring = ringbuffer.Ring.create(8, 2)
        reader = ring.reader()
        writer = ring.writer()
        writer.slot = writer.reserve()
        del writer
        gc.collect()
        with ring.writer() as other:
            other.write(b"1", timeout=60)
        self.assertEqual(b"1", reader.read(timeout=60))


class Inherited(unittest.TestCase):
    """A slot that was in hand at a fork is its parent's."""

    def in_a_child(self, body):
        pid = os.fork()
        if not pid:
            status = 1
            try:
                body()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(pid, 0)[1])

    def test_reserved(self):
        ring = ringbuffer.Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        slot = writer.reserve()
        slot[:6] = b"parent"
        slot.length = 6
        things = [slot]

        def child():
            own = writer.reserve()
            own[:5] = b"child"
            self.assertRaises(ringbuffer.BusyError, bytes, slot)
            self.assertRaises(ringbuffer.BusyError, slot.commit, 3)
            things.clear()
            own.commit(5)
            other = writer.reserve()
            with self.assertRaises(ringbuffer.BusyError):
                writer.write(b"not now")
            other.discard()

        self.in_a_child(child)
        slot.commit(6)
        self.assertEqual([b"parent", b"child"], reader.read_many(5, timeout=0))

    def test_peeked(self):
        ring = ringbuffer.Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        writer.write_many([b"1", b"2"])
        slot = reader.peek()

        def child():
            self.assertRaises(ringbuffer.BusyError, bytes, slot)
            slot.release()
            self.assertRaises(ringbuffer.BusyError, reader.read, timeout=0)

        self.in_a_child(child)
        self.assertEqual(b"1", slot)
        slot.release()
        self.assertEqual(b"2", reader.read(timeout=0))


class Wrong(unittest.TestCase):

    def test_made_twice(self):
        ring = ringbuffer.Ring.create(16, 4)
        for thing in (ring.reader(), ring.writer()):
            self.assertRaises(RuntimeError, thing.__init__, ring)
        ring.writer().write(b"as before")

    def test_not_made_at_all(self):
        for cls in (ringbuffer.Reader, ringbuffer.Writer, ringbuffer._dropin.ReaderPointer):
            thing = cls.__new__(cls)
            thing.close()
            for call in (lambda: thing.read(timeout=0), lambda: thing.write(b""),
                         lambda: thing.position, lambda: thing._control, thing._export,
                         lambda: next(thing), thing.fileno, lambda: thing.spin(1)):
                self.assertRaises((ringbuffer.ClosedError, AttributeError, TypeError), call)

    def test_failed_commit_changes_nothing(self):
        ring = ringbuffer.Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        with writer.reserve() as slot:
            slot[:2] = b"ok"
            slot.length = 2
            self.assertRaises(ringbuffer.DataTooLargeError, slot.commit, 17)
            self.assertEqual(2, slot.length)
        self.assertEqual(b"ok", reader.read())

    def test_commit_beside_a_large_write(self):
        """A reserved slot may be committed while another thread tries to write without the GIL."""
        ring = ringbuffer.Ring.create(2**20, 3)
        reader, writer = ring.reader(), ring.writer()
        data = bytes(2**20)
        stop = threading.Event()
        written = []

        def write():
            while not stop.is_set():
                try:
                    writer.write(data, timeout=0)
                    written.append(len(data))
                except (ringbuffer.BusyError, ringbuffer.WaitingForReaderError):
                    pass

        thread = threading.Thread(target=write)
        thread.start()
        got = []
        for _ in range(300):
            try:
                with writer.reserve(timeout=0) as slot:
                    slot.length = 1
                written.append(1)
            except (ringbuffer.BusyError, ringbuffer.WaitingForReaderError):
                pass
            got += [len(view) for view in reader.read_many(1)]
        stop.set()
        thread.join()
        writer.close()
        got += [len(view) for view in reader]
        self.assertEqual(sorted(written), sorted(got))

    @unittest.skipUnless(_testcapi, "this Python has no _testcapi")
    def test_one_interpreter(self):
        """Its exceptions would not be those that the other interpreter knows: it says no."""
        ran = script("import ringbuffer, sys, _testcapi\n"
                     "code = '''import sys; sys.path[:] = %r\n"
                     "try:\n"
                     "    import ringbuffer\n"
                     "except ImportError as e:\n"
                     "    sys.stdout.write('no')\n"
                     "else:\n"
                     "    sys.stdout.write('yes')\n"
                     "''' % (sys.path,)\n"
                     "assert not _testcapi.run_in_subinterp(code)\n"
                     "ringbuffer.Ring.create(8, 1).reader()\n")
        self.assertEqual("no", ran.stdout)


if __name__ == "__main__":
    unittest.main()
