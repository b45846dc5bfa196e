# SPDX-License-Identifier: GPL-2.0
"""Ring, Reader, Writer: names, slots in place, batches, pickling."""

import errno
import functools
import gc
import multiprocessing
import os
import pathlib
import pickle
import signal
import stat
import sys
import tempfile
import threading
import time
import unittest
import weakref

from support import (METHODS, Case, asleep, killed, needs_numpy, on_module, ringbuffer, script,
                     until)

try:
    import _testcapi
except ImportError:
    _testcapi = None

Ring = ringbuffer.Ring


def ring_name(what):
    return "python-%s-%d" % (what, os.getpid())


def reads_all(reader, out):
    out.put([bytes(m) for m in reader])
    reader.close()


def writes_numbers(writer, first, count):
    for n in range(first, first + count):
        writer.write(b"%d" % n, timeout=60)
    writer.close()


def holds_a_slot(ring, conn):
    """Reserve a slot, tell its position, and discard it when told."""
    with ring.writer() as writer, writer.reserve(timeout=60) as slot:
        conn.send(slot.position)
        conn.recv()
        slot.discard()


def opens_and_writes(name, message):
    with Ring.open(name) as ring, ring.writer() as writer:
        writer.write(message)


def reserves_and_stops(writer, reserved):
    slot = writer.reserve()
    slot[:4] = b"torn"
    reserved.value = 1
    while True:
        signal.pause()


def receives_and_reads(queue, out):
    reader = queue.get()
    out.put([bytes(m) for m in reader])


