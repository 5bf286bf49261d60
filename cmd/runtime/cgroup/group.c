/* SPDX-License-Identifier: MIT */
/* The life of a container's group. */
#include "cmd/runtime/cgroup/group.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/fail.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/cgroup/host.h"
#include "cmd/runtime/cgroup/systemd.h"

#define HEADROOM (64u << 20)
#define ENTER_TRIES 5
#define ENTER_PAUSE 30000 /* us */

static void drop_dir(struct cg *g, size_t i)
{
	free(g->dirs[i].name);
	free(g->dirs[i].path);
	memmove(&g->dirs[i], &g->dirs[i + 1], (g->count - i - 1) * sizeof(g->dirs[0]));
	g->count--;
}

void cg_free(struct cg *g)
{
	while (g->count)
		drop_dir(g, g->count - 1);
	free(g->unit);
	*g = (struct cg){0};
}

/* v2: let the children of `dir` have what controllers it has. What is refused shows when a limit cannot be set. */
static void divide(const char *dir)
{
	char *path, *list = NULL, *save = NULL;

	if (asprintf(&path, "%s/cgroup.controllers", dir) < 0)
		return;
	list = cg_read_file(path);
	free(path);
	if (asprintf(&path, "%s/cgroup.subtree_control", dir) < 0)
		path = NULL;
	for (char *c = list && path ? strtok_r(list, " \n", &save) : NULL; c; c = strtok_r(NULL, " \n", &save)) {
		char word[64];

		snprintf(word, sizeof(word), "+%s", c);
		cg_write_file(path, word, NULL);
	}
	free(path);
	free(list);
}

/* Make `path` and what is missing above it. */
static int make_dirs(char *path, const char *name, char **err)
{
	bool v2 = !*name;
	int r = 0;

	for (char *c = path + 1; r == 0; c++) {
		char was = *c;

		if (was != '/' && was)
			continue;
		*c = '\0';
		r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		if (r < 0)
			r = access(path, F_OK) == 0 ? 0 : cg_fail(err, r, "mkdir %s: %s", path, strerror(-r));
		if (r == 0 && v2 && was) {
			char file[PATH_MAX];

			if ((size_t)snprintf(file, sizeof(file), "%s/cgroup.controllers", path) < sizeof(file) && access(file, F_OK) == 0)
				divide(path);
		}
		if (r == 0 && strcmp(name, "cpuset") == 0)
			r = cg_fill_cpuset(path, err);
		*c = was;
		if (!was)
			break;
	}
	return r;
}

/* A file of one value in a group of cpuset that is empty gets its parent's. */
static int fill(const char *dir, const char *file, char **err)
{
	char path[PATH_MAX], above[PATH_MAX], *text, *more;
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path) ||
		(size_t)snprintf(above, sizeof(above), "%.*s/%s", (int)(strrchr(dir, '/') - dir), dir, file) >= sizeof(above))
		return cg_fail(err, -ENAMETOOLONG, "%s: the path is too long", dir);
	text = cg_read_file(path);
	more = text && strspn(text, " \n") == strlen(text) ? cg_read_file(above) : NULL;
	if (more) {
		more[strcspn(more, "\n")] = '\0';
		r = *more ? cg_write_file(path, more, err) : 0;
	}
	free(text);
	free(more);
	return r;
}

int cg_fill_cpuset(const char *dir, char **err)
{
	int r = strrchr(dir, '/') > dir ? fill(dir, "cpuset.cpus", err) : 0;

	return r == 0 && strrchr(dir, '/') > dir ? fill(dir, "cpuset.mems", err) : r;
}

/* Put a process into a directory. A process that is just being born is refused for a moment with EINVAL. */
static int enter(const char *dir, pid_t pid, char **err)
{
	char path[PATH_MAX], text[24];
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= sizeof(path))
		return cg_fail(err, -ENAMETOOLONG, "%s: the path is too long", dir);
	snprintf(text, sizeof(text), "%d", (int)pid);
	for (int i = 0; i < ENTER_TRIES; i++) {
		r = cg_write_file(path, text, NULL);
		if (r != -EINVAL)
			break;
		usleep(ENTER_PAUSE);
	}
	return r < 0 ? cg_fail(err, r, "failed to write %s: write %s: %s", text, path, strerror(-r)) : 0;
}

/*
 * Make the directories, or with *pid* put that process into them. One that cannot be had is left out for a rootless caller (*warning says the first). On v1
 * hierarchies come one by one; one that was asked for nothing is needed by nobody.
 */
static int each_dir(struct cg *g, pid_t pid, bool rootless, char **warning, char **err)
{
	for (size_t i = 0; i < g->count;) {
		char *why = NULL;
		int r = pid ? enter(g->dirs[i].path, pid, &why) : make_dirs(g->dirs[i].path, g->dirs[i].name, &why);

		if (r < 0 && rootless && cg_refused(r)) {
			cg_fail(warning, 0, "no control group: %s", why);
			if (pid)
				rmdir(g->dirs[i].path);
			drop_dir(g, i);
		} else if (r < 0) {
			cg_fail(err, r, "%s", why);
			free(why);
			return r;
		} else {
			i++;
		}
		free(why);
	}
	return 0;
}

