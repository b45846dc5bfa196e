// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reader: copies, slots in place, iteration. */
#include "package.h"

#include <string.h>

/* The view that iteration gave last, or NULL when nobody has it any more. */
static PyObject *last_view(struct rp_reader *r)
{
	PyObject *view = NULL;

#if PY_VERSION_HEX >= 0x030d0000
	if (r->view && PyWeakref_GetRef(r->view, &view) < 0)
		PyErr_Clear();
#else
	if (r->view && PyWeakref_GetObject(r->view) != Py_None) {
		view = PyWeakref_GetObject(r->view);
		Py_INCREF(view);
	}
#endif
	return view;
}

static int release_view(struct rp_reader *r)
{
	static PyObject *release;
	PyObject *view = last_view(r), *done;

	if (!view)
		return 0;
	if (!release)
		release = PyUnicode_InternFromString("release");
	done = release ? PyObject_CallMethodObjArgs(view, release, NULL) : NULL;
	Py_DECREF(view);
	Py_XDECREF(done);
	return done ? 0 : RP_RAISED;
}

/* End what was given out before: a step begins with nothing in hand. */
static int drop_held(struct rp_reader *r)
{
	if (release_view(r))
		return RP_RAISED;
	Py_CLEAR(r->view);
	while (r->held_count) {
		int err = rp_slot_end(r->held[0]);

		if (err)
			return err;
	}
	return 0;
}

/*
 * @slot is over, wherever it is in the row; what is over at the head of the
 * row goes back to the ring.
 */
int rp_reader_left(struct rp_reader *r, struct rp_slot *slot)
{
	unsigned int i, n = 0;
	int err = 0;

	for (i = 0; i < r->held_count; i++)
		if (r->held[i] == slot)
			r->held[i] = NULL;
	while (n < r->held_count && !r->held[n])
		n++;
	if (!n)
		return 0;
	r->held_count -= n;
	memmove(r->held, r->held + n, r->held_count * sizeof(r->held[0]));
	if (r->reader)
		err = ringbuf_reader_release(r->reader, n);
	/* A child has the object and not the slot. */
	return err == -EINVAL ? 0 : err;
}

int rp_reader_ready(struct rp_reader *r, bool may_sleep)
{
	int err = rp_use(&r->use, may_sleep);

	/* Another thread may have closed it while we waited for it. */
	if (!err && RP_UNLIKELY(!r->reader))
		err = -EBADF;
	if (err || RP_LIKELY(!r->held_count && !r->overrun))
		return err;
	err = drop_held(r);
	if (!err && r->overrun) {
		r->overrun = false;
		err = -ESTALE;
	}
	return err;
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

static void copy(struct rp_reader *r, void *to, const struct ringbuf_slot *slot)
{
	if (slot->length <= RP_GIL_BYTES)
		memcpy(to, slot->data, slot->length);
	else
		RP_WITHOUT_GIL(&r->use, false, memcpy(to, slot->data, slot->length));
}

/* The next message, copied once: straight into what is returned. */
int rp_reader_copy(struct rp_reader *r, bool mutable, int64_t timeout, PyObject **message)
{
	for (;;) {
		struct ringbuf_slot slot;
		Py_ssize_t length;
		int err = rp_reader_peek(r, &slot, 1, timeout);

		if (RP_UNLIKELY(err < 0))
			return err;
		length = (Py_ssize_t)slot.length;
		*message = mutable ? PyByteArray_FromStringAndSize(NULL, length)
				   : PyBytes_FromStringAndSize(NULL, length);
		if (!*message)
			return RP_RAISED;
		copy(r, mutable ? PyByteArray_AS_STRING(*message) : PyBytes_AS_STRING(*message),
		     &slot);
		err = ringbuf_reader_release(r->reader, 1);
		if (RP_LIKELY(!err))
			return 0;
		/* Moved while copying: what was copied may be torn, so the next one. */
		Py_DECREF(*message);
		if (err != -ESTALE)
			return err;
	}
}

static PyObject *read_error(int err)
{
	if (err == -ETIMEDOUT)
		err = RP_READ_TIMEOUT;
	if (err != -EAGAIN)
		return rp_error(err);
	PyErr_SetNone(rp_exc_waiting_writer);
	return NULL;
}

static int timeout_arg(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, int64_t *timeout)
{
	static const char *const names[] = { "timeout" };
	PyObject *arg;

	if (rp_args(names, 1, 0, args, nargs, kwnames, &arg))
		return -1;
	return rp_timeout(arg, timeout);
}

static PyObject *reader_read(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	PyObject *message;
	int64_t timeout;
	int err;

	if (timeout_arg(args, nargs, kwnames, &timeout))
		return NULL;
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (!err)
		err = rp_reader_copy(r, false, timeout, &message);
	return err ? read_error(err) : message;
}

static PyObject *reader_read_into(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
				  PyObject *kwnames)
{
	static const char *const names[] = { "buffer", "timeout" };
	struct ringbuf_slot slot;
	PyObject *arg[2];
	int64_t timeout;
	Py_buffer to;
	int err;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout) ||
	    PyObject_GetBuffer(arg[0], &to, PyBUF_WRITABLE))
		return NULL;
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	while (!err) {
		err = rp_reader_peek(r, &slot, 1, timeout);
		if (err < 0)
			break;
		if (slot.length > (size_t)to.len) {
			err = -EMSGSIZE;
			break;
		}
		copy(r, to.buf, &slot);
		err = ringbuf_reader_release(r->reader, 1);
		if (err != -ESTALE)
			break;
		err = 0;
	}
	PyBuffer_Release(&to);
	return err ? read_error(err) : PyLong_FromSize_t(slot.length);
}

