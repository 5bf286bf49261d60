/* SPDX-License-Identifier: MIT */
/* What clone, clone3, fork and vfork ask for. */
#pragma once

#include "kernel/task.h"

struct clone_request {
	uint64_t flags; /* CLONE_* without the signal byte */
	uint64_t stack; /* new stack pointer; 0: the caller's */
	uint64_t tls, parent_tid, child_tid, pidfd;
	int exit_signal;
	int set_tid;	  /* the number wanted, or 0 */
	bool real_thread; /* never play the child on the parent's thread */
};

/* Returns the child's number in the parent; 0 when the caller's host thread now plays a vfork child. Full entries only. */
int64_t task_clone(struct task *t, const struct clone_request *q);
/* Undo a task that was never started. */
void clone_discard(struct task *c);
