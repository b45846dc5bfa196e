// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory files of the embedded host and their byte-range locks.
 *
 * POSIX locks belong to the process, and closing any descriptor of the file
 * drops all of them.  So every file has one entry in a list of this process,
 * however often it is opened here, and one descriptor that stays open while
 * anybody uses the entry.  A process does not see its own locks with F_GETLK:
 * the entry remembers them, and forgets them in a forked child, which has none.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

#define EMB_BYTES (EMB_BYTE_USED + RINGBUF_MAX_READERS + RINGBUF_MAX_WRITERS)

/**
 * struct emb_file - a memory file that this process has open
 * @next: list, under files_lock
 * @dev: which file
 * @ino: which file
 * @fd: the descriptor
 * @spare: another one, of an open file description that is this process's alone,
 *	or -1; under @lock, see file_close()
 * @refs: under files_lock
 * @process: whose @mine is
 * @lock: the slow-path lock among our threads
 * @mine: bytes that this process has locked; under @lock
 */
struct emb_file {
	struct emb_file *next;
	dev_t dev;
	ino_t ino;
	int fd;
	int spare;
	int refs;
	u64 process;
	u64 lock;
	u8 mine[EMB_BYTES];
};

static u64 files_lock;
static struct emb_file *files;

/*
 * A lock among the threads of this process, which a forked child never inherits
 * in the locked state: it holds the number of the process that locked it.
 */
static bool process_trylock(u64 *lock)
{
	u64 mine = rb_process(), now = READ_ONCE(*lock);

	return now != mine && cmpxchg(lock, now, mine) == now;
}

static void process_lock(u64 *lock)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	unsigned int tries;

	for (tries = 0; !process_trylock(lock); tries++) {
		if (tries < 100)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
}

static void process_unlock(u64 *lock)
{
	smp_store_release(lock, 0);
}

static int byte_lock(int fd, short type, u32 byte)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	int ret;

	do {
		ret = fcntl(fd, F_SETLK, &fl);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/*
 * Sleeps until it has the lock.  EDEADLK is no deadlock of ours: the kernel
 * takes all threads of a process for one, and we hold one such lock at a time.
 * To go on without the lock would break the ring.
 */
static void byte_lock_wait(int fd, short type, u32 byte)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	const struct timespec pause = { .tv_nsec = 50000 };

	while (fcntl(fd, F_SETLKW, &fl)) {
		if (errno == EINTR)
			continue;
		if (errno != EDEADLK && errno != ENOLCK)
			abort();
		nanosleep(&pause, NULL);
	}
}

/* What a new process of the file needs: its own view of locks, and byte OPEN. */
static void file_claim(struct emb_file *file)
{
	/* Its description is the parent's too; nothing is locked yet that this would drop. */
	if (file->spare >= 0)
		close(file->spare);
	file->spare = -1;
	memset(file->mine, 0, sizeof(file->mine));
	byte_lock_wait(file->fd, F_RDLCK, EMB_BYTE_OPEN);
	WRITE_ONCE(file->process, rb_process());
}

void emb_file_enter(struct emb_file *file)
{
	if (likely(READ_ONCE(file->process) == rb_process()))
		return;
	process_lock(&files_lock);
	if (file->process != rb_process())
		file_claim(file);
	process_unlock(&files_lock);
}

static struct emb_file *file_find(const struct stat *st)
{
	struct emb_file *file;

	for (file = files; file; file = file->next)
		if (file->dev == st->st_dev && file->ino == st->st_ino)
			return file;
	return NULL;
}

/* The entry of @path with one more reference, or NULL: not open here. */
struct emb_file *emb_file_find(const char *path)
{
	struct emb_file *file = NULL;
	struct stat st;

	if (stat(path, &st))
		return NULL;
	process_lock(&files_lock);
	file = file_find(&st);
	if (file)
		file->refs++;
	process_unlock(&files_lock);
	return file;
}

static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* The slow-path lock as the description of @fd has it: it outlives a close of other ones. */
static int spare_lock(int fd, short type)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = EMB_BYTE_LOCK, .l_len = 1
	};
	int ret;

	do {
		ret = fcntl(fd, F_OFD_SETLKW, &fl);
	} while (ret && errno == EINTR);
	return ret;
}

