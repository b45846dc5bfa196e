# SPDX-License-Identifier: GPL-2.0
"""Rings and handles that are sent to other processes."""

import contextlib
import errno
import gc
import multiprocessing
import os
import pickle
import resource
import unittest
from multiprocessing.reduction import ForkingPickler

from support import METHODS, PATIENCE, Case, on_module, ringbuffer, script, until

from ringbuffer import _dropin, _ring

Ring = ringbuffer.Ring


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def travelled(thing):
    return pickle.loads(ForkingPickler.dumps(thing))


class Traveller:
    """A descriptor that arrives."""

    def __init__(self, fd):
        self.fd = fd

    def detach(self):
        return self.fd


def receives(conn, closed, out):
    assert closed.wait(PATIENCE)
    reader, writer, ring, drop_reader = conn.recv()
    writer.write(b"1", timeout=60)
    ring.try_write(b"2")
    out.put((bytes(reader.read(timeout=60)), bytes(ring.blocking_read(drop_reader, timeout=60))))


def has_ring(conn, closed, out, done):
    assert closed.wait(PATIENCE)
    ring = conn.recv()
    out.put("here")
    assert done.wait(PATIENCE)
    ring.close()


def receives_late(go, reader, writer, out):
    assert go.wait(PATIENCE)
    writer.write(b"1", timeout=60)
    out.put(bytes(reader.read(timeout=60)))


def uses_both(first, second, out):
    reader = second.reader()
    with first.writer() as writer:
        writer.write(b"through both")
    out.put((bytes(reader.read(timeout=60)), first.stats().writers_ever, second.head))


def fills(writer, count):
    for n in range(count):
        writer.write(b"%d" % n, timeout=60)
    writer.close()


class Closed(Case):
    """What was sent and then closed here arrives all the same."""

    def test_before_it_is_fetched(self):
        for method in METHODS:
            with self.subTest(method=method):
                context = multiprocessing.get_context(method)
                closed, out = context.Event(), context.Queue()
                ours, theirs = context.Pipe()
                self.start(receives, theirs, closed, out, method=method)
                ring = Ring.create(16, 4)
                drop = ringbuffer.RingBuffer(slot_bytes=16, slot_count=4)
                drop.new_writer()
                things = ring.reader(), ring.writer(), drop, drop.new_reader()
                ours.send(things)
                for thing in (*things, ring):
                    thing.close()
                closed.set()
                self.assertEqual((b"1", b"2"), out.get(timeout=PATIENCE))
                self.ends_well()

    def test_its_name_stays_until_then(self):
        name = "python-sent-%d" % os.getpid()
        closed, out = multiprocessing.Event(), multiprocessing.Queue()
        done = multiprocessing.Event()
        ours, theirs = multiprocessing.Pipe()
        child = self.start(has_ring, theirs, closed, out, done)
        ring = Ring.create(16, 4, name=name)
        writer = ring.writer()
        ours.send(ring)
        Ring.open(name).close()
        writer.close()
        ring.close()
        closed.set()
        self.assertEqual("here", out.get(timeout=PATIENCE))
        self.assertEqual((16, 4), (lambda r: (r.slot_bytes, r.slot_count))(Ring.open(name)))
        done.set()
        self.ends_well(child)
        with self.assertRaises(FileNotFoundError):
            Ring.open(name)

    def test_after_the_start(self):
        for method in METHODS:
            with self.subTest(method=method):
                context = multiprocessing.get_context(method)
                go, out = context.Event(), context.Queue()
                ring = Ring.create(16, 4)
                reader, writer = ring.reader(), ring.writer()
                self.start(receives_late, go, reader, writer, out, method=method)
                for thing in (reader, writer, ring):
                    thing.close()
                go.set()
                self.assertEqual(b"1", out.get(timeout=PATIENCE))
                self.ends_well()

    def test_before_it_is_pickled(self):
        """A queue pickles in a thread of its own; the process that gets the message is told."""
        ring = Ring.create(16, 4)
        closed, used = ring.reader(), ring.reader()
        closed.close()
        with self.assertRaises(ringbuffer.WaitingForWriterError):
            used.read(timeout=0)
        self.assertRaises(ringbuffer.ClosedError, pickle.dumps, closed)
        queue = multiprocessing.Queue()
        for thing, error in ((closed, ringbuffer.ClosedError), (used, ringbuffer.BusyError)):
            queue.put(thing)
            with self.assertRaises(error):
                queue.get(timeout=PATIENCE)
        ring.close()
        queue.put(ring)
        with self.assertRaises(ringbuffer.ClosedError):
            queue.get(timeout=PATIENCE)

    def test_by_its_process(self):
        ran = script("import ringbuffer, sys\n"
                     "from multiprocessing.reduction import ForkingPickler\n"
                     "sys.stdout.write(bytes(ForkingPickler.dumps(\n"
                     "    ringbuffer.Ring.create(8, 1))).hex())\n")
        with self.assertRaises(ringbuffer.ClosedError):
            pickle.loads(bytes.fromhex(ran.stdout))


