/* SPDX-License-Identifier: MIT */
/* Who is in a group; thawing, killing, removing. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/fail.h"
#include "cmd/runtime/cgroup/files.h"
#include "cmd/runtime/cgroup/group.h"
#include "cmd/runtime/cgroup/systemd.h"

#define DEPTH_MAX 32
#define PAUSE 1000000 /* ns between two tries */
#define REMOVE_TRIES 2000

struct pids {
	pid_t *items;
	size_t count, room;
};

static void pause_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
}

static int add_pids(struct pids *p, const char *dir)
{
	char path[PATH_MAX], *text, *save = NULL;
	int r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", dir) >= sizeof(path))
		return -ENAMETOOLONG;
	text = cg_read_file(path);
	for (char *w = text ? strtok_r(text, "\n", &save) : NULL; w && r == 0; w = strtok_r(NULL, "\n", &save)) {
		if (p->count == p->room) {
			size_t room = p->room ? p->room * 2 : 64;
			pid_t *more = realloc(p->items, room * sizeof(*more));

			r = more ? 0 : -ENOMEM;
			p->items = more ? more : p->items;
			p->room = more ? room : p->room;
		}
		if (r == 0 && atoi(w) > 0) /* 0: a process of another PID namespace */
			p->items[p->count++] = atoi(w);
	}
	free(text);
	return r;
}

/* Call fn for the directory and all below it, those below first. */
static int walk(const char *dir, int depth, int (*fn)(void *arg, const char *dir), void *arg)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (d && r == 0 && depth && (e = readdir(d))) {
		char path[PATH_MAX];

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < sizeof(path))
			r = walk(path, depth - 1, fn, arg);
	}
	if (d)
		closedir(d);
	return r == 0 ? fn(arg, dir) : r;
}

static int collect(void *arg, const char *dir)
{
	return add_pids(arg, dir);
}

/* The directory that tells best who is in: all have the same processes. */
static const char *members(const struct cg *g)
{
	static const char *const order[] = {"memory", "pids", "freezer", "cpu", "devices"};
	const char *dir = g->version == CG_V2 ? cg_dir(g, "") : NULL;

	for (size_t i = 0; !dir && i < sizeof(order) / sizeof(order[0]); i++)
		dir = cg_dir(g, order[i]);
	return dir ? dir : g->count ? g->dirs[0].path : NULL;
}

int cg_pids(const struct cg *g, pid_t **ret, size_t *count, char **err)
{
	const char *dir = members(g);
	struct pids p = {0};
	int r = dir ? walk(dir, DEPTH_MAX, collect, &p) : -ENODEV;

	if (r < 0) {
		free(p.items);
		return cg_fail(err, r, dir ? "%s: %s" : "the container has no control group", dir ? dir : "", strerror(-r));
	}
	*ret = p.items;
	*count = p.count;
	return 0;
}

/* A group is never frozen by us, whose sentries have a freezer of their own; but others may have done it. */
static bool is_frozen(const struct cg *g)
{
	char *text = g->version == CG_V2 ? cg_read(g, "", "cgroup.freeze") : cg_read(g, "freezer", "freezer.self_freezing");
	bool frozen = text && *text == '1';

	free(text);
	return frozen;
}

void cg_thaw(const struct cg *g)
{
	if (g->version == CG_NONE || !is_frozen(g))
		return;
	if (g->version == CG_V2)
		cg_write(g, "", "cgroup.freeze", NULL, "0");
	else
		cg_write(g, "freezer", "freezer.state", NULL, "THAWED");
}

void cg_kill(const struct cg *g)
{
	pid_t *pids = NULL;
	size_t count = 0;

	if (g->version == CG_NONE || (g->version == CG_V2 && cg_write(g, "", "cgroup.kill", NULL, "1") == 0))
		return;
	if (cg_pids(g, &pids, &count, NULL) == 0)
		for (size_t i = 0; i < count; i++)
			if (pids[i] != getpid())
				kill(pids[i], SIGKILL);
	free(pids);
	cg_thaw(g); /* what is frozen on v1 dies when it goes on */
}

static int remove_dir(void *arg, const char *dir)
{
	return rmdir(dir) < 0 && errno != ENOENT ? -errno : 0;
}

static int remove_tree(const struct cg *g, const char *dir)
{
	int r = -EBUSY;

	for (int i = 0; r == -EBUSY && i < REMOVE_TRIES; i++) {
		r = rmdir(dir) == 0 || errno == ENOENT ? 0 : -errno;
		if (r != -EBUSY && r != -ENOTEMPTY)
			break;
		r = walk(dir, DEPTH_MAX, remove_dir, NULL);
		if (r != -EBUSY)
			break;
		if (g->shared && i > 20)
			return 0; /* it is somebody else's */
		if (!g->shared && i % 50 == 0)
			cg_kill(g);
		pause_a_moment();
	}
	return r;
}

int cg_remove(const struct cg *g, char **err)
{
	int r = 0;

	if (g->unit)
		cg_systemd_stop(g);
	for (size_t i = 0; i < g->count; i++) {
		int e = remove_tree(g, g->dirs[i].path);

		if (e < 0 && r == 0)
			r = cg_fail(err, e, "unable to remove %s: %s", g->dirs[i].path, strerror(-e));
	}
	return r;
}

uint64_t cg_oom_kills(const struct cg *g)
{
	bool v2 = g->version == CG_V2;
	char *text = cg_read(g, "memory", v2 ? "memory.events" : "memory.oom_control");
	uint64_t n = cg_keyed(text, "oom_kill");

	free(text);
	return n;
}
