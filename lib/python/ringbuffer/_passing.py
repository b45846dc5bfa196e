# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors on their way to other processes, inside of pickles.

A child that is being spawned gets them as it starts.  Whoever unpickles later, at
the end of a queue or of a pipe, fetches them from us through multiprocessing's
sharer: until then we keep a descriptor that closing the pickled object does not
close.
"""

import functools
import os
import threading
import weakref
from multiprocessing import context, reduction, resource_sharer

from ._errors import ClosedError, Error


class _Copy:
    """A descriptor's copy, closed when nobody has it any more."""

    def __init__(self, fd):
        self.fd = fd

    def __del__(self, close=os.close):
        close(self.fd)


def _copy(fd):
    copy = _Copy(os.dup(fd))
    return copy, copy.fd


class _Shared:
    """fd, kept by keeper until it was fetched."""

    def __init__(self, keeper, fd):
        def send(conn, pid):
            reduction.send_handle(conn, fd, pid)

        def close():
            nonlocal keeper
            keeper = None

        self._id = resource_sharer._resource_sharer.register(send, close)

    def detach(self):
        try:
            with resource_sharer._resource_sharer.get_connection(self._id) as conn:
                return reduction.recv_handle(conn)
        except (OSError, EOFError, RuntimeError) as e:
            raise ClosedError("who sent it has ended, or it was fetched already") from e


_travelling: "weakref.WeakKeyDictionary" = weakref.WeakKeyDictionary()


def _inherited(popen, fd):
    """One object per descriptor: two rings may share one, which must be named once."""
    known = _travelling.setdefault(popen, {})
    if fd not in known:
        known[fd] = popen.DupFd(popen.duplicate_for_child(fd))
    return known[fd]


def departing(fd, keep=None):
    """A picklable object whose detach() gives fd in the process that unpickles it.

    keep: returns an owner and a descriptor that stays while the owner does
    """
    popen = context.get_spawning_popen()
    if popen is None:
        return _Shared(*(keep() if keep else _copy(fd)))
    return _inherited(popen, fd)


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
