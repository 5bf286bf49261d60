/* SPDX-License-Identifier: MIT */
/*
 * The host winds a wait without a time-out back, to be made again; one with a time-out it ends with EINTR, because the stub's handler
 * ran. The guest shall see neither, unless a handler of its own runs. futex(2), signal(7).
 */
#include "kernel/native_wait.h"
#include "kernel/task.h"

#include <linux/futex.h>

#define NR_FUTEX 202
#define NR_FUTEX_WAITV 449
#define SYSCALL_INSN 0x050f

void native_wait_not_at(struct task *t, uint64_t ip)
{
	for (unsigned i = 0; i < NATIVE_NOT_AT; i++)
		if (t->eintr_ip[i] == ip)
			return;
	t->eintr_ip[t->n_eintr_ip++ % NATIVE_NOT_AT] = ip;
}

static bool ours(const struct task *t, uint64_t ip)
{
	for (unsigned i = 0; i < NATIVE_NOT_AT; i++)
		if (t->eintr_ip[i] == ip)
			return true;
	return false;
}

static bool is_wait(uint64_t op)
{
	uint32_t cmd = (uint32_t)op & FUTEX_CMD_MASK;

	return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET;
}

static bool insn_at(struct task *t, uint64_t ip)
{
	uint16_t insn;

	return !copy_in(t, &insn, ip, sizeof(insn)) && insn == SYSCALL_INSN;
}

/*
 * A relative wait is made again with all of its time, since nobody knows when it began. It stays bounded: at the end of the time
 * counted from the first interrupt, EINTR.
 */
static bool may_repeat(struct task *t, const struct guest_regs *r)
{
	int64_t now = kernel_now_mono(), ns;

	if (((uint32_t)r->rsi & FUTEX_CMD_MASK) != FUTEX_WAIT)
		return true;
	if (t->native_wait_addr == r->rdi && t->native_wait_ip == r->rip && now < t->native_wait_end)
		return true;
	if (t->native_wait_addr == r->rdi && t->native_wait_ip == r->rip && t->native_wait_end) {
		t->native_wait_end = 0;
		return false;
	}
	if (copy_in_timespec(t, r->r10, &ns) || __builtin_add_overflow(now, ns, &t->native_wait_end))
		return false;
	t->native_wait_addr = r->rdi;
	t->native_wait_ip = r->rip;
	return true;
}

static int64_t in_call(struct task *t, uint64_t nr, int64_t ret)
{
	t->in_syscall = true;
	t->syscall_nr = nr;
	return ret;
}

int64_t native_wait_interrupted(struct task *t)
{
	struct guest_regs r;

	gthread_get_regs(t->th, &r);
	if ((r.rax == NR_FUTEX && is_wait(r.rsi)) || r.rax == NR_FUTEX_WAITV) {
		uint64_t nr = r.rax;

		if (!insn_at(t, r.rip))
			return 0;
		r.rip += ARCH_SYSCALL_INSN_LEN;
		r.rax = (uint64_t)-EINTR;
		gthread_set_regs(t->th, &r);
		return in_call(t, nr, -ERESTARTSYS);
	}
	if ((int64_t)r.rax != -EINTR || !is_wait(r.rsi) || !r.r10 || ours(t, r.rip) ||
	    !insn_at(t, r.rip - ARCH_SYSCALL_INSN_LEN) || !may_repeat(t, &r))
		return 0;
	return in_call(t, NR_FUTEX, -ERESTARTNOHAND);
}
