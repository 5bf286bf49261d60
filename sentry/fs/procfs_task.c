/* SPDX-License-Identifier: MIT */
/* /proc/PID/stat, status, statm: what ps and top read. proc(5). */
#include "fs/procfs_internal.h"

#include "fs/tty.h"
#include "kernel/fast.h"
#include "kernel/host_thread.h"
#include "kernel/pid_ns.h"
#include "kernel/seccomp.h"
#include "kernel/time.h"
#include "vfs/vfs.h"

#include <string.h>
#include <sys/sysmacros.h>

struct facts { /* one consistent look at a task and its group */
	char state, comm[TASK_COMM_LEN];
	int pid, tgid, ppid, pgid, sid, n_threads, exit_signal, tracer;
	uint64_t tty_rdev;
	struct tty *tty; /* held */
	uint64_t sig_queued, pending, shared, blocked, ignored, caught;
	uint64_t utime, stime, cutime, cstime, start; /* ticks */
	uint64_t min_flt, maj_flt, cmin_flt, cmaj_flt, nvcsw, nivcsw;
	int exit_code;
	unsigned cpu;
	struct mm_usage use;
	struct mm *mm; /* held, or NULL */
	bool inspect;
	struct task_sched sched;
};

static char state_letter(const struct task *t)
{
	enum task_state state = t->state;

	switch (state) {
	case TASK_RUNNING:
		return 'R';
	case TASK_SLEEPING:
		return 'S';
	case TASK_STOPPED:
		return 'T';
	case TASK_TRACED:
		return 't';
	case TASK_ZOMBIE:
		return 'Z';
	default:
		return 'X';
	}
}

/* A thread that is in the guest may sleep there, in a futex that is none of the sentry's business. */
static void host_facts(struct task *t, bool whole, struct facts *f)
{
	struct host_thread h;

	if (f->state == 'R' && atomic_load(&t->in_guest) && host_thread_stat(t, false, &h) && h.state == 'S')
		f->state = 'S';
	if (host_thread_stat(t, whole, &h)) {
		f->min_flt += h.min_flt;
		f->maj_flt += h.maj_flt;
		f->cpu = h.cpu < t->kernel->n_cpus ? h.cpu : 0;
	}
}

static void signal_facts(struct task *t, struct facts *f)
{
	struct thread_group *tg = t->tg;
	struct sigqueue *q;

	LOCK_SCOPE(&tg->siglock);
	f->state = state_letter(t);
	f->pending = t->pending.set;
	f->shared = tg->shared_pending.set;
	f->blocked = task_blocked(t);
	list_for_each_entry(q, &t->pending.queue, link)
		f->sig_queued++;
	list_for_each_entry(q, &tg->shared_pending.queue, link)
		f->sig_queued++;
	for (int i = 0; i < KSIG_MAX; i++) {
		uint64_t h = sigaction_get(tg, i + 1).handler;

		if (h == 1)
			f->ignored |= 1ull << i;
		else if (h)
			f->caught |= 1ull << i;
	}
	f->exit_code = t->exit_code;
}

static void group_facts(const struct kobj *o, struct facts *f)
{
	struct task *t = o->task;
	struct thread_group *tg = t->tg;

	LOCK_SCOPE(&t->kernel->tasklist_lock);
	f->tgid = pid_nr_ns(o->pid_ns, tg->pid);
	f->ppid = tg->parent ? pid_nr_ns(o->pid_ns, tg->parent->pid) : 0;
	f->pgid = pid_nr_ns(o->pid_ns, tg->pgid);
	f->sid = pid_nr_ns(o->pid_ns, tg->sid);
	f->n_threads = (int)tg->n_threads;
	f->cmin_flt = tg->children_usage.min_flt;
	f->cmaj_flt = tg->children_usage.maj_flt;
	f->tty = tg->ctty;
	f->tracer = t->ptracer ? pid_nr_ns(o->pid_ns, t->ptracer->tid) : 0;
	if (f->tty)
		tty_get(f->tty);
	signal_facts(t, f);
}

