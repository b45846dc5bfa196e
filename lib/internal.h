/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects and host interface that the files of libringbuf share.
 *
 * A struct ringbuf is reference counted: its creator and every handle hold one reference.
 * A handle belongs to one host; struct lib_host has all operations that differ between
 * hosts.  Only the engine accesses the shared words.
 */
#ifndef LIB_INTERNAL_H
#define LIB_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <ringbuf.h>

#include "engine/host.h"
#include "engine/layout.h"

#define LIB_HIDDEN __attribute__((visibility("hidden")))
#define LIB_PUBLIC __attribute__((visibility("default")))
/* For functions that are called for each message: inline all callees that are not LIB_SLOW. */
#define LIB_FLAT __attribute__((flatten))
#define LIB_SLOW __attribute__((noinline))

struct lib_handle;
struct emb_watched;

/**
 * struct lib_host - operations of the module or of the embedded host
 * @kind: RINGBUF_HOST_MODULE or RINGBUF_HOST_EMBEDDED
 * @create: create @ring from @config; @ring->layout holds the checked request
 * @open: open @ring by its name
 * @unlink: remove a name
 * @destroy: free @ring's resources; called with the last reference
 * @attach: bind @h as @h->role; a reader starts at @start, @position
 * @enter: become the user of @h in this process and set its view and data; called at the
 *	first use
 * @leave: detach @h and release what @attach and @enter took
 * @wait: sleep until @waiter is reached or another change may matter; @deadline is
 *	absolute CLOCK_MONOTONIC ns, ~0 for none.  Returns 0 if the caller has to check
 *	again, -ETIMEDOUT or -EINTR
 * @interrupt: end the sleep of @h, whose @interrupted was set; callable from a signal handler
 * @wake: wake the waiters whose target is reached; called when a wake word is reached
 * @peers: check for dead peers, if the last check was long enough ago; called when a step
 *	found nothing to do.  Returns true if it repaired something
 * @ours: return false if a peer took this process for dead and @h has lost its seat
 * @relieve: evict or skip the readers that have held up writer @h for too long, which wants
 *	@count slots.  Returns 0 to try again, -EAGAIN if it still has to wait
 * @proceed: let reader @h, which was skipped, continue
 * @done: end the writer @h
 * @sync: see ringbuf_sync()
 * @evict: see ringbuf_evict_reader()
 * @stats: see ringbuf_stats(); fills in @blocker, which is 0 on entry, instead of what @status
 *	tells of it
 * @writers: see ringbuf_writers()
 * @blocker: see ringbuf_writer_blocker(); takes no lock that another process could keep;
 *	@blocker is 0 on entry
 * @hole: see ringbuf_reader_hole(); @hole is 0 on entry but for its position
 * @fd: see ringbuf_reader_fd()
 * @export: see ringbuf_export()
 * @import: open @ring by a descriptor; -EPROTO if the descriptor is not of this host
 */
struct lib_host {
	enum ringbuf_host kind;
	int (*create)(struct ringbuf *ring, const struct ringbuf_config *config);
	int (*open)(struct ringbuf *ring, const char *name);
	int (*unlink)(const char *name);
	void (*destroy)(struct ringbuf *ring);
	int (*attach)(struct lib_handle *h, enum ringbuf_start start, u64 position);
	int (*enter)(struct lib_handle *h);
	void (*leave)(struct lib_handle *h);
	int (*wait)(struct lib_handle *h, u64 waiter, u32 count, u64 deadline);
	void (*interrupt)(struct lib_handle *h);
	void (*wake)(struct lib_handle *h);
	bool (*peers)(struct lib_handle *h);
	bool (*ours)(const struct lib_handle *h);
	int (*relieve)(struct lib_handle *h, u32 count);
	int (*proceed)(struct lib_handle *h);
	int (*done)(struct lib_handle *h);
	int (*sync)(struct ringbuf *ring, u32 reader, u64 position);
	int (*evict)(struct ringbuf *ring, u32 reader);
	int (*stats)(struct ringbuf *ring, struct ringbuf_status *status,
		     struct ringbuf_blocker *blocker, struct ringbuf_reader_status *readers,
		     unsigned int count);
	int (*writers)(struct ringbuf *ring, struct ringbuf_writer_status *writers,
		       unsigned int count);
	int (*blocker)(struct ringbuf *ring, struct ringbuf_blocker *blocker);
	int (*hole)(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole);
	int (*fd)(struct lib_handle *h);
	int (*export)(struct ringbuf *ring);
	int (*import)(struct ringbuf *ring, int fd);
};

