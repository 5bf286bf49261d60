/* SPDX-License-Identifier: MIT */
/* Finding hierarchies and groups. Where the specification leaves it open, a group is where runc would have it. */
#include "cmd/runtime/cgroup/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/cgroup/fail.h"

#define NO_MEMORY "out of memory"
#define NAME_LIMIT 255

static const char *const controllers[] = {"cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "net_cls",
	"perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc"};

static bool is_controller(const char *s)
{
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		if (strcmp(s, controllers[i]) == 0)
			return true;
	return strncmp(s, "name=", 5) == 0;
}

/* mountinfo writes space, tab, newline and backslash as \OOO. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static int add_hierarchy(struct cg_host *h, const char *name, const char *mount, const char *root, char **err)
{
	struct cg_hierarchy *it = &h->items[h->count];

	for (size_t i = 0; i < h->count; i++)
		if (strcmp(h->items[i].name, name) == 0) /* mounted twice: the first counts */
			return 0;
	if (h->count == CG_DIRS_MAX)
		return 0;
	/* `own` holds the mount's root until the groups of this process are known. */
	*it = (struct cg_hierarchy){strdup(name), strdup(mount), strdup(root)};
	h->count++;
	return it->name && it->mount && it->own ? 0 : cg_fail(err, -ENOMEM, NO_MEMORY);
}

/* 25 30 0:22 ROOT MOUNT rw,… shared:1 - cgroup cgroup rw,cpu,cpuacct */
static int read_mount(struct cg_host *h, char *line, char **err)
{
	char *tail = strstr(line, " - "), *root, *mount, *save = NULL, *options;
	bool v2;

	if (!tail || (strncmp(tail, " - cgroup ", 10) && strncmp(tail, " - cgroup2 ", 11)))
		return 0;
	v2 = tail[9] == '2';
	options = strrchr(tail, ' ');
	*tail = '\0';
	for (int i = 0; i < 3; i++)
		strtok_r(i ? NULL : line, " ", &save);
	root = strtok_r(NULL, " ", &save);
	mount = strtok_r(NULL, " ", &save);
	if (!root || !mount)
		return 0;
	unescape(root);
	unescape(mount);
	if (v2)
		return add_hierarchy(h, "", mount, root, err);
	for (char *o = strtok_r(options + 1, ",\n", &save); o; o = strtok_r(NULL, ",\n", &save)) {
		int r = is_controller(o) ? add_hierarchy(h, o, mount, root, err) : 0;

		if (r < 0)
			return r;
		if (strncmp(o, "name=", 5) != 0)
			h->version = CG_V1;
	}
	return 0;
}

static FILE *open_file(const char *proc, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	return fopen(path, "re");
}

/* What of `path` is below `root`. */
static const char *below(const char *path, const char *root)
{
	size_t n = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(path, root, n) == 0 && (path[n] == '/' || !path[n]))
		path += n;
	return strstr(path, "/..") || strcmp(path, "/") == 0 ? "" : path;
}

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *c = list; c; c = strchr(c, ',') ? strchr(c, ',') + 1 : NULL)
		if (strncmp(c, name, n) == 0 && (c[n] == ',' || !c[n]))
			return true;
	return false;
}

/* N:cpu,cpuacct:/path */
static int read_own(struct cg_host *h, char *line, bool *seen, char **err)
{
	char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return 0;
	*path++ = '\0';
	for (size_t i = 0; i < h->count; i++) {
		char *own;

		if (seen[i] || !(*h->items[i].name ? listed(list + 1, h->items[i].name) : !list[1]))
			continue;
		own = strdup(below(path, h->items[i].own));
		if (!own)
			return cg_fail(err, -ENOMEM, NO_MEMORY);
		free(h->items[i].own);
		h->items[i].own = own;
		seen[i] = true;
	}
	return 0;
}

static int each_line(struct cg_host *h, const char *proc, bool own, char **err)
{
	bool seen[CG_DIRS_MAX] = {false};
	FILE *f = open_file(proc, own ? "cgroup" : "mountinfo");
	char *line = NULL;
	size_t len = 0;
	int r = 0;

	while (f && r == 0 && getline(&line, &len, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		r = own ? read_own(h, line, seen, err) : read_mount(h, line, err);
	}
	free(line);
	if (f)
		fclose(f);
	for (size_t i = 0; own && i < h->count; i++)
		if (!seen[i])
			h->items[i].own[0] = '\0';
	return r;
}

int cg_host_read(struct cg_host *h, const char *proc, char **err)
{
	int r;

	*h = (struct cg_host){0};
	r = each_line(h, proc, false, err);
	if (r == 0)
		r = each_line(h, proc, true, err);
	if (r < 0) {
		cg_host_free(h);
		return r;
	}
	/* Only name=systemd beside a full v2 is a host of v2 all the same. */
	for (size_t i = 0; h->version == CG_NONE && i < h->count; i++)
		if (!*h->items[i].name)
			h->version = CG_V2;
	return 0;
}

void cg_host_free(struct cg_host *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->items[i].name);
		free(h->items[i].mount);
		free(h->items[i].own);
	}
	*h = (struct cg_host){0};
}

