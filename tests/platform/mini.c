/* SPDX-License-Identifier: MIT */
/*
 * mini: the smallest client of the platform, to test and measure it without the application kernel. It knows processes,
 * threads, fork, exec, wait, pause, sleep, simple signals and output; everything else is ENOSYS.
 *
 *   mini GUEST [ARG…]        run a static ELF; exits with its status
 */
#include "arch/arch.h"
#include "host/lockdown.h"
#include "lib/list.h"
#include "platform/platform.h"
#include "platform/slot.h"

#include <asm/unistd.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct proc {
	struct list_head link;
	struct aspace *as;
	struct proc *parent;
	int pid, status;
	bool zombie, exited;
	unsigned n_tasks;
	uint64_t brk, brk_end;
	uint64_t handler[65], restorer[65];
	struct platform_waker wait_waker;
	bool waiting;
};

struct task {
	struct list_head link;
	struct gthread *th;
	struct proc *proc;
	int tid;
	uint64_t clear_tid;
	struct platform_waker waker;
	_Atomic uint64_t pending;
};

static struct {
	struct platform *p;
	pthread_mutex_t lock;
	struct list_head procs, tasks;
	int next_pid;
	int exe;     /* the guest program */
	int data_fd; /* the guest's descriptor 100 */
	struct proc *init;
	int status;
	_Atomic bool over;
	struct platform_waker done;
} mini = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define PAGE 4096ull
#define UP(x) (((x) + PAGE - 1) & ~(PAGE - 1))

static int copy_in_string(struct aspace *as, uint64_t addr, char *buf, size_t size)
{
	size_t done;

	aspace_read(as, addr, buf, size - 1, &done);
	buf[done] = 0;
	return strlen(buf) < done ? 0 : -EFAULT;
}

/* --- programs ---------------------------------------------------------------------------------- */

