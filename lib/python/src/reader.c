// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reader: waiting, life, what it tells. */
#include "reader.h"

/* The handle is ours: what was given out before comes back. */
static int reader_begin(struct rp_reader *r)
{
	int err;

	/* Another thread may have closed it while we waited for it. */
	if (RP_UNLIKELY(!r->reader))
		return -EBADF;
	if (RP_LIKELY(!r->held_count && !r->overrun))
		return 0;
	err = rp_reader_drop(r);
	if (!err && r->overrun) {
		r->overrun = false;
		err = -ESTALE;
	}
	return err;
}

int rp_reader_ready(struct rp_reader *r, bool may_sleep)
{
	int err = rp_use(&r->use, may_sleep);

	return RP_UNLIKELY(err) ? err : reader_begin(r);
}

int rp_reader_peek(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max,
		   int64_t timeout)
{
	int n = ringbuf_reader_peek(r->reader, slots, max, RINGBUF_TRY);
	struct rp_wait wait;
	int err;

	if (RP_LIKELY(n != -EAGAIN) || timeout == RINGBUF_TRY)
		return n;
	rp_wait_begin(&wait, timeout);
	rp_use_give(&r->use, true);
	do {
		RP_UNLOCKED(n = ringbuf_reader_peek(r->reader, slots, max, wait.slice));
		err = n > 0 ? n : rp_wait_more(&wait, &r->use, n);
	} while (!err);
	rp_use_take(&r->use);
	return err;
}

PyObject *rp_reader_error(int err)
{
	if (err == -ETIMEDOUT)
		err = RP_READ_TIMEOUT;
	if (err != -EAGAIN)
		return rp_error(err);
	PyErr_SetNone(rp_exc_waiting_writer);
	return NULL;
}

int rp_reader_timeout(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, int64_t *timeout)
{
	static const char *const names[] = { "timeout" };
	PyObject *arg;

	if (rp_args(names, 1, 0, args, nargs, kwnames, &arg))
		return -1;
	return rp_timeout(arg, timeout);
}

static PyObject *reader_wait(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	static const char *const names[] = { "count", "timeout" };
	PyObject *arg[2];
	struct rp_wait wait;
	int64_t timeout;
	unsigned long count = 1;
	int err, n;

	if (rp_args(names, 2, 0, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	if (arg[0])
		count = PyLong_AsUnsignedLong(arg[0]);
	if (PyErr_Occurred())
		return NULL;
	if (count > UINT32_MAX)
		return rp_error(-EINVAL);
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (err)
		return rp_reader_error(err);
	rp_wait_begin(&wait, timeout);
	rp_use_give(&r->use, true);
	do {
		RP_UNLOCKED(n = ringbuf_reader_wait(r->reader, (unsigned int)count, wait.slice));
		err = n ? rp_wait_more(&wait, &r->use, n) : 0;
	} while (n && !err);
	rp_use_take(&r->use);
	if (!err)
		Py_RETURN_TRUE;
	if (err == -ETIMEDOUT || err == -EAGAIN)
		Py_RETURN_FALSE;
	return rp_reader_error(err);
}

/* ---- life -------------------------------------------------------------------- */

static int reader_init(struct rp_reader *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "ring", "start", "position", "ticket", NULL };
	unsigned long long position = 0;
	PyObject *arg, *ticket_arg = NULL;
	struct ringbuf_ticket ticket;
	struct ringbuf *ring;
	int start = 0, err;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|iKO", names, &rp_ring_type, &arg, &start,
					 &position, &ticket_arg))
		return -1;
	if (ticket_arg && rp_ticket_arg(ticket_arg, &ticket))
		return -1;
	ring = rp_ring_get((struct rp_ring *)arg);
	err = !ring || rp_use_init(&self->use) ? RP_RAISED : 0;
	if (!err)
		err = ticket_arg ? ringbuf_reader_import(ring, &ticket, &self->reader)
				 : ringbuf_reader_attach(ring, (enum ringbuf_start)start, position,
							 &self->reader);
	if (err) {
		if (ticket_arg)
			rp_ticket_drop(&ticket);
		rp_error(err);
		return -1;
	}
	ringbuf_reader_interruptible(self->reader, 1);
	Py_INCREF(arg);
	self->ring = (struct rp_ring *)arg;
	return 0;
}

static PyObject *reader_close(struct rp_reader *self, PyObject *none)
{
	int err;

	(void)none;
	if (!self->reader)
		Py_RETURN_NONE;
	err = rp_use_close(&self->use);
	if (err)
		return rp_error(err);
	/* A slot that was lost is no reason to keep or to forget those behind it. */
	do {
		err = reader_begin(self);
	} while (err && err != RP_RAISED && err != -EBADF && self->held_count);
	if (err == RP_RAISED)
		return NULL;
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	Py_RETURN_NONE;
}

static int reader_traverse(struct rp_reader *self, visitproc visit, void *arg)
{
	Py_VISIT(self->ring);
	Py_VISIT(self->view);
	return 0;
}

/* The handle needs neither: it stays as it is, for finalizers that still use it. */
static int reader_clear(struct rp_reader *self)
{
	Py_CLEAR(self->ring);
	return 0;
}

