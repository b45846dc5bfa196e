# SPDX-License-Identifier: GPL-2.0
"""What handlers, other threads and the collector do to a handle in use, as a review found it."""

import gc
import signal
import threading
import time
import unittest
import weakref
from support import ringbuffer, until


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

    def test_handler_cannot_close_what_waits(self):
        old = signal.signal(signal.SIGALRM, lambda *_: self.catches(self.reader.close))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            self.assertRaises(ringbuffer.ReadTimeoutError, self.reader.read, timeout=0.5)
        finally:
            signal.signal(signal.SIGALRM, old)
        self.assertEqual([ringbuffer.BusyError], self.raised)
        self.reader.close()

    def test_close_ends_the_waits_of_others(self):
        threads = [threading.Thread(target=self.catches, args=(self.reader.read,))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.2)     # so that they wait; it holds in any case
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

    def test_close_ends_the_write_of_another(self):
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
        self.assertEqual([ringbuffer.ClosedError], self.raised)

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


if __name__ == "__main__":
    unittest.main()
