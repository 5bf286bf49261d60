/* SPDX-License-Identifier: MIT */
/* Extended attributes held in sentry memory: a short list per inode, charged to the sandbox. xattr(7). */
#include "vfs/simple_xattr.h"

#include "kernel/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

struct simple_xattr {
	struct list_head link;
	size_t size;
	size_t name_size; /* with its NUL */
	char bytes[];	  /* name, NUL, value */
};

void simple_xattrs_init(struct simple_xattrs *x)
{
	list_init(&x->list);
	x->charged = x->names = 0;
}

static size_t cost(const struct simple_xattr *a)
{
	return sizeof(*a) + a->name_size + a->size;
}

static void drop(struct kernel *k, struct simple_xattrs *x, struct simple_xattr *a)
{
	list_del(&a->link);
	x->charged -= cost(a);
	x->names -= a->name_size;
	kernel_uncharge(k, cost(a));
	free(a);
}

void simple_xattrs_free(struct kernel *k, struct simple_xattrs *x)
{
	struct simple_xattr *a, *tmp;

	list_for_each_entry_safe(a, tmp, &x->list, link)
		drop(k, x, a);
}

static struct simple_xattr *find(const struct simple_xattrs *x, const char *name)
{
	struct simple_xattr *a;

	list_for_each_entry(a, &x->list, link)
		if (strcmp(a->bytes, name) == 0)
			return a;
	return NULL;
}

ssize_t simple_xattr_get(const struct simple_xattrs *x, const char *name, void *buf, size_t size)
{
	const struct simple_xattr *a = find(x, name);

	if (!a)
		return -ENODATA;
	if (size > 0) {
		if (size < a->size)
			return -ERANGE;
		memcpy(buf, a->bytes + a->name_size, a->size);
	}
	return (ssize_t)a->size;
}

int simple_xattr_set(struct kernel *k, struct simple_xattrs *x, const char *name, const void *value, size_t size, int flags)
{
	struct simple_xattr *old = find(x, name), *a;
	size_t name_size = strlen(name) + 1;

	if (old && (flags & XATTR_CREATE))
		return -EEXIST;
	if (!old && (!value || (flags & XATTR_REPLACE)))
		return -ENODATA;
	if (!value) {
		drop(k, x, old);
		return 0;
	}
	if (size > XATTR_VALUE_BYTES)
		return -E2BIG;
	if (!old && x->names + name_size > XATTR_LIST_BYTES)
		return -ENOSPC;
	if (kernel_charge_files(k, sizeof(*a) + name_size + size) < 0)
		return -ENOSPC;
	a = malloc(sizeof(*a) + name_size + size);
	if (!a) {
		kernel_uncharge(k, sizeof(*a) + name_size + size);
		return -ENOMEM;
	}
	a->size = size;
	a->name_size = name_size;
	memcpy(a->bytes, name, name_size);
	memcpy(a->bytes + name_size, value, size);
	if (old)
		drop(k, x, old);
	x->charged += cost(a);
	x->names += name_size;
	list_add_tail(&a->link, &x->list);
	return 0;
}

ssize_t simple_xattr_list(const struct simple_xattrs *x, char *buf, size_t size)
{
	const struct simple_xattr *a;
	size_t at = 0;

	list_for_each_entry(a, &x->list, link) {
		if (size > 0) {
			if (at + a->name_size > size)
				return -ERANGE;
			memcpy(buf + at, a->bytes, a->name_size);
		}
		at += a->name_size;
	}
	return (ssize_t)at;
}

void simple_xattr_each(const struct simple_xattrs *x, void (*each)(void *ctx, const char *name, const void *value, size_t size),
		       void *ctx)
{
	const struct simple_xattr *a;

	list_for_each_entry(a, &x->list, link)
		each(ctx, a->bytes, a->bytes + a->name_size, a->size);
}
