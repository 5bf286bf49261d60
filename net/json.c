/* SPDX-License-Identifier: MIT */
/* JSON from registries and archives. */
#include "json.h"

#include <errno.h>
#include <string.h>

/* Deepest nesting of a text, without parsing it: brackets outside of strings. Cuts off what would recurse for long. */
static unsigned int json_depth(const char *p, size_t len)
{
	unsigned int depth = 0, most = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		if (string) {
			if (p[i] == '\\')
				i++;
			else if (p[i] == '"')
				string = false;
		} else if (p[i] == '"') {
			string = true;
		} else if (p[i] == '{' || p[i] == '[') {
			if (++depth > most)
				most = depth;
		} else if ((p[i] == '}' || p[i] == ']') && depth) {
			depth--;
		}
	}
	return most;
}

static json_t *json_parse(const void *data, size_t len, const char *what, struct snap_error *e)
{
	json_error_t error;
	json_t *json;

	if (json_depth(data, len) > JSON_DEPTH_LIMIT) {
		snap_fail(e, EPROTO, "%s is refused: its JSON is nested more than %d deep", what, JSON_DEPTH_LIMIT);
		return NULL;
	}
	json = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		snap_fail(e, EPROTO, "%s is not valid JSON: %s", what, error.text);
	return json;
}

json_t *json_parse_object(const void *data, size_t len, const char *what, struct snap_error *e)
{
	json_t *json = json_parse(data, len, what, e);

	if (json && !json_is_object(json)) {
		snap_fail(e, EPROTO, "%s has the wrong shape: it is not a JSON object", what);
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *json_parse_array(const void *data, size_t len, const char *what, struct snap_error *e)
{
	json_t *json = json_parse(data, len, what, e);

	if (json && !json_is_array(json)) {
		snap_fail(e, EPROTO, "%s has the wrong shape: it is not a JSON array", what);
		json_decref(json);
		return NULL;
	}
	return json;
}

const char *json_get_string(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

json_t *json_get_object(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_object(v) ? v : NULL;
}

json_t *json_get_array(const json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_array(v) ? v : NULL;
}

int json_get_size(const json_t *obj, const char *key, uint64_t *out)
{
	json_t *v = json_object_get(obj, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

int digest_parse_full(const char *text, struct digest *out)
{
	if (!text || strncmp(text, "sha256:", 7))
		return -1;
	return digest_parse(text, out) ? -1 : 0;
}

int json_get_digest(const json_t *obj, const char *key, struct digest *out)
{
	return digest_parse_full(json_get_string(obj, key), out);
}