/* New bytes objects of what was peeked at the end of @list; 0, or -1 with an exception. */
static int append_copies(struct rp_reader *r, PyObject *list, const struct ringbuf_slot *slots,
			 int n)
{
	int i;

	for (i = 0; i < n; i++) {
		PyObject *message = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)slots[i].length);
		int err;

		if (!message)
			return -1;
		copy(r, PyBytes_AS_STRING(message), &slots[i]);
		err = PyList_Append(list, message);
		Py_DECREF(message);
		if (err)
			return -1;
	}
	return 0;
}

/* One peek's worth.  Slots peeked, 0 at -ESTALE (look again), or negative. */
static int read_some(struct rp_reader *r, PyObject *list, unsigned int max, int64_t timeout)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	Py_ssize_t before = PyList_GET_SIZE(list);
	int n, err;

	n = rp_reader_peek(r, slots, max < RINGBUF_BATCH_MAX ? max : RINGBUF_BATCH_MAX, timeout);
	if (n < 0)
		return n;
	if (append_copies(r, list, slots, n)) {
		PyList_SetSlice(list, before, PyList_GET_SIZE(list), NULL);
		return RP_RAISED;
	}
	err = ringbuf_reader_release(r->reader, (unsigned int)n);
	if (!err)
		return n;
	PyList_SetSlice(list, before, PyList_GET_SIZE(list), NULL);
	return err == -ESTALE ? 0 : err;
}

static PyObject *reader_read_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
				  PyObject *kwnames)
{
	static const char *const names[] = { "n", "timeout" };
	PyObject *arg[2], *list;
	Py_ssize_t max, got = 0;
	int64_t timeout;
	int n;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	max = PyNumber_AsSsize_t(arg[0], PyExc_OverflowError);
	if (max < 1) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_ValueError, "n must be at least 1");
		return NULL;
	}
	n = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (n)
		return read_error(n);
	list = PyList_New(0);
	while (list && got < max) {
		n = read_some(r, list, max - got > 64 ? 64 : (unsigned int)(max - got),
			      got ? RINGBUF_TRY : timeout);
		if (n < 0)
			break;
		got += n;
	}
	/* What was read is read, whatever comes next says so again. */
	if (list && n < 0 && (!got || n == RP_RAISED)) {
		Py_DECREF(list);
		return read_error(n);
	}
	return list;
}

/* The peeked slots become objects, all or none. */
static int hold(struct rp_reader *r, const struct ringbuf_slot *slots, int n, PyObject *list)
{
	int i;

	for (i = 0; i < n; i++) {
		struct rp_slot *slot = rp_slot_new((PyObject *)r, &slots[i], false);

		if (!slot)
			return -1;
		r->held[r->held_count++] = slot;
		PyList_SET_ITEM(list, i, (PyObject *)slot);
	}
	return 0;
}

static PyObject *reader_peek(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	struct ringbuf_slot slot;
	struct rp_slot *object;
	int64_t timeout;
	int n;

	if (timeout_arg(args, nargs, kwnames, &timeout))
		return NULL;
	n = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (!n)
		n = rp_reader_peek(r, &slot, 1, timeout);
	if (n < 0)
		return read_error(n);
	object = rp_slot_new((PyObject *)r, &slot, false);
	if (object)
		r->held[r->held_count++] = object;
	return (PyObject *)object;
}

static PyObject *reader_peek_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
				  PyObject *kwnames)
{
	static const char *const names[] = { "n", "timeout" };
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	PyObject *arg[2], *list;
	int64_t timeout;
	long max;
	int n;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	max = PyLong_AsLong(arg[0]);
	if (max < 1) {
		if (!PyErr_Occurred())
			PyErr_SetString(PyExc_ValueError, "n must be at least 1");
		return NULL;
	}
	n = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (!n)
		n = rp_reader_peek(r, slots,
				   max < RINGBUF_BATCH_MAX ? (unsigned int)max : RINGBUF_BATCH_MAX,
				   timeout);
	if (n < 0)
		return read_error(n);
	list = PyList_New(n);
	if (list && hold(r, slots, n, list))
		Py_CLEAR(list);
	return list;
}

