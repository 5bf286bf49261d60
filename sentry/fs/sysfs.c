/* SPDX-License-Identifier: MIT */
/* /sys: what programs open: processors, memory nodes, network interfaces, and directories that they expect to find empty. */
#include "fs/fs.h"
#include "fs/kernfs.h"

#include "kernel/task.h"
#include "net/net.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SYSFS_MAGIC 0x62656572

static const struct kentry empty_entries[] = {};

#define KLINK(name_, to_) {.name = name_, .mode = S_IFLNK | 0777, .text = to_}

static unsigned n_cpus(const struct kernel *k)
{
	return k->n_cpus ? k->n_cpus : 1;
}

/* --- processors ---------------------------------------------------------------------------------------------------------------------- */

static int show_range(struct task *v, const struct kobj *o, struct seq *s)
{
	if (n_cpus(o->kernel) > 1)
		seq_printf(s, "0-%u\n", n_cpus(o->kernel) - 1);
	else
		seq_puts(s, "0\n");
	return 0;
}

static void seq_mask(struct seq *s, unsigned first, unsigned n)
{
	for (unsigned w = (first + n - 1) / 32 + 1; w-- > 0;) {
		uint32_t bits = 0;

		for (unsigned i = 0; i < 32; i++)
			if (w * 32 + i >= first && w * 32 + i < first + n)
				bits |= 1u << i;
		seq_printf(s, "%08x%s", bits, w ? "," : "\n");
	}
}

static int show_all_mask(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_mask(s, 0, n_cpus(o->kernel));
	return 0;
}

static int show_own_mask(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_mask(s, (unsigned)o->n, 1);
	return 0;
}

static int show_number(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%lu\n", o->n);
	return 0;
}

static const struct kentry topology_entries[] = {
	KSHOW("core_cpus", 0444, show_own_mask),	 KSHOW("core_cpus_list", 0444, show_number),
	KSHOW("core_id", 0444, show_number),		 KSHOW("core_siblings", 0444, show_all_mask),
	KSHOW("core_siblings_list", 0444, show_range),	 KTEXT("die_id", "0\n"),
	KSHOW("package_cpus", 0444, show_all_mask),	 KSHOW("package_cpus_list", 0444, show_range),
	KTEXT("physical_package_id", "0\n"),		 KSHOW("thread_siblings", 0444, show_own_mask),
	KSHOW("thread_siblings_list", 0444, show_number),
};

/* One level each, of common sizes: programs tune their loops by these. */
#define CACHE(table, level_, type_, size_, mask_, list_)                                                                      \
	static const struct kentry table[] = {                                                                         \
		KTEXT("coherency_line_size", "64\n"), KTEXT("level", level_ "\n"), KTEXT("type", type_ "\n"),          \
		KTEXT("size", size_ "\n"), KSHOW("shared_cpu_map", 0444, mask_), KSHOW("shared_cpu_list", 0444, list_),  \
		KTEXT("ways_of_associativity", "8\n"), KTEXT("number_of_sets", "64\n"),                                \
		KTEXT("physical_line_partition", "1\n"), KSHOW("id", 0444, show_number),                                                               \
	}
CACHE(cache0, "1", "Data", "32K", show_own_mask, show_number);
CACHE(cache1, "1", "Instruction", "32K", show_own_mask, show_number);
CACHE(cache2, "2", "Unified", "1024K", show_own_mask, show_number);

static const struct kentry cache_entries[] = {
	KDIR("index0", 0555, cache0),
	KDIR("index1", 0555, cache1),
	KDIR("index2", 0555, cache2),
};

static const struct kentry one_cpu_entries[] = {
	KLINK("node0", "../../node/node0"),
	KLINK("subsystem", "../../../../bus/cpu"),
	KDIR("cache", 0555, cache_entries),
	KTEXT("online", "1\n"),
	KDIR("topology", 0555, topology_entries),
};
static const struct kentry one_cpu = KDIR("cpu", 0755, one_cpu_entries);

static bool parse_suffix(const char *name, const char *prefix, uint64_t *n)
{
	size_t len = strlen(prefix);
	char *end;

	if (strncmp(name, prefix, len) != 0 || name[len] < '0' || name[len] > '9' || strlen(name + len) > 5)
		return false;
	*n = strtoul(name + len, &end, 10);
	return !*end && (name[len] != '0' || !name[len + 1]);
}

