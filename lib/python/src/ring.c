// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ring: create, open, import, geometry, statistics. */
#include "package.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct ringbuf *rp_ring_get(struct rp_ring *ring)
{
	if (ring && ring->ring)
		return ring->ring;
	rp_error(-EBADF);
	return NULL;
}

static struct rp_ring *ring_new(PyObject *type, PyObject *name)
{
	struct rp_ring *self =
		(struct rp_ring *)((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0);

	if (self) {
		Py_INCREF(name);
		self->name = name;
	}
	return self;
}

static PyObject *ring_of(PyObject *type, struct ringbuf *ring, PyObject *name, bool opened)
{
	struct rp_ring *self = ring_new(type, name);

	if (!self) {
		ringbuf_close(ring);
		return NULL;
	}
	self->ring = ring;
	self->opened = opened;
	return (PyObject *)self;
}

static const char *name_text(PyObject *name)
{
	return name == Py_None ? NULL : PyUnicode_AsUTF8(name);
}

static PyObject *ring_create(PyObject *type, PyObject *args)
{
	struct ringbuf_config config = { .size = sizeof(config) };
	unsigned long long bytes, count;
	struct ringbuf *ring;
	PyObject *name;
	int host, err;

	if (!PyArg_ParseTuple(args, "KKIIIOIi", &bytes, &count, &config.flags, &config.max_readers,
			      &config.max_writers, &name, &config.mode, &host))
		return NULL;
	config.slot_bytes = bytes;
	config.slot_count = count;
	config.host = (enum ringbuf_host)host;
	config.name = name_text(name);
	if (!config.name && name != Py_None)
		return NULL;
	Py_BEGIN_ALLOW_THREADS err = ringbuf_create(&config, &ring);
	Py_END_ALLOW_THREADS return err ? rp_error(err) : ring_of(type, ring, name, false);
}

static PyObject *ring_open(PyObject *type, PyObject *args)
{
	struct ringbuf *ring;
	PyObject *name;
	int host, err;

	if (!PyArg_ParseTuple(args, "Ui", &name, &host) || !PyUnicode_AsUTF8(name))
		return NULL;
	err = ringbuf_open(PyUnicode_AsUTF8(name), (enum ringbuf_host)host, &ring);
	if (!err)
		return ring_of(type, ring, name, true);
	if (err == -ENOENT || err == -EACCES) {
		errno = -err;
		return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, name);
	}
	return rp_error(err);
}

/* @fd is ours or closed. */
static PyObject *ring_import(PyObject *type, PyObject *args)
{
	struct rp_ring *self;
	PyObject *name;
	int fd, err;

	if (!PyArg_ParseTuple(args, "iO", &fd, &name) || (name != Py_None && !name_text(name)))
		return NULL;
	self = ring_new(type, name);
	if (!self)
		return NULL;
	err = ringbuf_import(fd, name_text(name), &self->ring);
	if (!err)
		return (PyObject *)self;
	if (err != -EBADF)
		close(fd);
	Py_DECREF(self);
	return rp_error(err);
}

