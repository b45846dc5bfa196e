// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reader: waiting, life, what it tells. */
#include "reader.h"

/*
 * Release the slots that ended while the handle was busy.  The caller has the handle.
 * Returns 0, or -ESTALE if the reader was moved meanwhile.
 */
static int settle(struct rp_reader *r)
{
	return RP_UNLIKELY(r->unsettled) && rp_reader_settle(r) == -ESTALE ? -ESTALE : 0;
}

/* Begin a step: take back the slots of the step before.  The caller has the handle. */
static int reader_begin(struct rp_reader *r)
{
	int err;

	/* Another thread may have closed it while we waited for it. */
	if (RP_UNLIKELY(rp_handle_closed(&r->h)))
		return -EBADF;
	if (RP_LIKELY(!r->held_count && !r->overrun && !r->unsettled))
		return 0;
	if (settle(r))
		r->overrun = true;
	err = rp_reader_drop(r);
	if (!err && r->overrun) {
		r->overrun = false;
		err = -ESTALE;
	}
	return err;
}

int rp_reader_ready(struct rp_reader *r, bool may_sleep)
{
	int err = rp_use(&r->h.use, may_sleep);

	return RP_UNLIKELY(err) ? err : reader_begin(r);
}

/* Peek without the GIL, behind the slots in use if there are any. */
static int look_unlocked(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max,
			 int64_t timeout)
{
	uint64_t from;
	bool ahead;
	int n;

	/* A signal handler may have dropped a view; another thread may do so during the wait. */
	if (settle(r))
		return -ESTALE;
	ahead = r->held_count;
	from = r->next;
	RP_UNLOCKED(n = ahead ? lib_reader_ahead(r->h.reader, from, slots, max, timeout)
			      : ringbuf_reader_peek(r->h.reader, slots, max, timeout));
	if (settle(r))
		return -ESTALE;
	return !ahead && n == -ESTALE ? RP_GONE : n;
}

/* Peek without waiting.  The first use in a process gives up the GIL, as it takes locks. */
static int look_now(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max)
{
	int n;

	if (RP_UNLIKELY(!RP_ENTERED(&r->h.use))) {
		rp_use_give(&r->h.use, false);
		n = look_unlocked(r, slots, max, RINGBUF_TRY);
		rp_use_take(&r->h.use);
		if (n >= 0 || n == -EAGAIN)
			r->h.use.entered = rp_forks + 1;
		return n;
	}
	if (RP_UNLIKELY(r->held_count))
		return lib_reader_ahead(r->h.reader, r->next, slots, max, RINGBUF_TRY);
	n = ringbuf_reader_peek(r->h.reader, slots, max, RINGBUF_TRY);
	return RP_UNLIKELY(n == -ESTALE) ? RP_GONE : n;
}

static int look(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max, int64_t timeout)
{
	int n = look_now(r, slots, max);
	struct rp_wait wait;
	int err;

	if (RP_LIKELY(n != -EAGAIN) || timeout == RINGBUF_TRY)
		return n;
	rp_wait_begin(&wait, timeout);
	rp_use_give(&r->h.use, true);
	do {
		n = look_unlocked(r, slots, max, wait.slice);
		err = n > 0 ? n : rp_wait_more(&wait, &r->h.use, n);
	} while (!err);
	rp_use_take(&r->h.use);
	return err;
}

/* Choose the error for the end of the stream: a death, unless the user wants an end. */
static int ended(struct rp_reader *r)
{
	bool died = !r->died_is_end && lib_reader_end(r->h.reader) == RINGBUF_STREAM_DIED;

	return died ? RP_DIED : -ENODATA;
}

/* Peek at up to @max messages behind the slots in use; a count or a negative error. */
int rp_reader_peek(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max,
		   int64_t timeout)
{
	unsigned int room = RINGBUF_BATCH_MAX - r->held_count;
	int n = room ? look(r, slots, max < room ? max : room, timeout) : -ENOBUFS;

	if (RP_LIKELY(n > 0))
		return n;
	if (n == -ENODATA)
		return ended(r);
	if (n == -ESTALE)
		rp_reader_lose(r);
	return n;
}

