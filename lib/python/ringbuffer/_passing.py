# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors on their way to other processes, inside of pickles.

A child that is being spawned gets them as it starts.  A process that unpickles later, at
the end of a queue or of a pipe, fetches them from the pickling process through
multiprocessing's sharer.  Until then that process keeps a descriptor, which closing the
pickled object does not close.
"""

import errno
import fcntl
import functools
import os
import threading
import time
import weakref
from multiprocessing import context, reduction, resource_sharer

from ._errors import ClosedError, Error


def _no_descriptor(number):
    return OSError(number, "%s: what arrives needs some; raise ulimit -n, or close files"
                   % os.strerror(number))


PATIENCE = 600  # seconds that a descriptor waits to be fetched


class _Offers:
    """The descriptors that were pickled and not fetched yet.

    A descriptor that is not fetched within PATIENCE is closed when the next one is
    offered.  Otherwise a pickle that is thrown away, or a receiver that dies, would keep
    the descriptor and the seat of its handle as long as this process lives.
    """

    def __init__(self):
        # No lock, since a fork could leave it taken; each operation on a dict is atomic.
        self._since = {}

    def add(self, key):
        now = time.monotonic()
        for k, since in list(self._since.items()):
            if now - since >= PATIENCE:
                self._withdraw(k)
        self._since[key] = now

    def took(self, key):
        self._since.pop(key, None)

    @staticmethod
    def _withdraw(key):
        sharer = resource_sharer._resource_sharer
        with sharer._lock:
            offer = sharer._cache.pop(key, None)
        if offer is not None:
            offer[1]()


_offers = _Offers()


class _Shared:
    """fd, to be fetched from this process."""

    def __init__(self, fd):
        # Never a standard stream: what is printed must not get into the ring.
        copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)

        def send(conn, pid):
            reduction.send_handle(conn, copy, pid)

        def close():
            _offers.took(self._id[1])
            os.close(copy)

        self._id = resource_sharer._resource_sharer.register(send, close)
        _offers.add(self._id[1])

    def detach(self):
        try:
            with resource_sharer._resource_sharer.get_connection(self._id) as conn:
                return reduction.recv_handle(conn)
        except RuntimeError as e:
            # The kernel delivers the message, and leaves out a descriptor that finds no place.
            raise _no_descriptor(errno.EMFILE) from e
        except (OSError, EOFError) as e:
            if getattr(e, "errno", None) in (errno.EMFILE, errno.ENFILE):
                raise _no_descriptor(e.errno) from e
            raise ClosedError("the process that sent it has ended, or it was fetched already, "
                              "or not within %d minutes" % (PATIENCE // 60)) from e


_travelling: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()


def _inherited(popen, fd):
    """One object per descriptor: two rings may share one, which must be named once."""
    known = _travelling.setdefault(popen, {})
    if fd not in known:
        known[fd] = popen.DupFd(popen.duplicate_for_child(fd))
    return known[fd]


def departing(fd):
    """A picklable object whose detach() gives fd in the process that unpickles it."""
    popen = context.get_spawning_popen()
    return _Shared(fd) if popen is None else _inherited(popen, fd)


def arrived(traveller):
    """The descriptor that departing() sent, and that now is this process's own."""
    fd = traveller.detach()
    os.set_inheritable(fd, False)
    return fd


def _raise(error, text):
    raise error(text)


def departure(reduce):
    """For __reduce__ of what may be closed, or used, before it is pickled.

    A multiprocessing.Queue pickles in a thread of its own after put() has returned.
    An exception there is printed, and the receiver waits for ever; so it travels,
    and get() raises it.
    """
    @functools.wraps(reduce)
    def reduced(self):
        try:
            return reduce(self)
        except Error as e:
            if threading.current_thread().name != "QueueFeederThread":
                raise
            return _raise, (type(e), "%s: %s" % (type(self).__name__, e))
    return reduced
