/* SPDX-License-Identifier: MIT */
/* /proc/net: what the network of the sandbox shows. */
#include "fs/procfs_internal.h"

#include "fs/nsfs.h"
#include "net/net.h"
#include "net/netns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int show(struct task *v, const struct kobj *o, struct seq *s)
{
	const char *name = net_proc_name(o->kernel, o->n);
	struct ns_head *ns;
	char *text = NULL;
	ssize_t n;

	if (!name)
		return -ENOENT;
	n = net_proc_read(o->kernel, name, &text);
	if (n < 0)
		return (int)n;
	ns = o->task ? task_ns_get(o->task, NS_NET, false) : NULL;
	if (ns && netns_isolated((struct net_ns *)ns)) {
		seq_write(s, text, netns_proc_text((struct net_ns *)ns, name, text, (size_t)n));
		seq_puts(s, netns_proc_lines((struct net_ns *)ns, name));
	} else {
		seq_write(s, text, (size_t)n);
	}
	ns_put(ns);
	free(text);
	return 0;
}

static const struct kentry file_entry = {.name = "file", .mode = S_IFREG | 0444, .show = show};

static int lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry, struct kobj *child)
{
	const char *have;

	for (size_t i = 0; dir->kernel->net && (have = net_proc_name(dir->kernel, i)); i++) {
		if (strcmp(have, name) != 0)
			continue;
		child->n = i;
		if (child->task)
			task_get(child->task);
		*entry = &file_entry;
		return 0;
	}
	return -ENOENT;
}

static int next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	const char *have = dir->kernel->net ? net_proc_name(dir->kernel, *cookie) : NULL;

	if (!have)
		return -ENOENT;
	snprintf(name, 64, "%s", have);
	child->n = *cookie;
	*entry = &file_entry;
	return 0;
}

const struct kdir_ops proc_net_dir = {.lookup = lookup, .next = next};

/* --- what there is none of, or nobody counts ----------------------------------------------------------------------------------------- */

#define RAW4 "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
#define UDPLITE4 "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
#define V6                                                                                                             \
	"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt"    \
	"   uid  timeout inode ref pointer drops\n"

/* One line a processor: packets are not counted. */
static int show_softnet(struct task *v, const struct kobj *o, struct seq *s)
{
	for (unsigned i = 0; i < o->kernel->n_cpus; i++) {
		for (int k = 0; k < 12; k++)
			seq_puts(s, "00000000 ");
		seq_printf(s, "%08x 00000000 00000000\n", i);
	}
	return 0;
}

#define CALLS "  y  y  y  y  y  y  y  n  y  y  y  y  y  n  y  y  y  y  n\n"

const struct kentry proc_net_entries[PROC_N_NET] = {
	KTEXT("anycast6", ""),
	KTEXT("dev_mcast", ""),
	KTEXT("icmp6", V6),
	KTEXT("igmp6", "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
		       "1    lo              ff010000000000000000000000000001     1 00000008 0\n"),
	KTEXT("mcfilter", "Idx Device        MCA        SRC    INC    EXC\n"),
	KTEXT("netlink", "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
	KTEXT("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
	KTEXT("protocols", "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re bi br ha uh gp em\n"
			   "UDPv6     1344     -1      -1   no       0   yes  kernel    " CALLS
			   "TCPv6     2432     -1      -1   no     320   yes  kernel    " CALLS
			   "UNIX      1152     -1      -1   NI       0   yes  kernel    " CALLS
			   "UDP       1152     -1      -1   no       0   yes  kernel    " CALLS
			   "TCP       2240     -1      -1   no     320   yes  kernel    " CALLS
			   "NETLINK   1112     -1      -1   NI       0   no   kernel    " CALLS),
	KTEXT("psched", "000003e8 00000040 000f4240 3b9aca00\n"),
	KTEXT("ptype", "Type Device      Function\n0800          ip_rcv\n0806          arp_rcv\n86dd          ipv6_rcv\n"),
	KTEXT("raw", RAW4),
	KTEXT("raw6", V6),
	KTEXT("rt6_stats", "0000 0000 0000 0000 0000 0000 0000\n"),
	KTEXT("rt_cache", "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\tWindow\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst\n"),
	KSHOW("softnet_stat", 0444, show_softnet),
	KTEXT("udplite", UDPLITE4 "            \n"),
	KTEXT("udplite6", V6),
};