/* Return 0, or -ESTALE: writers may have overwritten slots up to @last while they were read. */
int rp_reader_whole(struct rp_reader *r, const struct ringbuf_slot *last)
{
	int err = lib_reader_whole(r->h.reader, last->position + 1);

	if (err && r->held_count) {
		rp_reader_lose(r);
		r->overrun = true;
	}
	return err;
}

/* Release the messages up to @last, which were copied.  -ESTALE: the copies may be torn. */
int rp_reader_done(struct rp_reader *r, const struct ringbuf_slot *last)
{
	r->next = last->position + 1;
	r->untold = 0;
	if (RP_LIKELY(!r->held_count))
		return lib_reader_release_to(r->h.reader, r->next);
	return rp_reader_whole(r, last);
}

int rp_lost(struct lib_losses *lost, int64_t *timeout)
{
	return PyErr_CheckSignals() ? RP_RAISED : lib_lost(lost, timeout);
}

PyObject *rp_reader_error(int err)
{
	static PyObject *text;

	if (err == -ETIMEDOUT)
		err = RP_READ_TIMEOUT;
	if (err != -EAGAIN)
		return rp_error(err);
	if (!text)
		text = PyUnicode_InternFromString("no message yet");
	PyErr_SetObject(rp_exc_read_timeout, text);
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

/*
 * Wait until @count messages can be read.  The library counts from its cursor, which is
 * the first slot in use, so the slots before @next are added; and one message has to be
 * behind them.
 */
static int wait_for(struct rp_reader *r, uint32_t count, int64_t timeout)
{
	struct ringbuf_slot slot;
	bool ahead = r->held_count;
	struct rp_wait wait;
	int err, n;

	if (ahead) {
		n = rp_reader_peek(r, &slot, 1, timeout);
		if (n < 0 || count == 1)
			return n < 0 ? n : 0;
		count += (uint32_t)(slot.position - ringbuf_reader_position(r->h.reader));
	}
	rp_wait_begin(&wait, timeout);
	rp_use_give(&r->h.use, true);
	do {
		RP_UNLOCKED(n = ringbuf_reader_wait(r->h.reader, count, wait.slice));
		r->h.use.entered = rp_forks + 1;
		err = n ? rp_wait_more(&wait, &r->h.use, n) : 0;
	} while (n && !err);
	rp_use_take(&r->h.use);
	if (settle(r))
		r->overrun = true;
	if (err == -EINVAL && ahead)
		return -ENOBUFS; /* the ring has no room for @count beside the slots in use */
	return err == -ESTALE ? RP_GONE : err == -ENODATA ? ended(r) : err;
}

static PyObject *reader_wait(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	static const char *const names[] = { "count", "timeout" };
	PyObject *arg[2];
	int64_t timeout;
	uint32_t count = 1;
	int err;

	if (rp_args(names, 2, 0, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout) ||
	    (arg[0] && !rp_u32(arg[0], &count)))
		return NULL;
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (!err)
		err = wait_for(r, count, timeout);
	if (!err)
		Py_RETURN_TRUE;
	if (err == -ETIMEDOUT || err == -EAGAIN)
		Py_RETURN_FALSE;
	if (err == -EINVAL) {
		PyErr_SetString(PyExc_ValueError, "count must be 1 to slot_count");
		return NULL;
	}
	return rp_reader_error(err);
}

/* ---- life -------------------------------------------------------------------- */

/* @policy: of its own, if its size is set */
struct reader_start {
	enum ringbuf_start start;
	uint64_t position;
	struct ringbuf_policy policy;
};

/* Count overwritten positions as lost, and refuse a start that was not written yet. */
static int begins_at(struct rp_reader *self, uint64_t position)
{
	uint64_t at = ringbuf_reader_position(self->h.reader);

	if (position <= at) {
		self->missed = self->untold = at - position;
		return 0;
	}
	rp_handle_leave(&self->h, false);
	PyErr_Format(PyExc_ValueError, "position %llu was not written yet, the next one is %llu",
		     (unsigned long long)position, (unsigned long long)at);
	return RP_RAISED;
}

/* Attach to @ring with a policy of its own, which the ring has to allow. */
static int attach_policy(struct rp_handle *h, struct ringbuf *ring, const struct reader_start *s)
{
	int err;

	RP_UNLOCKED(err = ringbuf_reader_attach_policy(ring, s->start, s->position, &s->policy,
						       &h->reader));
	if (err != -EINVAL)
		return err;
	PyErr_SetString(PyExc_ValueError,
			"this policy would let the reader hold up writers for longer than the "
			"policy of the ring does");
	return RP_RAISED;
}

static int attach(struct rp_handle *h, struct ringbuf *ring, const struct ringbuf_ticket *ticket,
		  const void *how)
{
	const struct reader_start *s = how;
	int err;

	if (ticket)
		RP_UNLOCKED(err = ringbuf_reader_import(ring, ticket, &h->reader));
	else if (s->policy.size)
		err = attach_policy(h, ring, s);
	else
		RP_UNLOCKED(err = ringbuf_reader_attach(ring, s->start, s->position, &h->reader));
	if (!err)
		ringbuf_reader_interruptible(h->reader, 1);
	if (!err && !ticket && s->start == RINGBUF_FROM_POSITION)
		err = begins_at((struct rp_reader *)h, s->position);
	return err;
}

/* Convert a policy for O& of PyArg_Parse: None, or its word, timeout and lag. */
static int policy_arg(PyObject *arg, void *to)
{
	struct ringbuf_policy *policy = to;

	if (arg == Py_None)
		return 1;
	if (!PyTuple_Check(arg)) {
		PyErr_SetString(PyExc_TypeError, "policies are chosen by Ring.reader()");
		return 0;
	}
	policy->size = sizeof(*policy);
	return PyArg_ParseTuple(arg, "O&O&O&", rp_u32, &policy->kind, rp_u64, &policy->timeout,
				rp_u64, &policy->lag);
}

static int reader_init(struct rp_reader *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "ring", "start", "position", "ticket", "policy", NULL };
	struct reader_start how = { .position = 0 };
	PyObject *ring, *ticket = NULL;
	int start = 0;

	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!|iO&OO&", names, &rp_ring_type, &ring,
					 &start, rp_u64, &how.position, &ticket, policy_arg,
					 &how.policy))
		return -1;
	how.start = (enum ringbuf_start)start;
	return rp_handle_attach(&self->h, ring, ticket, attach, &how);
}