class Basics(Case):

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(64, 10)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def test_ring_has_the_geometry_it_was_created_with(self):
        with Ring.create(slot_bytes=100, slot_count=3, exclusive=True, timestamps=True,
                         max_readers=5) as ring:
            self.assertEqual((100, 3, True, True, 5, 1, None),
                             (ring.slot_bytes, ring.slot_count, ring.exclusive, ring.timestamps,
                              ring.max_readers, ring.max_writers, ring.name))
            self.assertIn(ring.host, ("module", "embedded"))
        self.assertTrue(ring.closed)
        self.assertRaises(ringbuffer.ClosedError, ring.reader)
        self.assertRaises(ringbuffer.ClosedError, ring.stats)
        for wrong in (dict(slot_bytes=0, slot_count=1), dict(slot_bytes=1, slot_count=0),
                      dict(slot_bytes=1, slot_count=1, host="moon"),
                      dict(slot_bytes=1, slot_count=1, name="a/b"),
                      dict(slot_bytes=1, slot_count=1, exclusive=True, max_writers=2)):
            with self.assertRaises((ValueError, OSError)):
                Ring.create(**wrong)

    def test_uuid_is_that_of_the_ring(self):
        with Ring.create(8, 2) as other:
            self.assertEqual(4, self.ring.uuid.version)
            self.assertEqual(self.ring.uuid, self.ring.uuid)
            self.assertNotEqual(self.ring.uuid, other.uuid)
        with self.assertRaises(ringbuffer.ClosedError):
            other.uuid

    def test_writers_wait_for_readers(self):
        with Ring.create(64, 4, wait_readers=2) as ring:
            writer = ring.writer()
            self.assertEqual((2, 2), (ring.wait_readers, ring.stats().readers_lacking))
            first = ring.reader()
            self.assertRaises(ringbuffer.WaitingForReaderError, writer.write, b"0", timeout=0)
            self.assertEqual(1, ring.stats().readers_lacking)
            second = ring.reader()
            for reader in (first, second):
                self.assertEqual(0, reader.position)
            writer.write(b"0", timeout=0)
            self.assertEqual([b"0", b"0"], [first.read(), second.read()])
            first.close()
            writer.write(b"1", timeout=0)
            self.assertEqual((2, 0), (ring.wait_readers, ring.stats().readers_lacking))
        self.assertRaises(OSError, Ring.create, 64, 4, max_readers=2, wait_readers=3)

    def test_claim_timeout_is_set_on_the_module(self):
        with Ring.create(64, 4) as ring:
            self.assertEqual((0, 0), (ring.claim_timeout, ring.stats().fenced))
            module = ring.host == "module"
        for wrong in (-1, 0.0001, float("nan"), 1e12):
            self.assertRaises((ValueError, OSError), Ring.create, 64, 4, claim_timeout=wrong)
        if not module:
            with self.assertRaises(OSError) as refused:
                Ring.create(64, 4, claim_timeout=1)
            self.assertEqual(errno.EOPNOTSUPP, refused.exception.errno)
            return
        with Ring.create(64, 4, claim_timeout=0.02) as ring:
            self.assertEqual(0.02, ring.claim_timeout)
            reader, writer, stuck = ring.reader(), ring.writer(), ring.writer()
            with self.assertRaises(ringbuffer.Error):
                with stuck.reserve():
                    writer.write(b"others go on")
                    self.assertEqual(b"others go on", reader.read())
            self.assertEqual(1, ring.stats().fenced)

    def test_ringbuffer_waits_for_readers(self):
        ring = ringbuffer.RingBuffer(slot_bytes=8, slot_count=4, wait_readers=2)
        readers = [ring.new_reader()]
        ring.new_writer()
        self.assertRaises(ringbuffer.WaitingForReaderError, ring.try_write, b"0")
        readers.append(ring.new_reader())
        ring.try_write(b"0")
        for reader in readers:
            self.assertEqual(b"0", bytes(ring.try_read(reader)))
        ring.close()

    def test_reader_gets_copies_of_messages(self):
        for n in range(25):
            self.writer.write(b"%d" % n)
            self.assertEqual(b"%d" % n, self.reader.read())
        self.assertIs(bytes, type(self.writer.write(b"") or self.reader.read()))
        self.assertEqual(26, self.reader.position)
        self.assertEqual(26, self.ring.head)

    def test_read_into_fills_a_buffer(self):
        room = bytearray(10)
        self.writer.write(b"message")
        self.assertEqual(7, self.reader.read_into(room))
        self.assertEqual(b"message\0\0\0", room)
        self.writer.write(b"longer than ten")
        self.assertRaises(ringbuffer.DataTooLargeError, self.reader.read_into, room)
        self.assertRaises((BufferError, TypeError), self.reader.read_into, b"read only")
        self.assertEqual(b"longer than ten", self.reader.read())

    def test_calls_raise_an_error_after_their_timeout(self):
        for call in (self.reader.read, self.reader.peek,
                     lambda timeout: self.reader.read_many(3, timeout),
                     lambda timeout: self.reader.peek_many(3, timeout),
                     lambda timeout: self.reader.read_into(bytearray(64), timeout)):
            self.assertRaises(ringbuffer.WaitingForWriterError, call, timeout=0)
            self.assertRaises(TimeoutError, call, timeout=0.01)
        self.assertFalse(self.reader.wait(timeout=0.01))
        for _ in range(10):
            self.writer.write(b"")
        self.assertTrue(self.reader.wait(10, timeout=0))
        for call in (self.writer.reserve, lambda timeout: self.writer.write(b"", timeout),
                     lambda timeout: self.writer.write_many([b""], timeout)):
            self.assertRaises(ringbuffer.WaitingForReaderError, call, timeout=0)
            self.assertRaises(TimeoutError, call, timeout=0.01)

    def test_reserved_slot_is_read_after_its_commit(self):
        with self.writer.reserve() as slot:
            self.assertEqual(64, len(slot))
            self.assertFalse(slot.readonly)
            slot[:5] = b"hello"
            slot.length = 5
            slot.flags = 7
            self.assertRaises(ringbuffer.BusyError, self.writer.write, b"")
            self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)
        with self.reader.peek() as slot:
            self.assertEqual((5, 7, 0, 0), (len(slot), slot.flags, slot.position, slot.lost))
            self.assertEqual(b"hello", slot)
            self.assertEqual(b"hello", slot.tobytes())
            self.assertEqual(b"ell", slot[1:4])
            self.assertEqual(ord("h"), slot[0])
            self.assertTrue(slot.readonly)
            with self.assertRaises(TypeError):
                slot[0] = 1
        self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)

    def test_discarded_slots_are_holes(self):
        with self.assertRaises(ZeroDivisionError):
            with self.writer.reserve():
                1 / 0
        self.writer.reserve().discard()
        self.writer.reserve()  # dropped, which discards it
        self.writer.write(b"1")
        self.assertEqual(b"1", self.reader.read())
        self.assertEqual(3, self.reader.holes)

    def test_commit_refuses_a_length_out_of_range(self):
        slot = self.writer.reserve()
        self.assertRaises(ringbuffer.DataTooLargeError, slot.commit, 65)
        with self.assertRaises(ringbuffer.DataTooLargeError):
            slot.length = 65
        with self.assertRaises((OverflowError, ValueError)):
            slot.length = -1
        with self.assertRaises(OverflowError):
            slot.flags = 2**32
        slot[:2] = b"ok"
        slot.commit(2)
        self.assertRaises(ValueError, slot.commit)
        self.assertRaises(ValueError, lambda: slot[0])
        self.assertRaises(ValueError, memoryview, slot)
        self.assertEqual(b"ok", self.reader.read())

    def test_written_view_cannot_outlive_commit(self):
        slot = self.writer.reserve()
        kept = memoryview(slot)[3:10]
        self.assertRaises(BufferError, slot.commit)
        self.assertRaises(BufferError, slot.discard)
        self.assertRaises(BufferError, self.writer.close)
        kept[:] = b"1234567"
        kept.release()
        slot.commit(10)
        self.assertEqual(b"1234567", self.reader.read()[3:])

    def test_iteration_is_in_place(self):
        for n in range(5):
            self.writer.write(b"message %d" % n)
        self.writer.done()
        seen = []
        for n, view in enumerate(self.reader):
            self.assertIs(memoryview, type(view))
            self.assertTrue(view.readonly)
            self.assertEqual(b"message %d" % n, view)
            seen.append(view)
        self.assertEqual(5, len(seen))
        for view in seen:
            self.assertRaises(ValueError, lambda: view[0])
            self.assertRaises(ValueError, bytes, view)

    def test_dropped_view_is_released(self):
        for n in range(10):
            self.writer.write(b"%d" % n)
        next(self.reader)
        self.writer.write(b"room", timeout=0)
        self.reader.peek()
        self.writer.write(b"room", timeout=0)

    def test_slots_of_a_batch_are_released_in_order(self):
        for n in range(10):
            self.writer.write(b"%d" % n)
        slots = self.reader.peek_many(4)
        self.assertEqual([b"0", b"1", b"2", b"3"], [bytes(s) for s in slots])
        slots[1].release()  # is free for writers only after slots[0]
        self.assertRaises(ringbuffer.WaitingForReaderError, self.writer.write, b"", timeout=0)
        slots[0].release()
        self.writer.write(b"10", timeout=0)
        self.writer.write(b"11", timeout=0)
        self.assertRaises(ringbuffer.WaitingForReaderError, self.writer.write, b"", timeout=0)
        self.assertEqual(b"3", slots[3])
        self.assertEqual(b"4", self.reader.read())
        self.assertRaises(ValueError, bytes, slots[3])
        self.assertRaises(ValueError, self.reader.peek_many, 0)

    def test_batches_are_written_and_read_in_order(self):
        ring = Ring.create(64, 1000)
        reader, writer = ring.reader(), ring.writer()
        messages = [b"%d" % n for n in range(1000)]
        self.assertEqual(1000, writer.write_many(messages))
        self.assertEqual(messages[:1], reader.read_many(1))
        self.assertEqual(messages[1:600], reader.read_many(599))
        self.assertEqual(600, writer.write_many(tuple(messages), timeout=0))
        self.assertEqual(messages[600:] + messages[:600], reader.read_many(5000))
        self.assertEqual(0, writer.write_many([]))
        self.assertEqual(3, writer.write_many([bytearray(b"a"), memoryview(b"b"), b"c"]))
        self.assertEqual([b"a", b"b", b"c"], reader.read_many(10))
        self.assertRaises(ValueError, reader.read_many, 0)
        self.assertRaises(TypeError, writer.write_many, 5)
        self.assertRaises(TypeError, writer.write_many, [b"x", "y"])
        self.assertRaises(ringbuffer.DataTooLargeError, writer.write_many, [b"x", b"y" * 65])
        self.assertRaises(ringbuffer.WaitingForWriterError, reader.read_many, 1, timeout=0)

    def test_batch_larger_than_the_ring(self):
        messages = [b"%d" % n for n in range(500)]
        got = []

        def read():
            while len(got) < 500:
                got.extend(self.reader.read_many(7))

        with self.threads((read,)):
            self.assertEqual(500, self.writer.write_many(messages))
        self.assertEqual(messages, got)

    def test_ring_of_one_slot_works(self):
        ring = Ring.create(8, 1)
        reader, writer = ring.reader(), ring.writer()
        self.assertEqual(1, writer.write_many([b"1", b"2"], timeout=0))
        self.assertEqual(b"1", next(reader))
        self.assertRaises(StopIteration, lambda: (writer.close(), next(reader)))

    def test_stream_ends_after_its_last_message(self):
        self.writer.write(b"last")
        self.writer.done()
        self.writer.done()
        self.assertRaises(ringbuffer.AlreadyClosedError, self.writer.write, b"")
        self.assertRaises(ringbuffer.AlreadyClosedError, self.writer.reserve)
        self.assertEqual([b"last"], self.reader.read_many(5))
        for call in (self.reader.read, self.reader.peek, lambda: self.reader.read_many(1),
                     self.reader.wait):
            self.assertRaises(ringbuffer.WriterFinishedError, call)
        self.assertEqual([], list(self.reader))
        self.assertEqual("done", self.ring.stats().ended)

    def test_exclusive_ring_refuses_a_second_writer(self):
        with Ring.create(8, 4, exclusive=True) as ring:
            with ring.writer():
                self.assertRaises(ringbuffer.BusyError, ring.writer)
            ring.writer().close()

    def test_reader_starts_where_it_was_told(self):
        for n in range(25):
            self.writer.write(b"%d" % n)
            self.reader.read()
        oldest = self.ring.reader(ringbuffer.OLDEST)
        self.assertEqual(b"%d" % oldest.position, oldest.read())
        self.assertEqual(25, self.ring.reader(ringbuffer.HEAD).position)
        self.assertEqual(25, self.ring.reader(25).position)
        at = self.ring.reader(20)
        self.assertEqual((20, b"20"), (at.position, at.read()))

    def test_sync_counts_the_lost_messages(self):
        for n in range(10):
            self.writer.write(b"%d" % n)
        slot = self.reader.peek()
        self.ring.sync(self.reader, 6)
        self.assertRaises(ringbuffer.OverrunError, slot.release)
        with self.reader.peek() as slot:
            self.assertEqual((b"6", 6, 6), (bytes(slot), slot.lost, slot.position))
        self.ring.sync()
        self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)
        self.assertEqual(9, self.reader.lost)
        self.assertRaises(OSError, self.ring.sync, 60, 0)

    def test_reader_that_blocks_the_writer_is_evicted(self):
        fast = self.ring.reader()
        while True:
            try:
                self.writer.write(b"x", timeout=0)
            except ringbuffer.WaitingForReaderError:
                break
            fast.read()
        slot = self.reader.peek()
        blocker = self.ring.stats().blocker
        self.assertEqual((self.reader.id, os.getpid()), (blocker.id, blocker.pid))
        self.ring.evict(blocker.id)
        self.writer.write(b"y", timeout=0)
        self.assertEqual(b"y", fast.read())
        self.assertRaises(ringbuffer.OverrunError, slot.release)
        self.assertRaises(ringbuffer.EvictedError, self.reader.read)
        self.assertRaises(ringbuffer.EvictedError, next, self.reader)
        self.assertEqual([fast.id], [r.id for r in self.ring.stats().readers])
        self.ring.evict(self.reader)
        self.assertRaises(OSError, self.ring.evict, 60)
        self.assertRaises(TypeError, self.ring.evict, "0")

    def test_overrun_while_iterating(self):
        self.writer.write_many([b"0", b"1", b"2"], timeout=0)
        view = next(self.reader)
        self.ring.sync()
        self.writer.write(b"3")
        self.assertRaises(ringbuffer.OverrunError, next, self.reader)
        self.assertRaises(ValueError, bytes, view)
        self.assertEqual(b"3", next(self.reader))

    def test_stats_show_lags_and_the_blocker(self):
        other = self.ring.reader()
        for n in range(4):
            self.writer.write(b"")
        self.reader.read()
        stats = self.ring.stats()
        self.assertEqual((4, 1, 1, None, 0), (stats.head, stats.writers, stats.writers_ever,
                                              stats.ended, stats.repaired))
        self.assertEqual({self.reader.id: 3, other.id: 4}, {r.id: r.lag for r in stats.readers})
        self.assertEqual((other.id, os.getpid(), 4, 0), stats.blocker[:4])
        other.close()
        self.reader.close()
        self.assertIsNone(self.ring.stats().blocker)

    def test_unfinished_slot_blames_its_writer(self):
        """The blocker is the writer of the slot, and not the reader that waits for the slot."""
        ours, theirs = multiprocessing.Pipe()
        child = self.start(holds_a_slot, self.ring, theirs)
        position = ours.recv()
        for _ in range(3):
            self.writer.write(b"", timeout=0)
        stats = self.ring.stats()
        self.assertIsNone(stats.blocker)
        self.assertEqual((child.pid, position, 4), stats.blocking_writer[1:4])
        self.assertEqual({os.getpid(), child.pid}, {w.pid for w in stats.writer_list})
        self.assertIn(stats.blocking_writer.id, [w.id for w in stats.writer_list])
        ours.send(None)
        self.ends_well(child)
        stats = self.ring.stats()
        self.assertIsNone(stats.blocking_writer)
        self.assertEqual(self.reader.id, stats.blocker.id)
        self.assertEqual(1, len(stats.writer_list))

    def test_slot_has_the_time_of_its_commit(self):
        with Ring.create(8, 4, timestamps=True) as ring:
            reader, writer = ring.reader(), ring.writer()
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            writer.write(b"")
            after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            with reader.peek() as slot:
                self.assertTrue(before <= slot.timestamp <= after)

    def test_closed_handles_refuse_each_call(self):
        self.reader.close()
        self.reader.close()
        self.writer.close()
        self.writer.close()
        for call in (self.reader.read, self.reader.peek, lambda: next(self.reader),
                     lambda: self.reader.position, lambda: self.writer.write(b""),
                     self.writer.reserve, lambda: self.writer.id, self.writer.fileno):
            self.assertRaises(ringbuffer.ClosedError, call)

    def test_handles_outlive_the_ring(self):
        self.ring.close()
        self.writer.write(b"still")
        self.assertEqual(b"still", self.reader.read())

    def test_everything_is_freed_without_the_collector(self):
        gc.disable()
        try:
            ring = Ring.create(8, 4)
            reader, writer = ring.reader(), ring.writer()
            writer.write_many([b"1", b"2"], timeout=0)
            view = next(reader)
            gone = weakref.ref(reader), weakref.ref(writer), weakref.ref(ring)
            del reader, writer, ring
            self.assertIsNotNone(gone[0]())
            self.assertEqual(b"1", view)
            del view
            self.assertEqual((None, None, None), tuple(r() for r in gone))
        finally:
            gc.enable()

    def test_handles_cannot_be_made_without_a_ring(self):
        self.assertRaises(TypeError, ringbuffer.Reader)
        self.assertRaises(TypeError, ringbuffer.Writer, 5)
        self.assertRaises(TypeError, ringbuffer.Slot)
        self.assertRaises(TypeError, ringbuffer.Reader, self.ring, ticket=5)

    def test_init_twice_is_refused(self):
        ring = ringbuffer.Ring.create(16, 4)
        for thing in (ring.reader(), ring.writer()):
            self.assertRaises(RuntimeError, thing.__init__, ring)
        ring.writer().write(b"as before")

    def test_handles_without_init_are_closed(self):
        for cls in (ringbuffer.Reader, ringbuffer.Writer, ringbuffer._dropin.ReaderPointer):
            thing = cls.__new__(cls)
            thing.close()
            for call in (lambda: thing.read(timeout=0), lambda: thing.write(b""),
                         lambda: thing.position, lambda: thing._control, thing._export,
                         lambda: next(thing), thing.fileno, lambda: thing.spin(1)):
                self.assertRaises((ringbuffer.ClosedError, AttributeError, TypeError), call)

    @unittest.skipUnless(_testcapi, "this Python has no _testcapi")
    def test_import_in_a_second_interpreter_is_refused(self):
        """The first interpreter would not know the exceptions of the second one."""
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

    def test_close_refuses_while_a_view_of_a_lost_slot_lives(self):
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

    def test_failed_commit_changes_nothing(self):
        ring = ringbuffer.Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        with writer.reserve() as slot:
            slot[:2] = b"ok"
            slot.length = 2
            self.assertRaises(ringbuffer.DataTooLargeError, slot.commit, 17)
            self.assertEqual(2, slot.length)
        self.assertEqual(b"ok", reader.read())

    def test_handles_have_a_descriptor_on_the_module(self):
        if on_module():
            self.assertGreater(self.reader.fileno(), 2)
            self.assertGreater(self.writer.fileno(), 2)
        else:
            self.assertRaises(OSError, self.reader.fileno)
            self.assertRaises(OSError, self.writer.fileno)

    def test_spin_takes_a_number(self):
        self.reader.spin(0)
        self.writer.spin(-1)
        self.assertRaises(TypeError, self.reader.spin, "long")

    def test_threads_pass_large_messages(self):
        ring = Ring.create(2**20, 3)
        reader, writer = ring.reader(), ring.writer()
        data = os.urandom(2**20)

        def write():
            for _ in range(20):
                writer.write(data)
            writer.close()

        with self.threads((write,)):
            got = [m == data for m in reader]
        self.assertEqual([True] * 20, got)