static int map_segment(struct gthread *th, int fd, const Elf64_Phdr *ph)
{
	uint64_t start = ph->p_vaddr & ~(PAGE - 1), shift = ph->p_vaddr - start;
	uint64_t file_end = ph->p_vaddr + ph->p_filesz, end = ph->p_vaddr + ph->p_memsz;
	int prot = (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
		   (ph->p_flags & PF_X ? PROT_EXEC : 0);
	static const char zeros[PAGE];
	int64_t r;

	r = gthread_mmap(th, start, UP(ph->p_filesz + shift), prot, MAP_PRIVATE | MAP_FIXED, fd, ph->p_offset - shift);
	if (r < 0)
		return (int)r;
	if (end == file_end)
		return 0;
	if (file_end % PAGE)
		aspace_write(gthread_aspace(th), file_end, zeros, PAGE - file_end % PAGE, NULL);
	if (UP(end) > UP(file_end)) {
		r = gthread_mmap(
			th, UP(file_end), UP(end) - UP(file_end), prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

static int load(struct gthread *th, struct proc *proc, char **argv, int argc)
{
	struct aspace *as = gthread_aspace(th);
	const uint64_t stack_top = 0x7c0000000000ull, stack_size = 1 << 20;
	uint64_t sp = stack_top - 4096, strings = sp, v[64], n = 0;
	struct guest_regs regs;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[16];
	int fd = mini.exe, r;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || eh.e_phnum > 16 || eh.e_type != ET_EXEC ||
		pread(fd, ph, eh.e_phnum * sizeof(ph[0]), (off_t)eh.e_phoff) < 0)
		return -ENOEXEC;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		r = map_segment(th, fd, &ph[i]);
		if (r < 0)
			return r;
		proc->brk = proc->brk_end = UP(ph[i].p_vaddr + ph[i].p_memsz);
	}
	r = (int)(gthread_mmap(th, stack_top - stack_size, stack_size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) >>
		  63);
	if (r < 0)
		return r;
	v[n++] = (uint64_t)argc;
	for (int i = 0; i < argc; i++) {
		aspace_write(as, strings, argv[i], strlen(argv[i]) + 1, NULL);
		v[n++] = strings;
		strings += strlen(argv[i]) + 1;
	}
	v[n++] = 0;
	v[n++] = 0;
	v[n++] = AT_PAGESZ, v[n++] = PAGE;
	v[n++] = AT_PHDR, v[n++] = ph[0].p_vaddr + eh.e_phoff;
	v[n++] = AT_PHNUM, v[n++] = eh.e_phnum;
	v[n++] = AT_PHENT, v[n++] = sizeof(ph[0]);
	v[n++] = AT_RANDOM, v[n++] = stack_top - 64;
	v[n++] = AT_SYSINFO_EHDR, v[n++] = aspace_vdso(as);
	v[n++] = AT_PICKET_FASTCALL, v[n++] = aspace_fast_entry(as);
	v[n++] = AT_NULL, v[n++] = 0;
	sp -= UP(n * 8);
	aspace_write(as, sp, v, n * 8, NULL);
	gthread_get_regs(th, &regs);
	regs = (struct guest_regs){.rip = eh.e_entry, .rsp = sp, .eflags = 0x202};
	gthread_set_regs(th, &regs);
	return 0;
}

/* --- tasks ------------------------------------------------------------------------------------- */

static struct task *task_new(struct proc *proc)
{
	struct task *t = calloc(1, sizeof(*t));

	t->proc = proc;
	pthread_mutex_lock(&mini.lock);
	t->tid = ++mini.next_pid;
	proc->n_tasks++;
	list_add_tail(&t->link, &mini.tasks);
	pthread_mutex_unlock(&mini.lock);
	return t;
}

static struct proc *proc_new(struct proc *parent)
{
	struct proc *p = calloc(1, sizeof(*p));

	pthread_mutex_lock(&mini.lock);
	if (parent) {
		*p = *parent;
		p->n_tasks = 0;
		p->zombie = p->exited = p->waiting = false;
		p->wait_waker = (struct platform_waker){0};
	}
	p->parent = parent;
	list_add_tail(&p->link, &mini.procs);
	pthread_mutex_unlock(&mini.lock);
	return p;
}

/* mini.lock is held. */
static void proc_exit(struct proc *p)
{
	p->zombie = true;
	if (p == mini.init) {
		mini.status = p->status;
		atomic_store(&mini.over, true);
		platform_wake(&mini.done);
	} else if (p->parent) {
		platform_wake(&p->parent->wait_waker);
	}
}

static void thread_gone(struct gthread *th, bool unexpected)
{
	struct task *t = gthread_owner(th);
	struct proc *p = t->proc;
	struct aspace *as = NULL;

	pthread_mutex_lock(&mini.lock);
	if (t->th != th) { /* exec has gone on elsewhere */
		pthread_mutex_unlock(&mini.lock);
		return;
	}
	list_del(&t->link);
	if (--p->n_tasks == 0) {
		if (unexpected && !p->exited)
			p->status = SIGKILL;
		as = p->as;
		proc_exit(p);
	}
	pthread_mutex_unlock(&mini.lock);
	free(t);
	if (as)
		aspace_put(as);
}

static void thread_dying(struct gthread *th)
{
	struct task *t = gthread_owner(th);

	pthread_mutex_lock(&mini.lock);
	t->pending |= 1ull << SIGKILL;
	platform_wake(&t->waker);
	platform_wake(&t->proc->wait_waker);
	pthread_mutex_unlock(&mini.lock);
}

static int64_t do_wait(struct task *t, uint64_t status_addr)
{
	struct proc *p, *tmp;

	for (;;) {
		bool any = false;

		pthread_mutex_lock(&mini.lock);
		list_for_each_entry_safe (p, tmp, &mini.procs, link) {
			if (p->parent != t->proc)
				continue;
			any = true;
			if (p->zombie) {
				int status = p->status, pid = p->pid;

				list_del(&p->link);
				pthread_mutex_unlock(&mini.lock);
				free(p);
				if (status_addr)
					aspace_write(t->proc->as, status_addr, &status, sizeof(status), NULL);
				return pid;
			}
		}
		if (t->pending) {
			pthread_mutex_unlock(&mini.lock);
			return -EINTR;
		}
		pthread_mutex_unlock(&mini.lock);
		if (!any)
			return -ECHILD;
		if (platform_give_up(mini.p, &t->proc->wait_waker))
			return -EINTR;
		platform_sleep(mini.p, &t->proc->wait_waker, -1);
	}
}

/* Answers and questions by the slot. */
static void fast_on(struct task *t)
{
	const struct slot_ident id = {.pid = (uint32_t)t->proc->pid, .tid = (uint32_t)t->tid, .uid = 7};

	gthread_set_ident(t->th, &id, FAST_ANSWER | FAST_RING);
}

static int64_t do_fork(struct task *t)
{
	struct proc *child = proc_new(t->proc);
	struct task *ct = task_new(child);
	int r = gthread_fork(t->th, ct, &child->as, &ct->th), tid = ct->tid;
	struct gthread *th;

	if (r < 0) {
		pthread_mutex_lock(&mini.lock);
		list_del(&child->link);
		list_del(&ct->link);
		pthread_mutex_unlock(&mini.lock);
		free(child);
		free(ct);
		return r;
	}
	child->pid = tid;
	fast_on(ct);
	th = ct->th; /* ours until it is put, even if the child has ended by then */
	gthread_start(th);
	gthread_put(th);
	return tid;
}

static int64_t do_clone(struct task *t, const struct guest_syscall *c)
{
	struct guest_regs regs;
	struct gthread *th;
	struct task *ct;
	uint32_t tid;
	int r;

	if (!(c->args[0] & CLONE_VM))
		return do_fork(t);
	ct = task_new(t->proc);
	tid = (uint32_t)ct->tid;
	r = gthread_clone(t->th, ct, &ct->th);
	if (r < 0) {
		pthread_mutex_lock(&mini.lock);
		list_del(&ct->link);
		t->proc->n_tasks--;
		pthread_mutex_unlock(&mini.lock);
		free(ct);
		return r;
	}
	gthread_get_regs(ct->th, &regs);
	regs.rsp = c->args[1];
	regs.rax = 0;
	if (c->args[0] & CLONE_SETTLS)
		regs.fs_base = c->args[4];
	gthread_set_regs(ct->th, &regs);
	if (c->args[0] & CLONE_PARENT_SETTID)
		aspace_write(t->proc->as, c->args[2], &tid, 4, NULL);
	if (c->args[0] & CLONE_CHILD_CLEARTID)
		ct->clear_tid = c->args[3];
	fast_on(ct);
	th = ct->th;
	gthread_start(th);
	gthread_put(th);
	return tid;
}

static int64_t do_exec(struct task *t, const struct guest_syscall *c)
{
	char path[256], arg[8][64], *argv[9] = {NULL};
	struct gthread *old = t->th, *th;
	struct aspace *as, *old_as = t->proc->as;
	int argc = 0, r;

	if (copy_in_string(old_as, c->args[0], path, sizeof(path)) < 0)
		return -EFAULT;
	for (; argc < 8; argc++) {
		uint64_t a = 0;

		aspace_read(old_as, c->args[1] + 8 * (unsigned)argc, &a, 8, NULL);
		if (!a)
			break;
		copy_in_string(old_as, a, arg[argc], sizeof(arg[0]));
		argv[argc] = arg[argc];
	}
	r = aspace_create(mini.p, t, &as, &th);
	if (r < 0)
		return r;
	r = load(th, t->proc, argv, argc); /* whatever the path: there is one program */
	if (r < 0) {
		gthread_set_owner(th, t); /* t->th is still the old one: its end is ignored */
		aspace_kill(as);
		aspace_put(as);
		return r;
	}
	pthread_mutex_lock(&mini.lock);
	t->th = th;
	t->proc->as = as;
	pthread_mutex_unlock(&mini.lock);
	fast_on(t);
	gthread_start(th);
	gthread_exit(old, 0);
	aspace_put(old_as);
	return 0;
}

/* --- signals ----------------------------------------------------------------------------------- */

static void die(struct task *t, int status)
{
	struct proc *p = t->proc;
	bool alone;

	pthread_mutex_lock(&mini.lock);
	if (!p->exited)
		p->status = status;
	p->exited = true;
	alone = p->n_tasks == 1;
	pthread_mutex_unlock(&mini.lock);
	if (alone)
		gthread_exit(t->th, 0);
	else
		aspace_kill(p->as);
}

static void deliver(struct task *t, int sig, const struct guest_fault *f)
{
	struct arch_sigframe sf = {.handler = t->proc->handler[sig], .restorer = t->proc->restorer[sig]};
	static __thread uint8_t buf[ARCH_SIGFRAME_MAX];
	static __thread struct guest_xstate xs;
	struct guest_regs regs;
	uint64_t addr;
	size_t len;

	if (!sf.handler) {
		die(t, sig);
		return;
	}
	((siginfo_t *)(void *)sf.info)->si_signo = sig;
	if (f) {
		((siginfo_t *)(void *)sf.info)->si_code = f->code;
		((siginfo_t *)(void *)sf.info)->si_addr = (void *)(uintptr_t)f->addr;
		sf.trapno = f->trapno;
		sf.error_code = f->error_code;
	}
	gthread_get_regs(t->th, &regs);
	if (gthread_get_xstate(t->th, &xs) < 0) {
		die(t, SIGSEGV);
		return;
	}
	len = arch_sigframe_build(&sf, &regs, &xs, regs.rsp - ARCH_REDZONE, buf, &addr);
	if (aspace_write(t->proc->as, addr, buf, len, NULL) < 0) {
		die(t, SIGSEGV);
		return;
	}
	gthread_set_regs(t->th, &regs);
}

static void do_sigreturn(struct task *t)
{
	uint8_t head[ARCH_SIGFRAME_HEAD];
	static __thread struct guest_xstate xs, host;
	struct arch_sigframe sf;
	struct guest_regs regs;
	uint64_t fp;

	gthread_get_regs(t->th, &regs);
	gthread_get_xstate(t->th, &host);
	if (aspace_read(t->proc->as, arch_sigreturn_addr(&regs), head, sizeof(head), NULL) < 0) {
		die(t, SIGSEGV);
		return;
	}
	arch_sigreturn_parse(head, &regs, &sf, &fp);
	gthread_set_regs(t->th, &regs);
	if (!fp)
		return;
	if (aspace_read(t->proc->as, fp, xs.data, 512, NULL) < 0) {
		die(t, SIGSEGV);
		return;
	}
	xs.size = (uint32_t)arch_xstate_frame_size(xs.data, &host);
	if (aspace_read(t->proc->as, fp, xs.data, xs.size, NULL) < 0 || gthread_set_xstate(t->th, &xs) < 0)
		die(t, SIGSEGV);
}

static int64_t do_kill(int pid, int sig)
{
	struct task *t;
	int64_t r = -ESRCH;

	pthread_mutex_lock(&mini.lock);
	list_for_each_entry (t, &mini.tasks, link) {
		if (t->tid != pid || !t->th)
			continue;
		t->pending |= 1ull << sig;
		if (sig == SIGKILL)
			aspace_kill(t->proc->as);
		else
			gthread_interrupt(t->th);
		platform_wake(&t->waker);
		platform_wake(&t->proc->wait_waker);
		r = 0;
		break;
	}
	pthread_mutex_unlock(&mini.lock);
	return r;
}

static uint64_t take_pending(struct task *t)
{
	uint64_t p;

	pthread_mutex_lock(&mini.lock);
	p = t->pending;
	t->pending = 0;
	pthread_mutex_unlock(&mini.lock);
	return p;
}

/* --- system calls ------------------------------------------------------------------------------ */

static int64_t do_write(struct task *t, uint64_t fd, uint64_t addr, uint64_t len)
{
	char buf[4096];
	size_t n = len < sizeof(buf) ? len : sizeof(buf);

	if (aspace_read(t->proc->as, addr, buf, n, NULL) < 0)
		return -EFAULT;
	return write(fd == 2 ? 2 : 1, buf, n);
}

static int64_t do_brk(struct task *t, uint64_t to)
{
	struct proc *p = t->proc;

	if (to < p->brk || to > p->brk + (64 << 20))
		return (int64_t)p->brk;
	if (UP(to) > p->brk_end) {
		if (gthread_mmap(t->th, p->brk_end, UP(to) - p->brk_end, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) < 0)
			return (int64_t)p->brk;
		p->brk_end = UP(to);
	}
	p->brk = to;
	return (int64_t)to;
}

static int64_t do_sleep(struct task *t, int64_t ns)
{
	struct timespec now;
	int64_t end = -1;

	if (ns >= 0) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		end = now.tv_sec * 1000000000ll + now.tv_nsec + ns;
	}
	for (;;) {
		bool sig;

		pthread_mutex_lock(&mini.lock);
		sig = t->pending != 0;
		pthread_mutex_unlock(&mini.lock);
		if (sig) {
			gthread_reenter(t->th);
			return -EINTR;
		}
		if (platform_give_up(mini.p, &t->waker))
			return -EINTR;
		if (platform_sleep(mini.p, &t->waker, end) == -ETIMEDOUT)
			return 0;
	}
}

static int64_t sys(struct task *t, const struct guest_entry *e)
{
	const struct guest_syscall *c = &e->call;
	const uint64_t *a = c->args;
	struct aspace *as = t->proc->as;
	int64_t r;

	switch (c->nr) {
	case __NR_write:
		return do_write(t, a[0], a[1], a[2]);
	case __NR_writev: {
		struct guest_iovec iov[8];
		char buf[4096];

		if (a[2] > 8 || aspace_read(as, a[1], iov, a[2] * sizeof(iov[0]), NULL) < 0)
			return -EFAULT;
		r = aspace_readv(as, iov, a[2], buf, sizeof(buf));
		return r < 0 ? r : write(1, buf, (size_t)r);
	}
	case __NR_getpid:
		return t->proc->pid;
	case __NR_gettid:
		return t->tid;
	case __NR_getppid:
		return t->proc->parent ? t->proc->parent->pid : 0;
	case __NR_brk:
		return do_brk(t, a[0]);
	case __NR_mmap:
		if ((int)a[4] != 100)
			return -EBADF;
		if (a[0] == 1) { /* the tail form */
			gthread_tail_mmap(t->th, 0, a[1], (int)a[2], (int)a[3], mini.data_fd, a[5]);
			return 0;
		}
		return gthread_mmap(t->th, a[0], a[1], (int)a[2], (int)a[3], mini.data_fd, a[5]);
	case __NR_munmap:
		return gthread_munmap(t->th, a[0], a[1]);
	case __NR_mprotect:
		return gthread_mprotect(t->th, a[0], a[1], (int)a[2]);
	case __NR_msync: /* see everything from now on */
		return gthread_watch_all(t->th);
	case __NR_clone:
		return do_clone(t, c);
	case __NR_fork:
		return do_fork(t);
	case __NR_wait4:
		return do_wait(t, a[1]);
	case __NR_execve:
		return do_exec(t, c);
	case __NR_exit:
		gthread_exit(t->th, t->clear_tid);
		return 0;
	case __NR_exit_group:
		die(t, (int)(a[0] & 0xff) << 8);
		return 0;
	case __NR_pause:
		return do_sleep(t, -1);
	case __NR_nanosleep:
	case __NR_clock_nanosleep: {
		struct timespec ts;

		if (aspace_read(as, a[c->nr == __NR_nanosleep ? 0 : 2], &ts, sizeof(ts), NULL) < 0)
			return -EFAULT;
		return do_sleep(t, ts.tv_sec * 1000000000ll + ts.tv_nsec);
	}
	case __NR_rt_sigaction: {
		uint64_t sa[4];

		if (a[0] > 64)
			return -EINVAL;
		if (a[1]) {
			if (aspace_read(as, a[1], sa, sizeof(sa), NULL) < 0)
				return -EFAULT;
			t->proc->handler[a[0]] = sa[0];
			t->proc->restorer[a[0]] = sa[2];
		}
		return 0;
	}
	case __NR_rt_sigreturn:
		do_sigreturn(t);
		return 0;
	case __NR_kill:
	case __NR_tkill:
		return do_kill((int)a[0], (int)a[1]);
	case __NR_tgkill:
		return do_kill((int)a[1], (int)a[2]);
	case __NR_set_tid_address:
		t->clear_tid = a[0];
		return t->tid;
	case __NR_rt_sigprocmask:
	case __NR_set_robust_list:
	case __NR_close:
		return 0;
	case __NR_getrandom: {
		char buf[256];

		if (a[1] > sizeof(buf) || getrandom(buf, a[1], 0) < 0 || aspace_write(as, a[0], buf, a[1], NULL) < 0)
			return -EFAULT;
		return (int64_t)a[1];
	}
	case __NR_ioctl:
		return -ENOTTY;
	case __NR_time:
		return time(NULL);
	case 1001: { /* the host's counters, for the benchmarks */
		struct platform_stats st;

		platform_get_stats(mini.p, &st);
		fprintf(stderr, "light %lu full %lu polled %lu interrupts %lu faults %lu stubs %lu orders %lu\n",
			st.light, st.full, st.polled, st.interrupts, st.faults, st.stubs_made, st.orders);
		return 0;
	}
	default:
		return -ENOSYS;
	}
}

static int64_t entry(struct gthread *th, const struct guest_entry *e)
{
	struct task *t = gthread_owner(th);
	_Atomic uint64_t pending;
	int64_t r = 0;

	if (e->kind == ENTRY_SYSCALL) {
		r = sys(t, e);
		if (e->full && e->call.nr != __NR_rt_sigreturn && t->pending && e->call.nr != __NR_exit &&
			e->call.nr != __NR_exit_group && e->call.nr != __NR_execve)
			gthread_interrupt(th);
		return r;
	}
	if (e->kind == ENTRY_FAULT) {
		deliver(t, e->fault.signo, &e->fault);
		return 0;
	}
	pending = take_pending(t);
	for (int s = 1; s < 64; s++)
		if (pending >> s & 1)
			deliver(t, s, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct platform_client client = {entry, thread_gone, thread_dying};
	const struct platform_options opt = {.proc_fd = -1, .names_fd = -1, .pool_size = 4, .poller = getenv("MINI_POLLER") != NULL};
	const char *err = NULL;
	struct task *t;
	int r;

	if (argc < 2)
		return 2;
	mini.exe = open(argv[1], O_RDONLY | O_CLOEXEC);
	mini.data_fd = memfd_create("data", MFD_CLOEXEC);
	if (ftruncate(mini.data_fd, 1 << 20) < 0 || pwrite(mini.data_fd, "picket", 6, 8192) != 6)
		return 2;
	list_init(&mini.procs);
	list_init(&mini.tasks);
	r = platform_create(&opt, &client, &mini.p, &err);
	if (r < 0) {
		fprintf(stderr, "mini: %s: %s\n", err, strerror(-r));
		return 125;
	}
	if (!getenv("MINI_OPEN") && host_lockdown(false, &err) < 0) { /* sanitizers need more calls */
		fprintf(stderr, "mini: %s\n", err);
		return 125;
	}
	mini.init = proc_new(NULL);
	t = task_new(mini.init);
	mini.init->pid = t->tid;
	r = aspace_create(mini.p, t, &mini.init->as, &t->th);
	if (r == 0)
		r = load(t->th, mini.init, argv + 1, argc - 1);
	if (r < 0) {
		fprintf(stderr, "mini: %s: %s\n", argv[1], strerror(-r));
		return 126;
	}
	fast_on(t);
	gthread_start(t->th);
	while (!atomic_load(&mini.over))
		platform_sleep(mini.p, &mini.done, -1);
	platform_destroy(mini.p);
	return WIFEXITED(mini.status) ? WEXITSTATUS(mini.status) : 128 + WTERMSIG(mini.status);
}
