// SPDX-License-Identifier: LGPL-2.1-or-later
/* RingBuffer's base: what is called for every message, and the tokens. */
#include "dropin.h"

/* ---- writing ------------------------------------------------------------------ */

static bool others_active(struct rp_dropin *self, uint32_t except)
{
	struct ringbuf_status status = { .size = sizeof(status) };

	return rp_ring_status(self->ring, &status) >= 0 && status.writers > except;
}

/* A writer for one message.  Attaching also finds out which of the others are dead. */
static int write_once(struct rp_dropin *self, const struct rp_bytes *bytes, int64_t timeout)
{
	struct ringbuf_writer *writer;
	struct rp_use use = { 0 };
	int err;

	if (!others_active(self, 0))
		return PyErr_Occurred() ? RP_RAISED : -EPIPE;
	err = rp_ring_writer(self->ring, &writer);
	if (err)
		return err;
	ringbuf_writer_interruptible(writer, 1);
	if (!others_active(self, 1))
		err = PyErr_Occurred() ? RP_RAISED : -EPIPE;
	else if (rp_use_init(&use))
		err = RP_RAISED;
	if (!err) {
		err = rp_write(writer, &use, bytes, timeout);
		rp_use_free(&use);
	}
	RP_UNLOCKED(ringbuf_writer_close(writer));
	return err;
}

static int dropin_write(struct rp_dropin *self, PyObject *data, int64_t timeout)
{
	struct rp_token *token;
	struct rp_bytes bytes;
	int err;

	if (RP_UNLIKELY(!self->ring || !self->ring->ring))
		return -EBADF;
	if (rp_bytes_get(data, &bytes))
		return RP_RAISED;
	token = rp_token_mine(self);
	if (token && RP_UNLIKELY(token->use.busy)) {
		/* We are a signal handler inside our own write, or writer_done() ends the token. */
		err = token->use.thread == PyThread_get_thread_ident() ? -EBUSY : -EPIPE;
	} else if (RP_LIKELY(token)) {
		err = rp_write(token->writer, &token->use, &bytes, timeout);
		if (RP_UNLIKELY(token->done))
			rp_token_end(self, token);
	} else {
		err = write_once(self, &bytes, timeout);
	}
	rp_bytes_put(&bytes);
	return err;
}

static PyObject *write_result(struct rp_dropin *self, int err)
{
	if (RP_LIKELY(!err))
		Py_RETURN_NONE;
	if (err != -EAGAIN && err != -ETIMEDOUT)
		return rp_error(err == -ESTALE ? RP_GONE : err);
	if (err == -EAGAIN)
		return rp_ring_blocked(rp_exc_waiting_reader, NULL, self->ring->ring);
	return rp_ring_blocked(rp_exc_write_timeout, "no room in time", self->ring->ring);
}

static PyObject *dropin_try_write(struct rp_dropin *self, PyObject *const *args, Py_ssize_t nargs,
				  PyObject *kwnames)
{
	static const char *const names[] = { "data" };
	PyObject *data;

	if (RP_LIKELY(nargs == 1 && !kwnames))
		data = args[0];
	else if (rp_args(names, 1, 1, args, nargs, kwnames, &data))
		return NULL;
	return write_result(self, dropin_write(self, data, RINGBUF_TRY));
}

static PyObject *dropin_blocking_write(struct rp_dropin *self, PyObject *const *args,
				       Py_ssize_t nargs, PyObject *kwnames)
{
	static const char *const names[] = { "data", "timeout" };
	PyObject *arg[2];
	int64_t timeout;
	int err;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	err = dropin_write(self, arg[0], timeout);
	return write_result(self, err == -EAGAIN ? -ETIMEDOUT : err);
}

/* ---- reading ------------------------------------------------------------------- */

static void counter_set(const struct rp_pointer *p)
{
	uint32_t row = ringbuf_reader_id(p->reader.h.reader);
	uint64_t position = ringbuf_reader_position(p->reader.h.reader);
	uint64_t *counter = &p->control->page->reader[row];

	if (row < p->control->page->readers &&
	    position > __atomic_load_n(counter, __ATOMIC_RELAXED))
		__atomic_store_n(counter, position, __ATOMIC_RELAXED);
}

/* Without a writer there ever was nothing to wait for; the ring cannot know that. */
static PyObject *read_result(const struct rp_dropin *self, int err)
{
	if ((err == -EAGAIN || err == -ETIMEDOUT) &&
	    !__atomic_load_n(&self->control->page->writers_ever, __ATOMIC_SEQ_CST))
		err = -ENODATA;
	if (err != -EAGAIN)
		return rp_error(err == -ETIMEDOUT ? RP_READ_TIMEOUT : err);
	PyErr_SetNone(rp_exc_waiting_writer);
	return NULL;
}