def waits(call, about):
    signal.signal(signal.SIGINT, signal.default_int_handler)    # ignored in the background
    about.value = 1
    try:
        call()
    except KeyboardInterrupt:
        sys.exit(7)


class Waits(Case):

    def test_interrupt_ends_every_wait(self):
        empty, full = Ring.create(16, 2), Ring.create(16, 2)
        stays = empty.writer()
        about = multiprocessing.Value("i", 0)
        readers = [full.reader()]
        with full.writer() as writer:
            writer.write_many([b"1", b"2"])
        for name, *args in (("read",), ("read_into", bytearray(16)), ("read_many", 3), ("peek",),
                            ("peek_many", 3), ("__next__",), ("wait",), ("wait", 2, 1e6),
                            ("write", b"3"), ("write_many", [b"3", b"4"]), ("reserve",)):
            with self.subTest(call=name):
                about.value = 0
                # The handle is made here, and its first use is the wait in the child.
                writes = name in ("write", "write_many", "reserve")
                handle = full.writer() if writes else empty.reader()
                child = self.start(waits, functools.partial(getattr(handle, name), *args), about)
                until(lambda: about.value and asleep(child.pid), "sleeping")
                os.kill(child.pid, signal.SIGINT)
                child.join(60)
                self.assertEqual(7, child.exitcode)
                handle.close()
        del stays, readers

    def test_copies_release_the_gil(self):
        """Without waits and switches by time only a copy lets the other thread run."""
        ring = Ring.create(2**20, 2)
        drop = ringbuffer.RingBuffer(slot_bytes=2**20, slot_count=2)
        reader, writer, drop_reader = ring.reader(), ring.writer(), drop.new_reader()
        drop.new_writer()
        data, room = bytes(2**20), bytearray(2**20)
        steps = [0]
        stop = threading.Event()

        def count():
            while not stop.is_set():
                steps[0] += 1
                time.sleep(0)

        def leaves(prepare, copy):
            for _ in range(20000):
                prepare()
                before = steps[0]
                copy()
                if steps[0] > before:
                    return True
            return False

        def write():
            writer.write(data, timeout=0)

        old = sys.getswitchinterval()
        with self.threads((count,)):
            try:
                sys.setswitchinterval(1000)
                for prepare, copy in (
                        (lambda: self.drained(reader), write),
                        (lambda: self.drained(reader), lambda: writer.write_many([data], 0)),
                        (write, lambda: reader.read(timeout=0)),
                        (write, lambda: reader.read_into(room, timeout=0)),
                        (write, lambda: reader.read_many(1, timeout=0)),
                        (drop.force_reader_sync, lambda: drop.try_write(data)),
                        (lambda: drop.try_write(data), lambda: drop.try_read(drop_reader))):
                    self.drained(reader)
                    drop.force_reader_sync()
                    self.assertTrue(leaves(prepare, copy))
            finally:
                sys.setswitchinterval(old)
                stop.set()

    @staticmethod
    def drained(reader):
        try:
            while True:
                reader.peek(timeout=0).release()
        except ringbuffer.WaitingForWriterError:
            pass


