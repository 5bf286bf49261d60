/* SPDX-License-Identifier: MIT */
/* Files of /proc about the system: processors, memory, time, devices. */
#include "fs/procfs_internal.h"

#include "arch/cpuinfo.h"
#include "kernel/cputime.h"
#include "kernel/pid_ns.h"
#include "kernel/time.h"
#include "mm/shared.h"
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
	mm = task_mm_get(leader);
	task_put(leader);
	/* Pages of files are the page cache's, as the memory limit counts. */
	if (mm && !mm_resident(mm, &resident, &shared))
		*pages += resident > shared ? resident - shared : 0;
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
	m->cached = (k->memory_used + shared_mem_bytes(k)) / 1024;
	m->used = m->anon + m->cached;
	if (m->used > m->total)
		m->used = m->total;
}

#define MEM(name, value) seq_printf(s, "%-16s%8lu kB\n", name ":", (uint64_t)(value))

static int show_meminfo(struct task *v, const struct kobj *o, struct seq *s)
{
	static const char *const no_kernel[] = {"KReclaimable:", "Slab:", "SReclaimable:", "SUnreclaim:", "KernelStack:", "PageTables:",
		"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:"};
	static const char *const no_huge[] = {"AnonHugePages:", "ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:"};
	struct proc_memory m;
	uint64_t free_kb;

	proc_memory(o->kernel, &m);
	free_kb = m.total - m.used;
	MEM("MemTotal", m.total), MEM("MemFree", free_kb), MEM("MemAvailable", free_kb);
	MEM("Buffers", 0), MEM("Cached", m.cached), MEM("SwapCached", 0);
	MEM("Active", m.used), MEM("Inactive", 0), MEM("Active(anon)", m.used), MEM("Inactive(anon)", 0);
	MEM("Active(file)", 0), MEM("Inactive(file)", 0), MEM("Unevictable", 0), MEM("Mlocked", 0);
	MEM("SwapTotal", 0), MEM("SwapFree", 0), MEM("Zswap", 0), MEM("Zswapped", 0), MEM("Dirty", 0), MEM("Writeback", 0);
	MEM("AnonPages", m.anon), MEM("Mapped", 0), MEM("Shmem", m.cached);
	for (size_t i = 0; i < ARRAY_SIZE(no_kernel); i++)
		seq_printf(s, "%-16s%8d kB\n", no_kernel[i], 0);
	MEM("CommitLimit", m.total / 2), MEM("Committed_AS", m.used);
	MEM("VmallocTotal", 34359738367), MEM("VmallocUsed", 0), MEM("VmallocChunk", 0), MEM("Percpu", 0);
	MEM("HardwareCorrupted", 0);
	for (size_t i = 0; i < ARRAY_SIZE(no_huge); i++)
		seq_printf(s, "%-16s%8d kB\n", no_huge[i], 0);
	seq_puts(s, "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\n"
		    "HugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
	return 0;
}

static int show_vmstat(struct task *v, const struct kobj *o, struct seq *s)
{
	/* What vmstat(8) and sar(1) look for; of these nothing happens here, or nothing that is counted. */
	static const char *const zeros[] = {"nr_zone_inactive_anon", "nr_zone_inactive_file", "nr_zone_active_file", "nr_mlock", "nr_dirty",
		"nr_writeback", "nr_mapped", "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_page_table_pages", "nr_kernel_stack",
		"pgpgin", "pgpgout", "pswpin", "pswpout", "pgfree", "pgactivate", "pgdeactivate", "pgfault", "pgmajfault", "pgrefill",
		"pgreuse", "pgsteal_kswapd", "pgsteal_direct", "pgscan_kswapd", "pgscan_direct", "pageoutrun", "allocstall_normal"};
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "nr_free_pages %lu\nnr_active_anon %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_shmem %lu\n",
		(m.total - m.used) / 4, m.used / 4, m.anon / 4, m.cached / 4, m.cached / 4);
	for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
		seq_printf(s, "%s 0\n", zeros[i]);
	seq_printf(s, "oom_kill %u\n", o->kernel->oom_kills);
	return 0;
}

static int show_zoneinfo(struct task *v, const struct kobj *o, struct seq *s)
{
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "Node 0, zone   Normal\n  pages free     %lu\n        boost    0\n        min      0\n        low      0\n"
		      "        high     0\n        spanned  %lu\n        present  %lu\n        managed  %lu\n",
		(m.total - m.used) / 4, m.total / 4, m.total / 4, m.total / 4);
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
	struct cpu_times cpu;
	uint64_t n_threads, switches;
	unsigned running;
	int last_pid;
};

static int add_group(struct thread_group *tg, void *arg)
{
	struct totals *all = arg;
	struct cpu_times cpu;
	struct task *t;

	tg_cpu_times(tg, &cpu);
	all->cpu.utime_ns += cpu.utime_ns;
	all->cpu.stime_ns += cpu.stime_ns;
	all->running += proc_running_threads(tg);
	LOCK_SCOPE(&tg->kernel->tasklist_lock);
	list_for_each_entry(t, &tg->threads, tg_link) {
		all->n_threads++;
		all->switches += t->nvcsw + t->nivcsw;
		all->last_pid = t->tid > all->last_pid ? t->tid : all->last_pid;
	}
	return 0;
}

