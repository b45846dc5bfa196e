// SPDX-License-Identifier: LGPL-2.1-or-later
/* One thread at a time, waiting that signals can end, arguments, errors. */
#include "package.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define SLICE_NS 100000000LL
#define SECOND	 1000000000LL
#define COURTESY 500 /* moments */

unsigned int rp_forks;

PyObject *rp_exc_waiting_writer, *rp_exc_waiting_reader;
PyObject *rp_exc_read_timeout, *rp_exc_write_timeout;

static void forked(void)
{
	rp_forks++;
}

__attribute__((constructor)) static void forks_watch(void)
{
	pthread_atfork(NULL, NULL, forked);
}

/* -1 with an exception; also for what was made once and is made again. */
int rp_use_init(struct rp_use *use)
{
	if (use->lock) {
		PyErr_SetString(PyExc_RuntimeError, "made twice");
		return -1;
	}
	use->busy = use->waiting = use->closing = false;
	use->wanted = use->turns = use->entered = 0;
	use->fork = rp_forks;
	use->lock = PyThread_allocate_lock();
	if (use->lock)
		return 0;
	PyErr_NoMemory();
	return -1;
}

void rp_use_free(struct rp_use *use)
{
	if (use->lock)
		PyThread_free_lock(use->lock);
	use->lock = NULL;
}

/* The thread that was busy at the fork does not exist in this child; leave its lock alone. */
static bool left_behind(struct rp_use *use)
{
	PyThread_type_lock lock;

	if (RP_LIKELY(use->fork == rp_forks))
		return false;
	lock = PyThread_allocate_lock();
	if (!lock)
		return false;
	use->lock = lock;
	use->busy = use->closing = false;
	use->wanted = 0;
	use->fork = rp_forks;
	return true;
}

/* Handles that this thread waits for: a signal handler may come here from there. */
static __thread unsigned int waits;

/*
 * Let a waiting thread use the handle first, although it is free.  Otherwise a thread that
 * only copies would have the handle whenever another thread has the GIL.  Wait for a short
 * time only, since the other thread may need this one before it gets that far.
 */
static int let_others(struct rp_use *use)
{
	const struct timespec moment = { .tv_nsec = 20000 };
	unsigned int turns = use->turns, n;

	for (n = 0; n < COURTESY && !left_behind(use); n++) {
		PyThreadState *state;

		if (use->busy || !use->wanted || use->turns != turns || waits)
			break;
		state = PyEval_SaveThread();
		nanosleep(&moment, NULL);
		PyEval_RestoreThread(state);
		if (PyErr_CheckSignals())
			return RP_RAISED;
	}
	return 0;
}

static int wait_turn(struct rp_use *use, bool may_sleep)
{
	while (use->busy && !left_behind(use)) {
		PyThreadState *state;

		if (use->waiting && !may_sleep)
			return -EAGAIN;
		if (use->thread == PyThread_get_thread_ident())
			return -EBUSY;
		state = PyEval_SaveThread();
		if (PyThread_acquire_lock_timed(use->lock, SLICE_NS / 1000, 0) == PY_LOCK_ACQUIRED)
			PyThread_release_lock(use->lock);
		PyEval_RestoreThread(state);
		if (PyErr_CheckSignals())
			return RP_RAISED;
	}
	return 0;
}

int rp_use_wait(struct rp_use *use, bool may_sleep)
{
	unsigned int forks;
	int err = let_others(use);

	if (err || !use->busy)
		return err;
	forks = rp_forks;
	use->wanted++;
	waits++;
	err = wait_turn(use, may_sleep);
	waits--;
	use->turns++;
	if (forks == rp_forks && use->wanted)
		use->wanted--;
	return err;
}

/* Take the handle to close it: like rp_use(), but end the waits of other threads with -EBADF. */
int rp_use_close(struct rp_use *use)
{
	int err;

	use->closing = true;
	err = rp_use(use, true);
	use->closing = false;
	return err;
}

/* A thread that only checks the lock, in rp_use_wait(), lets it go at once. */
void rp_use_give(struct rp_use *use, bool waiting)
{
	left_behind(use);
	use->busy = true;
	use->waiting = waiting;
	use->thread = PyThread_get_thread_ident();
	use->fork = rp_forks;
	PyThread_acquire_lock(use->lock, 1);
}