static void time_facts(struct task *t, bool whole, struct facts *f)
{
	struct kernel *k = t->kernel;
	uint64_t boot = (uint64_t)k->boot_monotonic.tv_sec * 1000000000 + (uint64_t)k->boot_monotonic.tv_nsec;
	struct cpu_times c;

	if (whole)
		tg_cpu_times(t->tg, &c);
	else
		task_cpu_times(t, &c);
	f->utime = ns_to_ticks(c.utime_ns);
	f->stime = ns_to_ticks(c.stime_ns);
	f->cutime = ns_to_ticks(t->tg->cutime_ns);
	f->cstime = ns_to_ticks(t->tg->cstime_ns);
	f->start = t->start_ns > boot ? ns_to_ticks(t->start_ns - boot) : 0;
	f->min_flt = t->min_flt;
	f->maj_flt = t->maj_flt;
	f->nvcsw = t->nvcsw;
	f->nivcsw = t->nivcsw;
}

static void gather(struct task *v, const struct kobj *o, struct facts *f)
{
	struct task *t = o->task;

	memset(f, 0, sizeof(*f));
	f->pid = pid_nr_ns(o->pid_ns, t->tid);
	sched_get(t, &f->sched);
	f->exit_signal = t->exit_signal;
	f->inspect = !v || task_may_inspect(v, t);
	lock_acquire(&t->cred_lock);
	memcpy(f->comm, t->comm, sizeof(f->comm));
	lock_release(&t->cred_lock);
	f->comm[TASK_COMM_LEN - 1] = 0;
	group_facts(o, f);
	time_facts(t, o->n == PROC_PROCESS, f);
	host_facts(t, o->n == PROC_PROCESS, f);
	f->tty_rdev = tty_rdev(f->tty);
	f->mm = task_mm_get(t);
	if (f->mm)
		mm_usage(f->mm, &f->use);
}

static void drop(struct facts *f)
{
	tty_put(f->tty);
	if (f->mm)
		mm_put(f->mm);
}

/* The encoding of stat's tty_nr. */
static unsigned old_encode(uint64_t rdev)
{
	unsigned maj = major(rdev), min = minor(rdev);

	return (min & 0xff) | maj << 8 | (min & ~0xffu) << 12;
}

#define PF_FORKNOEXEC 0x40u
#define PF_RANDOMIZE 0x400000u

int proc_show_stat(struct task *v, const struct kobj *o, struct seq *s)
{
	static const struct mm none;
	const struct mm *m;
	struct facts f;
	struct rlimit_pair rss;

	gather(v, o, &f);
	m = f.mm && f.inspect ? f.mm : &none;
	lock_acquire(&o->task->tg->limits_lock);
	rss = o->task->tg->rlim[RLIMIT_RSS];
	lock_release(&o->task->tg->limits_lock);
	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u %lu %lu %lu %lu %lu %lu %ld %ld %d %d %d 0 %lu %lu %lu %lu", f.pid, f.comm,
		f.state, f.ppid, f.pgid, f.sid, old_encode(f.tty_rdev), tty_foreground(f.tty),
		PF_RANDOMIZE | (o->task->tg->exec_done ? 0 : PF_FORKNOEXEC), f.min_flt, f.cmin_flt, f.maj_flt, f.cmaj_flt,
		f.utime, f.stime,
		(long)f.cutime, (long)f.cstime, f.sched.rt_priority ? -1 - f.sched.rt_priority : 20 + f.sched.nice, f.sched.nice,
		f.n_threads, f.start, f.mm ? f.use.size * 4096 : 0, f.mm ? f.use.resident : 0, rss.cur);
	seq_printf(s, " %lu %lu %lu 0 0 %lu %lu %lu %lu %d 0 0 %d %u %d %d 0 0 0 %lu %lu %lu %lu %lu %lu %lu %d\n",
		m->start_code, m->end_code, m->start_stack, f.pending & 0x7fffffff, f.blocked & 0x7fffffff,
		f.ignored & 0x7fffffff, f.caught & 0x7fffffff, f.inspect && f.state != 'R',
		o->task == o->task->tg->leader ? f.exit_signal : -1, f.cpu, f.sched.rt_priority, f.sched.policy, m->start_data,
		m->end_data, m->start_brk,
		m->arg_start, m->arg_end, m->env_start, m->env_end, f.inspect ? f.exit_code : 0);
	drop(&f);
	return 0;
}

