# SPDX-License-Identifier: GPL-2.0
"""Arguments that are refused: numbers and positions out of range, names, objects."""

import array
import ctypes
import unittest

from support import Case, needs_numpy, on_module, ringbuffer

Ring = ringbuffer.Ring


class Numbers(Case):
    """Nothing is cut to 32 or 64 bits on its way into C."""

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(16, 4)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()

    def test_create_refuses_numbers_out_of_range(self):
        for what in ("max_readers", "max_writers", "mode", "wait_readers"):
            for number in (2**32 + 3, 2**64 + 3, -1, -2**40):
                with self.assertRaises(OverflowError, msg="%s=%d" % (what, number)):
                    Ring.create(16, 4, name="python-never", **{what: number})
            with self.assertRaises(TypeError):
                Ring.create(16, 4, **{what: "1"})
        for number in (2**64 + 16, 2**63, -1, 0):
            self.assertRaises(ValueError, Ring.create, number, 4)
            self.assertRaises(ValueError, Ring.create, 16, number)
        self.assertRaises(OverflowError, ringbuffer.RingBuffer, slot_bytes=8, slot_count=2,
                          max_readers=2**32 + 1)
        self.assertRaises(OverflowError, ringbuffer.RingBuffer, slot_bytes=8, slot_count=2,
                          max_writers=2**32 + 1)

    def test_flags_take_any_object_as_true_or_false(self):
        for what in ("exclusive", "timestamps"):
            for value in (2, 4, "yes", [0]):
                with Ring.create(16, 4, **{what: value}) as ring:
                    self.assertEqual((what == "exclusive", what == "timestamps"),
                                     (ring.exclusive, ring.timestamps))
        name = "python-kept"
        Ring.create(16, 4, kept=1, name=name).close()
        with Ring.open(name) as ring:
            self.assertEqual((False, False, True), (ring.exclusive, ring.timestamps, ring.kept))
        Ring.unlink(name)
        with Ring.create(16, 4, kept=[], name=name) as ring:
            self.assertFalse(ring.kept)

    def test_evict_and_sync_find_no_other_reader(self):
        self.writer.write(b"1")
        for number in (2**32 + self.reader.id, 2**32, 2**32 - 1, -1, 2**64 + self.reader.id):
            self.assertRaises(OverflowError, self.ring.evict, number)
            self.assertRaises(OverflowError, self.ring.sync, number)
        for number in (2**64, 2**64 + 1, -1):
            self.assertRaises(OverflowError, self.ring.sync, self.reader, number)
            self.assertRaises(OverflowError, self.ring.sync, None, number)
        self.assertRaises(TypeError, self.ring.sync, "x")
        self.assertEqual(b"1", self.reader.read())

    def test_reader_refuses_a_start_out_of_range(self):
        for number in (-1, 2**64, 2**64 + 5):
            self.assertRaises(OverflowError, self.ring.reader, number)
        self.assertRaises(TypeError, self.ring.reader, "oldest")
        self.assertRaises(TypeError, self.ring.reader, 1.0)
        self.assertEqual(1, len(self.ring.stats().readers))

    def test_wait_refuses_a_count_out_of_range(self):
        for number, error in ((0, ValueError), (5, ValueError), (2**32 + 1, OverflowError),
                              (-1, OverflowError)):
            self.assertRaises(error, self.reader.wait, number, timeout=0)


class Limits(Case):

    def test_errors_tell_which_limit_was_reached(self):
        ring = Ring.create(16, 4, max_readers=1, max_writers=1)
        reader, writer = ring.reader(), ring.writer()
        self.assertRaisesRegex(OSError, "max_readers or max_writers", ring.reader)
        self.assertRaisesRegex(OSError, "max_readers or max_writers", ring.writer)
        self.assertRaisesRegex(OSError, r"2\^30 bytes in a slot", Ring.create, 2**30 + 1, 4)
        self.assertRaisesRegex(OSError, "4096 readers", Ring.create, 16, 4, max_readers=4097)
        if not on_module():
            self.assertRaisesRegex(MemoryError, "fewer or smaller slots", Ring.create, 2**30, 2**25)
            self.assertRaisesRegex(OSError, "247 on the embedded host", Ring.create, 16, 4,
                                   name="x" * 250)
        del reader, writer


class Names(Case):

    def test_names_with_null_characters_are_refused(self):
        for call in (lambda name: Ring.create(16, 4, name=name), Ring.open, Ring.unlink):
            for name in ("python-nul\0hidden", "\0", "python-nul\0"):
                self.assertRaises(ValueError, call, name)

    def test_names_that_are_no_text_are_refused(self):
        for call in (lambda name: Ring.create(16, 4, name=name), Ring.open, Ring.unlink):
            for name in (b"python-bytes", 5, ["x"]):
                self.assertRaisesRegex(TypeError, "a name is a str", call, name)
            self.assertRaises(UnicodeEncodeError, call, "python-\udc80")
        self.assertRaises(TypeError, Ring.open, None)

    def test_errors_tell_the_name(self):
        with Ring.create(16, 4, name="python-there"):
            for call, name in ((lambda name: Ring.create(16, 4, name=name), "python-there"),
                               (Ring.open, "python-not-there"), (Ring.unlink, "python-not-there")):
                with self.assertRaises(OSError) as raised:
                    call(name)
                self.assertEqual(name, raised.exception.filename)


