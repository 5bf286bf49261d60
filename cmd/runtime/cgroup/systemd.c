/* SPDX-License-Identifier: MIT */
/* Scopes. systemd.scope(5), systemd.resource-control(5), org.freedesktop.systemd1(5). */
#include "cmd/runtime/cgroup/systemd.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/dbus.h"
#include "cmd/runtime/cgroup/fail.h"
#include "cmd/runtime/cgroup/files.h"

#define TIMEOUT 25000000 /* us */
#define USER_TIMEOUT 5000000 /* rootless goes on without */
#define STOP_TIMEOUT 5000000
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"
#define PROPERTY "org.systemd.property."
#define SECOND 1000000
#define PERIOD 100000 /* us, the kernel's default */
#define CPUS_MAX 8192

static int try_open(struct dbus *d, const char *dir, const char *name, bool bus, uint64_t timeout, char **err)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	return dbus_open(d, path, bus, timeout, err);
}

/* The system's manager, first without a bus; or the user's. */
static int open_manager(struct dbus *d, bool user, uint64_t timeout, char **err)
{
	const char *bus = getenv(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS"), *dir = getenv("XDG_RUNTIME_DIR");
	char *why = NULL, own[64];
	int r = -ENOENT;

	if (bus && strncmp(bus, "unix:path=", 10) == 0) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%.*s", (int)strcspn(bus + 10, ",;"), bus + 10);
		r = dbus_open(d, path, true, timeout, &why);
	}
	if (r < 0 && !user) {
		r = try_open(d, "/run/systemd", "private", false, timeout, &why);
		if (r < 0)
			r = try_open(d, "/run/dbus", "system_bus_socket", true, timeout, &why);
	} else if (r < 0) {
		snprintf(own, sizeof(own), "/run/user/%u", (unsigned int)getuid());
		dir = dir && *dir ? dir : own;
		r = try_open(d, dir, "bus", true, timeout, &why);
		if (r < 0)
			r = try_open(d, dir, "systemd/private", false, timeout, &why);
	}
	if (r < 0)
		cg_fail(err, r, "%s", why ? why : "there is no systemd to ask");
	free(why);
	return r;
}

static void property(struct dbus_text *t, const char *name, const char *kind)
{
	dbus_align(t, 8);
	dbus_string(t, name);
	dbus_signature(t, kind);
}

static void set_u64(struct dbus_text *t, const char *name, uint64_t v)
{
	property(t, name, "t");
	dbus_u64(t, v);
}

static void set_bool(struct dbus_text *t, const char *name, bool v)
{
	property(t, name, "b");
	dbus_u32(t, v);
}

static void set_string(struct dbus_text *t, const char *name, const char *v)
{
	property(t, name, "s");
	dbus_string(t, v);
}

/* "0-2,5" as a mask of bytes. A list that is none is told by the kernel, when it is written. */
static void set_mask(struct dbus_text *t, const char *name, const char *list)
{
	unsigned char mask[CPUS_MAX / 8] = {0};
	size_t len = 0, at;

	for (const char *c = list; c && isdigit((unsigned char)*c);) {
		char *end;
		unsigned long first = strtoul(c, &end, 10), last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		for (unsigned long i = first; i <= last && i < CPUS_MAX; i++) {
			mask[i / 8] |= (unsigned char)(1u << i % 8);
			len = i / 8 + 1 > len ? i / 8 + 1 : len;
		}
		c = *end == ',' ? end + 1 : NULL;
	}
	if (!len)
		return;
	property(t, name, "ay");
	at = dbus_array(t, 1);
	for (size_t i = 0; i < len; i++)
		dbus_u8(t, mask[i]);
	dbus_array_end(t, at, 1);
}

/* As systemd keeps it: of one second, in steps of ten milliseconds. */
static void set_quota(struct dbus_text *t, const struct cg_cpu *c)
{
	uint64_t period = c->period ? c->period : PERIOD, us = UINT64_MAX;

	if (!c->quota)
		return;
	if (c->quota > 0 && !__builtin_mul_overflow((uint64_t)c->quota, (uint64_t)SECOND, &us)) {
		us /= period;
		us = (us + 9999) / 10000 * 10000;
	}
	set_u64(t, "CPUQuotaPerSecUSec", us);
}

static uint64_t or_max(int64_t v, uint64_t more)
{
	return v < 0 ? UINT64_MAX : (uint64_t)v + more;
}

