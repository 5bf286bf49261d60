/* SPDX-License-Identifier: MIT */
/* Descriptors of processes. pidfd_open(2). */
#pragma once

#include "kernel/task.h"

/* A new descriptor of *t* for *tg*; flags: O_NONBLOCK. */
int pidfd_open(struct task *t, struct thread_group *tg, int flags);
/* Was it opened with PIDFD_NONBLOCK, or made so since? */
bool pidfd_nonblock(struct task *t, int fd);
/* What /proc/PID/fdinfo says of it in the pid namespace *ns*: the length, 0 of a file that is no pidfd. */
ssize_t pidfd_fdinfo(const struct file *f, const struct pid_ns *ns, char *buf, size_t size);
/* The group behind it, held. NULL: not a pidfd. */
struct thread_group *pidfd_group(struct task *t, int fd);
