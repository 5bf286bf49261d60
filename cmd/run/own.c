/* SPDX-License-Identifier: MIT */
/* Picket's own directories. */
#include "cmd/run/own.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/config/config.h"
#include "cmd/keep/process.h"
#include "fuse-snap/store.h"

char *resolved_path(const char *path)
{
	char *whole = path[0] == '/' ? xstrdup(path) : NULL, *real, *slash, *result;

	if (!whole) {
		char *cwd = getcwd(NULL, 0);

		whole = xasprintf("%s/%s", cwd ? cwd : "", path);
		free(cwd);
	}
	real = realpath(whole, NULL);
	for (slash = whole + strlen(whole); !real && slash > whole;) {
		char was = *slash;

		*slash = '\0';
		real = realpath(*whole ? whole : "/", NULL);
		*slash = was;
		if (!real)
			while (slash > whole && *--slash != '/')
				;
	}
	result = real ? xasprintf("%s%s", strcmp(real, "/") == 0 ? "" : real, slash) : xstrdup(whole);
	if (!*result) {
		free(result);
		result = xstrdup("/");
	}
	free(real);
	free(whole);
	return result;
}

bool path_within(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

char *home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (!home || home[0] != '/') {
		pw = getpwuid(getuid());
		home = pw ? pw->pw_dir : NULL;
	}
	return home && home[0] == '/' && strcmp(home, "/") != 0 ? resolved_path(home) : NULL;
}

static void add_below(struct str_list *list, const char *variable, const char *home, const char *below)
{
	const char *base = getenv(variable);
	char *path = NULL;

	if (base && base[0] == '/')
		path = xasprintf("%s/picket", base);
	else if (home)
		path = xasprintf("%s/%s", home, below);
	if (path)
		str_list_add(list, resolved_path(path));
	free(path);
}

/* The configuration, and where config.json is if it is a link to elsewhere. */
static void add_config(struct str_list *list)
{
	char *dir = config_dir(), *file = dir ? xasprintf("%s/config.json", dir) : NULL;
	char *real = file ? realpath(file, NULL) : NULL;

	if (dir)
		str_list_add(list, resolved_path(dir));
	if (real)
		str_list_add(list, real);
	free(file);
	free(dir);
}

void own_dirs(struct str_list *ret)
{
	const char *store = getenv("PICKET_STORE"), *runtime = runtime_dir();
	char *home = home_dir();

	if (store && *store)
		str_list_add(ret, resolved_path(store));
	else
		add_below(ret, "XDG_DATA_HOME", home, ".local/share/picket");
	add_config(ret);
	if (runtime)
		str_list_add(ret, resolved_path(runtime));
	free(home);
}
