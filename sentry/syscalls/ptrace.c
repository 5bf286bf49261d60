/* SPDX-License-Identifier: MIT */
/* ptrace(2): decoding of requests. */
#include "kernel/ptrace.h"
#include "kernel/pid_ns.h"
#include "kernel/ptrace_regs.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/syscalls.h"

#include <linux/audit.h>
#include <linux/ptrace.h>
#include <stdlib.h>
#include <string.h>

#define PTRACE_GETREGS_ 12
#define PTRACE_SETREGS_ 13
#define PTRACE_GETFPREGS_ 14
#define PTRACE_SETFPREGS_ 15
#define PTRACE_ARCH_PRCTL_ 30
#define PTRACE_SYSEMU_ 31
#define PTRACE_SYSEMU_SINGLESTEP_ 32
#define ARCH_SET_GS 0x1001
#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

/* --- options ------------------------------------------------------------------------------------------------------------ */

static int check_options(uint64_t o)
{
	if (o & ~(uint64_t)PTRACE_O_MASK)
		return -EINVAL;
	return o & PTRACE_O_SUSPEND_SECCOMP ? -EPERM : 0; /* for checkpointing; Linux asks for CAP_SYS_ADMIN and no filter */
}

static int64_t attach(struct task *t, struct task *x, uint64_t request, uint64_t addr, uint64_t data)
{
	int r;

	if (request == PTRACE_ATTACH)
		return ptrace_attach(t, x, false, 0);
	if (addr || (data & ~(uint64_t)PTRACE_O_MASK))
		return -EIO;
	r = check_options(data);
	return r ? r : ptrace_attach(t, x, true, (uint32_t)data);
}

/* --- memory and registers -------------------------------------------------------------------------------------------------- */

static int64_t peek_data(struct task *t, struct task *x, uint64_t addr, uint64_t data)
{
	uint64_t v;

	if (!x->mm || !ptrace_may_touch(t, x) || mm_peek(x->mm, addr, &v, sizeof(v)) != sizeof(v))
		return -EIO;
	return copy_out(t, data, &v, sizeof(v));
}

static int64_t poke_data(struct task *t, struct task *x, uint64_t addr, uint64_t data)
{
	return x->mm && ptrace_may_touch(t, x) && mm_poke(x->th, x->mm, addr, &data, sizeof(data)) == sizeof(data) ? 0 : -EIO;
}

static int64_t get_set(struct task *t, struct task *x, unsigned type, uint64_t addr, size_t len)
{
	uint8_t *buf = NULL;
	int64_t n = ptrace_get_regset(x, type, &buf);

	if (n >= 0)
		n = copy_out(t, addr, buf, (size_t)n < len ? (size_t)n : len);
	free(buf);
	return n;
}

static int64_t put_set(struct task *t, struct task *x, unsigned type, uint64_t addr, size_t len)
{
	uint8_t *buf = malloc(len ? len : 1);
	int64_t r = buf ? copy_in(t, buf, addr, len) : -ENOMEM;

	if (!r)
		r = ptrace_set_regset(x, type, buf, len);
	free(buf);
	return r;
}

/* PTRACE_GETREGSET, PTRACE_SETREGSET: *addr* is the type, *data* an iovec whose length is what there was in the end. */
static int64_t regset(struct task *t, struct task *x, bool set, uint64_t type, uint64_t data)
{
	struct {
		uint64_t base, len;
	} iov;
	size_t size = 0;
	unsigned unit;
	int64_t r;

	if (copy_in(t, &iov, data, sizeof(iov)))
		return -EFAULT;
	unit = ptrace_regset_unit(x, (unsigned)type, &size);
	if (!unit || iov.len % unit)
		return -EINVAL;
	if (iov.len > size)
		iov.len = size;
	r = set ? put_set(t, x, (unsigned)type, iov.base, iov.len) : get_set(t, x, (unsigned)type, iov.base, iov.len);
	return r ? r : copy_out(t, data + 8, &iov.len, sizeof(iov.len));
}

static int64_t arch_prctl_of(struct task *t, struct task *x, uint64_t addr, uint64_t option)
{
	struct guest_regs regs;

	ptrace_get_regs(x, &regs);
	switch (option) {
	case ARCH_GET_FS:
		return copy_out(t, addr, &regs.fs_base, 8);
	case ARCH_GET_GS:
		return copy_out(t, addr, &regs.gs_base, 8);
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		*(option == ARCH_SET_FS ? &regs.fs_base : &regs.gs_base) = addr;
		return ptrace_set_regs(x, &regs) ? -EPERM : 0;
	default:
		return -EINVAL;
	}
}

/* --- signals ---------------------------------------------------------------------------------------------------------------- */

