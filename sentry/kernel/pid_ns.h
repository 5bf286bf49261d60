/* SPDX-License-Identifier: MIT */
/*
 * Process numbers as a task sees them. task.tid, thread_group.pid, pgid and sid are numbers of the sandbox's initial pid
 * namespace; wherever such a number leaves the sentry for a guest, or comes from one, it goes through these functions.
 * pid_namespaces(7).
 */
#pragma once

#include "kernel/task.h"

struct pid_ns;

/* The number that the namespace knows the task, group or session *nr* by; 0: not visible there. */
static inline int pid_nr_ns(const struct pid_ns *ns, int nr)
{
	return nr;
}

/* The other way: *nr* of the namespace as a number of the initial one; 0: nothing there. */
static inline int pid_from_nr_ns(const struct pid_ns *ns, int nr)
{
	return nr > 0 ? nr : 0;
}

/* The number that *reader* knows the task, group or session *nr* by; 0: not visible in its namespace. Takes leaf locks only. */
static inline int pid_vnr(const struct task *reader, int nr)
{
	return nr;
}

/* The other way: what the reader calls *nr*, as a number of the initial namespace; 0: nothing there. */
static inline int pid_from_vnr(const struct task *reader, int nr)
{
	return nr > 0 ? nr : 0;
}

static inline int task_vnr(const struct task *reader, const struct task *target)
{
	return pid_vnr(reader, target->tid);
}

static inline int tg_vnr(const struct task *reader, const struct thread_group *tg)
{
	return pid_vnr(reader, tg->pid);
}

/* task_find() and tg_find() with a number as *reader* knows it. Held; NULL when absent. */
struct task *task_find_vnr(const struct task *reader, int nr);
struct thread_group *tg_find_vnr(const struct task *reader, int nr);