static int cpu_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	if (!parse_suffix(name, "cpu", &child->n) || child->n >= n_cpus(dir->kernel))
		return -ENOENT;
	*entry = &one_cpu;
	return 0;
}

static int cpu_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	if (*cookie >= n_cpus(dir->kernel))
		return -ENOENT;
	snprintf(name, 64, "cpu%lu", *cookie);
	child->n = *cookie;
	*entry = &one_cpu;
	return 0;
}

static const struct kdir_ops cpu_dir = {.lookup = cpu_lookup, .next = cpu_next};

static const struct kentry smt_entries[] = {KTEXT("active", "0\n"), KTEXT("control", "notsupported\n")};

static const struct kentry cpu_entries[] = {
	KTEXT("isolated", "\n"),
	KTEXT("kernel_max", "8191\n"),
	KTEXT("offline", "\n"),
	KSHOW("online", 0444, show_range),
	KSHOW("possible", 0444, show_range),
	KSHOW("present", 0444, show_range),
	KDIR("smt", 0755, smt_entries),
};

static int read_cpu_link(struct task *v, const struct kobj *o, char **ret)
{
	return asprintf(ret, "../../cpu/cpu%lu", o->n) < 0 ? -ENOMEM : 0;
}

/* --- memory nodes: one ------------------------------------------------------------------------------------------------------------------ */

static int show_node_memory(struct task *v, const struct kobj *o, struct seq *s)
{
	struct proc_memory m;

	proc_memory(o->kernel, &m);
	seq_printf(s, "Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\nNode 0 MemUsed:        %8lu kB\n", m.total,
		m.total - m.used, m.used);
	seq_printf(s, "Node 0 AnonPages:      %8lu kB\nNode 0 FilePages:      %8lu kB\nNode 0 Shmem:          %8lu kB\n", m.anon,
		m.cached, m.cached);
	seq_puts(s, "Node 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\nNode 0 HugePages_Surp:      0\n");
	return 0;
}

/* The processors once more, as links, so that each is found from its node. */
static const struct kentry node_cpu = {.name = "cpu", .mode = S_IFLNK | 0777, .readlink = read_cpu_link};

static int node_cpu_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	int r = cpu_lookup(v, dir, name, entry, child);

	*entry = &node_cpu;
	return r;
}

static int node_cpu_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry,
	struct kobj *child)
{
	int r = cpu_next(dir, cookie, name, entry, child);

	*entry = &node_cpu;
	return r;
}

static const struct kdir_ops node_cpus = {.lookup = node_cpu_lookup, .next = node_cpu_next};

static const struct kentry node0_entries[] = {
	KSHOW("cpulist", 0444, show_range),
	KSHOW("cpumap", 0444, show_all_mask),
	KTEXT("distance", "10\n"),
	KSHOW("meminfo", 0444, show_node_memory),
	KTEXT("numastat", "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0\n"),
};

static const struct kentry node_entries[] = {
	KTEXT("has_cpu", "0\n"),	   KTEXT("has_memory", "0\n"), KTEXT("has_normal_memory", "0\n"),
	{.name = "node0", .mode = S_IFDIR | 0755, .children = node0_entries, .n_children = ARRAY_SIZE(node0_entries),
		.dir = &node_cpus}, KTEXT("online", "0\n"),	KTEXT("possible", "0\n"),
};

static const struct kentry system_entries[] = {
	{.name = "cpu", .mode = S_IFDIR | 0755, .children = cpu_entries, .n_children = ARRAY_SIZE(cpu_entries),
		.dir = &cpu_dir},
	KDIR("node", 0755, node_entries),
};

/* --- network interfaces ------------------------------------------------------------------------------------------------------------------- */

enum net_field { NET_MTU, NET_INDEX, NET_FLAGS, NET_TYPE, NET_QLEN, NET_CARRIER, NET_STATE, NET_ADDRESS, NET_BROADCAST, NET_ALEN };

static void seq_address(struct seq *s, const uint8_t *a, uint8_t len)
{
	for (int i = 0; i < len && i < 32; i++)
		seq_printf(s, "%s%02x", i ? ":" : "", a[i]);
	seq_puts(s, "\n");
}

static const char *state_name(const struct net_device *d)
{
	if (d->operstate == 6)
		return "up";
	return d->operstate == 2 ? "down" : "unknown";
}

