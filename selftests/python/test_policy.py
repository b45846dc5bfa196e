# SPDX-License-Identifier: GPL-2.0
"""Policies of readers that hold writers up: block, evict, skip, lossy."""

import asyncio
import errno
import multiprocessing
import time
import unittest

from support import Case, often, on_module, ringbuffer, until

Ring, Policy = ringbuffer.Ring, ringbuffer.Policy

SLOTS = 8
TIMEOUT = 0.02


def stats_of(ring, reader):
    return next(r for r in ring.stats().readers if r.id == reader.id)


def writes_uniform(writer, count, size):
    for n in range(count):
        writer.write(b"%c" % (n % 256) * size, timeout=60)
    writer.close()


def reads_uniform(reader, count, out):
    """Each message is whole, and later than the one before; got and lost make up all of them."""
    got, slow = 0, []
    while True:
        try:
            message = reader.read(timeout=60)
        except ringbuffer.WriterFinishedError:
            break
        position = reader.position - 1
        assert message == b"%c" % (position % 256) * len(message), position
        slow.append(bytearray(message))     # a copy more, to be slower than the writer
        del slow[:-3]
        got += 1
    out.put((got, reader.lost, count))


class Asked(Case):

    def test_ring_tells_its_policy(self):
        with Ring.create(64, SLOTS) as ring:
            self.assertEqual((Policy.BLOCK, 0, 0, False),
                             (ring.policy, ring.policy_timeout, ring.policy_lag, ring.at_stop))
        with Ring.create(64, SLOTS, policy=Policy.SKIP, policy_timeout=TIMEOUT,
                         policy_lag=5) as ring:
            self.assertEqual((Policy.SKIP, TIMEOUT, 5, False),
                             (ring.policy, ring.policy_timeout, ring.policy_lag, ring.at_stop))
            reader = stats_of(ring, ring.reader())
            self.assertEqual((Policy.SKIP, False, False, 0),
                             (reader.policy, reader.at_stop, reader.skipped, reader.skips))
            self.assertIs(Policy, type(reader.policy))

    def test_policies_that_make_no_sense_are_refused(self):
        with Ring.create(64, SLOTS) as ring:
            for wrong in (dict(policy=4), dict(policy="skip"), dict(policy=Policy.BLOCK, policy_lag=1),
                          dict(policy=Policy.LOSSY, policy_timeout=1),
                          dict(policy=Policy.LOSSY, at_stop=True),
                          dict(policy=Policy.EVICT, policy_timeout=0.0001),
                          dict(policy=Policy.EVICT, policy_timeout=-1),
                          dict(policy=Policy.EVICT, policy_timeout=float("nan")),
                          dict(policy=Policy.EVICT, policy_timeout=1e12),
                          dict(policy=Policy.SKIP, policy_lag=SLOTS + 1),
                          dict(policy=Policy.SKIP, policy_lag=-1), dict(policy_timeout=1),
                          dict(policy_lag=1), dict(at_stop=True)):
                with self.subTest(wrong):
                    self.assertRaises(ValueError, Ring.create, 64, SLOTS, **wrong)
                    self.assertRaises(ValueError, ring.reader, **wrong)
                    self.assertRaises(ValueError, ring.async_reader, **wrong)
            self.assertRaises(TypeError, ring.reader, policy=Policy.SKIP, policy_lag=1.5)
            self.assertRaises(TypeError, ringbuffer.Reader, ring, policy=Policy.SKIP)
            self.assertEqual((), ring.stats().readers)

    def test_reader_may_only_be_stricter_than_its_ring(self):
        with Ring.create(64, SLOTS, policy=Policy.EVICT, policy_timeout=1) as ring:
            for own in (dict(policy=Policy.BLOCK), dict(policy=Policy.SKIP, policy_timeout=2)):
                with self.subTest(own), self.assertRaisesRegex(ValueError, "policy of the ring"):
                    ring.reader(**own)
            for own in (dict(policy=Policy.LOSSY), dict(policy=Policy.SKIP, policy_timeout=1)):
                with self.subTest(own):
                    reader = ring.reader(**own)
                    self.assertEqual(own["policy"], stats_of(ring, reader).policy)

    def test_only_the_module_knows_who_is_stopped(self):
        own = dict(policy=Policy.SKIP, policy_timeout=1, at_stop=True)
        if on_module():
            with Ring.create(64, SLOTS, **own) as ring:
                self.assertEqual((Policy.SKIP, True), (ring.policy, ring.at_stop))
                self.assertTrue(stats_of(ring, ring.reader()).at_stop)
            return
        with Ring.create(64, SLOTS) as ring:
            for call in (lambda: Ring.create(64, SLOTS, **own), lambda: ring.reader(**own)):
                with self.assertRaises(OSError) as refused:
                    call()
                self.assertEqual(errno.EOPNOTSUPP, refused.exception.errno)