/* Note that a slot has lost its last view, and close the handle if it waits for that. */
void rp_reader_unviewed(struct rp_reader *r)
{
	if (!--r->viewed && r->h.leaving && r->h.reader)
		rp_handle_leave(&r->h, false);
}

static PyObject *reader_close(struct rp_reader *self, PyObject *none)
{
	int err;

	(void)none;
	if (rp_handle_closed(&self->h))
		Py_RETURN_NONE;
	err = rp_handle_stop(&self->h);
	if (err)
		return rp_error(err);
	/* Close even if the step finds that a slot was lost. */
	if (reader_begin(self) == RP_RAISED)
		return NULL;
	if (self->viewed) {
		PyErr_Format(PyExc_BufferError,
			     "%u message(s) of this reader are still in use by views: del them",
			     self->viewed);
		return NULL;
	}
	rp_handle_leave(&self->h, false);
	Py_RETURN_NONE;
}

static int reader_traverse(struct rp_reader *self, visitproc visit, void *arg)
{
	Py_VISIT(self->view);
	return rp_handle_traverse(&self->h, visit, arg);
}

/* No slot is held: every slot refers to us. */
static void reader_dealloc(struct rp_reader *self)
{
	PyObject_GC_UnTrack(self);
	Py_XDECREF(self->view);
	rp_handle_free(&self->h, false);
}

/* Close, or, where views of messages live, let the last of them close. */
static PyObject *reader_exit(struct rp_reader *self, PyObject *args)
{
	PyObject *done = PyObject_CallMethod((PyObject *)self, "close", NULL);

	(void)args;
	if (done || !self->viewed || !PyErr_ExceptionMatches(PyExc_BufferError))
		return done;
	PyErr_Clear();
	self->h.leaving = true;
	Py_RETURN_NONE;
}

