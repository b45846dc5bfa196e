// SPDX-License-Identifier: LGPL-2.1-or-later
/* Create, open and close rings, and choose their host. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "internal.h"

#define TEXT_OF(number) #number
#define TEXT(number)	TEXT_OF(number)
#define VERSION_TEXT                \
	TEXT(RINGBUF_VERSION_MAJOR) \
	"." TEXT(RINGBUF_VERSION_MINOR) "." TEXT(RINGBUF_VERSION_PATCH)

#ifdef RINGBUF_VERSION /* set by the Makefile, which names files and packages by it */
static_assert(!__builtin_strcmp(RINGBUF_VERSION, VERSION_TEXT), "VERSION and ringbuf.h disagree");
#endif

/* Sizes of the structures in version 0.1. */
#define GEOMETRY_SIZE_0_1 (offsetof(struct ringbuf_geometry, host) + sizeof(enum ringbuf_host))
#define STATUS_SIZE_0_1	  (offsetof(struct ringbuf_status, ended) + sizeof(uint32_t))

LIB_PUBLIC const char *ringbuf_version(void)
{
	return VERSION_TEXT;
}

LIB_PUBLIC unsigned int ringbuf_version_number(void)
{
	return RINGBUF_VERSION_NUMBER;
}

/*
 * Return whether the module can be used.  A ring that is a file needs no device: a container
 * may have a bind mount of the file alone.
 */
static bool module_here(const char *name)
{
	return !access("/dev/ringbuf", R_OK | W_OK) || (name && lib_module_has(name));
}

/* Choose the host.  -EINVAL: @want, or the value of RINGBUF_HOST, is not a known host. */
static int host_choose(enum ringbuf_host want, const char *name, const struct lib_host **host)
{
	const char *env = getenv("RINGBUF_HOST");

	*host = &lib_embedded_host;
	if (want == RINGBUF_HOST_AUTO && env && *env) {
		if (!strcmp(env, "module"))
			want = RINGBUF_HOST_MODULE;
		else if (!strcmp(env, "embedded"))
			want = RINGBUF_HOST_EMBEDDED;
		else
			return -EINVAL;
	}
	if (want == RINGBUF_HOST_MODULE || (want == RINGBUF_HOST_AUTO && module_here(name)))
		*host = &lib_module_host;
	else if (want != RINGBUF_HOST_EMBEDDED && want != RINGBUF_HOST_AUTO)
		return -EINVAL;
	return 0;
}

/* Return whether @size ends between two fields of the configuration. */
static bool config_size_fits(size_t size)
{
	const size_t end = offsetof(struct ringbuf_config, wait_readers);
	const size_t last = offsetof(struct ringbuf_config, claim_timeout);
	const size_t policy = offsetof(struct ringbuf_config, policy);

	return size >= policy + sizeof(uint32_t) || size == policy ||
	       size == offsetof(struct ringbuf_config, policy_lag) ||
	       size == offsetof(struct ringbuf_config, policy_timeout) ||
	       (size >= end + sizeof(uint32_t) && size <= last) ||
	       (size >= offsetof(struct ringbuf_config, host) + sizeof(enum ringbuf_host) &&
		size <= end) ||
	       size == offsetof(struct ringbuf_config, host) ||
	       size == offsetof(struct ringbuf_config, name) ||
	       size == offsetof(struct ringbuf_config, mode) ||
	       size == offsetof(struct ringbuf_config, max_writers);
}

/* Copy the user's structure, which may be shorter than *to, or longer if the rest is zero. */
static int config_copy(struct ringbuf_config *to, const struct ringbuf_config *from)
{
	size_t size = from->size;

	memset(to, 0, sizeof(*to));
	if (!config_size_fits(size))
		return -EINVAL;
	if (!lib_tail_is_zero(from, sizeof(*to), size))
		return -E2BIG;
	memcpy(to, from, size < sizeof(*to) ? size : sizeof(*to));
	if (to->flags & ~(RINGBUF_EXCLUSIVE | RINGBUF_TIMESTAMP | RINGBUF_KEPT))
		return -EINVAL;
	if (to->mode & ~0777U)
		return -EINVAL;
	if (!to->mode)
		to->mode = 0600;
	return 0;
}

static int ring_new(const char *name, const struct lib_host *host, struct ringbuf **ring)
{
	struct ringbuf *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->host = host;
	r->refs = 1;
	r->fd = -1;
	r->from = -1;
	if (name) {
		r->name = strdup(name);
		if (!r->name) {
			free(r);
			return -ENOMEM;
		}
	}
	*ring = r;
	return 0;
}

static int ring_finish(struct ringbuf *r, int err, struct ringbuf **ring)
{
	if (err) {
		free(r->name);
		free(r);
	} else {
		*ring = r;
	}
	return err;
}

LIB_PUBLIC int ringbuf_create(const struct ringbuf_config *config, struct ringbuf **ring)
{
	LIB_NO_CANCEL;
	struct ringbuf_config c;
	const struct lib_host *host;
	struct ringbuf *r;
	int err;

	*ring = NULL;
	err = config_copy(&c, config);
	if (!err)
		err = host_choose(c.host, c.name, &host);
	if (!err)
		err = ring_new(c.name, host, &r);
	if (err)
		return err;
	r->layout.slot_bytes = c.slot_bytes;
	r->layout.slot_count = c.slot_count;
	r->layout.flags = c.flags & (RINGBUF_EXCLUSIVE | RINGBUF_TIMESTAMP);
	r->layout.max_readers = c.max_readers;
	r->layout.max_writers = c.max_writers;
	r->layout.page_size = (u32)sysconf(_SC_PAGESIZE);
	r->layout.wait_readers = c.wait_readers;
	r->layout.claim_timeout = c.claim_timeout;
	r->layout.policy.kind = c.policy;
	r->layout.policy.timeout = c.policy_timeout;
	r->layout.policy.lag = c.policy_lag;
	r->kept = c.flags & RINGBUF_KEPT;
	err = rb_layout(&r->layout);
	if (!err)
		err = host->create(r, &c);
	return ring_finish(r, err, ring);
}