static void locks_retake(struct emb_file *file)
{
	u32 byte;

	byte_lock_wait(file->fd, F_RDLCK, EMB_BYTE_OPEN);
	for (byte = EMB_BYTE_USED; byte < EMB_BYTES; byte++)
		if (file->mine[byte])
			byte_lock_wait(file->fd, F_WRLCK, byte);
}

/*
 * Close @fd, one more descriptor of @file.  That drops all our locks, so they are
 * taken again before anybody may look at them: who looks has the slow-path lock,
 * which we hold meanwhile through a description of our own.  That one stays, for
 * to close it would drop the locks once more.  Where there is no /proc to get it
 * from, @fd stays.
 */
static void file_close(struct emb_file *file, int fd)
{
	if (fd == file->fd)
		return;
	emb_file_enter(file);
	process_lock(&file->lock);
	if (file->spare < 0)
		file->spare = reopen(fd);
	if (file->spare >= 0 && !spare_lock(file->spare, F_WRLCK)) {
		close(fd);
		locks_retake(file);
		spare_lock(file->spare, F_UNLCK);
	}
	process_unlock(&file->lock);
}

static struct emb_file *file_new(const struct stat *st, int fd)
{
	struct emb_file *file = calloc(1, sizeof(*file));

	if (!file)
		return NULL;
	file->dev = st->st_dev;
	file->ino = st->st_ino;
	file->fd = fd;
	file->spare = -1;
	file->refs = 1;
	file_claim(file);
	file->next = files;
	files = file;
	return file;
}

/* Take over @fd, on success: it is the entry's, or closed, if there is an entry already. */
struct emb_file *emb_file_get(int fd)
{
	struct emb_file *file;
	struct stat st;
	bool known;

	if (fstat(fd, &st))
		return NULL;
	process_lock(&files_lock);
	file = file_find(&st);
	known = file;
	if (known)
		file->refs++;
	else
		file = file_new(&st, fd);
	process_unlock(&files_lock);
	if (known)
		file_close(file, fd);
	return file;
}

int emb_file_fd(const struct emb_file *file)
{
	return file->fd;
}

void emb_file_put(struct emb_file *file)
{
	struct emb_file **at;

	process_lock(&files_lock);
	if (!--file->refs) {
		for (at = &files; *at != file; at = &(*at)->next)
			;
		*at = file->next;
		close(file->fd);
		if (file->spare >= 0)
			close(file->spare);
		free(file);
	}
	process_unlock(&files_lock);
}

/* Under the slow-path lock: nobody but this one user of this process has it open. */
bool emb_file_alone(struct emb_file *file)
{
	bool alone;

	if (file->refs > 1)
		return false;
	alone = !byte_lock(file->fd, F_WRLCK, EMB_BYTE_OPEN);
	byte_lock(file->fd, F_RDLCK, EMB_BYTE_OPEN);
	return alone;
}

void emb_file_lock(struct emb_file *file)
{
	emb_file_enter(file);
	process_lock(&file->lock);
	byte_lock_wait(file->fd, F_WRLCK, EMB_BYTE_LOCK);
}

/* False: somebody has it. */
bool emb_file_trylock(struct emb_file *file)
{
	emb_file_enter(file);
	if (!process_trylock(&file->lock))
		return false;
	if (!byte_lock(file->fd, F_WRLCK, EMB_BYTE_LOCK))
		return true;
	process_unlock(&file->lock);
	return false;
}

void emb_file_unlock(struct emb_file *file)
{
	byte_lock(file->fd, F_UNLCK, EMB_BYTE_LOCK);
	process_unlock(&file->lock);
}

/* True when no other process has @byte; it is ours then. Under the lock. */
bool emb_byte_take(struct emb_file *file, u32 byte)
{
	if (byte_lock(file->fd, F_WRLCK, byte))
		return false;
	file->mine[byte] = 1;
	return true;
}

void emb_byte_drop(struct emb_file *file, u32 byte)
{
	file->mine[byte] = 0;
	byte_lock(file->fd, F_UNLCK, byte);
}

/* Whether a living process, this one included, has @byte.  Under the lock. */
bool emb_byte_held(struct emb_file *file, u32 byte)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	if (file->mine[byte])
		return true;
	return fcntl(file->fd, F_GETLK, &fl) || fl.l_type != F_UNLCK;
}
