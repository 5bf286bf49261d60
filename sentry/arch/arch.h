/* SPDX-License-Identifier: MIT */
/*
 * What the rest of the sentry may know of the processor. Everything else about x86-64 is in sentry/arch/x86_64/ and
 * the stub's assembly.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The general registers of a guest thread, in the order of Linux's struct user_regs_struct. */
struct guest_regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp,
		ss, fs_base, gs_base, ds, es, fs, gs;
};

#define ARCH_XSTATE_MAX 16384 /* AMX's 8 KiB tiles and all before them; larger is refused at start */

/* Extended state as XSAVE's standard format, in the layout of a signal frame's fpstate. */
struct guest_xstate {
	uint32_t size; /* bytes used in data; the host's XSAVE size, 0 when not loaded */
	uint8_t data[ARCH_XSTATE_MAX] __attribute__((aligned(64)));
};

/* System call number and arguments as the guest loaded them. */
struct guest_syscall {
	uint64_t nr;
	uint64_t args[6];
	uint64_t ip; /* behind the syscall instruction */
};

#define ARCH_SYSCALL_INSN_LEN 2
#define ARCH_ELF_MACHINE 62 /* EM_X86_64 */
#define ARCH_PLATFORM_NAME "x86_64"
