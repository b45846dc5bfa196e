// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reader: messages in place, and the row of slots that are out.
 *
 * The next step releases them, except for slots that views still show.  The reader
 * reads on behind those, and the writers wait for the lowest of them.
 *
 * Objects are made before the ring is asked for slots.  Making one may fail, and
 * may collect garbage, whose finalizers may use this very reader; between the
 * peek and the row nothing of that can happen, so no slot is ever lost.
 */
#include "reader.h"

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

/* Release the view of the last step, unless an array exports it. */
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
	if (!done && PyErr_ExceptionMatches(PyExc_BufferError))
		PyErr_Clear();
	Py_XDECREF(done);
	return PyErr_Occurred() ? RP_RAISED : 0;
}

/* End the slots of the step before; a slot with views ends with the last of them. */
int rp_reader_drop(struct rp_reader *r)
{
	unsigned int i = 0;

	if (r->view && release_view(r))
		return RP_RAISED;
	Py_CLEAR(r->view);
	while (i < r->held_count) {
		struct rp_slot *slot = r->held[i];
		int err = rp_slot_end_soon(slot);

		if (err)
			return err;
		if (i < r->held_count && r->held[i] == slot)
			i++;
	}
	return 0;
}

/* Return the lowest position in use, or the next one to be read. */
static uint64_t lowest(const struct rp_reader *r)
{
	uint64_t low = r->next;
	unsigned int i;

	for (i = 0; i < r->held_count; i++)
		if (r->held[i]->slot.position < low)
			low = r->held[i]->slot.position;
	return low;
}

/* Forget the slots in use: the reader was moved, and writers may overwrite them. */
void rp_reader_lose(struct rp_reader *r)
{
	while (r->held_count)
		r->held[--r->held_count]->ending = true;
}

/*
 * Release every slot below the lowest one in use.  The caller has the handle.  Returns
 * 0, -EINVAL, or -ESTALE if the reader was moved.
 */
int rp_reader_settle(struct rp_reader *r)
{
	int err = lib_reader_release_to(r->h.reader, lowest(r));

	r->unsettled = false;
	if (err == -ESTALE)
		rp_reader_lose(r);
	return err;
}

static bool used_elsewhere(const struct rp_reader *r)
{
	return r->h.use.busy && r->h.use.fork == rp_forks;
}

/*
 * Remove @slot, which has ended, from the row, and release it.  @again: its message is
 * to be read again.  Without @ours the slot belongs to the parent process, and the ring
 * is left alone.  If another thread has the handle, that thread is woken to release.
 */
int rp_reader_left(struct rp_reader *r, struct rp_slot *slot, bool ours, bool again)
{
	unsigned int i = 0;

	while (i < r->held_count && r->held[i] != slot)
		i++;
	if (i == r->held_count)
		return 0;
	r->held_count--;
	memmove(r->held + i, r->held + i + 1, (r->held_count - i) * sizeof(r->held[0]));
	if (again)
		r->next = slot->slot.position;
	if (!ours || !r->h.reader)
		return 0;
	if (!used_elsewhere(r))
		return rp_reader_settle(r);
	r->unsettled = true;
	ringbuf_reader_interrupt(r->h.reader);
	return 0;
}

static void hold(struct rp_reader *r, struct rp_slot *object, const struct ringbuf_slot *slot)
{
	rp_slot_give(object, (PyObject *)r, slot);
	object->slot.lost += r->untold;
	r->untold = 0;
	r->held[r->held_count++] = object;
	r->next = slot->position + 1;
}

/* As if it had not been peeked: the next step finds the message again. */
static void unhold(struct rp_reader *r, struct rp_slot *object)
{
	if (!r->held_count || r->held[r->held_count - 1] != object)
		return;
	r->held_count--;
	r->next = object->slot.position;
	rp_slot_retract(object);
}

/* The next message into @object. */
static int peek_into(struct rp_reader *r, struct rp_slot *object, int64_t timeout)
{
	struct ringbuf_slot slot;
	int n = rp_reader_ready(r, timeout != RINGBUF_TRY);

	if (!n)
		n = rp_reader_peek(r, &slot, 1, timeout);
	if (RP_UNLIKELY(n < 0))
		return n;
	hold(r, object, &slot);
	return 0;
}