static int show_field(const struct kobj *o, struct seq *s, enum net_field field)
{
	struct net_device d;
	int err = net_device_find(o->kernel, NULL, (int)o->n, &d);

	if (err)
		return err;
	switch (field) {
	case NET_MTU:
		seq_printf(s, "%u\n", d.mtu);
		break;
	case NET_INDEX:
		seq_printf(s, "%d\n", d.index);
		break;
	case NET_FLAGS:
		/* What is set, not what comes and goes by itself. */
		seq_printf(s, "0x%x\n", d.flags & ~(unsigned)(IFF_RUNNING | 0x10000 | 0x20000)); /* LOWER_UP, DORMANT */
		break;
	case NET_TYPE:
		seq_printf(s, "%u\n", d.type);
		break;
	case NET_QLEN:
		seq_printf(s, "%u\n", d.tx_queue_len);
		break;
	case NET_CARRIER:
		seq_printf(s, "%d\n", d.carrier);
		break;
	case NET_STATE:
		seq_printf(s, "%s\n", state_name(&d));
		break;
	case NET_ADDRESS:
		seq_address(s, d.addr, d.addr_len);
		break;
	case NET_BROADCAST:
		seq_address(s, d.broadcast, d.addr_len);
		break;
	case NET_ALEN:
		seq_printf(s, "%u\n", d.addr_len);
		break;
	}
	return 0;
}

#define NET_SHOW(fn, field)                                                                                            \
	static int fn(struct task *v, const struct kobj *o, struct seq *s)                                             \
	{                                                                                                              \
		return show_field(o, s, field);                                                                        \
	}
NET_SHOW(show_mtu, NET_MTU)
NET_SHOW(show_index, NET_INDEX)
NET_SHOW(show_flags, NET_FLAGS)
NET_SHOW(show_type, NET_TYPE)
NET_SHOW(show_qlen, NET_QLEN)
NET_SHOW(show_carrier, NET_CARRIER)
NET_SHOW(show_state, NET_STATE)
NET_SHOW(show_address, NET_ADDRESS)
NET_SHOW(show_broadcast, NET_BROADCAST)
NET_SHOW(show_alen, NET_ALEN)

/* Each counter of an interface, by its place in struct net_device; 0: one that never counts. */
static int show_count(struct task *v, const struct kobj *o, struct seq *s, size_t at)
{
	struct net_device d;
	int err = net_device_find(o->kernel, NULL, (int)o->n, &d);
	uint64_t n = 0;

	if (err)
		return err;
	if (at)
		memcpy(&n, (const char *)&d + at, sizeof(n));
	seq_printf(s, "%lu\n", n);
	return 0;
}

#define NET_COUNT(field)                                                                                               \
	static int show_##field(struct task *v, const struct kobj *o, struct seq *s)                                   \
	{                                                                                                              \
		return show_count(v, o, s, offsetof(struct net_device, field));                                        \
	}
NET_COUNT(rx_bytes)
NET_COUNT(rx_packets)
NET_COUNT(rx_errors)
NET_COUNT(rx_dropped)
NET_COUNT(tx_bytes)
NET_COUNT(tx_packets)
NET_COUNT(tx_errors)
NET_COUNT(tx_dropped)
NET_COUNT(collisions)
NET_COUNT(multicast)

static const struct kentry statistics_entries[] = {
	KSHOW("collisions", 0444, show_collisions), KSHOW("multicast", 0444, show_multicast),
	KSHOW("rx_bytes", 0444, show_rx_bytes), KTEXT("rx_compressed", "0\n"), KTEXT("rx_crc_errors", "0\n"),
	KSHOW("rx_dropped", 0444, show_rx_dropped), KSHOW("rx_errors", 0444, show_rx_errors),
	KTEXT("rx_fifo_errors", "0\n"), KTEXT("rx_frame_errors", "0\n"), KTEXT("rx_length_errors", "0\n"),
	KTEXT("rx_missed_errors", "0\n"), KTEXT("rx_nohandler", "0\n"), KTEXT("rx_over_errors", "0\n"),
	KSHOW("rx_packets", 0444, show_rx_packets), KTEXT("tx_aborted_errors", "0\n"),
	KSHOW("tx_bytes", 0444, show_tx_bytes), KTEXT("tx_carrier_errors", "0\n"), KTEXT("tx_compressed", "0\n"),
	KSHOW("tx_dropped", 0444, show_tx_dropped), KSHOW("tx_errors", 0444, show_tx_errors),
	KTEXT("tx_fifo_errors", "0\n"), KTEXT("tx_heartbeat_errors", "0\n"),
	KSHOW("tx_packets", 0444, show_tx_packets), KTEXT("tx_window_errors", "0\n"),
};

