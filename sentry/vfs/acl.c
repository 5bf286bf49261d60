/* SPDX-License-Identifier: MIT */
/* POSIX access control lists. Lists never change once they hang in an inode: a change makes another. */
#include "vfs/acl.h"

#include "kernel/cred.h"
#include "kernel/kernel.h"
#include "kernel/task.h"
#include "kernel/user_ns.h"
#include "vfs/internal.h"
#include "vfs/simple_xattr.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum acl_tag { ACL_USER_OBJ = 1, ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_MASK = 16, ACL_OTHER = 32 };

#define ACL_XATTR_VERSION 2
#define ACL_NO_ID UINT32_MAX

struct acl_entry { /* as in the extended attribute; id: a kernel id */
	uint16_t tag, perm;
	uint32_t id;
};

struct posix_acl {
	struct refs refs;
	struct kernel *kernel;
	size_t charged;
	unsigned n;
	struct acl_entry e[];
};

static struct posix_acl *acl_alloc(struct kernel *k, unsigned n, int *err)
{
	size_t size = sizeof(struct posix_acl) + n * sizeof(struct acl_entry);
	struct posix_acl *a;

	*err = -ENOSPC;
	if (kernel_charge_files(k, size) < 0)
		return NULL;
	a = malloc(size);
	if (!a) {
		kernel_uncharge(k, size);
		*err = -ENOMEM;
		return NULL;
	}
	refs_init(&a->refs);
	a->kernel = k;
	a->charged = size;
	a->n = n;
	return a;
}

static void acl_put(struct posix_acl *a)
{
	if (!a || !refs_put(&a->refs))
		return;
	kernel_uncharge(a->kernel, a->charged);
	free(a);
}

static struct posix_acl *acl_copy(const struct posix_acl *from, int *err)
{
	struct posix_acl *a = acl_alloc(from->kernel, from->n, err);

	if (a)
		memcpy(a->e, from->e, from->n * sizeof(*a->e));
	return a;
}

/* The list at *slot*, held, or NULL. The lock keeps it from going between the look and the hold. */
static struct posix_acl *acl_hold(struct inode *inode, _Atomic(struct posix_acl *) *slot)
{
	struct posix_acl *a;

	if (!atomic_load(slot))
		return NULL;
	LOCK_SCOPE(&inode->sb->kernel->acl_lock);
	a = atomic_load(slot);
	if (a)
		refs_get(&a->refs);
	return a;
}

/* Takes over the reference to *a*, gives away the old one's. */
static struct posix_acl *acl_swap(struct inode *inode, _Atomic(struct posix_acl *) *slot, struct posix_acl *a)
{
	LOCK_SCOPE(&inode->sb->kernel->acl_lock);
	return atomic_exchange(slot, a);
}

static void acl_replace(struct inode *inode, _Atomic(struct posix_acl *) *slot, struct posix_acl *a)
{
	acl_put(acl_swap(inode, slot, a));
}

/* The same where the file system keeps lists; if it cannot, the old one stays. Consumes *a* in any case. */
static int acl_replace_kept(struct inode *inode, _Atomic(struct posix_acl *) *slot, struct posix_acl *a)
{
	struct posix_acl *old = acl_swap(inode, slot, a);
	int r = inode->ops && inode->ops->acl_changed ? inode->ops->acl_changed(inode) : 0;

	if (r < 0)
		old = acl_swap(inode, slot, old);
	acl_put(old);
	return r;
}

static _Atomic(struct posix_acl *) *slot_of(struct inode *inode, const char *name)
{
	return strcmp(name, ACL_ACCESS_NAME) ? &inode->default_acl : &inode->acl;
}

void acl_inode_free(struct inode *inode)
{
	acl_put(inode->acl);
	acl_put(inode->default_acl);
}

/* --- the extended attribute ------------------------------------------------------------------------------------------------- */

struct acl_xattr_entry {
	uint16_t tag, perm;
	uint32_t id;
} __attribute__((packed));

