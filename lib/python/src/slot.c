// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Slot: bytes of the ring that Python may look at for a while.
 *
 * Every view of them is an export of this object.  A slot ends only when none
 * is left, so no Python object ever points at a slot that another reader or writer has.
 * A slot that was given back while views of it live ends with the last of them;
 * one that nobody refers to any more ends by itself.
 *
 * The array that slot.asarray() gives of a reserved slot lies in a bytearray that
 * is copied into the slot at commit: such an array may outlive the commit.
 */
#include "package.h"

#include <string.h>

/* An object without a slot yet: it is over until it is given one. */
struct rp_slot *rp_slot_new(bool writable)
{
	struct rp_slot *self = PyObject_GC_New(struct rp_slot, &rp_slot_type);

	if (!self)
		return NULL;
	memset(&self->slot, 0, sizeof(self->slot));
	self->capacity = 0;
	self->owner = NULL;
	self->fork = 0;
	self->writable = writable;
	self->ending = self->touched = false;
	self->exports = 0;
	self->own.obj = NULL;
	PyObject_GC_Track(self);
	return self;
}

void rp_slot_give(struct rp_slot *self, PyObject *owner, const struct ringbuf_slot *slot)
{
	self->slot = *slot;
	self->capacity = slot->length;
	self->fork = rp_forks;
	Py_INCREF(owner);
	self->owner = owner;
}

/* Take back a slot of which no view was made. */
void rp_slot_retract(struct rp_slot *self)
{
	Py_CLEAR(self->owner);
}

bool rp_slot_inherited(const struct rp_slot *self)
{
	return self->fork != rp_forks;
}

/* Raise BufferError if views of the slot live.  Returns 0, or -1 with the exception. */
int rp_slot_in_use(const struct rp_slot *self)
{
	if (!self->exports)
		return 0;
	PyErr_Format(PyExc_BufferError,
		     "the slot at position %llu is still in use by %zd view(s): del them%s",
		     (unsigned long long)self->slot.position, self->exports,
		     self->writable ? ", or fill slot.asarray(), which may outlive the slot" : "");
	return -1;
}

static int over(const struct rp_slot *self)
{
	if (!self->owner || self->ending)
		PyErr_SetString(PyExc_ValueError,
				"operation forbidden on a slot that was given back");
	else if (rp_slot_inherited(self))
		rp_error(-EBUSY);
	else
		return 0;
	return -1;
}

/*
 * How a slot ends: it is released or discarded, it is published, or its message is to be
 * read again because an exception ended the block.
 */
enum end { END_BACK, END_COMMIT, END_AGAIN };

static void own_drop(struct rp_slot *self)
{
	if (self->own.obj)
		PyBuffer_Release(&self->own);
}

/* End the slot, and have its reader or writer do with the ring what is due. */
static int slot_leave(struct rp_slot *self, enum end end, bool told)
{
	PyObject *owner = self->owner;
	bool ours = !rp_slot_inherited(self);
	int err;

	if (!owner)
		return 0;
	if (self->writable)
		err = rp_writer_left((struct rp_writer *)owner, self, end == END_COMMIT, ours);
	else
		err = rp_reader_left((struct rp_reader *)owner, self, ours, end == END_AGAIN);
	if (err == -EMSGSIZE)
		return err; /* it stands */
	if (!self->writable && err == -ESTALE && !told)
		((struct rp_reader *)owner)->overrun = true;
	self->owner = NULL;
	own_drop(self);
	Py_DECREF(owner);
	return err;
}

/* Discard a slot for done() or close(); BufferError while it has views. */
int rp_slot_end(struct rp_slot *self)
{
	return rp_slot_in_use(self) ? RP_RAISED : slot_leave(self, END_BACK, true);
}

/* Release a slot for the reader's next step: now, or when its last view is gone. */
int rp_slot_end_soon(struct rp_slot *self)
{
	self->ending = true;
	return self->exports ? 0 : slot_leave(self, END_BACK, true);
}

static char *slot_memory(const struct rp_slot *self)
{
	return self->own.obj ? self->own.buf : self->slot.data;
}

/*
 * Return the bytearray of slot.asarray(), a new reference.  A new one gets what was
 * written to the slot in place before.
 */
PyObject *rp_slot_own(struct rp_slot *self)
{
	PyObject *spare;
	int err;

	if (over(self))
		return NULL;
	if (!self->own.obj) {
		spare = rp_writer_spare((struct rp_writer *)self->owner, self->capacity);
		err = spare ? PyObject_GetBuffer(spare, &self->own, PyBUF_WRITABLE) : -1;
		Py_XDECREF(spare);
		if (err)
			return NULL;
		if (self->touched)
			memcpy(self->own.buf, self->slot.data, self->capacity);
	}
	Py_INCREF(self->own.obj);
	return self->own.obj;
}

