/* SPDX-License-Identifier: MIT */
/* config.json as a whole. */
#include "cmd/runtime/spec/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_version(struct reader *r, json_t *tree, struct spec *s)
{
	reader_need(r, tree, "", "ociVersion");
	s->oci_version = reader_string(r, tree, "", "ociVersion");
	if (r->err)
		return;
	/* 0.x were drafts, in which fields had other places. */
	if (strncmp(s->oci_version, "1.", 2) != 0)
		reader_fail(r, "ociVersion: \"%.40s\" is not a version that is known here: 1.0 to " SPEC_VERSION, s->oci_version);
}

static void read_root(struct reader *r, json_t *tree, struct spec *s)
{
	json_t *root;
	const char *path;

	reader_need(r, tree, "", "root");
	root = reader_object(r, tree, "", "root");
	reader_need(r, root, "root.", "path");
	path = reader_string(r, root, "root.", "path");
	s->root_readonly = reader_bool(r, root, "root.", "readonly");
	if (r->err)
		return;
	if (!*path)
		reader_fail(r, "root.path is empty");
	else if (strlen(path) + strlen(s->bundle) + 2 > PATH_MAX)
		reader_fail(r, "root.path is longer than a path can be");
	s->root = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", s->bundle, path);
}

static void read_names(struct reader *r, json_t *tree, struct spec *s)
{
	s->hostname = reader_string(r, tree, "", "hostname");
	s->domainname = reader_string(r, tree, "", "domainname");
	if (s->hostname && !*s->hostname)
		s->hostname = NULL;
	if (s->domainname && !*s->domainname)
		s->domainname = NULL;
	if (s->hostname && strlen(s->hostname) > 64)
		reader_fail(r, "hostname: \"%.80s\" is longer than 64 bytes", s->hostname);
	if (s->domainname && strlen(s->domainname) > 64)
		reader_fail(r, "domainname: \"%.80s\" is longer than 64 bytes", s->domainname);
	if (s->hostname && !s->ns[SPEC_NS_UTS].given)
		reader_fail(r, "unable to set hostname without a private UTS namespace");
	if (s->domainname && !s->ns[SPEC_NS_UTS].given)
		reader_fail(r, "unable to set domainname without a private UTS namespace");
}

/* Lists of commands; who runs them looks at the rest. */
static void read_hooks(struct reader *r, json_t *tree, struct spec *s)
{
	static const char *const kinds[] = {"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"};

	s->hooks = reader_object(r, tree, "", "hooks");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_t *list = reader_array(r, s->hooks, "hooks.", kinds[i], 1024);

		for (size_t j = 0; j < json_array_size(list) && !r->err; j++) {
			json_t *h = json_array_get(list, j);
			const char **args, **env, *path;
			size_t n_env;
			int64_t timeout;
			char at[64];

			snprintf(at, sizeof(at), "hooks.%s[%zu].", kinds[i], j);
			if (!json_is_object(h)) {
				reader_fail(r, "hooks.%s[%zu] is not an object", kinds[i], j);
				break;
			}
			reader_need(r, h, at, "path");
			path = reader_string(r, h, at, "path");
			if (path && *path != '/')
				reader_fail(r, "%spath: \"%.200s\" is not an absolute path", at, path);
			args = reader_strings(r, h, at, "args", STRINGS_LIMIT, NULL);
			env = reader_strings(r, h, at, "env", STRINGS_LIMIT, &n_env);
			for (size_t k = 0; k < n_env; k++)
				if (!strchr(env[k], '='))
					reader_fail(r, "%senv[%zu]: invalid environment variable: \"%.200s\"", at, k, env[k]);
			if (reader_number(r, h, at, "timeout", INT32_MIN, INT32_MAX, &timeout) && timeout <= 0)
				reader_fail(r, "%stimeout is %lld: not more than 0", at, (long long)timeout);
			free(args);
			free(env);
		}
	}
}

static bool annotation_bool(struct reader *r, const char *key, const char *value)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		reader_fail(r, "annotations: %s is \"%.40s\": neither true nor false", key, value);
	return strcmp(value, "true") == 0;
}

