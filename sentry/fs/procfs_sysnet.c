/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys/net: Linux's defaults, read only. What is behind the sandbox's sockets belongs to its launcher; settings that could be
 * written here would change nothing.
 */
#include "fs/procfs_internal.h"

#include "net/net.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* --- directories of interfaces: "all", "default", and those there are ------------------------------------------------------------------ */

static const struct kentry conf4_entries[] = {
	KTEXT("accept_local", "0\n"),
	KTEXT("accept_redirects", "1\n"),
	KTEXT("accept_source_route", "0\n"),
	KTEXT("arp_accept", "0\n"),
	KTEXT("arp_announce", "0\n"),
	KTEXT("arp_filter", "0\n"),
	KTEXT("arp_ignore", "0\n"),
	KTEXT("arp_notify", "0\n"),
	KTEXT("bc_forwarding", "0\n"),
	KTEXT("bootp_relay", "0\n"),
	KTEXT("disable_policy", "0\n"),
	KTEXT("disable_xfrm", "0\n"),
	KTEXT("forwarding", "0\n"),
	KTEXT("log_martians", "0\n"),
	KTEXT("mc_forwarding", "0\n"),
	KTEXT("promote_secondaries", "0\n"),
	KTEXT("proxy_arp", "0\n"),
	KTEXT("route_localnet", "0\n"),
	KTEXT("rp_filter", "0\n"),
	KTEXT("secure_redirects", "1\n"),
	KTEXT("send_redirects", "1\n"),
	KTEXT("shared_media", "1\n"),
	KTEXT("src_valid_mark", "0\n"),
	KTEXT("tag", "0\n"),
};

static const struct kentry conf6_entries[] = {
	KTEXT("accept_dad", "1\n"),
	KTEXT("accept_ra", "1\n"),
	KTEXT("accept_redirects", "1\n"),
	KTEXT("accept_source_route", "0\n"),
	KTEXT("addr_gen_mode", "0\n"),
	KTEXT("autoconf", "1\n"),
	KTEXT("dad_transmits", "1\n"),
	KTEXT("disable_ipv6", "0\n"),
	KTEXT("forwarding", "0\n"),
	KTEXT("hop_limit", "64\n"),
	KTEXT("max_addresses", "16\n"),
	KTEXT("mtu", "1500\n"),
	KTEXT("optimistic_dad", "0\n"),
	KTEXT("proxy_ndp", "0\n"),
	KTEXT("router_solicitations", "-1\n"),
	KTEXT("temp_prefered_lft", "86400\n"),
	KTEXT("temp_valid_lft", "604800\n"),
	KTEXT("use_tempaddr", "0\n"),
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

static int iface_lookup(const struct kobj *dir, const char *name)
{
	struct net_device d;

	return net_device_find(dir->kernel, name, 0, &d) ? -ENOENT : 0;
}

static int iface_next(const struct kobj *dir, uint64_t *cookie, char *name)
{
	struct net_device d;

	if (net_device_next(dir->kernel, *cookie, &d))
		return -ENOENT;
	*cookie = (uint64_t)d.index;
	snprintf(name, 64, "%s", d.name);
	return 0;
}

#define IFACES(table)                                                                                                  \
	static int table##_lookup(struct task *v, const struct kobj *dir, const char *name,                            \
		const struct kentry **entry, struct kobj *child)                                                       \
	{                                                                                                              \
		*entry = &table;                                                                                       \
		return iface_lookup(dir, name);                                                                        \
	}                                                                                                              \
	static int table##_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry,     \
		struct kobj *child)                                                                                    \
	{                                                                                                              \
		*entry = &table;                                                                                       \
		return iface_next(dir, cookie, name);                                                                  \
	}                                                                                                              \
	static const struct kdir_ops table##_ifaces = {.lookup = table##_lookup, .next = table##_next}
IFACES(conf4);
IFACES(conf6);

static const struct kentry confs4_entries[] = {KDIR("all", 0555, conf4_entries), KDIR("default", 0555, conf4_entries)};
static const struct kentry confs6_entries[] = {KDIR("all", 0555, conf6_entries), KDIR("default", 0555, conf6_entries)};
static const struct kentry neighs_entries[] = {KDIR("default", 0555, neigh_entries)};

