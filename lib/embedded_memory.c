// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory of the embedded host: a memfd, or a named file in /dev/shm. */
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

#define ALLOCATE_MAX (64ULL << 20) /* at a time */

static void shm_path(char path[EMB_SHM_PATH], const char *name)
{
	snprintf(path, EMB_SHM_PATH, "%s%s", EMB_SHM_PREFIX, name);
}

/* Here all names are in one folder.  NULL is no name. */
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
				((u64)l->max_readers + l->max_writers) * sizeof(struct emb_seat),
			l->page_size);
}

/* Bytes of the whole file. */
static u64 file_bytes(const struct rb_layout *l)
{
	return header_bytes(l) + l->bytes;
}

static char *region(const struct ringbuf *ring, enum ringbuf_region_id id)
{
	return (char *)ring->header + header_bytes(&ring->layout) + ring->layout.region[id].offset;
}

/*
 * A core dump would contain the whole ring, with what other processes wrote, and would
 * take as long as that takes.  RINGBUF_CORE=1 keeps the ring in it.
 */
static void leave_out_of_core(void *p, u64 bytes)
{
	const char *keep = getenv("RINGBUF_CORE");

	if (!keep || strcmp(keep, "1"))
		madvise(p, bytes, MADV_DONTDUMP);
}

/* By a description of its own: a map would keep the locks of @fd, in children too. */
static int map(struct ringbuf *ring, int fd, u64 bytes)
{
	int err = 0;
	void *p;

	if (bytes > PTRDIFF_MAX) /* a 64-bit program made it, and this one has 32 */
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
	madvise(p, bytes, MADV_HUGEPAGE); /* only a wish */
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
 * A signal ends the kernel's work and undoes it: so it is given less and less at
 * a time, or a timer that ticks would keep it from ever being done.
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
	/* Give back what the file has got: a check, and another try, ask for all of it. */
	if (ftruncate(fd, 0))
		return -errno;
	/* Another process took the room meanwhile, or the kernel has no memory for it. */
	err = emb_room_check(fd, bytes);
	return err ? err : -ENOMEM;
}

/* -EOPNOTSUPP: /dev/shm is missing. */
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

/* Without it a lost wake-up would be found, not mended: for tests. */
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

/* Fill a new file, while nobody else can see it. */
static int memory_fill(struct ringbuf *ring, int fd)
{
	struct rb_layout *l = &ring->layout;
	u64 bytes = file_bytes(l);
	int err = allocate(fd, bytes, l->page_size);

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

/* What lies before the data must be below 2 GiB, or 32-bit programs could not map it. */
static bool layout_fits(const struct rb_layout *l)
{
	return l->region[RINGBUF_REGION_DATA].offset < 1ULL << 31;
}

/*
 * Lay @to out from the few fields of @from that define a layout, and compare all
 * the others: a layout that differs anywhere would lead out of the file.  The regions
 * with tables may be larger than this library makes them, see rb_view_tables().
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
 * Fill @ring from the header of @fd, which any program may have written.  The header
 * is read once, into memory of our own: what is checked is what is used.  On
 * failure @fd is as it was, so that the caller may close what is not a ring.
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

/* Map @fd, whose header has been read. */
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

/* The file of @path, opened unless this process has it open. */
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

/* Take the slow-path lock to change the name only: seats are not looked at. */
static int name_lock(struct ringbuf *ring)
{
	return emb_file_lock(ring->file, &ring->header->unlocks);
}

static void name_unlock(struct ringbuf *ring)
{
	emb_file_unlock(ring->file, &ring->header->unlocks);
}

/* -ESTALE: the name went away meanwhile, look again. */
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

	/* Once for each time that the name was made anew; or the file lies. */
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
	return errno == EPERM ? -EACCES : -errno; /* EPERM: another user's, in a sticky folder */
}

/* Remove the name; under the lock, so that nobody claims the file meanwhile. */
static int name_remove(const struct ringbuf *ring, const char *path)
{
	struct emb_header *header = ring->header;
	int err;

	/* Somebody else may have removed it, and made it anew for another ring. */
	if (header->unlinked || !emb_file_is(ring->file, path))
		return 0;
	err = path_remove(path);
	if (!err)
		header->unlinked = 1;
	return err;
}

/*
 * Remove the name of @path if its ring is a leftover: not kept, and the
 * last process that had it open ended without closing it.  -EEXIST: the name
 * stays, because the ring is in use, or because this user may open the file but
 * not remove it.  Such a leftover can be opened like a ring in use.
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

/* Open @path, unless its ring is a leftover, which is removed: -ENOENT. */
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
	/* A file that is no ring, cannot be opened or is locked has the name all the same. */
	if (err == -EPROTO || err == -EACCES || err == -EBUSY)
		err = -EEXIST;
	return err;
}

/*
 * Readers write to the file of a ring as well.  Permission to read alone would
 * not be enough to use the ring, but enough to lock its bytes.
 */
static bool mode_is_possible(mode_t mode)
{
	mode_t may_read = mode >> 2 & 0111, may_write = mode >> 1 & 0111;

	return may_read == may_write;
}

/* Seal a memfd, so that no process can truncate it, which would be SIGBUS for its users. */
static int memory_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

/* Make a file with the ring in it, which no other process can see yet. */
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

/* Tie the name of @ring to its last user, even to one that ends without closing the ring. */
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

/* Whether @fd is open on a file of EMB_SHM_DIR, where the files of named rings are. */
static bool in_shm(int fd)
{
	struct stat dir, st;

	return !stat(EMB_SHM_DIR, &dir) && !fstat(fd, &st) && st.st_dev == dir.st_dev;
}

/*
 * Seal the file of a ring that another process sent.  -EPROTO: its sender can truncate
 * it.  The file of a named ring cannot be sealed, and is accepted all the same; a memfd
 * without F_SEAL_SHRINK is not, even where F_SEAL_SEAL keeps seals from being added.
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
	/* Read the header again: only now the size is final. */
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
	 * from removing the name: go on without the lock, as rm does.
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