static PyObject *ring_unlink(PyObject *module, PyObject *args)
{
	const char *name;
	int host, err;

	(void)module;
	if (!PyArg_ParseTuple(args, "si", &name, &host))
		return NULL;
	err = ringbuf_unlink(name, (enum ringbuf_host)host);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *ring_export(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = rp_ring_get(self);
	int fd;

	(void)none;
	if (!ring)
		return NULL;
	fd = ringbuf_export(ring);
	return fd < 0 ? rp_error(fd) : PyLong_FromLong(fd);
}

static PyObject *ring_close(struct rp_ring *self, PyObject *none)
{
	(void)none;
	ringbuf_close(self->ring);
	self->ring = NULL;
	Py_RETURN_NONE;
}

static void ring_dealloc(struct rp_ring *self)
{
	ringbuf_close(self->ring);
	Py_XDECREF(self->name);
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *ring_sync(struct rp_ring *self, PyObject *args)
{
	unsigned long long position = UINT64_MAX;
	unsigned int reader = RINGBUF_ALL_READERS;
	struct ringbuf *ring = rp_ring_get(self);
	int err;

	if (!ring || !PyArg_ParseTuple(args, "|IK", &reader, &position))
		return NULL;
	err = ringbuf_sync(ring, reader, position);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *ring_evict(struct rp_ring *self, PyObject *args)
{
	struct ringbuf *ring = rp_ring_get(self);
	unsigned int reader;
	int err;

	if (!ring || !PyArg_ParseTuple(args, "I", &reader))
		return NULL;
	err = ringbuf_evict_reader(ring, reader);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *reader_status(const struct ringbuf_reader_status *r)
{
	return Py_BuildValue("(IKKKKKi)", r->id, r->cursor, r->lag, r->lost, r->holes, r->waits,
			     r->pid);
}

static PyObject *readers_status(const struct ringbuf_reader_status *readers, int n)
{
	PyObject *list = PyTuple_New(n);
	int i;

	for (i = 0; list && i < n; i++) {
		PyObject *item = reader_status(&readers[i]);

		if (!item)
			Py_CLEAR(list);
		else
			PyTuple_SET_ITEM(list, i, item);
	}
	return list;
}

static PyObject *ring_stats(struct rp_ring *self, PyObject *none)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf *ring = rp_ring_get(self);
	struct ringbuf_reader_status *readers;
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	PyObject *list = NULL;
	int n;

	(void)none;
	if (!ring)
		return NULL;
	ringbuf_get_geometry(ring, &geometry);
	readers = calloc(geometry.max_readers, sizeof(*readers));
	if (!readers)
		return PyErr_NoMemory();
	n = ringbuf_stats(ring, &status, readers, geometry.max_readers);
	if (n < 0)
		rp_error(n);
	else
		list = readers_status(readers, n);
	free(readers);
	if (!list)
		return NULL;
	return Py_BuildValue("(KKKKIiIIIIN)", status.head, status.repaired, status.writer_waits,
			     status.blocker_lag, status.blocker_id, status.blocker_pid,
			     status.readers, status.writers, status.writers_ever, status.ended,
			     list);
}

static PyObject *ring_head(struct rp_ring *self, PyObject *none)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf *ring = rp_ring_get(self);
	int err;

	(void)none;
	if (!ring)
		return NULL;
	err = ringbuf_stats(ring, &status, NULL, 0);
	return err < 0 ? rp_error(err) : PyLong_FromUnsignedLongLong(status.head);
}

static PyObject *ring_geometry(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = rp_ring_get(self);
	struct ringbuf_geometry g = { .size = sizeof(g) };

	(void)none;
	if (!ring)
		return NULL;
	ringbuf_get_geometry(ring, &g);
	return Py_BuildValue("(KKKIIIi)", g.slot_bytes, g.slot_count, g.slot_stride, g.flags,
			     g.max_readers, g.max_writers, (int)g.host);
}

static PyObject *ring_closed(struct rp_ring *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(!self->ring);
}

static PyObject *ring_opened(struct rp_ring *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(self->opened);
}

static PyObject *ring_name(struct rp_ring *self, void *closure)
{
	(void)closure;
	Py_INCREF(self->name);
	return self->name;
}

/* A handle's way to another process, as a tuple. */
PyObject *rp_ticket(const struct ringbuf_ticket *ticket)
{
	return Py_BuildValue("(iIIK)", ticket->fd, ticket->id, ticket->generation, ticket->start);
}

int rp_ticket_arg(PyObject *arg, struct ringbuf_ticket *ticket)
{
	unsigned long long start;

	ticket->size = sizeof(*ticket);
	if (!PyTuple_Check(arg)) {
		PyErr_SetString(PyExc_TypeError, "a ticket is a tuple");
		return -1;
	}
	if (!PyArg_ParseTuple(arg, "iIIK", &ticket->fd, &ticket->id, &ticket->generation, &start))
		return -1;
	ticket->start = start;
	return 0;
}

/* Of a ticket that nobody took. */
void rp_ticket_drop(const struct ringbuf_ticket *ticket)
{
	if (ticket->fd >= 0)
		close(ticket->fd);
}

static PyMethodDef ring_methods[] = {
	{ "_create", ring_create, METH_VARARGS | METH_CLASS, NULL },
	{ "_open", ring_open, METH_VARARGS | METH_CLASS, NULL },
	{ "_import", ring_import, METH_VARARGS | METH_CLASS, NULL },
	{ "_unlink", ring_unlink, METH_VARARGS | METH_STATIC, NULL },
	{ "_export", (PyCFunction)ring_export, METH_NOARGS, NULL },
	{ "_sync", (PyCFunction)ring_sync, METH_VARARGS, NULL },
	{ "_evict", (PyCFunction)ring_evict, METH_VARARGS, NULL },
	{ "_stats", (PyCFunction)ring_stats, METH_NOARGS, NULL },
	{ "_head", (PyCFunction)ring_head, METH_NOARGS, NULL },
	{ "_geometry", (PyCFunction)ring_geometry, METH_NOARGS, NULL },
	{ "_close", (PyCFunction)ring_close, METH_NOARGS, NULL },
	{ NULL },
};

static PyGetSetDef ring_getset[] = {
	{ "closed", (getter)ring_closed, NULL, "Whether close() was called.", NULL },
	{ "name", (getter)ring_name, NULL, "Name of the ring, or None.", NULL },
	{ "_opened", (getter)ring_opened, NULL, NULL, NULL },
	{ NULL },
};

PyTypeObject rp_ring_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Ring",
	.tp_basicsize = sizeof(struct rp_ring),
	.tp_dealloc = (destructor)ring_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.tp_methods = ring_methods,
	.tp_getset = ring_getset,
};