class Applied(Case):
    """A reader that stands still, beside one that keeps up."""

    exclusive = False

    def setUp(self):
        super().setUp()
        self.ring = Ring.create(64, SLOTS, exclusive=self.exclusive)
        self.quick, self.writer = self.ring.reader(), self.ring.writer()

    def write(self, first, end, timeout=0):
        for n in range(first, end):
            self.writer.write(b"%d" % n, timeout)
            self.assertEqual(b"%d" % n, self.quick.read(timeout=0))

    def test_blocking_reader_holds_writers_up(self):
        slow = self.ring.reader(policy=Policy.BLOCK)
        self.write(0, SLOTS)
        self.assertRaises(ringbuffer.WriteTimeoutError, self.writer.write, b"", TIMEOUT)
        self.assertEqual(b"0", slow.read())

    def test_reader_is_evicted_after_its_timeout(self):
        slow = self.ring.reader(policy=Policy.EVICT, policy_timeout=TIMEOUT)
        self.write(0, SLOTS)
        begin = time.monotonic()
        self.write(SLOTS, SLOTS + 1, None)
        self.assertLessEqual(TIMEOUT, time.monotonic() - begin)
        self.assertRaises(ringbuffer.EvictedError, slow.read)
        self.write(SLOTS + 1, 5 * SLOTS)

    def test_reader_is_evicted_by_its_lag(self):
        slow = self.ring.reader(policy=Policy.EVICT, policy_timeout=3600, policy_lag=3)
        self.write(0, 3)
        self.assertEqual(2, len(self.ring.stats().readers))
        self.write(3, 4)
        self.assertEqual(1, len(self.ring.stats().readers))
        self.assertRaises(ringbuffer.EvictedError, slow.read)

    def test_skipped_reader_continues_at_the_oldest_slot(self):
        slow = self.ring.reader(policy=Policy.SKIP)
        self.write(0, 20)
        stats = stats_of(self.ring, slow)
        self.assertEqual((Policy.SKIP, True, 1), (stats.policy, stats.skipped, stats.skips))
        with slow.peek() as slot:
            self.assertEqual((b"%d" % (20 - SLOTS), 20 - SLOTS, 20 - SLOTS),
                             (slot.tobytes(), slot.position, slot.lost))
        self.assertEqual(b"%d" % (20 - SLOTS + 1), slow.read())
        self.assertEqual(20 - SLOTS, slow.lost)
        stats = stats_of(self.ring, slow)
        self.assertEqual((False, 1, 20 - SLOTS), (stats.skipped, stats.skips, stats.lost))

    def test_lossy_reader_never_gates(self):
        slow = self.ring.reader(policy=Policy.LOSSY)
        self.write(0, 4)
        self.assertEqual(b"0", slow.read())
        self.write(4, 20)
        self.assertEqual([b"%d" % n for n in range(20 - SLOTS, 20)], slow.read_many(100))
        self.assertEqual(20 - SLOTS - 1, slow.lost)
        self.assertRaises(ringbuffer.WaitingForWriterError, slow.read, timeout=0)
        self.assertFalse(slow.wait(timeout=0))
        self.write(20, 21)
        self.assertTrue(slow.wait(timeout=0))
        self.assertEqual([b"20"], [bytes(view) for view in [next(slow)]])

    def test_slot_in_hand_is_lost_when_writers_take_it(self):
        for own in (Policy.SKIP, Policy.LOSSY):
            for give_back in (lambda slow, slot: slot.release(), lambda slow, slot: slow.read(),
                              lambda slow, slot: next(slow)):
                slow = self.ring.reader(policy=own)
                first = slow.position
                self.write(first, first + SLOTS)
                slot = slow.peek()
                self.write(first + SLOTS, first + SLOTS + 1)
                self.assertRaises(ringbuffer.OverrunError, give_back, slow, slot)
                self.assertLessEqual(first + 1, int(slow.read()))
                self.assertLessEqual(1, slow.lost)
                slow.close()

    def test_view_of_a_loop_is_lost_when_writers_take_it(self):
        slow = self.ring.reader(policy=Policy.LOSSY)
        self.write(0, SLOTS)
        view = next(slow)
        kept = view[:]
        self.write(SLOTS, SLOTS + 1)
        self.assertRaises(ringbuffer.OverrunError, next, slow)
        kept.release()
        self.assertLessEqual(1, int(bytes(next(slow))))

    def test_message_behind_slots_in_use_is_not_taken_when_these_are_lost(self):
        slow = self.ring.reader(policy=Policy.LOSSY)
        self.write(0, SLOTS)
        kept = memoryview(slow.peek())
        self.assertEqual(b"1", slow.read())
        self.write(SLOTS, SLOTS + 1)
        self.assertRaises(ringbuffer.OverrunError, slow.read)
        self.assertLessEqual(1, int(slow.read()))
        kept.release()

    def test_message_that_does_not_fit_stays(self):
        slow = self.ring.reader(policy=Policy.LOSSY)
        self.write(10, 11)
        self.assertRaises(ringbuffer.DataTooLargeError, slow.read_into, bytearray(1))
        self.assertEqual(b"10", slow.read())


