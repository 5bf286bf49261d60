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

/* A counter that runs on while the machine does, alike on all processors; its rate is not known beforehand. */
static inline uint64_t arch_ticks(void)
{
	return __builtin_ia32_rdtsc();
}

/* --- signal frames ------------------------------------------------------------------------------------------------- */

/* What a signal frame holds besides registers and extended state. */
struct arch_sigframe {
	uint64_t handler, restorer;    /* of the action; not read back */
	uint64_t mask;		       /* what rt_sigreturn restores */
	uint64_t sas_sp, sas_size;     /* uc_stack */
	uint32_t sas_flags;
	uint64_t trapno, error_code, cr2; /* of a fault, else 0; not read back */
	uint8_t info[128];	       /* siginfo_t; not read back */
};

#define ARCH_SIGFRAME_HEAD 440			      /* bytes of the frame without the extended state */
#define ARCH_SIGFRAME_MAX (ARCH_XSTATE_MAX + 640)     /* the largest arch_sigframe_build() writes */
#define ARCH_REDZONE 128			      /* leave so much below the guest's stack pointer */

/*
 * Build the rt signal frame of *sf* for a guest interrupted at *regs* with *xs* (may be NULL or of size 0: none). *sp* is the
 * top to build below: regs->rsp - ARCH_REDZONE, or the end of the alternate stack. The bytes go to *buf* (at least
 * ARCH_SIGFRAME_MAX), their guest address to *ret_addr*; *regs* become those of the handler. Returns the length. sigreturn(2).
 */
size_t arch_sigframe_build(const struct arch_sigframe *sf, struct guest_regs *regs, const struct guest_xstate *xs,
	uint64_t sp, void *buf, uint64_t *ret_addr);
/* rt_sigreturn: the frame stands at this address; read ARCH_SIGFRAME_HEAD bytes there. */
uint64_t arch_sigreturn_addr(const struct guest_regs *regs);
/*
 * Take registers, mask and alternate stack out of a frame's head. *ret_fp* is the guest address of the extended state, 0
 * if none. Flags and segments are sanitised by gthread_set_regs().
 */
void arch_sigreturn_parse(const void *head, struct guest_regs *regs, struct arch_sigframe *sf, uint64_t *ret_fp);
/* From the first 512 bytes at *ret_fp: how many bytes of extended state to read there into guest_xstate.data. */
size_t arch_xstate_frame_size(const void *fxsave, const struct guest_xstate *host);
/* The initial extended state (all init, default MXCSR) in the format of *host*, an xstate got from any gthread. */
void arch_xstate_init(struct guest_xstate *xs);

/* Take back a system call: ip on the syscall instruction again, rax the number. */
static inline void arch_restart_syscall(struct guest_regs *regs, uint64_t nr)
{
	regs->rip -= ARCH_SYSCALL_INSN_LEN;
	regs->rax = nr;
}
