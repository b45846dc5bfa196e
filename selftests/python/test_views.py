# SPDX-License-Identifier: GPL-2.0
"""Views and arrays of slots: plain code with them works, and memory is never reused
under a view that lives."""

import gc
import os
import random
import threading
import unittest

from support import Case, needs_numpy, often, ringbuffer, until

Ring = ringbuffer.Ring


class Reading(Case):
    """The reader continues while slices and arrays of earlier messages live."""

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(16, 4)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def write(self, *messages):
        for message in messages:
            self.writer.write(message, timeout=0)

    def blocked(self):
        """Return whether the writer has no room."""
        try:
            self.writer.write(b"room", timeout=0)
        except ringbuffer.WaitingForReaderError:
            return True
        return False

    def test_slice_keeps_its_message_and_the_reader_reads_on(self):
        self.write(b"message 0", b"message 1", b"message 2", b"message 3")
        part = next(self.reader)[3:]
        self.assertEqual(b"message 1", next(self.reader))
        self.assertEqual(b"message 2", self.reader.read())
        self.assertEqual(b"message 3", self.reader.peek())
        self.assertEqual(b"sage 0", part)
        self.assertTrue(self.blocked())
        part.release()
        self.assertFalse(self.blocked())

    def test_memory_of_living_views_is_never_reused(self):
        """Keep views for random times; each shows its own message until it is released."""
        chance, kept, n, wrote = random.Random(17), [], 0, 0
        ring = Ring.create(8, 7)
        reader, writer = ring.reader(), ring.writer()
        for _ in range(often(20000)):
            what = chance.randrange(3)
            if what == 0:
                try:
                    writer.write(b"%08d" % wrote, timeout=0)
                    wrote += 1
                except ringbuffer.WaitingForReaderError:
                    self.assertGreaterEqual(wrote - (kept[0][0] if kept else n), 7)
            elif what == 1 and n < wrote:
                view = next(reader) if chance.randrange(2) else reader.peek(0)
                kept.append((n, view[2:] if isinstance(view, memoryview) else memoryview(view)[2:]))
                n += 1
                del view
            elif what == 2 and kept:
                kept.pop(chance.randrange(len(kept)))
            for number, part in kept:
                self.assertEqual((b"%08d" % number)[2:], part)
            part = None
        self.assertGreater(n, 100)

    def test_whole_ring_kept_is_an_error_and_loses_nothing(self):
        self.write(b"0", b"1", b"2", b"3")
        kept = [next(self.reader)[:] for _ in range(4)]
        for step in (lambda: next(self.reader), lambda: self.reader.read(timeout=0),
                     lambda: self.reader.peek(timeout=5), lambda: self.reader.read_many(2),
                     lambda: self.reader.wait(timeout=0)):
            self.assertRaisesRegex(BufferError, "del some of them", step)
        self.assertEqual([b"0", b"1", b"2", b"3"], kept)
        del kept[1]     # writers still wait for kept[0]
        self.assertTrue(self.blocked())
        del kept[0]
        self.write(b"4", b"5")
        self.assertTrue(self.blocked())
        self.assertEqual([b"4", b"5"], self.reader.read_many(9, timeout=0))
        self.assertEqual([b"2", b"3"], kept)

    def test_holes_are_skipped_behind_a_kept_message(self):
        self.write(b"0")
        self.writer.reserve().discard()
        self.writer.reserve().discard()
        self.write(b"1")
        kept = next(self.reader)[:]
        self.assertEqual(b"1", self.reader.read(timeout=0))
        self.assertEqual(4, self.reader.position)
        del kept
        self.assertEqual(2, self.reader.holes)
        self.assertFalse(self.blocked())

    def test_end_behind_a_kept_message(self):
        self.write(b"0", b"1")
        self.writer.done()
        kept = []
        for view in self.reader:
            kept.append(view[:])
        self.assertEqual([b"0", b"1"], kept)
        self.assertRaises(ringbuffer.WriterFinishedError, self.reader.read)
        self.assertRaises(ringbuffer.WriterFinishedError, self.reader.wait)

    def test_wait_behind_a_kept_message(self):
        self.write(b"0")
        kept = next(self.reader)[:]
        self.assertFalse(self.reader.wait(timeout=0))
        self.assertFalse(self.reader.wait(timeout=0.01))
        self.assertRaises(ringbuffer.ReadTimeoutError, self.reader.read, timeout=0.01)
        self.write(b"1", b"2")
        self.assertTrue(self.reader.wait(timeout=0))
        self.assertTrue(self.reader.wait(2, timeout=0))
        self.assertFalse(self.reader.wait(3, timeout=0))
        self.assertEqual([b"1", b"2"], self.reader.read_many(5))
        self.assertEqual(b"0", kept)

    def test_message_that_comes_behind_a_kept_one_ends_the_wait(self):
        self.write(b"0")
        kept = next(self.reader)[:]
        with self.threads((lambda: self.writer.write(b"1"),)):
            self.assertEqual(b"1", self.reader.read(timeout=60))
        self.assertEqual(b"0", kept)

    def test_view_that_goes_while_another_thread_waits_gives_its_slot_back(self):
        self.write(b"0")
        kept = [next(self.reader)[:]]

        def cursor():
            return self.ring.stats().readers[0].cursor

        with self.threads((lambda: self.assertEqual(b"1", self.reader.read(timeout=60)),)):
            until(lambda: self.ring.stats().readers[0].waits, "waiting")
            self.assertEqual(0, cursor())
            kept.clear()
            until(lambda: cursor() == 1, "giving back")
            self.write(b"1")

    def test_released_views_say_so(self):
        """list(reader) keeps views, not messages."""
        self.write(b"0", b"1")
        self.writer.done()
        kept = list(self.reader)
        self.assertEqual(2, len(kept))
        for view in kept:
            self.assertRaisesRegex(ValueError, "released", bytes, view)

    def test_block_gives_back_with_the_last_view(self):
        self.write(b"0", b"1", b"2", b"3")
        with self.reader.peek() as slot:
            part = memoryview(slot)
        self.assertRaises(ValueError, lambda: slot[0])
        self.assertRaises(ValueError, memoryview, slot)
        self.assertTrue(self.blocked())
        self.assertEqual(b"0", part)
        del part
        self.assertFalse(self.blocked())

    def test_explicit_release_says_that_views_live(self):
        self.write(b"0")
        slot = self.reader.peek()
        part = memoryview(slot)
        self.assertRaises(BufferError, slot.release)
        self.assertEqual(b"0", slot)
        del part
        slot.release()

    def test_close_refuses_while_views_live(self):
        self.write(b"0")
        part = next(self.reader)[:]
        self.assertRaises(BufferError, self.reader.close)
        self.assertEqual(b"0", part)
        self.assertFalse(self.reader.closed)
        del part
        self.reader.close()

    def test_end_of_a_with_block_leaves_with_the_last_view(self):
        self.write(b"0", b"1", b"2", b"3")
        with self.reader as reader:
            part = next(reader)[:]
        self.assertTrue(reader.closed)
        self.assertRaises(ringbuffer.ClosedError, reader.read)
        self.assertEqual(b"0", part)
        self.assertTrue(self.blocked())
        del part
        self.assertEqual((), self.ring.stats().readers)
        reader.close()

    def test_moved_reader_loses_what_it_kept_once(self):
        self.write(b"0", b"1", b"2", b"3")
        kept = [next(self.reader)[:] for _ in range(3)]
        self.ring.sync()
        self.assertRaises(ringbuffer.OverrunError, self.reader.read, timeout=0)
        self.write(b"4", b"5")
        self.assertEqual(b"4", self.reader.read(timeout=0))
        self.assertRaises(BufferError, self.reader.close)
        del kept
        self.assertEqual(b"5", self.reader.read(timeout=0))
        self.reader.close()

    def test_slots_of_a_batch_are_lost_once(self):
        self.write(b"0", b"1", b"2", b"3")
        slots = self.reader.peek_many(3)
        self.ring.sync()
        self.assertRaises(ringbuffer.OverrunError, self.reader.read, timeout=0)
        self.write(b"4")
        self.assertEqual(b"4", self.reader.read(timeout=0))
        self.assertRaises(ValueError, bytes, slots[2])

    def test_evicted_while_views_live(self):
        self.write(b"0", b"1")
        part = next(self.reader)[:]
        self.ring.evict(self.reader)
        self.assertRaises(ringbuffer.OverrunError, self.reader.read, timeout=0)
        self.assertRaises(ringbuffer.EvictedError, self.reader.read, timeout=0)
        del part
        self.reader.close()

    def test_fork_with_views_leaves_them_to_the_parent(self):
        self.write(b"0", b"1", b"2", b"3")
        things = [next(self.reader)[:], next(self.reader)[:]]
        pid = os.fork()
        if not pid:
            things.clear()
            gc.collect()
            os._exit(0)
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        self.assertTrue(self.blocked())
        self.assertEqual([b"0", b"1"], things)
        self.assertEqual(b"2", self.reader.read())


