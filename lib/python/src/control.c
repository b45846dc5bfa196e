// SPDX-License-Identifier: LGPL-2.1-or-later
/* Control and Pointer: what the drop-in has beside the ring. */
#include "dropin.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static PyObject *control_of(PyTypeObject *type, int fd, size_t bytes)
{
	void *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct rp_control *self;

	if (page == MAP_FAILED)
		return PyErr_SetFromErrno(PyExc_OSError);
	self = (struct rp_control *)type->tp_alloc(type, 0);
	if (!self) {
		munmap(page, bytes);
		return NULL;
	}
	self->page = page;
	self->bytes = bytes;
	self->fd = fd;
	return (PyObject *)self;
}

static PyObject *control_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	uint32_t readers;
	PyObject *self = NULL;
	size_t bytes;
	int fd;

	if (!PyArg_ParseTuple(args, "O&", rp_u32, &readers) || kwargs)
		return NULL;
	bytes = sizeof(struct rp_page) + readers * sizeof(uint64_t);
	fd = memfd_create("ringbuffer", MFD_CLOEXEC);
	if (fd < 0)
		return PyErr_SetFromErrno(PyExc_OSError);
	if (ftruncate(fd, (off_t)bytes))
		PyErr_SetFromErrno(PyExc_OSError);
	else
		self = control_of(type, fd, bytes);
	if (!self) {
		close(fd);
		return NULL;
	}
	((struct rp_control *)self)->page->readers = readers;
	return self;
}

static bool control_good(const struct rp_control *c)
{
	return c->bytes >= sizeof(*c->page) &&
	       c->page->readers <= (c->bytes - sizeof(*c->page)) / sizeof(uint64_t);
}

/* The call takes over @fd, and closes it on failure. */
static PyObject *control_import(PyObject *type, PyObject *args)
{
	struct stat st;
	PyObject *self;
	int fd;

	if (!PyArg_ParseTuple(args, "i", &fd))
		return NULL;
	if (fstat(fd, &st))
		return PyErr_SetFromErrno(PyExc_OSError);
	self = control_of((PyTypeObject *)type, fd, (size_t)st.st_size);
	if (!self) {
		close(fd);
	} else if (!control_good((struct rp_control *)self)) {
		Py_DECREF(self);
		return rp_error(-EPROTO);
	}
	return self;
}

static PyObject *control_export(struct rp_control *self, PyObject *none)
{
	(void)none;
	return PyLong_FromLong(self->fd);
}

static void control_dealloc(struct rp_control *self)
{
	munmap(self->page, self->bytes);
	close(self->fd);
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef control_methods[] = {
	{ "_import", control_import, METH_VARARGS | METH_CLASS, NULL },
	{ "_export", (PyCFunction)control_export, METH_NOARGS, NULL },
	{ NULL },
};

PyTypeObject rp_control_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Control",
	.tp_basicsize = sizeof(struct rp_control),
	.tp_dealloc = (destructor)control_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.tp_methods = control_methods,
	.tp_new = control_new,
};

static uint64_t *counter_of(const struct rp_pointer *self)
{
	uint32_t row = ringbuf_reader_id(self->reader.h.reader);

	return row < self->control->page->readers ? &self->control->page->reader[row] : NULL;
}

static int pointer_init(struct rp_pointer *self, PyObject *args, PyObject *kwargs)
{
	PyObject *control, *rest;
	int err;

	if (PyTuple_GET_SIZE(args) < 2 ||
	    !PyObject_TypeCheck(PyTuple_GET_ITEM(args, 1), &rp_control_type)) {
		PyErr_SetString(PyExc_TypeError, "readers are made by RingBuffer.new_reader()");
		return -1;
	}
	control = PyTuple_GET_ITEM(args, 1);
	rest = PyTuple_GetSlice(args, 0, 1);
	if (!rest)
		return -1;
	err = rp_reader_type.tp_init((PyObject *)self, rest, kwargs);
	Py_DECREF(rest);
	if (err)
		return err;
	Py_INCREF(control);
	self->control = (struct rp_control *)control;
	if (counter_of(self) && (!kwargs || !PyDict_GetItemString(kwargs, "ticket")))
		__atomic_store_n(counter_of(self), ringbuf_reader_position(self->reader.h.reader),
				 __ATOMIC_RELAXED);
	return 0;
}

static int pointer_traverse(struct rp_pointer *self, visitproc visit, void *arg)
{
	Py_VISIT(self->control);
	return rp_reader_type.tp_traverse((PyObject *)self, visit, arg);
}

static int pointer_clear(struct rp_pointer *self)
{
	return rp_reader_type.tp_clear((PyObject *)self);
}

static void pointer_dealloc(struct rp_pointer *self)
{
	PyObject_GC_UnTrack(self);
	Py_CLEAR(self->control);
	rp_reader_type.tp_dealloc((PyObject *)self);
}

static PyObject *pointer_counter(struct rp_pointer *self, void *closure)
{
	uint64_t *counter;

	(void)closure;
	if (!self->reader.h.reader)
		return rp_error(-EBADF);
	counter = counter_of(self);
	return PyLong_FromUnsignedLongLong(counter ? __atomic_load_n(counter, __ATOMIC_RELAXED)
						   : 0);
}

static PyObject *pointer_control(struct rp_pointer *self, void *closure)
{
	(void)closure;
	if (!self->control)
		return rp_error(-EBADF);
	Py_INCREF(self->control);
	return (PyObject *)self->control;
}

static PyGetSetDef pointer_getset[] = {
	{ "_counter", (getter)pointer_counter, NULL, NULL, NULL },
	{ "_control", (getter)pointer_control, NULL, NULL, NULL },
	{ NULL },
};

PyTypeObject rp_pointer_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Pointer",
	.tp_basicsize = sizeof(struct rp_pointer),
	.tp_base = &rp_reader_type,
	.tp_dealloc = (destructor)pointer_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)pointer_traverse,
	.tp_clear = (inquiry)pointer_clear,
	.tp_getset = pointer_getset,
	.tp_init = (initproc)pointer_init,
	.tp_new = PyType_GenericNew,
};
