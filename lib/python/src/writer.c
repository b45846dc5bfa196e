// SPDX-License-Identifier: LGPL-2.1-or-later
/* Writer: copies, batches, slots in place. */
#include "package.h"

#include <string.h>

/* One message; with the GIL when it is short and need not wait. */
int rp_write(struct ringbuf_writer *writer, struct rp_use *use, const struct rp_bytes *bytes,
	     int64_t timeout)
{
	struct rp_wait wait;
	int err, got;

	if (RP_LIKELY(bytes->length <= RP_GIL_BYTES && RP_ENTERED(use)))
		err = ringbuf_writer_write(writer, bytes->data, bytes->length, RINGBUF_TRY);
	else
		RP_WITHOUT_GIL(use, false,
			       err = ringbuf_writer_write(writer, bytes->data, bytes->length,
							  RINGBUF_TRY));
	if (RP_LIKELY(!err || err == -EAGAIN))
		use->entered = rp_forks + 1;
	if (RP_LIKELY(err != -EAGAIN) || timeout == RINGBUF_TRY)
		return err;
	rp_wait_begin(&wait, timeout);
	rp_use_give(use, true);
	do {
		RP_UNLOCKED(
			got = ringbuf_writer_write(writer, bytes->data, bytes->length, wait.slice));
		err = got ? rp_wait_more(&wait, use, got) : 0;
	} while (got && !err);
	rp_use_take(use);
	return err;
}

static int writer_free(struct rp_writer *w, bool may_sleep)
{
	int err = rp_use(&w->h.use, may_sleep);

	/* Another thread may have closed it while we waited for it. */
	return !err && RP_UNLIKELY(!w->h.writer) ? -EBADF : err;
}

/*
 * Nothing that gives up the GIL begins while a slot is reserved, so the owner of
 * the slot may commit it at any time.
 */
static int writer_ready(struct rp_writer *w, bool may_sleep)
{
	int err = writer_free(w, may_sleep);

	if (RP_LIKELY(err || !w->reserved))
		return err;
	if (!rp_slot_inherited(w->reserved))
		return w->reserved->ending && rp_slot_in_use(w->reserved) ? RP_RAISED : -EBUSY;
	w->reserved = NULL;
	return 0;
}

static PyObject *write_error(struct rp_writer *w, int err)
{
	if (err != -EAGAIN && err != -ETIMEDOUT)
		return rp_error(err == -ESTALE ? RP_GONE : err);
	return rp_writer_blocked(rp_exc_write_timeout,
				 err == -EAGAIN ? "no room yet" : "no room in time", w->h.writer);
}

static PyObject *writer_write(struct rp_writer *w, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames)
{
	static const char *const names[] = { "data", "timeout" };
	struct rp_bytes bytes;
	PyObject *arg[2];
	int64_t timeout;
	int err;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout) ||
	    rp_bytes_get(arg[0], &bytes))
		return NULL;
	err = writer_ready(w, timeout != RINGBUF_TRY);
	if (!err)
		err = rp_write(w->h.writer, &w->h.use, &bytes, timeout);
	rp_bytes_put(&bytes);
	if (err)
		return write_error(w, err);
	Py_RETURN_NONE;
}

/* ---- batches ------------------------------------------------------------------- */

struct batch {
	unsigned int count;
	size_t total;
	struct rp_bytes bytes[RINGBUF_BATCH_MAX];
};

static void batch_put(struct batch *b)
{
	unsigned int i;

	for (i = 0; i < b->count; i++)
		rp_bytes_put(&b->bytes[i]);
}

/* The next messages, as many as a reservation takes. */
static int batch_get(struct batch *b, const struct rp_writer *w, PyObject **items, Py_ssize_t n)
{
	b->count = 0;
	b->total = 0;
	while (b->count < w->batch && b->count < n) {
		struct rp_bytes *bytes = &b->bytes[b->count];

		if (rp_bytes_get(items[b->count], bytes))
			return RP_RAISED;
		b->count++;
		if (bytes->length > w->slot_bytes)
			return -EMSGSIZE;
		b->total += bytes->length;
	}
	return 0;
}

