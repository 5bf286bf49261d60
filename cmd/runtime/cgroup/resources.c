/* SPDX-License-Identifier: MIT */
/* Reading linux.resources. config-linux.md of the runtime specification. */
#include "cmd/runtime/cgroup/resources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/cgroup/fail.h"

#define ENTRIES_MAX 4096 /* of one list */
#define TEXT_MAX 4096	 /* bytes of one value */

/* One field of an object: its name, what it is, where it goes. */
struct field {
	const char *name;
	enum { SIGNED, UNSIGNED, BOOLEAN, TEXT } kind;
	void *value;
	bool *said; /* may be NULL */
};

static int bad(char **err, const char *where, const char *name, const char *what)
{
	return cg_fail(err, -EINVAL, "linux.resources.%s%s%s: %s", where, *where && *name ? "." : "", name, what);
}

/* A string that can be a line of a group's file. */
static bool one_line(const char *s)
{
	return strlen(s) < TEXT_MAX && !strchr(s, '\n');
}

static int read_text(char **to, const json_t *v, const char *where, const char *name, char **err)
{
	if (!json_is_string(v) || !one_line(json_string_value(v)))
		return bad(err, where, name, "not a string of one line");
	free(*to);
	*to = strdup(json_string_value(v));
	return *to ? 0 : cg_fail(err, -ENOMEM, "out of memory");
}

static int read_field(const struct field *f, const json_t *v, const char *where, char **err)
{
	switch (f->kind) {
	case SIGNED:
		if (!json_is_integer(v))
			return bad(err, where, f->name, "not an integer");
		*(int64_t *)f->value = json_integer_value(v);
		break;
	case UNSIGNED:
		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return bad(err, where, f->name, "not an integer of 0 or more");
		*(uint64_t *)f->value = (uint64_t)json_integer_value(v);
		break;
	case BOOLEAN:
		if (!json_is_boolean(v))
			return bad(err, where, f->name, "not true or false");
		*(bool *)f->value = json_is_true(v);
		break;
	case TEXT:
		return read_text(f->value, v, where, f->name, err);
	}
	if (f->said)
		*f->said = true;
	return 0;
}

