# SPDX-License-Identifier: GPL-2.0
"""RingBuffer, as programs for the original use it."""

import array
import ctypes
import multiprocessing
import os
import pickle
import signal
import threading
import time
import unittest

from support import METHODS, Case, asleep, killed, needs_numpy, often, ringbuffer, until

RingBuffer = ringbuffer.RingBuffer


def numbers_write(ring, first, count):
    for n in range(first, first + count):
        ring.blocking_write(b"%d" % n, timeout=60)
    ring.writer_done()


def numbers_read(ring, reader, count):
    for n in range(count):
        assert ring.blocking_read(reader, timeout=60) == b"%d" % n
        assert reader.get().counter == n + 1
    try:
        ring.blocking_read(reader, timeout=60)
    except ringbuffer.WriterFinishedError:
        return
    raise AssertionError("no end")


def poll_write(ring, count):
    """Write as programs for the original do: try until there is room."""
    for n in range(count):
        while True:
            try:
                ring.try_write(b"%d" % n)
                break
            except ringbuffer.WaitingForReaderError:
                time.sleep(0.0001)
    ring.writer_done()


def tagged_write(ring, tag, count):
    for n in range(count):
        ring.blocking_write(b"%d %d" % (tag, n), timeout=60)
    ring.writer_done()


def tagged_read(ring, reader, tags, count):
    expected = dict.fromkeys(range(tags), 0)
    while True:
        try:
            tag, n = map(int, ring.blocking_read(reader, timeout=60).split())
        except ringbuffer.WriterFinishedError:
            break
        assert expected[tag] == n, (tag, n, expected)
        expected[tag] += 1
    assert set(expected.values()) == {count}, expected


def writes_for_ever(ring, started):
    n = 0
    while True:
        ring.blocking_write(b"%d" % n)
        n += 1
        started.value = n


def reads_some_and_stops(ring, reader, count, seen):
    for _ in range(count):
        ring.blocking_read(reader)
    seen.value = 1
    while True:
        signal.pause()


def waits_to_read(ring, reader, about):
    signal.signal(signal.SIGINT, signal.default_int_handler)    # ignored in the background
    about.value = 1
    ring.blocking_read(reader)


def waits_to_write(ring, about):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    about.value = 1
    while True:
        ring.blocking_write(b"x")


def reads_one_late(ring, reader, go):
    while not go.value:
        time.sleep(0.001)
    assert ring.blocking_read(reader, timeout=60) == b"0"