static void own_copy(struct rp_slot *self)
{
	struct rp_writer *w = (struct rp_writer *)self->owner;

	if (!self->own.obj)
		return;
	if (self->slot.length <= RP_GIL_BYTES) {
		memcpy(self->slot.data, self->own.buf, self->slot.length);
		return;
	}
	/* During the copy other threads find this slot ended and the writer busy. */
	self->ending = true;
	RP_WITHOUT_GIL(&w->h.use, false, memcpy(self->slot.data, self->own.buf, self->slot.length));
	self->ending = false;
}

static void slot_dealloc(struct rp_slot *self)
{
	PyObject *type, *value, *traceback;

	PyObject_GC_UnTrack(self);
	PyErr_Fetch(&type, &value, &traceback);
	slot_leave(self, END_BACK, false);
	own_drop(self);
	PyErr_Restore(type, value, traceback);
	PyObject_GC_Del(self);
}

/* Every cycle goes through the slot's owner, which breaks it, so there is no tp_clear. */
static int slot_traverse(struct rp_slot *self, visitproc visit, void *arg)
{
	Py_VISIT(self->owner);
	return 0;
}

static PyObject *slot_result(int err)
{
	if (err)
		return rp_error(err);
	Py_RETURN_NONE;
}

static PyObject *slot_release(struct rp_slot *self, PyObject *none)
{
	(void)none;
	return rp_slot_in_use(self) ? NULL : slot_result(slot_leave(self, END_BACK, true));
}

static int slot_publish(struct rp_slot *self)
{
	own_copy(self);
	return slot_leave(self, END_COMMIT, true);
}

static PyObject *slot_commit(struct rp_slot *self, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames)
{
	static const char *const names[] = { "length" };
	size_t length = self->slot.length;
	PyObject *arg;

	if (rp_args(names, 1, 0, args, nargs, kwnames, &arg) || over(self) || rp_slot_in_use(self))
		return NULL;
	if (!self->writable) {
		PyErr_SetString(PyExc_TypeError, "only a reserved slot can be committed");
		return NULL;
	}
	if (arg && arg != Py_None)
		length = PyLong_AsSize_t(arg);
	if (length == (size_t)-1 && PyErr_Occurred())
		return NULL;
	if (length > self->capacity)
		return rp_error(-EMSGSIZE);
	self->slot.length = length;
	return slot_result(slot_publish(self));
}

/* For asyncio: copy a message in and commit it. */
static PyObject *slot_write(struct rp_slot *self, PyObject *data)
{
	struct rp_bytes bytes;

	if (rp_bytes_get(data, &bytes))
		return NULL;
	if (over(self) || rp_slot_in_use(self) || bytes.length > self->capacity) {
		rp_bytes_put(&bytes);
		return PyErr_Occurred() ? NULL : rp_error(-EMSGSIZE);
	}
	memcpy(slot_memory(self), bytes.data, bytes.length);
	self->slot.length = bytes.length;
	rp_bytes_put(&bytes);
	return slot_result(slot_publish(self));
}

static PyObject *slot_enter(PyObject *self, PyObject *none)
{
	(void)none;
	if (over((struct rp_slot *)self))
		return NULL;
	Py_INCREF(self);
	return self;
}

/*
 * End the with block.  After success a reserved slot is published, and a peeked one is
 * released now or with its last view.  After an exception a reserved slot is discarded,
 * and the message of a peeked one is read again; no BufferError hides that exception.
 */
static PyObject *slot_exit(struct rp_slot *self, PyObject *const *args, Py_ssize_t nargs)
{
	bool failed = nargs > 0 && args[0] != Py_None;

	if (!self->owner || self->ending)
		Py_RETURN_NONE;
	if (self->writable && !failed)
		return rp_slot_in_use(self) ? NULL : slot_result(slot_publish(self));
	if (!self->exports)
		return slot_result(slot_leave(self, failed ? END_AGAIN : END_BACK, !failed));
	self->ending = true;
	if (failed && !self->writable && !rp_slot_inherited(self))
		((struct rp_reader *)self->owner)->next = self->slot.position;
	Py_RETURN_NONE;
}

/* The bytes: what can be read, or all that can be written. */
static PyObject *slot_data(PyObject *self, void *closure)
{
	(void)closure;
	return PyMemoryView_FromObject(self);
}

