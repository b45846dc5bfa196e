# SPDX-License-Identifier: GPL-2.0
"""No call holds the GIL while it waits for a lock that another process has."""

import fcntl
import multiprocessing
import os
import struct
import sys
import threading
import unittest

from support import Case, on_module, ringbuffer, until

Ring = ringbuffer.Ring
F_OFD_SETLK = 37
PATIENCE = 20   # seconds for the main thread to continue, before the lock is dropped all the same


def holds_lock(path, conn):
    """Keep the lock of a ring, as a process that is stopped while it attaches, until told."""
    fd = os.open(path, os.O_RDWR)
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
    conn.send("held")
    conn.send(conn.poll(PATIENCE))


class Polling(Case):

    def switches(self, call):
        """Test that call(), which raises WaitingForReaderError, lets a thread run that waits for
        the GIL, although it does not ask for it."""
        ready, began, ran = threading.Lock(), threading.Lock(), []
        ready.acquire()
        began.acquire()

        def body():
            began.release()
            ready.acquire()
            ran.append(1)

        thread = threading.Thread(target=body)
        thread.start()
        began.acquire()
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        try:
            ready.release()
            for _ in range(20000):
                try:
                    call()
                except ringbuffer.WaitingForReaderError:
                    pass
                if ran:
                    break
            self.assertTrue(ran, "the GIL was never free")
        finally:
            sys.setswitchinterval(interval)
            thread.join(60)

    def test_asking_what_blocks_a_write_releases_the_gil(self):
        ring = Ring.create(16, 1)
        reader, writer = ring.reader(), ring.writer()
        writer.write(b"1")
        self.switches(lambda: writer.write(b"2", timeout=0))
        del reader

    def test_the_drop_in_releases_the_gil_too(self):
        ring = ringbuffer.RingBuffer(slot_bytes=16, slot_count=1)
        reader = ring.new_reader()
        ring.new_writer()
        ring.try_write(b"1")
        self.switches(lambda: ring.try_write(b"2"))
        ring.writer_done()
        del reader


@unittest.skipIf(on_module(), "the kernel's locks are held by nobody who could be stopped")
class Gil(Case):

    def setUp(self):
        super().setUp()
        self.name = "python-gil-%d" % os.getpid()
        self.ring = Ring.create(16, 4, name=self.name)

    def tearDown(self):
        self.ring.close()
        super().tearDown()

    def beside_the_lock(self, call):
        """Begin call() in a thread while another process has the lock: what it has done so far,
        the thread, and how to drop the lock."""
        ours, theirs = multiprocessing.Pipe()
        holder = self.start(holds_lock, "/dev/shm/ringbuf." + self.name, theirs)
        self.assertEqual("held", ours.recv())
        done = []
        thread = threading.Thread(target=lambda: (done.append(0), call(), done.append(1)))
        thread.start()
        until(lambda: done, "the beginning")

        def drop():
            ours.send(None)
            self.assertTrue(ours.recv(), "nothing ran until the lock was dropped")
            thread.join(60)
            self.assertEqual([0, 1], done)
            self.ends_well(holder)

        return done, thread, drop

    def leaves_the_gil(self, call):
        """Test that this thread runs while call() waits for the lock, and that call() then ends."""
        done, thread, drop = self.beside_the_lock(call)
        # Long enough for the call to reach the lock; the test holds whenever it does.
        thread.join(0.05)
        self.assertEqual([0], done, "it does not wait for the lock: nothing is tested")
        drop()

    def needs_no_lock(self, call):
        """Test that call() ends while the lock is held."""
        done, thread, drop = self.beside_the_lock(call)
        thread.join(60)
        self.assertEqual([0, 1], done, "it waits for the lock")
        drop()

    def test_calls_on_rings_release_the_gil(self):
        ring = self.ring
        for call in (ring.stats, lambda: ring.head, ring.sync, lambda: ring.reader().close(),
                     lambda: ring.writer().close(), lambda: Ring.open(self.name).close()):
            self.leaves_the_gil(call)
        reader = ring.reader()
        self.leaves_the_gil(lambda: ring.evict(reader))

    def test_unlink_releases_the_gil(self):
        self.leaves_the_gil(lambda: Ring.unlink(self.name))

    def test_first_use_waits_for_no_thread(self):
        def tries(call, *args):
            def body():
                try:
                    call(*args, timeout=0)
                except ringbuffer.WaitingForWriterError:
                    pass
            return body

        for name, *args in (("read",), ("peek",), ("read_many", 2), ("peek_many", 2), ("wait", 1),
                            ("read_into", bytearray(16))):
            self.needs_no_lock(tries(getattr(self.ring.reader(), name), *args))
        self.leaves_the_gil(lambda: self.ring.reader().ended)
        for name, *args in (("write", b"1"), ("write_many", [b"1", b"2"]), ("reserve",)):
            self.needs_no_lock(tries(getattr(self.ring.writer(), name), *args))

    def test_calls_that_end_a_handle_release_the_gil(self):
        for used in (False, True):
            for end in ("close", "abandon", "done", "__del__"):
                writer = [self.ring.writer()]
                if used:
                    writer[0].write(b"1")
                self.leaves_the_gil(writer.clear if end == "__del__" else getattr(writer[0], end))
        for used in (False, True):
            for end in ("close", "__del__"):
                reader = [self.ring.reader(ringbuffer.OLDEST)]
                if used:
                    reader[0].read(timeout=0)
                self.leaves_the_gil(reader.clear if end == "__del__" else getattr(reader[0], end))

    def test_close_of_a_ring_that_another_thread_uses(self):
        """A call that waits keeps the ring open until the call ends."""
        ring = Ring.open(self.name)

        def call():
            try:
                ring.stats()
            except ringbuffer.ClosedError:
                pass    # it was closed before the first use
            self.assertRaises(ringbuffer.ClosedError, ring.stats)

        def closes():
            thread = threading.Thread(target=call)
            thread.start()
            ring.close()
            thread.join(60)

        self.leaves_the_gil(closes)
        self.assertTrue(ring.closed)


if __name__ == "__main__":
    unittest.main()
