/* SPDX-License-Identifier: MIT */
/* A stopped tracee's registers in the forms of ptrace(2). The task is frozen: ptrace_freeze(). */
#pragma once

#include "arch/arch.h"

#include <stddef.h>
#include <stdint.h>

struct task;

#define PTRACE_REGS_SIZE (27 * 8) /* struct user_regs_struct, which is struct guest_regs */
#define PTRACE_FPREGS_SIZE 512

/* struct user by offset. -EIO: nothing there. */
int ptrace_peek_user(struct task *t, uint64_t off, uint64_t *val);
int ptrace_poke_user(struct task *t, uint64_t off, uint64_t val);
/* Take *regs*, of which the first *len* bytes are new, if they are what a process may have: else -EIO. */
int ptrace_set_regs(struct task *t, const struct guest_regs *regs);
void ptrace_get_regs(struct task *t, struct guest_regs *regs);
/*
 * The regset *type* (NT_*): its size, and malloc'ed bytes in *ret. -EINVAL: no such set. Setting takes *len* bytes, a multiple of
 * the set's unit.
 */
int64_t ptrace_get_regset(struct task *t, unsigned type, uint8_t **ret);
int ptrace_set_regset(struct task *t, unsigned type, const uint8_t *data, size_t len);
/* The unit of a set's size in bytes, 0: no such set; *size*: the whole set. */
unsigned ptrace_regset_unit(struct task *t, unsigned type, size_t *size);