class AppliedExclusive(Applied):
    exclusive = True


class Awaited(Case):

    def test_reader_that_has_lost_messages_is_ready(self):
        async def main(own):
            ring = Ring.create(16, 4)
            reader, writer = ring.async_reader(policy=own), ring.writer()
            waiting = asyncio.ensure_future(reader.read())
            await asyncio.sleep(0)
            self.assertFalse(waiting.done())
            for n in range(20):
                writer.write(b"%d" % n, timeout=0)
            self.assertLessEqual(16, int(await waiting))
            self.assertEqual(b"19", (await reader.read_many(10))[-1])
            self.assertLessEqual(16, reader.reader.lost)

        for own in (Policy.SKIP, Policy.LOSSY):
            asyncio.run(asyncio.wait_for(main(own), 100))

    def test_writer_learns_that_a_reader_was_skipped_or_evicted(self):
        async def main(own):
            ring = Ring.create(16, 2)
            slow = ring.reader(policy=own, policy_timeout=TIMEOUT)
            async with ring.async_writer() as writer:
                for n in range(2):
                    await writer.write(b"%d" % n)
                begin = time.monotonic()
                await writer.write(b"2")
                self.assertLessEqual(TIMEOUT, time.monotonic() - begin)
            if own == Policy.EVICT:
                self.assertRaises(ringbuffer.EvictedError, slow.read)
            else:
                self.assertEqual(b"1", slow.read())

        for own in (Policy.SKIP, Policy.EVICT):
            asyncio.run(asyncio.wait_for(main(own), 100))

    def test_loop_over_what_a_process_writes(self):
        async def main():
            ring = Ring.create(16, 4)
            reader = ring.async_reader(policy=Policy.LOSSY)
            child, last = self.start(writes_numbers, ring.writer(), 2000), -1
            while True:
                try:
                    n = int(await reader.read())
                except ringbuffer.WriterFinishedError:
                    break
                self.assertLess(last, n)
                last = n
            self.assertEqual(1999, last)
            self.ends_well(child)

        asyncio.run(asyncio.wait_for(main(), 100))


def writes_numbers(writer, count):
    for n in range(count):
        writer.write(b"%d" % n, timeout=60)
    writer.close()


class Load(Case):

    def test_messages_arrive_whole_and_are_counted(self):
        count, size = often(3000), 20000    # above 8 KiB a copy gives up the GIL
        for own in (dict(policy=Policy.SKIP), dict(policy=Policy.SKIP, policy_lag=2),
                    dict(policy=Policy.LOSSY)):
            for method in ("fork", "spawn"):
                with self.subTest(own, method=method):
                    ring = Ring.create(size, SLOTS)
                    out = multiprocessing.get_context(method).Queue()
                    reads = self.start(reads_uniform, ring.reader(**own), count, out, method=method)
                    until(lambda: ring.stats().readers[0].pid == reads.pid, "the reader's start")
                    self.start(writes_uniform, ring.writer(), count, size)
                    got, lost, written = out.get(timeout=100)
                    self.assertEqual(written, got + lost)
                    self.assertLess(0, got)
                    self.ends_well()


if __name__ == "__main__":
    unittest.main()
