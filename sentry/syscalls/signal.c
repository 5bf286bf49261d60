/* SPDX-License-Identifier: MIT */
/* sigaction(2), sigprocmask(2), sigpending(2), sigsuspend(2), sigtimedwait(2), sigaltstack(2), kill(2) and kin. */
#include "fs/fs.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/pidfd.h"
#include "kernel/sigframe.h"
#include "kernel/task_internal.h"
#include "syscalls/syscalls.h"

#include <string.h>

/* Those that Linux keeps; SA_EXPOSE_TAGBITS and SA_RESTORER by their numbers. */
#define SA_KNOWN                                                                                                       \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND | 0x800ul | 0x04000000ul)

static int copy_in_sigset(struct task *t, uint64_t addr, uint64_t size, ksigset *ret)
{
	if (size != sizeof(ksigset))
		return -EINVAL;
	return copy_in(t, ret, addr, sizeof(*ret));
}

int64_t sys_rt_sigaction(struct task *t, const uint64_t *a)
{
	struct ksigaction act, old;
	int s = ARG_INT(a, 0);

	if (a[3] != sizeof(ksigset))
		return -EINVAL;
	if (a[1] && copy_in(t, &act, a[1], sizeof(act)))
		return -EFAULT;
	if (s < 1 || s > KSIG_MAX || (a[1] && (s == SIGKILL || s == SIGSTOP)))
		return -EINVAL;
	lock_acquire(&t->tg->siglock);
	if (a[1]) {
		act.mask &= ~KSIG_UNBLOCKABLE;
		act.flags &= SA_KNOWN; /* so a program can find out which there are */
		old = sigaction_set(t->tg, s, &act);
		signal_drop_ignored(t->tg, s);
	} else {
		old = sigaction_get(t->tg, s);
	}
	lock_release(&t->tg->siglock);
	return a[2] && copy_out(t, a[2], &old, sizeof(old)) ? -EFAULT : 0;
}

int64_t sys_rt_sigprocmask(struct task *t, const uint64_t *a)
{
	ksigset set = 0, old = t->blocked;

	if (a[3] != sizeof(ksigset))
		return -EINVAL;
	if (a[1]) {
		if (copy_in(t, &set, a[1], sizeof(set)))
			return -EFAULT;
		switch (ARG_INT(a, 0)) {
		case SIG_BLOCK:
			set = old | set;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_mask(t, set);
	}
	return a[2] && copy_out(t, a[2], &old, sizeof(old)) ? -EFAULT : 0;
}

int64_t sys_rt_sigpending(struct task *t, const uint64_t *a)
{
	ksigset set;

	if (a[1] > sizeof(ksigset))
		return -EINVAL;
	lock_acquire(&t->tg->siglock);
	set = (t->pending.set | t->tg->shared_pending.set) & t->blocked;
	lock_release(&t->tg->siglock);
	return copy_out(t, a[0], &set, a[1]);
}

int64_t sys_rt_sigsuspend(struct task *t, const uint64_t *a)
{
	ksigset set;
	int r = copy_in_sigset(t, a[0], a[1], &set);

	if (r)
		return r;
	t->saved_mask = t->blocked;
	t->restore_mask = true;
	signal_set_mask(t, set);
	while (!signal_pending(t))
		task_block(t, -1);
	return -ERESTARTNOHAND;
}

int64_t sys_pause(struct task *t, const uint64_t *a)
{
	while (!signal_pending(t))
		task_block(t, -1);
	return -ERESTARTNOHAND;
}

/* Try to take one of *want*; while asleep those signals are let through. */
static int take_signal(struct task *t, ksigset want, struct ksiginfo *info)
{
	LOCK_SCOPE(&t->tg->siglock);

	return signal_dequeue(t, ~want, info);
}

static bool wanted_pending(struct task *t, ksigset want)
{
	LOCK_SCOPE(&t->tg->siglock);

	return (t->pending.set | t->tg->shared_pending.set) & want;
}

int64_t sys_rt_sigtimedwait(struct task *t, const uint64_t *a)
{
	int64_t ns, deadline;
	struct ksiginfo info;
	ksigset want;
	int s, r = copy_in_sigset(t, a[0], a[3], &want);

	if (!r)
		r = copy_in_timespec(t, a[2], &ns);
	if (r)
		return r;
	want &= ~KSIG_UNBLOCKABLE;
	deadline = ns < 0 ? -1 : kernel_now_mono() + ns;
	s = take_signal(t, want, &info);
	if (!s && ns != 0) {
		lock_acquire(&t->tg->siglock);
		t->real_blocked = t->blocked;
		t->blocked &= ~want;
		signal_recalc(t);
		lock_release(&t->tg->siglock);
		do {
			r = task_block(t, deadline);
		} while (!r && !wanted_pending(t, want));
		lock_acquire(&t->tg->siglock);
		t->blocked = t->real_blocked;
		t->real_blocked = 0;
		s = signal_dequeue(t, ~want, &info);
		signal_recalc(t);
		lock_release(&t->tg->siglock);
		if (!s)
			return r == -ETIMEDOUT ? -EAGAIN : -EINTR;
	}
	if (!s)
		return -EAGAIN;
	return a[1] && copy_out(t, a[1], &info, sizeof(info)) ? -EFAULT : s;
}

int64_t sys_rt_sigreturn(struct task *t, const uint64_t *a)
{
	int64_t r = signal_return(t);

	t->in_syscall = false;
	return r;
}

int64_t sys_sigaltstack(struct task *t, const uint64_t *a)
{
	struct sigaltstack_args ss, old;
	struct guest_regs regs;
	int r = 0;

	gthread_get_regs(t->th, &regs);
	sigaltstack_get(t, regs.rsp, &old);
	if (a[0]) {
		if (copy_in(t, &ss, a[0], sizeof(ss)))
			return -EFAULT;
		r = sigaltstack_set(t, regs.rsp, &ss);
	}
	if (r)
		return r;
	return a[1] && copy_out(t, a[1], &old, sizeof(old)) ? -EFAULT : 0;
}

/* --- sending ---------------------------------------------------------------------------------------------------------- */

/* tasklist_lock held. */
static bool may_signal_locked(struct task *t, struct thread_group *tg, int sig)
{
	struct cred *c;
	bool ok;

	if (tg == t->tg || task_capable(t, CAP_KILL))
		return true;
	if (!tg->leader)
		return true; /* already gone: sending does nothing */
	c = task_cred_get(tg->leader);
	ok = t->cred->euid == c->suid || t->cred->euid == c->uid || t->cred->uid == c->suid || t->cred->uid == c->uid ||
	     (sig == SIGCONT && tg->sid == t->tg->sid) || ns_capable(t, c->user_ns, CAP_KILL);
	cred_put(c);
	return ok;
}

static bool may_signal(struct task *t, struct thread_group *tg, int sig)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);

	return may_signal_locked(t, tg, sig);
}

