// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory files of the embedded host and their byte-range locks.
 *
 * The locks are those of open file descriptions (F_OFD_SETLK), on descriptions
 * that nobody else gets.  POSIX locks would go as soon as this process closes
 * any descriptor of the file, and the exported one is in the user's hands.
 *
 *	fd	what ringbuf_export() hands out.  Children and who it is sent to
 *		share its description, and with it the read lock of byte OPEN:
 *		that is there as long as one of them has a copy.
 *	own	this process's alone: the slow-path lock, and the bytes of the
 *		seats that it uses.  A child has its own from the fork on, so
 *		what its parent locked ends with the parent.
 *
 * Maps have descriptions of their own: children inherit maps, and a map keeps
 * its description and all the locks of that.
 *
 * A child of a raw clone() is noticed at its first use of the file only: until
 * then, and while it lives, it holds what its parent held.
 *
 * Whoever closes descriptors that are not his (closefrom()) takes the locks
 * away.  The slow path looks whether its descriptors are still what they were,
 * and locks again what it had.  Nothing is done to a descriptor that has become
 * another file's.
 */
#define _FILE_OFFSET_BITS 64 /* EMB_BYTE_KEPT() is far out */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "embedded.h"

#define EMB_BYTES (EMB_BYTE_USED + RINGBUF_MAX_READERS + RINGBUF_MAX_WRITERS)

/* How long a process that ends waits for slow-path locks, all of its files together. */
#define EMB_END_NS 100000000U

/* Out of the way of those who count on low numbers, or close them. */
#define FD_HIGH 512

/**
 * struct emb_file - a memory file that this process has open
 * @next: list, under files_lock
 * @dev: which file
 * @ino: which file
 * @fd: the descriptor that is handed out, unless it was closed; -1: given up
 * @own: the descriptor whose locks are ours
 * @refs: under files_lock
 * @process: whose @own and @mine are
 * @lock: the slow-path lock among our threads
 * @mine: bytes that this process has locked; under @lock
 * @renewed: @own was lost, and so were the locks for a while; under @lock
 * @path: of the name that goes with the last user, or NULL; under files_lock
 */
struct emb_file {
	struct emb_file *next;
	dev_t dev;
	ino_t ino;
	int fd;
	int own;
	int refs;
	u64 process;
	u64 lock;
	u8 mine[EMB_BYTES];
	bool renewed;
	char *path;
};

static u64 files_lock;
static struct emb_file *files;

/*
 * A lock among the threads of this process, which a forked child never inherits
 * in the locked state: it holds the number of the process that locked it.
 */
static bool process_trylock(u64 *lock)
{
	u64 mine = lib_process(), now = READ_ONCE(*lock);

	return now != mine && cmpxchg(lock, now, mine) == now;
}

/* False: somebody else had it at each of @tries looks. */
static bool process_lock_for(u64 *lock, unsigned int tries)
{
	const struct timespec pause = { .tv_nsec = 50000 };
	unsigned int n;

	for (n = 0; n < tries; n++) {
		if (process_trylock(lock))
			return true;
		if (n < 100)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
	return false;
}

static void process_lock(u64 *lock)
{
	while (!process_lock_for(lock, ~0U))
		;
}

static void process_unlock(u64 *lock)
{
	smp_store_release(lock, 0);
}

/* ---- descriptors ----------------------------------------------------------- */

static bool fd_is(const struct emb_file *file, int fd)
{
	struct stat st;

	return fd >= 0 && !fstat(fd, &st) && st.st_dev == file->dev && st.st_ino == file->ino;
}

/* Unless somebody has closed it meanwhile, and the number is another file's. */
void emb_fd_close(const struct emb_file *file, int fd)
{
	if (fd_is(file, fd))
		close(fd);
}

/* Turn a failure to open a path in /proc into its reason; -EOPNOTSUPP: /proc is missing. */
static int proc_error(int err)
{
	return err == -ENOENT && access("/proc/thread-self", F_OK) ? -EOPNOTSUPP : err;
}

/*
 * Another description of what @fd is open on, with locks of its own.  Only /proc
 * leads to a file that has no name, so this host needs it.
 */
int emb_fd_reopen(int fd)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	return proc_error(lib_fd_high(open(path, O_RDWR | O_CLOEXEC)));
}

/* Move @low to FD_HIGH or above, if the process may have such numbers. */
static int fd_out_of_the_way(int low)
{
	int high = low < 0 ? low : fcntl(low, F_DUPFD_CLOEXEC, FD_HIGH);

	if (high < 0)
		return low;
	close(low);
	return high;
}

/* ---- bytes ------------------------------------------------------------------ */

