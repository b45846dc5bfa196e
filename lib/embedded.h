/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The embedded host: the engine's layout in a sealed memfd (anonymous) or a
 * POSIX shared memory object (named), with futex waits and no kernel module.
 *
 *	header | seat[] of readers, then writers | writer[] | the ring as in layout.h
 *
 * The slow-path lock, and the mark that a process lives, are byte-range locks on the
 * memory file, held by open file descriptions (see embedded_file.c):
 *
 *	byte 0			the slow-path lock
 *	byte 1			read-locked by the descriptor that ringbuf_export() returns
 *	byte 2 + seat		locked by the process that uses the seat
 *	byte EMB_BYTE_HERE	read-locked by each process that has the file open, for
 *				speed only: the kernel keeps all locks of a file in one
 *				list, and searches all of it for an owner without locks
 *	byte EMB_BYTE_UNUSED(...)	locked by the descriptor of a handle that no process has
 *				used yet; a child or another process may still use the
 *				handle, so it lives as long as a process has the
 *				descriptor
 *
 * This host has limits that the module has not:
 *
 * - A peer that may write the memory can break the ring (a reader maps all of it
 *   writable), lock any of these bytes, and truncate the file of a named ring.  Only a
 *   memfd can be sealed, and a memfd has no name that outlives its owner.
 * - No descriptor can be polled.
 * - A dead peer is found by a process that waits for it, within about EMB_SLICE_NS, by
 *   the next process that needs its seat, or by statistics.
 * - Memory is charged to the process that creates the ring.
 *
 * An attach costs the same for any number of readers: it checks no seat but its own,
 * unless no seat is free or the writers still wait for their first readers.
 */
#ifndef LIB_EMBEDDED_H
#define LIB_EMBEDDED_H

#include <limits.h>

#include "engine/hold.h"
#include "internal.h"

#define EMB_MAGIC    0x37626d6530676e72ULL
#define EMB_SLICE_NS 25000000U /* the waiters of a ring check for dead peers this often */
/* A slow-path lock that is not unlocked for this long counts as stuck. */
#define EMB_PATIENCE_NS 2000000000ULL

/* The file of a named ring lies in EMB_SHM_DIR and is called EMB_SHM_FILE plus the name. */
#define EMB_SHM_DIR    "/dev/shm"
#define EMB_SHM_FILE   "ringbuf."
#define EMB_SHM_PREFIX EMB_SHM_DIR "/" EMB_SHM_FILE
#define EMB_SHM_PATH   (sizeof(EMB_SHM_PREFIX) + NAME_MAX)

#define EMB_BYTE_LOCK 0
#define EMB_BYTE_OPEN 1
#define EMB_BYTE_USED 2 /* + seat */
#define EMB_BYTE_HERE 32768 /* above the last seat */
/* Give each attach another byte, because copies of the descriptor may outlive the handle. */
#define EMB_BYTE_UNUSED(seat, generation) (((u64)(generation) + 1) << 16 | (seat))

/* Values of emb_seat.asleep while the user of the seat waits. */
#define EMB_SLEEPS  1U /* counted in header->waiters */
#define EMB_WATCHED 2U /* not counted: the thread of its watch is, at another seat */

#define EMB_FREE   0U
#define EMB_UNUSED 1U /* attached, not used yet */
#define EMB_USED   2U

/**
 * struct emb_seat - one reader or writer; the slow-path lock protects all fields
 * but @waiter, @seq and @asleep
 * @waiter: the engine's waiter word
 * @seq: futex, incremented by each wake-up
 * @state: EMB_FREE, EMB_UNUSED or EMB_USED
 * @generation: incremented by each attach
 * @pid: process that uses the seat, or attached it
 * @waits: times its user slept
 * @retired: of a writer's seat: holes below this position may name its id
 * @asleep: EMB_SLEEPS or EMB_WATCHED while its user waits for @seq, or is about to
 * @pid_space: pid namespace of @pid
 * @policy: of a reader's seat: its policy
 * @hold: of a reader's seat: how long it has held writers up
 */
