/* SPDX-License-Identifier: MIT */
/* Layout of Linux's signal frame on x86-64, as the host's kernel writes it for the stub and as we write it for the guest. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct x86_sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate; /* address of the extended state, 0: none */
	uint64_t reserved[8];
};

struct x86_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

struct x86_ucontext {
	uint64_t flags, link;
	struct x86_stack stack;
	struct x86_sigcontext mc;
	uint64_t sigmask;
};

#define X86_UC_FP_XSTATE 1u
#define X86_UC_SIGCONTEXT_SS 2u
#define X86_UC_STRICT_RESTORE_SS 4u

struct x86_rt_sigframe {
	uint64_t pretcode;
	struct x86_ucontext uc;
	uint8_t info[128];
};

_Static_assert(sizeof(struct x86_sigcontext) == 256, "struct sigcontext");
_Static_assert(sizeof(struct x86_ucontext) == 304, "struct ucontext");
_Static_assert(offsetof(struct x86_ucontext, mc.rax) == 144, "STUB_UC_RAX_OFFSET");

/* The software part of the FXSAVE area (bytes 464 to 511), and the XSAVE header behind it. */
#define X86_FXSAVE_SIZE 512u
#define X86_FX_MXCSR 24u
#define X86_FX_MXCSR_MASK 28u
#define X86_FX_SW 464u
#define X86_XSAVE_HEADER 64u
#define X86_FP_MAGIC1 0x46505853u
#define X86_FP_MAGIC2 0x46505845u

struct x86_fx_sw {
	uint32_t magic1;
	uint32_t extended_size; /* xstate_size and the 4 bytes of magic2 */
	uint64_t xfeatures;
	uint32_t xstate_size;
	uint32_t padding[7];
};
_Static_assert(sizeof(struct x86_fx_sw) == 48, "struct _fpx_sw_bytes");

struct x86_xsave_header {
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};