static int byte_do(int fd, int command, short type, u64 byte)
{
	struct flock fl = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1
	};
	int ret;

	do {
		ret = fcntl(fd, command, &fl);
	} while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

int emb_byte_lock(int fd, short type, u64 byte)
{
	return byte_do(fd, F_OFD_SETLK, type, byte);
}

/* Whether another description than our own has @byte. */
bool emb_byte_elsewhere(const struct emb_file *file, u64 byte)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1
	};

	return fcntl(file->own, F_OFD_GETLK, &fl) || fl.l_type != F_UNLCK;
}

/* ---- the list of files ------------------------------------------------------ */

/* In a new process @own is the parent's; in any, it may have been closed. */
static int own_open(struct emb_file *file)
{
	emb_fd_close(file, file->own);
	file->own = -1;
	if (!fd_is(file, file->fd))
		return -EBADF;
	file->own = fd_out_of_the_way(emb_fd_reopen(file->fd));
	if (file->own < 0)
		return file->own;
	emb_byte_lock(file->own, F_RDLCK, EMB_BYTE_HERE); /* for speed only */
	return 0;
}

/* What a new process of the file needs: its own view of locks. */
static int file_claim(struct emb_file *file)
{
	int err = own_open(file);

	if (err)
		return err;
	memset(file->mine, 0, sizeof(file->mine));
	file->renewed = false;
	smp_store_release(&file->process, lib_process());
	return 0;
}

int emb_file_enter(struct emb_file *file)
{
	int err = 0;

	if (likely(smp_load_acquire(&file->process) == lib_process()))
		return 0;
	process_lock(&files_lock);
	if (file->process != lib_process())
		err = file_claim(file);
	process_unlock(&files_lock);
	return err;
}

/*
 * Around fork(): no other thread is about to open a file, whose descriptor the
 * child would have without knowing; unless it takes too long, as it does when
 * a signal handler of the thread that is at it forks.
 */
static _Thread_local bool fork_locked;

static void fork_prepare(void)
{
	LIB_NO_CANCEL;

	fork_locked = process_lock_for(&files_lock, 1000);
}

static void fork_parent(void)
{
	if (fork_locked)
		process_unlock(&files_lock);
}

/* While we may still do what our parent may.  What fails is tried again at first use. */
static void fork_child(void)
{
	LIB_NO_CANCEL;
	struct emb_file *file;

	for (file = files; file; file = file->next)
		file_claim(file);
	fork_parent();
}

__attribute__((constructor)) static void fork_watch(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
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

	if (lstat(path, &st))
		return NULL;
	process_lock(&files_lock);
	file = file_find(&st);
	if (file && fd_is(file, file->fd))
		file->refs++;
	else
		file = NULL;
	process_unlock(&files_lock);
	return file;
}

static int file_new(const struct stat *st, int fd, struct emb_file **to)
{
	struct emb_file *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return -ENOMEM;
	file->dev = st->st_dev;
	file->ino = st->st_ino;
	file->fd = fd;
	file->own = -1;
	err = file_claim(file);
	if (err) {
		free(file);
		return err;
	}
	file->next = files;
	smp_store_release(&files, file);
	*to = file;
	return 0;
}

static int file_get(const struct stat *st, int fd, struct emb_file **to)
{
	struct emb_file *file = file_find(st);
	int err = 0;

	if (!file)
		err = file_new(st, fd, &file);
	else if (!fd_is(file, file->fd))
		file->fd = fd;
	else if (file->fd != fd)
		close(fd);
	if (err)
		return err;
	file->refs++;
	*to = file;
	return 0;
}

/*
 * Take over @fd, on success, which is open on a ring.  One descriptor of a file
 * is enough for this process.
 *
 * Nobody who keeps the rules locks byte OPEN for writing, so nobody is waited
 * for.  Who opened the file himself has the byte by now; another one's lock on
 * a description that was sent is the same.
 */
int emb_file_get(int fd, struct emb_file **file)
{
	struct stat st;
	int err = emb_byte_lock(fd, F_RDLCK, EMB_BYTE_OPEN);

	if (err)
		return err == -EAGAIN ? -EPROTO : err;
	if (fstat(fd, &st))
		return -errno;
	process_lock(&files_lock);
	err = file_get(&st, fd, file);
	process_unlock(&files_lock);
	return err;
}

int emb_file_fd(const struct emb_file *file)
{
	return file->fd;
}

int emb_file_own(const struct emb_file *file)
{
	return file->own;
}

void emb_file_put(struct emb_file *file)
{
	struct emb_file **at;

	process_lock(&files_lock);
	if (!--file->refs) {
		for (at = &files; *at != file; at = &(*at)->next)
			;
		WRITE_ONCE(*at, file->next);
		emb_fd_close(file, file->fd);
		emb_fd_close(file, file->own);
		free(file->path);
		free(file);
	}
	process_unlock(&files_lock);
}

