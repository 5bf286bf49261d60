/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/net: what is set in the sandbox's network namespace, Linux's defaults where that cannot be read. It belongs to the launcher, so it
 * is read only here, but for what the sentry itself obeys: from which port on, and by which groups, sockets are for everybody.
 */
#include "fs/procfs_internal.h"

#include "host/file.h"
#include "kernel/kernel.h"
#include "net/net.h"
#include "net/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define VALUE_MAX 4096

/* kobj.n of a directory of an interface: */
#define OF_ALL 1
#define OF_DEFAULT 2
#define OF_INTERFACE 3 /* with index 0 */

/* Which interface's directory is it? False: it is gone. */
static bool directory_name(const struct kobj *o, char *name)
{
	struct net_device d;

	if (o->n == OF_ALL || o->n == OF_DEFAULT) {
		strcpy(name, o->n == OF_ALL ? "all" : "default");
		return true;
	}
	if (net_device_find(o->kernel, NULL, (int)(o->n - OF_INTERFACE), &d))
		return false;
	memcpy(name, d.name, sizeof(d.name));
	return true;
}

/* The host's file of the same name; arg: the directory, which ends in "conf" for those of interfaces. */
static bool show_host(const struct kentry *e, struct task *t, const struct kobj *o, struct seq *s)
{
	const char *dir = (const char *)e->arg;
	char path[128], iface[sizeof((struct net_device){0}.name)] = "", value[VALUE_MAX];
	bool conf = strlen(dir) > 4 && !strcmp(dir + strlen(dir) - 4, "conf");
	int fd, base = o->kernel->sysnet_fd;
	ssize_t n;

	if (!o->kernel->net || !o->kernel->net->inet || (o->kernel->proc_fd < 0 && o->kernel->sysnet_fd < 0) || netns_isolated(netns_of_task(t)) ||
	    (conf && !directory_name(o, iface)))
		return false;
	snprintf(path, sizeof(path), "%s%s%s%s/%s", base < 0 ? "sys/net/" : "", dir, conf ? "/" : "", iface, e->name);
	fd = host_open_beneath(base < 0 ? o->kernel->proc_fd : base, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	n = host_pread(fd, value, sizeof(value), 0);
	host_close(fd);
	if (n >= 0)
		seq_write(s, value, (size_t)n);
	return n >= 0;
}

#define KNET(dir_, name_, text_)                                                                                       \
	{.name = name_, .mode = S_IFREG | 0444, .text = text_, .live = show_host, .arg = (uintptr_t)(dir_)}

/* --- what the sentry obeys ------------------------------------------------------------------------------------------------------------- */

static int show_port_start(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%u\n", o->kernel->net ? atomic_load(&o->kernel->net->port_start) : 0);
	return 0;
}

static int store_port_start(struct task *t, const struct kobj *o, char *text, size_t len)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (end == text || end[strspn(end, " \t\n")] || v > UINT16_MAX || !o->kernel->net)
		return -EINVAL;
	atomic_store(&o->kernel->net->port_start, (uint32_t)v);
	return 0;
}

static int show_ping_range(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t r = o->kernel->net ? atomic_load(&o->kernel->net->ping_range) : 0;

	seq_printf(s, "%u\t%u\n", (uint32_t)(r >> 32), (uint32_t)r);
	return 0;
}

static int store_ping_range(struct task *t, const struct kobj *o, char *text, size_t len)
{
	uint32_t low, high;
	int used = 0;

	if (sscanf(text, "%" SCNu32 " %" SCNu32 "%n", &low, &high, &used) != 2 || text[used + (int)strspn(text + used, " \t\n")] ||
	    low > INT32_MAX || high > INT32_MAX || !o->kernel->net)
		return -EINVAL;
	/* As on Linux, a range that ends before it begins is nobody's. */
	atomic_store(&o->kernel->net->ping_range, high < low ? 1ull << 32 : (uint64_t)low << 32 | high);
	return 0;
}

/* --- directories of interfaces: "all", "default", and those there are ------------------------------------------------------------------ */