/* Of all tasks there have ever been. */
static void add_all(struct kernel *k, struct totals *all)
{
	*all = (struct totals){.cpu = {k->dead_utime_ns, k->dead_stime_ns}, .switches = k->dead_switches};
	tg_for_each(k, add_group, all);
	if (!all->running)
		all->running = 1; /* who asks does run */
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
	struct totals all;
	uint64_t user, sys, idle, up = ns_to_ticks(uptime_ns(k)) * n;

	add_all(k, &all);
	user = ns_to_ticks(all.cpu.utime_ns);
	sys = ns_to_ticks(all.cpu.stime_ns);
	idle = up > user + sys ? up - user - sys : 0;
	seq_printf(s, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user, sys, idle);
	for (unsigned i = 0; i < n; i++)
		seq_printf(s, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, user / n, sys / n, idle / n);
	seq_printf(s, "intr 0\nctxt %lu\nbtime %ld\nprocesses %lu\nprocs_running %u\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		all.switches, (long)k->boot_realtime.tv_sec, (unsigned long)k->forks + 1, all.running);
	return 0;
}

static int show_uptime(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t up = uptime_ns(o->kernel), idle, used;
	struct totals all;

	add_all(o->kernel, &all);
	idle = up * n_cpus(o->kernel);
	used = all.cpu.utime_ns + all.cpu.stime_ns;
	idle = idle > used ? idle - used : 0;
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / 1000000000, up / 10000000 % 100, idle / 1000000000, idle / 10000000 % 100);
	return 0;
}

static int show_loadavg(struct task *v, const struct kobj *o, struct seq *s)
{
	struct totals all;
	uint64_t load[3];

	add_all(o->kernel, &all);
	load_averages(o->kernel, 16, load);
	for (int i = 0; i < 3; i++)
		load[i] = (load[i] + 65536 / 200) * 100 >> 16; /* hundredths, rounded */
	seq_printf(s, "%lu.%02lu %lu.%02lu %lu.%02lu %u/%lu %d\n", load[0] / 100, load[0] % 100, load[1] / 100, load[1] % 100,
		load[2] / 100, load[2] % 100, all.running, all.n_threads, pid_nr_ns(o->pid_ns, all.last_pid));
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

static int show_softirqs(struct task *v, const struct kobj *o, struct seq *s)
{
	static const char *const kinds[] = {"HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};

	seq_puts(s, "                    ");
	for (unsigned i = 0; i < n_cpus(o->kernel); i++)
		seq_printf(s, "CPU%-8u", i);
	seq_puts(s, "\n");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		seq_printf(s, "%12s:", kinds[k]);
		for (unsigned i = 0; i < n_cpus(o->kernel); i++)
			seq_printf(s, " %10u", 0);
		seq_puts(s, "\n");
	}
	return 0;
}

/* The messages of the host's kernel are not the sandbox's. */
static int refuse(struct task *v, const struct kobj *o, struct seq *s)
{
	return -EPERM;
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
	KTEXT("cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\ncpu\t0\t1\t1\ncpuacct\t0\t1\t1\n"
			 "blkio\t0\t1\t1\nmemory\t0\t1\t1\ndevices\t0\t1\t1\nfreezer\t0\t1\t1\nnet_cls\t0\t1\t1\n"
			 "perf_event\t0\t1\t1\nnet_prio\t0\t1\t1\nhugetlb\t0\t1\t1\npids\t0\t1\t1\nrdma\t0\t1\t1\nmisc\t0\t1\t1\n"),
	KTEXT("cmdline", "picket\n"),
	KTEXT("consoles", ""),
	KSHOW("cpuinfo", 0444, show_cpuinfo),
	KTEXT("crypto", ""),
	KTEXT("devices", "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n128 ptm\n136 pts\n\nBlock devices:\n"),
	KTEXT("diskstats", ""),
	KTEXT("dma", ""),
	KDIR("driver", 0555, empty_entries),
	KTEXT("execdomains", "0-0\tLinux           \t[kernel]\n"),
	KTEXT("filesystems", "nodev\tsysfs\nnodev\ttmpfs\nnodev\tramfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\nnodev\tcgroup2\nnodev\tpipefs\n"
			     "nodev\tsockfs\nnodev\toverlay\nnodev\tmqueue\n"),
	KDIR("fs", 0555, empty_entries),
	KSHOW("interrupts", 0444, show_interrupts),
	KTEXT("iomem", ""),
	KTEXT("ioports", ""),
	KDIR("irq", 0555, empty_entries),
	KTEXT("kallsyms", ""),
	KTEXT("key-users", ""),
	KTEXT("keys", ""),
	KSHOW("kmsg", 0400, refuse),
	KSHOW("loadavg", 0444, show_loadavg),
	KSHOW("locks", 0444, show_locks),
	KSHOW("meminfo", 0444, show_meminfo),
	KTEXT("misc", ""),
	KTEXT("modules", ""),
	KSHOW("pagetypeinfo", 0400, refuse),
	KTEXT("partitions", "major minor  #blocks  name\n\n"),
	KDIR("pressure", 0555, pressure_entries),
	{.name = "slabinfo", .mode = S_IFREG | 0400, .text =
		"slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
		"<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"},
	KSHOW("softirqs", 0444, show_softirqs),
	KSHOW("stat", 0444, show_stat),
	KTEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	{.name = "sysvipc", .mode = S_IFDIR | 0555, .children = proc_sysvipc_entries, .n_children = PROC_N_SYSVIPC},
	KSHOW("timer_list", 0400, refuse),
	KDIR("tty", 0555, tty_entries),
	KSHOW("uptime", 0444, show_uptime),
	KTEXT("version", "Linux version " KERNEL_RELEASE " (picket) (gcc) " KERNEL_VERSION "\n"),
	KSHOW("vmallocinfo", 0400, refuse),
	KSHOW("vmstat", 0444, show_vmstat),
	KSHOW("zoneinfo", 0444, show_zoneinfo),
};
const size_t proc_n_system_entries = ARRAY_SIZE(proc_system_entries);
