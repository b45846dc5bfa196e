# SPDX-License-Identifier: GPL-2.0
"""How streams end: after writers that are done, fail, are killed, or never wrote."""

import os
import signal
import sys
import unittest

from support import METHODS, Case, ringbuffer, script

Ring = ringbuffer.Ring


def returns(writer):
    writer.write(b"1")


def exits_well(writer):
    writer.write(b"1")
    sys.exit(0)


def exits_badly(writer):
    writer.write(b"1")
    sys.exit("no camera")


def raises(writer):
    writer.write(b"1")
    os.close(2)     # drop the traceback
    raise RuntimeError("camera lost")


def raises_in_a_block(writer):
    os.close(2)
    with writer:
        writer.write(b"1")
        raise RuntimeError("camera lost")


def is_killed(writer):
    writer.write(b"1")
    os.kill(os.getpid(), signal.SIGKILL)


def fails_at_once(*given):
    sys.exit("no camera")


def returns_at_once(*given):
    pass


def drop_returns(ring):
    ring.try_write(b"1")


def drop_fails(ring):
    ring.try_write(b"1")
    sys.exit(1)


def reads_and_fails(ring, reader):
    ring.blocking_read(reader)
    sys.exit(1)


class Writers(Case):

    def ended(self, target, method="fork"):
        ring = Ring.create(16, 4)
        reader = ring.reader()
        self.start(target, ring.writer(), method=method)
        self.assertEqual(b"1", reader.read(timeout=60))
        try:
            reader.read(timeout=60)
        except ringbuffer.WriterFinishedError as error:
            kind = type(error)
        self.assertEqual(reader.ended, ring.stats().ended)
        return kind, reader.ended

    def test_child_that_ends_well_is_done(self):
        for method in METHODS:
            for target in (returns, exits_well):
                with self.subTest(method=method, target=target.__name__):
                    self.assertEqual((ringbuffer.WriterFinishedError, "done"),
                                     self.ended(target, method))

    def test_child_that_fails_has_died(self):
        for method in METHODS:
            for target in (exits_badly, raises, raises_in_a_block, is_killed):
                with self.subTest(method=method, target=target.__name__):
                    self.assertEqual((ringbuffer.WriterDiedError, "died"),
                                     self.ended(target, method))

    def test_death_ends_every_step_with_an_error(self):
        ring = Ring.create(16, 4)
        reader = ring.reader()
        ring.writer().abandon()
        for step in (lambda: next(reader), reader.read, reader.peek, lambda: list(reader),
                     lambda: reader.read_many(2), lambda: reader.peek_many(2), reader.wait,
                     lambda: reader.read_into(bytearray(16))):
            self.assertRaises(ringbuffer.WriterDiedError, step)

    def test_death_may_be_an_end(self):
        ring = Ring.create(16, 4)
        reader = ring.reader(died="end")
        with self.assertRaises(ZeroDivisionError):
            with ring.writer() as writer:
                writer.write(b"1")
                1 / 0
        self.assertTrue(writer.closed)
        self.assertEqual([b"1"], [bytes(view) for view in reader])
        with self.assertRaises(ringbuffer.WriterFinishedError) as raised:
            reader.read()
        self.assertIs(ringbuffer.WriterFinishedError, type(raised.exception))
        self.assertEqual("died", reader.ended)
        self.assertRaises(ValueError, ring.reader, died="maybe")

    def test_end_of_a_stream_that_goes_on(self):
        ring = Ring.create(16, 4)
        reader = ring.reader()
        self.assertIsNone(reader.ended)
        ring.writer().abandon()
        self.assertEqual("died", reader.ended)
        writer = ring.writer()
        self.assertIsNone(reader.ended)
        writer.write(b"1")
        writer.close()
        writer.abandon()    # does nothing, as the writer is closed
        self.assertEqual("done", reader.ended)
        self.assertEqual(b"1", reader.read())
        reader.close()
        self.assertRaises(ringbuffer.ClosedError, lambda: reader.ended)

    def test_done_before_an_exception_is_done(self):
        ring = Ring.create(16, 4)
        reader = ring.reader()
        with self.assertRaises(ZeroDivisionError):
            with ring.writer() as writer:
                writer.done()
                1 / 0
        self.assertEqual("done", reader.ended)

    def test_child_that_fails_before_its_first_write(self):
        for method in METHODS:
            with self.subTest(method=method):
                ring = Ring.create(16, 4)
                reader, kept = ring.reader(), ring.writer()
                self.start(fails_at_once, kept, method=method)
                self.assertRaises(ringbuffer.WriterDiedError, reader.read, timeout=60)

    def test_child_that_only_inherits_ends_nothing(self):
        ring = Ring.create(16, 4)
        reader, used, unused = ring.reader(), ring.writer(), ring.writer()
        used.write(b"1")
        for target in (fails_at_once, returns_at_once):
            child = self.start(target)
            child.join()
        self.assertEqual(2, ring.stats().writers)
        unused.write(b"2")
        self.assertEqual([b"1", b"2"], reader.read_many(9))

    def test_program_that_fails_has_died(self):
        name = "python-ends-%d" % os.getpid()
        for text, ended in (("", "done"), ("raise RuntimeError", "died"),
                            ("import sys; sys.exit()", "done")):
            with Ring.create(16, 4, name=name) as ring, ring.reader() as reader:
                script("import ringbuffer, sys\nw = ringbuffer.Ring.open(sys.argv[1]).writer()\n"
                       "w.write(b'1'); w.itself = w\n" + text, name, check=False)
                self.assertEqual(b"1", reader.read(timeout=60))
                self.assertRaises(ringbuffer.WriterFinishedError, reader.read, timeout=60)
                self.assertEqual(ended, reader.ended)