static const struct kentry conf4_entries[] = {
	KNET("ipv4/conf", "accept_local", "0\n"),
	KNET("ipv4/conf", "accept_redirects", "1\n"),
	KNET("ipv4/conf", "accept_source_route", "0\n"),
	KNET("ipv4/conf", "arp_accept", "0\n"),
	KNET("ipv4/conf", "arp_announce", "0\n"),
	KNET("ipv4/conf", "arp_filter", "0\n"),
	KNET("ipv4/conf", "arp_ignore", "0\n"),
	KNET("ipv4/conf", "arp_notify", "0\n"),
	KNET("ipv4/conf", "bc_forwarding", "0\n"),
	KNET("ipv4/conf", "bootp_relay", "0\n"),
	KNET("ipv4/conf", "disable_policy", "0\n"),
	KNET("ipv4/conf", "disable_xfrm", "0\n"),
	KNET("ipv4/conf", "forwarding", "0\n"),
	KNET("ipv4/conf", "log_martians", "0\n"),
	KNET("ipv4/conf", "mc_forwarding", "0\n"),
	KNET("ipv4/conf", "promote_secondaries", "0\n"),
	KNET("ipv4/conf", "proxy_arp", "0\n"),
	KNET("ipv4/conf", "route_localnet", "0\n"),
	KNET("ipv4/conf", "rp_filter", "0\n"),
	KNET("ipv4/conf", "secure_redirects", "1\n"),
	KNET("ipv4/conf", "send_redirects", "1\n"),
	KNET("ipv4/conf", "shared_media", "1\n"),
	KNET("ipv4/conf", "src_valid_mark", "0\n"),
	KNET("ipv4/conf", "tag", "0\n"),
};

static const struct kentry conf6_entries[] = {
	KNET("ipv6/conf", "accept_dad", "1\n"),
	KNET("ipv6/conf", "accept_ra", "1\n"),
	KNET("ipv6/conf", "accept_redirects", "1\n"),
	KNET("ipv6/conf", "accept_source_route", "0\n"),
	KNET("ipv6/conf", "addr_gen_mode", "0\n"),
	KNET("ipv6/conf", "autoconf", "1\n"),
	KNET("ipv6/conf", "dad_transmits", "1\n"),
	KNET("ipv6/conf", "disable_ipv6", "0\n"),
	KNET("ipv6/conf", "forwarding", "0\n"),
	KNET("ipv6/conf", "hop_limit", "64\n"),
	KNET("ipv6/conf", "max_addresses", "16\n"),
	KNET("ipv6/conf", "mtu", "1500\n"),
	KNET("ipv6/conf", "optimistic_dad", "0\n"),
	KNET("ipv6/conf", "proxy_ndp", "0\n"),
	KNET("ipv6/conf", "router_solicitations", "-1\n"),
	KNET("ipv6/conf", "temp_prefered_lft", "86400\n"),
	KNET("ipv6/conf", "temp_valid_lft", "604800\n"),
	KNET("ipv6/conf", "use_tempaddr", "0\n"),
};

static const struct kentry neigh_entries[] = {
	KTEXT("app_solicit", "0\n"),
	KTEXT("base_reachable_time_ms", "30000\n"),
	KTEXT("delay_first_probe_time", "5\n"),
	KTEXT("gc_stale_time", "60\n"),
	KTEXT("gc_thresh1", "128\n"),
	KTEXT("gc_thresh2", "512\n"),
	KTEXT("gc_thresh3", "1024\n"),
	KTEXT("mcast_solicit", "3\n"),
	KTEXT("retrans_time_ms", "1000\n"),
	KTEXT("ucast_solicit", "3\n"),
	KTEXT("unres_qlen_bytes", "212992\n"),
};

static const struct kentry conf4 = KDIR("conf", 0555, conf4_entries), conf6 = KDIR("conf", 0555, conf6_entries);

static int iface_lookup(const struct kobj *dir, const char *name, struct kobj *child)
{
	struct net_device d;

	if (!strcmp(name, "all") || !strcmp(name, "default")) {
		child->n = *name == 'a' ? OF_ALL : OF_DEFAULT;
		return 0;
	}
	if (net_device_find(dir->kernel, name, 0, &d))
		return -ENOENT;
	child->n = OF_INTERFACE + (uint64_t)d.index;
	return 0;
}

static int iface_next(const struct kobj *dir, uint64_t *cookie, char *name, struct kobj *child)
{
	struct net_device d;

	if (*cookie < OF_DEFAULT) {
		strcpy(name, *cookie ? "default" : "all");
		child->n = *cookie ? OF_DEFAULT : OF_ALL;
		return 0;
	}
	if (net_device_next(dir->kernel, *cookie - OF_DEFAULT, &d))
		return -ENOENT;
	*cookie = OF_DEFAULT + (uint64_t)d.index;
	child->n = OF_INTERFACE + (uint64_t)d.index;
	snprintf(name, 64, "%s", d.name);
	return 0;
}

#define IFACES(table)                                                                                                  \
	static int table##_lookup(struct task *v, const struct kobj *dir, const char *name,                            \
		const struct kentry **entry, struct kobj *child)                                                       \
	{                                                                                                              \
		*entry = &table;                                                                                       \
		return iface_lookup(dir, name, child);                                                                 \
	}                                                                                                              \
	static int table##_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry,     \
		struct kobj *child)                                                                                    \
	{                                                                                                              \
		*entry = &table;                                                                                       \
		return iface_next(dir, cookie, name, child);                                                           \
	}                                                                                                              \
	static const struct kdir_ops table##_ifaces = {.lookup = table##_lookup, .next = table##_next}
