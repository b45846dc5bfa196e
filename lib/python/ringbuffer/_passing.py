# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors on their way to other processes, inside of pickles.

multiprocessing has DupFd() for that.  It copies the descriptor and closes the
copy, which on the embedded host would drop the locks that say that this process
is alive.  So the descriptor itself goes, and its owner is kept until it is gone.
"""

import os
from multiprocessing import context, reduction, resource_sharer


class _Shared:
    """fd, to be fetched from this process through multiprocessing's sharer."""

    def __init__(self, owner, fd):
        def send(conn, pid):
            reduction.send_handle(conn, fd, pid)

        def close():
            nonlocal owner
            owner = None

        self._id = resource_sharer._resource_sharer.register(send, close)

    def detach(self):
        with resource_sharer._resource_sharer.get_connection(self._id) as conn:
            return reduction.recv_handle(conn)


def departing(owner, fd):
    """A picklable object whose detach() gives fd in the process that unpickles it."""
    popen = context.get_spawning_popen()
    if popen is None:
        return _Shared(owner, fd)
    return popen.DupFd(popen.duplicate_for_child(fd))


def arrived(traveller):
    """The descriptor that departing() sent, and that now is this process's own."""
    fd = traveller.detach()
    os.set_inheritable(fd, False)
    return fd
