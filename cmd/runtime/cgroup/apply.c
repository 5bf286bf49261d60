/* SPDX-License-Identifier: MIT */
/* linux.resources written to a group. The kernel's cgroup-v1 documents and its cgroup-v2 one; order of writes as in runc. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/cgroup/fail.h"
#include "cmd/runtime/cgroup/files.h"

#define PERIOD 100000 /* us, the kernel's default */

/* What the sentry needs itself comes on top of a limit. */
static int64_t with_headroom(const struct cg *g, int64_t v)
{
	return v > 0 && v <= INT64_MAX - (int64_t)g->headroom ? v + (int64_t)g->headroom : v;
}

/* Each task of the guest may cost two of the host's, and the sentry has some. */
static int64_t host_pids(int64_t v)
{
	return v > 0 && v < INT64_MAX / 4 ? v * 2 + 256 : v;
}

static int put(const struct cg *g, const char *controller, const char *file, int64_t v, char **err)
{
	return cg_write(g, controller, file, err, "%lld", (long long)v);
}

/* -1 as "max". */
static int put_max(const struct cg *g, const char *file, int64_t v, char **err)
{
	return v < 0 ? cg_write(g, "", file, err, "max") : put(g, "", file, v, err);
}

static int put_devices(const struct cg *g, const char *file, const char *key, const struct cg_device_list *l, char **err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->count; i++)
		r = cg_write(g, "blkio", file, err, "%lld:%lld %s%llu", (long long)l->items[i].major, (long long)l->items[i].minor, key,
			(unsigned long long)l->items[i].value);
	return r;
}

/* Limits below what is in use would end somebody: refused if that was asked for. */
static int check_use(const struct cg *g, const struct cg_memory *m, const char *file, char **err)
{
	uint64_t used;

	if (!m->check_before_update || m->limit <= 0 || !cg_read_number(g, "memory", file, &used))
		return 0;
	if (used < (uint64_t)with_headroom(g, m->limit))
		return 0;
	return cg_fail(err, -EBUSY, "unable to set memory limit to %lld: it is below the current usage %llu", (long long)m->limit,
		(unsigned long long)used);
}

static int v1_memory_limit(const struct cg *g, int64_t v, char **err)
{
	uint64_t used = 0, peak = 0;
	int r;

	if (!v)
		return 0;
	r = put(g, "memory", "memory.limit_in_bytes", with_headroom(g, v), NULL);
	if (r != -EBUSY)
		return r < 0 ? put(g, "memory", "memory.limit_in_bytes", with_headroom(g, v), err) : 0;
	cg_read_number(g, "memory", "memory.usage_in_bytes", &used);
	cg_read_number(g, "memory", "memory.max_usage_in_bytes", &peak);
	return cg_fail(err, r, "unable to set memory limit to %lld (current usage: %llu, peak usage: %llu)", (long long)v,
		(unsigned long long)used, (unsigned long long)peak);
}

static int v1_swap_limit(const struct cg *g, int64_t v, char **err)
{
	return v ? put(g, "memory", "memory.memsw.limit_in_bytes", with_headroom(g, v), err) : 0;
}

/* Memory alone may never be more than memory with swap, so who grows goes last. */
static int v1_memory(const struct cg *g, const struct cg_memory *m, char **err)
{
	int64_t swap = m->swap;
	uint64_t now = 0;
	int r = check_use(g, m, "memory.usage_in_bytes", err);

	if (m->limit == -1 && !swap && cg_has(g, "memory", "memory.memsw.limit_in_bytes"))
		swap = -1;
	if (r == 0 && m->limit && swap && cg_read_number(g, "memory", "memory.limit_in_bytes", &now) &&
		(swap == -1 || now < (uint64_t)with_headroom(g, swap))) {
		r = v1_swap_limit(g, swap, err);
		if (r == 0)
			r = v1_memory_limit(g, m->limit, err);
	} else if (r == 0) {
		r = v1_memory_limit(g, m->limit, err);
		if (r == 0)
			r = v1_swap_limit(g, swap, err);
	}
	if (r == 0 && m->reservation)
		r = put(g, "memory", "memory.soft_limit_in_bytes", m->reservation, err);
	if (r == 0 && m->oom_kill_disable)
		r = put(g, "memory", "memory.oom_control", 1, err);
	if (r == 0 && m->has_swappiness)
		r = put(g, "memory", "memory.swappiness", (int64_t)m->swappiness, err);
	return r;
}

