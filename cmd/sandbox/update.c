/* SPDX-License-Identifier: MIT */
/* picket update: limits and the restart policy of sandboxes, running ones too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/keep/policy.h"
#include "cmd/keep/record.h"
#include "cmd/lib/message.h"

/* What is to change: options as `run` knows them, and the words for the sentry. */
struct change {
	struct str_list names;	 /* "--memory": words that begin so go … */
	struct str_list options; /* … and these come */
	char *limits;
};

static void option(struct change *c, const char *name, char *value)
{
	str_list_add(&c->names, xasprintf("--%s", name));
	if (value)
		str_list_add(&c->options, xasprintf("--%s=%s", name, value));
	free(value);
}

static void limit(struct change *c, const char *name, int64_t value)
{
	char *old = c->limits;

	c->limits = xasprintf("%s%s%s=%lld", old ? old : "", old ? " " : "", name, (long long)value);
	free(old);
}

static char *decimal(int64_t v)
{
	return xasprintf("%lld", (long long)v);
}

static int read_memory(struct change *c, const struct update_options *o)
{
	if (o->memory && o->memory < 6 << 20)
		return complain(EXIT_FAILED, "--memory must be at least 6m");
	if (o->memory) {
		option(c, "memory", decimal(o->memory));
		limit(c, "memory", o->memory);
	}
	if (o->limits.memory_swap)
		option(c, "memory-swap", xstrdup(o->limits.memory_swap));
	if (o->limits.memory_reservation)
		option(c, "memory-reservation", decimal(o->limits.memory_reservation));
	return 0;
}

static int read_cpus(struct change *c, const struct update_options *o)
{
	const struct limit_options *l = &o->limits;
	int64_t v;

	if (l->cpus && (parse_cpus(l->cpus, &v) < 0 || (v && v < 10000000)))
		return complain(EXIT_FAILED, "--cpus takes a number of processors such as 1.5, not \"%s\"", l->cpus);
	if (l->cpus && (l->cpu_period || l->cpu_quota))
		return complain(EXIT_FAILED, "--cpus and --cpu-period or --cpu-quota say the same: leave one out");
	if (l->cpu_period && !l->cpu_quota)
		return complain(EXIT_FAILED, "--cpu-period needs --cpu-quota");
	if (l->cpus) {
		option(c, "cpu-period", NULL);
		option(c, "cpu-quota", NULL);
		option(c, "cpus", xstrdup(l->cpus));
	} else if (l->cpu_quota) {
		option(c, "cpus", NULL);
		option(c, "cpu-period", l->cpu_period ? decimal(l->cpu_period) : NULL);
		option(c, "cpu-quota", decimal(l->cpu_quota));
	}
	if (l->cpus || l->cpu_quota)
		limit(c, "cpus", limits_cpus(l));
	if (l->cpu_shares)
		option(c, "cpu-shares", decimal(l->cpu_shares));
	return 0;
}

static int read_change(struct change *c, const struct update_options *o)
{
	struct policy p;
	int status = read_memory(c, o);

	status = status ? status : read_cpus(c, o);
	if (status)
		return status;
	if (o->pids) {
		option(c, "pids-limit", decimal(o->pids));
		limit(c, "pids", o->pids < 0 ? 0 : o->pids);
	}
	if (o->restart) {
		if (policy_parse(&p, o->restart) < 0)
			return EXIT_FAILED;
		option(c, "restart", xstrdup(o->restart));
	}
	if (!c->names.count)
		return complain(EXIT_FAILED, "picket update has nothing to change: give --memory, --cpus, --pids-limit or --restart");
	return 0;
}

static bool is_option(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) == 0 && (word[len] == '=' || word[len] == '\0');
}

/* The options of an entry with the change. */
static void apply(struct str_list *options, const struct change *c)
{
	size_t n = 0;

	for (size_t i = 0; i < options->count; i++) {
		bool goes = false;

		for (size_t j = 0; j < c->names.count; j++)
			goes |= is_option(options->items[i], c->names.items[j]);
		if (goes)
			free(options->items[i]);
		else
			options->items[n++] = options->items[i];
	}
	options->count = n;
	if (options->items)
		options->items[n] = NULL;
	for (size_t i = 0; i < c->options.count; i++)
		str_list_add(options, xstrdup(c->options.items[i]));
}

/* The group that holds them on the host, if there is one. */
static void tell_group(const struct entry *e, const struct update_options *o)
{
	struct cgroup_limits limits;
	struct cgroup g;

	if (!e->state.sentry || !cgroup_of(e->state.sentry, &g))
		return;
	limits_of_group(o->memory, o->pids, &o->limits, &limits);
	cgroup_limit(&g, &limits);
}

static int tell_keeper(const struct entry *e, const struct change *c, const char *name)
{
	json_t *answer = NULL;
	int r, status = 0;

	if (e->state.status != ENTRY_RUNNING && e->state.status != ENTRY_PAUSED && e->state.status != ENTRY_RESTARTING)
		return 0;
	r = keeper_ask(e, json_pack("{s:s, s:s}", "do", "update", "limits", c->limits ? c->limits : ""), NULL, 0, &answer);
	if (r < 0 && r != -EPIPE && r != -ECONNREFUSED && r != -ENOENT)
		status = complain(EXIT_FAILED, "cannot change the limits of %s: %s", name, keeper_error(r, answer));
	json_decref(answer);
	return status;
}

static int one(const char *name, const struct change *c, const struct update_options *o)
{
	struct entry e;
	char *err = NULL;
	int r = entry_find(name, &e, &err), status = 0;

	if (r == 0) {
		r = entry_lock(&e, true, &err);
		if (r == 0) {
			apply(&e.config.options, c);
			r = entry_write_config(&e, &err);
			entry_unlock(&e);
		}
		if (r == 0) {
			tell_group(&e, o);
			status = tell_keeper(&e, c, name);
		}
		entry_free(&e);
	}
	if (r < 0)
		status = complain(EXIT_FAILED, "%s", err);
	free(err);
	if (status == 0)
		printf("%s\n", name);
	return status;
}

int cmd_update(const void *opts, int argc, char **argv)
{
	struct change c = {0};
	int status = read_change(&c, opts), r;

	for (int i = 0; status != EXIT_FAILED && i < argc; i++)
		if (one(argv[i], &c, opts))
			status = -1;
	str_list_free(&c.names);
	str_list_free(&c.options);
	free(c.limits);
	r = finish_output();
	return status ? EXIT_FAILED : r;
}
