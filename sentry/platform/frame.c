/* SPDX-License-Identifier: MIT */
/* A guest thread's registers and extended state, in the signal frame that the host's kernel has put into its slot. */
#include "platform/internal.h"

#include "arch/x86_64/sigframe.h"

#include <errno.h>
#include <string.h>

/* The flags a process may set: CF PF AF ZF SF TF DF OF RF AC, and ID. */
#define USER_FLAGS 0x250dd5ull
#define USER_CS 0x33
#define USER_SS 0x2b

uint64_t gthread_slot_addr(const struct gthread *th)
{
	return STUB_SLOTS + th->slot_nr * SLOT_SIZE;
}

/* Our mapping of *len* bytes at *addr* of the stub, if they are in the thread's own stack; else NULL. */
void *gthread_in_stack(struct gthread *th, uint64_t addr, uint64_t len)
{
	uint64_t off = addr - gthread_slot_addr(th);

	if (off < SLOT_STACK || off > SLOT_SIZE || len > SLOT_SIZE - off)
		return NULL;
	return (uint8_t *)th->slot + off;
}

struct x86_ucontext *gthread_frame(struct gthread *th)
{
	return (void *)((uint8_t *)th->slot + (th->uc_addr - gthread_slot_addr(th)));
}

int gthread_take_frame(struct gthread *th, const struct seccomp_notif *n)
{
	uint64_t uc = n->data.args[1], info = n->data.args[2];

	if (uc % 8 || info % 8 || !gthread_in_stack(th, uc, sizeof(struct x86_ucontext)) ||
		!gthread_in_stack(th, info, 128))
		return -EPROTO;
	th->uc_addr = uc;
	gthread_take_bases(th, n);
	return 0;
}

void gthread_take_bases(struct gthread *th, const struct seccomp_notif *n)
{
	th->fs_loaded = n->data.args[3];
	th->gs_loaded = n->data.args[4];
}

/* gs leads the fast entry to the slot; to the guest that is 0. */
static uint64_t gs_shown(const struct gthread *th)
{
	return th->gs_loaded == gthread_slot_addr(th) ? 0 : th->gs_loaded;
}

uint64_t gthread_gs_wanted(const struct gthread *th)
{
	return !th->regs.gs_base && th->as->p->hello.fast_entry ? gthread_slot_addr(th) : th->regs.gs_base;
}

void gthread_load_regs(struct gthread *th)
{
	struct x86_sigcontext mc;

	memcpy(&mc, &gthread_frame(th)->mc, sizeof(mc));
	th->regs = (struct guest_regs){
		.r15 = mc.r15,
		.r14 = mc.r14,
		.r13 = mc.r13,
		.r12 = mc.r12,
		.rbp = mc.rbp,
		.rbx = mc.rbx,
		.r11 = mc.r11,
		.r10 = mc.r10,
		.r9 = mc.r9,
		.r8 = mc.r8,
		.rax = mc.rax,
		.rcx = mc.rcx,
		.rdx = mc.rdx,
		.rsi = mc.rsi,
		.rdi = mc.rdi,
		.orig_rax = UINT64_MAX,
		.rip = mc.rip,
		.cs = USER_CS,
		.eflags = mc.eflags,
		.rsp = mc.rsp,
		.ss = USER_SS,
		.fs_base = th->fs_loaded,
		.gs_base = gs_shown(th),
	};
	th->regs_dirty = false;
}

/* Write the registers into *uc*, a frame of this thread or of its child. */
void gthread_store_regs(const struct gthread *th, struct x86_ucontext *uc)
{
	const struct guest_regs *r = &th->regs;
	struct x86_sigcontext *mc = &uc->mc;

	mc->r8 = r->r8, mc->r9 = r->r9, mc->r10 = r->r10, mc->r11 = r->r11;
	mc->r12 = r->r12, mc->r13 = r->r13, mc->r14 = r->r14, mc->r15 = r->r15;
	mc->rdi = r->rdi, mc->rsi = r->rsi, mc->rbp = r->rbp, mc->rbx = r->rbx;
	mc->rdx = r->rdx, mc->rax = r->rax, mc->rcx = r->rcx, mc->rsp = r->rsp;
	mc->rip = r->rip;
	mc->eflags = (r->eflags & USER_FLAGS) | 0x202;
	mc->cs = USER_CS;
	mc->ss = USER_SS;
	mc->gs = mc->fs = 0;
}

