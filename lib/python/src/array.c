// SPDX-License-Identifier: LGPL-2.1-or-later
/* NumPy arrays on slots.  NumPy is imported when an array is asked for first. */
#include "package.h"

/* What numpy.dtype() and numpy.frombuffer() are, or stand-ins; see _array.py. */
static PyObject *make_dtype, *frombuffer;

static int numpy_find(void)
{
	/* One string for all calls: the cache of attributes keeps each that it sees. */
	static PyObject *find;
	PyObject *module, *pair = NULL;

	if (RP_LIKELY(frombuffer))
		return 0;
	if (!find)
		find = PyUnicode_InternFromString("find");
	if (!find)
		return -1;
	module = PyImport_ImportModule("ringbuffer._array");
	if (module)
		pair = PyObject_CallMethodObjArgs(module, find, NULL);
	Py_XDECREF(module);
	if (!pair)
		return -1;
	if (!frombuffer && PyArg_ParseTuple(pair, "OO", &make_dtype, &frombuffer)) {
		Py_INCREF(make_dtype);
		Py_INCREF(frombuffer);
	}
	Py_DECREF(pair);
	return frombuffer ? 0 : -1;
}

/**
 * struct dtype - what the items are
 * @given: as the caller said it
 * @dtype: numpy.dtype
 * @itemsize: bytes, more than none
 */
struct dtype {
	PyObject *given;
	PyObject *dtype;
	Py_ssize_t itemsize;
};

static struct dtype last_dtype; /* loops ask for the same one again and again */

static int dtype_size(PyObject *dtype, Py_ssize_t *size)
{
	PyObject *attr = PyObject_GetAttrString(dtype, "itemsize");

	*size = attr ? PyLong_AsSsize_t(attr) : -1;
	Py_XDECREF(attr);
	if (*size > 0)
		return 0;
	if (!PyErr_Occurred())
		PyErr_Format(PyExc_ValueError, "%S has no size", dtype);
	return -1;
}

/* What can change under its name is looked at each time. */
static bool is_constant(PyObject *given, PyObject *dtype)
{
	return given == dtype || PyUnicode_CheckExact(given);
}

/* To be given back with Py_DECREF(of->dtype). */
static int dtype_get(PyObject *given, struct dtype *of)
{
	static PyObject *bytes;
	struct dtype old = last_dtype;

	if (!bytes)
		bytes = PyUnicode_InternFromString("u1");
	of->given = given && given != Py_None ? given : bytes;
	if (!of->given)
		return -1;
	if (RP_LIKELY(old.given == of->given)) {
		of->dtype = old.dtype;
		of->itemsize = old.itemsize;
		Py_INCREF(of->dtype);
		return 0;
	}
	of->dtype = PyObject_CallFunctionObjArgs(make_dtype, of->given, NULL);
	if (!of->dtype)
		return -1;
	if (dtype_size(of->dtype, &of->itemsize)) {
		Py_DECREF(of->dtype);
		return -1;
	}
	if (is_constant(of->given, of->dtype)) {
		old = last_dtype;
		last_dtype = *of;
		Py_INCREF(of->given);
		Py_INCREF(of->dtype);
		Py_XDECREF(old.given);
		Py_XDECREF(old.dtype);
	}
	return 0;
}

/* One dimension more; -1 is once what is left. */
static int shape_take(PyObject *dimension, Py_ssize_t *count, bool *open)
{
	Py_ssize_t n = PyNumber_AsSsize_t(dimension, PyExc_ValueError);

	if (n == -1 && PyErr_Occurred())
		return -1;
	if (n == -1 && !*open)
		*open = true;
	else if (n < 0 || __builtin_mul_overflow(*count, n, count)) {
		PyErr_SetString(PyExc_ValueError, n < 0 ? "a shape has no negative numbers"
							: "the shape is too large");
		return -1;
	}
	return 0;
}