/* A view of the next message; it dies with the next step. */
static PyObject *next_view(struct rp_reader *r, const struct ringbuf_slot *slot)
{
	struct rp_slot *object = rp_slot_new((PyObject *)r, slot, false);
	PyObject *view;

	if (!object)
		return NULL;
	r->held[r->held_count++] = object;
	view = PyMemoryView_FromObject((PyObject *)object);
	Py_CLEAR(r->view);
	if (view)
		r->view = PyWeakref_NewRef(view, NULL);
	Py_DECREF(object);
	if (view && !r->view)
		Py_CLEAR(view);
	return view;
}

static PyObject *reader_next(struct rp_reader *r)
{
	struct ringbuf_slot slot;
	int n = rp_reader_ready(r, true);

	if (!n)
		n = rp_reader_peek(r, &slot, 1, RINGBUF_FOREVER);
	if (RP_LIKELY(n > 0))
		return next_view(r, &slot);
	return n == -ENODATA ? NULL : read_error(n);
}

/* For asyncio: a view, None when there is nothing yet; WriterFinishedError. */
static PyObject *reader_try_next(struct rp_reader *r, PyObject *none)
{
	struct ringbuf_slot slot;
	int n = rp_reader_ready(r, false);

	(void)none;
	if (!n)
		n = rp_reader_peek(r, &slot, 1, RINGBUF_TRY);
	if (n > 0)
		return next_view(r, &slot);
	if (n == -EAGAIN)
		Py_RETURN_NONE;
	return read_error(n);
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
		return read_error(err);
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
	return read_error(err);
}

/* ---- life -------------------------------------------------------------------- */

static int reader_init(struct rp_reader *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "ring", "start", "position", "ticket", NULL };
	unsigned long long position = 0;
	PyObject *ring, *ticket_arg = NULL;
	struct ringbuf_ticket ticket;
	int start = 0, err;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|iKO", names, &rp_ring_type, &ring,
					 &start, &position, &ticket_arg))
		return -1;
	if (self->reader || !rp_ring_get((struct rp_ring *)ring) || rp_use_init(&self->use))
		return -1;
	if (ticket_arg && rp_ticket_arg(ticket_arg, &ticket))
		return -1;
	if (ticket_arg)
		err = ringbuf_reader_import(((struct rp_ring *)ring)->ring, &ticket, &self->reader);
	else
		err = ringbuf_reader_attach(((struct rp_ring *)ring)->ring,
					    (enum ringbuf_start)start, position, &self->reader);
	if (err) {
		rp_error(err);
		return -1;
	}
	ringbuf_reader_interruptible(self->reader, 1);
	Py_INCREF(ring);
	self->ring = (struct rp_ring *)ring;
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
		err = rp_reader_ready(self, true);
	} while (err && err != RP_RAISED && err != -EBADF && self->held_count);
	if (err == RP_RAISED)
		return NULL;
	ringbuf_reader_close(self->reader);
	self->reader = NULL;
	Py_RETURN_NONE;
}

/* No slot is held: every slot refers to us. */
static void reader_dealloc(struct rp_reader *self)
{
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
	return reader_close(self, NULL);
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
	{ "read", RP_FAST(reader_read), METH_FASTCALL | METH_KEYWORDS,
	  "read(timeout=None)\n--\n\nThe next message, as bytes." },
	{ "read_into", RP_FAST(reader_read_into), METH_FASTCALL | METH_KEYWORDS,
	  "read_into(buffer, timeout=None)\n--\n\nCopy the next message; its length." },
	{ "read_many", RP_FAST(reader_read_many), METH_FASTCALL | METH_KEYWORDS,
	  "read_many(n, timeout=None)\n--\n\nWait for one, then take up to n: a list of bytes." },
	{ "peek", RP_FAST(reader_peek), METH_FASTCALL | METH_KEYWORDS,
	  "peek(timeout=None)\n--\n\nThe next message in place: a Slot." },
	{ "peek_many", RP_FAST(reader_peek_many), METH_FASTCALL | METH_KEYWORDS,
	  "peek_many(n, timeout=None)\n--\n\nUp to n messages in place, at most 64." },
	{ "wait", RP_FAST(reader_wait), METH_FASTCALL | METH_KEYWORDS,
	  "wait(count=1, timeout=None)\n--\n\nUntil count messages can be read; False: not yet." },
	{ "close", (PyCFunction)reader_close, METH_NOARGS, "Leave the ring." },
	{ "fileno", (PyCFunction)reader_fileno, METH_NOARGS,
	  "A descriptor to poll; OSError on the embedded host." },
	{ "spin", (PyCFunction)reader_spin, METH_O,
	  "spin(ns)\n--\n\nHow long to spin before sleeping; negative: adapt." },
	{ "_export", (PyCFunction)reader_export, METH_NOARGS, NULL },
	{ "_try_next", (PyCFunction)reader_try_next, METH_NOARGS, NULL },
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
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.tp_iter = PyObject_SelfIter,
	.tp_iternext = (iternextfunc)reader_next,
	.tp_methods = reader_methods,
	.tp_getset = reader_getset,
	.tp_init = (initproc)reader_init,
	.tp_new = PyType_GenericNew,
};