/* Entries come in the order of their tags, one of each but for named users and groups, which need a mask. */
static bool acl_valid(const struct posix_acl *a)
{
	unsigned stage = 0; /* tag of the last entry */
	bool named = false, mask = false;
	unsigned have = 0;

	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->e[i];
		bool many = e->tag == ACL_USER || e->tag == ACL_GROUP;

		if (e->perm & ~7u || e->tag < stage || (e->tag == stage && !many))
			return false;
		if (many && e->id == ACL_NO_ID)
			return false;
		named |= many;
		mask |= e->tag == ACL_MASK;
		have |= e->tag;
		stage = e->tag;
	}
	return (have & (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER)) == (ACL_USER_OBJ | ACL_GROUP_OBJ | ACL_OTHER) && (!named || mask);
}

static int parse_entry(const struct user_ns *ns, const struct acl_xattr_entry *x, struct acl_entry *e)
{
	*e = (struct acl_entry){.tag = x->tag, .perm = x->perm, .id = ACL_NO_ID};
	switch (x->tag) {
	case ACL_USER:
		e->id = ns ? make_kuid(ns, x->id) : x->id;
		return e->id == ACL_NO_ID ? -EINVAL : 0;
	case ACL_GROUP:
		e->id = ns ? make_kgid(ns, x->id) : x->id;
		return e->id == ACL_NO_ID ? -EINVAL : 0;
	case ACL_USER_OBJ:
	case ACL_GROUP_OBJ:
	case ACL_MASK:
	case ACL_OTHER:
		return 0;
	default:
		return -EINVAL;
	}
}

/* *ret* is NULL for a list without entries. ns NULL: the first namespace. */
static int acl_parse(struct kernel *k, const struct user_ns *ns, const void *value, size_t size, struct posix_acl **ret)
{
	const struct acl_xattr_entry *x = (const void *)((const char *)value + 4);
	struct posix_acl *a;
	uint32_t version;
	int r = 0;

	*ret = NULL;
	if (!value || !size)
		return 0;
	if (size < 4)
		return -EINVAL;
	memcpy(&version, value, sizeof(version));
	if (version != ACL_XATTR_VERSION)
		return -EOPNOTSUPP;
	if ((size - 4) % sizeof(*x))
		return -EINVAL;
	if (size == 4)
		return 0;
	a = acl_alloc(k, (unsigned)((size - 4) / sizeof(*x)), &r);
	if (!a)
		return r;
	r = 0;
	for (unsigned i = 0; i < a->n && !r; i++)
		r = parse_entry(ns, &x[i], &a->e[i]);
	if (r) {
		acl_put(a);
		return r;
	}
	*ret = a;
	return 0;
}

