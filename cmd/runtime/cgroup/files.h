/* SPDX-License-Identifier: MIT */
/* The files of a container's group. */
#ifndef PICKET_RUNTIME_CGROUP_FILES_H
#define PICKET_RUNTIME_CGROUP_FILES_H

#include "cmd/runtime/cgroup/group.h"

/* Write the text to a file of a controller's directory. A negative errno with *err: also where there is no such directory. */
int cg_write(const struct cg *g, const char *controller, const char *file, char **err, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

bool cg_has(const struct cg *g, const char *controller, const char *file);

/* All of a file, to be freed; NULL: it cannot be read. */
char *cg_read(const struct cg *g, const char *controller, const char *file);

/* A file of one number: "max" is UINT64_MAX. False: there is none. */
bool cg_read_number(const struct cg *g, const char *controller, const char *file, uint64_t *ret);

/* The number behind `key ` at the beginning of a line. 0 if there is none. */
uint64_t cg_keyed(const char *text, const char *key);

/* The same for files that are not a group's. */
int cg_write_file(const char *path, const char *text, char **err);
char *cg_read_file(const char *path);

/*
 * All limits that `r` says; the group has processes in it or not. With `refused` those that cannot be set for want of rights or controllers are left out, and
 * *refused becomes the first reason.
 */
int cg_apply(const struct cg *g, const struct cg_resources *r, char **refused, char **err);

/* An error that says: no right, or no such controller. */
bool cg_refused(int r);

/* v1: give a new group of cpuset its parents' processors and memory nodes, without which no process may enter it. */
int cg_fill_cpuset(const char *dir, char **err);

#endif