#define KCONF(table, ops)                                                                                              \
	{.name = "conf", .mode = S_IFDIR | 0555, .children = table, .n_children = ARRAY_SIZE(table), .dir = &(ops)}

/* --- the tree ---------------------------------------------------------------------------------------------------------------------------- */

static const struct kentry core_entries[] = {
	KTEXT("busy_poll", "0\n"),
	KTEXT("busy_read", "0\n"),
	KTEXT("default_qdisc", "pfifo_fast\n"),
	KTEXT("dev_weight", "64\n"),
	KTEXT("message_burst", "10\n"),
	KTEXT("message_cost", "5\n"),
	KTEXT("netdev_budget", "300\n"),
	KTEXT("netdev_budget_usecs", "8000\n"),
	KTEXT("netdev_max_backlog", "1000\n"),
	KTEXT("netdev_tstamp_prequeue", "1\n"),
	KTEXT("optmem_max", "20480\n"),
	KTEXT("rmem_default", "212992\n"),
	KTEXT("rmem_max", "212992\n"),
	KTEXT("somaxconn", "4096\n"),
	KTEXT("tstamp_allow_data", "1\n"),
	KTEXT("warnings", "0\n"),
	KTEXT("wmem_default", "212992\n"),
	KTEXT("wmem_max", "212992\n"),
};

static const struct kentry route4_entries[] = {
	KTEXT("gc_timeout", "300\n"),
	KTEXT("max_size", "2147483647\n"),
	KTEXT("min_adv_mss", "256\n"),
	KTEXT("min_pmtu", "552\n"),
	KTEXT("mtu_expires", "600\n"),
};

