/* SPDX-License-Identifier: MIT */
/* Descriptors of processes. pidfd_open(2). */
#pragma once

#include "kernel/task.h"

/* A new descriptor of *t* for *tg*; flags: O_NONBLOCK. */
int pidfd_open(struct task *t, struct thread_group *tg, int flags);
/* The process number behind descriptor *fd*, or -EBADF. */
int pidfd_pid(struct task *t, int fd);
/* The group behind it, held. NULL: not a pidfd. */
struct thread_group *pidfd_group(struct task *t, int fd);
