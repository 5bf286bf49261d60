/* SPDX-License-Identifier: MIT */
/* /sys/fs/cgroup: the one control group of the sandbox, read only. Limits are what the command line gave. */
#include "fs/fs.h"
#include "fs/procfs_internal.h"

#include "kernel/cputime.h"
#include "kernel/pid_ns.h"
#include "kernel/quota.h"
#include "kernel/time.h"

#include <sys/stat.h>

#define CGROUP2_MAGIC 0x63677270

static int show_memory_max(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t limit = o->kernel->memory_limit;

	if (limit)
		seq_printf(s, "%lu\n", limit);
	else
		seq_puts(s, "max\n");
	return 0;
}

static int show_memory_current(struct task *v, const struct kobj *o, struct seq *s)
{
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "%lu\n", m.used * 1024);
	return 0;
}

static int show_memory_stat(struct task *v, const struct kobj *o, struct seq *s)
{
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "anon %lu\nfile %lu\nkernel 0\nshmem %lu\ninactive_file 0\nactive_file %lu\n", m.anon * 1024,
		m.cached * 1024, m.cached * 1024, m.cached * 1024);
	return 0;
}

static int show_pids_max(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u\n", o->kernel->max_tasks);
	return 0;
}

static int show_pids_current(struct task *v, const struct kobj *o, struct seq *s)
{
	LOCK_SCOPE(&o->kernel->tasklist_lock);
	seq_printf(s, "%u\n", o->kernel->n_tasks);
	return 0;
}

struct procs {
	struct task *v;
	struct seq *s;
};

static int add_pid(struct thread_group *tg, void *arg)
{
	struct procs *p = arg;

	if (tg_vnr(p->v, tg))
		seq_printf(p->s, "%d\n", tg_vnr(p->v, tg));
	return 0;
}

static int add_tids(struct thread_group *tg, void *arg)
{
	struct task *t;

	LOCK_SCOPE(&tg->kernel->tasklist_lock);
	list_for_each_entry(t, &tg->threads, tg_link)
		seq_printf(arg, "%d\n", t->tid);
	return 0;
}

static int show_threads(struct task *v, const struct kobj *o, struct seq *s)
{
	tg_for_each(o->kernel, add_tids, s);
	return 0;
}

static int show_procs(struct task *v, const struct kobj *o, struct seq *s)
{
	struct procs p = {v, s};

	tg_for_each(o->kernel, add_pid, &p);
	return 0;
}

static int show_cpu_stat(struct task *v, const struct kobj *o, struct seq *s)
{
	struct cpu_times all;
	struct quota_stat q;

	kernel_cpu_times(o->kernel, &all);
	quota_read(o->kernel, &q);
	seq_printf(s, "usage_usec %lu\nuser_usec %lu\nsystem_usec %lu\nnr_periods %lu\nnr_throttled %lu\nthrottled_usec %lu\n",
		(all.utime_ns + all.stime_ns) / 1000, all.utime_ns / 1000, all.stime_ns / 1000, q.periods, q.throttled,
		q.throttled_ns / 1000);
	return 0;
}

static int show_cpu_max(struct task *v, const struct kobj *o, struct seq *s)
{
	struct quota_stat q;

	quota_read(o->kernel, &q);
	if (q.limit_nano)
		seq_printf(s, "%lu %lld\n", q.limit_nano / 10000, QUOTA_PERIOD_NS / 1000);
	else
		seq_printf(s, "max %lld\n", QUOTA_PERIOD_NS / 1000);
	return 0;
}

static int show_memory_events(struct task *v, const struct kobj *o, struct seq *s)
{
	unsigned kills = o->kernel->oom_kills;

	seq_printf(s, "low 0\nhigh 0\nmax %u\noom %u\noom_kill %u\noom_group_kill 0\n", kills, kills, kills);
	return 0;
}

static int show_cpus(struct task *v, const struct kobj *o, struct seq *s)
{
	unsigned n = o->kernel->n_cpus;

	seq_printf(s, n > 1 ? "0-%u\n" : "%u\n", n > 1 ? n - 1 : 0);
	return 0;
}

static const struct kentry root_entries[] = {
	KTEXT("cgroup.controllers", "cpuset cpu memory pids\n"),
	KTEXT("cgroup.events", "populated 1\nfrozen 0\n"),
	KTEXT("cgroup.freeze", "0\n"),
	KTEXT("cgroup.max.depth", "max\n"),
	KTEXT("cgroup.max.descendants", "max\n"),
	KSHOW("cgroup.procs", 0444, show_procs),
	KTEXT("cgroup.stat", "nr_descendants 0\nnr_dying_descendants 0\n"),
	KTEXT("cgroup.subtree_control", "\n"),
	KSHOW("cgroup.threads", 0444, show_threads),
	KTEXT("cgroup.type", "domain\n"),
	KSHOW("cpu.max", 0444, show_cpu_max),
	KTEXT("cpu.max.burst", "0\n"),
	KSHOW("cpu.stat", 0444, show_cpu_stat),
	KTEXT("cpu.weight", "100\n"),
	KTEXT("cpu.idle", "0\n"),
	KTEXT("cpu.weight.nice", "0\n"),
	KTEXT("cpuset.cpus", "\n"),
	KTEXT("cpuset.mems", "\n"),
	KSHOW("cpuset.cpus.effective", 0444, show_cpus),
	KTEXT("cpuset.mems.effective", "0\n"),
	KSHOW("memory.current", 0444, show_memory_current),
	KTEXT("memory.oom.group", "0\n"),
	KSHOW("memory.events", 0444, show_memory_events),
	KTEXT("memory.high", "max\n"),
	KTEXT("memory.low", "0\n"),
	KSHOW("memory.max", 0444, show_memory_max),
	KTEXT("memory.min", "0\n"),
	KSHOW("memory.stat", 0444, show_memory_stat),
	KTEXT("memory.swap.current", "0\n"),
	KTEXT("memory.swap.max", "0\n"),
	KSHOW("pids.current", 0444, show_pids_current),
	KSHOW("pids.max", 0444, show_pids_max),
};
static const struct kentry root_entry = KDIR("", 0555, root_entries);

int cgroupfs_create(struct kernel *k, struct super_block **ret)
{
	int err = kernfs_create(k, "cgroup2", CGROUP2_MAGIC, &root_entry, true, ret);

	if (!err)
		(*ret)->read_only = true;
	return err;
}
