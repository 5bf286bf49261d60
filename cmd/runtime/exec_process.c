/* SPDX-License-Identifier: MIT */
/* `exec`: which process is to be started. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/exec.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/spec/spec.h"
#include "cmd/runtime/state.h"

static int fail_with(char *err)
{
	fail("%s", err ? err : "out of memory");
	free(err);
	return -1;
}

/* A number at *text*, which ends at `end`. */
static int read_id(const char *text, char end, const char **rest, json_int_t *ret)
{
	char *at;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &at, 10);
	if (at == text || *text < '0' || *text > '9' || errno || value > UINT32_MAX || (*at && *at != end))
		return -1;
	*ret = (json_int_t)value;
	*rest = *at ? at + 1 : at;
	return 0;
}

/* --user UID[:GID], --additional-gids A,B: numbers, as runc has them. */
static int set_user(json_t *process, const struct exec_arguments *a)
{
	json_t *user = json_object_get(process, "user"), *gids;
	json_int_t id;
	const char *at = a->user;

	if (!user) {
		user = json_object();
		json_object_set_new(process, "user", user);
	}
	if (at && (read_id(at, ':', &at, &id) < 0 || json_object_set_new(user, "uid", json_integer(id)) < 0))
		return fail("--user is UID[:GID], not %s", a->user);
	if (at && *at && (read_id(at, '\0', &at, &id) < 0 || json_object_set_new(user, "gid", json_integer(id)) < 0))
		return fail("--user is UID[:GID], not %s", a->user);
	if (!a->gids)
		return 0;
	gids = json_object_get(user, "additionalGids");
	if (!gids) {
		gids = json_array();
		json_object_set_new(user, "additionalGids", gids);
	}
	for (at = a->gids; *at;)
		if (read_id(at, ',', &at, &id) < 0 || json_array_append_new(gids, json_integer(id)) < 0)
			return fail("--additional-gids is a list of numbers, not %s", a->gids);
	return 0;
}

static void append_all(json_t *array, const struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, json_string(list->items[i]));
}

/* As runc: a capability is one of each set; of the inheritable and ambient ones only with --cap. */
static void add_caps(json_t *process, const struct str_list *caps)
{
	static const char *const sets[] = {"bounding", "effective", "permitted", NULL};
	json_t *all = json_object_get(process, "capabilities");

	if (!caps->count)
		return;
	if (!all) {
		all = json_object();
		json_object_set_new(process, "capabilities", all);
	}
	for (const char *const *set = sets; *set; set++) {
		json_t *list = json_object_get(all, *set);

		if (!list) {
			list = json_array();
			json_object_set_new(all, *set, list);
		}
		append_all(list, caps);
	}
}

static json_t *words(int argc, char **argv)
{
	json_t *args = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(args, json_string(argv[i]));
	return args;
}

/* The container's own process, with what the command line says. */
static int from_container(const struct container *c, const struct exec_arguments *a, int argc, char **argv, json_t **ret)
{
	struct spec *s = NULL;
	char *err = NULL;
	json_t *p, *env;

	if (spec_read(c->bundle, NULL, &s, &err) < 0)
		return fail_with(err);
	p = s->process.tree ? json_deep_copy(s->process.tree) : json_object();
	spec_free(s);
	json_object_set_new(p, "args", words(argc, argv));
	json_object_set_new(p, "terminal", json_boolean(a->tty));
	if (a->cwd)
		json_object_set_new(p, "cwd", json_string(a->cwd));
	if (a->no_new_privs)
		json_object_set_new(p, "noNewPrivileges", json_true());
	env = json_object_get(p, "env");
	if (!env) {
		env = json_array();
		json_object_set_new(p, "env", env);
	}
	append_all(env, &a->env);
	add_caps(p, &a->caps);
	if (set_user(p, a) < 0) {
		json_decref(p);
		return -1;
	}
	*ret = p;
	return 0;
}

int exec_process(const struct container *c, const struct exec_arguments *a, int argc, char **argv, struct spec_process **ret)
{
	char *err = NULL, *text;
	json_t *p = NULL;
	int r;

	if (a->process)
		return spec_process_read(a->process, ret, &err) < 0 ? fail_with(err) : 0;
	if (argc < 1)
		return fail("exec needs a command, or --process");
	if (from_container(c, a, argc, argv, &p) < 0)
		return -1;
	text = json_dumps(p, JSON_COMPACT);
	r = text ? spec_process_parse(text, strlen(text), ret, &err) : -1;
	json_decref(p);
	free(text);
	return r < 0 ? fail_with(err) : 0;
}