void gthread_get_regs(struct gthread *th, struct guest_regs *regs)
{
	*regs = th->regs;
}

void gthread_set_regs(struct gthread *th, const struct guest_regs *regs)
{
	th->regs = *regs;
	th->regs.cs = USER_CS;
	th->regs.ss = USER_SS;
	th->regs.eflags = (regs->eflags & USER_FLAGS) | 0x202;
	th->regs_dirty = th->rax_set = true;
}

/* Our mapping of the frame's extended state, or NULL when the guest has damaged its frame. */
static uint8_t *frame_xstate(struct gthread *th)
{
	uint64_t addr = __atomic_load_n(&gthread_frame(th)->mc.fpstate, __ATOMIC_RELAXED);

	return addr % 64 ? NULL : gthread_in_stack(th, addr, th->as->p->xstate_size + 4ull);
}

int gthread_get_xstate(struct gthread *th, struct guest_xstate *xs)
{
	struct platform *p = th->as->p;
	const uint8_t *src = frame_xstate(th);

	if (!src)
		return -EIO;
	memcpy(xs->data, src, p->xstate_size);
	memcpy(xs->data + X86_FX_SW, p->fx_sw.bytes, sizeof(p->fx_sw.bytes));
	xs->size = p->xstate_size;
	return 0;
}

int gthread_set_xstate(struct gthread *th, const struct guest_xstate *xs)
{
	struct platform *p = th->as->p;
	uint8_t *dst = frame_xstate(th);
	struct x86_xsave_header h = {.xstate_bv = 3}; /* x87 and SSE: all that an FXSAVE area holds */
	const uint32_t magic2 = X86_FP_MAGIC2;
	uint32_t mxcsr;

	if (!dst)
		return -EIO;
	if (xs->size < X86_FXSAVE_SIZE || xs->size > p->xstate_size)
		return -EINVAL;
	if (xs->size >= X86_FXSAVE_SIZE + sizeof(h)) {
		memcpy(&h, xs->data + X86_FXSAVE_SIZE, sizeof(h));
		for (unsigned i = 0; i < ARRAY_SIZE(h.reserved); i++)
			if (h.reserved[i])
				return -EINVAL;
		if (h.xcomp_bv)
			return -EINVAL;
		h.xstate_bv &= p->xfeatures;
	}
	memcpy(&mxcsr, xs->data + X86_FX_MXCSR, sizeof(mxcsr));
	if (mxcsr & ~p->mxcsr_mask)
		return -EINVAL;
	if (xs->size < p->xstate_size && (h.xstate_bv & ~3ull))
		return -EINVAL; /* claims more than it brings */
	memset(dst, 0, p->xstate_size);
	memcpy(dst, xs->data, xs->size);
	memcpy(dst + X86_FX_SW, p->fx_sw.bytes, sizeof(p->fx_sw.bytes));
	memcpy(dst + X86_FXSAVE_SIZE, &h, sizeof(h));
	memcpy(dst + p->xstate_size, &magic2, sizeof(magic2));
	gthread_frame(th)->flags |= X86_UC_FP_XSTATE;
	return 0;
}

int gthread_learn_xstate(struct platform *p, const uint8_t *slot, uint64_t uc_addr)
{
	const struct x86_ucontext *uc = (const void *)(slot + (uc_addr - STUB_SLOTS));
	const uint8_t *fx = slot + (uc->mc.fpstate - STUB_SLOTS);
	struct x86_fx_sw sw;

	if (uc_addr - STUB_SLOTS > SLOT_SIZE - sizeof(*uc) || uc->mc.fpstate - STUB_SLOTS > SLOT_SIZE - X86_FXSAVE_SIZE)
		return -EPROTO;
	memcpy(&sw, fx + X86_FX_SW, sizeof(sw));
	if (sw.magic1 != X86_FP_MAGIC1 || sw.xstate_size < X86_FXSAVE_SIZE + X86_XSAVE_HEADER ||
		sw.xstate_size > ARCH_XSTATE_MAX)
		return -EOPNOTSUPP;
	memcpy(p->fx_sw.bytes, &sw, sizeof(sw));
	p->xstate_size = sw.xstate_size;
	p->xfeatures = sw.xfeatures;
	memcpy(&p->mxcsr_mask, fx + X86_FX_MXCSR_MASK, sizeof(p->mxcsr_mask));
	if (!p->mxcsr_mask)
		p->mxcsr_mask = 0xffbf;
	return 0;
}
