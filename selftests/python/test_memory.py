# SPDX-License-Identifier: GPL-2.0
"""Failed allocations lose no message, and the garbage collector frees every object."""

import gc
import unittest
import weakref

from support import ringbuffer

try:
    import _testcapi
except ImportError:
    _testcapi = None


class NoMemory(unittest.TestCase):
    """A step that fails for lack of memory takes no message and no slot."""

    def setUp(self):
        self.ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=50)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def without_memory(self, call):
        """For each n, make all allocations from the n-th on fail: whether call() fails.

        The first allocation never fails, so it is made outside of call().
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
    def test_read_without_memory_leaves_the_messages(self):
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
    def test_reserve_without_memory_takes_no_slot(self):
        failed = list(self.without_memory(lambda: self.writer.reserve(0)))
        self.assertEqual({True, False}, set(failed))
        # A slot that was reserved and given back is a hole; a reserve that failed took none.
        self.assertEqual(failed.count(False), self.writer.position)


class Garbage(unittest.TestCase):

    def collected(self, make):
        thing = make()
        thing.itself = thing
        gone = weakref.ref(thing)
        del thing
        gc.collect()
        self.assertIsNone(gone())

    def test_cycles_are_collected(self):
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

    def test_reserved_slot_in_a_cycle_blocks_no_writer(self):
        ring = ringbuffer.Ring.create(8, 2)
        reader = ring.reader()
        writer = ring.writer()
        writer.slot = writer.reserve()
        del writer
        gc.collect()
        with ring.writer() as other:
            other.write(b"1", timeout=60)
        self.assertEqual(b"1", reader.read(timeout=60))

    def test_steps_leave_no_weak_references(self):
        def references():
            gc.collect()
            return sum(isinstance(thing, weakref.ref) for thing in gc.get_objects())

        ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=4)
        reader, writer = ring.reader(), ring.writer()
        before = references()
        for _ in range(100):
            writer.write(b"x")
            bytes(next(reader))
        self.assertLess(references(), before + 10)


if __name__ == "__main__":
    unittest.main()
