/* SPDX-License-Identifier: MIT */
/* `update`: other limits for a container that is there. */
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

struct arguments {
	const char *resources;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_shares, *cpu_burst, *cpu_idle, *rt_period, *rt_runtime;
	const char *cpus, *mems, *memory, *reservation, *swap, *pids;
};

#define AT(member) offsetof(struct arguments, member)
static const struct option_row options[] = {
	{OPTION_TEXT, "resources", 'r', AT(resources), "a file with a resources object, - for standard input; all other options are ignored then"},
	{OPTION_TEXT, "blkio-weight", 0, AT(blkio_weight), "share of block input and output, 10 to 1000"},
	{OPTION_TEXT, "cpu-period", 0, AT(cpu_period), "period of --cpu-quota, in microseconds"},
	{OPTION_TEXT, "cpu-quota", 0, AT(cpu_quota), "processor time in a period, in microseconds"},
	{OPTION_TEXT, "cpu-burst", 0, AT(cpu_burst), "processor time that may be saved up, in microseconds"},
	{OPTION_TEXT, "cpu-share", 0, AT(cpu_shares), "share of the processors, 2 to 262144"},
	{OPTION_TEXT, "cpu-shares", 0, AT(cpu_shares), "the same"},
	{OPTION_TEXT, "cpu-idle", 0, AT(cpu_idle), "1: only time that nobody wants"},
	{OPTION_TEXT, "cpu-rt-period", 0, AT(rt_period), "period of --cpu-rt-runtime, in microseconds"},
	{OPTION_TEXT, "cpu-rt-runtime", 0, AT(rt_runtime), "time of realtime processes in a period, in microseconds"},
	{OPTION_TEXT, "cpuset-cpus", 0, AT(cpus), "processors to use, as 0-2,5"},
	{OPTION_TEXT, "cpuset-mems", 0, AT(mems), "memory nodes to use"},
	{OPTION_TEXT, "memory", 0, AT(memory), "memory, in bytes, or with k, m, g"},
	{OPTION_TEXT, "memory-reservation", 0, AT(reservation), "memory that is left to it when others want it"},
	{OPTION_TEXT, "memory-swap", 0, AT(swap), "memory and swap together; -1: no limit"},
	{OPTION_TEXT, "pids-limit", 0, AT(pids), "processes and threads; -1: no limit"},
	{OPTION_UNUSED, "kernel-memory", 0, 0, "no kernel has this limit any more"},
	{OPTION_UNUSED, "kernel-memory-tcp", 0, 0, "as before"},
	{OPTION_UNUSED, "l3-cache-schema", 0, 0, "the processor's cache is not divided"},
	{OPTION_UNUSED, "mem-bw-schema", 0, 0, "nor the way to memory"},
	{OPTION_END},
};

/* Which options are which members of a resources object. */
static const struct {
	const char *option, *group, *name;
	size_t at;
	enum { NUMBER, BYTES, WORDS } kind;
} members[] = {
	{"blkio-weight", "blockIO", "weight", AT(blkio_weight), NUMBER},
	{"cpu-period", "cpu", "period", AT(cpu_period), NUMBER},
	{"cpu-quota", "cpu", "quota", AT(cpu_quota), NUMBER},
	{"cpu-burst", "cpu", "burst", AT(cpu_burst), NUMBER},
	{"cpu-share", "cpu", "shares", AT(cpu_shares), NUMBER},
	{"cpu-idle", "cpu", "idle", AT(cpu_idle), NUMBER},
	{"cpu-rt-period", "cpu", "realtimePeriod", AT(rt_period), NUMBER},
	{"cpu-rt-runtime", "cpu", "realtimeRuntime", AT(rt_runtime), NUMBER},
	{"cpuset-cpus", "cpu", "cpus", AT(cpus), WORDS},
	{"cpuset-mems", "cpu", "mems", AT(mems), WORDS},
	{"memory", "memory", "limit", AT(memory), BYTES},
	{"memory-reservation", "memory", "reservation", AT(reservation), BYTES},
	{"memory-swap", "memory", "swap", AT(swap), BYTES},
	{"pids-limit", "pids", "limit", AT(pids), NUMBER},
};
#undef AT

