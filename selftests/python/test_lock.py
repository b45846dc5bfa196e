# SPDX-License-Identifier: GPL-2.0
"""ReadersWriterLock, as programs for the original use it."""

import multiprocessing
import unittest

from support import PATIENCE, Case, ringbuffer, until


def reads(lock, inside, leave):
    with lock.for_read():
        inside.release()
        assert leave.wait(PATIENCE)


def writes(lock, wanted, seen):
    wanted.set()
    with lock.for_write():
        seen.value = 100 * lock.readers.value + lock.writer.value


def counts(lock, total, times):
    for _ in range(times):
        with lock.for_write():
            before = total[0]
            total[1] = before + 1
            total[0] = total[1]


def watches(lock, total, times):
    for _ in range(times):
        with lock.for_read():
            assert total[0] == total[1]


class Lock(Case):

    def setUp(self):
        super().setUp()
        self.lock = ringbuffer.ReadersWriterLock()

    def has(self, readers, writer):
        self.assertEqual((readers, writer), (self.lock.readers.value, self.lock.writer.value))

    def test_lock_can_be_taken_for_reading_then_for_writing(self):
        self.has(0, False)
        with self.lock.for_read():
            self.has(1, False)
        with self.lock.for_write():
            self.has(0, True)
        self.has(0, False)

    def test_a_reader_may_read_again(self):
        with self.lock.for_read():
            with self.lock.for_read():
                with self.lock.for_read():
                    self.has(3, False)
                self.has(2, False)
        self.has(0, False)

    def test_exceptions_unlock(self):
        for hold in (self.lock.for_read, self.lock.for_write):
            with self.assertRaises(ZeroDivisionError):
                with hold():
                    1 / 0
            self.has(0, False)

    def test_readers_of_other_processes_keep_a_writer_out(self):
        inside, leave = multiprocessing.Semaphore(0), multiprocessing.Event()
        wanted, seen = multiprocessing.Event(), multiprocessing.Value("i", -1)
        readers = [self.start(reads, self.lock, inside, leave) for _ in range(2)]
        for _ in readers:
            self.assertTrue(inside.acquire(timeout=PATIENCE))
        writer = self.start(writes, self.lock, wanted, seen)
        self.assertTrue(wanted.wait(PATIENCE))
        self.has(2, False)
        leave.set()
        self.ends_well(*readers, writer)
        self.assertEqual(1, seen.value)
        self.has(0, False)

    def test_a_writer_keeps_readers_out(self):
        inside, leave = multiprocessing.Semaphore(0), multiprocessing.Event()
        leave.set()
        with self.lock.for_write():
            readers = [self.start(reads, self.lock, inside, leave) for _ in range(2)]
            self.assertFalse(inside.acquire(timeout=0.2))
            self.has(0, True)
        self.ends_well(*readers)
        self.has(0, False)

    def test_writers_take_turns(self):
        total = multiprocessing.RawArray("l", 2)
        children = [self.start(counts, self.lock, total, 200) for _ in range(3)]
        children += [self.start(watches, self.lock, total, 200) for _ in range(2)]
        self.ends_well(*children)
        self.assertEqual([600, 600], list(total))

    def test_wait_for_write_ends_after_a_write(self):
        seen = multiprocessing.Value("i", -1)
        waits = 0
        with self.lock.for_read():
            writer = self.start(writes, self.lock, multiprocessing.Event(), seen)
            while seen.value < 0:
                waits += 1
                self.lock.wait_for_write()
                self.has(1, False)
        self.ends_well(writer)
        self.assertEqual((1, 1), (seen.value, waits))
        self.has(0, False)

    def test_wait_for_write_lets_a_waiting_writer_in(self):
        seen, wanted = multiprocessing.Value("i", -1), multiprocessing.Event()
        with self.lock.for_read():
            writer = self.start(writes, self.lock, wanted, seen)
            self.assertTrue(wanted.wait(PATIENCE))
            until(lambda: self.lock.writer_condition._sleeping_count.get_value(), "waiting")
            self.lock.wait_for_write()
            self.has(1, False)
        self.ends_well(writer)
        self.assertEqual(1, seen.value)

    def test_wait_for_write_needs_the_lock(self):
        self.assertRaises(ringbuffer.InternalLockingError, self.lock.wait_for_write)
        self.has(0, False)


if __name__ == "__main__":
    unittest.main()