static int read_fields(const json_t *o, const char *where, const struct field *fields, size_t count, char **err)
{
	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return bad(err, where, "", "not an object");
	for (size_t i = 0; i < count; i++) {
		const json_t *v = json_object_get(o, fields[i].name);
		int r = v && !json_is_null(v) ? read_field(&fields[i], v, where, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

/* The list `name` of `o`: NULL and 0 if it is absent. */
static int get_list(const json_t *o, const char *where, const char *name, const json_t **ret, char **err)
{
	const json_t *l = json_object_get(o, name);

	*ret = NULL;
	if (!l || json_is_null(l))
		return 0;
	if (!json_is_array(l) || json_array_size(l) > ENTRIES_MAX)
		return bad(err, where, name, "not a list, or one that is too long");
	*ret = l;
	return 0;
}

static int read_devices(struct cg_device_list *to, const json_t *o, const char *name, const char *key, char **err)
{
	const json_t *l;
	int r = get_list(o, "blockIO", name, &l, err);

	if (r < 0 || !l || !json_array_size(l))
		return r;
	to->items = calloc(json_array_size(l), sizeof(*to->items));
	if (!to->items)
		return cg_fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < json_array_size(l); i++) {
		const json_t *e = json_array_get(l, i);
		struct cg_device_number d = {.major = -1, .minor = -1};
		bool said = false;
		const struct field fields[] = {
			{"major", SIGNED, &d.major, NULL}, {"minor", SIGNED, &d.minor, NULL}, {key, UNSIGNED, &d.value, &said}};

		r = json_is_object(e) ? read_fields(e, "blockIO", fields, 3, err) : bad(err, "blockIO", name, "not a list of objects");
		if (r == 0 && (d.major < 0 || d.minor < 0))
			r = bad(err, "blockIO", name, "a device has a major and a minor number");
		if (r < 0)
			return r;
		if (said)
			to->items[to->count++] = d;
	}
	return 0;
}

static int read_blkio(struct cg_resources *r, const json_t *o, char **err)
{
	struct cg_blkio *b = &r->blkio;
	const struct field fields[] = {
		{"weight", UNSIGNED, &b->weight, NULL}, {"leafWeight", UNSIGNED, &b->leaf_weight, NULL}};
	const struct {
		const char *name, *key;
		struct cg_device_list *to;
	} lists[] = {{"weightDevice", "weight", &b->weights}, {"weightDevice", "leafWeight", &b->leaf_weights},
		{"throttleReadBpsDevice", "rate", &b->read_bps}, {"throttleWriteBpsDevice", "rate", &b->write_bps},
		{"throttleReadIOPSDevice", "rate", &b->read_iops}, {"throttleWriteIOPSDevice", "rate", &b->write_iops}};
	int e = read_fields(o, "blockIO", fields, 2, err);

	for (size_t i = 0; o && e == 0 && i < sizeof(lists) / sizeof(lists[0]); i++)
		e = read_devices(lists[i].to, o, lists[i].name, lists[i].key, err);
	return e;
}

/* Takes `value` over. */
static int add_pair(struct cg_pairs *p, const char *name, char *value, char **err)
{
	struct cg_pair *items = realloc(p->items, (p->count + 1) * sizeof(*items));
	char *n = items ? strdup(name) : NULL;

	if (items)
		p->items = items;
	if (!n || !value) {
		free(n);
		free(value);
		return cg_fail(err, -ENOMEM, "out of memory");
	}
	p->items[p->count++] = (struct cg_pair){n, value};
	return 0;
}

static char *number_text(uint64_t v)
{
	char *s;

	return asprintf(&s, "%llu", (unsigned long long)v) < 0 ? NULL : s;
}

/* A name that becomes part of a file's name. */
static bool plain_name(const char *s)
{
	return *s && strlen(s) < 200 && !strpbrk(s, "/\n") && strcmp(s, ".") && strcmp(s, "..");
}

static int read_hugepages(struct cg_resources *r, const json_t *o, char **err)
{
	const json_t *l;
	int e = get_list(o, "", "hugepageLimits", &l, err);

	for (size_t i = 0; e == 0 && l && i < json_array_size(l); i++) {
		char *size = NULL;
		uint64_t limit = 0;
		const struct field fields[] = {{"pageSize", TEXT, &size, NULL}, {"limit", UNSIGNED, &limit, NULL}};

		e = read_fields(json_array_get(l, i), "hugepageLimits", fields, 2, err);
		if (e == 0 && (!size || !plain_name(size)))
			e = bad(err, "hugepageLimits", "pageSize", "no size as \"2MB\"");
		if (e == 0)
			e = add_pair(&r->hugepages, size, number_text(limit), err);
		free(size);
	}
	return e;
}

static int read_network(struct cg_resources *r, const json_t *o, char **err)
{
	uint64_t class = 0;
	const struct field fields[] = {{"classID", UNSIGNED, &class, NULL}};
	const json_t *l = NULL;
	int e = read_fields(o, "network", fields, 1, err);

	if (e == 0 && class > UINT32_MAX)
		e = bad(err, "network", "classID", "more than 32 bits");
	r->net_classid = (uint32_t)class;
	if (e == 0 && o)
		e = get_list(o, "network", "priorities", &l, err);
	for (size_t i = 0; e == 0 && l && i < json_array_size(l); i++) {
		char *name = NULL;
		uint64_t priority = 0;
		const struct field pair[] = {{"name", TEXT, &name, NULL}, {"priority", UNSIGNED, &priority, NULL}};

		e = read_fields(json_array_get(l, i), "network.priorities", pair, 2, err);
		if (e == 0 && !name)
			e = bad(err, "network.priorities", "name", "missing");
		if (e == 0)
			e = add_pair(&r->net_prio, name, number_text(priority), err);
		free(name);
	}
	return e;
}

static int read_rdma(struct cg_resources *r, const json_t *o, char **err)
{
	const char *name;
	json_t *v;
	int e = 0;

	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return bad(err, "rdma", "", "not an object");
	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		uint64_t handles = 0, objects = 0;
		bool h = false, ob = false;
		const struct field fields[] = {{"hcaHandles", UNSIGNED, &handles, &h}, {"hcaObjects", UNSIGNED, &objects, &ob}};
		char *text = NULL;

		if (e == 0)
			e = one_line(name) && !strchr(name, ' ') ? read_fields(v, "rdma", fields, 2, err) : bad(err, "rdma", "", "no device's name");
		if (e < 0)
			break;
		if (h && ob)
			e = asprintf(&text, "hca_handle=%llu hca_object=%llu", (unsigned long long)handles, (unsigned long long)objects);
		else if (h || ob)
			e = asprintf(&text, h ? "hca_handle=%llu" : "hca_object=%llu", (unsigned long long)(h ? handles : objects));
		else
			continue;
		e = add_pair(&r->rdma, name, e < 0 ? NULL : text, err);
	}
	return e;
}

static int read_unified(struct cg_resources *r, const json_t *o, char **err)
{
	const char *name;
	json_t *v;
	int e = 0;

	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return bad(err, "unified", "", "not an object");
	json_object_foreach((json_t *)(uintptr_t)o, name, v)
	{
		if (!plain_name(name) || !strchr(name, '.'))
			e = cg_fail(err, -EINVAL, "unified resource \"%s\" must be a file name (no slashes)", name);
		else if (!json_is_string(v) || strlen(json_string_value(v)) >= TEXT_MAX)
			e = bad(err, "unified", name, "not a string");
		else
			e = add_pair(&r->unified, name, strdup(json_string_value(v)), err);
		if (e < 0)
			break;
	}
	return e;
}

/* Rules over devices: well formed, and that is all: no device of the host's is there to be reached. */
static int check_devices(const json_t *o, char **err)
{
	const json_t *l;
	int e = get_list(o, "", "devices", &l, err);

	for (size_t i = 0; e == 0 && l && i < json_array_size(l); i++) {
		char *type = NULL, *access = NULL;
		bool allow = false;
		int64_t major = -1, minor = -1;
		const struct field fields[] = {{"allow", BOOLEAN, &allow, NULL}, {"type", TEXT, &type, NULL},
			{"major", SIGNED, &major, NULL}, {"minor", SIGNED, &minor, NULL}, {"access", TEXT, &access, NULL}};

		e = read_fields(json_array_get(l, i), "devices", fields, 5, err);
		if (e == 0 && type && *type && (strlen(type) != 1 || !strchr("abcu", *type)))
			e = cg_fail(err, -EINVAL, "invalid device type %s", type);
		if (e == 0 && access && strspn(access, "rwm") != strlen(access))
			e = cg_fail(err, -EINVAL, "invalid device access %s: letters of r, w and m", access);
		free(type);
		free(access);
	}
	return e;
}

static int read_memory(struct cg_memory *m, const json_t *o, char **err)
{
	int64_t ignored;
	bool hierarchy;
	const struct field fields[] = {{"limit", SIGNED, &m->limit, NULL}, {"reservation", SIGNED, &m->reservation, NULL},
		{"swap", SIGNED, &m->swap, NULL}, {"kernel", SIGNED, &ignored, NULL}, {"kernelTCP", SIGNED, &ignored, NULL},
		{"swappiness", UNSIGNED, &m->swappiness, &m->has_swappiness},
		{"disableOOMKiller", BOOLEAN, &m->oom_kill_disable, NULL}, {"useHierarchy", BOOLEAN, &hierarchy, NULL},
		{"checkBeforeUpdate", BOOLEAN, &m->check_before_update, NULL}};
	int r = read_fields(o, "memory", fields, sizeof(fields) / sizeof(fields[0]), err);

	if (r == 0 && m->has_swappiness && m->swappiness > 100)
		r = cg_fail(err, -EINVAL, "invalid memory swappiness value: %llu (valid range is 0-100)", (unsigned long long)m->swappiness);
	if (r == 0 && (m->limit < -1 || m->swap < -1 || m->reservation < -1))
		r = bad(err, "memory", "", "less than -1");
	return r;
}

static int read_cpu(struct cg_cpu *c, const json_t *o, char **err)
{
	const struct field fields[] = {{"shares", UNSIGNED, &c->shares, NULL}, {"quota", SIGNED, &c->quota, NULL},
		{"period", UNSIGNED, &c->period, NULL}, {"burst", UNSIGNED, &c->burst, &c->has_burst},
		{"realtimeRuntime", SIGNED, &c->rt_runtime, NULL}, {"realtimePeriod", UNSIGNED, &c->rt_period, NULL},
		{"cpus", TEXT, &c->cpus, NULL}, {"mems", TEXT, &c->mems, NULL}, {"idle", SIGNED, &c->idle, &c->has_idle}};

	return read_fields(o, "cpu", fields, sizeof(fields) / sizeof(fields[0]), err);
}

int cg_resources_read(struct cg_resources *ret, const json_t *o, char **err)
{
	struct cg_resources r = {0};
	const struct field pids[] = {{"limit", SIGNED, &r.pids, NULL}};
	int e = 0;

	if (o && !json_is_null(o) && !json_is_object(o))
		return cg_fail(err, -EINVAL, "linux.resources: not an object");
	if (o && !json_is_null(o)) {
		e = read_memory(&r.memory, json_object_get(o, "memory"), err);
		if (e == 0)
			e = read_cpu(&r.cpu, json_object_get(o, "cpu"), err);
		if (e == 0)
			e = read_fields(json_object_get(o, "pids"), "pids", pids, 1, err);
		if (e == 0)
			e = read_blkio(&r, json_object_get(o, "blockIO"), err);
		if (e == 0)
			e = read_hugepages(&r, o, err);
		if (e == 0)
			e = read_network(&r, json_object_get(o, "network"), err);
		if (e == 0)
			e = read_rdma(&r, json_object_get(o, "rdma"), err);
		if (e == 0)
			e = read_unified(&r, json_object_get(o, "unified"), err);
		if (e == 0)
			e = check_devices(o, err);
	}
	if (e < 0)
		cg_resources_free(&r);
	else
		*ret = r;
	return e;
}

bool cg_resources_any(const struct cg_resources *r)
{
	const struct cg_memory *m = &r->memory;
	const struct cg_cpu *c = &r->cpu;
	const struct cg_blkio *b = &r->blkio;

	return m->limit > 0 || m->reservation > 0 || m->swap > 0 || m->has_swappiness || m->oom_kill_disable || c->shares || c->quota > 0 ||
	       c->rt_period || c->rt_runtime || c->has_burst || c->has_idle || (c->cpus && *c->cpus) || (c->mems && *c->mems) || r->pids > 0 ||
	       b->weight || b->leaf_weight || b->weights.count || b->leaf_weights.count || b->read_bps.count || b->write_bps.count ||
	       b->read_iops.count || b->write_iops.count || r->hugepages.count || r->rdma.count || r->unified.count || r->net_prio.count ||
	       r->net_classid;
}

static void free_pairs(struct cg_pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].name);
		free(p->items[i].value);
	}
	free(p->items);
}

void cg_resources_free(struct cg_resources *r)
{
	struct cg_device_list *lists[] = {&r->blkio.weights, &r->blkio.leaf_weights, &r->blkio.read_bps, &r->blkio.write_bps,
		&r->blkio.read_iops, &r->blkio.write_iops};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->items);
	free_pairs(&r->hugepages);
	free_pairs(&r->rdma);
	free_pairs(&r->unified);
	free_pairs(&r->net_prio);
	free(r->cpu.cpus);
	free(r->cpu.mems);
	*r = (struct cg_resources){0};
}
