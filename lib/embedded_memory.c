// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory of the embedded host: a memfd, or a named file in /dev/shm. */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

#define ALLOCATE_MAX (64ULL << 20) /* bytes to allocate by one system call */

static void shm_path(char path[EMB_SHM_PATH], const char *name)
{
	snprintf(path, EMB_SHM_PATH, "%s%s", EMB_SHM_PREFIX, name);
}

/* Check a name, or NULL for none.  All names of this host are in one folder, so no slash. */
static int name_check(const char *name)
{
	if (!name)
		return 0;
	if (!*name || strchr(name, '/'))
		return -EINVAL;
	return strlen(name) > NAME_MAX ? -ENAMETOOLONG : 0;
}

static u64 header_bytes(const struct rb_layout *l)
{
	return rb_align(sizeof(struct emb_header) +
				((u64)l->max_readers + l->max_writers) * sizeof(struct emb_seat) +
				(u64)l->max_writers * sizeof(struct emb_writer),
			l->page_size);
}

/* Return the size of the whole file. */
static u64 file_bytes(const struct rb_layout *l)
{
	return header_bytes(l) + l->bytes;
}

static char *region(const struct ringbuf *ring, enum ringbuf_region_id id)
{
	return (char *)ring->header + header_bytes(&ring->layout) + ring->layout.region[id].offset;
}

/*
 * Keep the ring out of core dumps, which would contain the data of other processes and take
 * long to write.  RINGBUF_CORE=1 keeps the ring in.
 */
static void leave_out_of_core(void *p, u64 bytes)
{
	const char *keep = getenv("RINGBUF_CORE");

	if (!keep || strcmp(keep, "1"))
		madvise(p, bytes, MADV_DONTDUMP);
}

/*
 * Map @bytes of the file of @fd.  Use a separate description, because a map would keep the
 * locks of @fd alive, in children too.
 */
static int map(struct ringbuf *ring, int fd, u64 bytes)
{
	int err = 0;
	void *p;

	if (bytes > PTRDIFF_MAX) /* a 64-bit program created it, and this one has 32 bits */
		return -ENOMEM;
	fd = emb_fd_reopen(fd);
	if (fd < 0)
		return fd;
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err = -errno;
	close(fd);
	if (err)
		return err;
	madvise(p, bytes, MADV_HUGEPAGE); /* best effort */
	leave_out_of_core(p, bytes);
	ring->header = p;
	ring->bytes = bytes;
	return 0;
}

static void view(struct ringbuf *ring)
{
	rb_view_init(&ring->view, &ring->layout, region(ring, RINGBUF_REGION_INFO),
		     region(ring, RINGBUF_REGION_HEAD), region(ring, RINGBUF_REGION_SLOTS),
		     region(ring, RINGBUF_REGION_CURSOR));
	ring->data = region(ring, RINGBUF_REGION_DATA);
}

/*
 * Allocate @bytes of the file.  A signal makes the kernel undo an allocation in progress, so
 * halve the chunk after each signal: else a periodic timer could prevent all progress.
 */
static int allocate_chunks(int fd, u64 bytes, u64 page)
{
	u64 chunk = ALLOCATE_MAX, done = 0, now;
	int err;

	while (done < bytes) {
		now = bytes - done < chunk ? bytes - done : chunk;
		err = posix_fallocate(fd, (off_t)done, (off_t)now);
		if (err == EINTR)
			chunk = chunk / 2 > page ? chunk / 2 : page;
		else if (err)
			return -err;
		else
			done += now;
	}
	return 0;
}

static int allocate(int fd, u64 bytes, u64 page)
{
	int err = emb_room_check(fd, bytes);

	if (err)
		return err;
	err = allocate_chunks(fd, bytes, page);
	if (err != -ENOSPC)
		return err;
	/* Free what was allocated, because the check, and a retry, need all of the room. */
	if (ftruncate(fd, 0))
		return -errno;
	/* Either another process took the room, or the kernel has no memory for it. */
	err = emb_room_check(fd, bytes);
	return err ? err : -ENOMEM;
}

