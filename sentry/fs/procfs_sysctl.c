/* SPDX-License-Identifier: MIT */
/* /proc/sys: what programs look up. Values that the sentry enforces come from it; the rest are Linux's defaults, read only. */
#include "fs/procfs_internal.h"

#include "host/entropy.h"
#include "kernel/time.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* --- names ------------------------------------------------------------------------------------------------------------------------ */

static int show_uts(struct task *v, const struct kobj *o, struct seq *s, bool domain)
{
	struct uts_ns *ns = v ? task_uts_ns(v) : o->kernel->nsproxy->uts;

	LOCK_SCOPE(&ns->lock);
	seq_printf(s, "%s\n", domain ? ns->domainname : ns->nodename);
	return 0;
}

static int store_uts(struct task *v, const struct kobj *o, char *text, bool domain)
{
	size_t len = strcspn(text, "\n");

	struct uts_ns *ns = task_uts_ns(v);
	char *to = domain ? ns->domainname : ns->nodename;

	if (!ns_capable(v, ns->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (len > 64)
		return -EINVAL;
	LOCK_SCOPE(&ns->lock);
	memset(to, 0, sizeof(ns->nodename));
	memcpy(to, text, len);
	return 0;
}

static int show_hostname(struct task *v, const struct kobj *o, struct seq *s)
{
	return show_uts(v, o, s, false);
}

static int store_hostname(struct task *v, const struct kobj *o, char *text, size_t len)
{
	return store_uts(v, o, text, false);
}

static int show_domainname(struct task *v, const struct kobj *o, struct seq *s)
{
	return show_uts(v, o, s, true);
}

static int store_domainname(struct task *v, const struct kobj *o, char *text, size_t len)
{
	return store_uts(v, o, text, true);
}

/* --- random ----------------------------------------------------------------------------------------------------------------------- */

static void seq_uuid(struct seq *s, uint8_t b[16])
{
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (int i = 0; i < 16; i++)
		seq_printf(s, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	seq_puts(s, "\n");
}

static int show_uuid(struct task *v, const struct kobj *o, struct seq *s)
{
	uint8_t b[16];

	if (host_random(b, sizeof(b)) != sizeof(b))
		return -EIO;
	seq_uuid(s, b);
	return 0;
}

/* The same for the life of a sandbox, and another for each: made from the instant of its start. */
static int show_boot_id(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t h[2] = {(uint64_t)o->kernel->boot_realtime.tv_sec ^ (uint64_t)o->kernel->boot_realtime.tv_nsec << 34,
		(uint64_t)o->kernel->boot_monotonic.tv_nsec ^ (uint64_t)o->kernel->boot_monotonic.tv_sec << 30};
	uint8_t b[16];

	for (int i = 0; i < 8; i++) {
		h[i & 1] = (h[i & 1] ^ h[~i & 1] >> 31) * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
		h[i & 1] ^= h[i & 1] >> 29;
	}
	memcpy(b, h, sizeof(b));
	seq_uuid(s, b);
	return 0;
}

static const struct kentry random_entries[] = {
	KSHOW("boot_id", 0444, show_boot_id),
	KTEXT("entropy_avail", "256\n"),
	KTEXT("poolsize", "256\n"),
	KTEXT("urandom_min_reseed_secs", "60\n"),
	KSHOW("uuid", 0444, show_uuid),
	KTEXT("write_wakeup_threshold", "256\n"),
};

/* --- limits ------------------------------------------------------------------------------------------------------------------------- */

static int show_threads_max(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u\n", o->kernel->max_tasks);
	return 0;
}

static int show_aio_nr(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u\n", o->kernel->aio_nr);
	return 0;
}

static int show_pid_max(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%d\n", PID_MAX);
	return 0;
}

static int show_last_pid(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%lu\n", (unsigned long)((o->kernel->forks + 1) % PID_MAX));
	return 0;
}

/* --- the tree ------------------------------------------------------------------------------------------------------------------------ */

static const struct kentry keys_entries[] = {
	KTEXT("maxbytes", "20000\n"),
	KTEXT("maxkeys", "200\n"),
	KTEXT("root_maxbytes", "25000000\n"),
	KTEXT("root_maxkeys", "1000000\n"),
};

static const struct kentry seccomp_entries[] = {
	KTEXT("actions_avail", "kill_process kill_thread trap errno user_notif trace log allow\n"),
	KTEXT("actions_logged", "kill_process kill_thread trap errno user_notif trace log\n"),
	KTEXT("actions_logged", "kill_process kill_thread trap errno user_notif trace log\n"),
};

static const struct kentry pty_entries[] = {
	KTEXT("max", "4096\n"),
	KTEXT("nr", "0\n"),
	KTEXT("reserve", "1024\n"),
};

static const struct kentry yama_entries[] = {KTEXT("ptrace_scope", "0\n")};

static const struct kentry kernel_entries[] = {
	KTEXT("acct", "4\t2\t30\n"),
	KTEXT("arch", "x86_64\n"),
	KTEXT("auto_msgmni", "0\n"),
	KTEXT("bootloader_type", "0\n"),
	KTEXT("bootloader_version", "0\n"),
	KTEXT("cad_pid", "1\n"),
	KTEXT("cap_last_cap", "40\n"),
	KTEXT("core_pattern", "core\n"),
	KTEXT("core_pipe_limit", "0\n"),
	KTEXT("core_uses_pid", "0\n"),
	KTEXT("ctrl-alt-del", "0\n"),
	KTEXT("dmesg_restrict", "1\n"),
	{.name = "domainname", .mode = S_IFREG | 0644, .show = show_domainname, .store = store_domainname},
	KTEXT("ftrace_enabled", "0\n"),
	KTEXT("hardlockup_panic", "0\n"),
	{.name = "hostname", .mode = S_IFREG | 0644, .show = show_hostname, .store = store_hostname},
	KTEXT("hung_task_check_count", "4194304\n"),
	KTEXT("hung_task_panic", "0\n"),
	KTEXT("hung_task_timeout_secs", "120\n"),
	KTEXT("hung_task_warnings", "10\n"),
	KTEXT("io_delay_type", "1\n"),
	KTEXT("kexec_load_disabled", "1\n"),
	KDIR("keys", 0555, keys_entries),
	KTEXT("kptr_restrict", "1\n"),
	KTEXT("max_lock_depth", "1024\n"),
	KTEXT("max_rcu_stall_to_panic", "0\n"),
	KTEXT("modprobe", "/sbin/modprobe\n"),
	KTEXT("modules_disabled", "1\n"),
	KTEXT("msg_next_id", "-1\n"),
	PROC_IPC("msgmax", msg_max),
	PROC_IPC("msgmnb", msg_mnb),
	PROC_IPC("msgmni", msg_mni),
	KTEXT("ngroups_max", "65536\n"),
	KTEXT("nmi_watchdog", "0\n"),
	KSHOW("ns_last_pid", 0444, show_last_pid),
	KTEXT("numa_balancing", "0\n"),
	KTEXT("oops_limit", "10000\n"),
	KTEXT("osrelease", KERNEL_RELEASE "\n"),
	KTEXT("ostype", "Linux\n"),
	KTEXT("overflowgid", "65534\n"),
	KTEXT("overflowuid", "65534\n"),
	KTEXT("panic", "0\n"),
	KTEXT("panic_on_io_nmi", "0\n"),
	KTEXT("panic_on_oops", "0\n"),
	KTEXT("panic_on_rcu_stall", "0\n"),
	KTEXT("panic_on_unrecovered_nmi", "0\n"),
	KTEXT("panic_on_warn", "0\n"),
	KTEXT("panic_print", "0\n"),
	KTEXT("perf_cpu_time_max_percent", "25\n"),
	KTEXT("perf_event_max_contexts_per_stack", "8\n"),
	KTEXT("perf_event_max_sample_rate", "100000\n"),
	KTEXT("perf_event_max_stack", "127\n"),
	KTEXT("perf_event_mlock_kb", "516\n"),
	KTEXT("perf_event_paranoid", "4\n"),
	KSHOW("pid_max", 0444, show_pid_max),
	KTEXT("poweroff_cmd", "/sbin/poweroff\n"),
	KTEXT("print-fatal-signals", "0\n"),
	KTEXT("printk", "4\t4\t1\t7\n"),
	KTEXT("printk_delay", "0\n"),
	KTEXT("printk_devkmsg", "on\n"),
	KTEXT("printk_ratelimit", "5\n"),
	KTEXT("printk_ratelimit_burst", "10\n"),
	KDIR("pty", 0555, pty_entries),
	KDIR("random", 0555, random_entries),
	KTEXT("randomize_va_space", "2\n"),
	KTEXT("real-root-dev", "0\n"),
	KTEXT("sched_autogroup_enabled", "0\n"),
	KTEXT("sched_cfs_bandwidth_slice_us", "5000\n"),
	KTEXT("sched_child_runs_first", "0\n"),
	KTEXT("sched_deadline_period_max_us", "4194304\n"),
	KTEXT("sched_deadline_period_min_us", "100\n"),
	KTEXT("sched_rr_timeslice_ms", "100\n"),
	KTEXT("sched_rt_period_us", "1000000\n"),
	KTEXT("sched_rt_runtime_us", "950000\n"),
	KTEXT("sched_schedstats", "0\n"),
	KDIR("seccomp", 0555, seccomp_entries),
	PROC_IPC("sem", sem_limits),
	KTEXT("sem_next_id", "-1\n"),
	KTEXT("shm_next_id", "-1\n"),
	PROC_IPC("shm_rmid_forced", shm_rmid_forced),
	PROC_IPC("shmall", shm_all),
	PROC_IPC("shmmax", shm_max),
	PROC_IPC("shmmni", shm_mni),
	KTEXT("soft_watchdog", "0\n"),
	KTEXT("softlockup_panic", "0\n"),
	KTEXT("split_lock_mitigate", "1\n"),
	KTEXT("stack_tracer_enabled", "0\n"),
	KTEXT("sysctl_writes_strict", "1\n"),
	KTEXT("sysrq", "0\n"),
	KTEXT("tainted", "0\n"),
	KTEXT("task_delayacct", "0\n"),
	KSHOW("threads-max", 0444, show_threads_max),
	KTEXT("timer_migration", "1\n"),
	KTEXT("traceoff_on_warning", "0\n"),
	KTEXT("unknown_nmi_panic", "0\n"),
	KTEXT("unprivileged_bpf_disabled", "2\n"),
	KTEXT("unprivileged_userns_clone", "0\n"),
	KTEXT("version", KERNEL_VERSION "\n"),
	KTEXT("warn_limit", "0\n"),
	KTEXT("watchdog", "0\n"),
	KTEXT("watchdog_cpumask", "0\n"),
	KTEXT("watchdog_thresh", "10\n"),
	KDIR("yama", 0555, yama_entries),
};

static const struct kentry inotify_entries[] = {
	KTEXT("max_queued_events", "16384\n"),
	KTEXT("max_user_instances", "1024\n"),
	KTEXT("max_user_watches", "65536\n"),
};

static const struct kentry epoll_entries[] = {KTEXT("max_user_watches", "1048576\n")};

static const struct kentry fs_entries[] = {
	KTEXT("aio-max-nr", "65536\n"),
	KSHOW("aio-nr", 0444, show_aio_nr),
	KTEXT("dentry-state", "0\t0\t45\t0\t0\t0\n"),
	KTEXT("dir-notify-enable", "1\n"),
	KDIR("epoll", 0555, epoll_entries),
	KTEXT("file-max", "9223372036854775807\n"),
	KTEXT("file-nr", "0\t0\t9223372036854775807\n"),
	KTEXT("inode-nr", "0\t0\n"),
	KTEXT("inode-state", "0\t0\t0\t0\t0\t0\t0\n"),
	KDIR("inotify", 0555, inotify_entries),
	KTEXT("lease-break-time", "45\n"),
	KTEXT("leases-enable", "1\n"),
	KTEXT("mount-max", "100000\n"),
	{.name = "mqueue", .mode = S_IFDIR | 0555, .children = proc_mqueue_entries, .n_children = PROC_N_MQUEUE},
	KTEXT("nr_open", "1048576\n"),
	KTEXT("overflowgid", "65534\n"),
	KTEXT("overflowuid", "65534\n"),
	KTEXT("pipe-max-size", "1048576\n"),
	KTEXT("pipe-user-pages-hard", "0\n"),
	KTEXT("pipe-user-pages-soft", "16384\n"),
	KTEXT("protected_fifos", "0\n"),
	KTEXT("protected_hardlinks", "1\n"),
	KTEXT("protected_regular", "0\n"),
	KTEXT("protected_symlinks", "0\n"),
	KTEXT("suid_dumpable", "0\n"),
};

static const struct kentry vm_entries[] = {
	KTEXT("admin_reserve_kbytes", "8192\n"),
	KTEXT("compact_unevictable_allowed", "1\n"),
	KTEXT("compaction_proactiveness", "20\n"),
	KTEXT("dirty_background_bytes", "0\n"),
	KTEXT("dirty_background_ratio", "10\n"),
	KTEXT("dirty_bytes", "0\n"),
	KTEXT("dirty_expire_centisecs", "3000\n"),
	KTEXT("dirty_ratio", "20\n"),
	KTEXT("dirty_writeback_centisecs", "500\n"),
	KTEXT("dirtytime_expire_seconds", "43200\n"),
	KTEXT("drop_caches", "0\n"),
	KTEXT("extfrag_threshold", "500\n"),
	KTEXT("hugetlb_shm_group", "0\n"),
	KTEXT("laptop_mode", "0\n"),
	KTEXT("legacy_va_layout", "0\n"),
	KTEXT("lowmem_reserve_ratio", "256\t256\t32\t0\t0\n"),
	KTEXT("max_map_count", "65530\n"),
	KTEXT("memory_failure_early_kill", "0\n"),
	KTEXT("memory_failure_recovery", "1\n"),
	KTEXT("min_free_kbytes", "67584\n"),
	KTEXT("min_slab_ratio", "5\n"),
	KTEXT("min_unmapped_ratio", "1\n"),
	KTEXT("mmap_min_addr", "65536\n"),
	KTEXT("mmap_rnd_bits", "28\n"),
	KTEXT("mmap_rnd_compat_bits", "8\n"),
	KTEXT("nr_hugepages", "0\n"),
	KTEXT("nr_hugepages_mempolicy", "0\n"),
	KTEXT("nr_overcommit_hugepages", "0\n"),
	KTEXT("numa_stat", "1\n"),
	KTEXT("numa_zonelist_order", "Node\n"),
	KTEXT("oom_dump_tasks", "1\n"),
	KTEXT("oom_kill_allocating_task", "0\n"),
	KTEXT("overcommit_kbytes", "0\n"),
	KTEXT("overcommit_memory", "0\n"),
	KTEXT("overcommit_ratio", "50\n"),
	KTEXT("page-cluster", "3\n"),
	KTEXT("page_lock_unfairness", "5\n"),
	KTEXT("panic_on_oom", "0\n"),
	KTEXT("percpu_pagelist_high_fraction", "0\n"),
	KTEXT("stat_interval", "1\n"),
	KTEXT("swappiness", "60\n"),
	KTEXT("unprivileged_userfaultfd", "0\n"),
	KTEXT("user_reserve_kbytes", "131072\n"),
	KTEXT("vfs_cache_pressure", "100\n"),
	KTEXT("watermark_boost_factor", "15000\n"),
	KTEXT("watermark_scale_factor", "10\n"),
	KTEXT("zone_reclaim_mode", "0\n"),
};

static const struct kentry user_entries[] = {
	KTEXT("max_cgroup_namespaces", "0\n"),
	KTEXT("max_inotify_instances", "1024\n"),
	KTEXT("max_inotify_watches", "65536\n"),
	KTEXT("max_ipc_namespaces", "4096\n"),
	KTEXT("max_mnt_namespaces", "4096\n"),
	KTEXT("max_net_namespaces", "4096\n"),
	KTEXT("max_pid_namespaces", "4096\n"),
	KTEXT("max_time_namespaces", "0\n"),
	KTEXT("max_user_namespaces", "4096\n"),
	KTEXT("max_uts_namespaces", "4096\n"),
};

static const struct kentry abi_entries[] = {KTEXT("vsyscall32", "1\n")};
static const struct kentry debug_entries[] = {KTEXT("exception-trace", "1\n")};
static const struct kentry dev_tty_entries[] = {KTEXT("ldisc_autoload", "0\n"), KTEXT("legacy_tiocsti", "0\n")};
static const struct kentry dev_entries[] = {KDIR("tty", 0555, dev_tty_entries)};

static const struct kentry sys_entries[] = {
	KDIR("abi", 0555, abi_entries), KDIR("debug", 0555, debug_entries), KDIR("dev", 0555, dev_entries), KDIR("fs", 0555, fs_entries),
	KDIR("kernel", 0555, kernel_entries), KDIR("net", 0555, proc_sysnet_entries), KDIR("user", 0555, user_entries),
	KDIR("vm", 0555, vm_entries),
};
const struct kentry proc_sys_entry = KDIR("sys", 0555, sys_entries);
