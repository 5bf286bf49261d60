/* SPDX-License-Identifier: MIT */
/* Credentials. */
#include "kernel/cred.h"

#include <linux/securebits.h>
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

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void cred_set_groups(struct cred *c, uint32_t *groups, uint32_t n)
{
	if (n)
		qsort(groups, n, sizeof(*groups), compare_ids);
	free(c->groups);
	c->groups = groups;
	c->n_groups = n;
}

bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (gid == c->fsgid)
		return true;
	return c->n_groups && bsearch(&gid, c->groups, c->n_groups, sizeof(gid), compare_ids);
}

bool cred_in_user_ns(const struct cred *c, const struct user_ns *ns)
{
	for (const struct user_ns *mine = c->user_ns; mine; mine = mine->parent)
		if (mine == ns)
			return true;
	return false;
}

void cred_fix_setuid(const struct cred *o, struct cred *n)
{
	uint32_t root = make_kuid(o->user_ns, 0);
	bool had_root = o->uid == root || o->euid == root || o->suid == root;
	bool has_root = n->uid == root || n->euid == root || n->suid == root;

	if (n->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (had_root && !has_root) {
		if (!(n->securebits & SECBIT_KEEP_CAPS))
			n->cap_permitted = n->cap_effective = 0;
		/* Whoever keeps his capabilities over the change does not mean to hand them to what he runs. */
		n->cap_ambient = 0;
	}
	if (o->euid == root && n->euid != root)
		n->cap_effective = 0;
	else if (o->euid != root && n->euid == root)
		n->cap_effective = n->cap_permitted;
}

/* The capabilities that concern files go and come with a file system uid of 0. */
#define CAPS_OF_FILES                                                                                                  \
	(1ull << CAP_CHOWN | 1ull << CAP_MKNOD | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |              \
	 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MAC_OVERRIDE)

void cred_fix_setfsuid(const struct cred *o, struct cred *n)
{
	uint32_t root = make_kuid(o->user_ns, 0);

	if (n->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (o->fsuid == root && n->fsuid != root)
		n->cap_effective &= ~CAPS_OF_FILES;
	else if (o->fsuid != root && n->fsuid == root)
		n->cap_effective |= n->cap_permitted & CAPS_OF_FILES;
}

static bool caps_within(const struct cred *o, const struct cred *n)
{
	if (o->user_ns == n->user_ns && !(n->cap_permitted & ~o->cap_permitted))
		return true;
	for (const struct user_ns *ns = n->user_ns; ns->parent; ns = ns->parent)
		if (ns->parent == o->user_ns && ns->owner == o->euid)
			return true;
	return false;
}

bool cred_change_is_private(const struct cred *o, const struct cred *n)
{
	return n->euid != o->euid || n->egid != o->egid || n->fsuid != o->fsuid || n->fsgid != o->fsgid ||
	       !caps_within(o, n);
}
