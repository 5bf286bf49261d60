/* SPDX-License-Identifier: MIT */
/* Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their l and f forms. xattr(7). */
#include "syscalls/syscalls.h"
#include "vfs/acl.h"
#include "vfs/filecap.h"
#include "vfs/notify.h"
#include "vfs/simple_xattr.h"
#include "vfs/vfs.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

enum form { BY_PATH, BY_LINK, BY_FD };

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* The object: a path followed or not, or an open file. */
static int get_path(struct task *t, enum form form, uint64_t arg, struct path *ret)
{
	char *name;
	int r;

	if (form == BY_FD) {
		FILE_SCOPE f = fd_get(t, (int)arg);

		if (!f)
			return -EBADF;
		*ret = f->path;
		path_get(ret);
		return 0;
	}
	r = copy_in_path(t, arg, false, &name);
	if (r < 0)
		return r;
	r = vfs_walk(t, AT_FDCWD, name, form == BY_PATH ? WALK_FOLLOW : 0, ret);
	free(name);
	return r;
}

/* An empty or overlong name is -ERANGE. */
static int get_name(struct task *t, uint64_t addr, char name[XATTR_NAME_BYTES + 1])
{
	ssize_t n = copy_in_str(t, name, addr, XATTR_NAME_BYTES + 1);

	if (n == -ENAMETOOLONG || n == 0)
		return -ERANGE;
	return n < 0 ? (int)n : 0;
}

static int may_write_special(struct task *t, const char *name)
{
	if (strcmp(name, FILECAP_NAME) == 0)
		return 0; /* has its own rule */
	return task_capable(t, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

/* xattr_permission(): who may do what in which namespace. POSIX ACLs have rules of their own. */
static int check(struct task *t, struct inode *inode, const char *name, bool write)
{
	const char *dot = strchr(name, '.');
	bool known = has_prefix(name, "user.") || has_prefix(name, "trusted.") || has_prefix(name, "security.");

	if (known && !dot[1])
		return -EINVAL;
	if (acl_is_name(name))
		return 0;
	if (has_prefix(name, "security."))
		return write ? may_write_special(t, name) : 0;
	if (has_prefix(name, "trusted."))
		return task_capable(t, CAP_SYS_ADMIN) ? 0 : write ? -EPERM : -ENODATA;
	if (!has_prefix(name, "user."))
		return -EOPNOTSUPP;
	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) && t->cred->fsuid != inode->uid &&
	    !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_FOWNER))
		return -EPERM;
	return inode_permission(t, inode, write ? MAY_WRITE : MAY_READ);
}

static int check_change(struct task *t, const struct path *p, const char *name)
{
	if ((p->mnt && mount_read_only(p->mnt)) || p->dentry->inode->sb->read_only)
		return -EROFS;
	return check(t, p->dentry->inode, name, true);
}

