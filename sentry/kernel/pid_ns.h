/* SPDX-License-Identifier: MIT */
/*
 * Pid namespaces, and process numbers as a task sees them. task.tid, thread_group.pid, pgid and sid are numbers of the
 * sandbox's initial namespace; a task of a nested one has a number of its own at each level. Wherever a number leaves
 * the sentry for a guest, or comes from one, it goes through these functions. pid_namespaces(7).
 *
 * A record for each number of the initial namespace says what it is called in the nested ones. It stays as long as a
 * process group or session of that number does. k->pid_lock (RANK_LEAF) guards the records and the maps of all
 * namespaces.
 */
#pragma once

#include "kernel/ns.h"
#include "kernel/task.h"

#define PID_NS_DEPTH_MAX 32

struct pid_ns {
	struct ns_head head;
	struct refs refs;
	struct pid_ns *parent; /* held; NULL: the initial namespace */
	unsigned level;

	/* k->pid_lock */
	int *global; /* by number here: the number in the initial namespace, 0: free; n_global of them; not in the
			initial one */
	int n_global, last;

	/* kernel->tasklist_lock */
	struct thread_group *init; /* not held; NULL: none yet, or dead and buried */
	unsigned n_groups;	   /* processes in it and below */
	bool closed;		   /* its first process is gone: no new ones */
};

/* A namespace below *parent* (NULL: the initial one). -ENOSPC: too deep, or too many. -ENOMEM. */
int pid_ns_create(struct kernel *k, struct pid_ns *parent, struct user_ns *owner, struct pid_ns **ret);
void pid_ns_get(struct pid_ns *ns);
void pid_ns_put(struct pid_ns *ns);
bool pid_ns_below(const struct pid_ns *ns, const struct pid_ns *ancestor); /* or the same */

/* --- numbers
 * -------------------------------------------------------------------------------------------------------------------
 */

int pid_ns_lookup(const struct pid_ns *ns, int nr);
int pid_ns_global(const struct pid_ns *ns, int nr);

/* The numbers of *nr* in *ns* and in each namespace between it and the task's own, outermost first; how many (at least
 * one, 0 at first). */
unsigned pid_ns_numbers(struct kernel *k, const struct pid_ns *ns, int nr, int out[PID_NS_DEPTH_MAX + 1]);

/* The number that the namespace knows the task, group or session *nr* by; 0: not visible there. */
static inline int pid_nr_ns(const struct pid_ns *ns, int nr)
{
	return ns && ns->level ? pid_ns_lookup(ns, nr) : nr;
}

/* The other way: *nr* of the namespace as a number of the initial one; 0: nothing there. */
static inline int pid_from_nr_ns(const struct pid_ns *ns, int nr)
{
	if (nr <= 0)
		return 0;
	return ns && ns->level ? pid_ns_global(ns, nr) : nr;
}

/* The same for the namespace *reader* lives in. Take leaf locks only. */
static inline int pid_vnr(const struct task *reader, int nr)
{
	return pid_nr_ns(reader->tg->pid_ns, nr);
}

static inline int pid_from_vnr(const struct task *reader, int nr)
{
	return pid_from_nr_ns(reader->tg->pid_ns, nr);
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

/* The first thread group whose number in *ns* is at least *nr, which is set to it; no reference; tasklist_lock held. */
struct thread_group *tg_next_ns(struct kernel *k, const struct pid_ns *ns, int *nr);

/* --- for fork, exit and the table of numbers; tasklist_lock held
 * ---------------------------------------------------------------- */

/*
 * Give the task number *nr* its numbers in *ns* and the namespaces above it; *want*: the one in *ns*, or 0. *group*: it
 * is a new process. -ENOMEM: the namespace's first process is gone. -EEXIST, -EAGAIN.
 */
int pid_ns_attach(struct kernel *k, struct pid_ns *ns, int nr, int want, struct thread_group *group);
/* No task has *nr* any more; the record goes unless a group or session is left. */
void pid_ns_detach(struct kernel *k, int nr);
/* The process is gone for good. pid_ns_finish() has to be called once the lock is let go. */
void pid_ns_group_gone(struct thread_group *tg);
/* exit.c: let the first processes of namespaces end that have no others any more. No lock held. */
void pid_ns_finish(struct kernel *k);
/* Forget the record of a number that is nobody's. */
void pid_ns_forget(struct kernel *k, int nr);

/* The first process of a nested namespace, whose death ends it, and which signals from inside do not kill? */
static inline bool tg_is_ns_init(const struct thread_group *tg)
{
	return tg->ns_init;
}

/* What a signal from *info* looks like to *tg*: its sender's numbers as the group knows them. *buf* is used where they
 * differ. */
const struct ksiginfo *pid_ns_siginfo(
	struct thread_group *tg, struct task *t, const struct ksiginfo *info, struct ksiginfo *buf);