static PyObject *slot_asarray(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames)
{
	static const char *const names[] = { "dtype", "shape" };
	struct rp_slot *slot = (struct rp_slot *)self;
	PyObject *arg[2], *own, *array;

	if (rp_args(names, 2, 0, args, nargs, kwnames, arg))
		return NULL;
	if (!slot->writable)
		return rp_asarray(self, arg[0], arg[1]);
	own = rp_slot_own(slot);
	if (!own)
		return NULL;
	array = rp_asarray(own, arg[0], arg[1]);
	Py_DECREF(own);
	if (array && rp_array_length(array, &slot->slot.length))
		Py_CLEAR(array);
	return array;
}

static int slot_getbuffer(struct rp_slot *self, Py_buffer *view, int flags)
{
	size_t length = self->writable ? self->capacity : self->slot.length;

	view->obj = NULL;
	if (over(self) || PyBuffer_FillInfo(view, (PyObject *)self, slot_memory(self),
					    (Py_ssize_t)length, !self->writable, flags))
		return -1;
	if (!self->exports++ && !self->writable)
		((struct rp_reader *)self->owner)->viewed++;
	self->touched = true;
	return 0;
}

/* Drop one view.  It holds a reference to the slot until this function returns. */
static void slot_releasebuffer(struct rp_slot *self, Py_buffer *view)
{
	PyObject *type, *value, *traceback, *owner = self->owner;

	(void)view;
	if (--self->exports)
		return;
	PyErr_Fetch(&type, &value, &traceback);
	Py_XINCREF(owner);
	if (self->ending)
		slot_leave(self, END_BACK, false);
	if (owner && !self->writable)
		rp_reader_unviewed((struct rp_reader *)owner);
	Py_XDECREF(owner);
	PyErr_Restore(type, value, traceback);
}

static Py_ssize_t slot_len(struct rp_slot *self)
{
	if (over(self))
		return -1;
	return (Py_ssize_t)(self->writable ? self->capacity : self->slot.length);
}

static PyObject *slot_item(PyObject *self, PyObject *key)
{
	PyObject *view = PyMemoryView_FromObject(self), *item = NULL;

	if (view)
		item = PyObject_GetItem(view, key);
	Py_XDECREF(view);
	return item;
}

static int slot_set_item(PyObject *self, PyObject *key, PyObject *value)
{
	PyObject *view = PyMemoryView_FromObject(self);
	int ret = -1;

	if (view && !value)
		PyErr_SetString(PyExc_TypeError, "cannot delete memory");
	else if (view)
		ret = PyObject_SetItem(view, key, value);
	Py_XDECREF(view);
	return ret;
}

static PyObject *slot_iter(PyObject *self)
{
	PyObject *view = PyMemoryView_FromObject(self), *iter = NULL;

	if (view)
		iter = PyObject_GetIter(view);
	Py_XDECREF(view);
	return iter;
}

/* What a memoryview has and a slot does not say otherwise. */
static PyObject *slot_getattr(PyObject *self, PyObject *name)
{
	PyObject *attr = PyObject_GenericGetAttr(self, name), *view;

	if (attr || !((struct rp_slot *)self)->owner ||
	    !PyErr_ExceptionMatches(PyExc_AttributeError))
		return attr;
	PyErr_Clear();
	view = PyMemoryView_FromObject(self);
	if (view)
		attr = PyObject_GetAttr(view, name);
	Py_XDECREF(view);
	return attr;
}

static PyObject *slot_compare(PyObject *self, PyObject *other, int op)
{
	PyObject *view, *result = NULL;

	if (!((struct rp_slot *)self)->owner || (op != Py_EQ && op != Py_NE))
		Py_RETURN_NOTIMPLEMENTED;
	view = PyMemoryView_FromObject(self);
	if (view)
		result = PyObject_RichCompare(view, other, op);
	Py_XDECREF(view);
	return result;
}

static PyObject *slot_repr(struct rp_slot *self)
{
	return PyUnicode_FromFormat("<ringbuffer.Slot at position %llu, %zu bytes, %s>",
				    (unsigned long long)self->slot.position, self->slot.length,
				    !self->owner     ? "given back"
				    : self->writable ? "reserved"
						     : "peeked");
}

static PyObject *slot_get_position(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(self->slot.position);
}

static PyObject *slot_get_timestamp(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(self->slot.timestamp);
}

static PyObject *slot_get_lost(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(self->slot.lost);
}

static PyObject *slot_get_flags(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLong(self->slot.flags);
}

static PyObject *slot_get_length(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyLong_FromSize_t(self->slot.length);
}

static PyObject *slot_get_readonly(struct rp_slot *self, void *closure)
{
	(void)closure;
	return PyBool_FromLong(!self->writable);
}

