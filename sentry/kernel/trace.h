/* SPDX-License-Identifier: MIT */
/* --trace: one line for every system call, in strace's manner. */
#pragma once

#include "platform/platform.h"

struct task;
struct kernel;
struct syscall_desc;

/* Write the trace to host descriptor *fd* (kept open). */
int trace_create(struct kernel *k, int fd);
/* *d* NULL: a number Linux does not have. */
void trace_enter(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c);
void trace_leave(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c, int64_t ret);
/* A call that the guest's own filter answers with the end of its maker. */
void trace_filter_kill(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c);
void trace_fault(struct task *t, const struct guest_fault *f);
