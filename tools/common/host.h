/* SPDX-License-Identifier: GPL-2.0 */
/* What owns the ring, as options and the environment say it. */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include <argp.h>
#include <stdbool.h>

#include <ringbuf.h>

/* The host of --host=@arg; calls argp_error() where @arg is not auto, module or embedded. */
enum ringbuf_host host_option(struct argp_state *state, const char *arg);

/*
 * Replace RINGBUF_HOST_AUTO, for ARGP_KEY_END, by what ringbuf_create() would choose: what
 * the environment variable RINGBUF_HOST says, else the module where /dev/ringbuf can be
 * opened or the ring is a file of a file system of type "ringbuf" (@is_file), else the
 * embedded host.  Calls argp_error() where the variable has no known word.
 */
enum ringbuf_host host_choose(struct argp_state *state, enum ringbuf_host host, bool is_file);

#endif /* COMMON_HOST_H */