static int v1_shares(const struct cg *g, uint64_t shares, char **err)
{
	uint64_t got;
	int r = put(g, "cpu", "cpu.shares", (int64_t)shares, err);

	if (r < 0 || !cg_read_number(g, "cpu", "cpu.shares", &got) || got == shares)
		return r;
	return cg_fail(err, -EINVAL, "the %s allowed cpu-shares is %llu", shares > got ? "maximum" : "minimum", (unsigned long long)got);
}

/* A period that is too short for the old quota is taken after the new one. */
static int v1_bandwidth(const struct cg *g, const struct cg_cpu *c, char **err)
{
	bool late = false;
	int r = 0;

	if (c->period) {
		r = put(g, "cpu", "cpu.cfs_period_us", (int64_t)c->period, c->quota ? NULL : err);
		late = r == -EINVAL && c->quota;
		if (r < 0 && !late)
			return put(g, "cpu", "cpu.cfs_period_us", (int64_t)c->period, err);
		r = 0;
	}
	if (c->quota)
		r = put(g, "cpu", "cpu.cfs_quota_us", c->quota, err);
	if (r == 0 && late)
		r = put(g, "cpu", "cpu.cfs_period_us", (int64_t)c->period, err);
	if (r == 0 && c->has_burst)
		r = put(g, "cpu", "cpu.cfs_burst_us", (int64_t)c->burst, err);
	return r;
}

static int v1_cpu(const struct cg *g, const struct cg_cpu *c, char **err)
{
	int r = 0;

	if (c->rt_period)
		r = put(g, "cpu", "cpu.rt_period_us", (int64_t)c->rt_period, err);
	if (r == 0 && c->rt_runtime)
		r = put(g, "cpu", "cpu.rt_runtime_us", c->rt_runtime, err);
	if (r == 0 && c->shares)
		r = v1_shares(g, c->shares, err);
	if (r == 0)
		r = v1_bandwidth(g, c, err);
	if (r == 0 && c->has_idle)
		r = put(g, "cpu", "cpu.idle", c->idle, err);
	return r;
}

/* The same files on both. */
static int cpuset(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_cpu *c = &res->cpu;
	int r = c->cpus && *c->cpus ? cg_write(g, "cpuset", "cpuset.cpus", err, "%s", c->cpus) : 0;

	return r == 0 && c->mems && *c->mems ? cg_write(g, "cpuset", "cpuset.mems", err, "%s", c->mems) : r;
}

static int v1_blkio(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_blkio *b = &res->blkio;
	bool bfq = !cg_has(g, "blkio", "blkio.weight");
	int r = 0;

	if (b->weight)
		r = put(g, "blkio", bfq ? "blkio.bfq.weight" : "blkio.weight", (int64_t)b->weight, err);
	if (r == 0 && b->leaf_weight)
		r = put(g, "blkio", "blkio.leaf_weight", (int64_t)b->leaf_weight, err);
	if (r == 0)
		r = put_devices(g, bfq ? "blkio.bfq.weight_device" : "blkio.weight_device", "", &b->weights, err);
	if (r == 0)
		r = put_devices(g, "blkio.leaf_weight_device", "", &b->leaf_weights, err);
	if (r == 0)
		r = put_devices(g, "blkio.throttle.read_bps_device", "", &b->read_bps, err);
	if (r == 0)
		r = put_devices(g, "blkio.throttle.write_bps_device", "", &b->write_bps, err);
	if (r == 0)
		r = put_devices(g, "blkio.throttle.read_iops_device", "", &b->read_iops, err);
	return r == 0 ? put_devices(g, "blkio.throttle.write_iops_device", "", &b->write_iops, err) : r;
}