class Basics(Case):

    def setUp(self):
        super().setUp()
        self.ring = RingBuffer(slot_bytes=100, slot_count=10)

    def test_arguments_are_keywords_only(self):
        self.assertRaises(TypeError, RingBuffer, 100, 10)
        self.assertEqual(10, self.ring.slot_count)
        self.assertEqual(100, self.ring.slot_bytes)

    def test_sizes_out_of_range_are_refused(self):
        for sizes in ((0, 1), (1, 0), (-1, 1), (1, -1), (2**40, 2**40), (2**70, 1)):
            with self.assertRaises((ValueError, OSError, MemoryError, OverflowError)):
                RingBuffer(slot_bytes=sizes[0], slot_count=sizes[1])
        self.assertRaises(TypeError, RingBuffer, slot_bytes="1", slot_count=1)

    def test_errors_derive_from_those_of_the_original(self):
        for name in ("DataTooLargeError", "WaitingForReaderError", "WaitingForWriterError",
                     "WriterFinishedError", "AlreadyClosedError",
                     "MustCreatedReadersBeforeWritingError", "InternalLockingError"):
            self.assertTrue(issubclass(getattr(ringbuffer, name), ringbuffer.Error), name)
        self.assertTrue(issubclass(ringbuffer.DataTooLargeError, ValueError))
        self.assertTrue(issubclass(ringbuffer.ReadTimeoutError, TimeoutError))

    def test_use_before_init_is_an_error(self):
        test = self

        class Early(ringbuffer.RingBuffer):
            def __init__(self):
                test.assertRaises(ringbuffer.Error, self.new_writer)
                test.assertRaises(ringbuffer.Error, self.force_reader_sync)
                super().__init__(slot_bytes=4, slot_count=4)

        Early().new_writer()

    def test_ring_that_never_had_a_writer_is_at_its_end(self):
        reader = self.ring.new_reader()
        self.assertRaises(ringbuffer.WriterFinishedError, self.ring.try_read, reader)
        self.assertRaises(ringbuffer.WriterFinishedError, self.ring.blocking_read, reader)
        self.assertRaises(ringbuffer.WriterFinishedError, self.ring.blocking_read, reader, 1)
        self.assertRaises(ringbuffer.AlreadyClosedError, self.ring.try_write, b"")
        self.assertRaises(ringbuffer.AlreadyClosedError, self.ring.blocking_write, b"")

    def test_new_writer_returns_none(self):
        self.assertIsNone(self.ring.new_writer())
        self.assertIsNone(self.ring.writer_done())
        self.assertIsNone(self.ring.writer_done())

    def test_reads_are_mutable_copies(self):
        reader = self.ring.new_reader()
        self.ring.new_writer()
        self.ring.try_write(b"first")
        first = self.ring.try_read(reader)
        self.assertIs(bytearray, type(first))
        first[0] = 0
        for n in range(25):
            self.ring.try_write(b"%d" % n)
            self.assertEqual(b"%d" % n, self.ring.try_read(reader))
        self.assertEqual(b"\0irst", first)

    def test_bytes_and_arrays_can_be_written(self):
        class Structure(ctypes.Structure):
            _fields_ = [("a", ctypes.c_int32), ("b", ctypes.c_double)]

        reader = self.ring.new_reader()
        self.ring.new_writer()
        values = (ctypes.c_double * 3)(1, 2, 3)
        structure = Structure(7, 1.5)
        for data in (b"", b"bytes", bytearray(b"array"), memoryview(b"view"), values, structure,
                     memoryview(bytes(range(60))).cast("B", (3, 20)), array.array("d", [1, 2]),
                     memoryview(b"0123456789")[2:5], b"x" * 100):
            self.ring.try_write(data)
            self.assertEqual(bytes(memoryview(data).cast("B")), self.ring.try_read(reader))
        read = bytearray(bytes(structure))
        self.assertEqual(7, Structure.from_buffer(read).a)

    @needs_numpy
    def test_numpy_arrays_can_be_written(self):
        import numpy
        reader = self.ring.new_reader()
        self.ring.new_writer()
        a = numpy.arange(24, dtype="f4").reshape(4, 6)
        self.ring.try_write(a)
        b = numpy.frombuffer(self.ring.try_read(reader), "f4").reshape(4, 6)
        self.assertTrue((a == b).all())
        b[0, 0] = 5  # the bytearray is a copy
        self.assertRaises((BufferError, ValueError), self.ring.try_write, a[:, ::2])

    def test_text_objects_and_large_messages_cannot_be_written(self):
        self.ring.new_writer()
        for data in ("text", 5, None, [1, 2], object()):
            self.assertRaises(TypeError, self.ring.try_write, data)
        self.assertRaises(BufferError, self.ring.try_write, memoryview(b"0123456789")[::2])
        self.assertRaises(ringbuffer.DataTooLargeError, self.ring.try_write, b"x" * 101)
        self.assertRaises(ValueError, self.ring.blocking_write, b"x" * 101)
        self.assertRaises(TypeError, self.ring.try_write)
        self.assertRaises(TypeError, self.ring.try_write, b"", b"")
        self.assertRaises(TypeError, self.ring.try_write, b"", nonsense=1)
        self.assertEqual(0, self.ring.writer.get().counter)

    def test_arguments_can_be_keywords_and_timeouts_none(self):
        reader = self.ring.new_reader()
        self.ring.new_writer()
        self.ring.try_write(data=b"1")
        self.ring.blocking_write(data=b"2", timeout=None)
        self.assertEqual(b"1", self.ring.try_read(reader=reader))
        self.assertEqual(b"2", self.ring.blocking_read(reader=reader, timeout=0))
        self.assertRaises(ringbuffer.WaitingForWriterError, self.ring.blocking_read, reader, 0)
        self.assertRaises(ValueError, self.ring.blocking_read, reader, -1)
        self.assertRaises(ValueError, self.ring.blocking_read, reader, float("nan"))
        self.assertRaises(TypeError, self.ring.blocking_read, reader, "1")
        self.assertRaises(TypeError, self.ring.try_read, None)
        self.assertRaises(TypeError, self.ring.try_read, self.ring.writer)

    def test_timeout_takes_its_time(self):
        reader = self.ring.new_reader()
        self.ring.new_writer()
        start = time.monotonic()
        self.assertRaises(ringbuffer.ReadTimeoutError, self.ring.blocking_read, reader, 0.3)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)
        for _ in range(10):
            self.ring.try_write(b"")
        start = time.monotonic()
        self.assertRaises(ringbuffer.WriteTimeoutError, self.ring.blocking_write, b"", 0.3)
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_slow_reader_blocks_and_loses_nothing(self):
        slow, fast = self.ring.new_reader(), self.ring.new_reader()
        self.ring.new_writer()
        for n in range(10):
            self.ring.try_write(b"%d" % n)
            self.assertEqual(b"%d" % n, self.ring.try_read(fast))
        for _ in range(3):
            self.assertRaises(ringbuffer.WaitingForReaderError, self.ring.try_write, b"no")
        self.assertEqual((0, 0), (slow.get().index, self.ring.writer.get().index))
        self.assertEqual((0, 1), (slow.get().generation, self.ring.writer.get().generation))
        self.assertEqual(b"0", self.ring.try_read(slow))
        self.ring.try_write(b"10")
        self.assertRaises(ringbuffer.WaitingForReaderError, self.ring.try_write, b"no")
        self.assertEqual(b"10", self.ring.try_read(fast))
        for n in range(1, 11):
            self.assertEqual(b"%d" % n, self.ring.try_read(slow))
        self.assertRaises(ringbuffer.WaitingForWriterError, self.ring.try_read, slow)

    def test_reader_after_the_first_write_is_refused(self):
        self.ring.new_writer()
        early = self.ring.new_reader()
        self.ring.try_write(b"hello")
        self.assertRaises(ringbuffer.MustCreatedReadersBeforeWritingError, self.ring.new_reader)
        self.assertEqual(b"hello", self.ring.try_read(early))
        self.assertEqual([early], self.ring.readers)
        # The reader that was refused blocks no writer.
        for n in range(50):
            self.ring.try_write(b"")
            self.ring.try_read(early)

    def test_late_readers_are_allowed_on_demand(self):
        ring = RingBuffer(slot_bytes=8, slot_count=2, late_readers=True)
        ring.new_writer()
        for _ in range(5):
            ring.try_write(b"before")
        late = ring.new_reader()
        self.assertEqual(5, late.get().counter)
        self.assertRaises(ringbuffer.WaitingForWriterError, ring.try_read, late)
        ring.try_write(b"after")
        self.assertEqual(b"after", ring.try_read(late))

    def test_stream_ends_with_its_last_writer(self):
        reader = self.ring.new_reader()
        self.ring.new_writer()
        self.ring.new_writer()
        self.ring.try_write(b"last")
        self.ring.writer_done()
        self.ring.try_write(b"very last")
        self.ring.writer_done()
        self.assertRaises(ringbuffer.AlreadyClosedError, self.ring.try_write, b"")
        self.assertEqual(b"last", self.ring.blocking_read(reader))
        self.assertEqual(b"very last", self.ring.blocking_read(reader))
        for _ in range(3):
            self.assertRaises(ringbuffer.WriterFinishedError, self.ring.try_read, reader)
            self.assertRaises(ringbuffer.WriterFinishedError, self.ring.blocking_read, reader)
        self.ring.new_writer()
        self.ring.try_write(b"again")
        self.assertEqual(b"again", self.ring.try_read(reader))

    def test_sync_moves_readers_to_the_head(self):
        readers = [self.ring.new_reader() for _ in range(3)]
        self.ring.new_writer()
        for n in range(10):
            self.ring.try_write(b"%d" % n)
        self.ring.try_read(readers[1])
        self.ring.force_reader_sync()
        for reader in readers:
            self.assertEqual(10, reader.get().counter)
            self.assertRaises(ringbuffer.WaitingForWriterError, self.ring.try_read, reader)
        self.ring.try_write(b"next")
        for reader in readers:
            self.assertEqual(b"next", self.ring.try_read(reader))
            self.assertEqual(11, reader.get().counter)
        self.assertEqual([10, 9, 10], [r.lost for r in readers])

    def test_three_hundred_readers_get_each_message(self):
        readers = [self.ring.new_reader() for _ in range(300)]
        self.ring.new_writer()
        for n in range(30):
            self.ring.try_write(b"%d" % n)
            for reader in readers:
                self.assertEqual(b"%d" % n, self.ring.try_read(reader))

    def test_closed_ring_refuses_each_call(self):
        reader = self.ring.new_reader()
        self.ring.new_writer()
        self.ring.close()
        self.assertRaises(ringbuffer.Error, self.ring.try_write, b"")
        self.assertRaises(ringbuffer.Error, self.ring.try_read, reader)
        self.assertRaises(ringbuffer.Error, self.ring.new_reader)
        self.assertRaises(ringbuffer.Error, self.ring.new_writer)
        self.ring.close()