class DropIn(Case):

    def setUp(self):
        super().setUp()
        self.ring = ringbuffer.RingBuffer(slot_bytes=16, slot_count=4)
        self.reader = self.ring.new_reader()
        self.ring.new_writer()

    def ended(self):
        with self.assertRaises(ringbuffer.WriterFinishedError) as raised:
            self.ring.blocking_read(self.reader, timeout=60)
        return type(raised.exception)

    def test_child_that_returns_is_done(self):
        self.start(drop_returns, self.ring)
        self.assertEqual(b"1", self.ring.blocking_read(self.reader, timeout=60))
        self.assertIs(ringbuffer.WriterFinishedError, self.ended())

    def test_child_that_fails_has_died(self):
        self.start(drop_fails, self.ring)
        self.assertEqual(b"1", self.ring.blocking_read(self.reader, timeout=60))
        self.assertIs(ringbuffer.WriterDiedError, self.ended())

    def test_child_that_fails_before_its_first_write(self):
        for method in METHODS:
            with self.subTest(method=method):
                self.setUp()
                self.start(fails_at_once, self.ring, method=method)
                self.assertIs(ringbuffer.WriterDiedError, self.ended())

    def test_one_of_two_writers_fails_before_its_first_write(self):
        self.ring.new_writer()
        self.start(fails_at_once, self.ring).join()
        self.ring.try_write(b"1")
        self.assertEqual(b"1", self.ring.try_read(self.reader))
        self.assertRaises(ringbuffer.WaitingForWriterError, self.ring.try_read, self.reader)
        self.ring.writer_done()
        self.assertIs(ringbuffer.WriterDiedError, self.ended())

    def test_children_that_were_not_to_write_end_nothing(self):
        for target, *args in ((fails_at_once,), (returns_at_once, self.ring),
                              (fails_at_once, self.ring, self.ring.new_reader()),):
            self.start(target, *args).join()
        self.ring.try_write(b"1")
        self.assertEqual(b"1", self.ring.try_read(self.reader))
        self.start(reads_and_fails, self.ring, self.ring.readers[-1]).join()
        self.ring.try_write(b"2")
        self.assertEqual(b"2", self.ring.try_read(self.reader))


class Gone(Case):
    """A handle that cannot be used any more raises that, and not that a slot was lost."""

    def test_reader_that_a_child_used_and_took_along(self):
        ring = Ring.create(16, 4)
        reader, writer = ring.reader(), ring.writer()
        writer.write(b"1")
        pid = os.fork()
        if not pid:
            os._exit(reader.read(timeout=60) != b"1")
        self.assertEqual(0, os.waitpid(pid, 0)[1])
        for step in (lambda: reader.read(timeout=0), lambda: next(reader), reader.peek,
                     lambda: reader.wait(timeout=0), lambda: reader.read_many(2)):
            self.assertRaises(ringbuffer.ClosedError, step)


if __name__ == "__main__":
    unittest.main()