class Twice(Case):

    def test_descriptors_of_what_is_here_already(self):
        ring = Ring.create(16, 4)
        drop = ringbuffer.RingBuffer(slot_bytes=16, slot_count=4)
        drop.new_writer()
        things = ring, drop
        for thing in things:
            travelled(thing)    # what comes once stays: the sharer, a spare
        before = descriptors()
        for _ in range(50):
            for thing in things:
                travelled(thing)
            travelled(ring.reader())
            travelled(ring.writer())
            travelled(drop.new_reader()).close()
            drop.readers.pop().close()
        until(lambda: descriptors() <= before, "the end of the descriptors")

    def test_locks_stay(self):
        """A process that gets a ring that it has already counts as alive all the time."""
        ring = Ring.create(16, 2)
        reader = ring.reader()
        with ring.writer() as writer:
            writer.write(b"mine")
        self.assertEqual(b"mine", reader.read())
        count = 3000
        child = self.start(fills, ring.writer(), count)
        n = 0
        while n < count:
            travelled(ring)
            for _ in range(50):
                if n < count:
                    self.assertEqual(b"%d" % n, reader.read(timeout=60))
                    n += 1
        self.assertEqual(0, reader.lost)
        self.ends_well(child)

    def test_two_objects_of_one_ring(self):
        name = "python-twice-%d" % os.getpid()
        with Ring.create(16, 4, name=name) as first, Ring.open(name) as second:
            for method in METHODS:
                with self.subTest(method=method):
                    out = multiprocessing.get_context(method).Queue()
                    ever, head = first.stats().writers_ever, first.head
                    self.start(uses_both, first, second, out, method=method)
                    self.assertEqual((b"through both", ever + 1, head + 1),
                                     out.get(timeout=PATIENCE))
                    self.ends_well()


def reads_and_passes_on(name, out):
    os.setresuid(65534, 65534, 65534)
    os.chdir("/dev/rings")
    with Ring.open("./" + name) as ring:
        travels = ForkingPickler.dumps(ring)
    os.chdir("/")
    with pickle.loads(travels) as ring, ring.reader(ringbuffer.OLDEST) as reader:
        try:
            ring.writer()
        except PermissionError:
            out.put((ring.name, reader.read(timeout=60)))


@unittest.skipUnless(on_module() and not os.geteuid(), "needs the module, and root")
class Readable(Case):
    """A ring that may not be written."""

    def test_goes_by_its_name_and_gives_no_more(self):
        name = "python-readable-%d" % os.getpid()
        out = multiprocessing.Queue()
        with Ring.create(16, 4, name=name, mode=0o644) as ring, ring.writer() as writer:
            writer.write(b"1")
            self.start(reads_and_passes_on, name, out)
            self.assertEqual(("/dev/rings/" + name, b"1"), out.get(timeout=PATIENCE))
            self.ends_well()


def leave_descriptors(room):
    """Let this process have that many descriptors more, and no other."""
    used = max(int(fd) for fd in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1 + room, used + 1 + room))
    holes = []
    with contextlib.suppress(OSError):
        while True:
            holes.append(os.dup(0))
    for fd in holes[len(holes) - room:]:
        os.close(fd)


def loads_with(room, pickled):
    """What pickle.loads() raises where so many descriptors are left, or None."""
    leave_descriptors(room)
    try:
        pickle.loads(pickled)
    except Exception as e:
        return e
    return None


class NoDescriptor(unittest.TestCase):
    """A process without a descriptor for what arrives."""

    def test_is_told_so_and_not_that_the_sender_has_ended(self):
        for room in range(8):
            with self.subTest(room=room), Ring.create(16, 4) as ring:
                pickled = bytes(ForkingPickler.dumps(ring))
                pid = os.fork()
                if not pid:
                    e = loads_with(room, pickled)
                    os._exit(0 if not e else e.errno if type(e) is OSError else 255)
                code = os.WEXITSTATUS(os.waitpid(pid, 0)[1])
                self.assertIn(code, (0, errno.EMFILE) if room else (errno.EMFILE,))


