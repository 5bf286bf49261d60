/* SPDX-License-Identifier: MIT */
/* The host's hierarchies of control groups, and where in them a container's group is. cgroups(7). */
#ifndef PICKET_RUNTIME_CGROUP_HOST_H
#define PICKET_RUNTIME_CGROUP_HOST_H

#include "cmd/runtime/cgroup/group.h"

struct cg_hierarchy {
	char *name;  /* as in struct cg_dir; one entry for each controller, also of those that are mounted together */
	char *mount; /* where it is mounted */
	char *own;   /* this process's group below that, "" for the top, else with a slash before it */
};

struct cg_host {
	enum cg_version version;
	struct cg_hierarchy items[CG_DIRS_MAX];
	size_t count;
};

/* `proc` is /proc/self, or a directory with files mountinfo and cgroup like its. A host without any is CG_NONE. */
int cg_host_read(struct cg_host *h, const char *proc, char **err);
void cg_host_free(struct cg_host *h);

/* systemd's slice:prefix:name. */
struct cg_unit {
	char *slice; /* "" is the default one */
	char *name;  /* of the unit: prefix-name.scope */
};

/* `path` NULL: of container `id`. 0, or -EINVAL with *err. */
int cg_unit_parse(struct cg_unit *u, const char *path, const char *id, char **err);
void cg_unit_free(struct cg_unit *u);

/* a-b.slice as /a.slice/a-b.slice; "-.slice" is "". -EINVAL for no such name, -ENOMEM. */
int cg_slice_path(const char *slice, char **ret);

/* A path without `.`, `..` and doubled slashes that leads nowhere above where it begins; absolute stays absolute. NULL: out of memory. */
char *cg_clean_path(const char *path);

/* The directories of the group that cgroupsPath names, into g (dirs, count, version). */
int cg_locate(struct cg *g, const struct cg_host *h, const char *path, const char *id, char **err);

/* Add a directory to g; takes `path` over. */
int cg_add_dir(struct cg *g, const char *name, char *path, char **err);

#endif