LIB_PUBLIC int ringbuf_open(const char *name, enum ringbuf_host want, struct ringbuf **ring)
{
	LIB_NO_CANCEL;
	const struct lib_host *host;
	struct ringbuf *r;
	int err;

	*ring = NULL;
	err = host_choose(want, name, &host);
	if (!err)
		err = ring_new(name, host, &r);
	if (err)
		return err;
	return ring_finish(r, host->open(r, name), ring);
}

LIB_PUBLIC int ringbuf_export(struct ringbuf *ring)
{
	return ring->host->export(ring);
}

static int fd_import(struct ringbuf *r, int fd)
{
	int err = r->host->import(r, fd);

	if (err == -EPROTO) {
		r->host = &lib_embedded_host;
		err = r->host->import(r, fd);
	}
	return err;
}

LIB_PUBLIC int ringbuf_import(int fd, const char *name, struct ringbuf **ring)
{
	LIB_NO_CANCEL;
	struct ringbuf *r;
	int err, taken;

	*ring = NULL;
	err = ring_new(name, &lib_module_host, &r);
	if (err)
		return err;
	taken = lib_fd_take(fd);
	err = taken < 0 ? taken : lib_fd_took(fd, taken, fd_import(r, taken));
	return ring_finish(r, err, ring);
}

LIB_PUBLIC int ringbuf_unlink(const char *name, enum ringbuf_host want)
{
	LIB_NO_CANCEL;
	const struct lib_host *host;
	int err = host_choose(want, name, &host);

	return err ? err : host->unlink(name);
}

LIB_PUBLIC void ringbuf_close(struct ringbuf *ring)
{
	LIB_NO_CANCEL;

	if (ring)
		lib_ring_put(ring);
}

LIB_PUBLIC int ringbuf_get_geometry(const struct ringbuf *ring, struct ringbuf_geometry *geometry)
{
	const struct rb_layout *l = &ring->layout;
	struct ringbuf_geometry ours = {
		.size = geometry->size,
		.slot_bytes = l->slot_bytes,
		.slot_count = l->slot_count,
		.slot_stride = l->slot_stride,
		.flags = l->flags | (ring->kept ? RINGBUF_KEPT : 0),
		.max_readers = l->max_readers,
		.max_writers = l->max_writers,
		.host = ring->host->kind,
		.wait_readers = l->wait_readers,
		.claim_timeout = l->claim_timeout,
		.policy_timeout = l->policy.timeout,
		.policy_lag = l->policy.lag,
		.policy = l->policy.kind,
	};

	memcpy(ours.uuid, l->uuid, sizeof(ours.uuid));
	if (ours.size < GEOMETRY_SIZE_0_1)
		return -EINVAL;
	lib_copy_out(geometry, ours.size, &ours, sizeof(ours));
	return 0;
}

LIB_PUBLIC int ringbuf_sync(struct ringbuf *ring, uint32_t reader, uint64_t position)
{
	LIB_NO_CANCEL;

	return ring->host->sync(ring, reader, position);
}

LIB_PUBLIC int ringbuf_evict_reader(struct ringbuf *ring, uint32_t reader)
{
	LIB_NO_CANCEL;

	return ring->host->evict(ring, reader);
}

/* Copy what a status tells of the blocker. */
static void status_blocker(struct ringbuf_status *status, const struct ringbuf_blocker *blocker)
{
	status->blocker_kind = blocker->kind;
	status->blocker_id = blocker->id;
	status->blocker_pid = blocker->pid;
	status->blocker_position = blocker->position;
	status->blocker_lag = blocker->lag;
	status->blocker_since = blocker->since;
	status->readers_lacking = blocker->readers_lacking;
	memcpy(status->blocker_comm, blocker->comm, sizeof(status->blocker_comm));
}

LIB_HIDDEN int lib_stats(struct ringbuf *ring, struct ringbuf_status *status,
			 struct ringbuf_blocker *blocker, struct ringbuf_reader_status *readers,
			 unsigned int count)
{
	LIB_NO_CANCEL;
	struct ringbuf_status ours = { .size = status->size };
	int n;

	memset(blocker, 0, sizeof(*blocker));
	if (ours.size < STATUS_SIZE_0_1 || (count && !readers))
		return -EINVAL;
	n = ring->host->stats(ring, &ours, blocker, readers, count);
	if (n < 0)
		return n;
	status_blocker(&ours, blocker);
	lib_copy_out(status, ours.size, &ours, sizeof(ours));
	return n;
}

LIB_PUBLIC int ringbuf_stats(struct ringbuf *ring, struct ringbuf_status *status,
			     struct ringbuf_reader_status *readers, unsigned int count)
{
	struct ringbuf_blocker blocker;

	return lib_stats(ring, status, &blocker, readers, count);
}

LIB_PUBLIC int ringbuf_writers(struct ringbuf *ring, struct ringbuf_writer_status *writers,
			       unsigned int count)
{
	LIB_NO_CANCEL;

	if (count && !writers)
		return -EINVAL;
	return ring->host->writers(ring, writers, count);
}
