// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The module as host: /dev/ringbuf through its ioctls and maps.
 *
 * A handle of the library is a handle of the device, or of the ring's file if the device
 * does not exist.  A child does not inherit its maps (VM_DONTCOPY), so the child maps the
 * ring again at its first use, if the kernel allows it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module.h"

#define DEVICE	 "/dev/ringbuf"
#define SLICE_NS 50000000U /* how often an interruptible wait checks for an interrupt */

static int device_open(void)
{
	return lib_fd_high(open(DEVICE, O_RDWR | O_CLOEXEC));
}

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/*
 * Return the error of a call on @fd that returned @err and needs @features, RINGBUF_FEAT_*.  A
 * module without one of them refuses its field with -E2BIG or -EINVAL: make that -EOPNOTSUPP.
 */
static int call_error(int fd, int err, u64 features)
{
	struct ringbuf_features f = { .size = sizeof(f) };

	if ((err == -E2BIG || err == -EINVAL) && !call(fd, RINGBUF_IOC_FEATURES, &f) &&
	    features & ~f.features)
		return -EOPNOTSUPP;
	return err;
}

/* Entries for INFO; a later kernel may list more regions than this library knows. */
#define REGION_ROOM 16

/* Set the regions of @l that this library knows.  -EPROTO: one of them is missing. */
static int layout_regions(struct rb_layout *l, const struct ringbuf_region *region, u32 count)
{
	u32 known = 0, i;

	for (i = 0; i < count && i < REGION_ROOM; i++) {
		u32 id = region[i].id;

		if (id >= RB_REGIONS)
			continue;
		l->region[id].offset = region[i].offset;
		l->region[id].bytes = region[i].bytes;
		known |= 1U << id;
	}
	return known == (1U << RB_REGIONS) - 1 ? 0 : -EPROTO;
}

static void layout_set(struct rb_layout *l, const struct ringbuf_info *info)
{
	l->slot_bytes = info->slot_bytes;
	l->slot_count = info->slot_count;
	l->slot_stride = info->slot_stride;
	l->flags = info->ring_flags & (RINGBUF_CREATE_EXCLUSIVE | RINGBUF_CREATE_TIMESTAMP);
	l->max_readers = info->max_readers;
	l->max_writers = info->max_writers;
	l->page_size = info->page_size;
	l->wait_readers = info->wait_readers;
	l->claim_timeout = info->claim_timeout;
	l->policy.kind = info->policy;
	l->policy.timeout = info->policy_timeout;
	l->policy.lag = info->policy_lag;
	memcpy(l->uuid, info->uuid, sizeof(l->uuid));
	l->claim_offset = info->claim_offset;
	l->stamp_offset = info->stamp_offset;
}

/*
 * Get the geometry of the ring of @fd, and unless they are NULL the @id of the handle and the
 * @flags of the ring.
 */
static int module_layout(int fd, struct rb_layout *l, u32 *id, u32 *flags)
{
	struct ringbuf_region region[REGION_ROOM] = { { 0 } };
	struct ringbuf_info info = {
		.size = sizeof(info),
		.regions = (uintptr_t)region,
		.region_size = sizeof(region[0]),
		.region_count = REGION_ROOM,
	};
	int err = call(fd, RINGBUF_IOC_INFO, &info);

	if (err)
		return err;
	layout_set(l, &info);
	if (id)
		*id = info.id;
	if (flags)
		*flags = info.ring_flags;
	return layout_regions(l, region, info.region_count);
}

/* Set the geometry and kept flag of @ring from the ring of @fd. */
static int module_ring(struct ringbuf *ring, int fd)
{
	u32 flags;
	int err = module_layout(fd, &ring->layout, NULL, &flags);

	if (!err)
		ring->kept = flags & RINGBUF_CREATE_KEPT;
	return err;
}

/* Make @fd the handle of @ring, after binding it has returned @err.  Closes @fd on failure. */
static int ring_bound(struct ringbuf *ring, int fd, int err)
{
	if (!err)
		err = module_ring(ring, fd);
	if (err) {
		close(fd);
		return err;
	}
	ring->fd = fd;
	return 0;
}