class Late(Case):
    """A reader may start at a position that was overwritten; one beyond the head is refused."""

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(16, 4)
        self.writer = self.ring.writer()
        for n in range(10):
            self.writer.write(b"%d" % n)

    def test_position_that_was_overwritten_counts_as_lost(self):
        reader = self.ring.reader(2)
        self.assertEqual((6, 4), (reader.position, reader.lost))
        slots = reader.peek_many(2)
        self.assertEqual([4, 0], [slot.lost for slot in slots])
        self.assertEqual(b"8", reader.read())
        self.assertEqual(4, reader.lost)
        self.assertEqual(0, reader.peek().lost)

    def test_position_that_was_overwritten_is_lost_on_the_way_too(self):
        import pickle
        from multiprocessing.reduction import ForkingPickler
        reader = pickle.loads(ForkingPickler.dumps(self.ring.reader(3, died="end")))
        self.assertEqual((3, 3), (reader.lost, reader.peek().lost))
        self.assertTrue(reader._died_is_end)

    def test_position_that_is_held_loses_nothing(self):
        for start, lost in ((7, 0), (10, 0), (ringbuffer.OLDEST, 0), (ringbuffer.HEAD, 0)):
            self.assertEqual(lost, self.ring.reader(start).lost)

    def test_position_that_was_not_written_is_refused(self):
        for start in (11, 1000, 2**64 - 1):
            self.assertRaisesRegex(ValueError, "was not written yet", self.ring.reader, start)
        self.assertEqual((), self.ring.stats().readers)


class Timeouts(Case):

    def test_each_call_raises_a_timeout_error_of_one_base_class(self):
        ring = Ring.create(16, 2)
        reader, writer = ring.reader(), ring.writer()
        for timeout in (0, 0.0, 1e-9, 0.01):
            for call in (reader.read, reader.peek, lambda timeout: reader.read_many(1, timeout),
                         lambda timeout: reader.read_into(bytearray(16), timeout)):
                self.assertRaises(ringbuffer.ReadTimeoutError, call, timeout=timeout)
        writer.write_many([b"1", b"2"])
        for timeout in (0, 0.0, 1e-9, 0.01):
            for call in (lambda timeout: writer.write(b"3", timeout), writer.reserve,
                         lambda timeout: writer.write_many([b"3"], timeout)):
                self.assertRaises(ringbuffer.WriteTimeoutError, call, timeout=timeout)
        for error in (ringbuffer.ReadTimeoutError, ringbuffer.WriteTimeoutError):
            self.assertTrue(issubclass(error, TimeoutError))

    def test_calls_of_the_original_raise_the_errors_of_the_original(self):
        """The calls that the original has raise the errors that they raise there."""
        ring = ringbuffer.RingBuffer(slot_bytes=16, slot_count=1)
        reader = ring.new_reader()
        ring.new_writer()
        for call, error in ((lambda: ring.try_read(reader), ringbuffer.WaitingForWriterError),
                            (lambda: ring.blocking_read(reader, 0), ringbuffer.ReadTimeoutError),
                            (lambda: ring.blocking_read(reader, 0.01),
                             ringbuffer.ReadTimeoutError)):
            with self.assertRaises(error) as raised:
                call()
            self.assertIs(error, type(raised.exception))
        ring.try_write(b"1")
        for call, error in ((lambda: ring.try_write(b"2"), ringbuffer.WaitingForReaderError),
                            (lambda: ring.blocking_write(b"2", 0), ringbuffer.WriteTimeoutError)):
            with self.assertRaises(error) as raised:
                call()
            self.assertIs(error, type(raised.exception))


class Objects(Case):
    """Pointers to Python objects are neither written nor read into."""

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(64, 8)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()
        self.drop = ringbuffer.RingBuffer(slot_bytes=64, slot_count=8)
        self.drop.new_writer()

    def refused(self, data):
        for call in (self.writer.write, lambda data: self.writer.write_many([b"1", data]),
                     self.drop.try_write, self.drop.blocking_write,
                     lambda data: self.writer.reserve()._write(data)):
            self.assertRaisesRegex(TypeError, "pointers", call, data)
        self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)

    def test_ctypes_pointers_to_objects_are_refused(self):
        class Structure(ctypes.Structure):
            _fields_ = [("Other", ctypes.c_int), ("thing", ctypes.py_object)]

        class Plain(ctypes.Structure):
            _fields_ = [("O", ctypes.c_int), ("other", ctypes.c_double)]

        self.refused((ctypes.py_object * 2)("a", "b"))
        self.refused(Structure(1, "a"))
        self.writer.write(Plain(1, 2))
        self.assertEqual(bytes(Plain(1, 2)), self.reader.read())

    @needs_numpy
    def test_numpy_arrays_of_objects_are_refused(self):
        import numpy
        objects = numpy.array(["secret", None], object)
        record = numpy.zeros(2, [("a", "u4"), ("b", object)])
        dates = numpy.zeros(1, [("when", "M8[s]"), ("what", object)])
        for data in (objects, record, dates, memoryview(objects)):
            self.refused(data)
        for data in (objects, record, dates):
            before = data.tolist()
            self.writer.write(b"x" * 32)
            self.assertRaisesRegex(TypeError, "pointers", self.reader.read_into, data)
            self.assertEqual(before, data.tolist())
            self.assertEqual(b"x" * 32, self.reader.read())
        for data in (numpy.array(["2024-01-01"], "M8[s]"), numpy.zeros(2, [("O", "u4"), ("b", "f8")]),
                     numpy.float64(1), numpy.array(1.0), array.array("d", [1, 2])):
            self.writer.write(data)
            self.assertEqual(bytes(memoryview(data).cast("B")) if isinstance(data, array.array)
                             else data.tobytes(), self.reader.read())
        dates = numpy.zeros(2, "M8[s]")
        self.writer.write(bytes(range(16)))
        self.assertEqual(16, self.reader.read_into(dates))
        self.assertEqual(bytes(range(16)), dates.tobytes())
        with self.assertRaises((ValueError, TypeError)):
            self.writer.reserve().asarray("O")


if __name__ == "__main__":
    unittest.main()
