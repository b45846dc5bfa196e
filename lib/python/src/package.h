/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of ringbuffer._ringbuf share.
 *
 * A handle of libringbuf may be used by one thread at a time.  The GIL sees to
 * that as long as it is held; a call that gives it up, to wait or to copy much,
 * marks the handle busy, and a thread that finds it busy waits.
 */
#ifndef RP_PACKAGE_H
#define RP_PACKAGE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include <ringbuf.h>

#include "inside.h"

#define RP_GIL_BYTES (8 * 1024) /* a copy above this gives up the GIL */
/* What an int may say beside an errno. */
#define RP_RAISED	(-100000) /* an exception is set */
#define RP_READ_TIMEOUT (-100001)
#define RP_DIED		(-100003) /* the stream ended, and a writer died */
#define RP_GONE		(-100004) /* the handle was taken away, not only a slot */

#define RP_FAST(f)	 ((PyCFunction)(void (*)(void))(f))
#define RP_LIKELY(x)	 __builtin_expect(!!(x), 1)
#define RP_UNLIKELY(x)	 __builtin_expect(!!(x), 0)
#define RP_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- use.c: one thread at a time, waiting, errors ------------------------- */

/**
 * struct rp_use - the thread that uses a handle; all under the GIL
 * @busy: a thread uses it without the GIL
 * @waiting: that thread sleeps, and holds no slot
 * @closing: the sleep is to end
 * @wanted: how many threads wait for it
 * @turns: how many have waited
 * @thread: who is
 * @fork: value of rp_forks when @busy was last meant
 * @entered: rp_forks + 1 once this process has used the handle; the first use takes locks
 * @lock: held while @busy
 */
struct rp_use {
	bool busy;
	bool waiting;
	bool closing;
	unsigned int wanted;
	unsigned int turns;
	unsigned long thread;
	unsigned int fork;
	unsigned int entered;
	PyThread_type_lock lock;
};

extern unsigned int rp_forks; /* +1 in every child */

int rp_use_init(struct rp_use *use);
void rp_use_free(struct rp_use *use);
int rp_use_wait(struct rp_use *use, bool may_sleep);
int rp_use_close(struct rp_use *use);
void rp_use_give(struct rp_use *use, bool waiting);
void rp_use_take(struct rp_use *use);

/*
 * 0: the caller has the handle while it holds the GIL.  -EAGAIN: its user sleeps.
 * -EBUSY: we are a signal handler, or a finalizer, inside our own wait.
 */
static inline int rp_use(struct rp_use *use, bool may_sleep)
{
	if (RP_LIKELY(!use->busy && !use->wanted))
		return 0;
	return rp_use_wait(use, may_sleep);
}

/* Around a call without the GIL, on a handle that has been given. */
#define RP_UNLOCKED(call)                                       \
	do {                                                    \
		PyThreadState *rp_state_ = PyEval_SaveThread(); \
		call;                                           \
		PyEval_RestoreThread(rp_state_);                \
	} while (0)

/* Tell whether this process has used the handle before.  The first use takes locks. */
#define RP_ENTERED(use) ((use)->entered == rp_forks + 1)

/* Around a call without the GIL. */
#define RP_WITHOUT_GIL(use, waiting, call) \
	do {                               \
		rp_use_give(use, waiting); \
		RP_UNLOCKED(call);         \
		rp_use_take(use);          \
	} while (0)

/**
 * struct rp_wait - a wait in slices, so that signals and other things are seen
 * @deadline: CLOCK_MONOTONIC ns, INT64_MAX for none
 * @slice: what to give to the library
 */
struct rp_wait {
	int64_t deadline;
	int64_t slice;
};

void rp_wait_begin(struct rp_wait *wait, int64_t timeout);
int rp_wait_more(struct rp_wait *wait, const struct rp_use *use, int err);

int rp_timeout(PyObject *arg, int64_t *timeout);

/* Set the exception of a negative errno (nothing for RP_RAISED); NULL. */
PyObject *rp_error(int err);
PyObject *rp_os_error(int err, const char *name);