/*
 * Remember @path, to be removed when this process ends as the last user of @file.
 * If memory for the copy is short, the name becomes a leftover.
 */
void emb_file_name(struct emb_file *file, const char *path)
{
	process_lock(&files_lock);
	if (!file->path)
		file->path = strdup(path);
	process_unlock(&files_lock);
}

/*
 * Under the slow-path lock: give up the descriptor that is handed out, and tell
 * whether nobody has one now.  The caller is about to put the file.  False too
 * when this process has another use for it.
 */
bool emb_file_last(struct emb_file *file)
{
	bool last;

	process_lock(&files_lock);
	last = file->refs == 1;
	if (last) {
		emb_fd_close(file, file->fd);
		file->fd = -1;
	}
	process_unlock(&files_lock);
	return last && !emb_byte_elsewhere(file, EMB_BYTE_OPEN);
}

/* Whether @path is this file. */
bool emb_file_is(const struct emb_file *file, const char *path)
{
	struct stat st;

	return !lstat(path, &st) && st.st_dev == file->dev && st.st_ino == file->ino;
}

/* ---- the slow-path lock ------------------------------------------------------ */

/* Somebody closed what is ours.  What nobody has taken meanwhile is ours again. */
static int own_renew(struct emb_file *file)
{
	int err;
	u32 i;

	process_lock(&files_lock);
	err = own_open(file);
	process_unlock(&files_lock);
	if (err)
		return err;
	for (i = EMB_BYTE_USED; i < EMB_BYTES; i++)
		if (file->mine[i] && emb_byte_lock(file->own, F_WRLCK, i))
			file->mine[i] = 0;
	file->renewed = true;
	return 0;
}

static int own_check(struct emb_file *file)
{
	return likely(fd_is(file, file->own)) ? 0 : own_renew(file);
}

/*
 * Keep the other threads of this process away from the bytes that it has.  Other processes
 * go on.  -EAGAIN: another thread keeps the slow-path lock, or this process's locks were
 * away for a while.  The caller then takes the slow-path lock, which has a time limit.
 */
int emb_file_lock_threads(struct emb_file *file)
{
	int err = emb_file_enter(file);

	if (err)
		return err;
	if (!process_lock_for(&file->lock, 1000))
		return -EAGAIN;
	if (!file->renewed && fd_is(file, file->own))
		return 0;
	process_unlock(&file->lock);
	return -EAGAIN;
}

/*
 * A thread that waits in emb_file_lock() sleeps on @unlocks.  Do not add to it: other
 * processes would think that the slow-path lock changes hands.  A thread that is just
 * about to sleep misses the wake-up, and looks again after a slice.
 */
void emb_file_unlock_threads(struct emb_file *file, const u32 *unlocks)
{
	process_unlock(&file->lock);
	emb_futex_kick(unlocks, 1);
}

/* -EAGAIN: another process, or another thread of this one, has the lock. */
int emb_file_trylock(struct emb_file *file)
{
	int err = emb_file_enter(file);

	if (err)
		return err;
	if (!process_trylock(&file->lock))
		return -EAGAIN;
	err = own_check(file);
	if (!err)
		err = emb_byte_lock(file->own, F_WRLCK, EMB_BYTE_LOCK);
	if (err)
		process_unlock(&file->lock);
	return err == -ENOLCK ? -EAGAIN : err;
}

/* Sleep until @unlocks is not @seen, one slice at most.  Returns for how long, in ns. */
static u64 unlock_wait(const u32 *unlocks, u32 seen)
{
	u64 begin = lib_clock(CLOCK_MONOTONIC), slept;

	emb_futex_wait(unlocks, seen, EMB_SLICE_NS);
	slept = lib_clock(CLOCK_MONOTONIC) - begin;
	/* A process that was stopped in its sleep has not waited all that time. */
	return slept < EMB_SLICE_NS ? slept : EMB_SLICE_NS;
}

/*
 * Take the slow-path lock.  @unlocks is the word of the file that each unlock adds
 * to, so a waiter can tell a lock in use from a stuck one: any user of the file
 * may hold the lock for ever, by hand or because it was stopped, and must not
 * hang the others.  -EBUSY: @unlocks did not move for EMB_PATIENCE_NS.
 *
 * A holder that dies wakes no waiter; the waiters notice within one slice.
 */