/* Create the ring of a file.  Set its mode by fchmod(), because the umask must not change it. */
static int create_file(int fd, struct ringbuf_create *c, const struct ringbuf_config *config)
{
	int err;

	if (config->flags & RINGBUF_KEPT)
		c->flags |= RINGBUF_CREATE_KEPT;
	err = call(fd, RINGBUF_IOC_CREATE, c);
	if (!err && fchmod(fd, config->mode))
		err = -errno;
	return err;
}

static int module_create(struct ringbuf *ring, const struct ringbuf_config *config)
{
	struct ringbuf_create c = {
		.size = sizeof(c),
		.flags = ring->layout.flags,
		.slot_bytes = config->slot_bytes,
		.slot_count = config->slot_count,
		.max_readers = config->max_readers,
		.max_writers = config->max_writers,
		.wait_readers = config->wait_readers,
		.claim_timeout = config->claim_timeout,
		.policy = config->policy,
		.policy_timeout = config->policy_timeout,
		.policy_lag = config->policy_lag,
	};
	int fd = config->name ? lib_module_make(config->name) : device_open(), err;

	if (fd < 0)
		return fd;
	err = config->name ? create_file(fd, &c, config) : call(fd, RINGBUF_IOC_CREATE, &c);
	err = call_error(fd, err,
			 (c.claim_timeout ? RINGBUF_FEAT_FENCE : 0) |
				 (c.policy ? RINGBUF_FEAT_POLICY : 0));
	return ring_bound(ring, fd, err);
}

/*
 * Bind @fd.  @fd is a handle of the device and @from a handle of the ring, or @fd is a handle
 * of the ring's file and @from is -1.
 */
static int attach(int fd, int from, u32 role, struct ringbuf_attach *a)
{
	a->size = sizeof(*a);
	a->role = role;
	a->fd = from;
	return call(fd, RINGBUF_IOC_ATTACH, a);
}

/*
 * Open a ring that the caller may only read: bind an observer.  Keep @file, because readers
 * have to attach by it: the observer's handle gives only the rights of an observer.
 */
static int open_readable(struct ringbuf *ring, int file)
{
	struct ringbuf_attach a = { 0 };
	int fd = device_open(), err;

	if (fd < 0)
		return fd;
	err = ring_bound(ring, fd, attach(fd, file, RINGBUF_ROLE_OBSERVER, &a));
	if (!err)
		ring->from = file;
	return err;
}

static int module_open(struct ringbuf *ring, const char *name)
{
	struct ringbuf_attach a = { 0 };
	bool both;
	int file = lib_module_look(name, &both), err;

	if (file < 0)
		return file;
	if (both)
		return ring_bound(ring, file, attach(file, -1, RINGBUF_ROLE_OWNER, &a));
	err = open_readable(ring, file);
	if (err)
		close(file);
	return err;
}

/* A caller that may only read the file has no handle by which another process may attach. */
static int module_export(struct ringbuf *ring)
{
	return ring->from >= 0 ? -EOPNOTSUPP : ring->fd;
}

static int module_import(struct ringbuf *ring, int fd)
{
	int err = module_ring(ring, fd);

	if (err)
		return err == -EBADF ? err : -EPROTO;
	ring->fd = fd;
	return 0;
}

static void module_destroy(struct ringbuf *ring)
{
	close(ring->fd);
	if (ring->from >= 0)
		close(ring->from);
}

/*
 * Open another handle for the ring and set *from to the descriptor that ATTACH needs.  The
 * handle is one of the device or, if the device does not exist (in a container with a bind
 * mount of the ring's file), one of the file.
 */
static int handle_open(const struct ringbuf *ring, int *from)
{
	int fd = device_open(), file;
	char path[64];

	*from = ring->from >= 0 ? ring->from : ring->fd;
	if (fd != -ENOENT && fd != -EACCES && fd != -ENXIO)
		return fd;
	*from = -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ring->fd);
	if (lib_module_is_ring(path))
		return fd;
	file = lib_fd_high(open(path, O_RDWR | O_CLOEXEC));
	return file < 0 ? fd : file;
}

