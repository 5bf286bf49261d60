/* SPDX-License-Identifier: MIT */
/* Signal frames on the guest's stack: the bytes are the architecture's, where they go and what they mean is ours. */
#include "kernel/sigframe.h"
#include "kernel/fast.h"
#include "kernel/task.h"

#include <stdlib.h>
#include <string.h>

#define SS_AUTODISARM_BIT (1u << 31)
#define SA_RESTORER_BIT 0x04000000
#define LEGACY_FXSAVE 512
#define SIGALTSTACK_MIN 2048 /* MINSIGSTKSZ: what is really needed, AT_MINSIGSTKSZ tells */

static bool within_altstack(const struct task *t, uint64_t sp)
{
	return t->sas_size && sp > t->sas_sp && sp - t->sas_sp <= t->sas_size;
}

/* With SS_AUTODISARM it may be left by any way: nobody is on it then. */
static bool on_altstack(const struct task *t, uint64_t sp)
{
	return !(t->sas_flags & SS_AUTODISARM_BIT) && within_altstack(t, sp);
}

void sigaltstack_get(const struct task *t, uint64_t sp, struct sigaltstack_args *ret)
{
	*ret = (struct sigaltstack_args){.sp = t->sas_sp, .size = t->sas_size};
	ret->flags = t->sas_size ? t->sas_flags & SS_AUTODISARM_BIT : SS_DISABLE;
	if (on_altstack(t, sp))
		ret->flags |= SS_ONSTACK;
}

static void set_altstack(struct task *t, uint64_t sp, uint64_t size, uint32_t flags)
{
	if (t->sas_sp == sp && t->sas_size == size && t->sas_flags == flags)
		return; /* as most returns from handlers find it */
	t->sas_sp = sp;
	t->sas_size = size;
	t->sas_flags = flags;
	fast_changed(t);
}

int sigaltstack_set(struct task *t, uint64_t sp, const struct sigaltstack_args *ss)
{
	uint32_t mode = ss->flags & ~SS_AUTODISARM_BIT;

	if (on_altstack(t, sp))
		return -EPERM;
	if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		set_altstack(t, 0, 0, ss->flags);
		return 0;
	}
	if (ss->size < SIGALTSTACK_MIN)
		return -ENOMEM;
	set_altstack(t, ss->sp, ss->size, ss->flags);
	return 0;
}

static uint64_t frame_top(struct task *t, const struct guest_regs *regs, const struct ksigaction *act, bool *on_alt)
{
	*on_alt = true;
	if ((act->flags & SA_ONSTACK) && t->sas_size && !on_altstack(t, regs->rsp))
		return t->sas_sp + t->sas_size;
	*on_alt = on_altstack(t, regs->rsp);
	return regs->rsp - ARCH_REDZONE;
}

static struct guest_xstate *xstate_alloc(void)
{
	return aligned_alloc(64, (sizeof(struct guest_xstate) + 63) & ~(size_t)63);
}

static void describe(struct task *t, const struct ksigaction *act, const struct ksiginfo *info, ksigset saved,
		     struct arch_sigframe *sf)
{
	*sf = (struct arch_sigframe){
		.handler = act->handler,
		.restorer = act->restorer,
		.mask = saved,
		.sas_sp = t->sas_sp,
		.sas_size = t->sas_size,
		.sas_flags = t->sas_flags,
		/* Of the last fault, as Linux has it, whatever signal this is. */
		.trapno = t->fault_trapno,
		.error_code = t->fault_error,
		.cr2 = t->fault_addr,
	};
	memcpy(sf->info, info, sizeof(sf->info));
}

int sigframe_push(struct task *t, struct guest_regs *regs, const struct ksigaction *act, const struct ksiginfo *info,
		  ksigset saved)
{
	struct guest_xstate *xs;
	struct arch_sigframe sf;
	uint64_t addr;
	bool on_alt;
	uint8_t *buf;
	size_t len;
	int r = -ENOMEM;

	if (!(act->flags & SA_RESTORER_BIT))
		return -EFAULT; /* x86-64 has no other way back */
	xs = xstate_alloc();
	buf = aligned_alloc(64, (ARCH_SIGFRAME_MAX + 63) & ~63);
	if (xs && buf)
		r = gthread_get_xstate(t->th, xs);
	if (!r) {
		describe(t, act, info, saved, &sf);
		len = arch_sigframe_build(&sf, regs, xs, frame_top(t, regs, act, &on_alt), buf, &addr);
		/* One that does not fit on the alternate stack shall not be written over what lies below. */
		r = on_alt && !within_altstack(t, addr) ? -EFAULT : aspace_write(gthread_aspace(t->th), addr, buf, len, NULL);
	}
	if (!r && (t->sas_flags & SS_AUTODISARM_BIT)) {
		set_altstack(t, 0, 0, SS_DISABLE);
	}
	free(buf);
	free(xs);
	return r;
}

static int restore_xstate(struct task *t, uint64_t fp)
{
	struct aspace *as = gthread_aspace(t->th);
	struct guest_xstate *xs = xstate_alloc();
	uint8_t legacy[LEGACY_FXSAVE];
	size_t n;
	int r;

	if (!xs)
		return -ENOMEM;
	r = gthread_get_xstate(t->th, xs);
	if (!r)
		r = aspace_read(as, fp, legacy, sizeof(legacy), NULL);
	if (!r) {
		n = arch_xstate_frame_size(legacy, xs);
		/* What the frame does not carry goes to its initial state. */
		arch_xstate_init(xs);
		if (n > xs->size)
			n = xs->size;
		r = aspace_read(as, fp, xs->data, n, NULL);
	}
	if (!r)
		r = gthread_set_xstate(t->th, xs);
	free(xs);
	return r;
}

int sigframe_pop(struct task *t, struct guest_regs *regs, ksigset *ret_mask)
{
	uint8_t head[ARCH_SIGFRAME_HEAD];
	struct arch_sigframe sf;
	uint64_t fp;
	int r = aspace_read(gthread_aspace(t->th), arch_sigreturn_addr(regs), head, sizeof(head), NULL);

	if (r)
		return r;
	arch_sigreturn_parse(head, regs, &sf, &fp);
	if (fp) {
		r = restore_xstate(t, fp);
		if (r)
			return r;
	}
	/* By the rules of the call; a setting that breaks them is not taken. */
	sigaltstack_set(t, regs->rsp, &(struct sigaltstack_args){sf.sas_sp, sf.sas_flags, 0, sf.sas_size});
	*ret_mask = sf.mask;
	return 0;
}