static json_t *value_of(size_t i, const char *text)
{
	int64_t v;

	if (members[i].kind == WORDS)
		return json_string(text);
	if (strcmp(text, "-1") == 0)
		return json_integer(-1);
	if ((members[i].kind == BYTES ? parse_size(text, &v) : parse_number(text, 0, INT64_MAX, &v)) < 0) {
		fail("invalid value for %s: %s", members[i].option, text);
		return NULL;
	}
	return json_integer(v);
}

static json_t *from_options(const struct arguments *a)
{
	json_t *all = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *text;
		json_t *group, *v;

		memcpy(&text, (const char *)a + members[i].at, sizeof(text));
		if (!text)
			continue;
		v = value_of(i, text);
		if (!v) {
			json_decref(all);
			return NULL;
		}
		group = json_object_get(all, members[i].group);
		if (!group) {
			group = json_object();
			json_object_set_new(all, members[i].group, group);
		}
		json_object_set_new(group, members[i].name, v);
	}
	return all;
}

static json_t *from_file(const char *name)
{
	json_error_t e;
	json_t *v = strcmp(name, "-") ? json_load_file(name, JSON_DISABLE_EOF_CHECK, &e) : json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &e);

	if (!v)
		fail("cannot read the resources of %s: %s", strcmp(name, "-") ? name : "standard input", e.text);
	return v;
}

/* What the sentry holds itself. -1 is no limit, which is 0 there. */
static int tell_sentry(const struct container *c, const struct cg_resources *r)
{
	char text[200];
	json_t *answer;
	int n = snprintf(text, sizeof(text), "limits"), e;

	if (r->memory.limit)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " memory=%" PRIu64, cg_sentry_memory(r));
	if (r->pids)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " pids=%" PRIu64, cg_sentry_pids(r));
	if (r->cpu.quota)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " cpus=%" PRIu64, cg_sentry_cpus(r));
	if (!strchr(text, ' '))
		return 0;
	e = container_ask(c, json_pack("{s:s, s:s}", "do", "ask", "text", text), NULL, 0, &answer);
	if (e < 0)
		fail("limits of container %s: %s", c->id, container_ask_error(e, answer));
	json_decref(answer);
	return e < 0 ? -1 : 0;
}

/* Without a group there is nobody who could hold these. */
static int check_held(const struct cg_resources *r)
{
	const char *what = NULL;

	if (r->cpu.cpus || r->cpu.mems)
		what = "cpuset";
	else if (r->blkio.weight || r->blkio.weights.count || r->blkio.read_bps.count || r->blkio.write_bps.count)
		what = "blkio";
	else if (r->hugepages.count)
		what = "hugetlb";
	else if (r->unified.count)
		what = "unified";
	return what ? fail("cannot set %s limit: container could not join or create cgroup", what) : 0;
}

static int update(const struct container *c, const struct cg_resources *r)
{
	char *err = NULL;
	struct cg g;
	int e;

	if (container_status(c) == CONTAINER_STOPPED || container_status(c) == CONTAINER_CREATING)
		return fail("container not running");
	group_of(c, &g);
	e = g.version == CG_NONE ? check_held(r) : 0;
	if (e == 0 && g.version != CG_NONE && cg_update(&g, r, &err) < 0)
		e = fail("%s", err ? err : "out of memory");
	cg_free(&g);
	free(err);
	return e == 0 ? tell_sentry(c, r) : e;
}

static int run_update(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	struct cg_resources res;
	struct container c;
	char *err = NULL;
	json_t *said;
	int r;

	if (options_words(options, &a, 1, 1, argc, argv) < 0)
		return 1;
	said = a.resources ? from_file(a.resources) : from_options(&a);
	if (!said)
		return 1;
	r = cg_resources_read(&res, said, &err);
	json_decref(said);
	if (r < 0) {
		fail("%s", err ? err : "out of memory");
		free(err);
		return 1;
	}
	r = container_open(rt, argv[1], &c);
	if (r == 0) {
		r = update(&c, &res);
		container_close(&c);
	}
	cg_resources_free(&res);
	return r < 0;
}

const struct verb verb_update = {"update", "[OPTIONS] ID", "change the limits of a container", run_update, options};