static PyObject *dropin_read(struct rp_dropin *self, PyObject *reader, int64_t timeout)
{
	struct rp_pointer *p = (struct rp_pointer *)reader;
	PyObject *message;
	int err;

	if (RP_UNLIKELY(!PyObject_TypeCheck(reader, &rp_pointer_type) || !self->control)) {
		PyErr_SetString(PyExc_TypeError, "not a reader of new_reader()");
		return NULL;
	}
	self->used = rp_forks + 1;
	err = rp_reader_ready(&p->reader, timeout != RINGBUF_TRY);
	if (RP_LIKELY(!err))
		err = rp_reader_copy(&p->reader, true, RINGBUF_TRY, &message);
	if (err == -EAGAIN && timeout != RINGBUF_TRY &&
	    __atomic_load_n(&self->control->page->writers_ever, __ATOMIC_SEQ_CST))
		err = rp_reader_copy(&p->reader, true, timeout, &message);
	if (RP_UNLIKELY(err))
		return read_result(self, err);
	counter_set(p);
	return message;
}

static PyObject *dropin_try_read(struct rp_dropin *self, PyObject *const *args, Py_ssize_t nargs,
				 PyObject *kwnames)
{
	static const char *const names[] = { "reader" };
	PyObject *reader;

	if (RP_LIKELY(nargs == 1 && !kwnames))
		reader = args[0];
	else if (rp_args(names, 1, 1, args, nargs, kwnames, &reader))
		return NULL;
	return dropin_read(self, reader, RINGBUF_TRY);
}

static PyObject *dropin_blocking_read(struct rp_dropin *self, PyObject *const *args,
				      Py_ssize_t nargs, PyObject *kwnames)
{
	static const char *const names[] = { "reader", "timeout" };
	PyObject *arg[2];
	int64_t timeout;
	PyObject *message;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	message = dropin_read(self, arg[0], timeout);
	if (!message && PyErr_ExceptionMatches(rp_exc_waiting_writer)) {
		PyErr_Clear();
		rp_error(RP_READ_TIMEOUT);
	}
	return message;
}

static PyObject *dropin_sync(struct rp_dropin *self, PyObject *none)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf *ring = rp_ring_use(self->ring);
	struct rp_page *page;
	uint32_t i;
	int err;

	(void)none;
	if (!ring)
		return NULL;
	err = rp_ring_status(self->ring, &status);
	if (err >= 0)
		RP_UNLOCKED(err = ringbuf_sync(ring, RINGBUF_ALL_READERS, status.head));
	rp_ring_unuse(self->ring);
	if (err && err != -ENOENT)
		return rp_error(err);
	page = self->control->page;
	for (i = 0; i < page->readers; i++)
		if (__atomic_load_n(&page->reader[i], __ATOMIC_RELAXED) < status.head)
			__atomic_store_n(&page->reader[i], status.head, __ATOMIC_RELAXED);
	Py_RETURN_NONE;
}

/* ---- writers come and go ---------------------------------------------------------- */