class HelperClasses(unittest.TestCase):

    def test_slot_array_is_a_list_of_messages(self):
        a = ringbuffer.SlotArray(slot_bytes=20, slot_count=10)
        self.assertEqual([b""] * 10, list(a))
        a[0] = b"hello"
        a[-1] = memoryview(b"end")
        self.assertEqual((b"hello", b"end", 10), (a[0], a[9], len(a)))
        self.assertIs(bytearray, type(a[0]))
        with self.assertRaises(ringbuffer.DataTooLargeError):
            a[3] = b"x" * 21
        with self.assertRaises(IndexError):
            a[10]
        a[0] = b""
        self.assertEqual(b"", a[0])

    def test_pointer_and_position_count_slots(self):
        pointer = ringbuffer.Pointer(10, start=19)
        pointer.increment()
        position = pointer.get()
        self.assertEqual((20, 0, 2), (position.counter, position.index, position.generation))
        pointer.set(7)
        self.assertEqual(7, pointer.get().index)
        self.assertEqual(0, ringbuffer.Pointer(10).get().counter)
        for number in (2**63, 2**64 + 5, -2**63 - 1):
            self.assertRaises(OverflowError, pointer.set, number)
            self.assertRaises(OverflowError, ringbuffer.Pointer, 10, start=number)
        self.assertEqual(7, pointer.get().counter)


