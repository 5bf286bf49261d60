/* SPDX-License-Identifier: MIT */
/*
 * The system call table is data: syscalls/table_*.def list every number once, by family. From it come the dispatch, the
 * trace and docs/syscalls.md.
 *
 *   FULL(nr, name, "args")               implemented as Linux has it
 *   PARTIAL(nr, name, "args", "reason")  what is missing
 *   NONE(nr, name, "args", errno, "reason")  not there: honest errno, traced
 *
 * args is a comma-separated list of kinds for the trace: int uint hex long ptr str fd dirfd path buf size off flags mode
 * oflags sig pid sockaddr iov timespec atflags clockid prot mapflags cmd.
 *
 * A handler is `int64_t sys_NAME(struct task *t, const uint64_t *a)`: fetch with the typed helpers, refuse unknown flags,
 * call one operation of a lower folder, copy out, undo what was installed if the copy faults, return a negative errno.
 */
#pragma once

#include "kernel/task.h"

#include <stdint.h>

typedef int64_t (*syscall_fn)(struct task *t, const uint64_t *a);

enum syscall_state { SYSCALL_FULL, SYSCALL_PARTIAL, SYSCALL_NONE };

struct syscall_desc {
	const char *name;
	const char *args;
	syscall_fn fn;	 /* NULL for SYSCALL_NONE */
	enum syscall_state state;
	int err;	 /* of SYSCALL_NONE, positive */
	const char *reason;
};

#define SYSCALL_MAX 512
/* Descriptor of *nr*, or NULL for numbers Linux does not have. */
const struct syscall_desc *syscall_lookup(uint64_t nr);

/* Arguments come as 64-bit registers; int-typed ones use the low half. */
#define ARG_INT(a, i) ((int)(a)[i])
#define ARG_UINT(a, i) ((uint32_t)(a)[i])

#define FULL(nr, name, args) int64_t sys_##name(struct task *t, const uint64_t *a);
#define PARTIAL(nr, name, args, reason) FULL(nr, name, args)
#define NONE(nr, name, args, err, reason)
#include "syscalls/table_vfs.def"
#include "syscalls/table_event.def"
#include "syscalls/table_net.def"
#include "syscalls/table_kernel.def"
#include "syscalls/table_mm.def"
#undef FULL
#undef PARTIAL
#undef NONE