static int module_attach(struct lib_handle *h, enum ringbuf_start start, u64 position)
{
	struct ringbuf_attach a = {
		.start = start,
		.flags = h->take_over ? RINGBUF_ATTACH_TAKE_OVER : 0,
		.policy = h->policy.kind,
		.policy_timeout = h->policy.timeout,
		.policy_lag = h->policy.lag,
	};
	int err, from;

	if (start == RINGBUF_FROM_POSITION)
		a.position = position;
	h->fd = handle_open(h->ring, &from);
	if (h->fd < 0)
		return h->fd;
	err = attach(h->fd, from, h->role, &a);
	err = call_error(h->fd, err,
			 (a.flags ? RINGBUF_FEAT_FENCE : 0) | (a.policy ? RINGBUF_FEAT_POLICY : 0));
	if (err) {
		close(h->fd);
		return err;
	}
	h->id = a.id;
	h->start = a.position;
	return 0;
}

/*
 * Return the protection of a region's map.  A reader also maps its own cursor page writable,
 * see map_cursor().
 */
static int region_prot(u32 role, const struct rb_layout *l, unsigned int region)
{
	/* With one row the whole region is the reader's page. */
	if (role == RINGBUF_ROLE_READER && region == RINGBUF_REGION_CURSOR && l->max_readers == 1)
		return PROT_READ | PROT_WRITE;
	if (role == RINGBUF_ROLE_WRITER && region != RINGBUF_REGION_INFO &&
	    region != RINGBUF_REGION_CURSOR)
		return PROT_READ | PROT_WRITE;
	return PROT_READ;
}

static void unmap(void *map[RB_REGIONS], const struct rb_layout *l)
{
	unsigned int i;

	for (i = 0; i < RB_REGIONS; i++)
		if (map[i])
			munmap(map[i], l->region[i].bytes);
}

static void view_maps(const struct lib_handle *h, void *map[RB_REGIONS])
{
	map[RINGBUF_REGION_INFO] = h->view.info;
	map[RINGBUF_REGION_HEAD] = h->view.head;
	map[RINGBUF_REGION_SLOTS] = h->view.desc;
	map[RINGBUF_REGION_CURSOR] = h->view.cursor;
	map[RINGBUF_REGION_DATA] = h->data;
}

static int map_regions(struct lib_handle *h, const struct rb_layout *l, void *map[RB_REGIONS])
{
	unsigned int i;
	void *p;

	for (i = 0; i < RB_REGIONS; i++) {
		p = mmap(NULL, l->region[i].bytes, region_prot(h->role, l, i), MAP_SHARED, h->fd,
			 (off_t)l->region[i].offset);
		if (p == MAP_FAILED)
			return -errno;
		map[i] = p;
	}
	return 0;
}

/* Map the reader's own cursor page writable, over the read-only map of all cursor pages. */
static int map_cursor(const struct lib_handle *h, const struct rb_layout *l, char *cursors)
{
	u64 page = (u64)h->id * l->page_size;
	void *p = mmap(cursors + page, l->page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       h->fd, (off_t)(l->region[RINGBUF_REGION_CURSOR].offset + page));

	return p == MAP_FAILED ? -errno : 0;
}

static int module_enter(struct lib_handle *h)
{
	void *map[RB_REGIONS] = { NULL };
	struct rb_layout l = { 0 };
	int err = module_layout(h->fd, &l, NULL, NULL);
	u32 id;

	if (err)
		return err;
	h->slot_bytes = l.slot_bytes;
	h->slot_stride = l.slot_stride;
	err = map_regions(h, &l, map);
	if (!err && h->role == RINGBUF_ROLE_READER && l.max_readers > 1)
		err = map_cursor(h, &l, map[RINGBUF_REGION_CURSOR]);
	if (!err)
		err = module_layout(h->fd, &l, &id, NULL); /* the id of this process */
	if (!err) {
		rb_view_init(&h->view, &l, map[RINGBUF_REGION_INFO], map[RINGBUF_REGION_HEAD],
			     map[RINGBUF_REGION_SLOTS], map[RINGBUF_REGION_CURSOR]);
		err = rb_view_tables(&h->view, &l);
	}
	if (err) {
		unmap(map, &l);
		return err;
	}
	h->id = id;
	h->data = map[RINGBUF_REGION_DATA];
	return 0;
}