class Failing(Case):
    """A with block that an exception ends takes no message and commits no slot."""

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(16, 8)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()
        for n in range(4):
            self.writer.write(b"%d" % n)

    def fails(self, slot, keep=None):
        with self.assertRaises(ZeroDivisionError):
            with slot as s:
                if keep is not None:
                    keep.append(memoryview(s))
                1 / 0

    def test_message_is_read_again(self):
        self.fails(self.reader.peek())
        self.assertEqual(b"0", self.reader.read(timeout=0))
        self.assertEqual(b"1", self.reader.read(timeout=0))

    def test_message_with_a_view_is_read_again(self):
        kept = []
        self.fails(self.reader.peek(), kept)
        self.assertEqual(b"0", self.reader.read(timeout=0))
        self.assertEqual(b"1", self.reader.read(timeout=0))
        self.assertEqual(b"0", kept[0])
        kept.clear()
        self.assertEqual(b"2", self.reader.read(timeout=0))
        self.assertEqual(3, self.reader.position)

    def test_messages_behind_it_are_read_again(self):
        slots = self.reader.peek_many(3)
        with slots[0]:
            pass
        self.fails(slots[1])
        self.assertEqual([b"1", b"2", b"3"], self.reader.read_many(9, timeout=0))

    def test_reservation_is_discarded_with_its_last_view(self):
        kept = []
        self.fails(self.writer.reserve(), kept)
        self.assertRaises(BufferError, self.writer.write, b"not yet")
        kept.clear()
        self.writer.write(b"4")
        self.assertEqual([b"%d" % n for n in range(5)], [self.reader.read() for _ in range(5)])


    def test_writer_that_fails_with_a_view_fails_when_it_goes(self):
        ring = Ring.create(16, 4)
        reader, kept = ring.reader(), []
        with self.assertRaises(ZeroDivisionError):
            with ring.writer() as writer:
                kept += [writer.reserve()]
                kept += [memoryview(kept[0])]
                1 / 0
        self.assertIsNone(reader.ended)
        kept.clear()
        del writer
        self.assertEqual("died", reader.ended)


