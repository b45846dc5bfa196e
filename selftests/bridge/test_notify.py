# SPDX-License-Identifier: GPL-2.0
"""What systemd is told: a socket of the test takes its place."""
import contextlib
import ctypes
import os
import signal
import socket
import time

import ringbuffer
from test_config import BOTH, reports, running
from world import LIBC, PATIENCE, World, check_all, until, write

WATCHDOG = 2    # seconds until systemd would end a service that does not send WATCHDOG=1
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
LIBC.ptrace.argtypes = [ctypes.c_long] * 4
LIBC.ptrace.restype = ctypes.c_long


class Systemd:
    """A socket that notes what comes."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.notes = []

    def look(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.notes.append(self.socket.recv(4096).decode())
        return self.notes

    def count(self, text):
        return self.look().count(text)

    def statuses(self):
        return [text[len("STATUS="):] for text in self.look() if text.startswith("STATUS=")]


@contextlib.contextmanager
def service(world, text=BOTH, watchdog=WATCHDOG):
    systemd = Systemd(world.folder)
    os.environ["NOTIFY_SOCKET"] = systemd.path
    if watchdog:
        os.environ["WATCHDOG_USEC"] = str(watchdog * 1000000)
    try:
        with running(world, text, "--json") as process:
            yield systemd, process
    finally:
        os.environ.pop("WATCHDOG_USEC", None)
        del os.environ["NOTIFY_SOCKET"]
        systemd.socket.close()


def test_service_tells_its_state():
    with World() as w:
        reader = w.there.reader(ringbuffer.OLDEST)
        with service(w, watchdog=None) as (systemd, process):
            until(lambda: "READY=1" in systemd.look(), "not ready while the server is away")
            until(lambda: "2 routes, 0 of them connected; 0 messages, 0 lost" in systemd.statuses(),
                  "no status")
            w.server.start()
            write(w.here, 10, 100)
            check_all(reader, 10, 100)
            until(lambda: systemd.statuses()[-1:] ==
                  ["2 routes, 2 of them connected; 20 messages, 0 lost"], "no status")
            assert not systemd.count("WATCHDOG=1")      # which it has not asked for
            assert not systemd.count("STOPPING=1")
            reports(process)
            assert systemd.count("READY=1") == systemd.count("STOPPING=1") == 1


def thread(process, name):
    """The thread of this name, or None; threads of libnats that it has started have it, too."""
    folder = f"/proc/{process.pid}/task"
    found = []
    for tid in os.listdir(folder):
        with open(f"{folder}/{tid}/comm", encoding="utf-8") as f:
            if f.read().strip() == name:
                found.append(int(tid))
    return min(found, default=None)


def ptrace(request, tid):
    assert not LIBC.ptrace(request, tid, 0, 0), (request, tid)


@contextlib.contextmanager
def stopped(tid):
    """Stop one thread, as if it were stuck."""
    ptrace(PTRACE_SEIZE, tid)
    ptrace(PTRACE_INTERRUPT, tid)
    os.waitpid(tid, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH, tid)


def beats(systemd, count=3):
    before = systemd.count("WATCHDOG=1")
    until(lambda: systemd.count("WATCHDOG=1") >= before + count, "no WATCHDOG=1")


def until_quiet(systemd):
    """Wait until no WATCHDOG=1 has come for so long that systemd would end the service."""
    last = [systemd.count("WATCHDOG=1"), time.monotonic()]

    def quiet():
        count = systemd.count("WATCHDOG=1")
        if count != last[0]:
            last[:] = count, time.monotonic()
        return time.monotonic() - last[1] > WATCHDOG
    until(quiet, "WATCHDOG=1 still comes")


def test_thread_that_is_stuck_stops_the_watchdog():
    # A pattern, for which the main thread looks.
    text = BOTH.replace('"s"', '"s*"').replace('ring = "@here"', 'ring = "@here*"')
    with World() as w:
        w.server.start()
        with service(w, text) as (systemd, process):
            until(lambda: not w.here.stats().readers_lacking, "the bridge does not attach")
            until(lambda: thread(process, "subscribe"), "no thread")
            for tid in thread(process, "publish"), thread(process, "subscribe"), process.pid:
                beats(systemd)
                with stopped(tid):
                    until_quiet(systemd)
                # It was this thread and nothing else.
                beats(systemd)


def test_watchdog_is_content_while_threads_wait():
    # Two streams into one ring that is full: one thread waits for room, one for the other.
    text = BOTH + """[[subscribe]]
stream = "t"
ring = "@there"
state = "@folder"
"""
    with World() as w:
        w.server.start()
        w.server.make_stream(subjects=["ringbuf.s"])
        w.server.ask("STREAM.CREATE.t", name="t", subjects=["ringbuf.t"], storage="file",
                     num_replicas=1, retention="limits", discard="new")
        with service(w, text) as (systemd, process):
            reader = w.there.reader(ringbuffer.OLDEST)
            for number in range(100):
                for stream in "s", "t":
                    w.server.put(b"x", f"ringbuf.{stream}", Nats_Msg_Id=
                                 f"00000000-0000-4000-8000-00000000000{stream == 's':d}:{number}")
            until(lambda: w.there.head == w.there.slot_count, "the ring does not get full")
            end = time.monotonic() + 2 * WATCHDOG
            while time.monotonic() < end:
                beats(systemd, 1)
            w.server.kill()
            beats(systemd, 2 * 4)       # for as long as the watchdog waits, twice
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0 and systemd.count("STOPPING=1") == 1
            reader.close()
