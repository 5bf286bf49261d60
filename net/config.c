/* SPDX-License-Identifier: MIT */
/* Parsing of an image's config: its layers' diffIDs, and what `picket run` needs to know. */
#include "manifest.h"

#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONFIG_LIST_MAX 4096u

static void list_free(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

/* An array of strings as a NULL-terminated list. Absent or null is NULL; anything else of the wrong shape is an error.
 */
static int list_from_array(char ***out, const json_t *obj, const char *key, const char *what, struct snap_error *e)
{
	const json_t *array = json_object_get(obj, key);
	char **list;

	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array) || json_array_size(array) > CONFIG_LIST_MAX)
		return snap_fail(
			e, EPROTO, "%s has a config of the wrong shape: '%s' is no list of strings", what, key);
	list = calloc(json_array_size(array) + 1, sizeof(*list));
	if (!list)
		return snap_fail(e, ENOMEM, "out of memory");
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *s = json_string_value(json_array_get(array, i));

		list[i] = s ? strdup(s) : NULL;
		if (!list[i]) {
			list_free(list);
			return snap_fail(
				e, EPROTO, "%s has a config of the wrong shape: '%s' is no list of strings", what, key);
		}
	}
	*out = list;
	return 0;
}

/* The keys of an object (volumes, ports), or KEY=VALUE of each string member (labels). */
static int list_from_object(
	char ***out, const json_t *obj, const char *key, bool pairs, const char *what, struct snap_error *e)
{
	json_t *map = json_object_get(obj, key), *value;
	const char *name;
	size_t n = 0;
	char **list;

	if (!map || json_is_null(map))
		return 0;
	if (!json_is_object(map) || json_object_size(map) > CONFIG_LIST_MAX)
		return snap_fail(e, EPROTO, "%s has a config of the wrong shape: '%s' is no object", what, key);
	list = calloc(json_object_size(map) + 1, sizeof(*list));
	if (!list)
		return snap_fail(e, ENOMEM, "out of memory");
	json_object_foreach(map, name, value)
	{
		const char *text = pairs ? json_string_value(value) : "";
		int len = text ? asprintf(&list[n], "%s%s%s", name, pairs ? "=" : "", text) : -1;

		if (len < 0) {
			list[n] = NULL;
			list_free(list);
			return snap_fail(e, EPROTO, "%s has a config of the wrong shape: a value of '%s' is no string",
				what, key);
		}
		n++;
	}
	*out = list;
	return 0;
}

static int string_from_json(char **out, const json_t *obj, const char *key, const char *what, struct snap_error *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_string(v))
		return snap_fail(e, EPROTO, "%s has a config of the wrong shape: '%s' is no string", what, key);
	*out = strdup(json_string_value(v));
	return *out ? 0 : snap_fail(e, ENOMEM, "out of memory");
}

/* The seconds of an RFC 3339 time in UTC or with an offset that is ignored; 0 if it is none. */
static int64_t time_from_text(const char *text)
{
	struct tm tm = {0};

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
			     &tm.tm_min, &tm.tm_sec) != 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return timegm(&tm);
}

static int number_text(char **out, const json_t *obj, const char *key, struct snap_error *e)
{
	json_int_t n = json_integer_value(json_object_get(obj, key));

	if (n <= 0) /* docker's default */
		return 0;
	return asprintf(out, "%lld", (long long)n) < 0 ? (*out = NULL, snap_fail(e, ENOMEM, "out of memory")) : 0;
}

/* docker's own addition to the OCI configuration. */
static int parse_health(struct run_record *r, const json_t *c, const char *what, struct snap_error *e)
{
	const json_t *h = json_object_get(c, "Healthcheck");
	int err;

	if (!h || json_is_null(h))
		return 0;
	if (!json_is_object(h))
		return snap_fail(e, EPROTO, "%s has a config of the wrong shape: 'Healthcheck' is no object", what);
	(void)((err = list_from_array(&r->health_test, h, "Test", what, e)) ||
		(err = number_text(&r->health_interval, h, "Interval", e)) ||
		(err = number_text(&r->health_timeout, h, "Timeout", e)) ||
		(err = number_text(&r->health_start_period, h, "StartPeriod", e)) ||
		(err = number_text(&r->health_start_interval, h, "StartInterval", e)) ||
		(err = number_text(&r->health_retries, h, "Retries", e)));
	return err;
}