@needs_numpy
class Arrays(Case):

    def setUp(self):
        super().setUp()
        import numpy
        self.numpy = numpy
        self.ring = Ring.create(64, 8)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def test_array_that_outlives_its_reserved_slot_is_the_callers_own(self):
        frames = []
        for n in range(20):
            with self.writer.reserve(timeout=0) as slot:
                frame = slot.asarray("u1", (8, 8))
                frame[:] = n
                corner = frame[2:4, 2:4]
            frames.append((n, frame, corner))
            frame[0, 0] = 255   # after the block no reader sees this
            self.assertEqual(bytes([n] * 64), self.reader.read(timeout=0))
        for n, frame, corner in frames:
            self.assertEqual([255] + [n] * 63, frame.reshape(-1).tolist())
            self.assertEqual([n] * 4, corner.reshape(-1).tolist())

    def test_array_of_a_large_reserved_slot(self):
        ring = Ring.create(2**20, 2)
        reader, writer = ring.reader(), ring.writer()
        for n in range(5):
            with writer.reserve(timeout=0) as slot:
                frame = slot.asarray("u4")
                frame[:] = n
            got = self.numpy.frombuffer(reader.read(timeout=0), "u4")
            self.assertEqual((2**18, {n}), (len(got), set(got.tolist())))

    def test_what_was_not_filled_is_nothing_of_this_process(self):
        with self.writer.reserve() as slot:
            slot.asarray("u1", (32,))[:8] = 7
        self.assertEqual(bytes([7] * 8 + [0] * 24), self.reader.read())

    def test_array_and_slot_show_the_same(self):
        with self.writer.reserve() as slot:
            slot[:3] = b"abc"
            array = slot.asarray("u1", (4,))
            self.assertEqual(b"abc", array[:3].tobytes())
            array[1] = ord("x")
            self.assertEqual(b"axc", slot[:3])
            slot[3] = ord("!")
            self.assertEqual(ord("!"), array[3])
        self.assertEqual(b"axc!", self.reader.read())

    def test_length_follows_the_array_and_may_be_shorter(self):
        with self.writer.reserve() as slot:
            array = slot.asarray("u2", (3,))
            array[:] = 1
            self.assertEqual(6, slot.length)
            slot.length = 2
        self.assertEqual(b"\1\0", self.reader.read())
        slot = self.writer.reserve()
        slot.asarray()[:] = 5
        slot.commit(3)
        self.assertEqual(b"\5\5\5", self.reader.read())

    def test_memory_of_an_array_stays_while_the_slot_shows_it(self):
        slot = self.writer.reserve()
        array = slot.asarray()
        memory = array.base.obj
        view = memoryview(slot)
        del array
        self.assertRaises(BufferError, memory.clear)
        view[:3] = b"abc"
        view.release()
        slot.commit(3)
        memory.clear()
        self.assertEqual(b"abc", self.reader.read())
        with self.writer.reserve() as slot:
            slot.asarray()[:] = 1
        self.assertEqual(bytes([1] * 64), self.reader.read())

    def test_array_in_place_copies_nothing_and_has_to_go(self):
        slot = self.writer.reserve()
        array = ringbuffer.asarray(slot, "u1", (8,))
        array[:] = 3
        self.assertRaisesRegex(BufferError, r"del them, or fill slot\.asarray\(\)", slot.commit)
        self.assertRaises(BufferError, self.writer.close)
        del array
        slot.commit()
        self.assertEqual(bytes([3] * 8), self.reader.read())

    def test_frombuffer_kept_at_the_end_of_a_block_says_what_to_write(self):
        with self.assertRaisesRegex(BufferError, r"slot\.asarray\(\)"):
            with self.writer.reserve() as slot:
                array = self.numpy.frombuffer(slot, "u1")
                array[:] = 4
        del array
        slot.commit()   # the slot is still reserved
        self.assertEqual(bytes([4] * 64), self.reader.read())

    def test_loop_over_views_with_arrays(self):
        for n in range(8):
            self.writer.write(bytes([n] * 64), timeout=0)
        self.writer.done()
        sums = []
        for view in self.reader:
            x = self.numpy.frombuffer(view, "u1")
            y = ringbuffer.asarray(view, "u2", (4, 8))[1:3]
            sums.append(int(x.sum()))
            self.assertFalse(x.flags.writeable or y.flags.writeable)
        self.assertEqual([64 * n for n in range(8)], sums)
        self.assertEqual([7] * 64, x.tolist())

    def test_block_that_returns_what_it_computed(self):
        def mean():
            with self.reader.peek(timeout=0) as slot:
                x = slot.asarray("u1")
                return float(x.mean())

        for n in range(20):
            self.writer.write(bytes([n] * 64), timeout=0)
            self.assertEqual(n, mean())

    def test_arrays_keep_their_messages(self):
        for make in (lambda view: self.numpy.frombuffer(view, "u1"), self.numpy.asarray,
                     lambda view: self.numpy.asarray(view)[5:9],
                     lambda view: ringbuffer.asarray(view, "u2", (4, 8))):
            self.writer.write(b"x" * 64, timeout=0)
            array = make(next(self.reader))
            for n in range(7):
                self.writer.write(b"%d" % n, timeout=0)
                self.assertEqual(b"%d" % n, self.reader.read(timeout=0))
            self.assertRaises(ringbuffer.WaitingForReaderError, self.writer.write, b"", timeout=0)
            self.assertEqual({ord("x")}, set(array.tobytes()))
            del array

    def test_write_beside_a_commit(self):
        """The copy of a large array leaves the GIL: other threads find the writer busy."""
        ring = Ring.create(2**20, 4)
        reader, writer = ring.reader(), ring.writer()
        count, stop, wrote = often(200), threading.Event(), []

        def write():
            while not stop.is_set():
                try:
                    writer.write(b"other", timeout=0)
                    wrote.append(1)
                except (ringbuffer.BusyError, ringbuffer.WaitingForReaderError):
                    pass

        got = []
        with self.threads((write,)):
            n = 0
            while n < count:
                try:
                    with writer.reserve(timeout=0) as slot:
                        frame = slot.asarray("u4")
                        frame[:] = n
                    n += 1
                except (ringbuffer.BusyError, ringbuffer.WaitingForReaderError):
                    pass
                try:
                    got += reader.read_many(9, timeout=0)
                except ringbuffer.WaitingForWriterError:
                    pass
            stop.set()
        writer.close()
        got += [bytes(view) for view in reader]
        frames = [self.numpy.frombuffer(m, "u4") for m in got if m != b"other"]
        self.assertEqual([{n} for n in range(count)], [set(f[::4096].tolist()) for f in frames])
        self.assertEqual(len(wrote), len(got) - count)


if __name__ == "__main__":
    unittest.main()
