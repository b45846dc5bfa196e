# SPDX-License-Identifier: LGPL-2.1-or-later
"""Policies: what happens to a reader that holds writers up."""

import enum
import operator

_KIND = 0xff
_AT_STOP = 1 << 8


class Policy(enum.IntEnum):
    """What happens to a reader that holds writers up.

    BLOCK: nothing, writers wait for it.  EVICT: it is evicted, see Ring.evict().  SKIP: it
    loses the messages whose slots the writers need.  LOSSY: writers never wait for it, and
    overwrite what it has not read.

    Slot.lost and Reader.lost tell a reader with SKIP or LOSSY what it has lost.  If writers
    overwrite a slot that it has in hand, its next step raises OverrunError; read(),
    read_into() and read_many() discard such a message and take the next one.
    """
    BLOCK = 0
    EVICT = 1
    SKIP = 2
    LOSSY = 3


def kind(word):
    """The Policy in a word of the library."""
    return Policy(word & _KIND)


def at_stop(word):
    return bool(word & _AT_STOP)


def request(policy, timeout, lag, stop, slots):
    """A policy as the library takes it: its word, the timeout in ns, the lag."""
    policy = Policy(policy)
    lag = operator.index(lag)
    if policy not in (Policy.EVICT, Policy.SKIP) and (timeout or lag or stop):
        raise ValueError("policy_timeout, policy_lag and at_stop need EVICT or SKIP, not %s"
                         % policy.name)
    if timeout != 0 and not 0.001 <= timeout < 2**63 / 1e9:
        raise ValueError("policy_timeout must be 0 or at least 0.001 seconds")
    if not 0 <= lag <= slots:
        raise ValueError("policy_lag must be from 0 to slot_count")
    return int(policy) | (_AT_STOP if stop else 0), int(timeout * 1e9), lag