ssize_t acl_get(struct task *t, struct inode *inode, const char *name, void *buf, size_t size)
{
	const struct user_ns *ns = t->cred->user_ns;
	struct acl_xattr_entry *x = (void *)((char *)buf + 4);
	uint32_t version = ACL_XATTR_VERSION;
	struct posix_acl *a;
	size_t need;
	int r;

	if (!inode->sb->posix_acl || S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	r = acl_load(inode);
	if (r < 0)
		return r;
	a = acl_hold(inode, slot_of(inode, name));
	if (!a)
		return -ENODATA;
	need = 4 + a->n * sizeof(*x);
	if (size && size < need) {
		acl_put(a);
		return -ERANGE;
	}
	if (size)
		memcpy(buf, &version, sizeof(version));
	for (unsigned i = 0; size && i < a->n; i++) {
		const struct acl_entry *e = &a->e[i];

		x[i] = (struct acl_xattr_entry){.tag = e->tag, .perm = e->perm, .id = ACL_NO_ID};
		if (e->tag == ACL_USER)
			x[i].id = show_kuid(ns, e->id);
		else if (e->tag == ACL_GROUP)
			x[i].id = show_kgid(ns, e->id);
	}
	acl_put(a);
	return (ssize_t)need;
}

size_t acl_list(struct inode *inode, char *list, size_t len, size_t size)
{
	if (inode->sb->posix_acl && acl_load(inode) < 0)
		return len;
	if (inode->acl && len + sizeof(ACL_ACCESS_NAME) <= size) {
		memcpy(list + len, ACL_ACCESS_NAME, sizeof(ACL_ACCESS_NAME));
		len += sizeof(ACL_ACCESS_NAME);
	}
	if (inode->default_acl && len + sizeof(ACL_DEFAULT_NAME) <= size) {
		memcpy(list + len, ACL_DEFAULT_NAME, sizeof(ACL_DEFAULT_NAME));
		len += sizeof(ACL_DEFAULT_NAME);
	}
	return len;
}

/* --- lists and modes ----------------------------------------------------------------------------------------------------------- */

/* The permission bits that a list stands for. *beyond*: it says more than they do. */
static uint32_t acl_mode(const struct posix_acl *a, bool *beyond)
{
	uint32_t mode = 0, mask = 0;

	*beyond = false;
	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->e[i];

		if (e->tag == ACL_USER_OBJ)
			mode |= (uint32_t)e->perm << 6;
		else if (e->tag == ACL_GROUP_OBJ)
			mode |= (uint32_t)e->perm << 3;
		else if (e->tag == ACL_OTHER)
			mode |= e->perm;
		else
			*beyond = true;
		if (e->tag == ACL_MASK)
			mask = 010u | e->perm;
	}
	return mask ? (mode & ~070u) | (mask & 7) << 3 : mode;
}

int acl_load(struct inode *inode)
{
	return inode->ops && inode->ops->acl_load ? inode->ops->acl_load(inode) : 0;
}

static struct acl_entry *acl_find(struct posix_acl *a, enum acl_tag tag)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->e[i].tag == tag)
			return &a->e[i];
	return NULL;
}

/* Whose bits of the list the mode's group bits are. */
static struct acl_entry *group_class(struct posix_acl *a)
{
	struct acl_entry *mask = acl_find(a, ACL_MASK);

	return mask ? mask : acl_find(a, ACL_GROUP_OBJ);
}

int acl_chmod(struct inode *inode)
{
	struct posix_acl *old = acl_hold(inode, &inode->acl), *a;
	uint32_t mode = inode->mode;
	int r = 0;

	if (!old)
		return 0;
	a = acl_copy(old, &r);
	acl_put(old);
	if (!a)
		return r;
	acl_find(a, ACL_USER_OBJ)->perm = mode >> 6 & 7;
	group_class(a)->perm = mode >> 3 & 7;
	acl_find(a, ACL_OTHER)->perm = mode & 7;
	return acl_replace_kept(inode, &inode->acl, a);
}

/* --- setting --------------------------------------------------------------------------------------------------------------------- */

/* The mode becomes what the list stands for; a list that says no more goes. */
static int set_access(struct task *t, struct inode *inode, struct posix_acl **a)
{
	struct setattr attr = {.valid = ATTR_MODE};
	bool beyond = false;
	int r = 0;

	if (!inode->ops || !inode->ops->setattr)
		return -EOPNOTSUPP;
	attr.mode = inode->mode & 07777;
	if (*a) {
		attr.mode = (attr.mode & 07000) | acl_mode(*a, &beyond);
		if (!cred_in_group(t->cred, inode->gid) && !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_FSETID))
			attr.mode &= ~(uint32_t)S_ISGID;
	}
	r = inode->ops->setattr(inode, &attr);
	if (!r && !beyond) {
		acl_put(*a);
		*a = NULL;
	}
	return r;
}

static int set_default(struct inode *inode)
{
	struct setattr attr = {0}; /* the change time, and an overlay keeps the inode */

	return inode->ops && inode->ops->setattr ? inode->ops->setattr(inode, &attr) : -EOPNOTSUPP;
}

