/* SPDX-License-Identifier: MIT */
/* Cancellable waiting in a host call; see cancel.S. */
#pragma once

#include <ucontext.h>

long arch_ioctl_cancellable(int fd, unsigned long request, void *arg, const _Atomic int *cancel);
extern const char arch_ioctl_begin[], arch_ioctl_end[], arch_ioctl_cancelled[];

/* For the signal handler: if the thread is about to wait, make it return -EINTR instead. */
static inline void arch_cancel_in_handler(void *ucontext)
{
	ucontext_t *uc = ucontext;
	greg_t ip = uc->uc_mcontext.gregs[REG_RIP];

	if (ip >= (greg_t)arch_ioctl_begin && ip < (greg_t)arch_ioctl_end)
		uc->uc_mcontext.gregs[REG_RIP] = (greg_t)arch_ioctl_cancelled;
}