struct emb_seat {
	u64 waiter;
	u32 seq;
	u32 state;
	u32 generation;
	s32 pid;
	u64 waits;
	u64 retired;
	u32 asleep;
	u32 pad0;
	u64 pid_space;
	struct rb_policy policy;
	struct rb_hold hold;
};

static_assert(sizeof(struct emb_seat) == 2 * RINGBUF_LINE, "two lines per seat");

/**
 * struct emb_writer - the process that has a writer's id, or had it last
 * @first: the writer has claimed no position below this one
 * @pid_space: pid namespace of @pid
 * @pid: the process
 * @unused: 0
 * @comm: its name when it became a writer
 */
struct emb_writer {
	u64 first;
	u64 pid_space;
	s32 pid;
	u32 unused;
	char comm[RINGBUF_COMM_BYTES];
};

/**
 * struct emb_hole - a writer that has ended and left holes
 * @first: the first hole
 * @end: the position after the last one; 0: there is no such writer yet
 * @id: the writer's id
 * @cause: RINGBUF_CAUSE_DIED or RINGBUF_CAUSE_LEFT
 * @writer: its process
 */
struct emb_hole {
	u64 first;
	u64 end;
	u32 id;
	u32 cause;
	struct emb_writer writer;
};

#define EMB_HOLES 16 /* a power of two, since the number of the next one overflows */

/**
 * struct emb_header - begin of the memory file
 * @magic: EMB_MAGIC
 * @bytes: size of the whole file
 * @ring: offset of the ring
 * @layout: layout of the ring; a process that opens the file checks it with rb_layout()
 * @dirty: the holder of the slow-path lock has not finished
 * @unlinked: the name has been removed, or is about to be
 * @next_writer: where to search for a free writer id first
 * @ids: writer ids above this one have never been used; a waker checks none of them
 * @repaired: slots made holes because their writer died
 * @writer_waits: times that writers which have left slept
 * @reaped: when a process last checked for dead readers and for dead writers, coarse ns
 * @recheck: how often a waiter that is the only one checks for dead peers, ns; 0: never
 * @checked: when a waiter last checked for dead peers on behalf of all, coarse ns
 * @waiters: number of seats whose @asleep is EMB_SLEEPS; too low if a waiter was killed just
 *	before it slept, never too high
 * @unlocks: futex of tasks that wait for the slow-path lock, incremented by each unlock
 * @taken: a bit for each row whose seat is not free
 * @look: the blocker and its position at the last look, see embedded_blocker.c; 0: not known
 * @looked: when a look first found these, by CLOCK_MONOTONIC
 * @next_hole: number of records that @hole has got
 * @hole: records of the last writers that left holes
 * @seat: readers by row, then writers by id - 1
 */
struct emb_header {
	u64 magic;
	u64 bytes;
	u64 ring;
	struct rb_layout layout;
	u32 dirty;
	u32 unlinked;
	u32 next_writer;
	u32 ids;
	u64 repaired;
	u64 writer_waits;
	u64 reaped[2];
	u64 recheck;
	u64 checked;
	s32 waiters;
	u32 unlocks;
	u64 taken[RINGBUF_MAX_READERS / 64];
	u64 look;
	u64 looked;
	u32 next_hole;
	struct emb_hole hole[EMB_HOLES];
	struct emb_seat seat[] __attribute__((aligned(RINGBUF_LINE)));
};

/* ---- embedded_file.c: memory files and their byte locks ------------------- */