static void set_limits(struct dbus_text *t, const struct cg *g, const struct cg_resources *r)
{
	bool v2 = g->version == CG_V2, say = false;
	int64_t swap = 0;

	if (!r)
		return;
	if (r->memory.limit)
		set_u64(t, v2 ? "MemoryMax" : "MemoryLimit", or_max(r->memory.limit, g->headroom));
	if (v2 && r->memory.reservation)
		set_u64(t, "MemoryLow", or_max(r->memory.reservation, 0));
	if (v2 && cg_swap_v2(&r->memory, &swap, &say, NULL) == 0 && say)
		set_u64(t, "MemorySwapMax", or_max(swap, 0));
	if (r->cpu.shares)
		set_u64(t, v2 ? "CPUWeight" : "CPUShares", v2 ? cg_shares_to_weight(r->cpu.shares) : r->cpu.shares);
	set_quota(t, &r->cpu);
	if (r->pids)
		set_u64(t, "TasksMax", r->pids < 0 ? UINT64_MAX : (uint64_t)r->pids * 2 + 256);
	if (v2) {
		set_mask(t, "AllowedCPUs", r->cpu.cpus);
		set_mask(t, "AllowedMemoryNodes", r->cpu.mems);
	}
	if (r->blkio.weight)
		set_u64(t, v2 ? "IOWeight" : "BlockIOWeight", v2 ? cg_blkio_to_io_weight(r->blkio.weight) : r->blkio.weight);
}

/* org.systemd.property.NAME=VALUE: 'text', true, false, uint64 5, 5. */
static int set_annotation(struct dbus_text *t, const char *name, const char *value, char **err)
{
	const char *number = strncmp(value, "uint64 ", 7) == 0 ? value + 7 : value;
	size_t n = strlen(value);
	long long v;
	char *end;

	if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(name))
		return cg_fail(err, -EINVAL, "annotation " PROPERTY "%s: invalid name", name);
	if (n >= 2 && (*value == '\'' || *value == '"') && value[n - 1] == *value) {
		char *text = strndup(value + 1, n - 2);

		set_string(t, name, text ? text : "");
		free(text);
		return 0;
	}
	if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
		set_bool(t, name, *value == 't');
		return 0;
	}
	v = strtoll(number, &end, 10);
	if (end == number || *end || v < 0)
		return cg_fail(err, -EINVAL, "annotation " PROPERTY "%s=%s: not a string, a number, true or false", name, value);
	if (number != value) {
		set_u64(t, name, (uint64_t)v);
	} else {
		property(t, name, "i");
		dbus_u32(t, (uint32_t)v);
	}
	return 0;
}

static int set_annotations(struct dbus_text *t, const json_t *annotations, char **err)
{
	const char *name;
	json_t *v;
	int r = 0;

	json_object_foreach((json_t *)(uintptr_t)annotations, name, v)
	{
		if (r == 0 && strncmp(name, PROPERTY, strlen(PROPERTY)) == 0 && json_is_string(v))
			r = set_annotation(t, name + strlen(PROPERTY), json_string_value(v), err);
	}
	return r;
}

static int start(struct dbus *d, const struct cg *g, const char *slice, const struct cg_request *rq, pid_t pid, char **err)
{
	static const char *const on[] = {"Delegate", "MemoryAccounting", "CPUAccounting", "TasksAccounting"};
	struct dbus_text t = {0};
	size_t all, pids;
	char what[300];
	int r;

	snprintf(what, sizeof(what), "Picket container %.200s", rq->id);
	dbus_string(&t, g->unit);
	dbus_string(&t, "fail");
	all = dbus_array(&t, 8);
	set_string(&t, "Description", what);
	if (*slice)
		set_string(&t, "Slice", slice);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		set_bool(&t, on[i], true);
	set_bool(&t, g->version == CG_V2 ? "IOAccounting" : "BlockIOAccounting", true);
	set_bool(&t, "DefaultDependencies", false);
	set_string(&t, "CollectMode", "inactive-or-failed");
	property(&t, "PIDs", "au");
	pids = dbus_array(&t, 4);
	dbus_u32(&t, (uint32_t)pid);
	dbus_array_end(&t, pids, 4);
	set_limits(&t, g, rq->resources);
	r = set_annotations(&t, rq->annotations, err);
	dbus_array_end(&t, all, 8);
	dbus_u32(&t, 0); /* no further units; the same bytes as an empty array of (sa(sv)) */
	dbus_align(&t, 8);
	if (r < 0) {
		free(t.data);
		return r;
	}
	d->unit = g->unit;
	d->job_gone = false;
	r = dbus_manager(d, MANAGER_INTERFACE, "StartTransientUnit", "ssa(sv)a(sa(sv))", &t, NULL, err);
	return r == 0 ? dbus_wait_job(d, err) : r;
}

