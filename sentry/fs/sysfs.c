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
		KTEXT("physical_line_partition", "1\n"),                                                               \
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

static const struct kentry cpu_entries[] = {
	KTEXT("isolated", "\n"),
	KTEXT("kernel_max", "8191\n"),
	KTEXT("offline", "\n"),
	KSHOW("online", 0444, show_range),
	KSHOW("possible", 0444, show_range),
	KSHOW("present", 0444, show_range),
};

/* --- memory nodes: one ------------------------------------------------------------------------------------------------------------------ */

static const struct kentry node0_entries[] = {
	KSHOW("cpulist", 0444, show_range),
	KSHOW("cpumap", 0444, show_all_mask),
	KTEXT("distance", "10\n"),
};

static const struct kentry node_entries[] = {
	KTEXT("has_cpu", "0\n"),	   KTEXT("has_memory", "0\n"), KTEXT("has_normal_memory", "0\n"),
	KDIR("node0", 0755, node0_entries), KTEXT("online", "0\n"),	KTEXT("possible", "0\n"),
};

static const struct kentry system_entries[] = {
	{.name = "cpu", .mode = S_IFDIR | 0755, .children = cpu_entries, .n_children = ARRAY_SIZE(cpu_entries),
		.dir = &cpu_dir},
	KDIR("node", 0755, node_entries),
};

/* --- network interfaces ------------------------------------------------------------------------------------------------------------------- */

enum net_field { NET_MTU, NET_INDEX, NET_FLAGS, NET_TYPE, NET_QLEN, NET_CARRIER, NET_STATE, NET_ADDRESS, NET_BROADCAST, NET_ALEN };

static int find_device(struct kernel *k, uint64_t index, const char *name, struct net_device *ret)
{
	struct net_device *list = NULL;
	size_t n = 0;
	int err = k->net ? net_devices(k, &list, &n) : -ENOENT;

	if (err)
		return err;
	err = -ENODEV;
	for (size_t i = 0; i < n && err; i++) {
		if (name ? strcmp(list[i].name, name) != 0 : (uint64_t)list[i].index != index)
			continue;
		*ret = list[i];
		err = 0;
	}
	free(list);
	return err;
}

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
	int err = find_device(o->kernel, o->n, NULL, &d);

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
		seq_printf(s, "0x%x\n", d.flags);
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

static const struct kentry iface_entries[] = {
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

	if (find_device(dir->kernel, 0, name, &d))
		return -ENOENT;
	child->n = (uint64_t)d.index;
	*entry = &iface;
	return 0;
}

/* Cookies are interface numbers. */
static int iface_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	struct net_device *list = NULL, *best = NULL;
	size_t n = 0;

	if (!dir->kernel->net || net_devices(dir->kernel, &list, &n))
		return -ENOENT;
	for (size_t i = 0; i < n; i++)
		if ((uint64_t)list[i].index >= *cookie && (!best || list[i].index < best->index))
			best = &list[i];
	if (best) {
		*cookie = child->n = (uint64_t)best->index;
		snprintf(name, 64, "%s", best->name);
		*entry = &iface;
	}
	free(list);
	return best ? 0 : -ENOENT;
}

static const struct kdir_ops iface_dir = {.lookup = iface_lookup, .next = iface_next};

/* --- the tree ----------------------------------------------------------------------------------------------------------------------------- */

static const struct kentry class_entries[] = {
	KDIR("block", 0755, empty_entries),
	KDIR("bdi", 0755, empty_entries),
	KDIR("drm", 0755, empty_entries),
	KDIR("hwmon", 0755, empty_entries),
	KDIR("input", 0755, empty_entries),
	KDIR("mem", 0755, empty_entries),
	{.name = "net", .mode = S_IFDIR | 0755, .dir = &iface_dir},
	KDIR("power_supply", 0755, empty_entries),
	KDIR("thermal", 0755, empty_entries),
	KDIR("tty", 0755, empty_entries),
};

static const struct kentry devices_entries[] = {KDIR("system", 0755, system_entries), KDIR("virtual", 0755, empty_entries)};

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
};

static const struct kentry huge2m_entries[] = {
	KTEXT("free_hugepages", "0\n"),
	KTEXT("nr_hugepages", "0\n"),
	KTEXT("resv_hugepages", "0\n"),
	KTEXT("surplus_hugepages", "0\n"),
};
static const struct kentry huge_entries[] = {KDIR("hugepages-2048kB", 0755, huge2m_entries)};

static const struct kentry mm_entries[] = {
	KDIR("hugepages", 0755, huge_entries),
	KDIR("transparent_hugepage", 0755, thp_entries),
};

static const struct kentry kernel_entries[] = {
	KDIR("debug", 0700, empty_entries),
	KTEXT("fscaps", "1\n"),
	KDIR("mm", 0755, mm_entries),
	KDIR("security", 0755, empty_entries),
};

static const struct kentry root_entries[] = {
	KDIR("block", 0755, empty_entries),   KDIR("bus", 0755, bus_entries), KDIR("class", 0755, class_entries),
	KDIR("dev", 0755, empty_entries),     KDIR("devices", 0755, devices_entries), KDIR("firmware", 0755, empty_entries),
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
