# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which NumPy there is."""


def find():
    """numpy.dtype, and what makes an array that counts as a view of the memory."""
    import numpy

    probe = bytearray(1)
    array = numpy.frombuffer(probe, "u1")
    try:
        probe.append(0)
    except BufferError:
        return numpy.dtype, numpy.frombuffer
    del array

    def frombuffer(buffer, dtype, count):  # before 1.20 theirs does not
        view = memoryview(buffer)
        return numpy.asarray(view[:count * dtype.itemsize]).view(dtype)
    return numpy.dtype, frombuffer
