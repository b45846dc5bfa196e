# SPDX-License-Identifier: LGPL-2.1-or-later
"""NumPy arrays on slots.  NumPy is imported by who asks for an array."""

from math import prod as _prod

from ._ringbuf import Slot


def _frombuffer(buffer, dtype, count):
    """The first call: NumPy is imported, and the way chosen that suits it."""
    global _frombuffer, _dtype
    import numpy

    _dtype = numpy.dtype
    probe = bytearray(1)
    array = numpy.frombuffer(probe, "u1")
    try:
        probe.append(0)
    except BufferError:
        _frombuffer = numpy.frombuffer
    else:   # before 1.20 such an array does not count as a view of the memory
        def _frombuffer(buffer, dtype, count):
            view = memoryview(buffer)
            return numpy.asarray(view[:count * dtype.itemsize]).view(dtype)
    del array
    return _frombuffer(buffer, dtype, count)


def _dtype(name):
    import numpy
    return numpy.dtype(name)


def asarray(buffer, dtype="u1", shape=None):
    """An array on the memory of a slot or a memoryview, copying nothing.

    The array counts as a view of the slot: the slot cannot be given back
    before it is gone.  Without a shape it is one-dimensional and takes all
    there is.  On a reserved slot the length of the message becomes that of
    the array.
    """
    slot = type(buffer) is Slot
    length = len(buffer) if slot else memoryview(buffer).nbytes
    dtype = _dtype("u1" if dtype is None else dtype)
    if shape is None:
        count = length // dtype.itemsize
    else:
        count = shape if isinstance(shape, int) else _prod(shape)
    nbytes = count * dtype.itemsize
    if nbytes > length:
        raise ValueError("%s of %s takes %d bytes, there are %d" % (shape, dtype, nbytes, length))
    array = _frombuffer(buffer, dtype, count)
    if slot and not buffer.readonly:
        buffer.length = nbytes
    return array if shape is None else array.reshape(shape)
