/* SPDX-License-Identifier: MIT */
/* picket volume create, ls, rm, inspect, prune. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cmd/commands.h"
#include "cmd/keep/volumes.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/template.h"
#include "cmd/sandbox/control.h"
#include "cmd/sandbox/describe.h"

/* ---- create ---- */

static char *random_name(void)
{
	unsigned char bytes[32];
	char *name = xcalloc(1, 65);

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		memset(bytes, 1, sizeof(bytes));
	for (int i = 0; i < 32; i++)
		snprintf(name + 2 * i, 3, "%02x", bytes[i]);
	return name;
}

int cmd_volume_create(const void *opts, int argc, char **argv)
{
	const struct volume_options *o = opts;
	char *name = argc ? xstrdup(argv[0]) : random_name(), *err = NULL;
	int status = 0;

	if (o->driver && strcmp(o->driver, "local") != 0)
		status = complain(EXIT_FAILED, "there are no drivers of volumes but local, so not \"%s\"", o->driver);
	if (status == 0 && volume_make(name, &o->labels, NULL, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	if (status == 0)
		puts(name);
	free(name);
	free(err);
	return status ? status : finish_output();
}

/* ---- ls ---- */

static bool has_label(const struct volume *v, const char *wanted)
{
	size_t len = strlen(wanted);
	bool whole = strchr(wanted, '=');

	for (size_t i = 0; i < v->labels.count; i++) {
		const char *l = v->labels.items[i];

		if (whole ? strcmp(l, wanted) == 0 : strncmp(l, wanted, len) == 0 && (!l[len] || l[len] == '='))
			return true;
	}
	return false;
}

static bool dangling(const struct volume *v)
{
	struct str_list users = {0};
	bool none;

	volume_users(v, &users);
	none = users.count == 0;
	str_list_free(&users);
	return none;
}

static bool truth(const char *s)
{
	return strcmp(s, "true") == 0 || strcmp(s, "1") == 0;
}

static int check_filters(const struct str_list *filters)
{
	static const char *const names[] = {"dangling=", "driver=", "label=", "name="};

	for (size_t i = 0; i < filters->count; i++) {
		bool known = false;

		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			known |= strncmp(filters->items[i], names[k], strlen(names[k])) == 0;
		if (!known)
			return complain(EXIT_FAILED, "unknown filter \"%s\": dangling=, driver=, label= and name= are known",
				filters->items[i]);
	}
	return 0;
}

static bool passes(const struct volume *v, const struct str_list *filters)
{
	for (size_t i = 0; i < filters->count; i++) {
		const char *f = filters->items[i], *value = strchr(f, '=') + 1;
		bool ok = true;

		if (strncmp(f, "name=", 5) == 0)
			ok = strstr(v->name, value);
		else if (strncmp(f, "label=", 6) == 0)
			ok = has_label(v, value);
		else if (strncmp(f, "driver=", 7) == 0)
			ok = strcmp(value, "local") == 0;
		else
			ok = dangling(v) == truth(value);
		if (!ok)
			return false;
	}
	return true;
}

static char *labels_line(const struct volume *v)
{
	char *text = xstrdup("");

	for (size_t i = 0; i < v->labels.count; i++) {
		char *old = text;

		text = xasprintf("%s%s%s", old, *old ? "," : "", v->labels.items[i]);
		free(old);
	}
	return text;
}

static json_t *row_of(const struct volume *v, bool sizes)
{
	json_t *row = json_object();
	char *labels = labels_line(v), size[32], *mount = xasprintf("%s/upper/root", v->dir);

	json_object_set_new(row, "Driver", json_string("local"));
	json_object_set_new(row, "Name", jtext(v->name));
	json_object_set_new(row, "Labels", jtext(labels));
	json_object_set_new(row, "Mountpoint", jtext(mount));
	json_object_set_new(row, "Scope", json_string("local"));
	json_object_set_new(row, "Size", jtext(sizes ? human_size(volume_size(v), size, sizeof(size)) : "N/A"));
	free(labels);
	free(mount);
	return row;
}

int cmd_volume_ls(const void *opts, int argc, char **argv)
{
	static const struct list_column columns[] = {{"Driver", "DRIVER", COLUMN_SHOWN}, {"Name", "VOLUME NAME", COLUMN_SHOWN},
		{"Labels", "LABELS", 0}, {"Mountpoint", "MOUNTPOINT", 0}, {"Scope", "SCOPE", 0}, {"Size", "SIZE", 0}};
	const struct volume_options *o = opts;
	struct volume_list list = {0};
	json_t *rows = json_array();
	char *err = NULL;
	int status = check_list_format(o->format);

	if (status == 0)
		status = check_filters(&o->filters);
	if (status == 0 && volumes_list(&list, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	for (size_t i = 0; status == 0 && i < list.count; i++) {
		if (!passes(&list.items[i], &o->filters))
			continue;
		if (o->quiet)
			puts(list.items[i].name);
		else
			json_array_append_new(rows, row_of(&list.items[i], o->format && strstr(o->format, "Size")));
	}
	if (status == 0 && !o->quiet)
		status = print_list(o->format, columns, sizeof(columns) / sizeof(columns[0]), rows, stdout);
	json_decref(rows);
	volume_list_free(&list);
	free(err);
	return status ? status : finish_output();
}

/* ---- rm, prune ---- */

static int remove_one(const char *name, bool force)
{
	struct str_list users = {0};
	char *err = NULL;
	struct volume v;
	int status = 0, r = volume_find(name, &v, &err);

	if (r == -ENOENT && force) {
		free(err);
		return 0;
	}
	if (r == 0) {
		volume_users(&v, &users);
		if (users.count)
			status = complain(EXIT_FAILED,
				"cannot remove the volume %s: the sandbox %s%s uses it; remove that first (picket rm %s)", name,
				users.items[0], users.count > 1 ? " (and others)" : "", users.items[0]);
		else
			r = volume_remove(&v, &err);
		volume_free(&v);
	}
	if (r < 0)
		status = complain(EXIT_FAILED, "%s", err);
	str_list_free(&users);
	free(err);
	return status;
}

int cmd_volume_rm(const void *opts, int argc, char **argv)
{
	const struct volume_options *o = opts;
	int status = 0;

	for (int i = 0; i < argc; i++) {
		int s = remove_one(argv[i], o->force);

		if (s == 0)
			puts(argv[i]);
		status = s ? s : status;
	}
	return status ? status : finish_output();
}

/* Without -a those that no name was given: 64 hex digits, or a sandbox's own. */
static bool anonymous(const struct volume *v)
{
	return *v->sandbox || (strlen(v->name) == 64 && strspn(v->name, "0123456789abcdef") == 64);
}

int cmd_volume_prune(const void *opts, int argc, char **argv)
{
	const struct volume_options *o = opts;
	struct volume_list list = {0};
	uint64_t freed = 0;
	char *err = NULL, size[32];
	bool any = false;
	int status = check_filters(&o->filters);

	if (status == 0 && !o->force &&
		!confirmed(o->all ? "WARNING! This will remove all local volumes not used by at least one container."
				  : "WARNING! This will remove anonymous local volumes not used by at least one container."))
		return finish_output();
	if (status == 0 && volumes_list(&list, &err) < 0)
		status = complain(EXIT_FAILED, "%s", err);
	for (size_t i = 0; status == 0 && i < list.count; i++) {
		struct volume *v = &list.items[i];
		uint64_t bytes;

		if ((!o->all && !anonymous(v)) || !dangling(v) || !passes(v, &o->filters))
			continue;
		bytes = volume_size(v);
		free(err);
		err = NULL;
		if (volume_remove(v, &err) < 0)
			continue;
		if (!any)
			puts("Deleted Volumes:");
		any = true;
		puts(v->name);
		freed += bytes;
	}
	if (any)
		puts("");
	if (status == 0)
		printf("Total reclaimed space: %s\n", human_size(freed, size, sizeof(size)));
	volume_list_free(&list);
	free(err);
	return status ? status : finish_output();
}

/* ---- inspect ---- */

static json_t *details(const struct volume *v)
{
	json_t *j = json_object(), *labels = json_object();
	char *created = time_rfc3339(v->created), *mount = xasprintf("%s/upper/root", v->dir);

	for (size_t i = 0; i < v->labels.count; i++) {
		const char *l = v->labels.items[i];
		size_t len = strcspn(l, "=");
		char *key = xasprintf("%.*s", (int)len, l);

		json_object_set_new(labels, key, jtext(l[len] ? l + len + 1 : ""));
		free(key);
	}
	json_object_set_new(j, "CreatedAt", jtext(created));
	json_object_set_new(j, "Driver", json_string("local"));
	json_object_set_new(j, "Labels", labels);
	json_object_set_new(j, "Mountpoint", jtext(mount));
	json_object_set_new(j, "Name", jtext(v->name));
	json_object_set_new(j, "Options", json_null());
	json_object_set_new(j, "Scope", json_string("local"));
	free(created);
	free(mount);
	return j;
}

int cmd_volume_inspect(const void *opts, int argc, char **argv)
{
	const struct volume_options *o = opts;
	json_t *all = json_array();
	struct template *t = NULL;
	int status = 0;

	if (o->format && *o->format && strcmp(o->format, "json") != 0) {
		char *err = NULL;

		t = template_parse(o->format, &err);
		if (!t)
			status = complain(EXIT_FAILED, "%s", err);
		free(err);
		if (status) {
			json_decref(all);
			return status;
		}
	}
	for (int i = 0; i < argc; i++) {
		char *err = NULL;
		struct volume v;

		if (volume_find(argv[i], &v, &err) < 0) {
			status = complain(EXIT_FAILED, "%s", err);
		} else {
			json_array_append_new(all, details(&v));
			volume_free(&v);
		}
		free(err);
	}
	if (t) {
		for (size_t i = 0; i < json_array_size(all); i++) {
			char *err = NULL;

			if (template_run(t, json_array_get(all, i), stdout, &err) < 0)
				status = complain(EXIT_FAILED, "%s", err);
			else
				puts("");
			free(err);
		}
	} else {
		json_dumpf(all, stdout, o->format && *o->format ? 0 : JSON_INDENT(4));
		puts("");
	}
	template_free(t);
	json_decref(all);
	return status ? status : finish_output();
}