void rp_use_take(struct rp_use *use)
{
	use->busy = false;
	PyThread_release_lock(use->lock);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void next_slice(struct rp_wait *wait)
{
	int64_t left = wait->deadline == INT64_MAX ? SLICE_NS : wait->deadline - now();

	/* Negative would be for ever. */
	wait->slice = left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
}

void rp_wait_begin(struct rp_wait *wait, int64_t timeout)
{
	wait->deadline = INT64_MAX;
	if (timeout >= 0 && __builtin_add_overflow(now(), timeout, &wait->deadline))
		wait->deadline = INT64_MAX;
	next_slice(wait);
}

/*
 * The slice ended with @err.  0: wait on.  Else what the whole wait ends with.
 * Runs other Python code, so the handle stays given meanwhile.
 */
int rp_wait_more(struct rp_wait *wait, const struct rp_use *use, int err)
{
	if (err != -ETIMEDOUT && err != -EINTR && err != -EAGAIN)
		return err;
	if (PyErr_CheckSignals())
		return RP_RAISED;
	if (use->closing)
		return -EBADF;
	next_slice(wait);
	return wait->slice > 0 ? 0 : -ETIMEDOUT;
}

/* Seconds, or None for ever. */
int rp_timeout(PyObject *arg, int64_t *timeout)
{
	double seconds;

	*timeout = RINGBUF_FOREVER;
	if (!arg || arg == Py_None)
		return 0;
	seconds = PyFloat_AsDouble(arg);
	if (seconds == -1.0 && PyErr_Occurred())
		return -1;
	if (isnan(seconds) || seconds < 0) {
		PyErr_SetString(PyExc_ValueError, "timeout must not be negative");
		return -1;
	}
	*timeout = seconds > 9e9 ? RINGBUF_FOREVER : (int64_t)ceil(seconds * SECOND);
	return 0;
}

static PyObject *exception(const char *name)
{
	PyObject *module = PyImport_ImportModule("ringbuffer._errors"), *exc = NULL;

	if (module)
		exc = PyObject_GetAttrString(module, name);
	Py_XDECREF(module);
	return exc;
}

static const struct {
	int err;
	const char *name;
	const char *text;
} errors[] = {
	{ EMSGSIZE, "DataTooLargeError", "the message is larger than a slot, or than the buffer" },
	{ EPIPE, "AlreadyClosedError", "no writer is active" },
	{ ENODATA, "WriterFinishedError", "the writers have finished" },
	{ -RP_DIED, "WriterDiedError", "a writer ended without saying that it was done" },
	{ -RP_GONE, "ClosedError",
	  "another process used this handle and has ended, or this one was taken for dead or fenced" },
	/* The module reports the same with EBADFD. */
	{ EBADFD, "ClosedError", "another process used this handle and has ended" },
	{ ESTALE, "OverrunError", "moved forward, skipped or overtaken: what was in hand is lost" },
	{ EIDRM, "EvictedError", "this reader was evicted, by another process or its policy" },
	{ EBUSY, "BusyError", "another process uses it, or a slot is reserved" },
	{ EPROTO, "InternalLockingError", "the words of the ring make no sense" },
	{ EBADF, "ClosedError", "closed" },
	{ -RP_READ_TIMEOUT, "ReadTimeoutError", "no message in time" },
};

static PyObject *raise_named(const char *name, const char *text)
{
	PyObject *exc = exception(name);

	if (exc)
		PyErr_SetString(exc, text);
	Py_XDECREF(exc);
	return NULL;
}

/* Return what the library says about an error, or strerror(3) if it says nothing special. */
static const char *error_text(int err)
{
	const char *text = ringbuf_strerror(err);

	return text == ringbuf_strerror(INT_MAX) ? strerror(-err) : text;
}

/*
 * Raise OSError with a text that says what to do about it, where there is one.  @name: of the
 * ring, may be NULL.
 */
PyObject *rp_os_error(int err, const char *name)
{
	/* The call chooses the subclass; before Python 3.11 PyErr_SetObject() would not in time. */
	PyObject *error = PyObject_CallFunction(PyExc_OSError, "isz", -err, error_text(err), name);

	if (error)
		PyErr_SetObject((PyObject *)Py_TYPE(error), error);
	Py_XDECREF(error);
	return NULL;
}

PyObject *rp_error(int err)
{
	size_t i;

	if (err == RP_RAISED)
		return NULL;
	for (i = 0; i < RP_ARRAY_SIZE(errors); i++)
		if (errors[i].err == -err)
			return raise_named(errors[i].name, errors[i].text);
	if (err == -ENOMEM) {
		PyErr_SetString(PyExc_MemoryError, error_text(err));
		return NULL;
	}
	if (err == -ENOBUFS) {
		PyErr_SetString(PyExc_BufferError,
				"the whole ring is in use by views of messages that were read: "
				"del some of them, or keep copies, to read on");
		return NULL;
	}
	return rp_os_error(err, NULL);
}

static int keyword(const char *const *names, unsigned int count, PyObject *key)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!PyUnicode_CompareWithASCIIString(key, names[i]))
			return (int)i;
	PyErr_Format(PyExc_TypeError, "unexpected keyword argument '%U'", key);
	return -1;
}