def leads_to_a_ring(fd):
    try:
        return "ringbuf" in os.readlink("/proc/self/fd/%d" % fd)
    except FileNotFoundError:
        return False


def streams_of_rings():
    """Close the standard streams and pickle a ring; return how many streams are a ring then."""
    for fd in range(3):
        os.close(fd)
    with Ring.create(16, 4) as ring, ring.reader() as reader:
        kept = ForkingPickler.dumps(ring), ForkingPickler.dumps(reader)
        count = sum(map(leads_to_a_ring, range(3)))
        del kept
    return count


class Streams(unittest.TestCase):
    """Pickles a ring in a process that has closed stdin, stdout and stderr."""

    def test_none_becomes_a_ring_that_travels(self):
        pid = os.fork()
        if not pid:
            os._exit(streams_of_rings())
        self.assertEqual(0, os.WEXITSTATUS(os.waitpid(pid, 0)[1]))


class Thrown(unittest.TestCase):
    """A pickle that no process loads keeps its seats and descriptors only for some time."""

    def test_seats_and_descriptors_are_given_back(self):
        from ringbuffer import _passing

        ring = Ring.create(16, 4)
        late = ForkingPickler.dumps(ring.reader())
        before = descriptors()
        for _ in range(10):
            ForkingPickler.dumps(ring.writer())
        self.assertEqual(1, len(ring.stats().readers))
        for key in _passing._offers._since:
            _passing._offers._since[key] -= _passing.PATIENCE   # pretend that this time passed
        travelled(ring.reader()).close()
        with ring.writer():
            # The thread that handed the reader over closes its descriptor at some later time.
            until(lambda: ((), 1) == (ring.stats().readers, ring.stats().writers),
                  "the end of the readers and writers")
        until(lambda: descriptors() <= before, "the end of the descriptors")
        with self.assertRaisesRegex(ringbuffer.ClosedError, "not within 10 minutes"):
            pickle.loads(late)


class Failed(unittest.TestCase):
    """A handle that cannot be received leaves no descriptor open."""

    def setUp(self):
        gc.collect()
        self.ring = Ring.create(16, 4)
        self.before = descriptors()

    def fails(self, error, call, *args):
        self.assertRaises(error, call, *args)
        # A thread of an earlier test may close its descriptors only now.
        self.assertLessEqual(descriptors(), self.before)

    def null(self):
        return Traveller(os.open("/dev/null", os.O_RDWR))

    def test_ring(self):
        self.fails(ringbuffer.InternalLockingError, _ring._ring, Ring, self.null(), None)
        self.fails(OSError, _ring._ring, Ring, self.null(), "a/name")

    def test_handles(self):
        for cls, base in ((ringbuffer.Reader, _ring._ringbuf.Reader),
                          (ringbuffer.Writer, _ring._ringbuf.Writer)):
            self.fails(OSError, _ring._handle, cls, base, self.ring, self.null(), (10**6, 1, 0))
        control = _dropin._Control(4)
        self.before = descriptors()
        self.fails(OSError, _dropin._reader, self.ring, control, self.null(), (10**6, 1, 0))

    def test_closed_ring(self):
        self.ring.close()
        self.before = descriptors()
        self.fails(ringbuffer.ClosedError, _ring._handle, ringbuffer.Reader,
                   _ring._ringbuf.Reader, self.ring, self.null(), (0, 1, 0))

    def test_control(self):
        self.fails((OSError, ringbuffer.Error), _dropin._control, self.null())
        fd = os.memfd_create("python-passing") if hasattr(os, "memfd_create") else None
        if fd is not None:
            os.ftruncate(fd, 100)
            self.fails(ringbuffer.InternalLockingError, _dropin._control, Traveller(fd))

    def test_tokens(self):
        drop = ringbuffer.RingBuffer(slot_bytes=16, slot_count=4)
        self.before = descriptors()
        self.fails(OSError, _dropin._ring_buffer, drop._ring, drop._control, False,
                   [(self.null(), (1, 1, 0), 10**6, 1)])


class Derived(unittest.TestCase):

    def test_init_is_not_run_again(self):
        ring = Ring.create(16, 4)
        reader = travelled(_Named(ring, "mine"))
        self.assertIs(_Named, type(reader))
        ring.writer().write(b"1")
        self.assertEqual(b"1", reader.read(timeout=60))


class _Named(ringbuffer.Reader):

    def __init__(self, ring, name):
        super().__init__(ring)
        self.name = name


if __name__ == "__main__":
    unittest.main()