static int parse_run(struct run_record *r, const json_t *root, const char *what, struct snap_error *e)
{
	const json_t *c = json_object_get(root, "config");
	int err;

	r->created = time_from_text(json_get_string(root, "created"));
	if (!c || json_is_null(c))
		return 0;
	if (!json_is_object(c))
		return snap_fail(e, EPROTO, "%s has a config of the wrong shape: 'config' is no object", what);
	(void)((err = list_from_array(&r->env, c, "Env", what, e)) ||
		(err = list_from_array(&r->entrypoint, c, "Entrypoint", what, e)) ||
		(err = list_from_array(&r->cmd, c, "Cmd", what, e)) ||
		(err = list_from_object(&r->labels, c, "Labels", true, what, e)) ||
		(err = list_from_object(&r->volumes, c, "Volumes", false, what, e)) ||
		(err = list_from_object(&r->ports, c, "ExposedPorts", false, what, e)) ||
		(err = string_from_json(&r->user, c, "User", what, e)) ||
		(err = string_from_json(&r->workdir, c, "WorkingDir", what, e)) ||
		(err = string_from_json(&r->stop_signal, c, "StopSignal", what, e)) ||
		(err = parse_health(r, c, what, e)));
	return err;
}

static int parse_diffids(struct image_config *c, const json_t *root, const char *what, struct snap_error *e)
{
	const json_t *ids = json_get_array(json_get_object(root, "rootfs"), "diff_ids");

	if (!ids)
		return snap_fail(e, EPROTO,
			"%s has a config of the wrong shape: 'rootfs.diff_ids' is missing or no array", what);
	if (json_array_size(ids) > LAYERS_MAX)
		return snap_fail(e, EPROTO, "%s is refused: it has %zu layers, more than the limit of %u", what,
			json_array_size(ids), LAYERS_MAX);
	c->diffids = calloc(json_array_size(ids) + 1, sizeof(*c->diffids));
	if (!c->diffids)
		return snap_fail(e, ENOMEM, "out of memory");
	for (; c->layer_count < json_array_size(ids); c->layer_count++)
		if (digest_parse_full(
			    json_string_value(json_array_get(ids, c->layer_count)), &c->diffids[c->layer_count]))
			return snap_fail(e, EPROTO,
				"%s has a config of the wrong shape: a diffID is not sha256: and 64 "
				"hexadecimal digits",
				what);
	return 0;
}

static int parse_config(struct image_config *c, const json_t *root, const char *what, struct snap_error *e)
{
	const char *arch = json_get_string(root, "architecture"), *os = json_get_string(root, "os");
	char text[PLATFORM_TEXT_MAX];
	int r;

	/* Configs without an architecture exist (made by hand); they are taken to be for this machine. */
	platform_default(&c->platform);
	if (arch && *arch && os && *os) {
		const char *variant = json_get_string(root, "variant");

		snprintf(text, sizeof(text), "%s/%s%s%s", os, arch, variant && *variant ? "/" : "",
			variant ? variant : "");
		if (platform_parse(&c->platform, text, NULL))
			return snap_fail(
				e, EPROTO, "%s has a config of the wrong shape: its platform '%s' is none", what, text);
	}
	r = parse_diffids(c, root, what, e);
	if (!r)
		r = parse_run(&c->record, root, what, e);
	if (r)
		return r;
	c->record.arch = strdup(c->platform.arch);
	c->record.os = strdup(c->platform.os);
	return c->record.arch && c->record.os ? 0 : snap_fail(e, ENOMEM, "out of memory");
}

int image_config_parse(struct image_config *out, const void *data, size_t len, const char *what, struct snap_error *e)
{
	struct image_config c = {0};
	char name[512];
	json_t *root;
	int r;

	snprintf(name, sizeof(name), "the config of %s", what);
	root = json_parse_object(data, len, name, e);
	if (!root)
		return -EPROTO;
	r = parse_config(&c, root, what, e);
	json_decref(root);
	if (r)
		image_config_free(&c);
	else
		*out = c;
	return r;
}

void image_config_free(struct image_config *c)
{
	free(c->diffids);
	run_record_free(&c->record);
	*c = (struct image_config){0};
}