int proc_show_statm(struct task *v, const struct kobj *o, struct seq *s)
{
	struct mm_usage u = {0};
	struct mm *mm = task_mm_get(o->task);

	if (mm) {
		mm_usage(mm, &u);
		mm_put(mm);
	}
	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", u.size, u.resident, u.file + u.shmem, u.text, u.data + u.stack);
	return 0;
}

/* --- status -------------------------------------------------------------------------------------------------------------------- */

static const char *state_name(char c)
{
	switch (c) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 't':
		return "t (tracing stop)";
	case 'T':
		return "T (stopped)";
	case 'Z':
		return "Z (zombie)";
	default:
		return "X (dead)";
	}
}

static void status_ids(struct task *v, struct task *t, struct seq *s)
{
	const struct user_ns *ns = v->cred->user_ns;
	struct cred *c = task_cred_get(t);

	if (!c) {
		s->failed = true;
		return;
	}
	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\n", show_kuid(ns, c->uid),
		show_kuid(ns, c->euid), show_kuid(ns, c->suid), show_kuid(ns, c->fsuid));
	seq_printf(s, "Gid:\t%u\t%u\t%u\t%u\n", show_kgid(ns, c->gid),
		show_kgid(ns, c->egid), show_kgid(ns, c->sgid), show_kgid(ns, c->fsgid));
	cred_put(c);
}

static void status_groups(struct task *v, struct task *t, struct seq *s)
{
	struct cred *c = task_cred_get(t);
	struct fd_table *fds = proc_fds(t);

	seq_printf(s, "FDSize:\t%u\n", fds ? (fds->n_entries < 64 ? 64 : fds->n_entries) : 0);
	if (fds)
		fd_table_put(NULL, fds);
	seq_puts(s, "Groups:\t");
	for (uint32_t i = 0; c && i < c->n_groups; i++)
		seq_printf(s, "%u ", show_kgid(v->cred->user_ns, c->groups[i]));
	seq_puts(s, c && c->n_groups ? "\n" : " \n");
	if (c)
		cred_put(c);
}

static void status_memory(const struct facts *f, struct seq *s)
{
	const struct mm_usage *u = &f->use;
	const struct {
		const char *name;
		uint64_t pages;
	} lines[] = {{"VmPeak", u->peak}, {"VmSize", u->size}, {"VmLck", u->locked}, {"VmPin", 0}, {"VmHWM", u->hwm},
		{"VmRSS", u->resident}, {"RssAnon", u->anon}, {"RssFile", u->file}, {"RssShmem", u->shmem}, {"VmData", u->data},
		{"VmStk", u->stack}, {"VmExe", u->text}, {"VmLib", u->lib}, {"VmPTE", u->pte}, {"VmSwap", u->swap}};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		seq_printf(s, "%s:\t%8lu kB\n", lines[i].name, lines[i].pages * 4);
	seq_puts(s, "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n");
}

static void status_signals(const struct task *t, const struct facts *f, struct seq *s)
{
	seq_printf(s, "Threads:\t%d\nSigQ:\t%lu/%lu\n", f->n_threads, f->sig_queued, task_rlimit(t, RLIMIT_SIGPENDING));
	seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", f->pending,
		f->shared, f->blocked, f->ignored, f->caught);
}

