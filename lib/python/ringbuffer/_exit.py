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


def _given(child):
    return (*getattr(child, "_args", ()), *getattr(child, "_kwargs", {}).values())


_bootstrap = process.BaseProcess._bootstrap


def _bootstrap_and_end(self, *args, **kwargs):
    """The whole life of a child of multiprocessing: what it returns is its status."""
    status = 1
    try:
        status = _bootstrap(self, *args, **kwargs)
    finally:    # it may fail itself, where the traceback cannot be printed
        _end(status != 0, _given(self))
    return status


def _child_ends():
    """For a child that imports us in the middle of its life."""
    error = sys.exc_info()[1]
    failed = error is not None
    if isinstance(error, SystemExit):
        failed = error.code not in (None, 0)
    _end(failed)


def _program_ends():
    """An exception that nobody caught was printed; at a prompt they mean nothing."""
    if process.parent_process() is None:
        _end(hasattr(sys, "last_type") and not hasattr(sys, "ps1"))


process.BaseProcess._bootstrap = _bootstrap_and_end
if process.parent_process() is not None:
    util.Finalize(None, _child_ends, exitpriority=-1000)
atexit.register(_program_ends)