static PyObject *reader_number(struct rp_reader *self, void *which)
{
	if (!self->h.reader)
		return rp_error(-EBADF);
	switch (*(const char *)which) {
	case 'p':
		return PyLong_FromUnsignedLongLong(
			self->held_count ? self->next : ringbuf_reader_position(self->h.reader));
	case 'm':
		return PyLong_FromUnsignedLongLong(self->missed);
	case 'l':
		return PyLong_FromUnsignedLongLong(ringbuf_reader_lost(self->h.reader) +
						   self->missed);
	default:
		return PyLong_FromUnsignedLongLong(ringbuf_reader_holes(self->h.reader));
	}
}

static int reader_set_missed(struct rp_reader *self, PyObject *value, void *closure)
{
	(void)closure;
	if (!value || !rp_u64(value, &self->missed))
		return -1;
	self->untold = self->missed;
	return 0;
}

static PyObject *reader_flag(struct rp_reader *self, void *which)
{
	return PyBool_FromLong(which ? self->held_count : self->died_is_end);
}

static int reader_set_died_is_end(struct rp_reader *self, PyObject *value, void *closure)
{
	int is_end = value ? PyObject_IsTrue(value) : -1;

	(void)closure;
	if (is_end >= 0)
		self->died_is_end = is_end;
	return is_end < 0 ? -1 : 0;
}

/* Give up the GIL, since a first use takes locks. */
static PyObject *reader_ended(struct rp_reader *self, void *closure)
{
	static const char *const words[] = { NULL, "done", "died" };
	int end = rp_handle_closed(&self->h) ? -EBADF : rp_use(&self->h.use, true);

	(void)closure;
	if (!end && !self->h.reader)
		end = -EBADF;
	if (!end)
		RP_WITHOUT_GIL(&self->h.use, false, end = lib_reader_end(self->h.reader));
	if (settle(self))
		self->overrun = true;
	if (end < 0)
		return rp_error(end == -ESTALE ? RP_GONE : end);
	if (!words[end])
		Py_RETURN_NONE;
	return PyUnicode_FromString(words[end]);
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
	{ "_hole", (PyCFunction)rp_reader_hole, METH_O, NULL },
	{ "_try_next", (PyCFunction)rp_reader_try_next, METH_NOARGS, NULL },
	{ "__exit__", (PyCFunction)reader_exit, METH_VARARGS, NULL },
	{ NULL },
};

static PyGetSetDef reader_getset[] = {
	{ "position", (getter)reader_number, NULL, "Next position to be read.", "p" },
	{ "lost", (getter)reader_number, NULL, "Slots it has lost, by Ring.sync() or its policy.",
	  "l" },
	{ "holes", (getter)reader_number, NULL, "Discarded or repaired slots it skipped.", "h" },
	{ "ended", (getter)reader_ended, NULL,
	  "None while there are writers or none has been; then \"done\", or \"died\":\n"
	  "one ended without saying that it was done.  Messages may be left to read.",
	  NULL },
	{ "_missed", (getter)reader_number, (setter)reader_set_missed, NULL, "m" },
	{ "_died_is_end", (getter)reader_flag, (setter)reader_set_died_is_end, NULL, NULL },
	{ "_in_use", (getter)reader_flag, NULL, NULL, "v" },
	{ NULL },
};

PyTypeObject rp_reader_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer._ringbuf.Reader",
	.tp_basicsize = sizeof(struct rp_reader),
	.tp_base = &rp_handle_type,
	.tp_dealloc = (destructor)reader_dealloc,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)reader_traverse,
	.tp_clear = (inquiry)rp_handle_clear,
	.tp_iter = PyObject_SelfIter,
	.tp_iternext = (iternextfunc)rp_reader_next,
	.tp_methods = reader_methods,
	.tp_getset = reader_getset,
	.tp_init = (initproc)reader_init,
	.tp_new = PyType_GenericNew,
};
