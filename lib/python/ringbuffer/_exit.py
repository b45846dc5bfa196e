# SPDX-License-Identifier: LGPL-2.1-or-later
"""End the writers of a process according to how the process ends.

A process that returns, or exits with status 0, is done with its streams even if it did
not close its writers.  A process that an exception ends has died, like one that is
killed.  Children of multiprocessing need this most: they skip the interpreter's own
shutdown, which would free the writers.
"""

import atexit
import sys
import weakref
from multiprocessing import process, util

_writers: "weakref.WeakValueDictionary" = weakref.WeakValueDictionary()


def watch(writer):
    """Call writer._end_with_process(failed, given) when this process ends.

    given: the arguments of this process if it is a child of multiprocessing, else ()
    """
    _writers[id(writer)] = writer


def _end(failed, given=()):
    # A list that is made at once: threads may still make writers.
    for reference in _writers.valuerefs():
        writer = reference()
        if writer is not None:
            writer._end_with_process(failed, given)


def _given(child):
    return (*getattr(child, "_args", ()), *getattr(child, "_kwargs", {}).values())


_bootstrap = process.BaseProcess._bootstrap  # type: ignore[attr-defined]


def _bootstrap_and_end(self, *args, **kwargs):
    """Run a child of multiprocessing and end its writers; returns its exit status."""
    status = 1
    try:
        status = _bootstrap(self, *args, **kwargs)
    finally:    # _bootstrap() raises where it cannot print a traceback
        _end(status != 0, _given(self))
    return status


def _child_ends():
    """End the writers of a child that imported this module after its bootstrap began."""
    error = sys.exc_info()[1]
    failed = error is not None
    if isinstance(error, SystemExit):
        failed = error.code not in (None, 0)
    _end(failed)


def _program_ends():
    """End the writers of a main process.

    sys.last_type tells of an uncaught exception, but at a prompt it says nothing.
    """
    if process.parent_process() is None:
        _end(hasattr(sys, "last_type") and not hasattr(sys, "ps1"))


process.BaseProcess._bootstrap = _bootstrap_and_end  # type: ignore[attr-defined]
if process.parent_process() is not None:
    util.Finalize(None, _child_ends, exitpriority=-1000)
atexit.register(_program_ends)