static int one_string(struct dbus *d, const char *member, const char *a, const char *b, char **err)
{
	struct dbus_text t = {0};

	dbus_string(&t, a);
	if (b)
		dbus_string(&t, b);
	return dbus_manager(d, MANAGER_INTERFACE, member, b ? "ss" : "s", &t, NULL, err);
}

/*
 * The directories: below the manager's own group, which is known by where the process is now; on v1 the hierarchies that systemd does not
 * fill have the same path.
 */
int cg_systemd_found(struct cg *g, const struct cg_host *h, char **err)
{
	const char *path = NULL;
	int r = 0;

	for (size_t i = 0; !path && i < h->count; i++) {
		const char *last = strrchr(h->items[i].own, '/');

		if (last && strcmp(last + 1, g->unit) == 0)
			path = h->items[i].own;
	}
	if (!path)
		return cg_fail(err, -EIO, "systemd said that it made %s, but the process is not in it", g->unit);
	for (size_t i = 0; r == 0 && i < h->count; i++) {
		char *dir;

		if (h->version == CG_V2 && *h->items[i].name)
			continue;
		if (asprintf(&dir, "%s%s", h->items[i].mount, path) < 0)
			dir = NULL;
		r = cg_add_dir(g, h->items[i].name, dir, err);
	}
	return r;
}

static int find_dirs(struct cg *g, pid_t pid, char **err)
{
	struct cg_host now;
	char proc[64];
	int r;

	snprintf(proc, sizeof(proc), "/proc/%d", (int)pid);
	r = cg_host_read(&now, proc, err);
	if (r == 0)
		r = cg_systemd_found(g, &now, err);
	cg_host_free(&now);
	return r;
}

int cg_systemd_plan(struct cg *g, const struct cg_host *h, const struct cg_request *rq, char **err)
{
	struct cg_unit u;
	int r = cg_unit_parse(&u, rq->path, rq->id, err);

	if (r < 0)
		return r;
	g->version = h->version;
	g->user = rq->rootless;
	g->unit = u.name;
	u.name = NULL;
	cg_unit_free(&u);
	return 0;
}

int cg_systemd_make(struct cg *g, const struct cg_request *rq, pid_t pid, char **err)
{
	struct dbus d = {.fd = -1};
	struct cg_unit u;
	int r = cg_unit_parse(&u, rq->path, rq->id, err);

	if (r == 0)
		r = open_manager(&d, g->user, g->user ? USER_TIMEOUT : TIMEOUT, err);
	if (r == 0) {
		char *why = NULL;
		const char *slice = *u.slice ? u.slice : g->user ? "user.slice" : "system.slice";

		r = start(&d, g, slice, rq, pid, &why);
		if (r == -EEXIST && one_string(&d, "ResetFailedUnit", g->unit, NULL, NULL) == 0) {
			/* One that has failed before and was not removed. */
			free(why);
			why = NULL;
			r = start(&d, g, slice, rq, pid, &why);
		}
		if (r < 0)
			cg_fail(err, r, "unable to start unit \"%s\": %s", g->unit, why ? why : strerror(-r));
		free(why);
	}
	if (r == 0)
		r = find_dirs(g, pid, err);
	else if (r == -EEXIST || d.fd < 0) {
		/* It is not ours to be stopped. */
		free(g->unit);
		g->unit = NULL;
	}
	dbus_close(&d);
	cg_unit_free(&u);
	return r;
}

int cg_systemd_update(const struct cg *g, const struct cg_resources *r, char **err)
{
	struct dbus d;
	struct dbus_text t = {0};
	size_t all, begin;
	int e;

	dbus_string(&t, g->unit);
	dbus_u32(&t, 1); /* until the next start */
	all = dbus_array(&t, 8);
	begin = t.len;
	set_limits(&t, g, r);
	dbus_array_end(&t, all, 8);
	if (t.failed || t.len == begin) {
		free(t.data);
		return t.failed ? -ENOMEM : 0;
	}
	e = open_manager(&d, g->user, TIMEOUT, err);
	if (e < 0) {
		free(t.data);
		return e;
	}
	e = dbus_manager(&d, MANAGER_INTERFACE, "SetUnitProperties", "sba(sv)", &t, NULL, err);
	dbus_close(&d);
	return e;
}

void cg_systemd_stop(const struct cg *g)
{
	struct dbus d;

	if (open_manager(&d, g->user, STOP_TIMEOUT, NULL) < 0)
		return;
	/* What is left would be given time to end. */
	if (!g->shared)
		cg_kill(g);
	d.unit = g->unit;
	if (one_string(&d, "StopUnit", g->unit, "replace", NULL) == 0)
		dbus_wait_job(&d, NULL);
	one_string(&d, "ResetFailedUnit", g->unit, NULL, NULL);
	dbus_close(&d);
}
