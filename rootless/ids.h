/* SPDX-License-Identifier: MIT */
/* The ids of a sandbox whose files have real owners (docs/rootless.md). Private to rootless/. Each returns 0 or a negative errno. */
#ifndef PICKET_ROOTLESS_IDS_H
#define PICKET_ROOTLESS_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether this process is in the host's first user namespace. */
bool ids_first_namespace(void);

/* Give `pid`, in a user namespace just made below the caller's, all ids that the caller's namespace has, mapped to themselves. */
int ids_map_all(pid_t pid);

struct sandbox_id_range;

/* Give it these ids, of the caller's namespace, by other numbers. */
int ids_map_given(pid_t pid, const struct sandbox_id_range *uids, size_t n_uids, const struct sandbox_id_range *gids, size_t n_gids);

/* The last id of these by its number inside, and by that outside. */
void ids_choose_given(const struct sandbox_id_range *r, size_t n, unsigned int *inside, unsigned int *outside);

/*
 * What the sentry of the process `number` is in the caller's user namespace: an id there, as little used as can be, and not 0 as long as there
 * is another one.
 */
int ids_choose(pid_t number, uid_t *uid, gid_t *gid);

/* Become that user and group, without other groups, keeping all capabilities. Clears the death signal of the parent. */
int ids_become(uid_t uid, gid_t gid);

#endif
