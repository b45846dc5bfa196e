/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of libringbuf share: the objects and the host interface.
 *
 * A struct ringbuf is counted: its creator and every handle hold one reference.
 * A handle belongs to one host; all that differs between hosts goes through
 * struct rb_host.  The shared words are touched by the engine only.
 */
#ifndef RB_INTERNAL_H
#define RB_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <ringbuf.h>

#include "engine/host.h"
#include "engine/layout.h"

#define RB_HIDDEN __attribute__((visibility("hidden")))
#define RB_PUBLIC __attribute__((visibility("default")))
/* What is called for each message: with all that it calls inside, but for what is slow. */
#define RB_FLAT __attribute__((flatten))
#define RB_SLOW __attribute__((noinline))

struct rb_handle;
struct emb_watched;

/**
 * struct rb_host - what owns memory and wait queues
 * @kind: RINGBUF_HOST_MODULE or RINGBUF_HOST_EMBEDDED
 * @create: fill @ring by @config; @ring->layout holds the checked request
 * @open: fill @ring from the name
 * @unlink: remove a name
 * @destroy: the last reference is gone
 * @attach: bind @h as @h->role; a reader starts at @start, @position
 * @enter: first use in this process: become the identity, fill view and data
 * @leave: detach and give back what @attach and @enter took
 * @wait: sleep until @waiter is reached or something else happened; absolute
 *	CLOCK_MONOTONIC @deadline in ns, ~0 for none.  0: look again; -ETIMEDOUT, -EINTR
 * @interrupt: @h->interrupted was set: end its sleep; from a signal handler
 * @wake: a threshold was reached
 * @peers: a step found nothing to do: look for dead peers now and then; true
 *	when something was repaired
 * @ours: false: this process was taken for dead, and @h's place given to others
 * @done: the writer is done
 * @sync: see ringbuf_sync()
 * @evict: see ringbuf_evict_reader()
 * @stats: see ringbuf_stats()
 * @writers: see ringbuf_writers()
 * @fd: see ringbuf_reader_fd()
 * @export: see ringbuf_export()
 * @import: fill @ring from a descriptor that is of this host; -EPROTO if it is not
 */
struct rb_host {
	enum ringbuf_host kind;
	int (*create)(struct ringbuf *ring, const struct ringbuf_config *config);
	int (*open)(struct ringbuf *ring, const char *name);
	int (*unlink)(const char *name);
	void (*destroy)(struct ringbuf *ring);
	int (*attach)(struct rb_handle *h, enum ringbuf_start start, u64 position);
	int (*enter)(struct rb_handle *h);
	void (*leave)(struct rb_handle *h);
	int (*wait)(struct rb_handle *h, u64 waiter, u32 count, u64 deadline);
	void (*interrupt)(struct rb_handle *h);
	void (*wake)(struct rb_handle *h);
	bool (*peers)(struct rb_handle *h);
	bool (*ours)(const struct rb_handle *h);
	int (*done)(struct rb_handle *h);
	int (*sync)(struct ringbuf *ring, u32 reader, u64 position);
	int (*evict)(struct ringbuf *ring, u32 reader);
	int (*stats)(struct ringbuf *ring, struct ringbuf_status *status,
		     struct ringbuf_reader_status *readers, unsigned int count);
	int (*writers)(struct ringbuf *ring, struct ringbuf_writer_status *writers,
		       unsigned int count);
	int (*fd)(struct rb_handle *h);
	int (*export)(struct ringbuf *ring);
	int (*import)(struct ringbuf *ring, int fd);
};

extern const struct rb_host rb_module_host RB_HIDDEN;
extern const struct rb_host rb_embedded_host RB_HIDDEN;

struct emb_file;
struct emb_header;

/**
 * struct ringbuf - see ringbuf.h
 * @host: what it lives on
 * @refs: the user's, and one per handle
 * @layout: geometry
 * @name: embedded: its name, or NULL
 * @kept: embedded: the name outlives us
 * @fd: module: the handle that CREATE or ATTACH bound, of an owner or an observer
 * @from: module: the file, where only reading is allowed, by which handles attach; else -1
 * @file: embedded: the memory file, shared by all that have it open here
 * @header: embedded: the whole mapping
 * @bytes: embedded: of @header
 * @view: embedded: the ring in it
 * @data: embedded: the slots in it
 */
