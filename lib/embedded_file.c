// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory files of the embedded host and their byte-range locks.
 *
 * The locks belong to open file descriptions (F_OFD_SETLK) that only this process has.
 * POSIX locks would be dropped as soon as this process closes any descriptor of the file,
 * and the user may close copies of the exported one.
 *
 *	fd	the descriptor that ringbuf_export() returns.  Children, and processes
 *		to which it is sent, share its description, and with it the read lock
 *		of byte OPEN: the lock lives as long as one of them has a copy.
 *	own	private to this process: it holds the slow-path lock, and the bytes of
 *		the seats that the process uses.  A child opens its own at the fork, so
 *		the parent's locks end with the parent.
 *
 * Maps use separate descriptions, because children inherit maps, and a map keeps its
 * description with all its locks.
 *
 * The library notices a child of a raw clone() only when the child first uses the file.
 * Until then the child keeps its parent's locks as long as it lives.
 *
 * A program that closes descriptors of the library (closefrom()) drops the locks.  The
 * slow path checks that its descriptors still refer to the file, and if not takes the locks
 * again.  It leaves a descriptor alone that has become another file's.
 */
#define _FILE_OFFSET_BITS 64 /* for EMB_BYTE_UNUSED() */
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

/* How long an exiting process waits for the slow-path locks of all its files together. */
#define EMB_END_NS 100000000U

/* Use high numbers: programs expect, or close, low ones. */
#define FD_HIGH 512

/**
 * struct emb_file - a memory file that this process has open
 * @next: list, under files_lock
 * @dev: device of the file
 * @ino: inode number of the file
 * @fd: the exported descriptor, if the program has not closed it; -1: closed by the library
 * @own: the descriptor that holds this process's locks
 * @refs: references, under files_lock
 * @process: lib_process() of the process that @own and @mine belong to
 * @lock: the slow-path lock among the threads of this process
 * @mine: bytes that this process has locked; under @lock
 * @renewed: @own was closed, so the locks were dropped for a while; under @lock
 * @path: path of a name that goes with the last user, or NULL; under files_lock
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
 * Try to take a lock among the threads of this process.  The lock stores the number of the
 * process that took it, so a forked child does not inherit it in the locked state.
 */
static bool process_trylock(u64 *lock)
{
	u64 mine = lib_process(), now = READ_ONCE(*lock);

	return now != mine && cmpxchg(lock, now, mine) == now;
}

/* Try @tries times to take the lock.  False: another thread had it each time. */
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

/* Close @fd, unless the program has closed it and the number now belongs to another file. */
void emb_fd_close(const struct emb_file *file, int fd)
{
	if (fd_is(file, fd))
		close(fd);
}

/* Return -EOPNOTSUPP if opening a path in /proc failed because /proc is missing, else @err. */
static int proc_error(int err)
{
	return err == -ENOENT && access("/proc/thread-self", F_OK) ? -EOPNOTSUPP : err;
}

/*
 * Open the file of @fd again, as another description with its own locks.  A file without a
 * name can only be opened through /proc, so this host needs /proc.
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

/* Return whether another description than @file->own has locked @byte. */
bool emb_byte_elsewhere(const struct emb_file *file, u64 byte)
{
	struct flock fl = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1
	};

	return fcntl(file->own, F_OFD_GETLK, &fl) || fl.l_type != F_UNLCK;
}

/* ---- the list of files ------------------------------------------------------ */

/* Replace @own, which is the parent's in a new process, or was closed by the program. */
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

/* Make @file usable in this process: open @own, which holds no locks yet. */
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
 * Hold files_lock across fork(), so that no other thread is opening a file: the child would
 * inherit a descriptor that it does not know.  Do not wait for ever, because a signal
 * handler may fork in a thread that holds the lock.
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

/* Open each file now, while the child still has its parent's rights; retry failures later. */
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

/* Get a reference to the file at @path.  NULL: this process does not have it open. */
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
 * Get a reference to the file of @fd, a descriptor of a ring, and take over @fd on success.
 * This process keeps one exported descriptor of each file and closes others.
 *
 * The read lock of byte OPEN does not conflict with other users.  Only a process that breaks
 * the rules locks the byte for writing: -EPROTO.
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
 * Store @path, so that it is removed if this process ends as the last user of @file.
 * Without memory for the copy the name becomes an orphan, see embedded_names.c.
 */
void emb_file_name(struct emb_file *file, const char *path)
{
	process_lock(&files_lock);
	if (!file->path)
		file->path = strdup(path);
	process_unlock(&files_lock);
}

