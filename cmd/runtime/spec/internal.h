/* SPDX-License-Identifier: MIT */
/* What the files of cmd/runtime/spec/ share. */
#ifndef PICKET_RUNTIME_SPEC_INTERNAL_H
#define PICKET_RUNTIME_SPEC_INTERNAL_H

#include "cmd/runtime/spec/reader.h"
#include "cmd/runtime/spec/spec.h"

/* Bounds of what one configuration may ask for. */
#define MOUNTS_LIMIT 4000u /* each may need a descriptor, of SANDBOX_FDS_MAX */
#define STRINGS_LIMIT 65536u
#define OPTIONS_LIMIT 256u
#define DEVICES_LIMIT 16384u
#define PATHS_LIMIT 4096u
#define SYSCTLS_LIMIT 256u /* as config_limits.c */
#define RLIMITS_LIMIT 64u
#define GROUPS_LIMIT 65536u
#define MAPS_LIMIT 340u

/* RLIMIT_* or -1. */
int rlimit_by_name(const char *name);
/* enum spec_ns or -1. */
int namespace_by_name(const char *name);
const char *namespace_name(enum spec_ns ns);

/* Fill *p* from the object *obj*, whose path is *name*, "" for one that stands alone. The warnings is the reader's. */
void read_process(struct reader *r, json_t *obj, const char *name, struct spec_process *p);
void process_release(struct spec_process *p);
void read_mounts(struct reader *r, json_t *tree, struct spec *s);
/* MS_* by "rprivate" and the like, 0: none of them. */
unsigned long mount_propagation(const char *name);
/* The names of all options that are known for every type, in turn; NULL after the last. */
const char *mount_option_name(size_t i);
void read_linux(struct reader *r, json_t *tree, struct spec *s);
void read_annotations(struct reader *r, json_t *tree, struct spec *s);

#endif