class Threads(Case):

    def test_one_thread_writes_to_two(self):
        ring = RingBuffer(slot_bytes=20, slot_count=7)
        readers = [ring.new_reader() for _ in range(2)]
        ring.new_writer()
        with self.threads((poll_write, ring, 3000), *[(numbers_read, ring, r, 3000)
                                                      for r in readers]):
            pass

    def test_threads_can_write_to_one_ring(self):
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        readers = [ring.new_reader() for _ in range(2)]
        for _ in range(4):
            ring.new_writer()
        with self.threads(*[(tagged_write, ring, tag, 500) for tag in range(4)],
                          *[(tagged_read, ring, r, 4, 500) for r in readers]):
            pass

    def test_any_thread_may_write_while_one_writer_is_active(self):
        """Any thread may write, while one writer is active."""
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        reader = ring.new_reader()
        ring.new_writer()

        def write(tag):
            for n in range(100):
                ring.blocking_write(b"%d %d" % (tag, n), timeout=60)

        with self.threads((tagged_read, ring, reader, 3, 100)):
            with self.threads((write, 0), (write, 1), (write, 2)):
                pass
            ring.writer_done()
        self.assertRaises(ringbuffer.AlreadyClosedError, ring.try_write, b"")

    def test_done_by_the_main_thread(self):
        """The main thread makes the writers and ends them; other threads write."""
        ring = RingBuffer(slot_bytes=20, slot_count=300)
        reader = ring.new_reader()
        ring.new_writer()
        ring.new_writer()

        def write(tag):
            for n in range(100):
                ring.try_write(b"%d %d" % (tag, n))

        with self.threads((write, 0), (write, 1)):
            pass
        ring.writer_done()
        ring.writer_done()
        tagged_read(ring, reader, 2, 100)

    def test_two_threads_can_share_a_reader(self):
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        reader = ring.new_reader()
        ring.new_writer()
        got = []

        def read():
            while True:
                try:
                    got.append(int(ring.blocking_read(reader)))
                except ringbuffer.WriterFinishedError:
                    return

        with self.threads((read,), (read,), (numbers_write, ring, 0, 2000)):
            pass
        self.assertEqual(list(range(2000)), sorted(got))

    def test_try_beside_a_waiting_thread(self):
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        reader = ring.new_reader()
        ring.new_writer()
        got = []
        with self.threads((lambda: got.append(ring.blocking_read(reader)),)):
            for _ in range(100):
                self.assertRaises(ringbuffer.WaitingForWriterError, ring.try_read, reader)
                time.sleep(0.001)
            ring.try_write(b"now")
        self.assertEqual([b"now"], got)

    def test_done_while_another_thread_waits_to_write(self):
        ring = RingBuffer(slot_bytes=20, slot_count=1)
        reader = ring.new_reader()
        ring.new_writer()

        def write():
            ring.try_write(b"0")
            ring.blocking_write(b"1")

        with self.threads((write,)):
            until(lambda: ring.stats().writer_waits, "waiting")
            ring.writer_done()
            self.assertEqual(b"0", ring.blocking_read(reader))
            self.assertEqual(b"1", ring.blocking_read(reader))
            self.assertRaises(ringbuffer.WriterFinishedError, ring.blocking_read, reader)

    def close_beside_a_write(self):
        """Close the ring while another thread waits for room; return what its write raises."""
        ring = ringbuffer.RingBuffer(slot_bytes=8, slot_count=1)
        reader = ring.new_reader()
        ring.new_writer()
        raised = []

        def writes():
            ring.blocking_write(b"1")
            try:
                ring.blocking_write(b"2")
            except ringbuffer.Error as error:
                raised.append(type(error))

        thread = threading.Thread(target=writes)
        thread.start()
        until(lambda: reader.get().counter == 0 and ring.writer.get().counter == 1, "written")
        ring._close()
        thread.join()
        return raised.pop()

    def test_close_ends_the_write_of_another_thread(self):
        for _ in range(50):
            raised = self.close_beside_a_write()
            if raised is ringbuffer.ClosedError:
                return
            # The close came before the write began to wait.
            self.assertIs(ringbuffer.AlreadyClosedError, raised)
        self.fail("the write never waited before the close")

    def test_waits_and_copies_release_the_gil(self):
        ring = RingBuffer(slot_bytes=2**20, slot_count=2)
        reader = ring.new_reader()
        ring.new_writer()
        steps, enough = [], threading.Event()

        def count():
            while not enough.is_set():
                steps.append(time.monotonic())
                time.sleep(0)

        def runs_beside_a_wait():
            start = time.monotonic()
            self.assertRaises(ringbuffer.ReadTimeoutError, ring.blocking_read, reader, 0.5)
            edge = (time.monotonic() - start) / 10
            return any(start + edge < t < start + 9 * edge for t in steps)

        with self.threads((count,)):
            # On a busy machine the thread may get no time in one wait, but not in five.
            ran = any(runs_beside_a_wait() for _ in range(5))
            enough.set()
        self.assertTrue(ran)