static void status_capabilities(struct task *t, struct seq *s)
{
	struct cred *c = task_cred_get(t);

	if (!c) {
		s->failed = true;
		return;
	}
	seq_printf(s, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\n",
		c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding, c->cap_ambient, task_no_new_privs(t));
	seq_printf(s, "Seccomp:\t%d\nSeccomp_filters:\t%u\n", seccomp_mode(t), seccomp_n_filters(t));
	seq_puts(s, "Speculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\talways enabled\n");
	cred_put(c);
}

static bool allowed(const uint64_t *mask, unsigned cpu)
{
	return cpu < TASK_CPU_WORDS * 64 && mask[cpu / 64] >> (cpu % 64) & 1;
}

/* The processors of a task as hexadecimal mask and as ranges. */
static void status_processors(struct task *t, struct seq *s)
{
	unsigned n = t->kernel->n_cpus ? t->kernel->n_cpus : 1;
	uint64_t mask[TASK_CPU_WORDS];
	const char *sep = "";

	sched_cpus(t, mask, TASK_CPU_WORDS);
	seq_puts(s, "Cpus_allowed:\t");
	for (unsigned w = (n - 1) / 32 + 1; w-- > 0;) {
		unsigned bits = n - w * 32 < 32 ? n - w * 32 : 32;

		seq_printf(s, "%0*x%s", (int)(bits + 3) / 4, (uint32_t)(mask[w / 2] >> (w % 2 * 32)), w ? "," : "\n");
	}
	seq_puts(s, "Cpus_allowed_list:\t");
	for (unsigned i = 0; i < n; i++) {
		unsigned from = i;

		if (!allowed(mask, i))
			continue;
		while (i + 1 < n && allowed(mask, i + 1))
			i++;
		seq_printf(s, i > from ? "%s%u-%u" : "%s%u", sep, from, i);
		sep = ",";
	}
	seq_puts(s, "\n");
	seq_puts(s, "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
}

static void seq_name(struct seq *s, const char *comm)
{
	for (; *comm; comm++) {
		if (*comm == '\n')
			seq_puts(s, "\\n");
		else if (*comm == '\\')
			seq_puts(s, "\\\\");
		else
			seq_write(s, comm, 1);
	}
}

/* What a number is called here, and in the namespaces below. */
static void status_numbers(const struct kobj *o, struct seq *s, const char *name, int nr)
{
	int all[PID_NS_DEPTH_MAX + 1];
	unsigned n = pid_ns_numbers(o->kernel, o->pid_ns, nr, all);

	seq_puts(s, name);
	for (unsigned i = 0; i < n; i++)
		seq_printf(s, "\t%d", all[i]);
	seq_puts(s, "\n");
}

int proc_show_status(struct task *v, const struct kobj *o, struct seq *s)
{
	struct task *t = o->task;
	struct fs_context *fs = proc_fs(t);
	struct facts f;

	gather(v, o, &f);
	seq_puts(s, "Name:\t");
	seq_name(s, f.comm);
	seq_puts(s, "\n");
	if (fs) {
		seq_printf(s, "Umask:\t%04o\n", fs->umask);
		fs_context_put(fs);
	}
	seq_printf(s, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", state_name(f.state), f.tgid,
		f.pid, f.ppid, f.tracer);
	status_ids(v, t, s);
	status_groups(v, t, s);
	status_numbers(o, s, "NStgid:", t->tg->pid);
	status_numbers(o, s, "NSpid:", t->tid);
	status_numbers(o, s, "NSpgid:", t->tg->pgid);
	status_numbers(o, s, "NSsid:", t->tg->sid);
	if (f.mm)
		status_memory(&f, s);
	status_signals(t, &f, s);
	status_capabilities(t, s);
	status_processors(t, s);
	seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", f.nvcsw, f.nivcsw);
	drop(&f);
	return 0;
}