static int reserve_wait(struct rp_writer *w, struct ringbuf_slot *slots, unsigned int n,
			int64_t timeout)
{
	struct rp_wait wait;
	int err, got;

	rp_wait_begin(&wait, timeout);
	rp_use_give(&w->h.use, true);
	do {
		RP_UNLOCKED(got = ringbuf_writer_reserve(w->h.writer, slots, n, wait.slice));
		err = got > 0 ? got : rp_wait_more(&wait, &w->h.use, got);
	} while (!err);
	rp_use_take(&w->h.use);
	return err;
}

/* Up to @n slots: what there is room for now, else wait. */
static int reserve(struct rp_writer *w, struct ringbuf_slot *slots, unsigned int n, int64_t timeout)
{
	unsigned int k;
	int got = -EAGAIN;

	if (RP_UNLIKELY(!RP_ENTERED(&w->h.use))) {
		/* The first use in a process takes locks, so give up the GIL. */
		RP_WITHOUT_GIL(&w->h.use, false,
			       got = ringbuf_writer_reserve(w->h.writer, slots, n, RINGBUF_TRY));
		if (got >= 0 || got == -EAGAIN)
			w->h.use.entered = rp_forks + 1;
	}
	for (k = n; k && got == -EAGAIN; k /= 2)
		got = ringbuf_writer_reserve(w->h.writer, slots, k, RINGBUF_TRY);
	if (got != -EAGAIN || timeout == RINGBUF_TRY)
		return got;
	return reserve_wait(w, slots, n, timeout);
}

static void fill(struct ringbuf_slot *slots, const struct batch *b, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		memcpy(slots[i].data, b->bytes[i].data, b->bytes[i].length);
		slots[i].length = b->bytes[i].length;
	}
}

/* Messages of the batch that were published, or negative. */
static int batch_write(struct rp_writer *w, const struct batch *b, int64_t timeout)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	int n = reserve(w, slots, b->count, timeout), err;

	if (n < 0)
		return n;
	if (b->total <= 8 * RP_GIL_BYTES)
		fill(slots, b, (unsigned int)n);
	else
		RP_WITHOUT_GIL(&w->h.use, false, fill(slots, b, (unsigned int)n));
	err = ringbuf_writer_commit(w->h.writer, slots, (unsigned int)n);
	return err ? err : n;
}

static PyObject *writer_write_many(struct rp_writer *w, PyObject *const *args, Py_ssize_t nargs,
				   PyObject *kwnames)
{
	static const char *const names[] = { "messages", "timeout" };
	PyObject *arg[2], *messages;
	Py_ssize_t done = 0, count;
	struct batch batch;
	int64_t timeout;
	int n;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout))
		return NULL;
	/* A tuple of our own: another thread may change a list while we copy. */
	messages = PySequence_Tuple(arg[0]);
	if (!messages)
		return NULL;
	n = writer_ready(w, timeout != RINGBUF_TRY);
	while (!n && done < (count = PySequence_Fast_GET_SIZE(messages))) {
		n = batch_get(&batch, w, PySequence_Fast_ITEMS(messages) + done, count - done);
		/* Again, since a buffer may be one that is made in Python. */
		if (!n)
			n = writer_ready(w, timeout != RINGBUF_TRY);
		if (!n)
			n = batch_write(w, &batch, timeout);
		batch_put(&batch);
		if (n < 0)
			break;
		done += n;
		n = 0;
	}
	Py_DECREF(messages);
	/* A short count says that it would have had to wait. */
	if (n < 0 && (!done || (n != -EAGAIN && n != -ETIMEDOUT)))
		return write_error(w, n);
	return PyLong_FromSsize_t(done);
}

/* ---- in place -------------------------------------------------------------------- */

