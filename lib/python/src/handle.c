// SPDX-License-Identifier: LGPL-2.1-or-later
/* Handle: what Reader and Writer have in common.  It cannot be made by itself. */
#include "package.h"

/*
 * Attach @h to @ring by @attach, which gets @how and the ticket of @ticket_arg, or NULL
 * without one.  Returns 0, or -1 with an exception; the ticket is used up in any case.
 */
int rp_handle_attach(struct rp_handle *h, PyObject *ring, PyObject *ticket_arg, rp_attach_fn attach,
		     const void *how)
{
	struct ringbuf_ticket ticket;
	struct ringbuf *library;
	int err = RP_RAISED;

	if (ticket_arg && rp_ticket_arg(ticket_arg, &ticket))
		return -1;
	library = rp_use_init(&h->use) ? NULL : rp_ring_use((struct rp_ring *)ring);
	if (library) {
		err = attach(h, library, ticket_arg ? &ticket : NULL, how);
		rp_ring_unuse((struct rp_ring *)ring);
	}
	if (err) {
		if (ticket_arg)
			rp_ticket_drop(&ticket);
		rp_error(err);
		return -1;
	}
	Py_INCREF(ring);
	h->ring = (struct rp_ring *)ring;
	return 0;
}

/*
 * Take @h to close it, and end the waits of other threads.  Returns 0 with the handle
 * taken, or a negative errno.
 */
int rp_handle_stop(struct rp_handle *h)
{
	/* Wake a thread that waits with this handle, or it would sleep until its slice ends. */
	if (h->use.busy && h->use.waiting && h->reader)
		ringbuf_reader_interrupt(h->reader);
	else if (h->use.busy && h->use.waiting && h->writer)
		ringbuf_writer_interrupt(h->writer);
	return rp_use_close(&h->use);
}

/* Close the library's handle; a writer that @failed counts as one that died. */
void rp_handle_leave(struct rp_handle *h, bool failed)
{
	struct ringbuf_reader *reader = h->reader;
	struct ringbuf_writer *writer = h->writer;

	h->reader = NULL;
	h->writer = NULL;
	if (reader)
		RP_UNLOCKED(ringbuf_reader_close(reader));
	if (writer && failed)
		RP_UNLOCKED(lib_writer_abandon(writer));
	else if (writer)
		RP_UNLOCKED(ringbuf_writer_close(writer));
}

int rp_handle_traverse(struct rp_handle *h, visitproc visit, void *arg)
{
	Py_VISIT(h->ring);
	return 0;
}

/* The library's handle does not need the ring: finalizers may still use it. */
int rp_handle_clear(struct rp_handle *h)
{
	Py_CLEAR(h->ring);
	return 0;
}

/* Free the object, which the caller has taken from the garbage collector. */
void rp_handle_free(struct rp_handle *h, bool failed)
{
	rp_handle_leave(h, failed);
	rp_use_free(&h->use);
	Py_XDECREF(h->ring);
	Py_TYPE(h)->tp_free((PyObject *)h);
}

static PyObject *handle_self(PyObject *self, PyObject *none)
{
	(void)none;
	Py_INCREF(self);
	return self;
}

static PyObject *handle_fileno(struct rp_handle *h, PyObject *none)
{
	int fd = h->reader   ? ringbuf_reader_fd(h->reader)
		 : h->writer ? ringbuf_writer_fd(h->writer)
			     : -EBADF;

	(void)none;
	return fd < 0 ? rp_error(fd) : PyLong_FromLong(fd);
}

static PyObject *handle_spin(struct rp_handle *h, PyObject *arg)
{
	long long ns = PyLong_AsLongLong(arg);

	if (ns == -1 && PyErr_Occurred())
		return NULL;
	if (h->reader)
		ringbuf_reader_spin(h->reader, ns);
	else if (h->writer)
		ringbuf_writer_spin(h->writer, ns);
	else
		return rp_error(-EBADF);
	Py_RETURN_NONE;
}

static PyObject *handle_export(struct rp_handle *h, PyObject *none)
{
	struct ringbuf_ticket ticket = { .size = sizeof(ticket) };
	int err = h->reader   ? ringbuf_reader_export(h->reader, &ticket)
		  : h->writer ? ringbuf_writer_export(h->writer, &ticket)
			      : -EBADF;

	(void)none;
	return err ? rp_error(err) : rp_ticket(&ticket);
}

static PyObject *handle_id(struct rp_handle *h, void *closure)
{
	(void)closure;
	if (!h->reader && !h->writer)
		return rp_error(-EBADF);
	return PyLong_FromUnsignedLong(h->reader ? ringbuf_reader_id(h->reader)
						 : ringbuf_writer_id(h->writer));
}

static PyObject *handle_ring(struct rp_handle *h, void *closure)
{
	PyObject *ring = h->ring ? (PyObject *)h->ring : Py_None;

	(void)closure;
	Py_INCREF(ring);
	return ring;
}

static PyObject *handle_closed(struct rp_handle *h, void *closure)
{
	(void)closure;
	return PyBool_FromLong(rp_handle_closed(h));
}

static PyMethodDef handle_methods[] = {
	{ "fileno", (PyCFunction)handle_fileno, METH_NOARGS,
	  "A descriptor to poll; OSError on the embedded host." },
	{ "spin", (PyCFunction)handle_spin, METH_O,
	  "spin($self, ns, /)\n--\n\nHow long to spin before sleeping; negative: adapt." },
	{ "_export", (PyCFunction)handle_export, METH_NOARGS, NULL },
	{ "__enter__", handle_self, METH_NOARGS, NULL },
	{ NULL },
};

static PyGetSetDef handle_getset[] = {
	{ "id", (getter)handle_id, NULL, "Of a reader its row in stats(); of a writer 1 or more.",
	  NULL },
	{ "ring", (getter)handle_ring, NULL, "The ring.", NULL },
	{ "closed", (getter)handle_closed, NULL, "Whether close() was called.", NULL },
	{ NULL },
};

PyTypeObject rp_handle_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Handle",
	.tp_basicsize = sizeof(struct rp_handle),
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)rp_handle_traverse,
	.tp_clear = (inquiry)rp_handle_clear,
	.tp_methods = handle_methods,
	.tp_getset = handle_getset,
};