PyObject *rp_reader_peek_one(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	struct rp_slot *object;
	int64_t timeout;
	int err;

	if (rp_reader_timeout(args, nargs, kwnames, &timeout))
		return NULL;
	object = rp_slot_new(false);
	if (!object)
		return NULL;
	err = peek_into(r, object, timeout);
	if (!err)
		return (PyObject *)object;
	Py_DECREF(object);
	return rp_reader_error(err);
}

static PyObject *slots_new(Py_ssize_t n)
{
	PyObject *list = PyList_New(n);
	Py_ssize_t i;

	for (i = 0; list && i < n; i++) {
		struct rp_slot *slot = rp_slot_new(false);

		if (slot)
			PyList_SET_ITEM(list, i, (PyObject *)slot);
		else
			Py_CLEAR(list);
	}
	return list;
}

/* A slot for each object in @list, or 0: a finalizer has read some of them meanwhile. */
static int fill(struct rp_reader *r, PyObject *list)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	int count = (int)PyList_GET_SIZE(list), n = rp_reader_ready(r, false), i;

	if (!n)
		n = rp_reader_peek(r, slots, (unsigned int)count, RINGBUF_TRY);
	if (n == -EAGAIN || (n > 0 && n < count))
		return 0;
	for (i = 0; i < n; i++)
		hold(r, (struct rp_slot *)PyList_GET_ITEM(list, i), &slots[i]);
	return n;
}

/* Wait and count, make the objects, look again: see above.  0: once more. */
static int peek_list(struct rp_reader *r, unsigned int max, int64_t timeout, PyObject **list)
{
	struct ringbuf_slot slots[RINGBUF_BATCH_MAX];
	int n = rp_reader_ready(r, timeout != RINGBUF_TRY);

	if (!n)
		n = rp_reader_peek(r, slots, max, timeout);
	if (n < 0)
		return n;
	*list = slots_new(n);
	if (!*list)
		return RP_RAISED;
	n = fill(r, *list);
	if (n <= 0)
		Py_CLEAR(*list);
	return n;
}

PyObject *rp_reader_peek_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames)
{
	static const char *const names[] = { "n", "timeout" };
	struct lib_losses lost = { 0 };
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
	if (max > RINGBUF_BATCH_MAX)
		max = RINGBUF_BATCH_MAX;
	do {
		n = peek_list(r, (unsigned int)max, timeout, &list);
	} while (!n && !(n = rp_lost(&lost, &timeout)));
	return n < 0 ? rp_reader_error(n) : list;
}

/* A view of the next message; it dies with the next step. */
static int next_view(struct rp_reader *r, int64_t timeout, PyObject **view)
{
	struct rp_slot *object = rp_slot_new(false);
	int err;

	if (!object)
		return RP_RAISED;
	err = peek_into(r, object, timeout);
	if (RP_LIKELY(!err)) {
		*view = PyMemoryView_FromObject((PyObject *)object);
		Py_CLEAR(r->view);
		if (*view)
			r->view = PyWeakref_NewRef(*view, NULL);
		if (!r->view) {
			Py_CLEAR(*view);
			unhold(r, object);
			err = RP_RAISED;
		}
	}
	Py_DECREF(object);
	return err;
}

PyObject *rp_reader_next(struct rp_reader *r)
{
	PyObject *view;
	int err = next_view(r, RINGBUF_FOREVER, &view);

	if (RP_LIKELY(!err))
		return view;
	return err == -ENODATA ? NULL : rp_reader_error(err);
}

/* For asyncio: a view, None when there is nothing yet; WriterFinishedError. */
PyObject *rp_reader_try_next(struct rp_reader *r, PyObject *none)
{
	PyObject *view;
	int err = next_view(r, RINGBUF_TRY, &view);

	(void)none;
	if (!err)
		return view;
	if (err == -EAGAIN)
		Py_RETURN_NONE;
	return rp_reader_error(err);
}