/* Arguments of a fast call by position or by name; the first @needed must be there. */
int rp_args(const char *const *names, unsigned int count, unsigned int needed,
	    PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, PyObject **out)
{
	Py_ssize_t i, keys = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
	unsigned int k;

	if (nargs > (Py_ssize_t)count) {
		PyErr_Format(PyExc_TypeError, "at most %u arguments, not %zd", count, nargs);
		return -1;
	}
	for (k = 0; k < count; k++)
		out[k] = k < nargs ? args[k] : NULL;
	for (i = 0; i < keys; i++) {
		int at = keyword(names, count, PyTuple_GET_ITEM(kwnames, i));

		if (at < 0)
			return -1;
		if (out[at]) {
			PyErr_Format(PyExc_TypeError, "argument '%s' given twice", names[at]);
			return -1;
		}
		out[at] = args[nargs + i];
	}
	for (k = 0; k < needed; k++)
		if (!out[k]) {
			PyErr_Format(PyExc_TypeError, "argument '%s' is missing", names[k]);
			return -1;
		}
	return 0;
}

int rp_u64(PyObject *arg, void *to)
{
	PyObject *number = PyNumber_Index(arg);
	unsigned long long value = number ? PyLong_AsUnsignedLongLong(number) : 0;

	Py_XDECREF(number);
	if (PyErr_Occurred())
		return 0;
	*(uint64_t *)to = value;
	return 1;
}

int rp_u32(PyObject *arg, void *to)
{
	uint64_t value;

	if (!rp_u64(arg, &value))
		return 0;
	if (value > UINT32_MAX) {
		PyErr_Format(PyExc_OverflowError, "%llu does not fit into 32 bits",
			     (unsigned long long)value);
		return 0;
	}
	*(uint32_t *)to = (uint32_t)value;
	return 1;
}

/* Tell whether a buffer format, of the struct module or NumPy, has a Python object in it. */
static bool has_objects(const char *format)
{
	bool name = false;

	for (; format && *format; format++) {
		if (*format == ':')
			name = !name;
		else if (*format == 'O' && !name)
			return true;
	}
	return false;
}

/* The same for NumPy arrays that have no buffer format, such as dates. */
static int dtype_has_objects(PyObject *object)
{
	PyObject *dtype = PyObject_GetAttrString(object, "dtype"), *has = NULL;
	int objects = 0;

	if (dtype)
		has = PyObject_GetAttrString(dtype, "hasobject");
	if (has)
		objects = PyObject_IsTrue(has);
	else
		PyErr_Clear();
	Py_XDECREF(has);
	Py_XDECREF(dtype);
	return objects;
}

/*
 * Get a contiguous buffer.  Arrays of Python objects raise TypeError: their bytes are
 * pointers, which mean nothing in another process.
 */
int rp_buffer(PyObject *object, Py_buffer *view, int flags)
{
	int objects;

	if (!PyObject_GetBuffer(object, view, flags | PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)) {
		objects = has_objects(view->format);
	} else {
		PyErr_Clear();
		if (PyObject_GetBuffer(object, view, flags))
			return -1;
		objects = dtype_has_objects(object);
	}
	if (!objects)
		return 0;
	PyBuffer_Release(view);
	if (objects > 0)
		PyErr_SetString(PyExc_TypeError,
				"Python objects are pointers, which mean nothing to others");
	return -1;
}

int rp_bytes_get(PyObject *object, struct rp_bytes *bytes)
{
	bytes->view.obj = NULL;
	if (RP_LIKELY(PyBytes_CheckExact(object))) {
		bytes->data = PyBytes_AS_STRING(object);
		bytes->length = (size_t)PyBytes_GET_SIZE(object);
		return 0;
	}
	if (rp_buffer(object, &bytes->view, PyBUF_SIMPLE))
		return -1;
	bytes->data = bytes->view.buf;
	bytes->length = (size_t)bytes->view.len;
	return 0;
}
