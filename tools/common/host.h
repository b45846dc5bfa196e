/* SPDX-License-Identifier: GPL-2.0 */
/* The host of a ring: the module or the library, as chosen by --host and RINGBUF_HOST. */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include <argp.h>
#include <stdbool.h>

#include <ringbuf.h>

/* Return the host of --host=@arg.  Call argp_error() unless @arg is auto, module or embedded. */
enum ringbuf_host host_option(struct argp_state *state, const char *arg);

/*
 * Return @host; in place of RINGBUF_HOST_AUTO return the host that ringbuf_create() would choose:
 * the one that the environment variable RINGBUF_HOST names, else the module if /dev/ringbuf can be
 * opened or the ring is a file of a file system of type "ringbuf" (@is_file), else the embedded
 * host.  Call argp_error() if the variable names no host.  For the case ARGP_KEY_END of a parser.
 */
enum ringbuf_host host_choose(struct argp_state *state, enum ringbuf_host host, bool is_file);

#endif /* COMMON_HOST_H */