static int64_t siginfo(struct task *t, struct task *x, bool set, uint64_t data)
{
	struct ksiginfo info;
	bool have;

	if (set && copy_in(t, &info, data, sizeof(info)))
		return -EFAULT;
	lock_acquire(&x->tg->siglock);
	have = x->pt.has_info;
	if (have && set)
		x->pt.info = info;
	else
		info = x->pt.info;
	lock_release(&x->tg->siglock);
	if (!have)
		return -EINVAL;
	return set ? 0 : copy_out(t, data, &info, sizeof(info));
}

/* The *nr*th queued signal. */
static bool nth_queued(struct task *x, bool shared, uint64_t nr, struct ksiginfo *info)
{
	LOCK_SCOPE(&x->tg->siglock);
	struct sigpending *p = shared ? &x->tg->shared_pending : &x->pending;
	struct sigqueue *q;

	list_for_each_entry(q, &p->queue, link)
		if (!nr--) {
			*info = q->info;
			return true;
		}
	return false;
}

static int64_t peek_siginfo(struct task *t, struct task *x, uint64_t addr, uint64_t data)
{
	struct ptrace_peeksiginfo_args a;
	struct ksiginfo info;
	int i;

	if (copy_in(t, &a, addr, sizeof(a)))
		return -EFAULT;
	if ((a.flags & ~(uint32_t)PTRACE_PEEKSIGINFO_SHARED) || a.nr < 0)
		return -EINVAL;
	for (i = 0; i < a.nr && a.off + (uint64_t)i >= a.off; i++) {
		if (!nth_queued(x, a.flags & PTRACE_PEEKSIGINFO_SHARED, a.off + (uint64_t)i, &info))
			break;
		if (copy_out(t, data + (uint64_t)i * sizeof(info), &info, sizeof(info)))
			return i ? i : -EFAULT;
		if (signal_pending(t))
			return i + 1;
	}
	return i;
}

static int64_t signal_mask(struct task *t, struct task *x, bool set, uint64_t size, uint64_t data)
{
	ksigset mask;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set) {
		mask = x->restore_mask ? x->saved_mask : x->blocked;
		return copy_out(t, data, &mask, sizeof(mask));
	}
	if (copy_in(t, &mask, data, sizeof(mask)))
		return -EFAULT;
	/* The tracee stands still; it takes the mask as its own. */
	x->restore_mask = false;
	signal_set_mask(x, mask & ~KSIG_UNBLOCKABLE);
	return 0;
}

/* --- what it stopped for --------------------------------------------------------------------------------------------------- */

static int64_t syscall_info(struct task *t, struct task *x, uint64_t size, uint64_t data)
{
	struct ptrace_syscall_info info;
	size_t len = offsetof(struct ptrace_syscall_info, entry);
	struct guest_regs regs;
	int code;

	memset(&info, 0, sizeof(info));
	ptrace_get_regs(x, &regs);
	info.arch = AUDIT_ARCH_X86_64;
	info.instruction_pointer = regs.rip;
	info.stack_pointer = regs.rsp;
	code = x->pt.has_info ? x->pt.info.code : 0;
	if ((code == (SIGTRAP | 0x80) && x->pt.message == PTRACE_EVENTMSG_SYSCALL_ENTRY) ||
	    code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
		const uint64_t args[6] = {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9};

		info.op = PTRACE_SYSCALL_INFO_ENTRY;
		info.entry.nr = regs.orig_rax;
		memcpy(info.entry.args, args, sizeof(args));
		len = offsetof(struct ptrace_syscall_info, entry.args) + sizeof(args);
		if (code != (SIGTRAP | 0x80)) {
			info.op = PTRACE_SYSCALL_INFO_SECCOMP;
			info.seccomp.ret_data = (uint32_t)x->pt.message;
			len = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(info.seccomp.ret_data);
		}
	} else if (code == (SIGTRAP | 0x80) && x->pt.message == PTRACE_EVENTMSG_SYSCALL_EXIT) {
		info.op = PTRACE_SYSCALL_INFO_EXIT;
		info.exit.rval = (int64_t)regs.rax;
		info.exit.is_error = (int64_t)regs.rax >= -4095 && (int64_t)regs.rax < 0;
		len = offsetof(struct ptrace_syscall_info, exit.is_error) + sizeof(info.exit.is_error);
	}
	return copy_out(t, data, &info, len < size ? len : size) ? -EFAULT : (int64_t)len;
}

static int64_t rseq_configuration(struct task *t, struct task *x, uint64_t size, uint64_t data)
{
	const struct gthread_rseq *rs = gthread_rseq(x->th);
	struct ptrace_rseq_configuration c = {
		.rseq_abi_pointer = rs->addr, .rseq_abi_size = rs->addr ? rs->len : 0, .signature = rs->addr ? rs->sig : 0};

	return copy_out(t, data, &c, size < sizeof(c) ? size : sizeof(c)) ? -EFAULT : (int64_t)sizeof(c);
}

