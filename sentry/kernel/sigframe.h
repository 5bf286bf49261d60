/* SPDX-License-Identifier: MIT */
/* Linux's signal frame on the guest's stack. */
#pragma once

#include "arch/arch.h"
#include "kernel/signal.h"

struct task;

struct sigaltstack_args { /* stack_t */
	uint64_t sp;
	uint32_t flags, pad;
	uint64_t size;
};

/* sigaltstack(2); *sp*: the caller's stack pointer. */
void sigaltstack_get(const struct task *t, uint64_t sp, struct sigaltstack_args *ret);
/* 0, -EPERM: it is in use, -EINVAL, -ENOMEM: too small. */
int sigaltstack_set(struct task *t, uint64_t sp, const struct sigaltstack_args *ss);

/*
 * Build the frame for *act* and *info* below the guest's stack pointer (or on its alternate stack) and point *regs* at the
 * handler. *saved* is the mask that rt_sigreturn restores. Inside a full entry. -EFAULT: the stack cannot take it.
 */
int sigframe_push(struct task *t, struct guest_regs *regs, const struct ksigaction *act, const struct ksiginfo *info,
		  ksigset saved);
/*
 * Undo it: *regs* (current on entry) become those of the frame, the extended state is loaded, the alternate stack settings
 * come back. -EFAULT or -EINVAL: the frame is bad and the guest gets SIGSEGV.
 */
int sigframe_pop(struct task *t, struct guest_regs *regs, ksigset *ret_mask);
