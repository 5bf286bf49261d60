/* SPDX-License-Identifier: MIT */
/* Files of /proc about the system: processors, memory, time, devices. */
#include "fs/procfs_internal.h"

#include "arch/cpuinfo.h"
#include "kernel/time.h"
#include "vfs/locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned n_cpus(const struct kernel *k)
{
	return k->n_cpus ? k->n_cpus : 1;
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------ */

static int add_usage(struct thread_group *tg, void *arg)
{
	uint64_t *pages = arg;
	uint64_t resident, shared;
	struct task *leader;
	struct mm *mm = NULL;

	lock_acquire(&tg->kernel->tasklist_lock);
	leader = tg->leader;
	if (leader)
		task_get(leader);
	lock_release(&tg->kernel->tasklist_lock);
	if (!leader)
		return 0;
	mm = proc_mm(leader);
	task_put(leader);
	if (mm && !mm_resident(mm, &resident, &shared))
		*pages += resident;
	if (mm)
		mm_put(mm);
	return 0;
}

void proc_memory(struct kernel *k, struct proc_memory *m)
{
	uint64_t total = k->memory_total / 1024, limit = k->memory_limit / 1024, pages = 0;

	tg_for_each(k, add_usage, &pages);
	m->total = limit && (!total || limit < total) ? limit : total;
	m->anon = pages * 4;
	m->cached = k->memory_used / 1024;
	m->used = m->anon + m->cached;
	if (m->used > m->total)
		m->used = m->total;
}

static int show_meminfo(struct task *v, const struct kobj *o, struct seq *s)
{
	static const char *const zeros[] = {"SwapCached", "Unevictable", "Mlocked", "SwapTotal", "SwapFree", "Dirty",
		"Writeback", "KReclaimable", "Slab", "SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "NFS_Unstable",
		"Bounce", "WritebackTmp"};
	struct proc_memory m;
	uint64_t free_kb;

	proc_memory(o->kernel, &m);
	free_kb = m.total - m.used;
	seq_printf(s, "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n", m.total, free_kb, free_kb);
	seq_printf(s, "Buffers:        %8d kB\nCached:         %8lu kB\n", 0, m.cached);
	seq_printf(s, "Active:         %8lu kB\nInactive:       %8d kB\nActive(anon):   %8lu kB\nInactive(anon): %8d kB\n", m.used,
		0, m.anon, 0);
	seq_printf(s, "Active(file):   %8lu kB\nInactive(file): %8d kB\nAnonPages:      %8lu kB\nMapped:         %8d kB\n",
		m.cached, 0, m.anon, 0);
	seq_printf(s, "Shmem:          %8lu kB\n", m.cached);
	for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
		seq_printf(s, "%s:%*s%8d kB\n", zeros[i], (int)(15 - strlen(zeros[i])), "", 0);
	seq_printf(s, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\nVmallocTotal:   34359738367 kB\n", m.total / 2, m.used);
	seq_puts(s, "VmallocUsed:           0 kB\nVmallocChunk:          0 kB\nPercpu:                0 kB\n"
		    "AnonHugePages:         0 kB\nShmemHugePages:        0 kB\nShmemPmdMapped:        0 kB\n"
		    "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
		    "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
	return 0;
}

static int show_vmstat(struct task *v, const struct kobj *o, struct seq *s)
{
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n", (m.total - m.used) / 4,
		m.anon / 4, m.cached / 4, m.cached / 4);
	seq_puts(s, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\noom_kill 0\n");
	return 0;
}

/* --- processors ---------------------------------------------------------------------------------------------------------------------- */

static int show_cpuinfo(struct task *v, const struct kobj *o, struct seq *s)
{
	char *buf = malloc(8192);

	if (!buf)
		return -ENOMEM;
	for (unsigned i = 0; i < n_cpus(o->kernel); i++) {
		seq_printf(s, "processor\t: %u\n", i);
		seq_write(s, buf, (size_t)arch_cpu_describe(i, n_cpus(o->kernel), buf, 8192));
	}
	free(buf);
	return 0;
}

struct totals {
	uint64_t user_ns, system_ns, n_threads, running, blocked;
	int last_pid;
};

static int add_times(struct thread_group *tg, void *arg)
{
	struct totals *all = arg;
	uint64_t cpu = tg_cpu_ns(tg);
	struct task *t;

	all->user_ns += cpu + tg->cutime_ns + tg->cstime_ns;
	LOCK_SCOPE(&tg->kernel->tasklist_lock);
	list_for_each_entry(t, &tg->threads, tg_link) {
		all->n_threads++;
		if (t->state == TASK_RUNNING)
			all->running++;
		all->last_pid = t->tid > all->last_pid ? t->tid : all->last_pid;
	}
	return 0;
}

static uint64_t uptime_ns(const struct kernel *k)
{
	int64_t boot = k->boot_monotonic.tv_sec * 1000000000 + k->boot_monotonic.tv_nsec, now = kernel_now_mono();

	return now > boot ? (uint64_t)(now - boot) : 0;
}

static int show_stat(struct task *v, const struct kobj *o, struct seq *s)
{
	struct kernel *k = o->kernel;
	unsigned n = n_cpus(k);
	struct totals all = {0};
	uint64_t user, idle, up = ns_to_ticks(uptime_ns(k)) * n;

	tg_for_each(k, add_times, &all);
	user = ns_to_ticks(all.user_ns);
	idle = up > user ? up - user : 0;
	seq_printf(s, "cpu  %lu 0 0 %lu 0 0 0 0 0 0\n", user, idle);
	for (unsigned i = 0; i < n; i++)
		seq_printf(s, "cpu%u %lu 0 0 %lu 0 0 0 0 0 0\n", i, user / n, idle / n);
	seq_printf(s, "intr 0\nctxt %lu\nbtime %ld\nprocesses %lu\nprocs_running %lu\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		(unsigned long)all.n_threads, (long)k->boot_realtime.tv_sec, (unsigned long)k->forks + 1,
		all.running ? all.running : 1);
	return 0;
}

static int show_uptime(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t up = uptime_ns(o->kernel), idle;
	struct totals all = {0};

	tg_for_each(o->kernel, add_times, &all);
	idle = up * n_cpus(o->kernel);
	idle = idle > all.user_ns ? idle - all.user_ns : 0;
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / 1000000000, up / 10000000 % 100, idle / 1000000000, idle / 10000000 % 100);
	return 0;
}

/* No averages are kept; the counts are true. */
static int show_loadavg(struct task *v, const struct kobj *o, struct seq *s)
{
	struct totals all = {0};

	tg_for_each(o->kernel, add_times, &all);
	seq_printf(s, "0.00 0.00 0.00 %lu/%lu %d\n", all.running ? all.running : 1, all.n_threads, all.last_pid);
	return 0;
}

/* --- tables -------------------------------------------------------------------------------------------------------------------------- */

static int show_locks(struct task *v, const struct kobj *o, struct seq *s)
{
	char *text = NULL;
	ssize_t n = locks_show(o->kernel, &text);

	if (n < 0)
		return (int)n;
	seq_write(s, text, (size_t)n);
	free(text);
	return 0;
}

static int show_interrupts(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_puts(s, "    ");
	for (unsigned i = 0; i < n_cpus(o->kernel); i++)
		seq_printf(s, "       CPU%u", i);
	seq_puts(s, "\n");
	return 0;
}

static const struct kentry tty_entries[] = {
	KTEXT("drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
			 "/dev/console         /dev/console    5       1 system:console\n"
			 "/dev/ptmx            /dev/ptmx       5       2 system\n"
			 "pty_slave            /dev/pts      136 0-4095 pty:slave\n"
			 "pty_master           /dev/ptm      128 0-4095 pty:master\n"),
	KTEXT("ldiscs", "n_tty       0\n"),
};

#define PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"

static const struct kentry pressure_entries[] = {
	KTEXT("cpu", PRESSURE),
	KTEXT("io", PRESSURE),
	KTEXT("memory", PRESSURE),
};

static const struct kentry empty_entries[] = {};

const struct kentry proc_system_entries[] = {
	KTEXT("buddyinfo", ""),
	KDIR("bus", 0555, empty_entries),
	KTEXT("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"),
	KTEXT("cmdline", "picket\n"),
	KTEXT("consoles", ""),
	KSHOW("cpuinfo", 0444, show_cpuinfo),
	KTEXT("crypto", ""),
	KTEXT("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n128 ptm\n136 pts\n\nBlock devices:\n"),
	KTEXT("diskstats", ""),
	KDIR("driver", 0555, empty_entries),
	KTEXT("execdomains", "0-0\tLinux           \t[kernel]\n"),
	KTEXT("filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tcgroup2\nnodev\tpipefs\n"
			     "nodev\tsockfs\nnodev\toverlay\nnodev\tmqueue\n"),
	KDIR("fs", 0555, empty_entries),
	KSHOW("interrupts", 0444, show_interrupts),
	KDIR("irq", 0555, empty_entries),
	KTEXT("key-users", ""),
	KTEXT("keys", ""),
	KSHOW("loadavg", 0444, show_loadavg),
	KSHOW("locks", 0444, show_locks),
	KSHOW("meminfo", 0444, show_meminfo),
	KTEXT("misc", ""),
	KTEXT("modules", ""),
	KTEXT("partitions", "major minor  #blocks  name\n\n"),
	KDIR("pressure", 0555, pressure_entries),
	KTEXT("softirqs", ""),
	KSHOW("stat", 0444, show_stat),
	KTEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	{.name = "sysvipc", .mode = S_IFDIR | 0555, .children = proc_sysvipc_entries, .n_children = PROC_N_SYSVIPC},
	KDIR("tty", 0555, tty_entries),
	KSHOW("uptime", 0444, show_uptime),
	KTEXT("version", "Linux version " KERNEL_RELEASE " (picket) (gcc) " KERNEL_VERSION "\n"),
	KSHOW("vmstat", 0444, show_vmstat),
	KTEXT("zoneinfo", ""),
};
const size_t proc_n_system_entries = ARRAY_SIZE(proc_system_entries);
