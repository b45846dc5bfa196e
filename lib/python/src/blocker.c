// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a write waits for, in its exception; what left a hole. */
#include "package.h"

#include <string.h>
#include <time.h>

#include "inside.h"

/* Return the name of a process, which may be any bytes, as Python names files. */
static PyObject *comm_str(const char *comm)
{
	return PyUnicode_DecodeFSDefault(comm);
}

/* Return what _blocker.blocker() takes. */
PyObject *rp_blocker_tuple(const struct ringbuf_blocker *b)
{
	return Py_BuildValue("(IIiKKKN)", b->kind, b->id, b->pid, b->position, b->lag, b->since,
			     comm_str(b->comm));
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * Raise @type, a WaitingForReaderError, with @text, which may be NULL.  The exception tells what
 * blocks the writers of @ring.  Drop the reference to @ring, which may be NULL.
 */
static PyObject *raise_blocked(PyObject *type, const char *text, struct ringbuf *ring)
{
	struct ringbuf_blocker b = { .size = sizeof(b) };
	PyObject *error, *raw;
	int err = -EBADF;

	/* The module takes a lock of the ring, and the embedded host reads files. */
	if (ring)
		RP_UNLOCKED(err = lib_blocker(ring, &b); ringbuf_close(ring));
	error = text ? PyObject_CallFunction(type, "s", text) : PyObject_CallObject(type, NULL);
	if (!error)
		return NULL;
	raw = err ? NULL
		  : Py_BuildValue("(NIL)", rp_blocker_tuple(&b), b.readers_lacking,
				  (long long)now_ns());
	if (err || (raw && !PyObject_SetAttrString(error, "_raw", raw)))
		PyErr_SetObject(type, error);
	Py_XDECREF(raw);
	Py_DECREF(error);
	return NULL;
}

/* Raise @type because @writer, which may be NULL, had to wait. */
PyObject *rp_writer_blocked(PyObject *type, const char *text, struct ringbuf_writer *writer)
{
	return raise_blocked(type, text, writer ? lib_writer_ring(writer) : NULL);
}

/* The same for a writer of @ring, which may be NULL. */
PyObject *rp_ring_blocked(PyObject *type, const char *text, struct ringbuf *ring)
{
	return raise_blocked(type, text, ring ? lib_ring_get(ring) : NULL);
}

/* Return what _blocker.hole() takes; @position as in ringbuf_reader_hole(). */
PyObject *rp_reader_hole(struct rp_reader *self, PyObject *arg)
{
	struct ringbuf_hole_status hole = { .size = sizeof(hole) };
	uint64_t position = RINGBUF_LAST_HOLE;
	int err;

	if (arg != Py_None && !rp_u64(arg, &position))
		return NULL;
	err = rp_handle_closed(&self->h) ? -EBADF : rp_use(&self->h.use, true);
	if (!err && !self->h.reader)
		err = -EBADF;
	if (!err)
		RP_WITHOUT_GIL(&self->h.use, false,
			       err = ringbuf_reader_hole(self->h.reader, position, &hole));
	if (err == -ENODATA)
		Py_RETURN_NONE;
	if (err)
		return rp_error(err == -ESTALE ? RP_GONE : err);
	return Py_BuildValue("(KIIIiN)", hole.position, hole.cause, hole.code, hole.writer,
			     hole.pid, comm_str(hole.comm));
}
