/* SPDX-License-Identifier: MIT */
/* Guests' own seccomp filters: chains of them, and what their verdicts do. seccomp(2). */
#include "kernel/fast.h"
#include "kernel/seccomp.h"
#include "kernel/pid_ns.h"
#include "kernel/ptrace.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/trace.h"
#include "syscalls/syscalls.h"
#include "vfs/vfs.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_COST_MAX 32768
#define CHAIN_PENALTY 4 /* for each filter */
#define ERRNO_TOP 4095
#define NR_READ 0
#define NR_WRITE 1
#define NR_RT_SIGRETURN 15
#define NR_EXECVE 59
#define NR_EXIT 60
#define NR_FUTEX_WAITV 449
#define SYS_SECCOMP_CODE 1 /* si_code of SIGSYS */

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 32u
#endif
#define KNOWN_FLAGS                                                                                                    \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW |                        \
	 SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

/* --- life of filters -------------------------------------------------------------------------------------------------------- */

static uint64_t filter_bytes(unsigned n)
{
	return sizeof(struct seccomp_filter) + n * sizeof(struct seccomp_insn);
}

static void filter_put(struct seccomp_filter *f)
{
	while (f && refs_put(&f->refs)) {
		struct seccomp_filter *prev = f->prev;

		if (f->listener) {
			seccomp_listener_unused(f->listener);
			seccomp_listener_put(f->listener);
		}
		kernel_uncharge(f->kernel, filter_bytes(f->prog.n));
		free(f);
		f = prev;
	}
}

static int filter_alloc(struct kernel *k, const struct sock_filter *insns, unsigned n, struct seccomp_filter **ret)
{
	struct seccomp_filter *f;

	if (kernel_charge(k, filter_bytes(n)))
		return -ENOMEM;
	f = calloc(1, filter_bytes(n));
	if (!f) {
		kernel_uncharge(k, filter_bytes(n));
		return -ENOMEM;
	}
	refs_init(&f->refs);
	f->kernel = k;
	f->cost = seccomp_bpf_cost(insns, n);
	seccomp_bpf_decode(&f->prog, insns, n);
	*ret = f;
	return 0;
}

static int may_filter(struct task *t)
{
	return task_no_new_privs(t) || ns_capable(t, t->cred->user_ns, CAP_SYS_ADMIN) ? 0 : -EACCES;
}

