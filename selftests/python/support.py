# SPDX-License-Identifier: GPL-2.0
"""Functions and classes for the tests of the Python package."""

import contextlib
import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "lib", "python"))

import ringbuffer  # noqa: E402

METHODS = ("fork", "spawn", "forkserver")
PATIENCE = 120  # limit of a wait in seconds: long enough on a busy machine
SMALL = bool(os.environ.get("RINGBUFFER_SMALL"))  # run fewer rounds, after another Python

# Tests that need NumPy import it themselves: every spawned child imports this module.
needs_numpy = unittest.skipUnless(importlib.util.find_spec("numpy"),
                                  "NumPy is not installed for this Python")

# Let children find the package and this module, too.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.join(TOP, "lib", "python"), os.path.dirname(os.path.abspath(__file__)),
     os.environ.get("PYTHONPATH", "")])


def often(native):
    """Return the rounds of a loop: fewer in an emulated machine and for further Pythons."""
    return native // 5 if SMALL or os.environ.get("RINGBUF_VM") else native


def on_module():
    return ringbuffer.Ring.create(8, 1).host == "module"


class Case(unittest.TestCase):
    """A test case that can start child processes, and kills them at its end."""

    def setUp(self):
        self.children = []

    def tearDown(self):
        for child in self.children:
            if child.is_alive():
                child.kill()
            child.join()

    def start(self, target, *args, method="fork"):
        child = multiprocessing.get_context(method).Process(target=target, args=args, daemon=True)
        child.start()
        self.children.append(child)
        return child

    def ends_well(self, *children):
        for child in children or self.children:
            child.join(PATIENCE)
            self.assertEqual(0, child.exitcode)

    @contextlib.contextmanager
    def threads(self, *targets):
        """Run each (function, *args) in a thread; raise the first exception of the threads."""
        errors = []

        def body(target, args):
            try:
                target(*args)
            except BaseException as e:
                errors.append(e)

        threads = [threading.Thread(target=body, args=(t, a), daemon=True) for t, *a in targets]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join(PATIENCE)
            self.assertFalse(thread.is_alive(), "a thread hangs")
        if errors:
            raise errors[0]


def asleep(pid):
    """Return whether the main thread of pid sleeps in the kernel."""
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(")")[2].split()[0] == "S"


def until(condition, what="it"):
    """Wait until condition() is true, for example after a step of another process."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("%s did not happen" % what)
        time.sleep(0.001)


def killed(child):
    os.kill(child.pid, signal.SIGKILL)
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL, child.exitcode


def script(text, *args, env=None, check=True, options=()):
    """Run text in a new Python process; return the result, with its output."""
    return subprocess.run([sys.executable, *options, "-c", text, *args], check=check,
                          env=dict(os.environ, **(env or {})), timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
