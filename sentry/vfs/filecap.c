/* SPDX-License-Identifier: MIT */
/* Capabilities of files, as security.capability holds them: version 2, and version 3 with a root id. */
#include "vfs/filecap.h"
#include "kernel/task.h"
#include "vfs/names_table.h"

#include <endian.h>
#include <linux/capability.h>
#include <string.h>

_Static_assert(sizeof(struct vfs_ns_cap_data) == 24, "version 3 on disk");

/* Does root of the namespace *ns*, or of one above it, have the kernel id *root*? */
static bool root_counts(const struct user_ns *ns, uint32_t root)
{
	for (; ns; ns = ns->parent)
		if (from_kuid(ns, root) == 0)
			return true;
	return false;
}

/* The kernel id of the root that set the attribute; ID_INVALID: not a form we know. */
static uint32_t root_of(const struct vfs_ns_cap_data *d, size_t len)
{
	uint32_t revision = le32toh(d->magic_etc) & VFS_CAP_REVISION_MASK;

	if (revision == VFS_CAP_REVISION_3 && len == XATTR_CAPS_SZ_3)
		return le32toh(d->rootid);
	return (revision == VFS_CAP_REVISION_2 && len == XATTR_CAPS_SZ_2) ||
			       (revision == VFS_CAP_REVISION_1 && len == XATTR_CAPS_SZ_1)
		       ? 0
		       : ID_INVALID;
}

int filecap_get(const struct user_ns *ns, struct inode *inode, struct file_caps *fc)
{
	struct vfs_ns_cap_data d = {0};
	uint32_t root;
	ssize_t n;

	*fc = (struct file_caps){0};
	if (!inode->ops || !inode->ops->getxattr)
		return 0;
	n = inode->ops->getxattr(inode, FILECAP_NAME, &d, sizeof(d));
	if (n == -ENODATA || n == -EOPNOTSUPP || n == -ERANGE)
		return 0;
	if (n < 0)
		return (int)n;
	root = root_of(&d, (size_t)n);
	if (root == ID_INVALID || !root_counts(ns, root))
		return 0;
	fc->present = true;
	fc->effective = le32toh(d.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE;
	fc->permitted = le32toh(d.data[0].permitted) | (uint64_t)le32toh(d.data[1].permitted) << 32;
	fc->inheritable = le32toh(d.data[0].inheritable) | (uint64_t)le32toh(d.data[1].inheritable) << 32;
	if (n == XATTR_CAPS_SZ_1) {
		fc->permitted &= UINT32_MAX;
		fc->inheritable &= UINT32_MAX;
	}
	fc->permitted &= CAP_MASK_ALL;
	fc->inheritable &= CAP_MASK_ALL;
	return 0;
}

ssize_t filecap_store_form(struct task *t, const struct inode *inode, const void *value, size_t size, void *out)
{
	const struct user_ns *mine = t->cred->user_ns, *owner = inode->sb->user_ns;
	struct vfs_ns_cap_data d = {0};
	uint32_t revision, root;

	if (size != XATTR_CAPS_SZ_2 && size != XATTR_CAPS_SZ_3)
		return -EINVAL;
	memcpy(&d, value, size);
	revision = le32toh(d.magic_etc) & VFS_CAP_REVISION_MASK;
	if (revision != (size == XATTR_CAPS_SZ_2 ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3))
		return -EINVAL;
	if (!cred_id_capable(t->cred, inode->uid, inode->gid, CAP_SETFCAP))
		return -EPERM;
	if (!owner)
		owner = t->kernel->user_ns;
	if (size == XATTR_CAPS_SZ_2 && ns_capable(t, owner, CAP_SETFCAP)) {
		memcpy(out, &d, size);
		return (ssize_t)size;
	}
	root = make_kuid(mine, size == XATTR_CAPS_SZ_3 ? le32toh(d.rootid) : 0);
	if (root == ID_INVALID)
		return -EINVAL;
	d.rootid = htole32(root);
	d.magic_etc = htole32((le32toh(d.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) | VFS_CAP_REVISION_3);
	memcpy(out, &d, sizeof(d));
	return sizeof(d);
}

ssize_t filecap_read_form(struct task *t, void *value, size_t len, size_t size)
{
	const struct user_ns *ns = t->cred->user_ns;
	struct vfs_ns_cap_data d = {0};
	uint32_t root, shown;

	if (len < XATTR_CAPS_SZ_1 || len > sizeof(d))
		return -EINVAL;
	memcpy(&d, value, len);
	root = root_of(&d, len);
	if (root == ID_INVALID)
		return -EINVAL;
	shown = from_kuid(ns, root);
	if (shown == 0 || (len != XATTR_CAPS_SZ_3 && root_counts(ns, root))) {
		d.magic_etc = htole32((le32toh(d.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) | VFS_CAP_REVISION_2);
		len = XATTR_CAPS_SZ_2;
	} else if (shown != ID_INVALID) {
		d.rootid = htole32(shown);
		d.magic_etc = htole32((le32toh(d.magic_etc) & VFS_CAP_FLAGS_EFFECTIVE) | VFS_CAP_REVISION_3);
		len = XATTR_CAPS_SZ_3;
	} else {
		return -EOVERFLOW;
	}
	if (size && len > size)
		return -ERANGE;
	if (size)
		memcpy(value, &d, len);
	return (ssize_t)len;
}

int filecap_kill(struct inode *inode)
{
	int r = 0;

	if (atomic_load_explicit(&inode->no_filecap, memory_order_relaxed) || !inode->ops)
		return 0;
	/* First said, then looked at: who sets capabilities meanwhile takes it back afterwards. */
	inode->no_filecap = true;
	if (!inode->ops->getxattr || !inode->ops->removexattr || inode->ops->getxattr(inode, FILECAP_NAME, NULL, 0) < 0)
		return 0;
	NAMES_CHANGE(inode->sb->kernel);
	names_inode(inode);
	lock_acquire(&inode->lock);
	r = inode->ops->removexattr(inode, FILECAP_NAME);
	lock_release(&inode->lock);
	if (r && r != -ENODATA)
		inode->no_filecap = false;
	return r == -ENODATA ? 0 : r;
}