static int set_value(struct task *t, const struct path *p, const char *name, const void *value, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	int r = check_change(t, p, name);
	uint8_t caps[24];

	if (r < 0)
		return r;
	if (acl_is_name(name)) {
		r = acl_set(t, inode, name, value, size);
		if (r == 0)
			fsnotify_dentry(p->dentry, IN_ATTRIB);
		return r;
	}
	if (strcmp(name, FILECAP_NAME) == 0) {
		ssize_t n = filecap_store_form(t, inode, value, size, caps);

		if (n < 0)
			return (int)n;
		value = caps;
		size = (size_t)n;
	}
	if (!inode->ops || !inode->ops->setxattr)
		return -EOPNOTSUPP;
	NAMES_CHANGE(t->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	r = inode->ops->setxattr(inode, name, value, size, flags);
	inode->no_filecap = false;
	lock_release(&inode->lock);
	if (r == 0)
		fsnotify_dentry(p->dentry, IN_ATTRIB);
	return r;
}

static int64_t do_set(struct task *t, const uint64_t *a, enum form form)
{
	char name[XATTR_NAME_BYTES + 1];
	int flags = ARG_INT(a, 4), r;
	PATH_SCOPE p = {0};
	size_t size = a[3];
	void *value;

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	r = get_name(t, a[1], name);
	if (r < 0)
		return r;
	if (size > XATTR_VALUE_BYTES)
		return -E2BIG;
	value = malloc(size ? size : 1);
	if (!value)
		return -ENOMEM;
	r = size ? copy_in(t, value, a[2], size) : 0;
	if (r == 0)
		r = get_path(t, form, a[0], &p);
	if (r == 0)
		r = set_value(t, &p, name, value, size, flags);
	free(value);
	return r;
}

static ssize_t get_capability(struct task *t, struct inode *inode, void *value, size_t size)
{
	uint8_t caps[24];
	ssize_t n = inode->ops->getxattr(inode, FILECAP_NAME, caps, sizeof(caps));

	if (n >= 0)
		n = filecap_read_form(t, caps, (size_t)n, size);
	if (n > 0 && size)
		memcpy(value, caps, (size_t)n);
	return n;
}

static ssize_t get_value(struct task *t, const struct path *p, const char *name, void *value, size_t size)
{
	struct inode *inode = p->dentry->inode;
	int r = check(t, inode, name, false);

	if (r < 0)
		return r;
	if (acl_is_name(name))
		return acl_get(t, inode, name, value, size);
	if (!inode->ops || !inode->ops->getxattr)
		return -EOPNOTSUPP;
	if (strcmp(name, FILECAP_NAME) == 0)
		return get_capability(t, inode, value, size);
	return inode->ops->getxattr(inode, name, value, size);
}

static int64_t do_get(struct task *t, const uint64_t *a, enum form form)
{
	size_t size = a[3] < XATTR_VALUE_BYTES ? a[3] : XATTR_VALUE_BYTES;
	char name[XATTR_NAME_BYTES + 1];
	PATH_SCOPE p = {0};
	void *value;
	ssize_t n;
	int r = get_name(t, a[1], name);

	if (r == 0)
		r = get_path(t, form, a[0], &p);
	if (r < 0)
		return r;
	value = malloc(size ? size : 1);
	if (!value)
		return -ENOMEM;
	n = get_value(t, &p, name, value, size);
	if (n > 0 && size > 0 && copy_out(t, a[2], value, (size_t)n) < 0)
		n = -EFAULT;
	free(value);
	return n;
}

/* Names in trusted. are for the capable alone; ACLs are named by the inode. In place; returns the new length. */
static size_t filter_names(char *list, size_t len, bool trusted)
{
	size_t out = 0;

	for (size_t at = 0; at < len;) {
		size_t n = strlen(list + at) + 1;

		if ((trusted || !has_prefix(list + at, "trusted.")) && !acl_is_name(list + at)) {
			memmove(list + out, list + at, n);
			out += n;
		}
		at += n;
	}
	return out;
}

/* All names in one buffer; malloc'ed. */
static ssize_t list_names(struct task *t, struct inode *inode, char **ret)
{
	char *list = malloc(XATTR_LIST_BYTES);
	ssize_t n = 0;

	if (!list)
		return -ENOMEM;
	if (inode->ops && inode->ops->listxattr)
		n = inode->ops->listxattr(inode, list, XATTR_LIST_BYTES);
	if (n < 0) {
		free(list);
		return n;
	}
	n = (ssize_t)filter_names(list, (size_t)n, task_capable(t, CAP_SYS_ADMIN));
	n = (ssize_t)acl_list(inode, list, (size_t)n, XATTR_LIST_BYTES);
	*ret = list;
	return n;
}

static int64_t do_list(struct task *t, const uint64_t *a, enum form form)
{
	PATH_SCOPE p = {0};
	char *list;
	ssize_t n;
	int r = get_path(t, form, a[0], &p);

	if (r < 0)
		return r;
	n = list_names(t, p.dentry->inode, &list);
	if (n < 0)
		return n;
	if (a[2] > 0 && (size_t)n > a[2])
		n = -ERANGE;
	else if (a[2] > 0 && n > 0 && copy_out(t, a[1], list, (size_t)n) < 0)
		n = -EFAULT;
	free(list);
	return n;
}

static int64_t do_remove(struct task *t, const uint64_t *a, enum form form)
{
	char name[XATTR_NAME_BYTES + 1];
	PATH_SCOPE p = {0};
	struct inode *inode;
	int r = get_name(t, a[1], name);

	if (r == 0)
		r = get_path(t, form, a[0], &p);
	if (r == 0)
		r = check_change(t, &p, name);
	if (r < 0)
		return r;
	inode = p.dentry->inode;
	if (acl_is_name(name)) {
		r = acl_set(t, inode, name, NULL, 0);
		if (r == 0)
			fsnotify_dentry(p.dentry, IN_ATTRIB);
		return r;
	}
	if (strcmp(name, FILECAP_NAME) == 0 && !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_SETFCAP))
		return -EPERM;
	if (!inode->ops || !inode->ops->removexattr)
		return -EOPNOTSUPP;
	NAMES_CHANGE(t->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	r = inode->ops->removexattr(inode, name);
	lock_release(&inode->lock);
	if (r == 0)
		fsnotify_dentry(p.dentry, IN_ATTRIB);
	return r;
}

#define XATTR_CALL(name, fn, form)                                                                                     \
	int64_t sys_##name(struct task *t, const uint64_t *a)                                                          \
	{                                                                                                              \
		return fn(t, a, form);                                                                                 \
	}

XATTR_CALL(setxattr, do_set, BY_PATH)
XATTR_CALL(lsetxattr, do_set, BY_LINK)
XATTR_CALL(fsetxattr, do_set, BY_FD)
XATTR_CALL(getxattr, do_get, BY_PATH)
XATTR_CALL(lgetxattr, do_get, BY_LINK)
XATTR_CALL(fgetxattr, do_get, BY_FD)
XATTR_CALL(listxattr, do_list, BY_PATH)
XATTR_CALL(llistxattr, do_list, BY_LINK)
XATTR_CALL(flistxattr, do_list, BY_FD)
XATTR_CALL(removexattr, do_remove, BY_PATH)
XATTR_CALL(lremovexattr, do_remove, BY_LINK)
XATTR_CALL(fremovexattr, do_remove, BY_FD)
