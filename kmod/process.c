// SPDX-License-Identifier: GPL-2.0
/* Processes that have, or had, a reader's row or a writer's id: pid, name, and their end. */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/string.h>

#include "internal.h"

/* Refresh the name of @p if there still is such a process.  It may have called exec. */
void rb_process_refresh(struct rb_process *p)
{
	struct task_struct *task;

	rcu_read_lock();
	task = pid_task(p->pid, PIDTYPE_TGID);
	if (task)
		get_task_comm(p->comm, task);
	rcu_read_unlock();
}

/* Make @p the caller's process.  The lock of the ring that has @p is held. */
void rb_process_set(struct rb_process *p)
{
	put_pid(p->pid);
	p->pid = get_task_pid(current, PIDTYPE_TGID);
	rb_process_refresh(p);
}

/* Make @to the process @from. */
void rb_process_copy(struct rb_process *to, const struct rb_process *from)
{
	put_pid(to->pid);
	to->pid = get_pid(from->pid);
	memcpy(to->comm, from->comm, sizeof(to->comm));
}

/* Drop what @p holds. */
void rb_process_clear(struct rb_process *p)
{
	put_pid(p->pid);
	memset(p, 0, sizeof(*p));
}

/* Return the number of @p for a caller in @ns; 0: it has none there. */
s32 rb_process_pid(const struct rb_process *p, struct pid_namespace *ns)
{
	return pid_nr_ns(p->pid, ns);
}

/*
 * Store number and name of @p for a caller in @ns.  If @p has no number there, the caller
 * learns no name either.
 */
void rb_process_tell(const struct rb_process *p, struct pid_namespace *ns, s32 *pid,
		     char comm[RINGBUF_COMM_BYTES])
{
	*pid = rb_process_pid(p, ns);
	memset(comm, 0, RINGBUF_COMM_BYTES);
	if (*pid)
		memcpy(comm, p->comm, RINGBUF_COMM_BYTES);
}

/* Return the exit code of the process of @task, as wait(2) does. */
static int process_exit_code(const struct task_struct *task)
{
	if (READ_ONCE(task->signal->flags) & SIGNAL_GROUP_EXIT)
		return READ_ONCE(task->signal->group_exit_code);
	return READ_ONCE(task->exit_code);
}

/*
 * Return the RINGBUF_HOLE_* of the process @p, whose last map of a ring goes, and its *code.
 * The caller may be another task: one that reads a process's memory keeps its maps.
 */
u32 rb_process_end(const struct rb_process *p, u32 *code)
{
	u32 cause = RINGBUF_HOLE_DIED;
	struct task_struct *task;
	int status;

	*code = 0;
	rcu_read_lock();
	task = task_tgid(current) == p->pid ? current : pid_task(p->pid, PIDTYPE_TGID);
	if (task && !(READ_ONCE(task->flags) & PF_EXITING)) {
		cause = RINGBUF_HOLE_UNMAPPED;
	} else if (task) {
		status = process_exit_code(task);
		cause = status & 0x7f ? RINGBUF_HOLE_KILLED : RINGBUF_HOLE_EXITED;
		*code = status & 0x7f ?: status >> 8 & 0xff;
	}
	rcu_read_unlock();
	return cause;
}