/* --- requests -------------------------------------------------------------------------------------------------------------- */

/* Requests on a stopped tracee that leave it stopped. */
static int64_t stopped_request(struct task *t, struct task *x, uint64_t request, uint64_t addr, uint64_t data)
{
	struct guest_regs regs;
	uint64_t v;
	int r;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek_data(t, x, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke_data(t, x, addr, data);
	case PTRACE_PEEKUSR:
		r = ptrace_peek_user(x, addr, &v);
		return r ? r : copy_out(t, data, &v, sizeof(v));
	case PTRACE_POKEUSR:
		return ptrace_poke_user(x, addr, data);
	case PTRACE_GETREGS_:
		ptrace_get_regs(x, &regs);
		return copy_out(t, data, &regs, sizeof(regs));
	case PTRACE_SETREGS_:
		return copy_in(t, &regs, data, sizeof(regs)) ? -EFAULT : ptrace_set_regs(x, &regs);
	case PTRACE_GETFPREGS_:
		return get_set(t, x, 2, data, PTRACE_FPREGS_SIZE);
	case PTRACE_SETFPREGS_:
		return put_set(t, x, 2, data, PTRACE_FPREGS_SIZE);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return regset(t, x, request == PTRACE_SETREGSET, addr, data);
	case PTRACE_ARCH_PRCTL_:
		return arch_prctl_of(t, x, addr, data);
	case PTRACE_SETOPTIONS:
		r = check_options(data);
		if (!r)
			x->pt.options = (uint32_t)data;
		return r;
	case PTRACE_GETEVENTMSG:
		v = x->pt.message;
		return copy_out(t, data, &v, sizeof(v));
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return siginfo(t, x, request == PTRACE_SETSIGINFO, data);
	case PTRACE_PEEKSIGINFO:
		return peek_siginfo(t, x, addr, data);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return signal_mask(t, x, request == PTRACE_SETSIGMASK, addr, data);
	case PTRACE_GET_SYSCALL_INFO:
		return syscall_info(t, x, addr, data);
	case PTRACE_GET_RSEQ_CONFIGURATION:
		return rseq_configuration(t, x, addr, data);
	case PTRACE_SECCOMP_GET_FILTER:
		return task_capable(t, CAP_SYS_ADMIN) ? -EINVAL : -EACCES;
	case PTRACE_LISTEN:
		return ptrace_listen(x);
	default:
		return -EIO;
	}
}

/* Those that let it go on. 1: it is none of them. */
static int64_t resume_request(struct task *x, uint64_t request, uint64_t data)
{
	uint32_t how;

	switch (request) {
	case PTRACE_CONT:
		how = 0;
		break;
	case PTRACE_SYSCALL:
		how = RESUME_SYSCALL;
		break;
	case PTRACE_SINGLESTEP:
		how = RESUME_STEP;
		break;
	case PTRACE_SYSEMU_:
		how = RESUME_SYSEMU;
		break;
	case PTRACE_SYSEMU_SINGLESTEP_:
		how = RESUME_SYSEMU | RESUME_STEP;
		break;
	case PTRACE_DETACH:
		if (data > KSIG_MAX)
			return -EIO;
		ptrace_detach(x, (int)data);
		return 0;
	default:
		return 1;
	}
	if (data > KSIG_MAX)
		return -EIO;
	ptrace_resume(x, how, (int)data);
	return 0;
}

static int64_t request_on(struct task *t, struct task *x, uint64_t request, uint64_t addr, uint64_t data)
{
	int64_t r;

	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(t, x, request, addr, data);
	r = ptrace_freeze(t, x, request != PTRACE_KILL && request != PTRACE_INTERRUPT);
	if (r)
		return r;
	if (request == PTRACE_INTERRUPT)
		return ptrace_interrupt(x);
	if (request == PTRACE_KILL) {
		signal_send_task(x, &(struct ksiginfo){.signo = SIGKILL, .code = SI_USER});
		return 0;
	}
	r = resume_request(x, request, data);
	if (!r && request != PTRACE_DETACH)
		return 0; /* thawed with it: by now it may be frozen for somebody else */
	if (r == 1)
		r = stopped_request(t, x, request, addr, data);
	ptrace_thaw(x);
	return r;
}

int64_t sys_ptrace(struct task *t, const uint64_t *a)
{
	struct task *x;
	int64_t r;

	if (a[0] == PTRACE_TRACEME)
		return ptrace_traceme(t);
	x = task_find_vnr(t, ARG_INT(a, 1));
	if (!x)
		return -ESRCH;
	r = request_on(t, x, a[0], a[2], a[3]);
	task_put(x);
	return r;
}