static int hugetlb(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_pairs *p = &res->hugepages;
	const char *end = g->version == CG_V2 ? "max" : "limit_in_bytes";
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->count; i++) {
		char file[300];

		snprintf(file, sizeof(file), "hugetlb.%s.%s", p->items[i].name, end);
		r = cg_write(g, "hugetlb", file, err, "%s", p->items[i].value);
		/* Those that are only reserved count too, where the kernel can tell. */
		snprintf(file, sizeof(file), "hugetlb.%s.rsvd.%s", p->items[i].name, end);
		if (r == 0 && cg_has(g, "hugetlb", file))
			r = cg_write(g, "hugetlb", file, err, "%s", p->items[i].value);
	}
	return r;
}

static int rdma(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_pairs *p = &res->rdma;
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->count; i++)
		r = cg_write(g, "rdma", "rdma.max", err, "%s %s", p->items[i].name, p->items[i].value);
	return r;
}

static int v1_network(const struct cg *g, const struct cg_resources *r, char **err)
{
	int e = r->net_classid ? put(g, "net_cls", "net_cls.classid", r->net_classid, err) : 0;

	for (size_t i = 0; e == 0 && i < r->net_prio.count; i++)
		e = cg_write(g, "net_prio", "net_prio.ifpriomap", err, "%s %s", r->net_prio.items[i].name, r->net_prio.items[i].value);
	return e;
}

static int v1_memory_part(const struct cg *g, const struct cg_resources *r, char **err)
{
	return v1_memory(g, &r->memory, err);
}

static int v1_cpu_part(const struct cg *g, const struct cg_resources *r, char **err)
{
	return v1_cpu(g, &r->cpu, err);
}

static int v1_pids(const struct cg *g, const struct cg_resources *r, char **err)
{
	if (!r->pids)
		return 0;
	return r->pids < 0 ? cg_write(g, "pids", "pids.max", err, "max") : put(g, "pids", "pids.max", host_pids(r->pids), err);
}

static int v1_unified(const struct cg *g, const struct cg_resources *r, char **err)
{
	return r->unified.count ? cg_fail(err, -EINVAL, "invalid configuration: cannot use unified on cgroup v1") : 0;
}

/* What `update` says of swap is memory and swap together: the memory that it does not say is the group's. */
static int v2_memory(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_memory *said = &res->memory;
	struct cg_memory m = *said;
	uint64_t now;
	int64_t swap;
	bool say;
	int r;

	if (!m.limit && m.swap > 0 && cg_read_number(g, "", "memory.max", &now) && now != UINT64_MAX && now > g->headroom)
		m.limit = (int64_t)(now - g->headroom);
	r = cg_swap_v2(&m, &swap, &say, err);
	if (r == 0)
		r = check_use(g, said, "memory.current", err);
	/* Hosts that do not count swap have no file for it. */
	if (r == 0 && say && (swap != -1 || cg_has(g, "", "memory.swap.max")))
		r = put_max(g, "memory.swap.max", swap, err);
	if (r == 0 && said->limit)
		r = put_max(g, "memory.max", with_headroom(g, said->limit), err);
	if (r == 0 && m.reservation)
		r = put_max(g, "memory.low", m.reservation, err);
	return r;
}

static int v2_cpu(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_cpu *c = &res->cpu;
	unsigned long long period = c->period ? c->period : PERIOD;
	int r = 0;

	if (c->has_idle)
		r = put(g, "", "cpu.idle", c->idle, err);
	/* An idle group's weight cannot be set. */
	if (r == 0 && c->shares && !(c->has_idle && c->idle == 1))
		r = put(g, "", "cpu.weight", (int64_t)cg_shares_to_weight(c->shares), err);
	if (r == 0 && c->quota > 0)
		r = cg_write(g, "", "cpu.max", err, "%lld %llu", (long long)c->quota, period);
	else if (r == 0 && (c->quota || c->period))
		r = cg_write(g, "", "cpu.max", err, "max %llu", period);
	if (r == 0 && c->has_burst)
		r = put(g, "", "cpu.max.burst", (int64_t)c->burst, err);
	if (r == 0 && (c->rt_period || c->rt_runtime))
		r = cg_fail(err, -EINVAL, "cgroup v2 has no limits of realtime");
	return r;
}

