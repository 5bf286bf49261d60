/* SPDX-License-Identifier: MIT */
/* Control groups and the limits that the sentry keeps, for create and delete. */
#include "cmd/runtime/groups.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/launch.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/cgroup/host.h"
#include "cmd/runtime/cgroup/systemd.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

#define NOTE "cgroup"

static int hand_up(char *err)
{
	fail("%s", err ? err : "out of memory");
	free(err);
	return -1;
}

bool group_rootless(const struct runtime *rt)
{
	unsigned int inside, outside, count;
	FILE *f;
	bool all;

	if (rt->rootless && strcmp(rt->rootless, "auto") != 0)
		return strcmp(rt->rootless, "true") == 0;
	f = geteuid() == 0 ? fopen("/proc/self/uid_map", "re") : NULL;
	all = f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 && count == UINT32_MAX;
	if (f)
		fclose(f);
	return !all;
}

int group_check(const struct spec *s)
{
	struct cg_resources r;
	char *err = NULL;

	if (cg_resources_read(&r, s->resources, &err) < 0)
		return hand_up(err);
	cg_resources_free(&r);
	return 0;
}

static struct cg_request request(const struct runtime *rt, const struct spec *s, const char *id, const struct cg_resources *res)
{
	bool disabled = rt->cgroup_manager && strcmp(rt->cgroup_manager, "disabled") == 0;

	return (struct cg_request){.driver = disabled ? CG_DISABLED : rt->systemd_cgroup ? CG_SYSTEMD : CG_CGROUPFS, .id = id,
		.path = s->cgroups_path, .resources = res, .annotations = s->annotations, .rootless = group_rootless(rt)};
}

/* Note it; one without a group has no such member. */
static int note(json_t *state, const struct cg *g)
{
	json_object_del(state, NOTE);
	return g->version == CG_NONE || json_object_set_new(state, NOTE, cg_save(g)) == 0 ? 0 : fail("out of memory");
}

/* Who limits nothing misses nothing. */
static void tell(char *warning, const struct cg_resources *res)
{
	if (warning && cg_resources_any(res))
		warn("%s", warning);
	free(warning);
}

int group_plan(const struct runtime *rt, const struct spec *s, const char *id, json_t *state)
{
	struct cg_resources res;
	struct cg_request rq = request(rt, s, id, &res);
	char *err = NULL, *warning = NULL;
	struct cg g;
	int r;

	if (cg_resources_read(&res, s->resources, &err) < 0)
		return hand_up(err);
	r = cg_plan(&g, &rq, &warning, &err);
	tell(warning, &res);
	cg_resources_free(&res);
	if (r < 0)
		return hand_up(err);
	r = note(state, &g);
	cg_free(&g);
	return r;
}

int group_make(const struct runtime *rt, const struct spec *s, const char *id, pid_t monitor, json_t *state)
{
	struct cg_resources res;
	struct cg_request rq = request(rt, s, id, &res);
	char *err = NULL, *warning = NULL;
	struct cg g;
	int r;

	if (cg_load(&g, json_object_get(state, NOTE)) < 0)
		return 0;
	if (cg_resources_read(&res, s->resources, &err) < 0) {
		cg_free(&g);
		return hand_up(err);
	}
	r = cg_make(&g, &rq, monitor, &warning, &err);
	tell(warning, &res);
	cg_resources_free(&res);
	if (r == 0 && note(state, &g) < 0) {
		cg_remove(&g, NULL);
		r = -1;
	} else if (r < 0) {
		json_object_del(state, NOTE);
		hand_up(err);
	}
	cg_free(&g);
	return r < 0 ? -1 : 0;
}

static void record(struct launch *l, enum config_keyword keyword, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	launch_record(l, keyword, text);
}

/* The note was made before the group: a caller without rights may have got none. */
void group_mine(struct container *c, struct cg *ret)
{
	const char *where = NULL;
	struct cg_host h;
	struct cg g = {0};

	*ret = (struct cg){0};
	if (container_reload(c) < 0 || cg_load(&g, json_object_get(c->state, NOTE)) < 0 || cg_host_read(&h, "/proc/self", NULL) < 0) {
		cg_free(&g);
		return;
	}
	for (size_t i = 0; i < h.count && !where; i++) {
		const char *own = h.items[i].own, *last = strrchr(own, '/');

		if (h.version == CG_V2 ? !*h.items[i].name : strcmp(h.items[i].name, "memory") == 0)
			where = last ? last + 1 : "";
	}
	if (where && g.unit && strcmp(where, g.unit) == 0 && !g.count)
		cg_systemd_found(&g, &h, NULL);
	if (where && cg_dir(&g, "memory") && strcmp(strrchr(cg_dir(&g, "memory"), '/') + 1, where) == 0)
		*ret = g;
	else
		cg_free(&g);
	cg_host_free(&h);
}

int group_launch(const struct spec *s, const struct cg *g, struct launch *l)
{
	struct cg_resources r;
	char *err = NULL;

	if (cg_resources_read(&r, s->resources, &err) < 0)
		return hand_up(err);
	if (cg_sentry_memory(&r))
		record(l, CONFIG_MEMORY, cg_sentry_memory(&r));
	if (cg_sentry_pids(&r))
		record(l, CONFIG_PIDS, cg_sentry_pids(&r) > UINT32_MAX ? 0 : cg_sentry_pids(&r));
	if (cg_sentry_cpus(&r)) {
		record(l, CONFIG_CPUS, cg_sentry_cpus(&r));
	}
	if (cg_has(g, "cpu", g->version == CG_V2 ? "cpu.max" : "cpu.cfs_quota_us"))
		launch_word(l, CONFIG_CPUS_HELD);
	if (cg_has(g, "memory", g->version == CG_V2 ? "memory.max" : "memory.limit_in_bytes"))
		launch_word(l, CONFIG_MEMORY_HELD);
	cg_resources_free(&r);
	return 0;
}

void group_of(const struct container *c, struct cg *ret)
{
	if (cg_load(ret, json_object_get(c->state, NOTE)) < 0)
		*ret = (struct cg){0};
}

int group_enter(const struct runtime *rt, const struct container *c, pid_t pid)
{
	char *err = NULL;
	struct cg g;
	int r;

	group_of(c, &g);
	r = cg_enter(&g, pid, &err);
	cg_free(&g);
	if (r >= 0)
		return 0;
	if (!group_rootless(rt))
		return hand_up(err);
	warn("%s", err ? err : "the control group cannot be entered");
	free(err);
	return 0;
}

void group_thaw(const json_t *state)
{
	struct cg g;

	if (cg_load(&g, json_object_get(state, NOTE)) < 0)
		return;
	cg_thaw(&g);
	cg_free(&g);
}

int group_remove(const json_t *state)
{
	char *err = NULL;
	struct cg g;
	int r;

	if (cg_load(&g, json_object_get(state, NOTE)) < 0)
		return 0;
	r = cg_remove(&g, &err);
	cg_free(&g);
	return r < 0 ? hand_up(err) : 0;
}
