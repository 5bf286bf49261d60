/* SPDX-License-Identifier: MIT */
/*
 * Views: files of an image that a thread reads at offsets again and again are mapped in its stub, read-only, beyond the guest's memory,
 * and pread(2) within them is answered there (docs/fastpath.md). Only what the guest could map itself, only while its data are those of
 * the image, only for a descriptor table that is one thread's alone; what makes that untrue takes the view away first.
 */
#pragma once

#include "kernel/task.h"

struct inode;

/* A pread of *fd* has been served: perhaps it is time for a view. */
void view_consider(struct task *t, int fd);
/* Inside a full entry, with TIF_VIEW set: make the one that is wanted. */
void view_make(struct task *t);
/* *fd* of *t*, the caller, is about to become another file, or none. */
void view_fd_gone(struct task *t, int fd);
/* All of *t*, which is the caller or stands still. */
void views_drop(struct task *t);
/* The data of *inode* have moved, before anybody sees a change of them; NULL: of any. */
void views_forget(struct kernel *k, const struct inode *inode);
/* [self] Count what the stub has read. */
void views_account(struct task *t);