int emb_file_get(int fd, struct emb_file **file) LIB_HIDDEN;
struct emb_file *emb_file_find(const char *path) LIB_HIDDEN;
int emb_file_fd(const struct emb_file *file) LIB_HIDDEN;
void emb_file_put(struct emb_file *file) LIB_HIDDEN;
void emb_file_name(struct emb_file *file, const char *path) LIB_HIDDEN;
bool emb_file_last(struct emb_file *file) LIB_HIDDEN;
bool emb_file_is(const struct emb_file *file, const char *path) LIB_HIDDEN;
int emb_file_enter(struct emb_file *file) LIB_HIDDEN;
int emb_file_lock(struct emb_file *file, const u32 *unlocks) LIB_HIDDEN;
int emb_file_trylock(struct emb_file *file) LIB_HIDDEN;
int emb_file_lock_threads(struct emb_file *file) LIB_HIDDEN;
void emb_file_unlock_threads(struct emb_file *file, const u32 *unlocks) LIB_HIDDEN;
void emb_file_unlock(struct emb_file *file, u32 *unlocks) LIB_HIDDEN;
bool emb_file_renewed(struct emb_file *file) LIB_HIDDEN;
int emb_fd_reopen(int fd) LIB_HIDDEN;
int emb_file_own(const struct emb_file *file) LIB_HIDDEN;
void emb_fd_close(const struct emb_file *file, int fd) LIB_HIDDEN;
int emb_byte_lock(int fd, short type, u64 byte) LIB_HIDDEN;
bool emb_byte_elsewhere(const struct emb_file *file, u64 byte) LIB_HIDDEN;
bool emb_byte_take(struct emb_file *file, u32 byte) LIB_HIDDEN;
void emb_byte_drop(struct emb_file *file, u32 byte) LIB_HIDDEN;
void emb_byte_abandon(struct emb_file *file, u32 byte) LIB_HIDDEN;
bool emb_byte_mine(const struct emb_file *file, u32 byte) LIB_HIDDEN;
bool emb_byte_held(const struct emb_file *file, u32 byte) LIB_HIDDEN;

/* ---- embedded_memory.c: create, open, names -------------------------------- */

int emb_create(struct ringbuf *ring, const struct ringbuf_config *config) LIB_HIDDEN;
int emb_open(struct ringbuf *ring, const char *name) LIB_HIDDEN;
int emb_export(struct ringbuf *ring) LIB_HIDDEN;
int emb_import(struct ringbuf *ring, int fd) LIB_HIDDEN;
int emb_unlink(const char *name) LIB_HIDDEN;
int emb_header_read(struct ringbuf *ring, int fd) LIB_HIDDEN;
void emb_destroy(struct ringbuf *ring) LIB_HIDDEN;

/* ---- embedded_names.c: names of rings without users -------------------------- */

bool emb_names_sweep(void) LIB_HIDDEN;
void emb_names_sweep_once(void) LIB_HIDDEN;

/* ---- embedded_room.c: how much memory there is ----------------------------- */

int emb_room_check(int fd, u64 bytes) LIB_HIDDEN;

/* ---- embedded_wait.c ------------------------------------------------------- */

int emb_futex_wait(const u32 *word, u32 value, u64 ns) LIB_HIDDEN;
void emb_futex_kick(const u32 *word, int count) LIB_HIDDEN;
void emb_futex_wake(u32 *word, int count) LIB_HIDDEN;
int emb_wait(struct lib_handle *h, u64 waiter, u32 count, u64 deadline) LIB_HIDDEN;
void emb_interrupt(struct lib_handle *h) LIB_HIDDEN;
void emb_wake(struct lib_handle *h) LIB_HIDDEN;
void emb_wake_all(struct ringbuf *ring) LIB_HIDDEN;
void emb_wake_writers(struct ringbuf *ring) LIB_HIDDEN;
bool emb_peers(struct lib_handle *h) LIB_HIDDEN;
void emb_check_peers(struct ringbuf *ring, bool writer) LIB_HIDDEN;
u64 emb_slice(const struct ringbuf *ring) LIB_HIDDEN;
u64 emb_slice_first(const struct lib_handle *h) LIB_HIDDEN;
void emb_wait_begin(struct lib_handle *h, u64 waiter, u32 asleep) LIB_HIDDEN;
void emb_wait_count(const struct lib_handle *h) LIB_HIDDEN;
void emb_wait_end(const struct lib_handle *h) LIB_HIDDEN;

