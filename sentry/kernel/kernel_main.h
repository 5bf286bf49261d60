/* SPDX-License-Identifier: MIT */
/* The sandbox's own beginning and end. */
#pragma once

#include <stdbool.h>

struct kernel;
struct session;

/* The first process has ended with wait status *code*: the sandbox ends. From any thread. */
void kernel_init_exited(struct kernel *k, int code);
/* The process of *s* (thread_group.session) has ended with wait status *code*: it may be gone afterwards. From any thread. */
void kernel_session_exited(struct session *s, int code);
/* The memory limit has ended the process *pid*, a program named *comm*. From any thread. */
void kernel_oom(struct kernel *k, int pid, const char *comm);
/* Tell who holds the memory limit that the guest has more than it, or no longer. */
void kernel_memory_over(struct kernel *k, bool over);
