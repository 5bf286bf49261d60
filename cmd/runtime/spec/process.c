/* SPDX-License-Identifier: MIT */
/* `process`: of config.json, or of an exec. */
#include "cmd/runtime/spec/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void read_user(struct reader *r, json_t *process, const char *where, struct spec_user *u)
{
	char at[64];
	json_t *user, *groups;
	int64_t umask;
	uint32_t *list;

	u->umask = SPEC_NO_UMASK;
	user = reader_object(r, process, where, "user");
	snprintf(at, sizeof(at), "%suser.", where);
	u->uid = reader_id(r, user, at, "uid", false);
	u->gid = reader_id(r, user, at, "gid", false);
	if (reader_number(r, user, at, "umask", 0, 07777, &umask))
		u->umask = (uint32_t)umask & 0777;
	groups = reader_array(r, user, at, "additionalGids", GROUPS_LIMIT);
	if (!groups)
		return;
	list = xcalloc(json_array_size(groups) + 1, sizeof(*list));
	u->groups = list;
	for (size_t i = 0; i < json_array_size(groups); i++) {
		json_t *v = json_array_get(groups, i);

		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) >= UINT32_MAX)
			reader_fail(r, "%sadditionalGids[%zu] is not a group id", at, i);
		list[u->n_groups++] = (uint32_t)json_integer_value(v);
	}
}

static void read_env(struct reader *r, const char *where, const struct spec_process *p)
{
	for (size_t i = 0; i < p->n_env; i++)
		if (p->env[i][0] == '=' || !strchr(p->env[i], '='))
			reader_fail(r, "%senv[%zu]: invalid environment variable: \"%s\"", where, i, p->env[i]);
}

static void read_console(struct reader *r, json_t *process, const char *where, struct spec_process *p)
{
	json_t *size;
	char at[64];
	int64_t v;

	p->terminal = reader_bool(r, process, where, "terminal");
	size = reader_object(r, process, where, "consoleSize");
	snprintf(at, sizeof(at), "%sconsoleSize.", where);
	if (reader_number(r, size, at, "height", 0, UINT16_MAX, &v))
		p->rows = (uint16_t)v;
	if (reader_number(r, size, at, "width", 0, UINT16_MAX, &v))
		p->cols = (uint16_t)v;
}

static uint64_t read_set(struct reader *r, json_t *caps, const char *where, const char *key)
{
	size_t n;
	const char **names = reader_strings(r, caps, where, key, STRINGS_LIMIT, &n);
	uint64_t set = 0;

	for (size_t i = 0; i < n; i++) {
		int bit = spec_capability(names[i]);

		if (bit < 0)
			reader_warn(r, "%s%s: ignoring unknown or unavailable capability \"%.100s\"", where, key, names[i]);
		else
			set |= 1ull << bit;
	}
	free(names);
	return set;
}

/* As the kernel has them: what is effective is permitted; what is ambient is permitted and inheritable, or it is not raised. */
static void read_capabilities(struct reader *r, json_t *process, const char *where, struct spec_process *p)
{
	json_t *caps = reader_object(r, process, where, "capabilities");
	struct spec_caps *c = &p->caps;
	uint64_t lost;
	char at[64];

	snprintf(at, sizeof(at), "%scapabilities.", where);
	c->bounding = read_set(r, caps, at, "bounding");
	c->effective = read_set(r, caps, at, "effective");
	c->permitted = read_set(r, caps, at, "permitted");
	c->inheritable = read_set(r, caps, at, "inheritable");
	c->ambient = read_set(r, caps, at, "ambient");
	lost = c->effective & ~c->permitted;
	if (lost)
		reader_fail(r, "%seffective has %s, which is not in permitted", at, spec_capability_name((unsigned)__builtin_ctzll(lost)));
	c->ambient &= c->permitted & c->inheritable; /* the rest cannot be raised: runc's own default has such ones, and says nothing */
}

static uint64_t limit_of(int64_t v)
{
	return v == INT64_MAX || v < 0 ? UINT64_MAX : (uint64_t)v;
}

static void read_rlimits(struct reader *r, json_t *process, const char *where, struct spec_process *p)
{
	json_t *list = reader_array(r, process, where, "rlimits", RLIMITS_LIMIT);
	struct spec_rlimit *out = xcalloc(json_array_size(list) + 1, sizeof(*out));

	p->rlimits = out;
	for (size_t i = 0; i < json_array_size(list) && !r->err; i++) {
		json_t *e = json_array_get(list, i);
		int64_t soft = 0, hard = 0;
		const char *type;
		char at[80];
		int resource;

		snprintf(at, sizeof(at), "%srlimits[%zu]", where, i);
		if (!json_is_object(e)) {
			reader_fail(r, "%s is not an object", at);
			break;
		}
		strcat(at, ".");
		reader_need(r, e, at, "type");
		type = reader_string(r, e, at, "type");
		resource = type ? rlimit_by_name(type) : -1;
		reader_number(r, e, at, "soft", -1, INT64_MAX, &soft);
		reader_number(r, e, at, "hard", -1, INT64_MAX, &hard);
		if (r->err)
			break;
		if (resource < 0)
			reader_fail(r, "%stype: no such resource limit: \"%.100s\"", at, type);
		for (size_t j = 0; j < p->n_rlimits; j++)
			if ((int)out[j].resource == resource)
				reader_fail(r, "%stype: %s stands twice", at, type);
		if (limit_of(soft) > limit_of(hard))
			reader_fail(r, "%ssoft is above hard", at);
		out[p->n_rlimits++] = (struct spec_rlimit){(unsigned)resource, limit_of(soft), limit_of(hard)};
	}
}