static PyObject *writer_reserve(struct rp_writer *w, PyObject *const *args, Py_ssize_t nargs,
				PyObject *kwnames)
{
	static const char *const names[] = { "timeout" };
	struct ringbuf_slot slot;
	struct rp_slot *object;
	PyObject *arg;
	int64_t timeout;
	int n;

	if (rp_args(names, 1, 0, args, nargs, kwnames, &arg) || rp_timeout(arg, &timeout))
		return NULL;
	/* First, because it may run finalizers: see reader_peek.c. */
	object = rp_slot_new(true);
	if (!object)
		return NULL;
	n = writer_ready(w, timeout != RINGBUF_TRY);
	if (!n)
		n = reserve(w, &slot, 1, timeout);
	if (n < 0) {
		Py_DECREF(object);
		return write_error(w, n);
	}
	rp_slot_give(object, (PyObject *)w, &slot);
	w->reserved = object;
	return (PyObject *)object;
}

/*
 * @slot is over.  The library knows reservations by the handle alone: one that is
 * our parent's, in a child whose handle may have a reservation of its own, must
 * not reach it.
 */
int rp_writer_left(struct rp_writer *w, struct rp_slot *slot, bool commit, bool ours)
{
	int err;

	if (w->reserved != slot || !ours || !w->h.writer)
		err = commit ? -EBUSY : 0;
	else if (commit)
		err = ringbuf_writer_commit(w->h.writer, &slot->slot, 1);
	else
		err = ringbuf_writer_discard(w->h.writer);
	if (err != -EMSGSIZE && w->reserved == slot)
		w->reserved = NULL;
	return err == -ESTALE ? RP_GONE : err;
}

/* Return a bytearray of @bytes, a new reference: a spare one that is unused, or a new one. */
PyObject *rp_writer_spare(struct rp_writer *w, size_t bytes)
{
	PyObject *spare;
	size_t i;

	for (i = 0; i < RP_ARRAY_SIZE(w->spare); i++) {
		spare = w->spare[i];
		if (spare && Py_REFCNT(spare) == 1 &&
		    (size_t)PyByteArray_GET_SIZE(spare) == bytes) {
			Py_INCREF(spare);
			return spare;
		}
	}
	spare = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)bytes);
	if (!spare)
		return NULL;
	/* Clear it: bytes that the user does not fill are published too. */
	memset(PyByteArray_AS_STRING(spare), 0, bytes);
	Py_XDECREF(w->spare[1]);
	w->spare[1] = w->spare[0];
	w->spare[0] = spare;
	Py_INCREF(spare);
	return spare;
}

/* ---- life ------------------------------------------------------------------------ */

static void set_geometry(struct rp_writer *self, const struct ringbuf *ring)
{
	struct ringbuf_geometry g = { .size = sizeof(g) };

	ringbuf_get_geometry(ring, &g);
	self->slot_bytes = g.slot_bytes;
	/* Half a lap at most, so that readers work while the next half is written. */
	self->batch = RINGBUF_BATCH_MAX;
	if (g.slot_count < 2 * RINGBUF_BATCH_MAX)
		self->batch = g.slot_count < 2 ? 1 : (unsigned int)g.slot_count / 2;
}

static int attach(struct rp_handle *h, struct ringbuf *ring, const struct ringbuf_ticket *ticket,
		  const void *how)
{
	int err;

	(void)how;
	if (ticket)
		RP_UNLOCKED(err = ringbuf_writer_import(ring, ticket, &h->writer));
	else
		RP_UNLOCKED(err = ringbuf_writer_attach(ring, &h->writer));
	if (err)
		return err;
	ringbuf_writer_interruptible(h->writer, 1);
	set_geometry((struct rp_writer *)h, ring);
	return 0;
}

static int writer_init(struct rp_writer *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "ring", "ticket", NULL };
	PyObject *ring, *ticket = NULL;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|O", names, &rp_ring_type, &ring,
					 &ticket))
		return -1;
	return rp_handle_attach(&self->h, ring, ticket, attach, NULL);
}

static PyObject *writer_done(struct rp_writer *self, PyObject *none)
{
	int err = writer_free(self, true);

	(void)none;
	if (!err && self->reserved)
		err = rp_slot_end(self->reserved);
	if (!err)
		RP_WITHOUT_GIL(&self->h.use, false, err = ringbuf_writer_done(self->h.writer));
	if (err && err != -EPIPE)
		return write_error(self, err);
	Py_RETURN_NONE;
}