IFACES(conf4);
IFACES(conf6);

static const struct kentry neighs_entries[] = {KDIR("default", 0555, neigh_entries)};

#define KCONF(ops) {.name = "conf", .mode = S_IFDIR | 0555, .dir = &(ops)}

/* --- the tree ---------------------------------------------------------------------------------------------------------------------------- */

static const struct kentry core_entries[] = {
	KNET("core", "busy_poll", "0\n"),
	KNET("core", "busy_read", "0\n"),
	KNET("core", "default_qdisc", "pfifo_fast\n"),
	KNET("core", "dev_weight", "64\n"),
	KNET("core", "message_burst", "10\n"),
	KNET("core", "message_cost", "5\n"),
	KNET("core", "netdev_budget", "300\n"),
	KNET("core", "netdev_budget_usecs", "8000\n"),
	KNET("core", "netdev_max_backlog", "1000\n"),
	KNET("core", "netdev_tstamp_prequeue", "1\n"),
	KNET("core", "optmem_max", "20480\n"),
	KNET("core", "rmem_default", "212992\n"),
	KNET("core", "rmem_max", "212992\n"),
	KNET("core", "somaxconn", "4096\n"),
	KNET("core", "tstamp_allow_data", "1\n"),
	KNET("core", "warnings", "0\n"),
	KNET("core", "wmem_default", "212992\n"),
	KNET("core", "wmem_max", "212992\n"),
};

static const struct kentry route4_entries[] = {
	KNET("ipv4/route", "gc_timeout", "300\n"),
	KNET("ipv4/route", "max_size", "2147483647\n"),
	KNET("ipv4/route", "min_adv_mss", "256\n"),
	KNET("ipv4/route", "min_pmtu", "552\n"),
	KNET("ipv4/route", "mtu_expires", "600\n"),
};

