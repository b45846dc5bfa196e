# SPDX-License-Identifier: GPL-2.0
"""One handle that several threads, signal handlers and finalizers use."""

import gc
import signal
import threading
import time
import unittest

from support import ringbuffer


class Shared(unittest.TestCase):

    def setUp(self):
        self.ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=4)
        self.reader = self.ring.reader()
        self.writer = self.ring.writer()
        self.raised = []

    def catches(self, call, *args, **kwargs):
        try:
            call(*args, **kwargs)
        except Exception as error:      # the tests look at its type
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
        time.sleep(0.2)     # lets them wait; the tests pass if they do not wait yet
        return threads

    def test_signal_handler_cannot_close_a_reader_that_waits(self):
        self.read_while_a_handler_closes(after=0.05, timeout=0.5)
        self.assertEqual([ringbuffer.BusyError], self.raised)
        self.reader.close()

    def test_signal_handler_cannot_close_while_a_thread_waits_its_turn(self):
        behind = threading.Timer(0.1, self.catches, (self.reader.read,), {"timeout": 1})
        behind.start()
        self.read_while_a_handler_closes(after=0.3, timeout=0.6)
        behind.join()
        self.assertEqual([ringbuffer.BusyError, ringbuffer.ReadTimeoutError], self.raised)

    def test_try_does_not_queue_behind_waiting_threads(self):
        threads = self.three_wait()
        for _ in range(3):
            self.assertRaises(ringbuffer.WaitingForWriterError, self.reader.read, timeout=0)
        for _ in threads:
            self.writer.write(b"message")
        for thread in threads:
            thread.join()
        self.assertEqual([], self.raised)

    def test_close_ends_the_waits_of_other_threads(self):
        threads = self.three_wait()
        self.reader.close()
        for thread in threads:
            thread.join()
        self.assertEqual([ringbuffer.ClosedError] * 3, self.raised)

    def test_write_many_survives_a_list_that_another_thread_clears(self):
        messages = [b"%060d" % n for n in range(200)]
        threading.Timer(0.1, messages.clear).start()
        self.assertEqual(4, self.writer.write_many(messages, timeout=0.5))
        self.assertEqual([b"%060d" % n for n in range(4)],
                         [bytes(self.reader.read()) for n in range(4)])

    def test_commit_beside_a_large_write_of_another_thread(self):
        """A reserved slot can be committed while another thread writes without the GIL."""
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

    def test_finalizers_that_read_lose_and_repeat_no_message(self):
        """The collector may run in the middle of a step, and a finalizer may take a step then."""
        ring = ringbuffer.Ring.create(slot_bytes=64, slot_count=50)
        reader, writer = ring.reader(), ring.writer()
        got = []

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
                writer.write_many([b"%d" % k for k in range(5 * n, 5 * n + 5)], timeout=0)
                Reads()
                while True:
                    try:
                        slots = reader.peek_many(3, timeout=0)
                    except ringbuffer.WaitingForWriterError:
                        break
                    # Their bytes may be gone if a finalizer has taken the next step.
                    got += [slot.position for slot in slots]
        finally:
            gc.set_threshold(*old)
        self.assertEqual(list(range(1000)), sorted(got))


if __name__ == "__main__":
    unittest.main()
