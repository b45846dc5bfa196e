// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reader: messages copied out. */
#include "reader.h"

#include <string.h>

/* Copy a message.  -ESTALE: the reader was moved, and the copy may be torn. */
static int copy(struct rp_reader *r, void *to, const struct ringbuf_slot *slot)
{
	if (RP_LIKELY(slot->length <= RP_GIL_BYTES)) {
		memcpy(to, slot->data, slot->length);
		return 0;
	}
	RP_WITHOUT_GIL(&r->h.use, false, memcpy(to, slot->data, slot->length));
	if (!r->unsettled || rp_reader_settle(r) != -ESTALE)
		return 0;
	r->overrun = true;
	return -ESTALE;
}

/* The next message, copied once: straight into what is returned. */
int rp_reader_copy(struct rp_reader *r, bool mutable, int64_t timeout, PyObject **message)
{
	struct lib_losses lost = { 0 };
	int err;

	do {
		struct ringbuf_slot slot;
		Py_ssize_t length;

		err = rp_reader_peek(r, &slot, 1, timeout);
		if (RP_UNLIKELY(err < 0))
			return err;
		length = (Py_ssize_t)slot.length;
		*message = mutable ? PyByteArray_FromStringAndSize(NULL, length)
				   : PyBytes_FromStringAndSize(NULL, length);
		if (!*message)
			return RP_RAISED;
		err = copy(r,
			   mutable ? PyByteArray_AS_STRING(*message) : PyBytes_AS_STRING(*message),
			   &slot);
		if (RP_LIKELY(!err))
			err = rp_reader_done(r, &slot);
		if (RP_LIKELY(!err))
			return 0;
		/* Moved while copying: what was copied may be torn, so the next one. */
		Py_DECREF(*message);
		if (err == -ESTALE)
			err = rp_lost(&lost, &timeout);
	} while (!err);
	return err;
}

PyObject *rp_reader_read(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			 PyObject *kwnames)
{
	PyObject *message;
	int64_t timeout;
	int err;

	if (rp_reader_timeout(args, nargs, kwnames, &timeout))
		return NULL;
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	if (!err)
		err = rp_reader_copy(r, false, timeout, &message);
	return err ? rp_reader_error(err) : message;
}

PyObject *rp_reader_read_into(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames)
{
	static const char *const names[] = { "buffer", "timeout" };
	struct lib_losses lost = { 0 };
	struct ringbuf_slot slot;
	PyObject *arg[2];
	int64_t timeout;
	Py_buffer to;
	int err;

	if (rp_args(names, 2, 1, args, nargs, kwnames, arg) || rp_timeout(arg[1], &timeout) ||
	    rp_buffer(arg[0], &to, PyBUF_WRITABLE))
		return NULL;
	err = rp_reader_ready(r, timeout != RINGBUF_TRY);
	while (!err) {
		err = rp_reader_peek(r, &slot, 1, timeout);
		if (err < 0)
			break;
		if (slot.length > (size_t)to.len) {
			/* Of a slot that was overwritten it would be another message's length. */
			err = rp_reader_whole(r, &slot) ?: -EMSGSIZE;
		} else {
			err = copy(r, to.buf, &slot);
			if (!err)
				err = rp_reader_done(r, &slot);
		}
		if (err != -ESTALE)
			break;
		err = rp_lost(&lost, &timeout);
	}
	PyBuffer_Release(&to);
	return err ? rp_reader_error(err) : PyLong_FromSize_t(slot.length);
}

/* Append copies of the peeked slots to @list.  Returns 0, RP_RAISED or -ESTALE. */
static int append_copies(struct rp_reader *r, PyObject *list, const struct ringbuf_slot *slots,
			 int n)
{
	int i;

	for (i = 0; i < n; i++) {
		PyObject *message = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)slots[i].length);
		int err;

		if (!message)
			return RP_RAISED;
		err = copy(r, PyBytes_AS_STRING(message), &slots[i]);
		if (!err && PyList_Append(list, message))
			err = RP_RAISED;
		Py_DECREF(message);
		if (err)
			return err;
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
	err = append_copies(r, list, slots, n);
	if (!err)
		err = rp_reader_done(r, &slots[n - 1]);
	if (!err)
		return n;
	PyList_SetSlice(list, before, PyList_GET_SIZE(list), NULL);
	return err == -ESTALE ? 0 : err;
}

PyObject *rp_reader_read_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames)
{
	static const char *const names[] = { "n", "timeout" };
	struct lib_losses lost = { 0 };
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
	/* First, because it may run finalizers: see reader_peek.c. */
	list = PyList_New(0);
	if (!list)
		return NULL;
	n = rp_reader_ready(r, timeout != RINGBUF_TRY);
	while (!n && got < max) {
		/* Having read some, it takes what is ready, but does not wait for more. */
		if (got)
			timeout = RINGBUF_TRY;
		n = read_some(r, list, max - got > 64 ? 64 : (unsigned int)(max - got), timeout);
		if (n < 0)
			break;
		got += n;
		n = n ? 0 : rp_lost(&lost, &timeout);
	}
	/* What was read is read, whatever comes next says so again. */
	if (n < 0 && (!got || n == RP_RAISED)) {
		Py_DECREF(list);
		return rp_reader_error(n);
	}
	return list;
}
