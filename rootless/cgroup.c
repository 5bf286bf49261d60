/* SPDX-License-Identifier: MIT */
/* Control groups of sandboxes. cgroups(7), and the kernel's cgroup-v2 document. */
#include "rootless/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "picket-"
#define ID_LEN 12
#define PERIOD 100000 /* us */
#define OLD 10	      /* s: an empty group so old is nobody's */

static const char *const names[] = {"memory", "cpu", "pids"};

/* Read a small file into buf. Its length, or a negative errno. */
static ssize_t read_file(const char *dir, const char *name, char *buf, size_t len)
{
	char path[CGROUP_PATH_MAX + 64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, buf, len - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static int write_file(const char *dir, const char *name, const char *text)
{
	char path[CGROUP_PATH_MAX + 64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* The controllers that a file lists. */
static unsigned int controllers(const char *dir, const char *name)
{
	char buf[512], *save = NULL;
	unsigned int has = 0;

	if (read_file(dir, name, buf, sizeof(buf)) <= 0)
		return 0;
	for (char *w = strtok_r(buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(w, names[i]) == 0)
				has |= 1u << i;
	return has;
}

static bool writable(const char *dir, const char *name)
{
	char path[CGROUP_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, W_OK) == 0;
}

/* Where the unified hierarchy is mounted. */
static bool find_mount(char *buf, size_t len)
{
	char line[CGROUP_PATH_MAX + 512], path[CGROUP_PATH_MAX];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		const char *type = strstr(line, " - cgroup2 ");

		found = type && sscanf(line, "%*d %*d %*s %*s %4095s", path) == 1 && strlen(path) < len;
		if (found)
			strcpy(buf, path);
	}
	if (f)
		fclose(f);
	return found;
}

/* The path of a process's group below the mount. */
static bool path_of(const char *file, char *buf, size_t len)
{
	char line[CGROUP_PATH_MAX];
	FILE *f = fopen(file, "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "0::/", 4) == 0 && !strstr(line, "/..") && strlen(line + 3) < len;
		if (found)
			strcpy(buf, line + 3);
	}
	if (f)
		fclose(f);
	return found;
}

/* Give a group's children what controllers it has. Those that they have then. */
static unsigned int divide(const char *dir)
{
	unsigned int can = controllers(dir, "cgroup.controllers"), has = controllers(dir, "cgroup.subtree_control");

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char word[16];

		snprintf(word, sizeof(word), "+%s", names[i]);
		if ((can & ~has & 1u << i) && write_file(dir, "cgroup.subtree_control", word) == 0)
			has |= 1u << i;
	}
	return has;
}

/*
 * The lowest group at or above our own that is the user's, with the controllers. One that holds processes cannot give its
 * children controllers, so our own is one only at the root of a container.
 */
unsigned int cgroup_place(const char *mount, const char *own, char *buf, size_t len)
{
	char root[CGROUP_PATH_MAX], path[CGROUP_PATH_MAX];

	if (!mount && !find_mount(root, sizeof(root)))
		return 0;
	if (!own && !path_of("/proc/self/cgroup", path, sizeof(path)))
		return 0;
	if (own)
		snprintf(path, sizeof(path), "%s", own);
	for (;;) {
		char dir[CGROUP_PATH_MAX], *slash;
		unsigned int has;

		if ((size_t)snprintf(dir, sizeof(dir), "%s%s", mount ? mount : root, strcmp(path, "/") ? path : "") >= sizeof(dir))
			return 0;
		if (!writable(dir, ".") || !writable(dir, "cgroup.procs"))
			return 0;
		has = divide(dir);
		if (has && strlen(dir) < len) {
			strcpy(buf, dir);
			return has;
		}
		slash = strrchr(path, '/');
		if (!slash || !slash[1])
			return 0;
		slash[slash == path] = '\0';
	}
}

unsigned int cgroup_offered(void)
{
	char root[CGROUP_PATH_MAX];

	return find_mount(root, sizeof(root)) ? controllers(root, "cgroup.controllers") : 0;
}

bool cgroup_dir(pid_t pid, char *buf, size_t len)
{
	char file[64], path[CGROUP_PATH_MAX];

	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	if (!find_mount(buf, len) || !path_of(file, path, sizeof(path)) || strlen(buf) + strlen(path) >= len)
		return false;
	strcat(buf, path);
	return true;
}

/* Groups that a killed picket has left: without processes, and not of just now. */
static void sweep(const char *place)
{
	DIR *d = opendir(place);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[CGROUP_PATH_MAX + 300], text[256];
		struct stat st;

		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", place, e->d_name);
		if (stat(path, &st) == 0 && st.st_mtime + OLD < time(NULL) &&
			read_file(path, "cgroup.events", text, sizeof(text)) > 0 && strstr(text, "populated 0"))
			rmdir(path);
	}
	if (d)
		closedir(d);
}

static int put(const struct cgroup *g, const char *name, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return write_file(g->dir, name, text);
}

static int limit_memory(const struct cgroup *g, const struct cgroup_limits *l)
{
	int r = l->memory ? put(g, "memory.max", l->memory) : 0, s = 0;

	if (r == 0 && l->memory_low)
		r = put(g, "memory.low", l->memory_low);
	/* Where swap is not counted there is no such file. */
	if (r == 0 && l->memory)
		s = l->swap < 0 ? write_file(g->dir, "memory.swap.max", "max") : put(g, "memory.swap.max", (uint64_t)l->swap);
	return r ? r : s == -ENOENT ? 0 : s;
}

static int limit_cpu(const struct cgroup *g, const struct cgroup_limits *l)
{
	char text[64];
	int r = 0;

	if (l->cpus) {
		snprintf(text, sizeof(text), "%llu %d", (unsigned long long)(l->cpus / (1000000000 / PERIOD)), PERIOD);
		r = write_file(g->dir, "cpu.max", text);
	}
	return r == 0 && l->cpu_weight ? put(g, "cpu.weight", l->cpu_weight) : r;
}

int cgroup_limit(const struct cgroup *g, const struct cgroup_limits *l)
{
	int r = g->has & CGROUP_MEMORY ? limit_memory(g, l) : 0;

	if (r == 0 && (g->has & CGROUP_CPU))
		r = limit_cpu(g, l);
	if (r == 0 && (g->has & CGROUP_PIDS) && l->pids)
		r = put(g, "pids.max", l->pids);
	return r;
}

static int name_of(struct cgroup *g, const char *place, const char *id)
{
	int n = snprintf(g->dir, sizeof(g->dir), "%s/" PREFIX "%.*s", place, ID_LEN, id);

	return (size_t)n < sizeof(g->dir) ? 0 : -ENAMETOOLONG;
}

int cgroup_make(struct cgroup *g, const char *place, unsigned int has, const char *id, const struct cgroup_limits *limits)
{
	int r;

	*g = (struct cgroup){.has = has};
	sweep(place);
	r = name_of(g, place, id);
	if (r == 0)
		r = mkdir(g->dir, 0755) < 0 && errno != EEXIST ? -errno : cgroup_limit(g, limits);
	if (r < 0) {
		rmdir(g->dir);
		g->dir[0] = '\0';
	}
	return r;
}

int cgroup_enter(const struct cgroup *g, pid_t pid)
{
	return put(g, "cgroup.procs", (uint64_t)pid);
}

int cgroup_within(struct cgroup *g, const char *place, pid_t pid, const char *id, const struct cgroup_limits *limits)
{
	int r;

	*g = (struct cgroup){0};
	r = name_of(g, place, id);
	if (r == 0)
		r = mkdir(g->dir, 0755) < 0 && errno != EEXIST ? -errno : cgroup_enter(g, pid);
	if (r < 0) {
		rmdir(g->dir);
		g->dir[0] = '\0';
		return r;
	}
	g->has = divide(place);
	r = g->has ? cgroup_limit(g, limits) : -ENODEV;
	if (r < 0)
		g->has = 0;
	return r;
}

bool cgroup_of(pid_t pid, struct cgroup *ret)
{
	char dir[CGROUP_PATH_MAX];
	const char *name;

	if (!cgroup_dir(pid, dir, sizeof(dir)))
		return false;
	name = strrchr(dir, '/');
	if (!name || strncmp(name + 1, PREFIX, strlen(PREFIX)) != 0)
		return false;
	strcpy(ret->dir, dir);
	ret->has = controllers(ret->dir, "cgroup.controllers");
	return true;
}

uint64_t cgroup_oom_kills(const struct cgroup *g)
{
	char text[512], *p;

	if (!g->dir[0] || read_file(g->dir, "memory.events", text, sizeof(text)) <= 0)
		return 0;
	p = strstr(text, "oom_kill ");
	return p ? strtoull(p + strlen("oom_kill "), NULL, 10) : 0;
}

void cgroup_remove(struct cgroup *g)
{
	for (int i = 0; g->dir[0] && rmdir(g->dir) < 0 && errno == EBUSY && i < 100; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	g->dir[0] = '\0';
}