static int v2_io(const struct cg *g, const struct cg_resources *res, char **err)
{
	const struct cg_blkio *b = &res->blkio;
	bool bfq = cg_has(g, "", "io.bfq.weight");
	int r = 0;

	if (b->weight)
		r = bfq ? put(g, "", "io.bfq.weight", (int64_t)b->weight, err) :
			  put(g, "", "io.weight", (int64_t)cg_blkio_to_io_weight(b->weight), err);
	for (size_t i = 0; r == 0 && i < b->weights.count; i++) {
		struct cg_device_number d = b->weights.items[i];

		if (!bfq)
			d.value = cg_blkio_to_io_weight(d.value);
		r = put_devices(g, bfq ? "io.bfq.weight" : "io.weight", "", &(struct cg_device_list){&d, 1}, err);
	}
	if (r == 0)
		r = put_devices(g, "io.max", "rbps=", &b->read_bps, err);
	if (r == 0)
		r = put_devices(g, "io.max", "wbps=", &b->write_bps, err);
	if (r == 0)
		r = put_devices(g, "io.max", "riops=", &b->read_iops, err);
	return r == 0 ? put_devices(g, "io.max", "wiops=", &b->write_iops, err) : r;
}

/* Each line of a value is a write of its own. What we add to limits is added here too. */
static int unified_line(const struct cg *g, const struct cg_pair *p, char **err)
{
	char *copy = strdup(p->value), *save = NULL, *end;
	long long v = strtoll(p->value, &end, 10);
	int r = copy ? 0 : -ENOMEM;

	if (!cg_has(g, "", p->name)) {
		free(copy);
		return cg_fail(err, -ENOENT, "unified resource \"%s\" can't be set: controller \"%.*s\" not available", p->name,
			(int)strcspn(p->name, "."), p->name);
	}
	if (end != p->value && !*end && v > 0 && (strcmp(p->name, "memory.max") == 0 || strcmp(p->name, "memory.high") == 0))
		r = put(g, "", p->name, with_headroom(g, v), err);
	else if (end != p->value && !*end && v > 0 && strcmp(p->name, "pids.max") == 0)
		r = put(g, "", p->name, host_pids(v), err);
	else
		for (char *l = strtok_r(copy, "\n", &save); r == 0 && l; l = strtok_r(NULL, "\n", &save))
			r = cg_write(g, "", p->name, err, "%s", l);
	free(copy);
	return r;
}

static int v2_unified(const struct cg *g, const struct cg_resources *r, char **err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < r->unified.count; i++)
		e = unified_line(g, &r->unified.items[i], err);
	return e;
}

static int v2_pids(const struct cg *g, const struct cg_resources *r, char **err)
{
	return r->pids ? put_max(g, "pids.max", host_pids(r->pids), err) : 0;
}

typedef int part_fn(const struct cg *g, const struct cg_resources *r, char **err);

static part_fn *const v1_parts[] = {v1_unified, cpuset, v1_memory_part, v1_cpu_part, v1_pids, v1_blkio, hugetlb, v1_network, rdma};
static part_fn *const v2_parts[] = {cpuset, v2_memory, v2_cpu, v2_pids, v2_io, hugetlb, rdma, v2_unified};

bool cg_refused(int r)
{
	return r == -EPERM || r == -EACCES || r == -EROFS || r == -ENOENT || r == -ENODEV || r == -EBUSY || r == -EOPNOTSUPP;
}

int cg_apply(const struct cg *g, const struct cg_resources *r, char **refused, char **err)
{
	part_fn *const *parts = g->version == CG_V1 ? v1_parts : v2_parts;
	size_t n = g->version == CG_V1 ? sizeof(v1_parts) / sizeof(v1_parts[0]) : sizeof(v2_parts) / sizeof(v2_parts[0]);

	for (size_t i = 0; r && g->version != CG_NONE && i < n; i++) {
		char *why = NULL;
		int e = parts[i](g, r, &why);

		if (e < 0 && refused && cg_refused(e))
			e = cg_fail(refused, 0, "%s", why);
		else if (e < 0)
			cg_fail(err, e, "%s", why);
		free(why);
		if (e < 0)
			return e;
	}
	return 0;
}