static int show_uevent(struct task *v, const struct kobj *o, struct seq *s)
{
	struct net_device d;
	int err = net_device_find(o->kernel, NULL, (int)o->n, &d);

	if (!err)
		seq_printf(s, "INTERFACE=%s\nIFINDEX=%d\n", d.name, d.index);
	return err;
}

/* As of every virtual interface: no link, no speed. */
static int show_no_link(struct task *v, const struct kobj *o, struct seq *s)
{
	return -EINVAL;
}

static const struct kentry queue_entries[] = {KDIR("rx-0", 0755, empty_entries), KDIR("tx-0", 0755, empty_entries)};

static const struct kentry iface_entries[] = {
	KTEXT("addr_assign_type", "0\n"),
	KTEXT("carrier_changes", "0\n"),
	KTEXT("carrier_down_count", "0\n"),
	KTEXT("carrier_up_count", "0\n"),
	KTEXT("dev_id", "0x0\n"),
	KTEXT("dev_port", "0\n"),
	KTEXT("dormant", "0\n"),
	KSHOW("duplex", 0444, show_no_link),
	KTEXT("ifalias", "\n"),
	KTEXT("link_mode", "0\n"),
	KTEXT("netdev_group", "0\n"),
	KTEXT("proto_down", "0\n"),
	KDIR("power", 0755, empty_entries),
	KDIR("queues", 0755, queue_entries),
	KSHOW("speed", 0444, show_no_link),
	KDIR("statistics", 0755, statistics_entries),
	KLINK("subsystem", "../../../../class/net"),
	KTEXT("testing", "0\n"),
	KSHOW("uevent", 0444, show_uevent),
	KSHOW("addr_len", 0444, show_alen),
	KSHOW("address", 0444, show_address),
	KSHOW("broadcast", 0444, show_broadcast),
	KSHOW("carrier", 0444, show_carrier),
	KSHOW("flags", 0444, show_flags),
	KSHOW("ifindex", 0444, show_index),
	KSHOW("iflink", 0444, show_index),
	KSHOW("mtu", 0444, show_mtu),
	KSHOW("operstate", 0444, show_state),
	KSHOW("tx_queue_len", 0444, show_qlen),
	KSHOW("type", 0444, show_type),
};
static const struct kentry iface = KDIR("iface", 0755, iface_entries);

static int iface_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	struct net_device d;

	if (net_device_find(dir->kernel, name, 0, &d))
		return -ENOENT;
	child->n = (uint64_t)d.index;
	*entry = &iface;
	return 0;
}

/* Cookies are interface numbers. */
static int iface_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	struct net_device d;

	if (net_device_next(dir->kernel, *cookie, &d))
		return -ENOENT;
	*cookie = child->n = (uint64_t)d.index;
	snprintf(name, 64, "%s", d.name);
	*entry = &iface;
	return 0;
}

static unsigned iface_count(const struct kobj *dir)
{
	struct net_device *list = NULL;
	size_t n = 0;

	if (net_devices(dir->kernel, &list, &n))
		return 0;
	free(list);
	return (unsigned)n;
}

static const struct kdir_ops iface_dir = {.lookup = iface_lookup, .next = iface_next, .n_dirs = iface_count};

/* The classes have links to where the devices are. */
static int read_class_link(struct task *v, const struct kobj *o, char **ret)
{
	struct net_device d;
	int err = net_device_find(o->kernel, NULL, (int)o->n, &d);

	if (err)
		return -ENOENT;
	return asprintf(ret, "../../devices/virtual/net/%s", d.name) < 0 ? -ENOMEM : 0;
}

static const struct kentry class_link = {.name = "iface", .mode = S_IFLNK | 0777, .readlink = read_class_link};

static int class_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	int r = iface_lookup(v, dir, name, entry, child);

	*entry = &class_link;
	return r;
}

static int class_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	int r = iface_next(dir, cookie, name, entry, child);

	*entry = &class_link;
	return r;
}

static const struct kdir_ops class_dir = {.lookup = class_lookup, .next = class_next};

/* Terminals, by the names and numbers that /dev has. */
#define TTY(name_, numbers_) static const struct kentry name_##_entries[] = {KTEXT("dev", numbers_ "\n")}
TTY(console, "5:1");
TTY(ptmx, "5:2");
TTY(tty, "5:0");

static const struct kentry ttys_entries[] = {
	KDIR("console", 0755, console_entries),
	KDIR("ptmx", 0755, ptmx_entries),
	KDIR("tty", 0755, tty_entries),
};