/* ---- embedded_watch.c: one thread that waits for many handles ----------------- */

void emb_watched_elsewhere(struct lib_handle *h) LIB_HIDDEN;

/* ---- embedded_blocker.c: the reader or writer that limits the writers ----------- */

void emb_blocker_look(struct ringbuf *ring) LIB_HIDDEN;
int emb_blocker(struct ringbuf *ring, struct ringbuf_blocker *blocker) LIB_HIDDEN;

/* ---- embedded_hole.c: writers that left holes ------------------------------------ */

void emb_writer_own(struct ringbuf *ring, u32 id) LIB_HIDDEN;
void emb_hole_record(struct ringbuf *ring, u32 id, bool died, u64 count, u64 end) LIB_HIDDEN;
int emb_hole(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole) LIB_HIDDEN;

/* ---- embedded_seat.c: attach, detach, repair -------------------------------- */

int emb_lock(struct ringbuf *ring) LIB_HIDDEN;
int emb_lock_reap(struct ringbuf *ring) LIB_HIDDEN;
bool emb_trylock(struct ringbuf *ring) LIB_HIDDEN;
void emb_unlock(struct ringbuf *ring) LIB_HIDDEN;
int emb_attach(struct lib_handle *h, enum ringbuf_start start, u64 position) LIB_HIDDEN;
int emb_enter(struct lib_handle *h) LIB_HIDDEN;
void emb_leave(struct lib_handle *h) LIB_HIDDEN;
int emb_done(struct lib_handle *h) LIB_HIDDEN;
int emb_evict(struct ringbuf *ring, u32 row) LIB_HIDDEN;

/* ---- embedded_policy.c: policies of readers ----------------------------------- */

/* How often a writer that waits looks at readers with a policy, at most, in ns. */
#define EMB_POLICY_NS 5000000U

int emb_relieve(struct lib_handle *h, u32 count) LIB_HIDDEN;
int emb_proceed(struct lib_handle *h) LIB_HIDDEN;
void emb_policy_check(struct ringbuf *ring) LIB_HIDDEN;

/* ---- embedded_pid.c: numbers and names of processes ------------------------------ */

void emb_seat_own(struct emb_seat *p) LIB_HIDDEN;
s32 emb_seat_pid(const struct emb_seat *p) LIB_HIDDEN;
s32 emb_pid_here(s32 pid, u64 space) LIB_HIDDEN;
bool emb_pid_comm(s32 pid, char comm[RINGBUF_COMM_BYTES]) LIB_HIDDEN;
void emb_comm_copy(char to[RINGBUF_COMM_BYTES], const char from[RINGBUF_COMM_BYTES]) LIB_HIDDEN;

bool emb_reap(struct ringbuf *ring, bool readers) LIB_HIDDEN;

static inline u32 emb_seat_index(const struct ringbuf *ring, u32 role, u32 id)
{
	return role == RINGBUF_ROLE_READER ? id : ring->layout.max_readers + id - 1;
}

static inline struct emb_writer *emb_writer(const struct ringbuf *ring, u32 id)
{
	const struct rb_layout *l = &ring->layout;

	return (struct emb_writer *)&ring->header->seat[l->max_readers + l->max_writers] + id - 1;
}

static inline struct emb_seat *emb_seat(const struct lib_handle *h)
{
	return &h->ring->header->seat[emb_seat_index(h->ring, h->role, h->id)];
}

/*
 * Return whether @h still has its seat.  It has not if a peer took this process for dead.
 * Without the slow-path lock the result is only a hint.
 */
static inline bool emb_seat_is_ours(const struct lib_handle *h)
{
	const struct emb_seat *p = emb_seat(h);

	return READ_ONCE(p->state) != EMB_FREE && READ_ONCE(p->generation) == h->generation;
}

#endif