void read_annotations(struct reader *r, json_t *tree, struct spec *s)
{
	const char *key;
	json_t *v;

	s->annotations = reader_object(r, tree, "", "annotations");
	json_object_foreach(s->annotations, key, v) {
		const char *value = json_string_value(v);

		if (!value) {
			reader_fail(r, "annotations: the value of \"%.100s\" is not a string", key);
			return;
		}
		/* crun's; podman sends it for `--group-add keep-groups`. */
		if (strcmp(key, "run.oci.keep_original_groups") == 0 && strcmp(value, "0") != 0)
			reader_warn(r, "annotations: %s has no effect: groups of the caller are not groups inside", key);
		if (strncmp(key, "dev.picket.", 11) != 0)
			continue;
		if (strcmp(key + 11, "trace") == 0) {
			s->trace = value;
			if (*value != '/')
				reader_fail(r, "annotations: %s is \"%.200s\": not an absolute path", key, value);
		} else if (strcmp(key + 11, "debug") == 0) {
			s->debug = annotation_bool(r, key, value);
		} else if (strcmp(key + 11, "rewrite") == 0) {
			if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
				reader_fail(r, "annotations: %s is \"%.40s\": neither on nor off", key, value);
			s->no_rewrite = strcmp(value, "off") == 0;
		} else if (strcmp(key + 11, "network") == 0) {
			if (strcmp(value, "none") != 0 && strcmp(value, "container") != 0)
				reader_fail(r, "annotations: %s is \"%.40s\": neither none nor container", key, value);
			s->network_none = strcmp(value, "none") == 0;
		} else {
			reader_warn(r, "annotations: %.100s is not known", key);
		}
	}
}

/* Objects of other systems than Linux: what is for them means nothing here. A virtual machine's has no other meaning. */
static void read_foreign(struct reader *r, json_t *tree)
{
	static const char *const systems[] = {"windows", "solaris", "vm", "zos", "freebsd"};

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (reader_object(r, tree, "", systems[i]))
			reader_warn(r, "%s has no effect: this is a container of Linux", systems[i]);
}

static void read_all(struct reader *r, struct spec *s)
{
	json_t *process;

	read_version(r, s->tree, s);
	read_root(r, s->tree, s);
	process = reader_object(r, s->tree, "", "process");
	if (!process)
		reader_fail(r, "process is missing");
	else
		read_process(r, process, "process", &s->process);
	read_mounts(r, s->tree, s);
	read_linux(r, s->tree, s);
	read_names(r, s->tree, s);
	read_hooks(r, s->tree, s);
	read_annotations(r, s->tree, s);
	read_foreign(r, s->tree);
}

static int parse(const char *text, size_t len, const char *what, const char *bundle, struct spec **out, char **err)
{
	struct reader r = {0};
	struct spec *s;
	json_t *tree = reader_text(text, len, what, err);

	if (!tree)
		return -1;
	s = xcalloc(1, sizeof(*s));
	s->tree = tree;
	s->bundle = xstrdup(bundle);
	r.warnings = &s->warnings;
	read_all(&r, s);
	if (r.err) {
		*err = xasprintf("%s: %s", what, r.err);
		free(r.err);
		spec_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

int spec_parse(const char *text, size_t len, const char *bundle, struct spec **out, char **err)
{
	return parse(text, len, "config.json", bundle, out, err);
}

/* The bundle's absolute path, as `state` shows it. */
static char *absolute(const char *path)
{
	char cwd[PATH_MAX];

	if (*path == '/' || !getcwd(cwd, sizeof(cwd)))
		return xstrdup(path);
	return strcmp(path, ".") == 0 || !*path ? xstrdup(cwd) : xasprintf("%s/%s", cwd, path);
}

int spec_read(const char *bundle, const char *config, struct spec **out, char **err)
{
	char *dir = absolute(bundle), *path = config ? xstrdup(config) : xasprintf("%s/config.json", dir);
	const char *name = strrchr(path, '/');
	size_t len;
	char *text = reader_slurp(path, SPEC_BYTES_MAX, &len, err);
	int r = text ? parse(text, len, name ? name + 1 : path, dir, out, err) : -1;

	free(text);
	free(path);
	free(dir);
	return r;
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	process_release(&s->process);
	for (size_t i = 0; i < s->n_mounts; i++)
		free(s->mounts[i].data);
	free(s->mounts);
	free(s->devices);
	free(s->masked);
	free(s->readonly);
	free(s->sysctls);
	free(s->uid_map);
	free(s->gid_map);
	free(s->root);
	free(s->bundle);
	str_list_free(&s->warnings);
	json_decref(s->tree);
	free(s);
}
