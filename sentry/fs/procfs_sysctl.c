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
	LOCK_SCOPE(&o->kernel->uts_lock);
	seq_printf(s, "%s\n", domain ? o->kernel->domainname : o->kernel->hostname);
	return 0;
}

static int store_uts(struct task *v, const struct kobj *o, char *text, bool domain)
{
	size_t len = strcspn(text, "\n");

	if (!task_capable(v, CAP_SYS_ADMIN))
		return -EPERM;
	if (len > 64)
		return -EINVAL;
	LOCK_SCOPE(&o->kernel->uts_lock);
	char *to = domain ? o->kernel->domainname : o->kernel->hostname;

	memset(to, 0, sizeof(o->kernel->hostname));
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
};

static const struct kentry pty_entries[] = {
	KTEXT("max", "4096\n"),
	KTEXT("nr", "0\n"),
	KTEXT("reserve", "1024\n"),
};

static const struct kentry yama_entries[] = {KTEXT("ptrace_scope", "0\n")};

static const struct kentry kernel_entries[] = {
	KTEXT("arch", "x86_64\n"),
	KTEXT("auto_msgmni", "0\n"),
	KTEXT("cap_last_cap", "40\n"),
	KTEXT("core_pattern", "core\n"),
	KTEXT("core_pipe_limit", "0\n"),
	KTEXT("core_uses_pid", "0\n"),
	KTEXT("dmesg_restrict", "1\n"),
	{.name = "domainname", .mode = S_IFREG | 0644, .show = show_domainname, .store = store_domainname},
	{.name = "hostname", .mode = S_IFREG | 0644, .show = show_hostname, .store = store_hostname},
	KDIR("keys", 0555, keys_entries),
	KTEXT("kptr_restrict", "1\n"),
	PROC_IPC("msgmax", msg_max),
	PROC_IPC("msgmnb", msg_mnb),
	PROC_IPC("msgmni", msg_mni),
	KTEXT("ngroups_max", "65536\n"),
	KSHOW("ns_last_pid", 0444, show_last_pid),
	KTEXT("osrelease", KERNEL_RELEASE "\n"),
	KTEXT("ostype", "Linux\n"),
	KTEXT("overflowgid", "65534\n"),
	KTEXT("overflowuid", "65534\n"),
	KTEXT("panic", "0\n"),
	KTEXT("perf_event_paranoid", "4\n"),
	KSHOW("pid_max", 0444, show_pid_max),
	KTEXT("printk", "4\t4\t1\t7\n"),
	KDIR("pty", 0555, pty_entries),
	KDIR("random", 0555, random_entries),
	KTEXT("randomize_va_space", "2\n"),
	KTEXT("sched_autogroup_enabled", "0\n"),
	KTEXT("sched_rt_period_us", "1000000\n"),
	KTEXT("sched_rt_runtime_us", "950000\n"),
	KDIR("seccomp", 0555, seccomp_entries),
	PROC_IPC("sem", sem_limits),
	KTEXT("shm_rmid_forced", "0\n"),
	PROC_IPC("shmall", shm_all),
	PROC_IPC("shmmax", shm_max),
	PROC_IPC("shmmni", shm_mni),
	KTEXT("sysrq", "0\n"),
	KTEXT("tainted", "0\n"),
	KSHOW("threads-max", 0444, show_threads_max),
	KTEXT("unprivileged_bpf_disabled", "2\n"),
	KTEXT("unprivileged_userns_clone", "0\n"),
	KTEXT("version", KERNEL_VERSION "\n"),
	KDIR("yama", 0555, yama_entries),
};

static const struct kentry inotify_entries[] = {
	KTEXT("max_queued_events", "16384\n"),
	KTEXT("max_user_instances", "1024\n"),
	KTEXT("max_user_watches", "65536\n"),
};

static const struct kentry epoll_entries[] = {KTEXT("max_user_watches", "1048576\n")};

static const struct kentry fs_entries[] = {
	KTEXT("aio-max-nr", "0\n"),
	KTEXT("aio-nr", "0\n"),
	KTEXT("dentry-state", "0\t0\t45\t0\t0\t0\n"),
	KDIR("epoll", 0555, epoll_entries),
	KTEXT("file-max", "9223372036854775807\n"),
	KTEXT("file-nr", "0\t0\t9223372036854775807\n"),
	KDIR("inotify", 0555, inotify_entries),
	KTEXT("inode-nr", "0\t0\n"),
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
	KTEXT("protected_symlinks", "1\n"),
	KTEXT("suid_dumpable", "0\n"),
};