static int settable(struct rp_slot *self, PyObject *value)
{
	if (over(self))
		return -1;
	if (self->writable && value)
		return 0;
	PyErr_SetString(PyExc_AttributeError, "only a reserved slot can be changed");
	return -1;
}

static int slot_set_flags(struct rp_slot *self, PyObject *value, void *closure)
{
	unsigned long flags;

	(void)closure;
	if (settable(self, value))
		return -1;
	flags = PyLong_AsUnsignedLong(value);
	if (PyErr_Occurred())
		return -1;
	if (flags > UINT32_MAX) {
		PyErr_SetString(PyExc_OverflowError, "flags has 32 bits");
		return -1;
	}
	self->slot.flags = (uint32_t)flags;
	return 0;
}

static int slot_set_length(struct rp_slot *self, PyObject *value, void *closure)
{
	size_t length;

	(void)closure;
	if (settable(self, value))
		return -1;
	length = PyLong_AsSize_t(value);
	if (length == (size_t)-1 && PyErr_Occurred())
		return -1;
	if (length > self->capacity) {
		rp_error(-EMSGSIZE);
		return -1;
	}
	self->slot.length = length;
	return 0;
}

static PyMethodDef slot_methods[] = {
	{ "release", (PyCFunction)slot_release, METH_NOARGS,
	  "Give the slot back: the message is read, or the reservation discarded.\n\n"
	  "BufferError while views of it live; the end of a with block, and the next\n"
	  "step, give a peeked slot back as soon as they are gone." },
	{ "discard", (PyCFunction)slot_release, METH_NOARGS, "The same as release()." },
	{ "commit", RP_FAST(slot_commit), METH_FASTCALL | METH_KEYWORDS,
	  "commit($self, /, length=None)\n--\n\nPublish the slot." },
	{ "asarray", RP_FAST(slot_asarray), METH_FASTCALL | METH_KEYWORDS,
	  "asarray($self, /, dtype='u1', shape=None)\n--\n\n"
	  "A NumPy array of the bytes of the slot.\n\n"
	  "Of a peeked slot: on the slot itself, read-only; the slot goes back to the\n"
	  "writers when its last array is gone.  Of a reserved slot: an array that is\n"
	  "copied into the slot at commit and stays the caller's; the length of the\n"
	  "message becomes that of the array.  ringbuffer.asarray(slot) copies nothing,\n"
	  "and has to be gone at commit." },
	{ "_write", (PyCFunction)slot_write, METH_O, NULL },
	{ "__enter__", slot_enter, METH_NOARGS, NULL },
	{ "__exit__", RP_FAST(slot_exit), METH_FASTCALL, NULL },
	{ NULL },
};

static PyGetSetDef slot_getset[] = {
	{ "data", slot_data, NULL, "A memoryview of the bytes.", NULL },
	{ "length", (getter)slot_get_length, (setter)slot_set_length, "Length of the message.",
	  NULL },
	{ "flags", (getter)slot_get_flags, (setter)slot_set_flags,
	  "32 bits from the writer to the readers.", NULL },
	{ "position", (getter)slot_get_position, NULL, "Number of the slot in the stream.", NULL },
	{ "timestamp", (getter)slot_get_timestamp, NULL, "CLOCK_MONOTONIC ns at commit, or 0.",
	  NULL },
	{ "lost", (getter)slot_get_lost, NULL, "Slots lost just before this one.", NULL },
	{ "readonly", (getter)slot_get_readonly, NULL, "Whether it is a reader's.", NULL },
	{ NULL },
};

static PyBufferProcs slot_buffer = {
	.bf_getbuffer = (getbufferproc)slot_getbuffer,
	.bf_releasebuffer = (releasebufferproc)slot_releasebuffer,
};

static PyMappingMethods slot_mapping = {
	.mp_length = (lenfunc)slot_len,
	.mp_subscript = slot_item,
	.mp_ass_subscript = slot_set_item,
};

PyTypeObject rp_slot_type = {
	PyVarObject_HEAD_INIT(NULL, 0).tp_name = "ringbuffer.Slot",
	.tp_basicsize = sizeof(struct rp_slot),
	.tp_dealloc = (destructor)slot_dealloc,
	.tp_repr = (reprfunc)slot_repr,
	.tp_getattro = slot_getattr,
	.tp_richcompare = slot_compare,
	.tp_iter = slot_iter,
	.tp_as_buffer = &slot_buffer,
	.tp_as_mapping = &slot_mapping,
	.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.tp_traverse = (traverseproc)slot_traverse,
	.tp_doc = "A slot in place: bytes-like, and all that a memoryview can.",
	.tp_methods = slot_methods,
	.tp_getset = slot_getset,
};