/* What is asked for by name and has no effect here. */
static void note_ignored(struct reader *r, json_t *process, const char *where)
{
	const char *profile = reader_string(r, process, where, "apparmorProfile");
	const char *label = reader_string(r, process, where, "selinuxLabel");

	if (profile && *profile && strcmp(profile, "unconfined") != 0)
		reader_warn(r, "%sapparmorProfile: \"%.100s\" has no effect: processes inside are confined by the sentry", where, profile);
	if (label && *label)
		reader_warn(r, "%sselinuxLabel: \"%.100s\" has no effect: processes inside are confined by the sentry", where, label);
	if (reader_object(r, process, where, "execCPUAffinity"))
		reader_warn(r, "%sexecCPUAffinity has no effect", where);
}

static void read_scheduling(struct reader *r, json_t *process, const char *where)
{
	static const char *const policies[] = {"SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE", "SCHED_FIFO", "SCHED_RR", "SCHED_ISO", "SCHED_DEADLINE"};
	static const char *const classes[] = {"IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"};
	json_t *s = reader_object(r, process, where, "scheduler"), *io = reader_object(r, process, where, "ioPriority");
	const char *name;
	bool known = false;
	char at[64];
	int64_t v;

	snprintf(at, sizeof(at), "%sscheduler.", where);
	if (s) {
		reader_need(r, s, at, "policy");
		name = reader_string(r, s, at, "policy");
		for (size_t i = 0; name && i < sizeof(policies) / sizeof(policies[0]); i++)
			known |= strcmp(name, policies[i]) == 0;
		reader_number(r, s, at, "nice", -20, 19, &v);
		if (name && !known)
			reader_fail(r, "%spolicy: no such policy: \"%.100s\"", at, name);
		if (name)
			reader_warn(r, "%spolicy: %s has no effect: the host schedules all processes inside alike", at, name);
	}
	known = false;
	snprintf(at, sizeof(at), "%sioPriority.", where);
	if (io) {
		name = reader_string(r, io, at, "class");
		for (size_t i = 0; name && i < sizeof(classes) / sizeof(classes[0]); i++)
			known |= strcmp(name, classes[i]) == 0;
		if (!known)
			reader_fail(r, "%sclass: no such class: \"%.100s\"", at, name ? name : "");
		reader_number(r, io, at, "priority", 0, 7, &v);
		reader_warn(r, "%sclass: %s has no effect: the host treats all processes inside alike", at, name ? name : "");
	}
}

void read_process(struct reader *r, json_t *obj, const char *name, struct spec_process *p)
{
	const char *where = *name ? "process." : "";
	int64_t v;

	p->tree = json_incref(obj);
	read_console(r, obj, where, p);
	read_user(r, obj, where, &p->user);
	p->args = reader_strings(r, obj, where, "args", STRINGS_LIMIT, &p->n_args);
	p->env = reader_strings(r, obj, where, "env", STRINGS_LIMIT, &p->n_env);
	p->cwd = reader_string(r, obj, where, "cwd");
	read_env(r, where, p);
	read_capabilities(r, obj, where, p);
	read_rlimits(r, obj, where, p);
	p->no_new_privs = reader_bool(r, obj, where, "noNewPrivileges");
	if (reader_number(r, obj, where, "oomScoreAdj", -1000, 1000, &v)) {
		p->oom_given = true;
		p->oom_score_adj = (int)v;
	}
	note_ignored(r, obj, where);
	read_scheduling(r, obj, where);
	if (r->err)
		return;
	if (p->n_args == 0 || !*p->args[0])
		reader_fail(r, "%sargs must not be empty", where);
	if (!p->cwd || !*p->cwd)
		reader_fail(r, "%scwd property must not be empty", where);
	else if (p->cwd[0] != '/')
		reader_fail(r, "%scwd must be an absolute path: \"%.200s\"", where, p->cwd);
	else if (strlen(p->cwd) >= PATH_MAX)
		reader_fail(r, "%scwd is longer than a path can be", where);
}

void process_release(struct spec_process *p)
{
	free(p->args);
	free(p->env);
	free((void *)(uintptr_t)p->rlimits);
	free((void *)(uintptr_t)p->user.groups);
	str_list_free(&p->warnings);
	json_decref(p->tree);
}

int spec_process_parse(const char *text, size_t len, struct spec_process **out, char **err)
{
	struct spec_process *p;
	struct reader r = {0};
	json_t *tree = reader_text(text, len, "the process", err);

	if (!tree)
		return -1;
	p = xcalloc(1, sizeof(*p));
	r.warnings = &p->warnings;
	read_process(&r, tree, "", p);
	json_decref(tree);
	if (r.err) {
		spec_process_free(p);
		*err = r.err;
		return -1;
	}
	*out = p;
	return 0;
}

int spec_process_read(const char *path, struct spec_process **out, char **err)
{
	size_t len;
	char *text = reader_slurp(path, SPEC_BYTES_MAX, &len, err);
	int r;

	if (!text)
		return -1;
	r = spec_process_parse(text, len, out, err);
	free(text);
	return r;
}

void spec_process_free(struct spec_process *p)
{
	if (!p)
		return;
	process_release(p);
	free(p);
}