static void user_info(struct task *t, struct ksiginfo *info, int sig, int code)
{
	memset(info, 0, sizeof(*info));
	info->signo = sig;
	info->code = code;
	info->pid = t->tg->pid;
	info->uid = t->cred->uid;
}

/* From a process outside a namespace SIGKILL and SIGSTOP reach its first one, whatever the sender made up beside them. */
static const struct ksiginfo *as_sent(
	struct task *t, const struct thread_group *tg, const struct ksiginfo *info, struct ksiginfo *buf)
{
	if (!tg->unkillable || !(KSIG(info->signo) & KSIG_UNBLOCKABLE) || pid_nr_ns(tg->pid_ns, t->tg->pid))
		return info;
	user_info(t, buf, info->signo, SI_USER);
	return buf;
}

static int send_group(struct task *t, struct thread_group *tg, const struct ksiginfo *info)
{
	struct ksiginfo buf;

	if (info->signo < 0 || info->signo > KSIG_MAX)
		return -EINVAL;
	if (!may_signal(t, tg, info->signo))
		return -EPERM;
	return info->signo ? signal_send_group(tg, as_sent(t, tg, info, &buf)) : 0;
}

struct kill_many {
	struct task *t;
	int pgid; /* -1: everybody but init and the caller */
	int signo;
};

static int is_one_of_many(struct thread_group *tg, void *arg)
{
	const struct kill_many *k = arg;

	if (k->pgid >= 0 ? tg->pgid != k->pgid : tg_vnr(k->t, tg) <= 1 || tg == k->t->tg)
		return 0;
	if (k->signo < 0 || k->signo > KSIG_MAX)
		return -EINVAL;
	return may_signal_locked(k->t, tg, k->signo) ? 1 : -EPERM;
}

static int64_t kill_many(struct task *t, int pgid, const struct ksiginfo *info)
{
	struct kill_many k = {.t = t, .pgid = pgid, .signo = info->signo};

	return signal_send_many(t->kernel, info, is_one_of_many, &k);
}

static int64_t kill_pid(struct task *t, int pid, const struct ksiginfo *info)
{
	struct task *target = task_find_vnr(t, pid);
	int r;

	if (!target)
		return -ESRCH;
	r = send_group(t, target->tg, info);
	task_put(target);
	return r;
}

int64_t sys_kill(struct task *t, const uint64_t *a)
{
	int pid = ARG_INT(a, 0), sig = ARG_INT(a, 1);
	struct ksiginfo info;

	user_info(t, &info, sig, SI_USER);
	if (pid > 0)
		return kill_pid(t, pid, &info);
	if (pid == INT32_MIN)
		return -ESRCH;
	return kill_many(t, pid == -1 ? -1 : pid == 0 ? t->tg->pgid : pid_from_vnr(t, -pid), &info);
}