@needs_numpy
class Arrays(Case):

    def test_reader_gets_the_arrays_of_the_writer(self):
        import numpy
        ring = Ring.create(25 * 100 * 8, 4)
        reader, writer = ring.reader(), ring.writer()
        frame = numpy.random.default_rng(1).random((25, 100))
        with writer.reserve() as slot:
            slot.asarray("f8", (25, 100))[:] = frame
        with writer.reserve() as slot:
            slot.asarray("f4", (2, 3))[:] = 1.5
        with reader.peek() as slot:
            self.assertTrue((slot.asarray("f8", (25, 100)) == frame).all())
        with reader.peek() as slot:
            self.assertEqual(24, len(slot))
            self.assertEqual([1.5] * 6, slot.asarray("f4").tolist())
            self.assertRaises(ValueError, slot.asarray, "f8", (4,))
            self.assertRaises(ValueError, slot.asarray, shape=(25,))

    def test_asarray_checks_type_and_shape(self):
        ring = Ring.create(60, 1)
        reader, writer = ring.reader(), ring.writer()
        writer.write(bytes(range(60)))
        slot = reader.peek()
        for dtype, shape, has in (("u1", None, (60,)), (None, 7, (7,)), ("u2", (5,), (5,)),
                                  ("f4", [3, 5], (3, 5)), ("u2", (), ()), ("u1", (0, 3), (0, 3)),
                                  ("u1", -1, (60,)), ("u1", (-1, 7), (8, 7)),
                                  ("u4", (2, -1, 3), (2, 2, 3))):
            array = slot.asarray(dtype, shape)
            self.assertEqual(has, array.shape)
            self.assertEqual(bytes(range(array.nbytes)), array.tobytes())
            self.assertFalse(array.flags.writeable)
            view = memoryview(slot)
            self.assertEqual(has, ringbuffer.asarray(view, dtype, shape).shape)
            view.release()
            self.assertRaises(BufferError, slot.release)
            del array
        for shape in ((-2,), (-1, -1), (2, -3), (61,), (1 << 62, 1 << 62), 61, "60", 1.5, (1.5,),
                      1 << 70):
            with self.assertRaises((ValueError, TypeError)):
                slot.asarray("u1", shape)
        for dtype in ("V0", "O", "no such type", 5):
            with self.assertRaises((ValueError, TypeError)):
                slot.asarray(dtype)
        slot.release()
        self.assertRaises(ValueError, slot.asarray)
        reserved = writer.reserve()
        reserved.asarray("u2", (4, 5))
        self.assertEqual(40, reserved.length)
        self.assertRaises(ValueError, reserved.asarray, "u1", (61,))
        self.assertEqual(40, reserved.length)
        reserved.discard()

    def test_shape_that_changes_while_it_is_read_is_refused(self):
        import numpy

        class Changing:
            def __index__(self):
                shape.clear()
                return 2

        ring = Ring.create(24, 1)
        slot = ring.writer().reserve()
        shape = [Changing(), 3, 4]
        try:
            slot.asarray("u1", shape)
        except (TypeError, ValueError):
            pass
        for given in ([2, 3], [6]):
            self.assertEqual(tuple(given), slot.asarray("f4", numpy.array(given)).shape)
        slot.discard()

    def test_changed_dtype_is_read_again(self):
        ring = Ring.create(16, 1)
        fields = [("a", "u2")]
        slot = ring.writer().reserve()
        self.assertEqual(8, len(slot.asarray(fields)))
        fields[0] = ("a", "u4")
        self.assertEqual(4, len(slot.asarray(fields)))
        slot.discard()