/* Create an empty file.  -EOPNOTSUPP: the ring has a name and /dev/shm is missing. */
static int memory_new(const struct ringbuf_config *config, int *fd)
{
	if (config->name)
		*fd = lib_fd_high(open(EMB_SHM_DIR, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	else
		*fd = lib_fd_high(memfd_create("ringbuf", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	if (*fd >= 0)
		return 0;
	return config->name && *fd == -ENOENT ? -EOPNOTSUPP : *fd;
}

/*
 * Return how often a waiter checks for dead peers, in ns; 0: never.  Tests set it to 0, so
 * that a lost wake-up hangs instead of being repaired.
 */
static u64 recheck(void)
{
	const char *ms = getenv("RINGBUF_RECHECK_MS");
	char *end;
	u64 ns;

	if (!ms || !*ms)
		return EMB_SLICE_NS;
	ns = strtoul(ms, &end, 10) * 1000000ULL;
	return *end ? EMB_SLICE_NS : ns;
}

/* Make a random UUID, of version 4. */
static int uuid_make(u8 uuid[RINGBUF_UUID_BYTES])
{
	ssize_t n;

	do {
		n = getrandom(uuid, RINGBUF_UUID_BYTES, 0);
	} while (n < 0 && errno == EINTR);
	if (n != RINGBUF_UUID_BYTES)
		return n < 0 ? -errno : -EIO;
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

/* Fill a new file, which no other process can open yet. */
static int memory_fill(struct ringbuf *ring, int fd)
{
	struct rb_layout *l = &ring->layout;
	u64 bytes = file_bytes(l);
	int err = uuid_make(l->uuid);

	if (!err)
		err = allocate(fd, bytes, l->page_size);
	if (!err)
		err = map(ring, fd, bytes);
	if (err)
		return err;
	ring->header->magic = EMB_MAGIC;
	ring->header->bytes = bytes;
	ring->header->ring = header_bytes(l);
	ring->header->layout = *l;
	ring->header->recheck = recheck();
	view(ring);
	rb_host_init(&ring->view, l->slot_bytes, l->slot_stride);
	rb_gate_close(&ring->view, l->wait_readers);
	return 0;
}

static int name_link(int fd, const char *path, mode_t mode)
{
	char from[48];

	if (fchmod(fd, mode))
		return -errno;
	snprintf(from, sizeof(from), "/proc/thread-self/fd/%d", fd);
	return linkat(AT_FDCWD, from, AT_FDCWD, path, AT_SYMLINK_FOLLOW) ? -errno : 0;
}

/* Check that all regions before the data lie below 2 GiB, so that 32-bit programs can map them. */
static bool layout_fits(const struct rb_layout *l)
{
	return l->region[RINGBUF_REGION_DATA].offset < 1ULL << 31;
}

/*
 * Compute @to from the few fields of @from that define a layout, and compare all
 * fields: a layout that differs anywhere could point outside the file.  The regions with
 * tables may be larger than those of this library, see rb_view_tables().
 */
static int layout_check(const struct rb_layout *from, struct rb_layout *to)
{
	u64 info = from->region[RINGBUF_REGION_INFO].bytes;
	u64 head = from->region[RINGBUF_REGION_HEAD].bytes;

	memset(to, 0, sizeof(*to));
	to->slot_bytes = from->slot_bytes;
	to->slot_count = from->slot_count;
	to->flags = from->flags & ~RINGBUF_CREATE_KEPT;
	to->max_readers = from->max_readers;
	to->max_writers = from->max_writers;
	to->page_size = (u32)sysconf(_SC_PAGESIZE);
	to->wait_readers = from->wait_readers;
	to->policy = from->policy;
	memcpy(to->uuid, from->uuid, sizeof(to->uuid));
	if (info >= 1ULL << 31 || head >= 1ULL << 31)
		return -EPROTO;
	if (rb_layout_larger(to, info, head) || !layout_fits(to))
		return -EPROTO;
	to->flags = from->flags;
	return memcmp(to, from, sizeof(*to)) ? -EPROTO : 0;
}

static int header_check(struct ringbuf *ring, const struct emb_header *h, const struct stat *st)
{
	struct rb_layout *l = &ring->layout;

	if (h->magic != EMB_MAGIC || layout_check(&h->layout, l))
		return -EPROTO;
	if (h->ring != header_bytes(l) || h->bytes != file_bytes(l) || h->bytes != (u64)st->st_size)
		return -EPROTO;
	ring->bytes = h->bytes;
	ring->kept = l->flags & RINGBUF_CREATE_KEPT;
	l->flags &= ~RINGBUF_CREATE_KEPT;
	return 0;
}

/*
 * Set @ring's fields from the header of @fd, which any program may have written.  Copy the
 * header once into private memory, so that no process changes it between check and use.
 * Does not change @fd.
 */
int emb_header_read(struct ringbuf *ring, int fd)
{
	struct emb_header h;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h))
		return -EPROTO;
	return header_check(ring, &h, &st);
}

/* Map @fd, whose header emb_header_read() has checked. */
static int memory_map(struct ringbuf *ring, int fd)
{
	int err = map(ring, fd, ring->bytes);

	if (err)
		return err;
	view(ring);
	if (ring->view.info->magic == RINGBUF_MAGIC &&
	    ring->view.info->abi_version == RINGBUF_ABI_VERSION &&
	    !rb_view_tables(&ring->view, &ring->layout))
		return 0;
	munmap(ring->header, ring->bytes);
	return -EPROTO;
}

static void memory_close(struct ringbuf *ring)
{
	munmap(ring->header, ring->bytes);
	emb_file_put(ring->file);
}

static int file_open(struct ringbuf *ring, const char *path)
{
	int fd = lib_fd_high(open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)), err;

	if (fd < 0)
		return fd == -ELOOP ? -EPROTO : fd;
	err = emb_header_read(ring, fd);
	if (!err)
		err = emb_file_get(fd, &ring->file);
	if (err)
		close(fd);
	return err;
}

/* Get the file at @path, and open it unless this process has it open. */
static int file_have(struct ringbuf *ring, const char *path)
{
	int err;

	ring->file = emb_file_find(path);
	if (!ring->file)
		return file_open(ring, path);
	err = emb_header_read(ring, emb_file_fd(ring->file));
	if (err)
		emb_file_put(ring->file);
	return err;
}

static int file_map(struct ringbuf *ring, const char *path)
{
	int err = file_have(ring, path);

	if (err)
		return err;
	err = memory_map(ring, emb_file_fd(ring->file));
	if (err)
		emb_file_put(ring->file);
	return err;
}

/* Take the slow-path lock to change the name only; seats are not checked. */
static int name_lock(struct ringbuf *ring)
{
	return emb_file_lock(ring->file, &ring->header->unlocks);
}

static void name_unlock(struct ringbuf *ring)
{
	emb_file_unlock(ring->file, &ring->header->unlocks);
}

/* Open and map the ring at @path.  -ESTALE: its name was removed meanwhile, retry. */
static int name_open_once(struct ringbuf *ring, const char *path)
{
	int err = file_map(ring, path);

	if (err)
		return err;
	err = name_lock(ring);
	if (!err) {
		err = ring->header->unlinked ? -ESTALE : 0;
		name_unlock(ring);
	}
	if (err)
		memory_close(ring);
	return err;
}

static int name_open(struct ringbuf *ring, const char *path)
{
	int err, tries;

	/* Bounded, because the file may claim that it is unlinked while it is not. */
	for (tries = 0; tries < 100; tries++) {
		err = name_open_once(ring, path);
		if (err != -ESTALE)
			return err;
	}
	return -EPROTO;
}

static int path_remove(const char *path)
{
	if (!unlink(path))
		return 0;
	return errno == EPERM ? -EACCES : -errno; /* EPERM: not the owner, in a sticky folder */
}

/* Remove the name.  The caller holds the slow-path lock, so no process opens the ring meanwhile. */
static int name_remove(const struct ringbuf *ring, const char *path)
{
	struct emb_header *header = ring->header;
	int err;

	/* Another process may have removed the name and given it to another ring. */
	if (header->unlinked || !emb_file_is(ring->file, path))
		return 0;
	err = path_remove(path);
	if (!err)
		header->unlinked = 1;
	return err;
}

/*
 * Remove @path if its ring is an orphan: not kept, and the last process that had it open
 * ended without closing it.  -EEXIST: the name stays, because the ring is in use, or because
 * this user may open the file but not remove it.  Such an orphan can be opened like a ring
 * in use.
 */
static int name_reclaim(const char *path)
{
	struct ringbuf ring = { .fd = -1 };
	int err = name_open(&ring, path);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = name_lock(&ring);
	if (!err) {
		err = -EEXIST;
		if (!ring.kept && emb_file_last(ring.file))
			err = name_remove(&ring, path);
		name_unlock(&ring);
	}
	memory_close(&ring);
	return err == -EACCES ? -EEXIST : err;
}

/* Open @path.  If its ring is an orphan, remove the name and return -ENOENT. */
static int name_open_used(struct ringbuf *ring, const char *path)
{
	int err = name_reclaim(path);

	if (err == -EEXIST)
		return name_open(ring, path);
	return err ? err : -ENOENT;
}

static int name_create(int fd, const char *name, mode_t mode)
{
	char path[EMB_SHM_PATH];
	int err, tries = 0;

	shm_path(path, name);
	do {
		err = name_link(fd, path, mode);
		if (err != -EEXIST)
			break;
		err = name_reclaim(path);
	} while (!err && ++tries < 100);
	/* The name is also taken if the file is not a ring, cannot be opened or is locked. */
	if (err == -EPROTO || err == -EACCES || err == -EBUSY)
		err = -EEXIST;
	return err;
}

/*
 * Return whether owner, group and others each have both read and write permission or
 * neither.  Readers write to the file of a ring too: with read permission alone a process
 * could not use the ring, but could lock its bytes.
 */
static bool mode_is_possible(mode_t mode)
{
	mode_t may_read = mode >> 2 & 0111, may_write = mode >> 1 & 0111;

	return may_read == may_write;
}

/* Seal a memfd, so that no process can truncate it, which would kill its users by SIGBUS. */
static int memory_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

/* Make a file with the ring in it, which no other process can open yet. */
static int memory_make(struct ringbuf *ring, const struct ringbuf_config *config, int *fd)
{
	int err = memory_new(config, fd);

	if (err)
		return err;
	err = memory_fill(ring, *fd);
	if (err == -ENOSPC && emb_names_sweep())
		err = memory_fill(ring, *fd);
	if (err)
		close(*fd);
	else if (ring->kept)
		ring->header->layout.flags |= RINGBUF_CREATE_KEPT;
	return err;
}

/* Have the name of @ring removed with its last user, even if that exits without closing it. */
static void name_tie(struct ringbuf *ring, const char *name)
{
	char path[EMB_SHM_PATH];

	if (!name || ring->kept)
		return;
	shm_path(path, name);
	emb_file_name(ring->file, path);
}

int emb_create(struct ringbuf *ring, const struct ringbuf_config *config)
{
	int fd, err = name_check(config->name);

	if (err)
		return err;
	if (!layout_fits(&ring->layout))
		return -EINVAL;
	if (config->name && !mode_is_possible(config->mode))
		return -EOPNOTSUPP;
	/* A fence has to take the memory of another process away, which no process can. */
	if (config->claim_timeout)
		return -EOPNOTSUPP;
	/* Nobody can ask the kernel whether a process of another pid namespace is frozen. */
	if (config->policy & RINGBUF_POLICY_AT_STOP)
		return -EOPNOTSUPP;
	if (config->name)
		emb_names_sweep_once();
	err = memory_make(ring, config, &fd);
	if (err)
		return err;
	err = emb_file_get(fd, &ring->file);
	if (err) {
		munmap(ring->header, ring->bytes);
		close(fd);
		return err;
	}
	if (config->name)
		err = name_create(fd, config->name, config->mode);
	else
		memory_seal(fd);
	if (err)
		memory_close(ring);
	else
		name_tie(ring, config->name);
	return err;
}

int emb_open(struct ringbuf *ring, const char *name)
{
	char path[EMB_SHM_PATH];
	int err = name_check(name);

	if (err)
		return err;
	shm_path(path, name);
	err = name_open_used(ring, path);
	if (!err)
		name_tie(ring, name);
	return err;
}

int emb_export(struct ringbuf *ring)
{
	return emb_file_fd(ring->file);
}

/* Return whether @fd is a file in EMB_SHM_DIR, where the files of named rings are. */
static bool in_shm(int fd)
{
	struct stat dir, st;

	return !stat(EMB_SHM_DIR, &dir) && !fstat(fd, &st) && st.st_dev == dir.st_dev;
}

/*
 * Seal the file of a ring that another process sent.  -EPROTO: its sender can still truncate
 * it.  Accept the file of a named ring, which cannot be sealed, but no memfd without
 * F_SEAL_SHRINK, which its sender may have kept us from sealing by F_SEAL_SEAL.
 */
static int import_seal(int fd)
{
	int seals;

	memory_seal(fd);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && seals & F_SEAL_SHRINK)
		return 0;
	return in_shm(fd) ? 0 : -EPROTO;
}

int emb_import(struct ringbuf *ring, int fd)
{
	int err = name_check(ring->name);

	if (!err)
		err = emb_header_read(ring, fd);
	if (!err)
		err = import_seal(fd);
	/* Read the header again, because the size can change until the file is sealed. */
	if (!err)
		err = emb_header_read(ring, fd);
	if (!err)
		err = memory_map(ring, fd);
	if (err)
		return err;
	err = emb_file_get(fd, &ring->file);
	if (err)
		munmap(ring->header, ring->bytes);
	else
		name_tie(ring, ring->name);
	return err;
}

int emb_unlink(const char *name)
{
	struct ringbuf ring = { .fd = -1 };
	char path[EMB_SHM_PATH];
	int err = name_check(name);

	if (err)
		return err;
	shm_path(path, name);
	err = name_open_used(&ring, path);
	if (!err) {
		err = name_lock(&ring);
		if (!err) {
			err = name_remove(&ring, path);
			name_unlock(&ring);
		}
		memory_close(&ring);
	}
	/*
	 * Neither a peer that keeps the lock nor a truncated file may keep the owner
	 * from removing the name: remove it without the lock, as rm does.
	 */
	return err == -EBUSY || err == -EPROTO ? path_remove(path) : err;
}

void emb_destroy(struct ringbuf *ring)
{
	char path[EMB_SHM_PATH];

	if (ring->name && !ring->kept && !name_lock(ring)) {
		shm_path(path, ring->name);
		if (emb_file_last(ring->file))
			name_remove(ring, path);
		name_unlock(ring);
	}
	memory_close(ring);
}