/* The guest's struct sock_fprog at *addr* as a filter of its own. */
static int filter_from_guest(struct task *t, uint64_t addr, struct seccomp_filter **ret)
{
	struct {
		uint16_t len;
		uint64_t insns;
	} prog;
	struct sock_filter *insns;
	int r;

	if (copy_in(t, &prog, addr, sizeof(prog)))
		return -EFAULT;
	if (!prog.len || prog.len > BPF_MAXINSNS)
		return -EINVAL;
	r = may_filter(t);
	if (r)
		return r;
	insns = malloc(prog.len * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	r = copy_in(t, insns, prog.insns, prog.len * sizeof(*insns));
	if (!r)
		r = seccomp_bpf_check(insns, prog.len);
	if (!r)
		r = filter_alloc(t->kernel, insns, prog.len, ret);
	free(insns);
	return r;
}

/* --- setting ------------------------------------------------------------------------------------------------------------------ */

int seccomp_mode(const struct task *t)
{
	return atomic_load(&t->seccomp_mode);
}

unsigned seccomp_n_filters(struct task *t)
{
	struct seccomp_filter *f;
	LOCK_SCOPE(&t->tg->siglock);

	f = atomic_load(&t->seccomp);
	return f ? f->count : 0;
}

int seccomp_set_strict(struct task *t)
{
	int mode = seccomp_mode(t);

	if (mode && mode != SECCOMP_MODE_STRICT)
		return -EINVAL;
	atomic_store(&t->seccomp_mode, SECCOMP_MODE_STRICT);
	task_set_work(t, SYSCALL_WORK_SECCOMP);
	return 0;
}

static bool has_listener(const struct seccomp_filter *f)
{
	for (; f; f = f->prev)
		if (f->listener)
			return true;
	return false;
}

/* Is the chain *f* the beginning of the chain *of*? */
static bool is_ancestor(const struct seccomp_filter *f, const struct seccomp_filter *of)
{
	if (!f)
		return true;
	for (; of; of = of->prev)
		if (of == f)
			return true;
	return false;
}

/* siglock held. A thread whose filters are not where *t*'s were before: it cannot be taken along. */
static struct task *cannot_sync(struct task *t)
{
	struct task *o;

	list_for_each_entry(o, &t->tg->threads, tg_link) {
		int mode = seccomp_mode(o);

		if (o == t || o->exited || !mode)
			continue;
		if (mode != SECCOMP_MODE_FILTER || !is_ancestor(atomic_load(&o->seccomp), atomic_load(&t->seccomp)))
			return o;
	}
	return NULL;
}

/* siglock held. What the others had is an ancestor of *f*, which holds it. */
static void sync_threads(struct task *t, struct seccomp_filter *f)
{
	struct task *o;

	list_for_each_entry(o, &t->tg->threads, tg_link) {
		struct seccomp_filter *old;

		if (o == t || o->exited)
			continue;
		refs_get(&f->refs);
		old = atomic_exchange(&o->seccomp, f);
		if (old)
			refs_put(&old->refs); /* never the last */
		if (task_no_new_privs(t))
			atomic_store(&o->no_new_privs, true);
		atomic_store(&o->seccomp_mode, SECCOMP_MODE_FILTER);
		atomic_fetch_or(&o->work, SYSCALL_WORK_SECCOMP);
		fast_changed(o);
		if (o->th)
			gthread_set_mode(o->th, 0); /* until it comes in */
	}
}

/* How far the whole chain allows calls without looking at arguments. */
static void fill_cache(struct seccomp_filter *f)
{
	for (uint32_t nr = 0; nr < SECCOMP_CACHE_CALLS; nr++)
		if ((!f->prev || (f->prev->allowed[nr / 64] >> nr % 64 & 1)) && seccomp_bpf_always_allows(&f->prog, AUDIT_ARCH_X86_64, nr))
			f->allowed[nr / 64] |= 1ull << nr % 64;
	/* What the profile never allows is not native for anybody. */
	for (uint32_t nr = 0; nr < SECCOMP_CACHE_CALLS && !f->watches; nr++)
		f->watches = platform_call_is_native(nr) && !(f->allowed[nr / 64] >> nr % 64 & 1) &&
			     !(nr == NR_FUTEX_WAITV && f->kernel->no_waitv);
}

/* Link *f* to the task's chain, which nobody changes meanwhile but the other threads' TSYNC. siglock held; *f* is consumed on success. */
static int64_t attach(struct task *t, struct seccomp_filter *f, uint32_t flags)
{
	struct seccomp_filter *prev = atomic_load(&t->seccomp);
	int mode = seccomp_mode(t);
	struct task *other;

	if (mode && mode != SECCOMP_MODE_FILTER)
		return -EINVAL;
	if (f->listener && has_listener(prev))
		return -EBUSY;
	f->count = (prev ? prev->count : 0) + 1;
	f->chain_cost = f->cost + CHAIN_PENALTY + (prev ? prev->chain_cost : 0);
	if (f->chain_cost - CHAIN_PENALTY > CHAIN_COST_MAX)
		return -ENOMEM;
	if (flags & SECCOMP_FILTER_FLAG_TSYNC) {
		other = cannot_sync(t);
		if (other)
			return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : task_vnr(t, other);
	}
	f->prev = prev;
	fill_cache(f);
	atomic_store(&t->seccomp, f);
	fast_changed(t);
	atomic_store(&t->seccomp_mode, SECCOMP_MODE_FILTER);
	if (flags & SECCOMP_FILTER_FLAG_TSYNC)
		sync_threads(t, f);
	return 0;
}

static int64_t attach_locked(struct task *t, struct seccomp_filter *f, uint32_t flags)
{
	int64_t r;

	lock_acquire(&t->tg->siglock);
	r = attach(t, f, flags);
	lock_release(&t->tg->siglock);
	if (r)
		filter_put(f);
	else
		task_set_work(t, SYSCALL_WORK_SECCOMP);
	return r;
}

static int64_t attach_with_listener(struct task *t, struct seccomp_filter *f, uint32_t flags)
{
	struct file *file;
	int64_t r = seccomp_listener_create(t, &f->listener, &file);
	int fd;

	if (r) {
		filter_put(f);
		return r;
	}
	fd = fd_install(t, file, true, 0);
	if (fd < 0) {
		file_put(file);
		filter_put(f);
		return fd;
	}
	r = attach_locked(t, f, flags);
	if (r)
		fd_close(t, fd);
	return r ? r : fd;
}

int64_t seccomp_set_filter(struct task *t, uint32_t flags, uint64_t addr)
{
	struct seccomp_filter *f;
	int r;

	if (flags & ~(uint32_t)KNOWN_FLAGS)
		return -EINVAL;
	if ((flags & SECCOMP_FILTER_FLAG_TSYNC) && (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) &&
	    !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
		return -EINVAL; /* a descriptor or a thread's number? */
	if ((flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return -EINVAL;
	r = filter_from_guest(t, addr, &f);
	if (r)
		return r;
	f->wait_killable = flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	return flags & SECCOMP_FILTER_FLAG_NEW_LISTENER ? attach_with_listener(t, f, flags) : attach_locked(t, f, flags);
}

void seccomp_inherit(struct task *t, struct task *c)
{
	struct seccomp_filter *f = atomic_load(&t->seccomp);

	if (f)
		refs_get(&f->refs);
	atomic_store(&c->seccomp, f);
	atomic_store(&c->seccomp_mode, seccomp_mode(t));
	atomic_store(&c->no_new_privs, atomic_load(&t->no_new_privs));
	if (seccomp_mode(c))
		atomic_fetch_or(&c->work, SYSCALL_WORK_SECCOMP);
}

int seccomp_set_profile(struct kernel *k, const struct sock_filter *insns, unsigned n, bool *no_waitv)
{
	struct seccomp_filter *f;
	uint32_t verdict;
	int r = n && n <= BPF_MAXINSNS ? seccomp_bpf_check(insns, n) : -EINVAL;

	if (!r)
		r = filter_alloc(k, insns, n, &f);
	if (r)
		return r;
	f->count = 1;
	f->chain_cost = f->cost + CHAIN_PENALTY;
	k->no_waitv = seccomp_bpf_constant(&f->prog, AUDIT_ARCH_X86_64, NR_FUTEX_WAITV, &verdict) &&
		      (int32_t)(verdict & SECCOMP_RET_ACTION_FULL) < (int32_t)SECCOMP_RET_LOG;
	fill_cache(f);
	k->seccomp = f;
	*no_waitv = k->no_waitv;
	return 0;
}

int seccomp_begin(struct task *t)
{
	struct seccomp_filter *f = t->kernel->seccomp;
	const struct seccomp_data data = {.nr = NR_EXECVE, .arch = AUDIT_ARCH_X86_64};
	uint32_t verdict = f ? seccomp_bpf_run(&f->prog, &data) : SECCOMP_RET_ALLOW;

	if (!f || atomic_load(&t->seccomp))
		return 0;
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		break;
	case SECCOMP_RET_TRACE:
		return -ENOSYS;
	case SECCOMP_RET_ERRNO:
		return (verdict & SECCOMP_RET_DATA) ? -(int)(verdict & SECCOMP_RET_DATA) : -EPERM;
	default:
		return -EPERM;
	}
	refs_get(&f->refs);
	atomic_store(&t->seccomp, f);
	fast_changed(t);
	atomic_store(&t->seccomp_mode, SECCOMP_MODE_FILTER);
	atomic_fetch_or(&t->work, SYSCALL_WORK_SECCOMP);
	return 0;
}

bool seccomp_watches(const struct task *t)
{
	const struct seccomp_filter *f = atomic_load(&t->seccomp);

	return (atomic_load(&t->work) & SYSCALL_WORK_SECCOMP) && (!f || f->watches);
}

void seccomp_exit(struct task *t)
{
	struct seccomp_filter *f;

	if (!atomic_load(&t->seccomp))
		return;
	lock_acquire(&t->tg->siglock);
	f = atomic_exchange(&t->seccomp, NULL);
	lock_release(&t->tg->siglock);
	filter_put(f);
}

/* --- verdicts --------------------------------------------------------------------------------------------------------------------- */

/* The verdict of the chain: the strictest, the latest filter's among equals. *match*: whose it is. */
static uint32_t run_chain(struct seccomp_filter *f, const struct seccomp_data *data, struct seccomp_filter **match)
{
	uint32_t verdict = SECCOMP_RET_ALLOW;

	for (; f; f = f->prev) {
		uint32_t v = seccomp_bpf_run(&f->prog, data);

		if ((int32_t)(v & SECCOMP_RET_ACTION_FULL) < (int32_t)(verdict & SECCOMP_RET_ACTION_FULL)) {
			verdict = v;
			*match = f;
		}
	}
	return verdict;
}

static void end_thread(struct task *t, int code)
{
	task_exit(t, code);
	task_leave_host_thread(t);
}

/* As if the call had not been made, and SIGSYS. */
static void trap(struct task *t, const struct seccomp_data *data, uint16_t value)
{
	struct ksiginfo info = {.signo = SIGSYS, .err = value, .code = SYS_SECCOMP_CODE};
	struct guest_regs regs;

	info.sys.call_addr = data->instruction_pointer;
	info.sys.syscall = data->nr;
	info.sys.arch = data->arch;
	gthread_get_regs(t->th, &regs);
	regs.rax = (uint64_t)(int64_t)data->nr;
	gthread_set_regs(t->th, &regs);
	t->in_syscall = false;
	signal_force(t, &info);
}

/* What the tracer makes of the call, if it wants to know of it. False: the call is not made. */
static bool let_tracer_look(struct task *t, struct guest_syscall *c, uint16_t value, int64_t *ret)
{
	struct guest_regs regs;

	*ret = -ENOSYS;
	if (!ptrace_event_wanted(&t->pt, PTRACE_EVENT_SECCOMP))
		return false;
	ptrace_event(t, PTRACE_EVENT_SECCOMP, value);
	gthread_get_regs(t->th, &regs);
	*ret = (int64_t)regs.rax;
	syscall_of_regs(&regs, c);
	return (int32_t)c->nr >= 0 && !(atomic_load(&t->flags) & TIF_KILLED);
}

static void show_refused(struct task *t, const struct guest_syscall *c, int64_t ret)
{
	const struct syscall_desc *d = syscall_lookup(c->nr);

	if (!t->kernel->trace)
		return;
	trace_enter(t, d, c);
	trace_leave(t, d, c, ret);
}

static void show_kill(struct task *t, const struct guest_syscall *c)
{
	if (t->kernel->trace)
		trace_filter_kill(t, syscall_lookup(c->nr), c);
}

static int64_t refuse(struct task *t, const struct guest_syscall *c, uint16_t value)
{
	int64_t ret = -(value < ERRNO_TOP ? value : ERRNO_TOP);

	show_refused(t, c, ret);
	return ret;
}

static bool check(struct task *t, struct guest_syscall *c, bool traced, int64_t *ret);

/* False: not to be made. traced: the tracer has seen it already. */
static bool obey(struct task *t, struct guest_syscall *c, const struct seccomp_data *data, uint32_t verdict,
		 struct seccomp_filter *match, bool traced, int64_t *ret)
{
	uint16_t value = verdict & SECCOMP_RET_DATA;

	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return true;
	case SECCOMP_RET_TRACE:
		return traced || (let_tracer_look(t, c, value, ret) && check(t, c, true, ret));
	case SECCOMP_RET_USER_NOTIF:
		return seccomp_ask(t, match, data, ret);
	case SECCOMP_RET_ERRNO:
		*ret = refuse(t, c, value);
		return false;
	case SECCOMP_RET_TRAP:
		trap(t, data, value);
		return false;
	case SECCOMP_RET_KILL_THREAD:
		if (atomic_load(&t->tg->n_live) > 1) {
			show_kill(t, c);
			end_thread(t, SIGSYS);
			return false;
		}
		break;
	default:
		break;
	}
	show_kill(t, c);
	group_exit_begin(t, SIGSYS);
	return false;
}

static bool enter_strict(struct task *t, const struct guest_syscall *c)
{
	if (c->nr == NR_READ || c->nr == NR_WRITE || c->nr == NR_RT_SIGRETURN || c->nr == NR_EXIT)
		return true;
	show_kill(t, c);
	end_thread(t, SIGKILL);
	return false;
}

static bool always_allowed(const struct seccomp_filter *f, uint64_t nr)
{
	return nr < SECCOMP_CACHE_CALLS && (f->allowed[nr / 64] >> nr % 64 & 1);
}

static void fill_data(const struct guest_syscall *c, struct seccomp_data *data)
{
	data->nr = (int)c->nr;
	data->arch = AUDIT_ARCH_X86_64;
	data->instruction_pointer = c->ip;
	for (int i = 0; i < 6; i++)
		data->args[i] = c->args[i];
}

static bool check(struct task *t, struct guest_syscall *c, bool traced, int64_t *ret)
{
	struct seccomp_filter *f = atomic_load(&t->seccomp), *match = f;
	struct seccomp_data data;
	uint32_t verdict;

	if (always_allowed(f, c->nr))
		return true;
	fill_data(c, &data);
	verdict = run_chain(f, &data, &match);
	return obey(t, c, &data, verdict, match, traced, ret);
}

enum seccomp_light seccomp_enter_light(struct task *t, const struct guest_syscall *c, int64_t *ret)
{
	struct seccomp_filter *f = atomic_load(&t->seccomp), *match = f;
	struct seccomp_data data;
	uint32_t verdict;

	if (!f)
		return SECCOMP_FULL;
	if (always_allowed(f, c->nr))
		return SECCOMP_MAKE;
	fill_data(c, &data);
	verdict = run_chain(f, &data, &match);
	switch (verdict & SECCOMP_RET_ACTION_FULL) {
	case SECCOMP_RET_ALLOW:
	case SECCOMP_RET_LOG:
		return SECCOMP_MAKE;
	case SECCOMP_RET_ERRNO:
		*ret = refuse(t, c, verdict & SECCOMP_RET_DATA);
		return SECCOMP_REFUSED;
	default:
		return SECCOMP_FULL;
	}
}

bool seccomp_lets_pass(const struct task *t, uint64_t nr)
{
	const struct seccomp_filter *f = atomic_load(&t->seccomp);

	return f && always_allowed(f, nr);
}

bool seccomp_enter(struct task *t, struct guest_syscall *c, int64_t *ret)
{
	if (atomic_load(&t->seccomp))
		return check(t, c, false, ret);
	return seccomp_mode(t) != SECCOMP_MODE_STRICT || enter_strict(t, c);
}