class Names(Case):

    def test_ring_is_opened_by_its_name(self):
        name = ring_name("open")
        with Ring.create(16, 4, name=name) as ring:
            self.assertEqual(name, ring.name)
            with self.assertRaises(FileExistsError):
                Ring.create(16, 4, name=name)
            reader = ring.reader()
            stays = ring.writer()
            for method in METHODS:
                self.start(opens_and_writes, name, method.encode(), method=method)
                self.assertEqual(method.encode(), reader.read(timeout=60))
            self.ends_well()
        stays.close()
        reader.close()
        with self.assertRaises(FileNotFoundError):
            Ring.open(name)

    def test_unlink_removes_the_name(self):
        name = ring_name("unlink")
        ring = Ring.create(16, 4, name=name, kept=True)
        ring.close()
        Ring.open(name).close()
        Ring.unlink(name)
        with self.assertRaises(FileNotFoundError):
            Ring.unlink(name)

    @unittest.skipUnless(on_module(), "the embedded host has no files")
    def test_ring_is_opened_by_its_path(self):
        name = ring_name("path")
        path = pathlib.Path("/dev/rings", name)
        with Ring.create(16, 4, name=path, mode=0o640) as ring:
            self.assertEqual(str(path), ring.name)
            self.assertEqual(0o640, stat.S_IMODE(path.stat().st_mode))
            self.assertEqual(64, path.stat().st_size)
            for other in (name, path, "/dev/../dev/rings/" + name):
                with Ring.open(other) as opened, opened.reader() as reader, ring.writer() as writer:
                    writer.write(b"1")
                    self.assertEqual(b"1", reader.read())
            Ring.unlink(path)
        with self.assertRaises(FileNotFoundError):
            Ring.open(path)

    @unittest.skipUnless(on_module(), "the embedded host has no files")
    def test_path_to_no_ring_is_refused(self):
        with tempfile.NamedTemporaryFile() as f:
            self.assertRaises(ringbuffer.InternalLockingError, Ring.open, f.name)
            for call in (Ring.open, lambda name: Ring.create(16, 4, name=name)):
                with self.assertRaises(OSError) as raised:
                    call(f.name + ".none")
                self.assertEqual((errno.ENODEV, f.name + ".none"),
                                 (raised.exception.errno, raised.exception.filename))


