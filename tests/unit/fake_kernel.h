/* SPDX-License-Identifier: MIT */
/* A kernel and tasks without guests: enough for the file systems, locks and notification. */
#pragma once

#include "kernel/task.h"
#include "vfs/vfs.h"

struct fake {
	struct kernel *k;
	struct task *t; /* root, with all capabilities */
};

void fake_init(struct fake *f);
/* Mount *sb* as the root of the tree and put the task there. */
void fake_mount_root(struct fake *f, struct super_block *sb);
/* Another task of its own process on the same root. */
struct task *fake_task(struct fake *f, int pid);
void fake_task_free(struct task *t);
/* Unmounts everything and checks that all that was charged was given back. */
void fake_destroy(struct fake *f);

/* Whole files, by name, through the VFS; results are negative errnos. */
int fake_write(struct task *t, const char *name, int flags, const char *text);
int fake_read(struct task *t, const char *name, char *buf, size_t size); /* length; NUL-terminated */
int fake_stat(struct task *t, const char *name, struct kstat *st);	  /* does not follow */
/* The names of a directory but "." and "..", sorted, joined by blanks. */
int fake_list(struct task *t, const char *name, char *buf, size_t size);
