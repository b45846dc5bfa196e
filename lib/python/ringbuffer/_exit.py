# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a process ends tells how its streams end.

A process that returns, or exits with status 0, is done with what it wrote, though it
did not say so; one that an exception ends has died, as one that is killed.  A child of
multiprocessing ends without the interpreter's own end, which gives objects back.
"""

import atexit
import sys
import weakref
from multiprocessing import process, util

_writers: "weakref.WeakSet" = weakref.WeakSet()


def watch(writer):
    """See to it that writer._end_with_process(failed, given) is called at the end.

    given: the arguments of this process, if it is a child of multiprocessing.
    """
    _writers.add(writer)


def _end(failed, given=()):
    for writer in list(_writers):
        writer._end_with_process(failed, given)


def _child_ends():
    """Called while the exception, if there is one, is on its way."""
    if process.parent_process() is None:
        return
    error = sys.exc_info()[1]
    failed = error is not None
    if isinstance(error, SystemExit):
        failed = error.code not in (None, 0)
    child = process.current_process()
    _end(failed, (*getattr(child, "_args", ()), *getattr(child, "_kwargs", {}).values()))


def _program_ends():
    """An exception that nobody caught was printed; at a prompt they mean nothing."""
    if process.parent_process() is None:
        _end(hasattr(sys, "last_type") and not hasattr(sys, "ps1"))


class _Child:
    """Late in the end of a child: after whatever flushes, and may still write."""

    def begins(self):
        util.Finalize(None, _child_ends, exitpriority=-1000)


_child = _Child()
_child.begins()     # in one that was spawned, and is importing us to begin
util.register_after_fork(_child, _Child.begins)     # a forked one forgets what was before
atexit.register(_program_ends)