static void module_leave(struct lib_handle *h)
{
	struct ringbuf_detach d = { .size = sizeof(d) };
	void *map[RB_REGIONS];

	if (h->process && h->process == lib_process()) {
		/* Without DETACH the end of the maps counts as a death. */
		if (!h->abandoned)
			call(h->fd, RINGBUF_IOC_DETACH, &d);
		view_maps(h, map);
		unmap(map, &h->ring->layout);
	}
	close(h->fd);
}

/*
 * Wait in the kernel, which does not check @h->interrupted.  A signal may also come just
 * before the system call.  So an interruptible wait returns every SLICE_NS to check.
 */
static int module_wait(struct lib_handle *h, u64 waiter, u32 count, u64 deadline)
{
	struct ringbuf_wait w = { .size = sizeof(w), .timeout = deadline, .count = count };
	u64 slice = h->interruptible ? lib_clock(CLOCK_MONOTONIC) + SLICE_NS : ~0ULL;
	int err, was;

	(void)waiter;
	if (READ_ONCE(h->interrupted))
		return 0;
	if (slice < deadline)
		w.timeout = slice;
	/* The kernel disarms the handle when a cancelled thread leaves the call. */
	was = lib_cancel_now();
	err = call(h->fd, RINGBUF_IOC_WAIT, &w);
	lib_cancel_later(was);
	return err == -ETIMEDOUT && slice < deadline ? 0 : err;
}

static void module_interrupt(struct lib_handle *h)
{
	(void)h;
}

static void module_wake(struct lib_handle *h)
{
	struct ringbuf_wake w = { .size = sizeof(w) };

	call(h->fd, RINGBUF_IOC_WAKE, &w);
}

/* The module ends dead members by itself. */
static bool module_peers(struct lib_handle *h)
{
	(void)h;
	return false;
}

static bool module_ours(const struct lib_handle *h)
{
	(void)h;
	return true;
}

static int module_relieve(struct lib_handle *h, u32 count)
{
	struct ringbuf_wait w = { .size = sizeof(w), .count = count };
	int err = call(h->fd, RINGBUF_IOC_WAIT, &w);

	return err == -ETIMEDOUT || err == -EINTR || err == -ENOSPC ? -EAGAIN : err;
}

static int module_proceed(struct lib_handle *h)
{
	struct ringbuf_sync s = { .size = sizeof(s), .reader = h->id };

	return call(h->fd, RINGBUF_IOC_SYNC, &s);
}

static int module_done(struct lib_handle *h)
{
	struct ringbuf_done d = { .size = sizeof(d) };

	return call(h->fd, RINGBUF_IOC_DONE, &d);
}

/* Make a call that changes other members, which needs the rights of an owner. */
static int owner_call(struct ringbuf *ring, unsigned long request, void *arg)
{
	return ring->from >= 0 ? -EACCES : call(ring->fd, request, arg);
}

static int module_sync(struct ringbuf *ring, u32 reader, u64 position)
{
	struct ringbuf_sync s = { .size = sizeof(s) };

	if (reader == RINGBUF_ALL_READERS)
		s.flags |= RINGBUF_SYNC_ALL;
	else
		s.reader = reader;
	if (position == UINT64_MAX)
		s.flags |= RINGBUF_SYNC_HEAD;
	else
		s.position = position;
	return owner_call(ring, RINGBUF_IOC_SYNC, &s);
}

static int module_evict(struct ringbuf *ring, u32 reader)
{
	struct ringbuf_evict e = { .size = sizeof(e), .reader = reader };

	return owner_call(ring, RINGBUF_IOC_EVICT, &e);
}

static void blocker_set(struct ringbuf_blocker *blocker, const struct ringbuf_stats *s)
{
	blocker->kind = s->blocker_kind;
	blocker->id = s->blocker_id;
	blocker->pid = s->blocker_pid;
	blocker->position = s->blocker_position;
	blocker->lag = s->blocker_lag;
	blocker->since = s->blocker_since;
	blocker->readers_lacking = s->readers_lacking;
	memcpy(blocker->comm, s->blocker_comm, sizeof(blocker->comm));
}

