/* SPDX-License-Identifier: MIT */
/* The guest's signal frames, bit for bit as Linux builds them (arch/x86's rt_sigframe; sigreturn(2)). */
#include "arch/x86_64/sigframe.h"

#include "arch/arch.h"

#include <string.h>

_Static_assert(sizeof(struct x86_rt_sigframe) == ARCH_SIGFRAME_HEAD, "ARCH_SIGFRAME_HEAD");

#define FLAG_TF 0x100u
#define FLAG_DF 0x400u
#define FLAG_RF 0x10000u
#define USER_CS 0x33
#define USER_SS 0x2b

static void fill_context(struct x86_sigcontext *mc, const struct guest_regs *r)
{
	*mc = (struct x86_sigcontext){
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rdi = r->rdi,
		.rsi = r->rsi,
		.rbp = r->rbp,
		.rbx = r->rbx,
		.rdx = r->rdx,
		.rax = r->rax,
		.rcx = r->rcx,
		.rsp = r->rsp,
		.rip = r->rip,
		.eflags = r->eflags,
		.cs = (uint16_t)r->cs,
		.ss = (uint16_t)r->ss,
	};
}

/* Copy the extended state behind the head; returns its length with the closing magic number. */
static size_t put_xstate(uint8_t *dst, const struct guest_xstate *xs)
{
	struct x86_fx_sw sw;
	const uint32_t magic2 = X86_FP_MAGIC2;

	memcpy(dst, xs->data, xs->size);
	if (xs->size <= X86_FXSAVE_SIZE)
		return xs->size;
	memcpy(&sw, dst + X86_FX_SW, sizeof(sw));
	sw.magic1 = X86_FP_MAGIC1;
	sw.xstate_size = xs->size;
	sw.extended_size = xs->size + (uint32_t)sizeof(magic2);
	memcpy(dst + X86_FX_SW, &sw, sizeof(sw));
	memcpy(dst + xs->size, &magic2, sizeof(magic2));
	return xs->size + sizeof(magic2);
}

size_t arch_sigframe_build(const struct arch_sigframe *sf, struct guest_regs *regs, const struct guest_xstate *xs,
	uint64_t sp, void *buf, uint64_t *ret_addr)
{
	bool fp = xs && xs->size >= X86_FXSAVE_SIZE && xs->size <= ARCH_XSTATE_MAX;
	struct x86_rt_sigframe f = {.pretcode = sf->restorer};
	uint64_t fp_addr = fp ? (sp - xs->size - 4) & ~63ull : sp;
	/* Linux aligns the frame as if the handler had been called: rsp + 8 is a multiple of 16. */
	uint64_t addr = ((fp_addr - sizeof(f)) & ~15ull) - 8;
	size_t len = sizeof(f);

	memset(buf, 0, (size_t)(fp_addr - addr));
	fill_context(&f.uc.mc, regs);
	f.uc.flags = X86_UC_SIGCONTEXT_SS | X86_UC_STRICT_RESTORE_SS | (fp ? X86_UC_FP_XSTATE : 0);
	f.uc.stack = (struct x86_stack){.sp = sf->sas_sp, .flags = (int32_t)sf->sas_flags, .size = sf->sas_size};
	f.uc.sigmask = f.uc.mc.oldmask = sf->mask;
	f.uc.mc.trapno = sf->trapno;
	f.uc.mc.err = sf->error_code;
	f.uc.mc.cr2 = sf->cr2;
	memcpy(f.info, sf->info, sizeof(f.info));
	if (fp) {
		f.uc.mc.fpstate = fp_addr;
		len = (size_t)(fp_addr - addr) + put_xstate((uint8_t *)buf + (fp_addr - addr), xs);
	}
	memcpy(buf, &f, sizeof(f));

	regs->rdi = (uint64_t)(uint32_t)f.info[0]; /* si_signo is 1 to 64, little-endian */
	regs->rsi = addr + offsetof(struct x86_rt_sigframe, info);
	regs->rdx = addr + offsetof(struct x86_rt_sigframe, uc);
	regs->rax = 0;
	regs->rsp = addr;
	regs->rip = sf->handler;
	regs->cs = USER_CS;
	regs->ss = USER_SS;
	regs->eflags &= ~(uint64_t)(FLAG_DF | FLAG_RF | FLAG_TF);
	*ret_addr = addr;
	return len;
}

uint64_t arch_sigreturn_addr(const struct guest_regs *regs)
{
	return regs->rsp - 8; /* the handler's ret took the return address */
}

void arch_sigreturn_parse(const void *head, struct guest_regs *regs, struct arch_sigframe *sf, uint64_t *ret_fp)
{
	struct x86_rt_sigframe f;
	const struct x86_sigcontext *mc = &f.uc.mc;

	memcpy(&f, head, sizeof(f));
	regs->r8 = mc->r8, regs->r9 = mc->r9, regs->r10 = mc->r10, regs->r11 = mc->r11;
	regs->r12 = mc->r12, regs->r13 = mc->r13, regs->r14 = mc->r14, regs->r15 = mc->r15;
	regs->rdi = mc->rdi, regs->rsi = mc->rsi, regs->rbp = mc->rbp, regs->rbx = mc->rbx;
	regs->rdx = mc->rdx, regs->rax = mc->rax, regs->rcx = mc->rcx, regs->rsp = mc->rsp;
	regs->rip = mc->rip, regs->eflags = mc->eflags;
	regs->cs = mc->cs, regs->ss = mc->ss;
	regs->orig_rax = UINT64_MAX; /* not in a system call: nothing to restart */
	sf->mask = f.uc.sigmask;
	sf->sas_sp = f.uc.stack.sp;
	sf->sas_size = f.uc.stack.size;
	sf->sas_flags = (uint32_t)f.uc.stack.flags;
	*ret_fp = mc->fpstate;
}

size_t arch_xstate_frame_size(const void *fxsave, const struct guest_xstate *host)
{
	struct x86_fx_sw sw;

	memcpy(&sw, (const uint8_t *)fxsave + X86_FX_SW, sizeof(sw));
	if (sw.magic1 != X86_FP_MAGIC1 || sw.xstate_size < X86_FXSAVE_SIZE + X86_XSAVE_HEADER ||
		sw.xstate_size > host->size || sw.extended_size < sw.xstate_size)
		return X86_FXSAVE_SIZE;
	return sw.xstate_size;
}

void arch_xstate_init(struct guest_xstate *xs)
{
	const uint32_t mxcsr = 0x1f80;
	const uint16_t fcw = 0x37f;
	uint8_t sw[sizeof(struct x86_fx_sw)];
	uint32_t mask;

	memcpy(sw, xs->data + X86_FX_SW, sizeof(sw));
	memcpy(&mask, xs->data + X86_FX_MXCSR_MASK, sizeof(mask));
	memset(xs->data, 0, xs->size);
	memcpy(xs->data, &fcw, sizeof(fcw));
	memcpy(xs->data + X86_FX_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(xs->data + X86_FX_MXCSR_MASK, &mask, sizeof(mask));
	memcpy(xs->data + X86_FX_SW, sw, sizeof(sw));
}
