/* SPDX-License-Identifier: MIT */
/* A kernel and tasks that run no guest: enough for units of vfs/ and fs/. */
#pragma once

#include "kernel/kernel.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

struct fake {
	struct kernel kernel;
	struct thread_group tg;
	struct cred root_cred;
	struct task task; /* root, cwd and root directory at the root of a tmpfs */
	int last_signal;
	int blocks;	  /* calls of task_block() */
};

/* *opt* of the root tmpfs may be NULL. Aborts on failure. */
struct tmpfs_options;
struct fake *fake_create(const struct tmpfs_options *opt);
void fake_destroy(struct fake *f);
/* A second task of the same sandbox with credentials of its own. */
void fake_user(struct fake *f, struct task *t, struct cred *c, uint32_t uid, uint32_t gid);
