# SPDX-License-Identifier: LGPL-2.1-or-later
"""NumPy arrays on slots.  NumPy is imported by who asks for an array."""


def _count(shape):
    count = 1
    for n in shape:
        count *= n
    return count


def asarray(buffer, dtype="u1", shape=None):
    """An array on the memory of a slot or a memoryview, copying nothing.

    The array counts as a view of the slot: the slot cannot be given back
    before it is gone.  Without a shape it is one-dimensional and takes all
    there is.  On a reserved slot the length of the message becomes that of
    the array.
    """
    import numpy

    dtype = numpy.dtype(dtype)
    view = memoryview(buffer).cast("B")
    if shape is None:
        shape = (len(view) // dtype.itemsize,)
    elif isinstance(shape, int):
        shape = (shape,)
    nbytes = _count(shape) * dtype.itemsize
    if nbytes > len(view):
        raise ValueError("%s of %s takes %d bytes, there are %d" % (shape, dtype, nbytes, len(view)))
    array = numpy.asarray(view[:nbytes]).view(dtype).reshape(shape)
    if not view.readonly and hasattr(buffer, "commit"):
        buffer.length = nbytes
    return array