/* The exceptions that a polling program raises all the time. */
extern PyObject *rp_exc_waiting_writer, *rp_exc_waiting_reader;
extern PyObject *rp_exc_read_timeout, *rp_exc_write_timeout;

int rp_args(const char *const *names, unsigned int count, unsigned int needed,
	    PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out);

/**
 * struct rp_bytes - the bytes of an argument
 * @data: where
 * @length: how many
 * @view: to be released when @view.obj
 */
struct rp_bytes {
	const void *data;
	size_t length;
	Py_buffer view;
};

int rp_bytes_get(PyObject *object, struct rp_bytes *bytes);
int rp_buffer(PyObject *object, Py_buffer *view, int flags);

/* Converters for O& of PyArg_Parse: a number that does not fit raises OverflowError. */
int rp_u32(PyObject *arg, void *to);
int rp_u64(PyObject *arg, void *to);

static inline void rp_bytes_put(struct rp_bytes *bytes)
{
	if (bytes->view.obj)
		PyBuffer_Release(&bytes->view);
}

/* ---- types ------------------------------------------------------------------ */

struct rp_slot;

/**
 * struct rp_ring - Ring
 * @ring: of the library, NULL when closed
 * @name: str or None
 * @users: number of calls that use @ring without the GIL
 * @fork: value of rp_forks when @users was last changed
 * @doomed: @ring after close(), until the last of @users has returned
 */
struct rp_ring {
	PyObject_HEAD struct ringbuf *ring;
	PyObject *name;
	unsigned int users;
	unsigned int fork;
	struct ringbuf *doomed;
};

/**
 * struct rp_handle - Handle, with which Reader and Writer begin
 * @reader: of the library; NULL in a Writer, and when closed
 * @writer: of the library; NULL in a Reader, and when closed
 * @ring: Ring
 * @use: see there
 * @leaving: closed for the user; @reader is closed when the last view is gone
 */
struct rp_handle {
	PyObject_HEAD struct ringbuf_reader *reader;
	struct ringbuf_writer *writer;
	struct rp_ring *ring;
	struct rp_use use;
	bool leaving;
};

/**
 * struct rp_reader - Reader
 * @h: see there
 * @held: slots that are not released; borrowed references, a slot leaves when it is freed
 * @held_count: how many
 * @next: position to read next while @held is not empty
 * @viewed: number of slots that have views, lost slots included
 * @unsettled: a slot left @held while the handle was busy; it is to be released
 * @died_is_end: the death of a writer ends the stream without an error
 * @overrun: a slot was lost that nobody held any more; the next step says so
 * @missed: number of positions between the requested start and the first one available
 * @untold: how many of @missed the next slot reports in its lost field
 * @view: weak reference to the memoryview that iteration gave last, or NULL
 */
struct rp_reader {
	struct rp_handle h;
	struct rp_slot *held[RINGBUF_BATCH_MAX];
	unsigned int held_count;
	uint64_t next;
	unsigned int viewed;
	bool unsettled;
	bool died_is_end;
	bool overrun;
	uint64_t missed;
	uint64_t untold;
	PyObject *view;
};

/**
 * struct rp_writer - Writer
 * @h: see there
 * @reserved: borrowed, as in struct rp_reader
 * @slot_bytes: of the ring
 * @batch: most slots that write_many() reserves at once
 * @failed: an exception ended the with block while a slot had views: abandon when freed
 * @spare: bytearrays for slot.asarray(), reused when their reference count is 1
 */
struct rp_writer {
	struct rp_handle h;
	struct rp_slot *reserved;
	size_t slot_bytes;
	unsigned int batch;
	bool failed;
	PyObject *spare[2];
};

/**
 * struct rp_slot - Slot: a reserved or peeked slot, and the views of it
 * @slot: of the library
 * @owner: Reader or Writer, NULL when the slot is over, or not given yet
 * @fork: value of rp_forks when it was given: in a child it is its parent's
 * @writable: reserved
 * @ending: given back by the user; it is released when its last view is gone
 * @touched: a buffer of the reserved bytes was handed out, so they may be filled
 * @exports: buffers that are out
 * @capacity: of a reserved one
 * @own: of the bytearray that slot.asarray() gave, copied into the slot at commit; it
 *	cannot be resized meanwhile.  There is one when @own.obj
 */
