/* SPDX-License-Identifier: MIT */
/*
 * `linux.resources` of config.json, and what `update` reads, in our form. As in runc 0 is "not said" where it is no sensible value. Conversions between the
 * words of cgroup v1, in which the specification speaks, and those of v2.
 */
#ifndef PICKET_RUNTIME_CGROUP_RESOURCES_H
#define PICKET_RUNTIME_CGROUP_RESOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct cg_memory {
	int64_t limit, reservation, swap; /* bytes; swap: memory and swap together; -1: no limit */
	bool has_swappiness, oom_kill_disable, check_before_update;
	uint64_t swappiness;
};

struct cg_cpu {
	uint64_t shares, period, rt_period; /* us */
	int64_t quota, rt_runtime;	    /* us; quota -1: no limit */
	bool has_burst, has_idle;
	uint64_t burst;
	int64_t idle;
	char *cpus, *mems;
};

struct cg_device_number {
	int64_t major, minor;
	uint64_t value; /* weight, rate */
};

struct cg_device_list {
	struct cg_device_number *items;
	size_t count;
};

/* One of many small pairs: huge page sizes, network priorities, rdma devices, lines of `unified`. */
struct cg_pair {
	char *name, *value;
};

struct cg_pairs {
	struct cg_pair *items;
	size_t count;
};

struct cg_blkio {
	uint64_t weight, leaf_weight;
	struct cg_device_list weights, leaf_weights;
	struct cg_device_list read_bps, write_bps, read_iops, write_iops;
};

struct cg_resources {
	struct cg_memory memory;
	struct cg_cpu cpu;
	struct cg_blkio blkio;
	int64_t pids; /* -1: no limit */
	struct cg_pairs hugepages, rdma, unified, net_prio;
	uint32_t net_classid;
};

/*
 * Read a resources object. 0, or -EINVAL with *err: a sentence that names the field (`linux.resources.cpu.shares: …`), to be freed; nothing is left in *r then.
 * Rules over devices are checked: the container reaches no device of the host's, so they need nothing more.
 */
int cg_resources_read(struct cg_resources *r, const json_t *o, char **err);
void cg_resources_free(struct cg_resources *r);

/* Whether anything is limited. */
bool cg_resources_any(const struct cg_resources *r);

/* cpu.shares (2 … 262144) as cpu.weight (1 … 10000); 0 stays 0. */
uint64_t cg_shares_to_weight(uint64_t shares);

/* blkio weight (10 … 1000) as io.weight (1 … 10000); 0 stays 0. */
uint64_t cg_blkio_to_io_weight(uint64_t weight);

/* What memory.swap.max gets: bytes, -1: no limit, 0: nothing was said unless *say. -EINVAL with *err: swap without or below memory. */
int cg_swap_v2(const struct cg_memory *m, int64_t *ret, bool *say, char **err);

/* What the sentry is told: bytes, tasks, billionths of a processor; 0: no limit. */
uint64_t cg_sentry_memory(const struct cg_resources *r);
uint64_t cg_sentry_pids(const struct cg_resources *r);
uint64_t cg_sentry_cpus(const struct cg_resources *r);

#endif