/*
 * Close the exported descriptor and return whether no process has a copy left.  Returns
 * false also if another ring of this process uses the file.  The caller holds the slow-path
 * lock and is about to drop the file.
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

/* Return whether @path leads to this file. */
bool emb_file_is(const struct emb_file *file, const char *path)
{
	struct stat st;

	return !lstat(path, &st) && st.st_dev == file->dev && st.st_ino == file->ino;
}

/* ---- the slow-path lock ------------------------------------------------------ */

/* Open @own again, which the program has closed, and lock the bytes that are still free. */
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
 * Lock out the other threads of this process, but not other processes, while the caller
 * changes @mine.  -EAGAIN: another thread keeps the slow-path lock, or the locks of this
 * process were dropped for a while.  Then the caller takes the slow-path lock, which has a
 * time limit.
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
 * Undo emb_file_lock_threads() and wake a thread that waits in emb_file_lock().  Do not
 * increment @unlocks: other processes would take that for an unlock of the slow-path lock.
 * So a thread that is just about to sleep misses the wake-up, and retries after a slice.
 */
void emb_file_unlock_threads(struct emb_file *file, const u32 *unlocks)
{
	process_unlock(&file->lock);
	emb_futex_kick(unlocks, 1);
}

/* Try to take the slow-path lock.  -EAGAIN: another process or thread has it. */
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

/* Sleep until @unlocks differs from @seen, one slice at most.  Returns the duration in ns. */
static u64 unlock_wait(const u32 *unlocks, u32 seen)
{
	u64 begin = lib_clock(CLOCK_MONOTONIC), slept;

	emb_futex_wait(unlocks, seen, EMB_SLICE_NS);
	slept = lib_clock(CLOCK_MONOTONIC) - begin;
	/* A process that was stopped in its sleep has not waited all that time. */
	return slept < EMB_SLICE_NS ? slept : EMB_SLICE_NS;
}

/*
 * Take the slow-path lock.  Each unlock increments @unlocks, a word of the file, so a task
 * that waits can tell a lock in use from a stuck one.  A process may hold the lock for ever,
 * on purpose or because it was stopped, and must not hang the others.  -EBUSY: @unlocks did
 * not change for EMB_PATIENCE_NS.
 *
 * A holder that dies wakes no task; the waiting tasks notice within one slice.
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

/*
 * Return whether the locks were dropped for a while, and forget it.  The caller holds the
 * slow-path lock.
 */
bool emb_file_renewed(struct emb_file *file)
{
	bool renewed = file->renewed;

	file->renewed = false;
	return renewed;
}

/* ---- the end of this process ---------------------------------------------------- */

/*
 * Remove the name and note that in the header.  Map the header to change it, because
 * write() could kill a process with a low RLIMIT_FSIZE by SIGXFSZ.
 */
static void name_end(struct emb_file *file)
{
	struct emb_header *header;

	if (!emb_file_is(file, file->path) || unlink(file->path))
		return;
	header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_SHARED, file->own, 0);
	if (header == MAP_FAILED)
		return; /* then an open in progress gets a ring without a name, as after rm */
	WRITE_ONCE(header->unlinked, 1);
	munmap(header, sizeof(*header));
}

/* Take the slow-path lock, or give up at @deadline, in CLOCK_MONOTONIC ns. */
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
 * Remove the name of @file if this exiting process is its last user.  Other threads may
 * still use the file, so close nothing but the exported descriptor.  Close it before taking
 * the lock, so that of several processes that exit together the last one to take the lock
 * finds no other user.
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
 * Remove the names of rings that the program has not closed when it exits.  Wait only
 * EMB_END_NS for all locks that other threads or processes hold.
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
 * Lock @byte for this process.  False: another process, or another handle of this process,
 * has it; the kernel does not tell handles of one process apart, so check @mine too.
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
 * Drop @byte without the slow-path lock, which could not be taken.  Peers find the seat
 * unlocked and end it as one whose user died.  If a thread of this process keeps the lock,
 * the seat stays taken until the process ends.
 */
void emb_byte_abandon(struct emb_file *file, u32 byte)
{
	if (!process_lock_for(&file->lock, 1000))
		return;
	/* If the program closed @own, keep own_renew() from locking @byte again. */
	file->mine[byte] = 0;
	if (fd_is(file, file->own))
		emb_byte_lock(file->own, F_UNLCK, byte);
	process_unlock(&file->lock);
}

bool emb_byte_mine(const struct emb_file *file, u32 byte)
{
	return file->mine[byte];
}

/* Return whether a living process, this one or another, has locked @byte. */
bool emb_byte_held(const struct emb_file *file, u32 byte)
{
	return file->mine[byte] || emb_byte_elsewhere(file, byte);
}
