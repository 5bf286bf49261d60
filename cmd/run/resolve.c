/* SPDX-License-Identifier: MIT */
/* Resolving options. */
#include "cmd/run/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/environment.h"
#include "cmd/run/own.h"
#include "cmd/run/share.h"

static char *absolute(const char *cwd, const char *path)
{
	return path[0] == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
}

/* What `picket apply` writes to is the directory of now, whatever its name means later. */
static char *real(const char *cwd, const char *path)
{
	return resolved_path(path);
}

/* FORMAT:FILE */
static char *report(const char *cwd, const char *text)
{
	const char *file = strchr(text, ':');

	return file && file[1] && file[1] != '/' ? xasprintf("%.*s:%s/%s", (int)(file - text), text, cwd, file + 1) : xstrdup(text);
}

/* SRC:DST…: only a SRC that begins with a dot is a relative path (others are names of volumes). */
static char *volume(const char *cwd, const char *text)
{
	return text[0] == '.' ? xasprintf("%s/%s", cwd, text) : xstrdup(text);
}

/* type=bind,src=./x,… */
static char *mount(const char *cwd, const char *text)
{
	char *result = xstrdup("");

	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, ",");
		const char *value = memchr(text, '=', len);
		size_t key = value ? (size_t)(value - text) : 0;
		bool source = (key == 3 && strncmp(text, "src", 3) == 0) || (key == 6 && strncmp(text, "source", 6) == 0);
		char *old = result;

		if (source && value[1] == '.')
			result = xasprintf("%s%s%.*s=%s/%.*s", old, first ? "" : ",", (int)key, text, cwd,
				(int)(len - key - 1), value + 1);
		else
			result = xasprintf("%s%s%.*s", old, first ? "" : ",", (int)len, text);
		free(old);
		text += len + (text[len] == ',');
	}
	return result;
}

static char *secret(const char *cwd, const char *text)
{
	const char *value = strchr(text, '=');

	if (strncmp(text, "id=", 3) == 0 && strchr(text, ',')) { /* id=NAME,src=FILE */
		value = strstr(text, ",src=");
		value = value ? value : strstr(text, ",source=");
		value = value ? strchr(value, '=') : NULL;
	}
	if (!value || value[1] == '/' || strncmp(value + 1, "env:", 4) == 0 || !value[1])
		return xstrdup(text);
	return xasprintf("%.*s=%s/%s", (int)(value - text), text, cwd, value + 1);
}

static struct str_list each(const struct str_list *list, const char *cwd, char *(*fn)(const char *cwd, const char *text))
{
	struct str_list result = {0};

	for (size_t i = 0; i < list->count; i++)
		str_list_add(&result, fn(cwd, list->items[i]));
	return result;
}

const struct run_options *resolve_options(const struct run_options *o)
{
	struct run_options *r = xcalloc(1, sizeof(*r));
	char *cwd = getcwd(NULL, 0);

	if (!cwd)
		cwd = xstrdup("/"); /* it has been removed: relative paths lead nowhere */
	*r = *o;
	r->env = r->env_files = r->allow_env = r->labels = r->label_files = (struct str_list){0};
	r->cidfile = NULL;
	r->pid_file = o->pid_file ? absolute(cwd, o->pid_file) : NULL;
	if (chosen_environment(&r->env, o)) {
		free(cwd);
		free(r);
		return NULL;
	}
	r->volumes = each(&o->volumes, cwd, volume);
	r->mounts = each(&o->mounts, cwd, mount);
	r->shares = each(&o->shares, cwd, absolute);
	r->shares_ro = each(&o->shares_ro, cwd, absolute);
	r->shares_cow = each(&o->shares_cow, cwd, real);
	r->report = o->report ? report(cwd, o->report) : NULL;
	r->secrets = each(&o->secrets, cwd, secret);
	r->rootfs = o->rootfs ? absolute(cwd, o->rootfs) : NULL;
	r->trace = o->trace && *o->trace ? absolute(cwd, o->trace) : o->trace;
	r->workdir = o->workdir ? o->workdir : shared_workdir(o);
	free(cwd);
	return r;
}