struct rp_slot {
	PyObject_HEAD struct ringbuf_slot slot;
	PyObject *owner;
	unsigned int fork;
	bool writable;
	bool ending;
	bool touched;
	Py_ssize_t exports;
	size_t capacity;
	Py_buffer own;
};

extern PyTypeObject rp_ring_type, rp_handle_type, rp_reader_type, rp_writer_type, rp_slot_type;
extern PyTypeObject rp_control_type, rp_pointer_type, rp_dropin_type, rp_watch_type;

struct ringbuf *rp_ring_get(struct rp_ring *ring);
struct ringbuf *rp_ring_use(struct rp_ring *ring);
void rp_ring_unuse(struct rp_ring *ring);
int rp_ring_writer(struct rp_ring *self, struct ringbuf_writer **writer);
int rp_ring_status(struct rp_ring *self, struct ringbuf_status *status);
PyObject *rp_ticket(const struct ringbuf_ticket *ticket);
int rp_ticket_arg(PyObject *arg, struct ringbuf_ticket *ticket);
void rp_ticket_drop(const struct ringbuf_ticket *ticket);

struct rp_slot *rp_slot_new(bool writable);
void rp_slot_give(struct rp_slot *self, PyObject *owner, const struct ringbuf_slot *slot);
void rp_slot_retract(struct rp_slot *self);
bool rp_slot_inherited(const struct rp_slot *self);
int rp_slot_in_use(const struct rp_slot *self);
int rp_slot_end(struct rp_slot *slot);
int rp_slot_end_soon(struct rp_slot *slot);
PyObject *rp_slot_own(struct rp_slot *self);

/* ---- handle.c ----------------------------------------------------------------- */

typedef int (*rp_attach_fn)(struct rp_handle *h, struct ringbuf *ring,
			    const struct ringbuf_ticket *ticket, const void *how);

int rp_handle_attach(struct rp_handle *h, PyObject *ring, PyObject *ticket_arg, rp_attach_fn attach,
		     const void *how);
int rp_handle_stop(struct rp_handle *h);
void rp_handle_leave(struct rp_handle *h, bool failed);
int rp_handle_traverse(struct rp_handle *h, visitproc visit, void *arg);
int rp_handle_clear(struct rp_handle *h);
void rp_handle_free(struct rp_handle *h, bool failed);

static inline bool rp_handle_closed(const struct rp_handle *h)
{
	return (!h->reader && !h->writer) || h->leaving;
}

/* ---- array.c ------------------------------------------------------------------ */

PyObject *rp_asarray(PyObject *buffer, PyObject *dtype, PyObject *shape);
int rp_array_length(PyObject *array, size_t *length);

/* ---- blocker.c ---------------------------------------------------------------- */

PyObject *rp_blocker_tuple(const struct ringbuf_blocker *b);
PyObject *rp_writer_blocked(PyObject *type, const char *text, struct ringbuf_writer *writer);
PyObject *rp_ring_blocked(PyObject *type, const char *text, struct ringbuf *ring);
PyObject *rp_reader_hole(struct rp_reader *self, PyObject *arg);

int rp_reader_ready(struct rp_reader *r, bool may_sleep);
int rp_reader_left(struct rp_reader *r, struct rp_slot *slot, bool ours, bool again);
void rp_reader_unviewed(struct rp_reader *r);
int rp_reader_copy(struct rp_reader *r, bool mutable, int64_t timeout, PyObject **message);

int rp_write(struct ringbuf_writer *writer, struct rp_use *use, const struct rp_bytes *bytes,
	     int64_t timeout);
int rp_writer_left(struct rp_writer *w, struct rp_slot *slot, bool commit, bool ours);
PyObject *rp_writer_spare(struct rp_writer *w, size_t bytes);

#endif