/* No slot is held: every slot refers to us. */
static void reader_dealloc(struct rp_reader *self)
{
	PyObject_GC_UnTrack(self);
	Py_XDECREF(self->view);
	ringbuf_reader_close(self->reader);
	rp_use_free(&self->use);
	Py_XDECREF(self->ring);
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *reader_self(PyObject *self, PyObject *none)
{
	(void)none;
	Py_INCREF(self);
	return self;
}

static PyObject *reader_exit(struct rp_reader *self, PyObject *args)
{
	(void)args;
	return PyObject_CallMethod((PyObject *)self, "close", NULL);
}

static PyObject *reader_fileno(struct rp_reader *self, PyObject *none)
{
	int fd = self->reader ? ringbuf_reader_fd(self->reader) : -EBADF;

	(void)none;
	return fd < 0 ? rp_error(fd) : PyLong_FromLong(fd);
}

static PyObject *reader_spin(struct rp_reader *self, PyObject *arg)
{
	long long ns = PyLong_AsLongLong(arg);

	if (ns == -1 && PyErr_Occurred())
		return NULL;
	if (!self->reader)
		return rp_error(-EBADF);
	ringbuf_reader_spin(self->reader, ns);
	Py_RETURN_NONE;
}

static PyObject *reader_export(struct rp_reader *self, PyObject *none)
{
	struct ringbuf_ticket ticket = { .size = sizeof(ticket) };
	int err = self->reader ? ringbuf_reader_export(self->reader, &ticket) : -EBADF;

	(void)none;
	return err ? rp_error(err) : rp_ticket(&ticket);
}

static PyObject *reader_number(struct rp_reader *self, void *which)
{
	if (!self->reader)
		return rp_error(-EBADF);
	switch (*(const char *)which) {
	case 'p':
		return PyLong_FromUnsignedLongLong(ringbuf_reader_position(self->reader));
	case 'l':
		return PyLong_FromUnsignedLongLong(ringbuf_reader_lost(self->reader));
	case 'h':
		return PyLong_FromUnsignedLongLong(ringbuf_reader_holes(self->reader));
	default:
		return PyLong_FromUnsignedLong(ringbuf_reader_id(self->reader));
	}
}

static PyObject *reader_ring(struct rp_reader *self, void *closure)
{
	PyObject *ring = self->ring ? (PyObject *)self->ring : Py_None;

	(void)closure;
	Py_INCREF(ring);
	return ring;
}

static PyObject *reader_closed(struct rp_reader *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(!self->reader);
}

static PyMethodDef reader_methods[] = {
	{ "read", RP_FAST(rp_reader_read), METH_FASTCALL | METH_KEYWORDS,
	  "read($self, /, timeout=None)\n--\n\nThe next message, as bytes." },
	{ "read_into", RP_FAST(rp_reader_read_into), METH_FASTCALL | METH_KEYWORDS,
	  "read_into($self, /, buffer, timeout=None)\n--\n\nCopy the next message; its length." },
	{ "read_many", RP_FAST(rp_reader_read_many), METH_FASTCALL | METH_KEYWORDS,
	  "read_many($self, /, n, timeout=None)\n--\n\nWait for one, then take up to n: a list of bytes." },
	{ "peek", RP_FAST(rp_reader_peek_one), METH_FASTCALL | METH_KEYWORDS,
	  "peek($self, /, timeout=None)\n--\n\nThe next message in place: a Slot." },
	{ "peek_many", RP_FAST(rp_reader_peek_many), METH_FASTCALL | METH_KEYWORDS,
	  "peek_many($self, /, n, timeout=None)\n--\n\nUp to n messages in place, at most 64." },
	{ "wait", RP_FAST(reader_wait), METH_FASTCALL | METH_KEYWORDS,
	  "wait($self, /, count=1, timeout=None)\n--\n\nUntil count messages can be read; False: not yet." },
	{ "close", (PyCFunction)reader_close, METH_NOARGS, "Leave the ring." },
	{ "fileno", (PyCFunction)reader_fileno, METH_NOARGS,
	  "A descriptor to poll; OSError on the embedded host." },
	{ "spin", (PyCFunction)reader_spin, METH_O,
	  "spin($self, ns, /)\n--\n\nHow long to spin before sleeping; negative: adapt." },
	{ "_export", (PyCFunction)reader_export, METH_NOARGS, NULL },
	{ "_try_next", (PyCFunction)rp_reader_try_next, METH_NOARGS, NULL },
	{ "__enter__", reader_self, METH_NOARGS, NULL },
	{ "__exit__", (PyCFunction)reader_exit, METH_VARARGS, NULL },
	{ NULL },
};

static PyGetSetDef reader_getset[] = {
	{ "position", (getter)reader_number, NULL, "Next position to be read.", "p" },
	{ "lost", (getter)reader_number, NULL, "Slots it was moved over.", "l" },
	{ "holes", (getter)reader_number, NULL, "Discarded or repaired slots it skipped.", "h" },
	{ "id", (getter)reader_number, NULL, "Its row in stats().", "i" },
	{ "ring", (getter)reader_ring, NULL, "The ring.", NULL },
	{ "closed", (getter)reader_closed, NULL, "Whether close() was called.", NULL },
	{ NULL },
};

PyTypeObject rp_reader_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Reader",
	.tp_basicsize = sizeof(struct rp_reader),
	.tp_dealloc = (destructor)reader_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)reader_traverse,
	.tp_clear = (inquiry)reader_clear,
	.tp_iter = PyObject_SelfIter,
	.tp_iternext = (iternextfunc)rp_reader_next,
	.tp_methods = reader_methods,
	.tp_getset = reader_getset,
	.tp_init = (initproc)reader_init,
	.tp_new = PyType_GenericNew,
};