extern const struct lib_host lib_module_host LIB_HIDDEN;
extern const struct lib_host lib_embedded_host LIB_HIDDEN;

struct emb_file;
struct emb_header;

/**
 * struct ringbuf - see ringbuf.h
 * @host: the host of the ring
 * @refs: references: one of the user, one of each handle
 * @layout: geometry
 * @name: embedded: its name, or NULL
 * @kept: embedded: the name stays until it is unlinked
 * @fd: module: the handle that CREATE or ATTACH bound, of an owner or an observer
 * @from: module: if the caller may only read, the file by which handles attach; else -1
 * @file: embedded: the memory file, shared by all rings of this process that use it
 * @header: embedded: the whole mapping
 * @bytes: embedded: size of @header's mapping
 * @view: embedded: the ring in it
 * @data: embedded: the slots in it
 */
struct ringbuf {
	const struct lib_host *host;
	int refs;
	struct rb_layout layout;
	char *name;
	bool kept;
	int fd;
	int from;
	struct emb_file *file;
	struct emb_header *header;
	u64 bytes;
	struct rb_view view;
	char *data;
};

#define LIB_WATCH_PAUSES 64 /* pauses of reader_watch(), which take 2 or 3 us */
#define LIB_WATCH_NS	 10000 /* longer than these pauses */

/**
 * struct lib_spin - how long to spin before sleeping, see spin.c
 * @fixed_ns: duration that the user has set, or negative
 * @budget_ns: duration that adapts to the waits so far
 * @skipped: waits since the last probe
 * @sleeps: number of next waits that do not yield
 * @futile: last value that @sleeps began with
 * @hot: the last wait ended while it spun
 * @ban_end: no wait yields before this time, coarse ns
 * @ban_ns: length of the last ban
 */
struct lib_spin {
	s64 fixed_ns;
	u32 budget_ns;
	u32 skipped;
	u32 sleeps;
	u32 futile;
	bool hot;
	u64 ban_end;
	u64 ban_ns;
};

/**
 * struct lib_handle - the common part of writers and readers
 * @ring: the ring, of which the handle holds a reference
 * @host: host of @ring
 * @process: value of lib_process() when the handle was last entered
 * @view: the ring as the role maps it
 * @data: the slots
 * @slot_bytes: capacity of a slot
 * @slot_stride: bytes from one slot to the next
 * @role: RINGBUF_ROLE_READER or RINGBUF_ROLE_WRITER
 * @id: row of a reader, id of a writer
 * @fd: module: the handle; embedded: the descriptor that holds an unused seat, or -1
 * @generation: embedded: generation of the seat at the attach
 * @start: reader: where it begins
 * @checked: when the handle last checked for dead peers, coarse ns
 * @spin: how long to spin
 * @watched: embedded: the handle in a struct lib_watch, or NULL; see embedded_watch.c
 * @cpu: the hint word of this member, see struct ringbuf_writer_row
 * @phased: embedded: the last wait checked for dead peers by itself, see emb_wait()
 * @interruptible: waits may end with -EINTR
 * @interrupted: the current or next wait has to end with -EINTR
 * @detached: this handle can no longer be used
 * @abandoned: the writer leaves without DONE: the stream counts as ended by a death
 * @take_over: the writer may fence the one whose place it takes
 * @policy: reader: the policy with which it attaches
 */
struct lib_handle {
	struct ringbuf *ring;
	const struct lib_host *host;
	u64 process;
	struct rb_view view;
	char *data;
	u64 slot_bytes;
	u64 slot_stride;
	u32 role;
	u32 id;
	int fd;
	u32 generation;
	u64 start;
	u64 checked;
	struct lib_spin spin;
	struct emb_watched *watched;
	u32 *cpu;
	bool phased;
	bool interruptible;
	bool interrupted;
	bool detached;
	bool abandoned;
	bool take_over;
	struct rb_policy policy;
};

/* ---- embedded_watch.c ------------------------------------------------------ */

struct lib_watch;

int lib_watch_arm(struct lib_watch *watch, struct lib_handle *h, u64 waiter, u64 tag) LIB_HIDDEN;
void lib_watch_drop(struct lib_handle *h) LIB_HIDDEN;