int emb_file_lock(struct emb_file *file, const u32 *unlocks)
{
	u32 last = smp_load_acquire(unlocks), seen = last;
	u64 waited = 0;
	int err;

	while ((err = emb_file_trylock(file)) == -EAGAIN) {
		if (seen != last)
			waited = 0;
		if (waited >= EMB_PATIENCE_NS)
			return -EBUSY;
		last = seen;
		waited += unlock_wait(unlocks, seen);
		seen = smp_load_acquire(unlocks);
	}
	return err;
}

void emb_file_unlock(struct emb_file *file, u32 *unlocks)
{
	emb_byte_lock(file->own, F_UNLCK, EMB_BYTE_LOCK);
	process_unlock(&file->lock);
	emb_futex_wake(unlocks, 1);
}

/* Whether the locks were away for a while; asked once each time. Under the lock. */
bool emb_file_renewed(struct emb_file *file)
{
	bool renewed = file->renewed;

	file->renewed = false;
	return renewed;
}

/* ---- the end of this process ---------------------------------------------------- */

/*
 * Remove the name, and say so in the header.  That is mapped for it, since write()
 * would end a process whose RLIMIT_FSIZE is lower by SIGXFSZ.
 */
static void name_end(struct emb_file *file)
{
	struct emb_header *header;

	if (!emb_file_is(file, file->path) || unlink(file->path))
		return;
	header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, file->own, 0);
	if (header == MAP_FAILED)
		return; /* an open in progress gets a ring without a name, as after rm */
	WRITE_ONCE(header->unlinked, 1);
	munmap(header, sizeof(*header));
}

/* Take the slow-path lock, or give up at @deadline, CLOCK_MONOTONIC ns. */
static bool end_lock(struct emb_file *file, u64 deadline)
{
	const struct timespec pause = { .tv_nsec = 50000 };

	/* emb_file_trylock() would renew a closed descriptor under files_lock, which is held. */
	while (fd_is(file, file->own)) {
		int err = emb_file_trylock(file);

		if (!err)
			return true;
		if (err != -EAGAIN || lib_clock(CLOCK_MONOTONIC) >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

/*
 * Other threads may still use the file: nothing but its descriptor goes here.  It is
 * closed before the lock is taken, so that of several users that end together the last
 * one to have the lock finds nobody else.
 */
static void file_end(struct emb_file *file, u64 deadline)
{
	if (file->process != lib_process())
		return;
	emb_fd_close(file, file->fd);
	file->fd = -1;
	if (!end_lock(file, deadline))
		return;
	if (!emb_byte_elsewhere(file, EMB_BYTE_OPEN))
		name_end(file);
	emb_byte_lock(file->own, F_UNLCK, EMB_BYTE_LOCK);
	process_unlock(&file->lock);
}

/*
 * Remove the names that a program leaves behind which ends without closing its
 * rings.  Locks that other threads or processes hold are waited for only briefly, all
 * together.
 */
__attribute__((destructor)) static void files_end(void)
{
	struct emb_file *file;
	u64 deadline;

	if (!process_lock_for(&files_lock, 1000))
		return;
	deadline = lib_clock(CLOCK_MONOTONIC) + EMB_END_NS;
	for (file = files; file; file = file->next)
		if (file->path)
			file_end(file, deadline);
	process_unlock(&files_lock);
}

/* ---- bytes of seats, under the lock ----------------------------------------- */

/*
 * True when nobody has @byte, no other handle of this process either, which the
 * kernel would not tell apart; it is ours then.
 */
bool emb_byte_take(struct emb_file *file, u32 byte)
{
	if (file->mine[byte] || emb_byte_lock(file->own, F_WRLCK, byte))
		return false;
	file->mine[byte] = 1;
	return true;
}

void emb_byte_drop(struct emb_file *file, u32 byte)
{
	file->mine[byte] = 0;
	emb_byte_lock(file->own, F_UNLCK, byte);
}

/*
 * Drop @byte without the slow-path lock, which is stuck or cannot be had: peers find
 * the seat unlocked and end it as one whose user died.  If it is a thread of this
 * process that keeps the lock, the seat stays until the process ends.
 */
void emb_byte_abandon(struct emb_file *file, u32 byte)
{
	if (!process_lock_for(&file->lock, 1000))
		return;
	/* Where the descriptor was closed, the lock is gone with it: own_renew() must not renew it.
	 */
	file->mine[byte] = 0;
	if (fd_is(file, file->own))
		emb_byte_lock(file->own, F_UNLCK, byte);
	process_unlock(&file->lock);
}

bool emb_byte_mine(const struct emb_file *file, u32 byte)
{
	return file->mine[byte];
}

/* Whether a living process, this one included, has @byte. */
bool emb_byte_held(const struct emb_file *file, u32 byte)
{
	return file->mine[byte] || emb_byte_elsewhere(file, byte);
}