/* How many items @shape has, of the @most that there is room for. */
static int shape_count(PyObject *shape, Py_ssize_t most, Py_ssize_t *count)
{
	bool open = false;
	Py_ssize_t i, n;
	PyObject *row;

	*count = 1;
	if (!shape) {
		*count = most;
		return 0;
	}
	/* A tuple of our own: a list may change while we look.  An array may be both. */
	if (PyIndex_Check(shape) && !PySequence_Check(shape))
		row = PyTuple_Pack(1, shape);
	else
		row = PySequence_Tuple(shape);
	if (!row)
		return -1;
	n = PyTuple_GET_SIZE(row);
	for (i = 0; i < n && !shape_take(PyTuple_GET_ITEM(row, i), count, &open); i++)
		;
	Py_DECREF(row);
	if (i < n)
		return -1;
	if (open && *count)
		*count = most - most % *count;
	return 0;
}

static int buffer_length(PyObject *buffer, Py_ssize_t *length)
{
	Py_buffer view;

	if (Py_TYPE(buffer) == &rp_slot_type) {
		*length = PyObject_Size(buffer);
		return *length < 0 ? -1 : 0;
	}
	if (PyObject_GetBuffer(buffer, &view, PyBUF_FULL_RO))
		return -1;
	*length = view.len;
	PyBuffer_Release(&view);
	return 0;
}

static PyObject *array_of(PyObject *buffer, const struct dtype *of, Py_ssize_t count)
{
	PyObject *number = PyLong_FromSsize_t(count), *array;

	if (!number)
		return NULL;
	array = PyObject_CallFunctionObjArgs(frombuffer, buffer, of->dtype, number, NULL);
	Py_DECREF(number);
	return array;
}

/* Steals @array, which may be NULL. */
static PyObject *reshaped(PyObject *array, PyObject *shape)
{
	static PyObject *reshape;
	PyObject *got;

	if (!array || !shape)
		return array;
	if (!reshape)
		reshape = PyUnicode_InternFromString("reshape");
	got = reshape ? PyObject_CallMethodObjArgs(array, reshape, shape, NULL) : NULL;
	Py_DECREF(array);
	return got;
}

static PyObject *asarray(PyObject *buffer, const struct dtype *of, PyObject *shape)
{
	Py_ssize_t length, count, nbytes;
	PyObject *array;

	if (buffer_length(buffer, &length) || shape_count(shape, length / of->itemsize, &count))
		return NULL;
	if (__builtin_mul_overflow(count, of->itemsize, &nbytes) || nbytes > length) {
		PyErr_Format(PyExc_ValueError, "%zd items of %S do not fit into %zd bytes", count,
			     of->dtype, length);
		return NULL;
	}
	array = reshaped(array_of(buffer, of, count), shape);
	if (array && Py_TYPE(buffer) == &rp_slot_type && ((struct rp_slot *)buffer)->writable)
		((struct rp_slot *)buffer)->slot.length = (size_t)nbytes;
	return array;
}

/* Store the size of @array in bytes into @length. */
int rp_array_length(PyObject *array, size_t *length)
{
	PyObject *attr = PyObject_GetAttrString(array, "nbytes");
	size_t bytes = attr ? PyLong_AsSize_t(attr) : (size_t)-1;

	Py_XDECREF(attr);
	if (bytes == (size_t)-1 && PyErr_Occurred())
		return -1;
	*length = bytes;
	return 0;
}

/*
 * An array on the memory of a slot, or of any buffer.  @dtype and @shape as NumPy
 * takes them, or NULL.  On a reserved slot the length of the message becomes that of
 * the array.
 */
PyObject *rp_asarray(PyObject *buffer, PyObject *dtype, PyObject *shape)
{
	struct dtype of;
	PyObject *array;

	if (numpy_find() || dtype_get(dtype, &of))
		return NULL;
	array = asarray(buffer, &of, shape == Py_None ? NULL : shape);
	Py_DECREF(of.dtype);
	return array;
}
