/* SPDX-License-Identifier: MIT */
/* Files of namespaces. Open, or bound in a tree, they keep it alive. */
#include "fs/nsfs.h"
#include "ipc/ipc.h"
#include "kernel/pid_ns.h"
#include "kernel/task.h"
#include "vfs/vfs.h"

#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/stat.h>

#define NSFS_MAGIC_NR 0x6e736673

static void nsfs_free_inode(struct inode *inode)
{
	struct ns_head *h = inode->priv;

	if (h->kind == NS_MNT)
		mount_ns_put_late((struct mount_ns *)h);
	else
		ns_put(h);
	inode_free(inode);
}

static int nsfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	*st = (struct kstatfs){.type = NSFS_MAGIC_NR, .bsize = 4096, .namelen = VFS_NAME_MAX};
	return 0;
}

static const struct super_ops nsfs_super_ops = {.free_inode = nsfs_free_inode, .statfs = nsfs_statfs};
/* As immutable files. */
static int nsfs_permission(struct task *t, struct inode *inode, int mask)
{
	return mask & MAY_WRITE ? -EPERM : inode_permission_generic(t->cred, inode->mode, inode->uid, inode->gid, mask);
}

static const struct inode_ops nsfs_inode_ops = {.permission = nsfs_permission};

struct ns_head *task_ns_get(struct task *t, enum ns_kind kind, bool for_children)
{
	struct ns_head *h = NULL;

	LOCK_SCOPE(&t->cred_lock);
	if (!t->nsproxy && kind != NS_USER && kind != NS_PID)
		return NULL;
	switch (kind) {
	case NS_CGROUP:
		h = &t->nsproxy->cgroup->head;
		break;
	case NS_IPC:
		h = &t->nsproxy->ipc->head;
		break;
	case NS_MNT:
		h = &t->nsproxy->mnt->head;
		break;
	case NS_NET:
		h = &t->nsproxy->net->head;
		break;
	case NS_PID:
		if (!for_children)
			h = &t->tg->pid_ns->head;
		else
			h = t->nsproxy ? &t->nsproxy->pid_for_children->head : NULL;
		break;
	case NS_TIME:
		h = &t->nsproxy->time->head;
		break;
	case NS_USER:
		h = &t->cred->user_ns->head;
		break;
	case NS_UTS:
		h = &t->nsproxy->uts->head;
		break;
	case NS_KINDS:
		break;
	}
	if (h)
		ns_get(h);
	return h;
}

/* --- ioctls
 * ----------------------------------------------------------------------------------------------------------------------
 */

static int open_ns(struct task *t, struct ns_head *h)
{
	PATH_SCOPE p = {0};
	struct file *f;
	int fd, r = nsfs_path(h, &p);

	if (!r)
		r = vfs_open_path(t, &p, O_RDONLY, &f);
	if (r)
		return r;
	fd = fd_install(t, f, true, 0);
	if (fd < 0)
		file_put(f);
	return fd;
}

/* The user namespace that owns *h*, or the parent of one; -EPERM outside of what the caller may know. */
static int open_owner(struct task *t, struct ns_head *h)
{
	struct user_ns *owner = h->kind == NS_USER ? ((struct user_ns *)h)->parent : h->owner;

	for (struct user_ns *ns = owner; ns; ns = ns->parent)
		if (ns == t->cred->user_ns)
			return open_ns(t, &owner->head);
	return -EPERM;
}

static int open_parent(struct task *t, struct ns_head *h)
{
	struct pid_ns *parent;

	if (h->kind == NS_USER)
		return open_owner(t, h);
	if (h->kind != NS_PID)
		return -EINVAL;
	parent = ((struct pid_ns *)h)->parent;
	return parent && pid_ns_below(parent, t->tg->pid_ns) ? open_ns(t, &parent->head) : -EPERM;
}

static int owner_uid(struct task *t, struct ns_head *h, uint64_t arg)
{
	uint32_t uid;

	if (h->kind != NS_USER)
		return -EINVAL;
	uid = show_kuid(t->cred->user_ns, ((struct user_ns *)h)->owner);
	return copy_out(t, arg, &uid, sizeof(uid));
}

static int64_t nsfs_ioctl(struct task *t, struct file *f, uint32_t cmd, uint64_t arg)
{
	struct ns_head *h = f->inode->priv;

	switch (cmd) {
	case NS_GET_USERNS:
		return open_owner(t, h);
	case NS_GET_PARENT:
		return open_parent(t, h);
	case NS_GET_NSTYPE:
		return (int64_t)ns_flag(h->kind);
	case NS_GET_OWNER_UID:
		return owner_uid(t, h, arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_ops nsfs_fops = {.ioctl = nsfs_ioctl};

/* --- making them
 * ------------------------------------------------------------------------------------------------------------------ */

int nsfs_path(struct ns_head *h, struct path *ret)
{
	struct inode *inode = inode_alloc(h->kernel->nsfs, &nsfs_inode_ops, &nsfs_fops, S_IFREG | 0444);
	struct dentry *d;
	char name[64];

	if (!inode)
		return -ENOMEM;
	inode->priv = h;
	ns_get(h);
	inode->ino = h->inum;
	snprintf(name, sizeof(name), "%s:[%lu]", ns_name(h->kind), h->inum);
	d = d_alloc_anon(inode, name);
	if (!d) {
		inode_put(inode);
		return -ENOMEM;
	}
	*ret = (struct path){.dentry = d};
	return 0;
}

struct ns_head *nsfs_of_file(const struct file *f)
{
	return f->inode && f->inode->ops == &nsfs_inode_ops ? f->inode->priv : NULL;
}

int nsfs_init(struct kernel *k)
{
	k->nsfs = super_alloc(k, "nsfs", &nsfs_super_ops, NULL);
	return k->nsfs ? 0 : -ENOMEM;
}