static int may_set(struct task *t, struct inode *inode, bool access, const struct posix_acl *a)
{
	if (!inode->sb->posix_acl || S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if (!access && !S_ISDIR(inode->mode))
		return a ? -EACCES : 0;
	if (!owner_or_capable(t, inode))
		return -EPERM;
	return !a || acl_valid(a) ? 0 : -EINVAL;
}

int acl_set(struct task *t, struct inode *inode, const char *name, const void *value, size_t size)
{
	bool access = !strcmp(name, ACL_ACCESS_NAME);
	struct posix_acl *a;
	int r = acl_parse(t->kernel, t->cred->user_ns, value, size, &a);

	if (r < 0)
		return r;
	r = may_set(t, inode, access, a);
	if (r < 0 || (!access && !S_ISDIR(inode->mode))) {
		acl_put(a);
		return r;
	}
	NAMES_CHANGE(t->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	r = access ? set_access(t, inode, &a) : set_default(inode);
	if (!r)
		r = acl_replace_kept(inode, access ? &inode->acl : &inode->default_acl, a);
	else
		acl_put(a);
	lock_release(&inode->lock);
	return r;
}

/* --- permission ------------------------------------------------------------------------------------------------------------------ */

/* The entry that decides, and whether the mask holds it back; NULL: nobody's. */
static const struct acl_entry *decisive(const struct posix_acl *a, const struct cred *cred, const struct inode *inode, int want,
	bool *masked)
{
	bool in_group = false;

	*masked = true;
	for (unsigned i = 0; i < a->n; i++) {
		const struct acl_entry *e = &a->e[i];
		uint32_t gid = e->tag == ACL_GROUP_OBJ ? inode->gid : e->id;

		if (e->tag == ACL_USER && e->id == cred->fsuid)
			return e;
		if ((e->tag == ACL_GROUP_OBJ || e->tag == ACL_GROUP) && cred_in_group(cred, gid)) {
			in_group = true;
			if ((e->perm & want) == want)
				return e;
		}
		if (e->tag == ACL_OTHER && !in_group) {
			*masked = false;
			return e;
		}
	}
	return NULL;
}

int acl_permission(const struct cred *cred, struct inode *inode, int mask)
{
	struct posix_acl *a = acl_hold(inode, &inode->acl);
	const struct acl_entry *e, *m;
	int want = mask & 7, perm = 0;
	bool masked;

	if (!a) /* just gone */
		return inode_permission_generic(cred, inode->mode, inode->uid, inode->gid, mask);
	e = decisive(a, cred, inode, want, &masked);
	if (e) {
		m = masked ? acl_find(a, ACL_MASK) : NULL;
		perm = e->perm & (m ? m->perm : 7);
	}
	acl_put(a);
	return (perm & want) == want ? 0 : -EACCES;
}

/* --- what is made in a directory ----------------------------------------------------------------------------------------------- */

/* What the creator did not ask for, the list does not give; and the other way round. */
static uint32_t inherit_mode(struct posix_acl *a, uint32_t mode)
{
	struct acl_entry *u = acl_find(a, ACL_USER_OBJ), *g = group_class(a), *o = acl_find(a, ACL_OTHER);

	u->perm &= mode >> 6 & 7;
	g->perm &= mode >> 3 & 7;
	o->perm &= mode & 7;
	return (mode & ~0777u) | (uint32_t)u->perm << 6 | (uint32_t)g->perm << 3 | o->perm;
}

int acl_birth_begin(struct task *t, struct inode *dir, uint32_t *mode, struct acl_birth *b)
{
	struct posix_acl *def;
	bool beyond;
	int r = acl_load(dir);

	*b = (struct acl_birth){0};
	if (r < 0)
		return r;
	def = acl_hold(dir, &dir->default_acl);
	if (!def) {
		*mode &= ~t->fs->umask;
		return 0;
	}
	b->access = acl_copy(def, &r);
	if (!b->access) {
		acl_put(def);
		return r;
	}
	*mode = inherit_mode(b->access, *mode);
	acl_mode(b->access, &beyond);
	if (!beyond) {
		acl_put(b->access);
		b->access = NULL;
	}
	if (S_ISDIR(*mode))
		b->dflt = def;
	else
		acl_put(def);
	return 0;
}

void acl_birth_end(struct acl_birth *b, struct inode *inode)
{
	if (inode && inode->sb->posix_acl) {
		if (b->access)
			acl_replace(inode, &inode->acl, b->access);
		if (b->dflt)
			acl_replace(inode, &inode->default_acl, b->dflt);
		if ((b->access || b->dflt) && inode->ops && inode->ops->acl_changed)
			inode->ops->acl_changed(inode); /* it is made; what cannot be kept holds until the end */
	} else {
		acl_put(b->access);
		acl_put(b->dflt);
	}
	*b = (struct acl_birth){0};
}

/* --- file systems that keep lists -------------------------------------------------------------------------------------------------- */

ssize_t acl_export(struct inode *inode, bool dflt, void **ret)
{
	struct posix_acl *a = acl_hold(inode, dflt ? &inode->default_acl : &inode->acl);
	uint32_t version = ACL_XATTR_VERSION;
	struct acl_xattr_entry *x;
	size_t need;
	char *p;

	*ret = NULL;
	if (!a)
		return 0;
	need = sizeof(version) + a->n * sizeof(*x);
	p = malloc(need);
	if (!p) {
		acl_put(a);
		return -ENOMEM;
	}
	memcpy(p, &version, sizeof(version));
	x = (void *)(p + sizeof(version));
	for (unsigned i = 0; i < a->n; i++)
		x[i] = (struct acl_xattr_entry){.tag = a->e[i].tag, .perm = a->e[i].perm, .id = a->e[i].id};
	acl_put(a);
	*ret = p;
	return (ssize_t)need;
}

int acl_import(struct inode *inode, bool dflt, const void *value, size_t size)
{
	struct posix_acl *a;
	int r = S_ISLNK(inode->mode) || (dflt && !S_ISDIR(inode->mode)) ? -EINVAL :
								    acl_parse(inode->sb->kernel, NULL, value, size, &a);

	if (r < 0)
		return r == -EOPNOTSUPP ? -EINVAL : r;
	if (a && !acl_valid(a)) {
		acl_put(a);
		return -EINVAL;
	}
	acl_replace(inode, dflt ? &inode->default_acl : &inode->acl, a);
	return 0;
}

/* --- overlays ---------------------------------------------------------------------------------------------------------------------- */

static int take_lower(struct inode *inode, struct inode *lower, const char *name, char *buf)
{
	ssize_t n = lower->ops->getxattr(lower, name, buf, XATTR_VALUE_BYTES);
	struct posix_acl *a;
	int r;

	if (n <= 0)
		return 0;
	r = acl_parse(inode->sb->kernel, NULL, buf, (size_t)n, &a);
	if (r < 0)
		return r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
	if (a && !acl_valid(a)) {
		acl_put(a);
		a = NULL;
	}
	if (a)
		acl_replace(inode, slot_of(inode, name), a);
	return 0;
}

int acl_from_lower(struct inode *inode, struct inode *lower)
{
	char *buf;
	int r;

	if (!lower->sb->posix_acl || S_ISLNK(lower->mode) || !lower->ops || !lower->ops->getxattr)
		return 0;
	if (lower->ops->getxattr(lower, ACL_ACCESS_NAME, NULL, 0) <= 0 && lower->ops->getxattr(lower, ACL_DEFAULT_NAME, NULL, 0) <= 0)
		return 0;
	buf = malloc(XATTR_VALUE_BYTES);
	if (!buf)
		return -ENOMEM;
	r = take_lower(inode, lower, ACL_ACCESS_NAME, buf);
	if (!r && S_ISDIR(lower->mode))
		r = take_lower(inode, lower, ACL_DEFAULT_NAME, buf);
	free(buf);
	return r;
}
