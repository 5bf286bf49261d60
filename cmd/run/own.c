/* SPDX-License-Identifier: MIT */
/* Picket's own directories. */
#include "cmd/run/own.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/config/config.h"
#include "cmd/keep/runtime.h"
#include "fuse-snap/client.h"

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

static void add_new(struct str_list *list, char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], path) == 0) {
			free(path);
			return;
		}
	}
	str_list_add(list, path);
}

static void add_below(struct str_list *list, const char *variable, const char *home, const char *below)
{
	const char *base = getenv(variable);

	if (base && base[0] == '/')
		add_new(list, xasprintf("%s/picket", base));
	else if (home)
		add_new(list, xasprintf("%s/%s", home, below));
}

/* The places as they are now, and those that a later command looks at which has not the variables of this one. */
static void own_paths(struct str_list *ret)
{
	const char *store = getenv("PICKET_STORE"), *runtime = runtime_dir();
	char *home = home_dir(), *config = config_dir(), fallback[64];

	if (store && *store)
		str_list_add(ret, *store == '/' ? xstrdup(store) : resolved_path(store));
	add_below(ret, "XDG_DATA_HOME", home, ".local/share/picket");
	if (home)
		add_new(ret, xasprintf("%s/.local/share/picket", home));
	if (config)
		add_new(ret, xstrdup(config));
	add_below(ret, "XDG_CONFIG_HOME", home, ".config/picket");
	if (home)
		add_new(ret, xasprintf("%s/.config/picket", home));
	if (runtime)
		add_new(ret, xstrdup(runtime));
	if (snap_runtime_fallback(fallback, sizeof(fallback)) == 0)
		add_new(ret, xstrdup(fallback));
	free(config);
	free(home);
}

void own_dirs(struct str_list *ret)
{
	char *config = config_dir(), *file = config ? xasprintf("%s/config.json", config) : NULL;
	char *real = file ? realpath(file, NULL) : NULL;
	struct str_list paths = {0};

	own_paths(&paths);
	for (size_t i = 0; i < paths.count; i++)
		str_list_add(ret, resolved_path(paths.items[i]));
	if (real) /* it may be a link to elsewhere */
		str_list_add(ret, real);
	str_list_free(&paths);
	free(file);
	free(config);
}

/* ---- the way there ---- */

struct way {
	char *dir, *rest; /* where we are, no link in it; what is still to go */
	unsigned links;
};

/* The next name of the rest, malloc'd; NULL at the end. `ret_last`: none follows. */
static char *next_name(struct way *w, bool *ret_last)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");
	char *name = len ? xasprintf("%.*s", (int)len, from) : NULL, *rest = xstrdup(from + len);

	free(w->rest);
	w->rest = rest;
	*ret_last = rest[strspn(rest, "/")] == '\0';
	return name;
}

static void step_up(struct way *w)
{
	char *slash = strrchr(w->dir, '/');

	slash[slash == w->dir] = '\0';
}

/* Behind `full`, which is `name` in the way's directory. False: it is not there, or the links go round. */
static bool step_to(struct way *w, const char *full)
{
	char target[PATH_MAX], *rest;
	struct stat st;
	ssize_t n;

	if (lstat(full, &st) < 0)
		return false;
	if (!S_ISLNK(st.st_mode)) {
		free(w->dir);
		w->dir = xstrdup(full);
		return true;
	}
	n = readlink(full, target, sizeof(target) - 1);
	if (n <= 0 || ++w->links > 40)
		return false;
	target[n] = '\0';
	rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	if (target[0] == '/') {
		free(w->dir);
		w->dir = xstrdup("/");
	}
	return true;
}

static int walk(const char *path, int (*step)(void *arg, const char *dir, const char *name, bool last), void *arg)
{
	struct way w = {.dir = xstrdup("/"), .rest = xstrdup(path)};
	bool last, more = true;
	char *name;
	int r = 0;

	while (r == 0 && more && (name = next_name(&w, &last))) {
		char *full = xasprintf("%s/%s", strcmp(w.dir, "/") == 0 ? "" : w.dir, name);

		if (strcmp(name, "..") == 0) {
			step_up(&w);
		} else if (strcmp(name, ".") != 0) {
			r = step(arg, w.dir, name, last);
			more = step_to(&w, full);
		}
		free(full);
		free(name);
	}
	free(w.dir);
	free(w.rest);
	return r;
}

int own_walk(int (*step)(void *arg, const char *dir, const char *name, bool last), void *arg)
{
	char *config = config_dir(), *file = config ? xasprintf("%s/config.json", config) : NULL;
	struct str_list paths = {0};
	int r = 0;

	own_paths(&paths);
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		r = walk(paths.items[i], step, arg);
	if (r == 0 && file && access(file, F_OK) == 0)
		r = walk(file, step, arg);
	str_list_free(&paths);
	free(file);
	free(config);
	return r;
}