static int64_t do_tkill(struct task *t, int tgid, int tid, const struct ksiginfo *info)
{
	struct ksiginfo buf;
	struct task *target;
	int r = 0;

	if (tid <= 0 || (tgid <= 0 && tgid != -1))
		return -EINVAL;
	target = task_find_vnr(t, tid);
	if (!target || (tgid > 0 && tg_vnr(t, target->tg) != tgid))
		r = -ESRCH;
	else if (info->signo < 0 || info->signo > KSIG_MAX)
		r = -EINVAL;
	else if (!may_signal(t, target->tg, info->signo))
		r = -EPERM;
	else if (info->signo)
		r = signal_send_task(target, as_sent(t, target->tg, info, &buf));
	task_put(target);
	return r;
}

int64_t sys_tkill(struct task *t, const uint64_t *a)
{
	struct ksiginfo info;

	user_info(t, &info, ARG_INT(a, 1), SI_TKILL);
	return do_tkill(t, -1, ARG_INT(a, 0), &info);
}

int64_t sys_tgkill(struct task *t, const uint64_t *a)
{
	struct ksiginfo info;

	if (ARG_INT(a, 0) <= 0)
		return -EINVAL;
	user_info(t, &info, ARG_INT(a, 2), SI_TKILL);
	return do_tkill(t, ARG_INT(a, 0), ARG_INT(a, 1), &info);
}

#define SI_LAYOUT_KNOWN (-7) /* SI_DETHREAD: codes down to it have a known layout */
#define SI_ASYNCNL_CODE (-60)

/* Linux keeps the first 48 bytes. What else a code that it does not know brings must be nothing. */
static int trim_info(struct ksiginfo *info)
{
	const size_t kept = 48 - offsetof(struct ksiginfo, bytes);
	bool known = info->code >= SI_LAYOUT_KNOWN || info->code == SI_ASYNCNL_CODE;

	for (size_t i = kept; !known && i < sizeof(info->bytes); i++)
		if (info->bytes[i])
			return -E2BIG;
	memset(info->bytes + kept, 0, sizeof(info->bytes) - kept);
	return 0;
}

/* *nr*: of the receiving process or thread. */
static int copy_in_info(struct task *t, uint64_t addr, int sig, int nr, struct ksiginfo *info)
{
	int r;

	if (copy_in(t, info, addr, sizeof(*info)))
		return -EFAULT;
	r = trim_info(info);
	if (r)
		return r;
	info->signo = sig;
	/* Nobody may pretend to be the kernel, or kill(), towards anyone but himself: the thread counts. */
	return (info->code >= 0 || info->code == SI_TKILL) && nr != task_vnr(t, t) ? -EPERM : 0;
}

int64_t sys_rt_sigqueueinfo(struct task *t, const uint64_t *a)
{
	struct ksiginfo info;
	int r = copy_in_info(t, a[2], ARG_INT(a, 1), ARG_INT(a, 0), &info);

	return r ? r : kill_pid(t, ARG_INT(a, 0), &info);
}

int64_t sys_rt_tgsigqueueinfo(struct task *t, const uint64_t *a)
{
	struct ksiginfo info;
	int r;

	if (ARG_INT(a, 0) <= 0 || ARG_INT(a, 1) <= 0)
		return -EINVAL;
	r = copy_in_info(t, a[3], ARG_INT(a, 2), ARG_INT(a, 1), &info);

	return r ? r : do_tkill(t, ARG_INT(a, 0), ARG_INT(a, 1), &info);
}

int64_t sys_pidfd_open(struct task *t, const uint64_t *a)
{
	struct thread_group *tg;
	int r;

	if (ARG_UINT(a, 1) & ~(uint32_t)04000)
		return -EINVAL;
	if (ARG_INT(a, 0) <= 0)
		return -EINVAL;
	tg = tg_find_vnr(t, ARG_INT(a, 0));
	if (!tg) {
		struct task *thread = task_find_vnr(t, ARG_INT(a, 0));

		task_put(thread);
		return thread ? -EINVAL : -ESRCH;
	}
	r = pidfd_open(t, tg, ARG_INT(a, 1));
	tg_put(tg);
	return r;
}

/* A pidfd, or the directory /proc/PID of a process. */
static struct thread_group *signal_target(struct task *t, int fd)
{
	FILE_SCOPE f = NULL;
	struct thread_group *tg = pidfd_group(t, fd);

	if (!tg) {
		f = fd_get(t, fd);
		tg = f ? procfs_dir_group(f) : NULL;
	}
	return tg;
}

int64_t sys_pidfd_send_signal(struct task *t, const uint64_t *a)
{
	int sig = ARG_INT(a, 1), r = 0;
	struct thread_group *tg;
	struct ksiginfo info;

	if (ARG_UINT(a, 3))
		return -EINVAL;
	tg = signal_target(t, ARG_INT(a, 0));
	if (!tg)
		return -EBADF;
	user_info(t, &info, sig, SI_USER);
	if (a[2]) {
		r = copy_in(t, &info, a[2], sizeof(info));
		if (!r && info.signo != sig)
			r = -EINVAL;
		if (!r)
			r = copy_in_info(t, a[2], sig, tg_vnr(t, tg), &info);
	}
	if (!r)
		r = tg->reaped ? -ESRCH : send_group(t, tg, &info);
	tg_put(tg);
	return r;
}