static const struct kentry ipv4_entries[] = {
	KCONF(confs4_entries, conf4_ifaces),
	KTEXT("icmp_echo_ignore_all", "0\n"),
	KTEXT("icmp_echo_ignore_broadcasts", "1\n"),
	KTEXT("icmp_ignore_bogus_error_responses", "1\n"),
	KTEXT("icmp_ratelimit", "1000\n"),
	KTEXT("icmp_ratemask", "6168\n"),
	KTEXT("igmp_max_memberships", "20\n"),
	KTEXT("igmp_max_msf", "10\n"),
	KTEXT("ip_default_ttl", "64\n"),
	KTEXT("ip_dynaddr", "0\n"),
	KTEXT("ip_early_demux", "1\n"),
	KTEXT("ip_forward", "0\n"),
	KTEXT("ip_forward_use_pmtu", "0\n"),
	KTEXT("ip_local_port_range", "32768\t60999\n"),
	KTEXT("ip_local_reserved_ports", "\n"),
	KTEXT("ip_no_pmtu_disc", "0\n"),
	KTEXT("ip_nonlocal_bind", "0\n"),
	KTEXT("ip_unprivileged_port_start", "0\n"),
	KTEXT("ipfrag_high_thresh", "4194304\n"),
	KTEXT("ipfrag_low_thresh", "3145728\n"),
	KTEXT("ipfrag_time", "30\n"),
	KDIR("neigh", 0555, neighs_entries),
	KTEXT("ping_group_range", "0\t2147483647\n"),
	KDIR("route", 0555, route4_entries),
	KTEXT("tcp_abort_on_overflow", "0\n"),
	KTEXT("tcp_adv_win_scale", "1\n"),
	KTEXT("tcp_allowed_congestion_control", "reno cubic\n"),
	KTEXT("tcp_app_win", "31\n"),
	KTEXT("tcp_autocorking", "1\n"),
	KTEXT("tcp_available_congestion_control", "reno cubic\n"),
	KTEXT("tcp_available_ulp", "\n"),
	KTEXT("tcp_base_mss", "1024\n"),
	KTEXT("tcp_congestion_control", "cubic\n"),
	KTEXT("tcp_dsack", "1\n"),
	KTEXT("tcp_early_retrans", "3\n"),
	KTEXT("tcp_ecn", "2\n"),
	KTEXT("tcp_ecn_fallback", "1\n"),
	KTEXT("tcp_fack", "0\n"),
	KTEXT("tcp_fastopen", "1\n"),
	KTEXT("tcp_fin_timeout", "60\n"),
	KTEXT("tcp_frto", "2\n"),
	KTEXT("tcp_keepalive_intvl", "75\n"),
	KTEXT("tcp_keepalive_probes", "9\n"),
	KTEXT("tcp_keepalive_time", "7200\n"),
	KTEXT("tcp_limit_output_bytes", "1048576\n"),
	KTEXT("tcp_low_latency", "0\n"),
	KTEXT("tcp_max_orphans", "16384\n"),
	KTEXT("tcp_max_reordering", "300\n"),
	KTEXT("tcp_max_syn_backlog", "512\n"),
	KTEXT("tcp_max_tw_buckets", "16384\n"),
	KTEXT("tcp_mem", "88605\t118142\t177210\n"),
	KTEXT("tcp_min_rtt_wlen", "300\n"),
	KTEXT("tcp_min_tso_segs", "2\n"),
	KTEXT("tcp_moderate_rcvbuf", "1\n"),
	KTEXT("tcp_mtu_probing", "0\n"),
	KTEXT("tcp_no_metrics_save", "0\n"),
	KTEXT("tcp_notsent_lowat", "4294967295\n"),
	KTEXT("tcp_orphan_retries", "0\n"),
	KTEXT("tcp_pacing_ca_ratio", "120\n"),
	KTEXT("tcp_pacing_ss_ratio", "200\n"),
	KTEXT("tcp_recovery", "1\n"),
	KTEXT("tcp_reordering", "3\n"),
	KTEXT("tcp_retries1", "3\n"),
	KTEXT("tcp_retries2", "15\n"),
	KTEXT("tcp_rfc1337", "0\n"),
	KTEXT("tcp_rmem", "4096\t131072\t6291456\n"),
	KTEXT("tcp_sack", "1\n"),
	KTEXT("tcp_slow_start_after_idle", "1\n"),
	KTEXT("tcp_stdurg", "0\n"),
	KTEXT("tcp_syn_retries", "6\n"),
	KTEXT("tcp_synack_retries", "5\n"),
	KTEXT("tcp_syncookies", "1\n"),
	KTEXT("tcp_thin_linear_timeouts", "0\n"),
	KTEXT("tcp_timestamps", "1\n"),
	KTEXT("tcp_tso_win_divisor", "3\n"),
	KTEXT("tcp_tw_reuse", "2\n"),
	KTEXT("tcp_window_scaling", "1\n"),
	KTEXT("tcp_wmem", "4096\t16384\t4194304\n"),
	KTEXT("tcp_workaround_signed_windows", "0\n"),
	KTEXT("udp_early_demux", "1\n"),
	KTEXT("udp_mem", "177213\t236286\t354426\n"),
	KTEXT("udp_rmem_min", "4096\n"),
	KTEXT("udp_wmem_min", "4096\n"),
};

static const struct kentry ipv6_entries[] = {
	KTEXT("anycast_src_echo_reply", "0\n"),
	KTEXT("auto_flowlabels", "1\n"),
	KTEXT("bindv6only", "0\n"),
	KCONF(confs6_entries, conf6_ifaces),
	KTEXT("flowlabel_consistency", "1\n"),
	KTEXT("idgen_delay", "1\n"),
	KTEXT("idgen_retries", "3\n"),
	KTEXT("ip6frag_high_thresh", "4194304\n"),
	KTEXT("ip6frag_low_thresh", "3145728\n"),
	KTEXT("ip6frag_time", "60\n"),
	KTEXT("ip_nonlocal_bind", "0\n"),
	KTEXT("mld_max_msf", "64\n"),
	KDIR("neigh", 0555, neighs_entries),
};

static const struct kentry unix_entries[] = {KTEXT("max_dgram_qlen", "512\n")};

const struct kentry proc_sysnet_entries[PROC_N_SYSNET] = {
	KDIR("core", 0555, core_entries),
	KDIR("ipv4", 0555, ipv4_entries),
	KDIR("ipv6", 0555, ipv6_entries),
	KDIR("unix", 0555, unix_entries),
};
