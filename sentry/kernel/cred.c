/* SPDX-License-Identifier: MIT */
/* Credentials. */
#include "kernel/cred.h"

#include <stdlib.h>
#include <string.h>


struct cred *cred_alloc_root(struct user_ns *ns)
{
	struct cred *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	refs_init(&c->refs);
	c->user_ns = ns;
	user_ns_get(ns);
	c->cap_effective = c->cap_permitted = c->cap_bounding = CAP_MASK_ALL;
	return c;
}

struct cred *cred_copy(const struct cred *from)
{
	struct cred *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	/* Not the count: others take and drop references meanwhile. */
	memcpy((char *)c + sizeof(c->refs), (const char *)from + sizeof(c->refs), sizeof(*c) - sizeof(c->refs));
	refs_init(&c->refs);
	c->groups = NULL;
	user_ns_get(c->user_ns);
	if (!from->n_groups)
		return c;
	c->groups = malloc(from->n_groups * sizeof(*c->groups));
	if (!c->groups) {
		user_ns_put(c->user_ns);
		free(c);
		return NULL;
	}
	memcpy(c->groups, from->groups, from->n_groups * sizeof(*c->groups));
	return c;
}

void cred_get(struct cred *c)
{
	refs_get(&c->refs);
}

void cred_put(struct cred *c)
{
	if (!c || !refs_put(&c->refs))
		return;
	user_ns_put(c->user_ns);
	free(c->groups);
	free(c);
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (gid == c->fsgid)
		return true;
	for (uint32_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}