/* Close the handle; if @failed, readers see that a writer died. */
static PyObject *end(struct rp_writer *self, bool failed)
{
	int err;

	if (rp_handle_closed(&self->h))
		Py_RETURN_NONE;
	err = rp_handle_stop(&self->h);
	if (err)
		return rp_error(err);
	if (self->reserved)
		err = rp_slot_end(self->reserved);
	if (err == RP_RAISED)
		return NULL;
	rp_handle_leave(&self->h, failed);
	Py_RETURN_NONE;
}

static PyObject *writer_close(struct rp_writer *self, PyObject *none)
{
	(void)none;
	return end(self, false);
}

static PyObject *writer_abandon(struct rp_writer *self, PyObject *none)
{
	(void)none;
	return end(self, true);
}

static void writer_dealloc(struct rp_writer *self)
{
	PyObject_GC_UnTrack(self);
	Py_XDECREF(self->spare[0]);
	Py_XDECREF(self->spare[1]);
	rp_handle_free(&self->h, self->failed);
}

static PyObject *writer_exit(struct rp_writer *self, PyObject *args)
{
	bool failed = PyTuple_GET_SIZE(args) && PyTuple_GET_ITEM(args, 0) != Py_None;
	PyObject *done;

	done = PyObject_CallMethod((PyObject *)self, failed ? "abandon" : "close", NULL);
	if (done || !failed || !PyErr_ExceptionMatches(PyExc_BufferError))
		return done;
	/* Let the user's exception through, and abandon the writer when it is freed. */
	PyErr_Clear();
	self->failed = true;
	Py_RETURN_NONE;
}

static PyObject *writer_position(struct rp_writer *self, void *closure)
{
	(void)closure;
	if (!self->h.writer)
		return rp_error(-EBADF);
	return PyLong_FromUnsignedLongLong(ringbuf_writer_position(self->h.writer));
}

static PyObject *writer_used(struct rp_writer *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(self->h.writer && RP_ENTERED(&self->h.use));
}

static PyMethodDef writer_methods[] = {
	{ "_write", RP_FAST(writer_write), METH_FASTCALL | METH_KEYWORDS, NULL },
	{ "write", RP_FAST(writer_write), METH_FASTCALL | METH_KEYWORDS,
	  "write($self, /, data, timeout=None)\n--\n\nCopy one message in and publish it." },
	{ "write_many", RP_FAST(writer_write_many), METH_FASTCALL | METH_KEYWORDS,
	  "write_many($self, /, messages, timeout=None)\n--\n\nMany messages, published in batches; how many." },
	{ "reserve", RP_FAST(writer_reserve), METH_FASTCALL | METH_KEYWORDS,
	  "reserve($self, /, timeout=None)\n--\n\nA Slot to be filled in place; with: commits it." },
	{ "done", (PyCFunction)writer_done, METH_NOARGS, "This writer will write no more." },
	{ "close", (PyCFunction)writer_close, METH_NOARGS, "Done, and give the handle back." },
	{ "abandon", (PyCFunction)writer_abandon, METH_NOARGS,
	  "Give the handle back as one that failed: readers see that a writer died." },
	{ "__exit__", (PyCFunction)writer_exit, METH_VARARGS, NULL },
	{ NULL },
};

static PyGetSetDef writer_getset[] = {
	{ "position", (getter)writer_position, NULL, "Next position it would try.", NULL },
	{ "_used", (getter)writer_used, NULL, NULL, NULL },
	{ NULL },
};

PyTypeObject rp_writer_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Writer",
	.tp_basicsize = sizeof(struct rp_writer),
	.tp_base = &rp_handle_type,
	.tp_dealloc = (destructor)writer_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)rp_handle_traverse,
	.tp_clear = (inquiry)rp_handle_clear,
	.tp_methods = writer_methods,
	.tp_getset = writer_getset,
	.tp_init = (initproc)writer_init,
	.tp_new = PyType_GenericNew,
};
