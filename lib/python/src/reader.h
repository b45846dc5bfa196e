/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reader in three files: its life in reader.c, copies in reader_read.c, slots in
 * place in reader_peek.c.
 */
#ifndef RP_READER_H
#define RP_READER_H

#include "package.h"

/* ---- reader.c ---------------------------------------------------------------- */

int rp_reader_peek(struct rp_reader *r, struct ringbuf_slot *slots, unsigned int max,
		   int64_t timeout);
int rp_reader_whole(struct rp_reader *r, const struct ringbuf_slot *last);
int rp_reader_done(struct rp_reader *r, const struct ringbuf_slot *last);
/* lib_lost(), or RP_RAISED: a handler of a signal has raised an exception. */
int rp_lost(struct lib_losses *lost, int64_t *timeout);
int rp_reader_timeout(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, int64_t *timeout);
PyObject *rp_reader_error(int err);

/* ---- reader_read.c: methods ----------------------------------------------------- */

PyObject *rp_reader_read(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			 PyObject *kwnames);
PyObject *rp_reader_read_into(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames);
PyObject *rp_reader_read_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames);

/* ---- reader_peek.c: what is out, and methods -------------------------------------- */

int rp_reader_drop(struct rp_reader *r);
void rp_reader_lose(struct rp_reader *r);
int rp_reader_settle(struct rp_reader *r);
PyObject *rp_reader_peek_one(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			     PyObject *kwnames);
PyObject *rp_reader_peek_many(struct rp_reader *r, PyObject *const *args, Py_ssize_t nargs,
			      PyObject *kwnames);
PyObject *rp_reader_next(struct rp_reader *r);
PyObject *rp_reader_try_next(struct rp_reader *r, PyObject *none);

#endif