class Processes(Case):

    def each_method(self, body):
        # In an emulated machine these take longest; test_passing and test_ring have
        # children of a fork server there, too.
        for method in METHODS[:2] if os.environ.get("RINGBUF_VM") else METHODS:
            with self.subTest(method=method):
                self.children = []
                body(method)

    def test_one_process_writes_to_three(self):
        def body(method):
            ring = RingBuffer(slot_bytes=20, slot_count=7)
            readers = [ring.new_reader() for _ in range(3)]
            ring.new_writer()
            count = often(2000)
            for reader in readers:
                self.start(numbers_read, ring, reader, count, method=method)
            self.start(poll_write, ring, count, method=method)
            self.ends_well()
            self.assertEqual(count, ring.writer.get().counter)
            self.assertEqual([count] * 3, [r.get().counter for r in readers])
        self.each_method(body)

    def test_processes_can_write_to_one_ring(self):
        def body(method):
            ring = RingBuffer(slot_bytes=20, slot_count=10)
            readers = [ring.new_reader() for _ in range(2)]
            for tag in range(3):
                ring.new_writer()
            count = often(300)
            for reader in readers:
                self.start(tagged_read, ring, reader, 3, count, method=method)
            for tag in range(3):
                self.start(tagged_write, ring, tag, count, method=method)
            self.ends_well()
        self.each_method(body)

    def test_child_can_use_a_ring_that_its_parent_forgot(self):
        """The parent drops the ring and the reader before the child, which has both, runs."""
        def body(method):
            go = multiprocessing.get_context(method).Value("i", 0)
            ring = RingBuffer(slot_bytes=20, slot_count=3)
            reader = ring.new_reader()
            ring.new_writer()
            ring.try_write(b"0")
            child = self.start(reads_one_late, ring, reader, go, method=method)
            del reader, ring
            go.value = 1
            self.ends_well(child)
        self.each_method(body)

    def test_parent_reads_what_a_child_writes(self):
        def body(method):
            ring = RingBuffer(slot_bytes=20, slot_count=7)
            reader = ring.new_reader()
            ring.new_writer()
            self.start(numbers_write, ring, 0, 1000, method=method)
            numbers_read(ring, reader, 1000)
            self.ends_well()
        self.each_method(body)

    def test_process_sees_the_positions_of_others(self):
        seen = multiprocessing.Value("i", 0)
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        reader = ring.new_reader()
        ring.new_writer()
        for n in range(9):
            ring.try_write(b"%d" % n)
        child = self.start(reads_some_and_stops, ring, reader, 5, seen)
        until(lambda: seen.value, "reading")
        self.assertEqual(5, reader.get().counter)
        ring.force_reader_sync()
        self.assertEqual(9, reader.get().counter)
        killed(child)
        self.assertEqual(9, reader.get().counter)

    def test_reader_cannot_be_used_in_a_second_process(self):
        """After one process has read, another one gets an error, however it got the reader."""
        ring = RingBuffer(slot_bytes=20, slot_count=10)
        reader = ring.new_reader()
        ring.new_writer()
        ring.try_write(b"1")
        self.assertEqual(b"1", ring.try_read(reader))
        ring.try_write(b"2")
        pid = os.fork()
        if not pid:
            status = 1
            try:
                ring.try_read(reader)
            except ringbuffer.InternalLockingError:
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertRaises(ringbuffer.BusyError, pickle.dumps, reader)
        self.assertEqual(b"2", ring.try_read(reader))

    def test_killed_reader_blocks_no_writer(self):
        seen = multiprocessing.Value("i", 0)
        ring = RingBuffer(slot_bytes=20, slot_count=5)
        dies, lives = ring.new_reader(), ring.new_reader()
        ring.new_writer()
        child = self.start(reads_some_and_stops, ring, dies, 2, seen)
        for n in range(5):
            ring.try_write(b"%d" % n)
            self.assertEqual(b"%d" % n, ring.try_read(lives))
        until(lambda: seen.value, "reading")
        killed(child)
        for n in range(5, 100):
            ring.blocking_write(b"%d" % n, timeout=60)
            self.assertEqual(b"%d" % n, ring.try_read(lives))

    def test_killed_writer_is_an_end(self):
        started = multiprocessing.Value("i", 0)
        ring = RingBuffer(slot_bytes=20, slot_count=50)
        reader = ring.new_reader()
        ring.new_writer()
        child = self.start(writes_for_ever, ring, started)
        until(lambda: started.value > 20, "writing")
        killed(child)
        n = 0
        while True:
            try:
                self.assertEqual(b"%d" % n, ring.blocking_read(reader, timeout=60))
                n += 1
            except ringbuffer.WriterFinishedError:
                break
        self.assertGreaterEqual(n, 20)
        self.assertRaises(ringbuffer.AlreadyClosedError, ring.try_write, b"")

    def test_interrupt_ends_every_wait(self):
        about = multiprocessing.Value("i", 0)
        ring = RingBuffer(slot_bytes=20, slot_count=5)
        readers = [ring.new_reader() for _ in range(2)]
        ring.new_writer()
        for target, args in ((waits_to_read, (ring, readers[0], about)),
                             (waits_to_write, (ring, about))):
            about.value = 0
            child = self.start(target, *args)
            until(lambda: about.value and asleep(child.pid), "sleeping")
            os.kill(child.pid, signal.SIGINT)
            child.join(60)
            self.assertEqual(1, child.exitcode)

    def test_signal_handler_runs_and_the_wait_goes_on(self):
        ring = RingBuffer(slot_bytes=20, slot_count=5)
        reader = ring.new_reader()
        ring.new_writer()
        ran = []

        def handler(*_):
            ran.append(1)
            if len(ran) == 3:
                ring.try_write(b"from the handler")

        old = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        try:
            self.assertEqual(b"from the handler", ring.blocking_read(reader))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        self.assertGreaterEqual(len(ran), 3)


if __name__ == "__main__":
    unittest.main()
