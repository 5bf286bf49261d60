/* SPDX-License-Identifier: MIT */
/*
 * Named volumes: STORE/volumes/NAME/ with volume.json (what was asked for) and upper/ (docs/kept-format.md). A volume of a sandbox's
 * own (-v /dst, VOLUME of the image) is one whose file names the sandbox.
 * Functions return 0 or a negative errno; `err` (never NULL) gets an allocated sentence where they fail.
 */
#ifndef PICKET_CMD_VOLUMES_H
#define PICKET_CMD_VOLUMES_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/lib/str.h"

struct volume {
	char *name;
	char *dir;		 /* STORE/volumes/NAME */
	int64_t created;	 /* ns since 1970 */
	struct str_list labels;	 /* NAME=VALUE */
	char *sandbox;		 /* id of the one that it is anonymous of; "": none */
};

struct volume_list {
	struct volume *items;
	size_t count;
};

/* Docker's rule: two or more of letters, digits, and _ . - behind the first. */
bool valid_volume_name(const char *name);

/** volume_make - make it if it is not there; `labels` may be NULL, `sandbox` NULL or "". 0, 1 if it was there, or an errno. */
int volume_make(const char *name, const struct str_list *labels, const char *sandbox, char **err);

/** volume_find - read one. -ENOENT. */
int volume_find(const char *name, struct volume *ret, char **err);
void volume_free(struct volume *v);

/** volumes_list - all, by name; damaged ones are left out. */
int volumes_list(struct volume_list *ret, char **err);
void volume_list_free(struct volume_list *list);

/** volume_users - names of the sandboxes that use it, running or not. */
void volume_users(const struct volume *v, struct str_list *ret);

/** volume_remove - -EBUSY: a sandbox that runs has it. */
int volume_remove(const struct volume *v, char **err);

/** volume_size - bytes that it takes on disk. */
uint64_t volume_size(const struct volume *v);

/** volumes_drop - remove those that are anonymous of a sandbox. */
void volumes_drop(const char *sandbox);

/** volume_anonymous_name - the name of the one that a sandbox has at a place; allocated. The same at each start. */
char *volume_anonymous_name(const char *sandbox, const char *target);

#endif