class Processes(Case):

    def test_pickled_handles_work_in_a_child(self):
        for method in METHODS:
            with self.subTest(method=method):
                context = multiprocessing.get_context(method)
                out = context.Queue()
                ring = Ring.create(16, 4)
                reader, writer = ring.reader(), ring.writer()
                self.start(reads_all, reader, out, method=method)
                self.start(writes_numbers, writer, 0, 300, method=method)
                reader.close()
                writer.close()
                self.assertEqual([b"%d" % n for n in range(300)], out.get(timeout=60))
                self.ends_well()

    def test_pickled_ring_works_in_a_child(self):
        for name in (None, ring_name("pickled")):
            with self.subTest(name=name):
                ring = Ring.create(16, 40, name=name)
                with ring.reader() as reader, ring.writer() as writer:
                    self.start(writes_numbers, writer, 0, 10, method="spawn")
                    self.assertEqual(b"0", reader.read(timeout=60))
                    self.ends_well()
                ring.close()

    def test_handle_can_be_sent_through_a_queue(self):
        """A process that was started before the ring was made gets a handle."""
        queue, out = multiprocessing.Queue(), multiprocessing.Queue()
        self.start(receives_and_reads, queue, out)
        ring = Ring.create(16, 4)
        own, writer = ring.reader(), ring.writer()
        queue.put(ring.reader())
        for n in range(100):
            writer.write(b"%d" % n, timeout=60)
            # This process still has its locks, so it counts as alive.
            self.assertEqual(b"%d" % n, own.read(timeout=60))
        writer.close()
        self.assertEqual([b"%d" % n for n in range(100)], out.get(timeout=60))
        self.ends_well()

    def test_used_handles_do_not_travel(self):
        ring = Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        writer.write(b"1")
        reader.read()
        self.assertRaises(ringbuffer.BusyError, pickle.dumps, reader)
        self.assertRaises(ringbuffer.BusyError, pickle.dumps, writer)

    def test_fork_with_a_slot_in_hand(self):
        """The child has a copy of the object, which cannot change the ring."""
        ring = Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        writer.write(b"1")
        slot, reserved = reader.peek(), writer.reserve()
        pid = os.fork()
        if not pid:
            del slot, reserved
            os._exit(0)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertEqual(b"1", slot)
        reserved[:1] = b"2"
        reserved.commit(1)
        slot.release()
        self.assertEqual(b"2", reader.read(timeout=0))

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

    def test_slot_reserved_before_a_fork_is_the_parents(self):
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

    def test_slot_peeked_before_a_fork_is_the_parents(self):
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

    def test_killed_with_a_reservation(self):
        reserved = multiprocessing.Value("i", 0)
        ring = Ring.create(16, 4)
        reader = ring.reader()
        child = self.start(reserves_and_stops, ring.writer(), reserved)
        until(lambda: reserved.value, "reserving")
        killed(child)
        with ring.writer() as writer:
            writer.write(b"next", timeout=60)
        self.assertEqual(b"next", reader.read(timeout=60))
        self.assertEqual(1, reader.holes)
        self.assertRaises(ringbuffer.WriterFinishedError, reader.read)
        self.assertEqual(1, ring.stats().repaired)

    def test_stats_tell_how_the_stream_ended(self):
        reserved = multiprocessing.Value("i", 0)
        ring = Ring.create(16, 4)
        reader = ring.reader()
        child = self.start(reserves_and_stops, ring.writer(), reserved)
        until(lambda: reserved.value, "reserving")
        killed(child)
        self.assertRaises(ringbuffer.WriterFinishedError, reader.read, timeout=60)
        self.assertEqual("died", ring.stats().ended)


if __name__ == "__main__":
    unittest.main()
