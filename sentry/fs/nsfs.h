/* SPDX-License-Identifier: MIT */
/* The files that namespaces are handled by: /proc/PID/ns. namespaces(7), ioctl_ns(2). */
#pragma once

#include "kernel/ns.h"

struct file;
struct path;

/* Makes kernel->nsfs. */
int nsfs_init(struct kernel *k);
/* A place to open, or to bind, for a namespace: as a magic link gives it. Takes a reference of *h*. */
int nsfs_path(struct ns_head *h, struct path *ret);
/* The namespace that the file is of, borrowed; NULL: none. */
struct ns_head *nsfs_of_file(const struct file *f);
/* The namespace of *kind* of another task, held. for_children: what its children will be in (pid and time). NULL: it has exited. */
struct ns_head *task_ns_get(struct task *t, enum ns_kind kind, bool for_children);
