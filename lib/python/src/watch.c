// SPDX-License-Identifier: LGPL-2.1-or-later
/* Watch: the thread that sleeps for the handles of an event loop, which needs no GIL. */
#include "package.h"

/**
 * struct rp_watch - Watch
 * @watch: of the library, NULL when closed
 */
struct rp_watch {
	PyObject_HEAD struct lib_watch *watch;
};

static int watch_init(struct rp_watch *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { NULL };
	int err;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "", names))
		return -1;
	if (self->watch) {
		PyErr_SetString(PyExc_RuntimeError, "made twice");
		return -1;
	}
	err = lib_watch_create(&self->watch);
	if (!err)
		return 0;
	rp_error(err);
	return -1;
}

static PyObject *watch_close(struct rp_watch *self, PyObject *none)
{
	struct lib_watch *watch = self->watch;

	(void)none;
	self->watch = NULL;
	if (watch)
		RP_UNLOCKED(lib_watch_destroy(watch));
	Py_RETURN_NONE;
}

static void watch_dealloc(struct rp_watch *self)
{
	Py_DECREF(watch_close(self, NULL));
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *watch_fileno(struct rp_watch *self, PyObject *none)
{
	(void)none;
	return self->watch ? PyLong_FromLong(lib_watch_fd(self->watch)) : rp_error(-EBADF);
}

static int arm_reader(const struct rp_watch *self, struct rp_reader *r)
{
	int err = rp_use(&r->h.use, false);

	if (err)
		return err;
	if (rp_handle_closed(&r->h))
		return -EBADF;
	return lib_watch_reader(self->watch, r->h.reader, r->held_count ? r->next : 0,
				(uintptr_t)r);
}

static int arm_writer(const struct rp_watch *self, struct rp_writer *w)
{
	int err = rp_use(&w->h.use, false);

	if (err)
		return err;
	return w->h.writer ? lib_watch_writer(self->watch, w->h.writer, (uintptr_t)w) : -EBADF;
}

static int arm(const struct rp_watch *self, PyObject *handle)
{
	if (!self->watch)
		return -EBADF;
	if (PyObject_TypeCheck(handle, &rp_reader_type))
		return arm_reader(self, (struct rp_reader *)handle);
	if (PyObject_TypeCheck(handle, &rp_writer_type))
		return arm_writer(self, (struct rp_writer *)handle);
	PyErr_SetString(PyExc_TypeError, "a Reader or a Writer");
	return RP_RAISED;
}

/* OSError of ENOSPC where it has as many handles as it can have. */
static PyObject *watch_arm(struct rp_watch *self, PyObject *handle)
{
	int err = arm(self, handle);

	if (err >= 0)
		return PyBool_FromLong(!err);
	if (err == -EBUSY || err == -EAGAIN || err == -EOPNOTSUPP)
		Py_RETURN_NONE;
	return rp_error(err == -ESTALE ? RP_GONE : err);
}

/* Another thread may use the handle now, or have closed it: the library goes by its tag. */
static PyObject *watch_disarm(struct rp_watch *self, PyObject *handle)
{
	if (self->watch)
		lib_unwatch(self->watch, (uintptr_t)handle);
	Py_RETURN_NONE;
}

static PyObject *watch_take(struct rp_watch *self, PyObject *none)
{
	uint64_t tags[LIB_WATCH_MAX];
	int n = self->watch ? lib_watch_take(self->watch, tags) : 0, i;
	PyObject *list = PyList_New(n);

	(void)none;
	for (i = 0; list && i < n; i++) {
		PyObject *tag = PyLong_FromVoidPtr((void *)(uintptr_t)tags[i]);

		if (tag)
			PyList_SET_ITEM(list, i, tag);
		else
			Py_CLEAR(list);
	}
	return list;
}

static PyMethodDef watch_methods[] = {
	{ "fileno", (PyCFunction)watch_fileno, METH_NOARGS,
	  "A descriptor that is readable when there is something to take." },
	{ "arm", (PyCFunction)watch_arm, METH_O,
	  "arm($self, handle, /)\n--\n\n"
	  "Wait for a Reader or Writer that found nothing to do.  True: it does.  False: look\n"
	  "now.  None: it cannot; another thread waits with the handle, say.  OSError of\n"
	  "ENOSPC: it has 127 of them." },
	{ "disarm", (PyCFunction)watch_disarm, METH_O,
	  "disarm($self, handle, /)\n--\n\nWait no more." },
	{ "take", (PyCFunction)watch_take, METH_NOARGS,
	  "The id() of each handle that is to be looked at, and is not armed any more." },
	{ "close", (PyCFunction)watch_close, METH_NOARGS, "End the thread." },
	{ NULL },
};

PyTypeObject rp_watch_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Watch",
	.tp_basicsize = sizeof(struct rp_watch),
	.tp_dealloc = (destructor)watch_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_doc = "A thread that sleeps for up to 127 readers and writers of the embedded host.",
	.tp_methods = watch_methods,
	.tp_init = (initproc)watch_init,
	.tp_new = PyType_GenericNew,
};