static const struct kentry vm_entries[] = {
	KTEXT("dirty_background_ratio", "10\n"),
	KTEXT("dirty_ratio", "20\n"),
	KTEXT("drop_caches", "0\n"),
	KTEXT("legacy_va_layout", "0\n"),
	KTEXT("max_map_count", "65530\n"),
	KTEXT("min_free_kbytes", "67584\n"),
	KTEXT("mmap_min_addr", "65536\n"),
	KTEXT("nr_hugepages", "0\n"),
	KTEXT("oom_kill_allocating_task", "0\n"),
	KTEXT("overcommit_kbytes", "0\n"),
	KTEXT("overcommit_memory", "0\n"),
	KTEXT("overcommit_ratio", "50\n"),
	KTEXT("panic_on_oom", "0\n"),
	KTEXT("swappiness", "60\n"),
	KTEXT("unprivileged_userfaultfd", "0\n"),
	KTEXT("vfs_cache_pressure", "100\n"),
	KTEXT("zone_reclaim_mode", "0\n"),
};

static const struct kentry core_entries[] = {
	KTEXT("default_qdisc", "pfifo_fast\n"), KTEXT("netdev_max_backlog", "1000\n"), KTEXT("optmem_max", "20480\n"),
	KTEXT("rmem_default", "212992\n"),	KTEXT("rmem_max", "212992\n"),	       KTEXT("somaxconn", "4096\n"),
	KTEXT("wmem_default", "212992\n"),	KTEXT("wmem_max", "212992\n"),
};

static const struct kentry conf4_entries[] = {
	KTEXT("accept_redirects", "1\n"), KTEXT("forwarding", "0\n"), KTEXT("rp_filter", "0\n"), KTEXT("send_redirects", "1\n"),
};

static const struct kentry confs4_entries[] = {KDIR("all", 0555, conf4_entries), KDIR("default", 0555, conf4_entries)};

static const struct kentry ipv4_entries[] = {
	KDIR("conf", 0555, confs4_entries),
	KTEXT("icmp_echo_ignore_all", "0\n"),
	KTEXT("ip_default_ttl", "64\n"),
	KTEXT("ip_forward", "0\n"),
	KTEXT("ip_local_port_range", "32768\t60999\n"),
	KTEXT("ip_local_reserved_ports", "\n"),
	KTEXT("ip_nonlocal_bind", "0\n"),
	KTEXT("ip_unprivileged_port_start", "0\n"),
	KTEXT("ping_group_range", "0\t2147483647\n"),
	KTEXT("tcp_allowed_congestion_control", "reno cubic\n"),
	KTEXT("tcp_available_congestion_control", "reno cubic\n"),
	KTEXT("tcp_congestion_control", "cubic\n"),
	KTEXT("tcp_ecn", "2\n"),
	KTEXT("tcp_fastopen", "1\n"),
	KTEXT("tcp_fin_timeout", "60\n"),
	KTEXT("tcp_keepalive_intvl", "75\n"),
	KTEXT("tcp_keepalive_probes", "9\n"),
	KTEXT("tcp_keepalive_time", "7200\n"),
	KTEXT("tcp_max_syn_backlog", "512\n"),
	KTEXT("tcp_rmem", "4096\t131072\t6291456\n"),
	KTEXT("tcp_sack", "1\n"),
	KTEXT("tcp_syncookies", "1\n"),
	KTEXT("tcp_timestamps", "1\n"),
	KTEXT("tcp_tw_reuse", "2\n"),
	KTEXT("tcp_window_scaling", "1\n"),
	KTEXT("tcp_wmem", "4096\t16384\t4194304\n"),
};

static const struct kentry conf6_entries[] = {
	KTEXT("accept_ra", "1\n"), KTEXT("disable_ipv6", "0\n"), KTEXT("forwarding", "0\n"), KTEXT("use_tempaddr", "0\n"),
};

static const struct kentry confs6_entries[] = {KDIR("all", 0555, conf6_entries), KDIR("default", 0555, conf6_entries)};

static const struct kentry ipv6_entries[] = {
	KTEXT("bindv6only", "0\n"),
	KDIR("conf", 0555, confs6_entries),
};

static const struct kentry unix_entries[] = {KTEXT("max_dgram_qlen", "512\n")};

static const struct kentry net_entries[] = {
	KDIR("core", 0555, core_entries),
	KDIR("ipv4", 0555, ipv4_entries),
	KDIR("ipv6", 0555, ipv6_entries),
	KDIR("unix", 0555, unix_entries),
};

static const struct kentry empty_entries[] = {};

static const struct kentry sys_entries[] = {
	KDIR("debug", 0555, empty_entries), KDIR("dev", 0555, empty_entries), KDIR("fs", 0555, fs_entries),
	KDIR("kernel", 0555, kernel_entries), KDIR("net", 0555, net_entries), KDIR("user", 0555, empty_entries),
	KDIR("vm", 0555, vm_entries),
};
const struct kentry proc_sys_entry = KDIR("sys", 0555, sys_entries);