static PyObject *dropin_new_writer(struct rp_dropin *self, PyObject *none)
{
	int err = rp_token_new(self);

	(void)none;
	self->used = rp_forks + 1;
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

/* End the tokens of this process, which exits; see rp_tokens_leave(). */
static PyObject *dropin_leave(struct rp_dropin *self, PyObject *args)
{
	int failed, meant;

	if (!PyArg_ParseTuple(args, "pp", &failed, &meant))
		return NULL;
	if (self->ring && self->ring->ring)
		rp_tokens_leave(self, failed, meant && self->used != rp_forks + 1);
	Py_RETURN_NONE;
}

static PyObject *dropin_writer_done(struct rp_dropin *self, PyObject *none)
{
	(void)none;
	if (!rp_ring_get(self->ring))
		return NULL;
	self->used = rp_forks + 1;
	rp_tokens_done(self);
	Py_RETURN_NONE;
}

/* The tokens that another process may still claim, each with its handle's ticket. */
static PyObject *dropin_tokens(struct rp_dropin *self, PyObject *none)
{
	PyObject *list = PyList_New(0);
	struct rp_token *token;

	(void)none;
	for (token = self->tokens; list && token; token = token->next) {
		struct ringbuf_ticket ticket = { .size = sizeof(ticket) };
		PyObject *item;

		if (ringbuf_writer_export(token->writer, &ticket) ||
		    self->control->page->token[token->index] != token->word)
			continue;
		item = Py_BuildValue("(NII)", rp_ticket(&ticket), token->index, token->word);
		if (!item || PyList_Append(list, item))
			Py_CLEAR(list);
		Py_XDECREF(item);
	}
	return list;
}

static PyObject *dropin_add_token(struct rp_dropin *self, PyObject *args)
{
	struct ringbuf_ticket ticket;
	uint32_t index, word;
	PyObject *arg;
	int err;

	if (!PyArg_ParseTuple(args, "OO&O&", &arg, rp_u32, &index, rp_u32, &word) ||
	    rp_ticket_arg(arg, &ticket) || !rp_ring_get(self->ring))
		return NULL;
	err = rp_token_import(self, &ticket, index, word);
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

/* ---- life --------------------------------------------------------------------------- */

static PyObject *dropin_setup(struct rp_dropin *self, PyObject *args)
{
	PyObject *ring, *control;

	if (!PyArg_ParseTuple(args, "O!O!", &rp_ring_type, &ring, &rp_control_type, &control))
		return NULL;
	if (self->ring) {
		PyErr_SetString(PyExc_RuntimeError, "made twice");
		return NULL;
	}
	Py_INCREF(ring);
	Py_INCREF(control);
	self->ring = (struct rp_ring *)ring;
	self->control = (struct rp_control *)control;
	Py_RETURN_NONE;
}

static PyObject *dropin_close(struct rp_dropin *self, PyObject *none)
{
	(void)none;
	if (self->control)
		rp_tokens_free(self);
	Py_RETURN_NONE;
}

/* Every cycle goes through attributes, whose clearing breaks it, so there is no tp_clear. */
static int dropin_traverse(struct rp_dropin *self, visitproc visit, void *arg)
{
	Py_VISIT(self->ring);
	Py_VISIT(self->control);
	return 0;
}

static void dropin_dealloc(struct rp_dropin *self)
{
	PyObject_GC_UnTrack(self);
	if (self->control)
		rp_tokens_free(self);
	Py_XDECREF(self->ring);
	Py_XDECREF(self->control);
	Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *dropin_get(struct rp_dropin *self, void *which)
{
	PyObject *got = which ? (PyObject *)self->control : (PyObject *)self->ring;

	if (!got)
		got = Py_None;
	Py_INCREF(got);
	return got;
}

static PyMethodDef dropin_methods[] = {
	{ "try_write", RP_FAST(dropin_try_write), METH_FASTCALL | METH_KEYWORDS,
	  "try_write($self, /, data)\n--\n\nWrite the next slot; WaitingForReaderError if a reader is slow." },
	{ "blocking_write", RP_FAST(dropin_blocking_write), METH_FASTCALL | METH_KEYWORDS,
	  "blocking_write($self, /, data, timeout=None)\n--\n\nWrite the next slot, wait for slow readers." },
	{ "try_read", RP_FAST(dropin_try_read), METH_FASTCALL | METH_KEYWORDS,
	  "try_read($self, /, reader)\n--\n\nA bytearray of the reader's next slot." },
	{ "blocking_read", RP_FAST(dropin_blocking_read), METH_FASTCALL | METH_KEYWORDS,
	  "blocking_read($self, /, reader, timeout=None)\n--\n\nThe same, and wait for it." },
	{ "force_reader_sync", (PyCFunction)dropin_sync, METH_NOARGS,
	  "Move all readers to the writer's position; what they had not read is lost to them." },
	{ "new_writer", (PyCFunction)dropin_new_writer, METH_NOARGS,
	  "One more writer; to be paired with writer_done()." },
	{ "writer_done", (PyCFunction)dropin_writer_done, METH_NOARGS,
	  "One writer less; readers see the end after the last." },
	{ "_tokens", (PyCFunction)dropin_tokens, METH_NOARGS, NULL },
	{ "_add_token", (PyCFunction)dropin_add_token, METH_VARARGS, NULL },
	{ "_leave", (PyCFunction)dropin_leave, METH_VARARGS, NULL },
	{ "_setup", (PyCFunction)dropin_setup, METH_VARARGS, NULL },
	{ "_close", (PyCFunction)dropin_close, METH_NOARGS, NULL },
	{ NULL },
};

static PyGetSetDef dropin_getset[] = {
	{ "_ring", (getter)dropin_get, NULL, NULL, NULL },
	{ "_control", (getter)dropin_get, NULL, NULL, "c" },
	{ NULL },
};

PyTypeObject rp_dropin_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.RingBuffer",
	.tp_basicsize = sizeof(struct rp_dropin),
	.tp_dealloc = (destructor)dropin_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)dropin_traverse,
	.tp_methods = dropin_methods,
	.tp_getset = dropin_getset,
	.tp_new = PyType_GenericNew,
};