/* Limits; those of controllers that a rootless caller does not have are a warning. */
static int limit(const struct cg *g, const struct cg_request *rq, char **warning, char **err)
{
	char *why = NULL, *refused = NULL;
	int r = cg_apply(g, rq->resources, rq->rootless ? &refused : NULL, &why);

	if (r < 0)
		cg_fail(err, r, "error setting cgroup config: %s", why);
	else if (refused)
		cg_fail(warning, 0, "not all limits can be set: %s", refused);
	free(refused);
	free(why);
	return r;
}

static bool empty(const struct cg *g)
{
	pid_t *pids = NULL;
	size_t count = 0;
	bool none = cg_pids(g, &pids, &count, NULL) < 0 || !count;

	free(pids);
	return none;
}

static int make_files(struct cg *g, const struct cg_request *rq, pid_t pid, char **warning, char **err)
{
	int r = each_dir(g, 0, rq->rootless, warning, err);

	if (r == 0)
		r = limit(g, rq, warning, err);
	return r == 0 ? each_dir(g, pid, rq->rootless, warning, err) : r;
}

static int make_unit(struct cg *g, const struct cg_request *rq, pid_t pid, char **warning, char **err)
{
	char *why = NULL;
	int r = cg_systemd_make(g, rq, pid, &why);

	if (r < 0 && r != -EINVAL && rq->rootless) {
		cg_free(g);
		r = cg_fail(warning, 0, "no control group: %s", why);
	} else if (r < 0) {
		cg_fail(err, r, "unable to apply cgroup configuration: %s", why);
	} else {
		/* Hierarchies that systemd does not fill. */
		r = each_dir(g, 0, rq->rootless, warning, err);
		if (r == 0)
			r = each_dir(g, pid, rq->rootless, warning, err);
		if (r == 0)
			r = limit(g, rq, warning, err);
	}
	free(why);
	return r;
}

int cg_enter(const struct cg *g, pid_t pid, char **err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < g->count; i++)
		r = enter(g->dirs[i].path, pid, err);
	return r;
}

int cg_plan(struct cg *g, const struct cg_request *rq, char **warning, char **err)
{
	struct cg_host h;
	int r;

	*g = (struct cg){0};
	*warning = NULL;
	if (rq->driver == CG_DISABLED)
		return 0;
	r = cg_host_read(&h, "/proc/self", err);
	if (r == 0 && h.version == CG_NONE)
		r = rq->rootless ? cg_fail(warning, 0, "no control group: cgroups are not mounted") :
				   cg_fail(err, -ENOENT, "mountpoint for cgroup not found");
	else if (r == 0)
		r = rq->driver == CG_SYSTEMD ? cg_systemd_plan(g, &h, rq, err) : cg_locate(g, &h, rq->path, rq->id, err);
	cg_host_free(&h);
	g->headroom = HEADROOM;
	g->shared = r == 0 && !empty(g);
	if (r < 0 || g->version == CG_NONE)
		cg_free(g);
	return r;
}

int cg_make(struct cg *g, const struct cg_request *rq, pid_t pid, char **warning, char **err)
{
	int r;

	*warning = NULL;
	if (g->version == CG_NONE)
		return 0;
	r = rq->driver == CG_SYSTEMD ? make_unit(g, rq, pid, warning, err) : make_files(g, rq, pid, warning, err);
	if (r < 0) {
		if (g->count)
			kill(pid, SIGKILL);
		g->shared = true; /* a half made one kills nobody else */
		cg_remove(g, NULL);
		cg_free(g);
	} else if (!g->count) {
		cg_free(g);
	}
	return r;
}

json_t *cg_save(const struct cg *g)
{
	json_t *paths = json_object(), *o;

	for (size_t i = 0; paths && i < g->count; i++)
		json_object_set_new(paths, g->dirs[i].name, json_string(g->dirs[i].path));
	o = json_pack("{s:i, s:o, s:b, s:b, s:I}", "version", (int)g->version, "paths", paths, "user", g->user, "shared", g->shared, "headroom", (json_int_t)g->headroom);
	if (o && g->unit)
		json_object_set_new(o, "unit", json_string(g->unit));
	return o;
}

int cg_load(struct cg *g, const json_t *saved)
{
	const json_t *paths = json_object_get(saved, "paths"), *unit = json_object_get(saved, "unit");
	json_int_t version = json_integer_value(json_object_get(saved, "version"));
	const char *name;
	json_t *v;
	int r = 0;

	*g = (struct cg){0};
	if (!json_is_object(paths) || version < CG_NONE || version > CG_V2)
		return -EINVAL;
	g->version = (enum cg_version)version;
	g->user = json_is_true(json_object_get(saved, "user"));
	g->shared = json_is_true(json_object_get(saved, "shared"));
	g->headroom = (uint64_t)json_integer_value(json_object_get(saved, "headroom"));
	if (json_is_string(unit))
		g->unit = strdup(json_string_value(unit));
	json_object_foreach((json_t *)(uintptr_t)paths, name, v)
	{
		if (r == 0)
			r = json_is_string(v) ? cg_add_dir(g, name, strdup(json_string_value(v)), NULL) : -EINVAL;
	}
	if (r < 0)
		cg_free(g);
	return r;
}

int cg_update(const struct cg *g, const struct cg_resources *r, char **err)
{
	int e = g->unit ? cg_systemd_update(g, r, err) : 0;

	return e == 0 ? cg_apply(g, r, NULL, err) : e;
}