static int module_stats(struct ringbuf *ring, struct ringbuf_status *status,
			struct ringbuf_blocker *blocker, struct ringbuf_reader_status *readers,
			unsigned int count)
{
	struct ringbuf_reader_stats *r = NULL;
	struct ringbuf_stats s = { .size = sizeof(s) };
	unsigned int i;
	int err;

	if (count > RINGBUF_MAX_READERS)
		count = RINGBUF_MAX_READERS;
	s.count = count;
	if (count) {
		r = calloc(count, sizeof(*r));
		if (!r)
			return -ENOMEM;
		s.readers = (uintptr_t)r;
		s.reader_size = sizeof(*r);
	}
	err = call(ring->fd, RINGBUF_IOC_STATS, &s);
	for (i = 0; !err && i < count && i < s.count; i++)
		readers[i] = (struct ringbuf_reader_status){
			.cursor = r[i].cursor,
			.lag = r[i].lag,
			.lost = r[i].lost,
			.holes = r[i].holes,
			.waits = r[i].waits,
			.id = r[i].id,
			.pid = r[i].pid,
			.policy = r[i].policy,
			.skipped = r[i].skipped,
			.skips = r[i].skips,
		};
	free(r);
	if (err)
		return err;
	status->head = s.head;
	status->repaired = s.repaired;
	status->writer_waits = s.waits;
	blocker_set(blocker, &s);
	status->readers = s.total;
	status->writers = s.writers;
	status->writers_ever = s.writers_ever;
	status->ended = s.ended;
	status->fenced = s.fenced;
	return (int)s.count;
}

static int module_writers(struct ringbuf *ring, struct ringbuf_writer_status *writers,
			  unsigned int count)
{
	struct ringbuf_stats s = { .size = sizeof(s),
				   .writer_size = sizeof(struct ringbuf_writer_stats) };
	struct ringbuf_writer_stats *w = calloc(RINGBUF_MAX_WRITERS, sizeof(*w));
	unsigned int i;
	int err;

	s.writer_count = count < RINGBUF_MAX_WRITERS ? count : RINGBUF_MAX_WRITERS;
	if (!w)
		return -ENOMEM;
	s.writer_table = (uintptr_t)w;
	err = call(ring->fd, RINGBUF_IOC_STATS, &s);
	for (i = 0; !err && i < count && i < s.writer_count; i++)
		writers[i] = (struct ringbuf_writer_status){
			.waits = w[i].waits,
			.id = w[i].id,
			.pid = w[i].pid,
		};
	free(w);
	return err ? err : (int)i;
}

static int module_blocker(struct ringbuf *ring, struct ringbuf_blocker *blocker)
{
	struct ringbuf_stats s = { .size = sizeof(s) };
	int err = call(ring->fd, RINGBUF_IOC_STATS, &s);

	if (!err)
		blocker_set(blocker, &s);
	return err;
}

static int module_hole(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole)
{
	struct ringbuf_hole k = { .size = sizeof(k), .position = position };
	int err = call(h->fd, RINGBUF_IOC_HOLE, &k);

	if (err)
		return err == -ENOTTY ? -EOPNOTSUPP : err;
	hole->cause = k.cause;
	hole->code = k.code;
	hole->writer = k.writer;
	hole->pid = k.pid;
	memcpy(hole->comm, k.comm, sizeof(hole->comm));
	return 0;
}

static int module_fd(struct lib_handle *h)
{
	return h->fd;
}

const struct lib_host lib_module_host = {
	.kind = RINGBUF_HOST_MODULE,
	.create = module_create,
	.open = module_open,
	.unlink = lib_module_remove,
	.destroy = module_destroy,
	.attach = module_attach,
	.enter = module_enter,
	.leave = module_leave,
	.wait = module_wait,
	.interrupt = module_interrupt,
	.wake = module_wake,
	.peers = module_peers,
	.ours = module_ours,
	.relieve = module_relieve,
	.proceed = module_proceed,
	.done = module_done,
	.sync = module_sync,
	.evict = module_evict,
	.stats = module_stats,
	.writers = module_writers,
	.blocker = module_blocker,
	.hole = module_hole,
	.fd = module_fd,
	.export = module_export,
	.import = module_import,
};
