/* SPDX-License-Identifier: MIT */
/* Futex waits that the host's kernel serves, and an interrupt that ends them. */
#pragma once

#include <stdint.h>

struct task;

/*
 * In a full entry by an interrupt: if the guest was in such a wait, its registers become those behind the call, and the result is a
 * restart code, as of a wait that the sentry served (t->in_syscall and t->syscall_nr are set). Else 0.
 */
int64_t native_wait_interrupted(struct task *t);
/* A call of the sentry's has ended with EINTR at *ip*, behind the instruction: nothing to be taken for such a wait. */
void native_wait_not_at(struct task *t, uint64_t ip);
