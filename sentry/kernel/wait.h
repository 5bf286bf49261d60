/* SPDX-License-Identifier: MIT */
/* Waiting for children. */
#pragma once

#include "kernel/cputime.h"

struct wait_args {
	int idtype; /* P_ALL, P_PID, P_PGID, P_PIDFD */
	const struct thread_group *group; /* P_PIDFD: held by the caller */
	int id;
	int options;
	bool usage; /* the result's *final* is wanted */
};

struct wait_result {
	int pid;
	uint32_t uid;
	int code;   /* CLD_* */
	int status; /* wait(2) encoding */
	struct cpu_times times;	   /* with its own children's */
	struct usage_final *final; /* held, or NULL */
};

/* 1 with *res* filled; 0 (WNOHANG and nothing); -ECHILD; -ERESTARTSYS. */
int task_wait(struct task *t, const struct wait_args *w, struct wait_result *res);
/* Fill in what *c* has used, with its children. tasklist_lock held. */
void wait_usage(const struct wait_args *w, struct thread_group *c, struct wait_result *res);
/* Take a zombie out of the tables. tasklist_lock held; drops the table's reference. */
void group_release(struct kernel *k, struct thread_group *tg);