struct ringbuf {
	const struct rb_host *host;
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

#define RB_WATCH_PAUSES 64 /* of reader_watch(): 2 or 3 us */
#define RB_WATCH_NS	10000 /* longer than that */

/**
 * struct rb_spin - how long to spin before sleeping, see spin.c
 * @fixed_ns: set by the user, or negative
 * @budget_ns: adapted
 * @skipped: waits since the last probe
 * @sleeps: how many waits will not yield
 * @futile: how many they were the last time
 * @hot: spinning was enough the last time
 * @ban_end: before that none yields, coarse ns
 * @ban_ns: how long that was forbidden
 */
struct rb_spin {
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
 * struct rb_handle - what writers and readers have in common
 * @ring: counted
 * @host: of @ring
 * @process: value of rb_process() when the handle was last entered
 * @view: the ring as the role maps it
 * @data: the slots
 * @slot_bytes: capacity
 * @slot_stride: from slot to slot
 * @role: RINGBUF_ROLE_READER or RINGBUF_ROLE_WRITER
 * @id: row of a reader, id of a writer
 * @fd: module: the handle
 * @generation: embedded: of the row when it became ours
 * @start: reader: where it begins
 * @checked: when the peers were last looked at, coarse ns
 * @spin: see there
 * @phased: embedded: the last wait ended with a look of its own, see emb_wait()
 * @watched: embedded: the handle in a struct rb_watch, or NULL; see embedded_watch.c
 * @cpu: own hint word, see struct ringbuf_writer_row
 * @interruptible: waits end with -EINTR
 * @interrupted: the wait, or the next one, is to end so
 * @detached: this handle cannot be used any more
 * @abandoned: the writer leaves without DONE: the stream counts as ended by a death
 */
struct rb_handle {
	struct ringbuf *ring;
	const struct rb_host *host;
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
	struct rb_spin spin;
	struct emb_watched *watched;
	u32 *cpu;
	bool phased;
	bool interruptible;
	bool interrupted;
	bool detached;
	bool abandoned;
};

/* ---- embedded_watch.c ------------------------------------------------------ */

struct rb_watch;

int rb_watch_arm(struct rb_watch *watch, struct rb_handle *h, u64 waiter, u64 tag) RB_HIDDEN;
void rb_watch_drop(struct rb_handle *h) RB_HIDDEN;

/* ---- cancellation ---------------------------------------------------------- */

static inline int rb_cancel_off(void)
{
	int was;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &was);
	return was;
}

static inline void rb_cancel_restore(const int *was)
{
	pthread_setcancelstate(*was, NULL);
}

/*
 * Keep pthread_cancel() from ending this thread until the block ends.  Stands first
 * in every call that takes a lock or opens a descriptor, since a thread that ended
 * there would leave both behind.
 */
#define RB_NO_CANCEL            \
	const int rb_cancel_was \
		__attribute__((cleanup(rb_cancel_restore), unused)) = rb_cancel_off()

/*
 * Let pthread_cancel() end this thread at any instruction.  Around the system call that
 * sleeps only, where nothing is held but what a cleanup handler gives back.  Returns what
 * rb_cancel_later() takes.
 */
static inline int rb_cancel_now(void)
{
	int was;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &was);
	return was;
}

static inline void rb_cancel_later(int was)
{
	pthread_setcanceltype(was, NULL);
}

/* ---- module_file.c --------------------------------------------------------- */

bool rb_module_has(const char *name) RB_HIDDEN;

/* ---- fork.c -------------------------------------------------------------- */

extern const u64 *rb_process_word RB_HIDDEN;
u64 rb_process_renew(void) RB_HIDDEN;

/* A number of this process, another one in every child; see fork.c. */
static inline u64 rb_process(void)
{
	u64 process = READ_ONCE(*rb_process_word);

	return likely(process) ? process : rb_process_renew();
}

/* ---- descriptor.c --------------------------------------------------------- */

int rb_fd_high(int fd) RB_HIDDEN;
int rb_fd_take(int fd) RB_HIDDEN;
int rb_fd_took(int fd, int taken, int err) RB_HIDDEN;

/* ---- handle.c -------------------------------------------------------------- */

void rb_ring_put(struct ringbuf *ring) RB_HIDDEN;
int rb_handle_init(struct rb_handle *h, struct ringbuf *ring, u32 role, enum ringbuf_start start,
		   u64 position) RB_HIDDEN;
int rb_handle_import(struct rb_handle *h, struct ringbuf *ring, u32 role,
		     const struct ringbuf_ticket *ticket) RB_HIDDEN;
int rb_handle_export(const struct rb_handle *h, struct ringbuf_ticket *ticket) RB_HIDDEN;
void rb_handle_close(struct rb_handle *h) RB_HIDDEN;

/* ---- spin.c --------------------------------------------------------------- */

/**
 * struct rb_block - one blocking call
 * @timeout: as the user gave it
 * @deadline: absolute ns once known, 0 before
 */
struct rb_block {
	s64 timeout;
	u64 deadline;
};

void rb_interruptible(struct rb_handle *h, bool on) RB_HIDDEN;
void rb_interrupt(struct rb_handle *h) RB_HIDDEN;
bool rb_wait_over(const struct rb_handle *h, u64 waiter) RB_HIDDEN;
int rb_block(struct rb_handle *h, struct rb_block *b, u64 waiter, u32 count) RB_HIDDEN;
void rb_cpu_hint(struct rb_handle *h) RB_HIDDEN;

static inline u64 rb_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000ULL + (u64)t.tv_nsec;
}

static inline void rb_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Of a structure of @size bytes, what lies beyond the @known ones. */
static inline bool rb_tail_is_zero(const void *from, size_t known, size_t size)
{
	const char *byte = from;

	for (; known < size; known++)
		if (byte[known])
			return false;
	return true;
}

static inline void rb_host_wake(struct rb_handle *h)
{
	rb_cpu_hint(h);
	h->host->wake(h);
}

#endif