/* ---- cancellation ---------------------------------------------------------- */

static inline int lib_cancel_off(void)
{
	int was;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	return was;
}

static inline void lib_cancel_restore(const int *was)
{
	pthread_setcancelstate(*was, NULL);
}

/*
 * Keep pthread_cancel() from ending this thread until the block ends.  Every call that
 * takes a lock or opens a descriptor begins with it, because a thread that ended there
 * would leave both behind.
 */
#define LIB_NO_CANCEL            \
	const int lib_cancel_was \
		__attribute__((cleanup(lib_cancel_restore), unused)) = lib_cancel_off()

/*
 * Let pthread_cancel() end this thread at any instruction.  Use it only around the system
 * call that sleeps, where the thread holds nothing that a cleanup handler does not release.
 * Returns the argument for lib_cancel_later().
 */
static inline int lib_cancel_now(void)
{
	int was;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	return was;
}

static inline void lib_cancel_later(int was)
{
	pthread_setcanceltype(was, NULL);
}

/* ---- module_file.c --------------------------------------------------------- */

bool lib_module_has(const char *name) LIB_HIDDEN;

/* ---- fork.c -------------------------------------------------------------- */

extern const u64 *lib_process_word LIB_HIDDEN;
u64 lib_process_renew(void) LIB_HIDDEN;

/* Return a number that identifies this process; every child has another; see fork.c. */
static inline u64 lib_process(void)
{
	u64 process = READ_ONCE(*lib_process_word);

	return likely(process) ? process : lib_process_renew();
}

/* ---- descriptor.c --------------------------------------------------------- */

int lib_fd_high(int fd) LIB_HIDDEN;
int lib_fd_take(int fd) LIB_HIDDEN;
int lib_fd_took(int fd, int taken, int err) LIB_HIDDEN;

/* ---- blocker.c ------------------------------------------------------------- */

int lib_hole(struct lib_handle *h, u64 position, struct ringbuf_hole_status *hole) LIB_HIDDEN;

/* ---- handle.c -------------------------------------------------------------- */

void lib_ring_put(struct ringbuf *ring) LIB_HIDDEN;
int lib_handle_init(struct lib_handle *h, struct ringbuf *ring, u32 role, enum ringbuf_start start,
		    u64 position) LIB_HIDDEN;
int lib_handle_import(struct lib_handle *h, struct ringbuf *ring, u32 role,
		      const struct ringbuf_ticket *ticket) LIB_HIDDEN;
int lib_handle_export(const struct lib_handle *h, struct ringbuf_ticket *ticket) LIB_HIDDEN;
void lib_handle_close(struct lib_handle *h) LIB_HIDDEN;

/* ---- spin.c --------------------------------------------------------------- */

/**
 * struct lib_block - one blocking call
 * @timeout: the user's timeout, relative ns
 * @deadline: absolute ns, 0 until it is computed
 * @tried: a call that may not wait has asked the host
 */
struct lib_block {
	s64 timeout;
	u64 deadline;
	bool tried;
};

void lib_interruptible(struct lib_handle *h, bool on) LIB_HIDDEN;
void lib_interrupt(struct lib_handle *h) LIB_HIDDEN;
bool lib_wait_over(const struct lib_handle *h, u64 waiter) LIB_HIDDEN;
int lib_block(struct lib_handle *h, struct lib_block *b, u64 waiter, u32 count) LIB_HIDDEN;
void lib_cpu_hint(struct lib_handle *h) LIB_HIDDEN;

static inline u64 lib_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

static inline void lib_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Return whether all bytes of a structure from @known to @size are zero. */
static inline bool lib_tail_is_zero(const void *from, size_t known, size_t size)
{
	const char *byte = from;

	for (; known < size; known++)
		if (byte[known])
			return false;
	return true;
}

/*
 * Copy the structure @from, of @known bytes, to that of the caller, who says that it has @size
 * bytes, and zero the rest of it.
 */
static inline void lib_copy_out(void *to, size_t size, const void *from, size_t known)
{
	memset(to, 0, size);
	memcpy(to, from, size < known ? size : known);
}

static inline void lib_host_wake(struct lib_handle *h)
{
	lib_cpu_hint(h);
	h->host->wake(h);
}

#endif
