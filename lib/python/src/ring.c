// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ring: create, open, import, geometry, statistics. */
#include "package.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ringbuf *rp_ring_get(struct rp_ring *ring)
{
	if (ring && ring->ring)
		return ring->ring;
	rp_error(-EBADF);
	return NULL;
}

/*
 * Return the ring for a call without the GIL, or NULL with an exception.  A close()
 * during the call leaves closing to rp_ring_unuse().  A forked child starts counting
 * at 0, since it does not have the other threads of its parent.
 */
struct ringbuf *rp_ring_use(struct rp_ring *ring)
{
	struct ringbuf *got = rp_ring_get(ring);

	if (!got)
		return NULL;
	if (ring->fork != rp_forks) {
		ring->fork = rp_forks;
		ring->users = 0;
	}
	ring->users++;
	return got;
}

void rp_ring_unuse(struct rp_ring *ring)
{
	struct ringbuf *doomed = ring->doomed;

	if (ring->fork != rp_forks || --ring->users)
		return;
	ring->doomed = NULL;
	if (doomed)
		RP_UNLOCKED(ringbuf_close(doomed));
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

static PyObject *ring_of(PyObject *type, struct ringbuf *ring, PyObject *name)
{
	struct rp_ring *self = ring_new(type, name);

	if (!self) {
		RP_UNLOCKED(ringbuf_close(ring));
		return NULL;
	}
	self->ring = ring;
	return (PyObject *)self;
}

/* Return the text of a name; NULL for None, or with an exception. */
static const char *name_text(PyObject *name)
{
	const char *text;
	Py_ssize_t length;

	if (name == Py_None)
		return NULL;
	if (!PyUnicode_Check(name)) {
		PyErr_Format(PyExc_TypeError, "a name is a str, not %.200s",
			     Py_TYPE(name)->tp_name);
		return NULL;
	}
	text = PyUnicode_AsUTF8AndSize(name, &length);
	if (!text || (size_t)length == strlen(text))
		return text;
	PyErr_SetString(PyExc_ValueError, "embedded null character in a name");
	return NULL;
}

/* Convert a name for O& of PyArg_Parse; None is refused. */
static int name_arg(PyObject *name, void *text)
{
	*(const char **)text = name_text(name);
	if (name == Py_None)
		PyErr_SetString(PyExc_TypeError, "a name is a str, not None");
	return !PyErr_Occurred();
}

static PyObject *name_error(int err, const char *name)
{
	static const int of_names[] = { EACCES, EPERM, EEXIST, ENOTDIR, ENODEV };
	size_t i;

	if (err == -ENOENT) {
		errno = ENOENT;
		return PyErr_SetFromErrnoWithFilename(PyExc_OSError, name);
	}
	for (i = 0; i < RP_ARRAY_SIZE(of_names); i++)
		if (of_names[i] == -err)
			return rp_os_error(err, name);
	return rp_error(err);
}

static PyObject *ring_create(PyObject *type, PyObject *args)
{
	struct ringbuf_config config = { .size = sizeof(config) };
	struct ringbuf *ring;
	PyObject *name;
	int host, err;

	if (!PyArg_ParseTuple(args, "O&O&O&O&O&OO&iO&O&O&O&O&", rp_u64, &config.slot_bytes, rp_u64,
			      &config.slot_count, rp_u32, &config.flags, rp_u32,
			      &config.max_readers, rp_u32, &config.max_writers, &name, rp_u32,
			      &config.mode, &host, rp_u32, &config.wait_readers, rp_u64,
			      &config.claim_timeout, rp_u32, &config.policy, rp_u64,
			      &config.policy_timeout, rp_u64, &config.policy_lag))
		return NULL;
	config.host = (enum ringbuf_host)host;
	config.name = name_text(name);
	if (!config.name && name != Py_None)
		return NULL;
	RP_UNLOCKED(err = ringbuf_create(&config, &ring));
	return err ? name_error(err, config.name) : ring_of(type, ring, name);
}

static PyObject *ring_open(PyObject *type, PyObject *args)
{
	struct ringbuf *ring;
	const char *name;
	int host, err;

	if (!PyArg_ParseTuple(args, "O&i", name_arg, &name, &host))
		return NULL;
	RP_UNLOCKED(err = ringbuf_open(name, (enum ringbuf_host)host, &ring));
	return err ? name_error(err, name) : ring_of(type, ring, PyTuple_GET_ITEM(args, 0));
}

/* The call takes over @fd, and closes it on failure. */
static PyObject *ring_import(PyObject *type, PyObject *args)
{
	struct rp_ring *self;
	const char *text;
	PyObject *name;
	int fd, err;

	if (!PyArg_ParseTuple(args, "iO", &fd, &name))
		return NULL;
	text = name_text(name);
	self = PyErr_Occurred() ? NULL : ring_new(type, name);
	if (!self)
		return NULL;
	RP_UNLOCKED(err = ringbuf_import(fd, text, &self->ring));
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
	if (!PyArg_ParseTuple(args, "O&i", name_arg, &name, &host))
		return NULL;
	RP_UNLOCKED(err = ringbuf_unlink(name, (enum ringbuf_host)host));
	if (err)
		return name_error(err, name);
	Py_RETURN_NONE;
}

/* The descriptor by which another process gets the ring; None: it has to open its name. */
static PyObject *ring_export(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = rp_ring_get(self);
	int fd;

	(void)none;
	if (!ring)
		return NULL;
	fd = ringbuf_export(ring);
	if (fd == -EOPNOTSUPP)
		Py_RETURN_NONE;
	return fd < 0 ? rp_error(fd) : PyLong_FromLong(fd);
}

static PyObject *ring_close(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = self->ring;

	(void)none;
	self->ring = NULL;
	if (ring && self->users && self->fork == rp_forks)
		self->doomed = ring;
	else
		RP_UNLOCKED(ringbuf_close(ring));
	Py_RETURN_NONE;
}

/* No call uses the ring: each holds a reference to this object. */
static void ring_dealloc(struct rp_ring *self)
{
	RP_UNLOCKED(ringbuf_close(self->ring));
	/* Left over in a child whose parent was in the middle of a call at the fork. */
	if (self->doomed)
		RP_UNLOCKED(ringbuf_close(self->doomed));
	Py_XDECREF(self->name);
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *ring_sync(struct rp_ring *self, PyObject *args)
{
	uint64_t position = UINT64_MAX;
	uint32_t reader = RINGBUF_ALL_READERS;
	struct ringbuf *ring;
	int err;

	if (!PyArg_ParseTuple(args, "|O&O&", rp_u32, &reader, rp_u64, &position))
		return NULL;
	ring = rp_ring_use(self);
	if (!ring)
		return NULL;
	RP_UNLOCKED(err = ringbuf_sync(ring, reader, position));
	rp_ring_unuse(self);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *ring_evict(struct rp_ring *self, PyObject *args)
{
	struct ringbuf *ring;
	uint32_t reader;
	int err;

	if (!PyArg_ParseTuple(args, "O&", rp_u32, &reader))
		return NULL;
	ring = rp_ring_use(self);
	if (!ring)
		return NULL;
	RP_UNLOCKED(err = ringbuf_evict_reader(ring, reader));
	rp_ring_unuse(self);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *reader_status(const struct ringbuf_reader_status *r)
{
	return Py_BuildValue("(IKKKKKiIIK)", r->id, r->cursor, r->lag, r->lost, r->holes, r->waits,
			     r->pid, r->policy, r->skipped, r->skips);
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

static PyObject *writers_status(const struct ringbuf_writer_status *writers, int n)
{
	PyObject *list = PyTuple_New(n);
	int i;

	for (i = 0; list && i < n; i++) {
		PyObject *item =
			Py_BuildValue("(IiK)", writers[i].id, writers[i].pid, writers[i].waits);

		if (!item)
			Py_CLEAR(list);
		else
			PyTuple_SET_ITEM(list, i, item);
	}
	return list;
}

/* Both tables of a ring at one moment, as far as they found room. */
struct look {
	struct ringbuf_status status;
	struct ringbuf_blocker blocker;
	struct ringbuf_reader_status *reader;
	struct ringbuf_writer_status *writer;
	int readers;
	int writers;
};

/* Look at @ring; needs no GIL.  Returns 0 or a negative errno; the caller frees the tables. */
static int look(struct ringbuf *ring, struct look *l)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };

	ringbuf_get_geometry(ring, &g);
	l->status.size = sizeof(l->status);
	l->reader = calloc(g.max_readers, sizeof(*l->reader));
	l->writer = calloc(g.max_writers, sizeof(*l->writer));
	if (!l->reader || !l->writer)
		return -ENOMEM;
	l->readers = lib_stats(ring, &l->status, &l->blocker, l->reader, g.max_readers);
	if (l->readers < 0)
		return l->readers;
	l->writers = ringbuf_writers(ring, l->writer, g.max_writers);
	return l->writers < 0 ? l->writers : 0;
}

static PyObject *look_tuple(const struct look *l)
{
	const struct ringbuf_status *s = &l->status;
	PyObject *readers = readers_status(l->reader, l->readers);
	PyObject *writers = readers ? writers_status(l->writer, l->writers) : NULL;

	if (!writers) {
		Py_XDECREF(readers);
		return NULL;
	}
	return Py_BuildValue("(KKKNIIINNIK)", s->head, s->repaired, s->writer_waits,
			     rp_blocker_tuple(&l->blocker), s->writers, s->writers_ever, s->ended,
			     readers, writers, s->readers_lacking, s->fenced);
}

static PyObject *ring_stats(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = rp_ring_use(self);
	struct look l = { .reader = NULL };
	PyObject *tuple = NULL;
	int err;

	(void)none;
	if (!ring)
		return NULL;
	RP_UNLOCKED(err = look(ring, &l));
	rp_ring_unuse(self);
	if (err)
		rp_error(err);
	else
		tuple = look_tuple(&l);
	free(l.reader);
	free(l.writer);
	return tuple;
}

/* Attach a writer without the GIL.  Returns 0, a negative errno, or RP_RAISED. */
int rp_ring_writer(struct rp_ring *self, struct ringbuf_writer **writer)
{
	struct ringbuf *ring = rp_ring_use(self);
	int err;

	if (!ring)
		return RP_RAISED;
	RP_UNLOCKED(err = ringbuf_writer_attach(ring, writer));
	rp_ring_unuse(self);
	return err;
}

/* Fill @status without the GIL.  Returns 0 or more, a negative errno, or RP_RAISED. */
int rp_ring_status(struct rp_ring *self, struct ringbuf_status *status)
{
	struct ringbuf *ring = rp_ring_use(self);
	int err;

	if (!ring)
		return RP_RAISED;
	RP_UNLOCKED(err = ringbuf_stats(ring, status, NULL, 0));
	rp_ring_unuse(self);
	return err;
}

static PyObject *ring_head(struct rp_ring *self, PyObject *none)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	int err = rp_ring_status(self, &status);

	(void)none;
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
	return Py_BuildValue("(KKKIIIiIKIKK)", g.slot_bytes, g.slot_count, g.slot_stride, g.flags,
			     g.max_readers, g.max_writers, (int)g.host, g.wait_readers,
			     g.claim_timeout, g.policy, g.policy_timeout, g.policy_lag);
}

static PyObject *ring_uuid(struct rp_ring *self, PyObject *none)
{
	struct ringbuf *ring = rp_ring_get(self);
	struct ringbuf_geometry g = { .size = sizeof(g) };

	(void)none;
	if (!ring)
		return NULL;
	ringbuf_get_geometry(ring, &g);
	return PyBytes_FromStringAndSize((const char *)g.uuid, sizeof(g.uuid));
}

static PyObject *ring_closed(struct rp_ring *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(!self->ring);
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
	ticket->size = sizeof(*ticket);
	if (!PyTuple_Check(arg)) {
		PyErr_SetString(PyExc_TypeError, "a ticket is a tuple");
		return -1;
	}
	return PyArg_ParseTuple(arg, "iO&O&O&", &ticket->fd, rp_u32, &ticket->id, rp_u32,
				&ticket->generation, rp_u64, &ticket->start)
		       ? 0
		       : -1;
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
	{ "_uuid", (PyCFunction)ring_uuid, METH_NOARGS, NULL },
	{ "_close", (PyCFunction)ring_close, METH_NOARGS, NULL },
	{ NULL },
};

static PyGetSetDef ring_getset[] = {
	{ "closed", (getter)ring_closed, NULL, "Whether close() was called.", NULL },
	{ "name", (getter)ring_name, NULL, "Name of the ring, or None.", NULL },
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