/* --- the tree ----------------------------------------------------------------------------------------------------------------------------- */

static const struct kentry class_entries[] = {
	KDIR("block", 0755, empty_entries),
	KDIR("bdi", 0755, empty_entries),
	KDIR("drm", 0755, empty_entries),
	KDIR("hwmon", 0755, empty_entries),
	KDIR("input", 0755, empty_entries),
	KDIR("mem", 0755, empty_entries),
	{.name = "net", .mode = S_IFDIR | 0755, .dir = &class_dir},
	KDIR("power_supply", 0755, empty_entries),
	KDIR("thermal", 0755, empty_entries),
	KDIR("tty", 0755, ttys_entries),
};

static const struct kentry virtual_entries[] = {
	KDIR("block", 0755, empty_entries),
	{.name = "net", .mode = S_IFDIR | 0755, .dir = &iface_dir},
	KDIR("tty", 0755, ttys_entries),
};

static const struct kentry devices_entries[] = {KDIR("system", 0755, system_entries), KDIR("virtual", 0755, virtual_entries)};

static const struct kentry dev_entries[] = {KDIR("block", 0755, empty_entries), KDIR("char", 0755, empty_entries)};

static const struct kentry pci_entries[] = {KDIR("devices", 0755, empty_entries), KDIR("drivers", 0755, empty_entries)};
static const struct kentry bus_entries[] = {
	KDIR("cpu", 0755, empty_entries),
	KDIR("node", 0755, empty_entries),
	KDIR("pci", 0755, pci_entries),
	KDIR("usb", 0755, pci_entries),
};

static const struct kentry fs_entries[] = {KDIR("cgroup", 0555, empty_entries)};

static const struct kentry thp_entries[] = {
	KTEXT("defrag", "always defer defer+madvise [madvise] never\n"),
	KTEXT("enabled", "always [madvise] never\n"),
	KTEXT("hpage_pmd_size", "2097152\n"),
	KTEXT("shmem_enabled", "always within_size advise [never] deny force\n"),
	KTEXT("use_zero_page", "1\n"),
};

static const struct kentry huge2m_entries[] = {
	KTEXT("free_hugepages", "0\n"),
	KTEXT("nr_hugepages", "0\n"),
	KTEXT("nr_hugepages_mempolicy", "0\n"),
	KTEXT("nr_overcommit_hugepages", "0\n"),
	KTEXT("resv_hugepages", "0\n"),
	KTEXT("surplus_hugepages", "0\n"),
};
static const struct kentry huge_entries[] = {KDIR("hugepages-2048kB", 0755, huge2m_entries)};

static const struct kentry ksm_entries[] = {KTEXT("pages_shared", "0\n"), KTEXT("pages_sharing", "0\n"), KTEXT("run", "0\n")};

static const struct kentry mm_entries[] = {
	KDIR("hugepages", 0755, huge_entries),
	KDIR("ksm", 0755, ksm_entries),
	KDIR("transparent_hugepage", 0755, thp_entries),
};

static const struct kentry cgroup_entries[] = {KTEXT("delegate", "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n"),
	KTEXT("features", "nsdelegate\n")};

static const struct kentry kernel_entries[] = {
	KDIR("cgroup", 0755, cgroup_entries),
	KDIR("debug", 0700, empty_entries),
	KTEXT("fscaps", "1\n"),
	KDIR("mm", 0755, mm_entries),
	KDIR("security", 0755, empty_entries),
	KDIR("tracing", 0700, empty_entries),
	KTEXT("uevent_seqnum", "0\n"),
};

static const struct kentry root_entries[] = {
	KDIR("block", 0755, empty_entries),   KDIR("bus", 0755, bus_entries), KDIR("class", 0755, class_entries),
	KDIR("dev", 0755, dev_entries),	      KDIR("devices", 0755, devices_entries), KDIR("firmware", 0755, empty_entries),
	KDIR("fs", 0755, fs_entries),	      KDIR("kernel", 0755, kernel_entries), KDIR("module", 0755, empty_entries),
	KDIR("power", 0755, empty_entries),
};
static const struct kentry root_entry = KDIR("", 0555, root_entries);

int sysfs_create(struct kernel *k, struct super_block **ret)
{
	int err = kernfs_create(k, "sysfs", SYSFS_MAGIC, &root_entry, true, ret);

	if (!err)
		(*ret)->read_only = true;
	return err;
}