char *cg_clean_path(const char *path)
{
	char *out = malloc(strlen(path) + 2), *at = out;

	if (!out)
		return NULL;
	*at = '\0';
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			at = strrchr(out, '/') ? strrchr(out, '/') : out;
			*at = '\0';
		} else if (n && !(n == 1 && *path == '.')) {
			*at++ = '/';
			memcpy(at, path, n);
			at += n;
			*at = '\0';
		}
		path += n + (path[n] == '/');
	}
	return out;
}

int cg_add_dir(struct cg *g, const char *name, char *path, char **err)
{
	char *n = path ? strdup(name) : NULL;

	if (!n || g->count == CG_DIRS_MAX) {
		free(n);
		free(path);
		return cg_fail(err, -ENOMEM, NO_MEMORY);
	}
	g->dirs[g->count++] = (struct cg_dir){n, path};
	return 0;
}

/* Where relative paths begin: v1, this process's group; v2, where processes are in it already, beside it. */
static size_t base_len(const struct cg_host *h, const struct cg_hierarchy *it)
{
	const char *slash = strrchr(it->own, '/');

	if (h->version == CG_V2)
		return slash ? (size_t)(slash - it->own) : 0;
	return strlen(it->own);
}

int cg_locate(struct cg *g, const struct cg_host *h, const char *path, const char *id, char **err)
{
	bool absolute = path && *path == '/';
	char *inner = cg_clean_path(path && *path ? path : id);
	int r = inner ? 0 : cg_fail(err, -ENOMEM, NO_MEMORY);

	if (r == 0 && !*inner)
		r = cg_fail(err, -EINVAL, "cgroupsPath \"%s\" names no group", path && *path ? path : id);
	g->version = h->version;
	for (size_t i = 0; r == 0 && i < h->count; i++) {
		const struct cg_hierarchy *it = &h->items[i];
		char *dir;

		if (h->version == CG_V2 && *it->name)
			continue;
		if (asprintf(&dir, "%s%.*s%s", it->mount, absolute ? 0 : (int)base_len(h, it), it->own, inner) < 0)
			dir = NULL;
		r = cg_add_dir(g, it->name, dir, err);
	}
	free(inner);
	return r;
}

int cg_slice_path(const char *slice, char **ret)
{
	size_t n = strlen(slice);
	char *out, *at;

	if (n > NAME_LIMIT || n < 7 || strcmp(slice + n - 6, ".slice") || strchr(slice, '/'))
		return -EINVAL;
	if (strcmp(slice, "-.slice") == 0) {
		*ret = strdup("");
		return *ret ? 0 : -ENOMEM;
	}
	n -= 6;
	if (slice[0] == '-' || slice[n - 1] == '-' || strstr(slice, "--"))
		return -EINVAL;
	out = malloc((n + 8) * (n + 1));
	if (!out)
		return -ENOMEM;
	at = out;
	for (size_t i = 1; i <= n; i++)
		if (i == n || slice[i] == '-')
			at += sprintf(at, "/%.*s.slice", (int)i, slice);
	*ret = out;
	return 0;
}

/* A part of a unit's name; systemd.unit(5). */
static bool unit_chars(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") == strlen(s);
}

/*
 * A name that has an ending already is a unit as it is: `name.slice` is one too for runc, which makes a scope of it only if it has no such ending. A
 * slice can hold no processes of ours, so it is refused.
 */
int cg_unit_parse(struct cg_unit *u, const char *path, const char *id, char **err)
{
	const char *one = path && *path ? strchr(path, ':') : NULL, *two = one ? strchr(one + 1, ':') : NULL;
	const char *name = id;
	char *slice_path = NULL;
	int prefix = 6, r = 0;

	*u = (struct cg_unit){0};
	if (path && *path && (!two || strchr(two + 1, ':')))
		return cg_fail(err, -EINVAL,
			"expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"%s\" instead", path);
	if (two) {
		u->slice = strndup(path, (size_t)(one - path));
		prefix = (int)(two - one - 1);
		name = two + 1;
	} else {
		u->slice = strdup("");
	}
	if (asprintf(&u->name, "%.*s%s%s.scope", prefix, two ? one + 1 : "picket", prefix ? "-" : "", name) < 0)
		u->name = NULL;
	if (!u->slice || !u->name)
		r = cg_fail(err, -ENOMEM, NO_MEMORY);
	else if (!*name || strlen(u->name) > NAME_LIMIT || !unit_chars(u->name))
		r = cg_fail(err, -EINVAL, "cgroupsPath: \"%s\" is no name of a unit", u->name);
	else if (*u->slice && cg_slice_path(u->slice, &slice_path) < 0)
		r = cg_fail(err, -EINVAL, "invalid slice name: %s", u->slice);
	free(slice_path);
	if (r < 0)
		cg_unit_free(u);
	return r;
}

void cg_unit_free(struct cg_unit *u)
{
	free(u->slice);
	free(u->name);
	*u = (struct cg_unit){0};
}