static const struct kentry ipv4_entries[] = {
	KCONF(conf4_ifaces),
	KNET("ipv4", "icmp_echo_ignore_all", "0\n"),
	KNET("ipv4", "icmp_echo_ignore_broadcasts", "1\n"),
	KNET("ipv4", "icmp_ignore_bogus_error_responses", "1\n"),
	KNET("ipv4", "icmp_ratelimit", "1000\n"),
	KNET("ipv4", "icmp_ratemask", "6168\n"),
	KNET("ipv4", "igmp_max_memberships", "20\n"),
	KNET("ipv4", "igmp_max_msf", "10\n"),
	KNET("ipv4", "ip_default_ttl", "64\n"),
	KNET("ipv4", "ip_dynaddr", "0\n"),
	KNET("ipv4", "ip_early_demux", "1\n"),
	KNET("ipv4", "ip_forward", "0\n"),
	KNET("ipv4", "ip_forward_use_pmtu", "0\n"),
	KNET("ipv4", "ip_local_port_range", "32768\t60999\n"),
	KNET("ipv4", "ip_local_reserved_ports", "\n"),
	KNET("ipv4", "ip_no_pmtu_disc", "0\n"),
	KNET("ipv4", "ip_nonlocal_bind", "0\n"),
	{.name = "ip_unprivileged_port_start", .mode = S_IFREG | 0644, .show = show_port_start, .store = store_port_start},
	KNET("ipv4", "ipfrag_high_thresh", "4194304\n"),
	KNET("ipv4", "ipfrag_low_thresh", "3145728\n"),
	KNET("ipv4", "ipfrag_time", "30\n"),
	KDIR("neigh", 0555, neighs_entries),
	{.name = "ping_group_range", .mode = S_IFREG | 0644, .show = show_ping_range, .store = store_ping_range},
	KDIR("route", 0555, route4_entries),
	KNET("ipv4", "tcp_abort_on_overflow", "0\n"),
	KNET("ipv4", "tcp_adv_win_scale", "1\n"),
	KNET("ipv4", "tcp_allowed_congestion_control", "reno cubic\n"),
	KNET("ipv4", "tcp_app_win", "31\n"),
	KNET("ipv4", "tcp_autocorking", "1\n"),
	KNET("ipv4", "tcp_available_congestion_control", "reno cubic\n"),
	KNET("ipv4", "tcp_available_ulp", "\n"),
	KNET("ipv4", "tcp_base_mss", "1024\n"),
	KNET("ipv4", "tcp_congestion_control", "cubic\n"),
	KNET("ipv4", "tcp_dsack", "1\n"),
	KNET("ipv4", "tcp_early_retrans", "3\n"),
	KNET("ipv4", "tcp_ecn", "2\n"),
	KNET("ipv4", "tcp_ecn_fallback", "1\n"),
	KNET("ipv4", "tcp_fack", "0\n"),
	KNET("ipv4", "tcp_fastopen", "1\n"),
	KNET("ipv4", "tcp_fin_timeout", "60\n"),
	KNET("ipv4", "tcp_frto", "2\n"),
	KNET("ipv4", "tcp_keepalive_intvl", "75\n"),
	KNET("ipv4", "tcp_keepalive_probes", "9\n"),
	KNET("ipv4", "tcp_keepalive_time", "7200\n"),
	KNET("ipv4", "tcp_limit_output_bytes", "1048576\n"),
	KNET("ipv4", "tcp_low_latency", "0\n"),
	KNET("ipv4", "tcp_max_orphans", "16384\n"),
	KNET("ipv4", "tcp_max_reordering", "300\n"),
	KNET("ipv4", "tcp_max_syn_backlog", "512\n"),
	KNET("ipv4", "tcp_max_tw_buckets", "16384\n"),
	KNET("ipv4", "tcp_mem", "88605\t118142\t177210\n"),
	KNET("ipv4", "tcp_min_rtt_wlen", "300\n"),
	KNET("ipv4", "tcp_min_tso_segs", "2\n"),
	KNET("ipv4", "tcp_moderate_rcvbuf", "1\n"),
	KNET("ipv4", "tcp_mtu_probing", "0\n"),
	KNET("ipv4", "tcp_no_metrics_save", "0\n"),
	KNET("ipv4", "tcp_notsent_lowat", "4294967295\n"),
	KNET("ipv4", "tcp_orphan_retries", "0\n"),
	KNET("ipv4", "tcp_pacing_ca_ratio", "120\n"),
	KNET("ipv4", "tcp_pacing_ss_ratio", "200\n"),
	KNET("ipv4", "tcp_recovery", "1\n"),
	KNET("ipv4", "tcp_reordering", "3\n"),
	KNET("ipv4", "tcp_retries1", "3\n"),
	KNET("ipv4", "tcp_retries2", "15\n"),
	KNET("ipv4", "tcp_rfc1337", "0\n"),
	KNET("ipv4", "tcp_rmem", "4096\t131072\t6291456\n"),
	KNET("ipv4", "tcp_sack", "1\n"),
	KNET("ipv4", "tcp_slow_start_after_idle", "1\n"),
	KNET("ipv4", "tcp_stdurg", "0\n"),
	KNET("ipv4", "tcp_syn_retries", "6\n"),
	KNET("ipv4", "tcp_synack_retries", "5\n"),
	KNET("ipv4", "tcp_syncookies", "1\n"),
	KNET("ipv4", "tcp_thin_linear_timeouts", "0\n"),
	KNET("ipv4", "tcp_timestamps", "1\n"),
	KNET("ipv4", "tcp_tso_win_divisor", "3\n"),
	KNET("ipv4", "tcp_tw_reuse", "2\n"),
	KNET("ipv4", "tcp_window_scaling", "1\n"),
	KNET("ipv4", "tcp_wmem", "4096\t16384\t4194304\n"),
	KNET("ipv4", "tcp_workaround_signed_windows", "0\n"),
	KNET("ipv4", "udp_early_demux", "1\n"),
	KNET("ipv4", "udp_mem", "177213\t236286\t354426\n"),
	KNET("ipv4", "udp_rmem_min", "4096\n"),
	KNET("ipv4", "udp_wmem_min", "4096\n"),
};

static const struct kentry ipv6_entries[] = {
	KNET("ipv6", "anycast_src_echo_reply", "0\n"),
	KNET("ipv6", "auto_flowlabels", "1\n"),
	KNET("ipv6", "bindv6only", "0\n"),
	KCONF(conf6_ifaces),
	KNET("ipv6", "flowlabel_consistency", "1\n"),
	KNET("ipv6", "idgen_delay", "1\n"),
	KNET("ipv6", "idgen_retries", "3\n"),
	KNET("ipv6", "ip6frag_high_thresh", "4194304\n"),
	KNET("ipv6", "ip6frag_low_thresh", "3145728\n"),
	KNET("ipv6", "ip6frag_time", "60\n"),
	KNET("ipv6", "ip_nonlocal_bind", "0\n"),
	KNET("ipv6", "mld_max_msf", "64\n"),
	KDIR("neigh", 0555, neighs_entries),
};

static const struct kentry unix_entries[] = {KTEXT("max_dgram_qlen", "512\n")};

const struct kentry proc_sysnet_entries[PROC_N_SYSNET] = {
	KDIR("core", 0555, core_entries),
	KDIR("ipv4", 0555, ipv4_entries),
	KDIR("ipv6", 0555, ipv6_entries),
	KDIR("unix", 0555, unix_entries),
};
