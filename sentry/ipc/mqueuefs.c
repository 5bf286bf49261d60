/* SPDX-License-Identifier: MIT */
/* The file system of message queues: names, limits, and what mq_open(2) makes. Mounted at /dev/mqueue, or used unmounted. */
#include "ipc/internal.h"
#include "ipc/mqueue.h"

#include <dirent.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MQUEUE_MAGIC 0x19800202
#define HARD_MSGS_MAX 65536
#define HARD_SIZE_MAX (16u << 20)
#define STATUS_SIZE 80		  /* st_size of a queue */
#define RLIMIT_DEFAULT 819200	  /* for one made by open(2), whose maker's limit is not at hand */
/* What Linux counts for a message and for a priority besides the text. */
#define COST_MSG 48
#define COST_PRIO 48

/* --- limits ------------------------------------------------------------------------------------------------------------ */

static int check_params(struct ipc_ns *ns, const struct cred *cred, const struct mq_params *p)
{
	bool free_hand = cred_ns_capable(cred, ns->kernel->user_ns, CAP_SYS_RESOURCE);
	int64_t max_msgs = free_hand ? HARD_MSGS_MAX : ns->mq_msg_max, size = free_hand ? HARD_SIZE_MAX : ns->mq_msgsize_max;

	return p->max_msgs <= 0 || p->msg_size <= 0 || p->max_msgs > max_msgs || p->msg_size > size ? -EINVAL : 0;
}

static uint64_t cost(const struct mqueue *q)
{
	uint64_t prios = q->max_msgs < MQ_PRIO_TOP + 1 ? q->max_msgs : MQ_PRIO_TOP + 1;

	return q->max_msgs * (COST_MSG + q->msg_size) + prios * COST_PRIO;
}

/* lock held. RLIMIT_MSGQUEUE is of all queues of a user. */
static int charge_user(struct mqfs *fs, struct mqueue *q, uint64_t limit)
{
	uint64_t sum = cost(q);
	struct mqueue *o;

	list_for_each_entry(o, &fs->queues, all_link)
		if (o->uid == q->uid)
			sum += o->charge;
	if (sum > limit)
		return -EMFILE;
	q->charge = cost(q);
	return 0;
}

/* --- queues -------------------------------------------------------------------------------------------------------------- */

static int iop_setattr(struct inode *inode, const struct setattr *attr)
{
	if (attr->valid & ATTR_SIZE)
		return -EINVAL;
	inode_setattr_copy(inode, attr);
	return 0;
}

static const struct inode_ops queue_iops = {.setattr = iop_setattr};

static int queue_alloc(struct super_block *sb, uint32_t mode, const struct cred *cred, struct inode **ret)
{
	struct mqueue *q;
	struct inode *inode;

	if (kernel_charge_files(sb->kernel, sizeof(*q)))
		return -ENOMEM;
	q = calloc(1, sizeof(*q));
	inode = q ? inode_alloc(sb, &queue_iops, &mqueue_fops, S_IFREG | (mode & 07777)) : NULL;
	if (!inode) {
		free(q);
		kernel_uncharge(sb->kernel, sizeof(*q));
		return -ENOMEM;
	}
	q->fs = sb->priv;
	q->inode = inode;
	list_init(&q->all_link);
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	q->uid = cred->uid;
	inode->priv = q;
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	inode->size = STATUS_SIZE;
	*ret = inode;
	return 0;
}

static void free_inode(struct inode *inode)
{
	struct mqueue *q = inode->priv;
	struct kernel *k = inode->sb->kernel;
	struct sysv_msg *m, *tmp;

	if (q) {
		lock_acquire(&q->fs->lock);
		list_del(&q->all_link);
		q->fs->n_queues -= q->charge != 0;
		lock_release(&q->fs->lock);
		list_for_each_entry_safe(m, tmp, &q->messages, link)
			sysv_msg_free(m);
		mq_registration_end(&q->notify);
		free(q);
		kernel_uncharge(k, sizeof(*q));
	}
	inode_free(inode);
}

/* --- names ------------------------------------------------------------------------------------------------------------------ */

/* lock held. */
static struct mq_name *find(struct mqfs *fs, const char *name, size_t len)
{
	struct mq_name *e;

	list_for_each_entry(e, &fs->names, link)
		if (e->len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static struct mq_name *name_alloc(struct kernel *k, const char *name, size_t len)
{
	struct mq_name *e;

	if (kernel_charge_files(k, sizeof(*e) + len))
		return NULL;
	e = malloc(sizeof(*e) + len);
	if (!e) {
		kernel_uncharge(k, sizeof(*e) + len);
		return NULL;
	}
	e->len = len;
	memcpy(e->name, name, len);
	return e;
}

static void name_free(struct kernel *k, struct mq_name *e)
{
	kernel_uncharge(k, sizeof(*e) + e->len);
	free(e);
}

static void default_params(struct ipc_ns *ns, struct mq_params *p)
{
	*p = (struct mq_params){.max_msgs = ns->mq_msg_default < ns->mq_msg_max ? ns->mq_msg_default : ns->mq_msg_max,
		.msg_size = ns->mq_msgsize_default < ns->mq_msgsize_max ? ns->mq_msgsize_default : ns->mq_msgsize_max};
}

/* lock held. */
static int enter(struct mqfs *fs, struct mq_name *e, struct mqueue *q, const struct cred *cred, const struct mq_params *params,
		 uint64_t limit)
{
	struct mq_params p;
	int r;

	if (!fs->ns)
		return -EACCES;
	if (find(fs, e->name, e->len))
		return -EEXIST;
	if (fs->n_queues >= fs->ns->mq_queues_max && !cred_ns_capable(cred, fs->ns->kernel->user_ns, CAP_SYS_RESOURCE))
		return -ENOSPC;
	if (params)
		p = *params;
	else
		default_params(fs->ns, &p);
	r = params ? check_params(fs->ns, cred, &p) : 0;
	if (r)
		return r;
	q->max_msgs = (uint64_t)p.max_msgs;
	q->msg_size = (uint64_t)p.msg_size;
	r = charge_user(fs, q, limit);
	if (r)
		return r;
	list_add_tail(&q->all_link, &fs->queues);
	e->inode = q->inode;
	inode_get(q->inode);
	e->cookie = (int64_t)fs->next_cookie++;
	list_add_tail(&e->link, &fs->names);
	fs->n_queues++;
	return 0;
}

static int create(struct super_block *sb, const char *name, size_t len, uint32_t mode, const struct cred *cred,
		  const struct mq_params *params, uint64_t limit, struct inode **ret)
{
	struct mqfs *fs = sb->priv;
	struct mq_name *e;
	struct inode *inode;
	int r = queue_alloc(sb, mode, cred, &inode);

	if (r)
		return r;
	e = name_alloc(sb->kernel, name, len);
	if (e) {
		lock_acquire(&fs->lock);
		r = enter(fs, e, inode->priv, cred, params, limit);
		lock_release(&fs->lock);
		if (r)
			name_free(sb->kernel, e);
	} else {
		r = -ENOMEM;
	}
	if (r)
		inode_put(inode);
	else
		*ret = inode;
	return r;
}

static int get_inode(struct mqfs *fs, const char *name, size_t len, struct inode **ret)
{
	struct mq_name *e;
	LOCK_SCOPE(&fs->lock);

	e = find(fs, name, len);
	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*ret = e->inode;
	return 0;
}

/* The name, if it is still that of *inode*, which is what the caller was found to have a right to. */
static int remove_name(struct super_block *sb, const char *name, size_t len, const struct inode *inode)
{
	struct mqfs *fs = sb->priv;
	struct mq_name *e;

	lock_acquire(&fs->lock);
	e = find(fs, name, len);
	if (e && e->inode != inode)
		e = NULL;
	if (e)
		list_del(&e->link);
	lock_release(&fs->lock);
	if (!e)
		return -ENOENT;
	e->inode->nlink = 0;
	inode_put(e->inode);
	name_free(sb->kernel, e);
	return 0;
}

/* --- mq_open(2), mq_unlink(2) ------------------------------------------------------------------------------------------------- */

static int check_name(const char *name, size_t *len)
{
	*len = strlen(name);
	if (!*len)
		return -ENOENT;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	return *len > VFS_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int may_open(struct task *t, struct inode *inode, int flags)
{
	static const int mask[] = {[O_RDONLY] = MAY_READ, [O_WRONLY] = MAY_WRITE, [O_RDWR] = MAY_READ | MAY_WRITE};

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return inode_permission(t, inode, mask[flags & O_ACCMODE]);
}

static int get_or_create(struct task *t, struct super_block *sb, const char *name, size_t len, int flags, uint32_t mode,
			 const struct mq_params *params, struct inode **ret)
{
	int r;

	for (;;) {
		r = get_inode(sb->priv, name, len, ret);
		if (!r) {
			r = may_open(t, *ret, flags);
			if (r)
				inode_put(*ret);
			return r;
		}
		if (!(flags & O_CREAT))
			return r;
		r = inode_permission(t, sb->root->inode, MAY_WRITE | MAY_EXEC);
		if (!r)
			r = create(sb, name, len, mode & ~t->fs->umask, t->cred, params, task_rlimit(t, RLIMIT_MSGQUEUE), ret);
		if (r != -EEXIST)
			return r;
	}
}

int mq_open_file(struct task *t, const char *name, int flags, uint32_t mode, const struct mq_params *params, struct file **ret)
{
	struct super_block *sb = task_ipc_ns(t)->mqfs;
	char shown[VFS_NAME_MAX + 2];
	struct path p = {0};
	struct inode *inode;
	size_t len;
	int r = check_name(name, &len);

	if (!r)
		r = get_or_create(t, sb, name, len, flags, mode, params, &inode);
	if (r)
		return r;
	shown[0] = '/';
	memcpy(shown + 1, name, len + 1);
	p.dentry = d_alloc_anon(inode, shown);
	if (!p.dentry) {
		inode_put(inode);
		return -ENOMEM;
	}
	*ret = file_alloc(&p, inode, &mqueue_fops, flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC));
	dentry_put(p.dentry);
	return *ret ? 0 : -ENFILE;
}

int mq_unlink_name(struct task *t, const char *name)
{
	struct super_block *sb = task_ipc_ns(t)->mqfs;
	struct inode *dir = sb->root->inode, *inode;
	size_t len;
	int r = check_name(name, &len);

	if (!r)
		r = get_inode(sb->priv, name, len, &inode);
	if (r)
		return r;
	r = inode_permission(t, dir, MAY_WRITE | MAY_EXEC);
	/* Sticky, as the directory is made. */
	if (!r && (dir->mode & S_ISVTX) && t->cred->fsuid != inode->uid && t->cred->fsuid != dir->uid &&
	    !cred_id_capable(t->cred, inode->uid, inode->gid, CAP_FOWNER))
		r = -EPERM;
	if (!r)
		r = remove_name(sb, name, len, inode);
	inode_put(inode);
	return r;
}

/* --- the directory ----------------------------------------------------------------------------------------------------------- */

static int dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	return get_inode(dir->sb->priv, name, len, ret);
}

static int dir_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, const struct cred *cred,
		      struct inode **ret)
{
	return S_ISREG(mode) ? create(dir->sb, name, len, mode, cred, NULL, RLIMIT_DEFAULT, ret) : -EPERM;
}

static int dir_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_name(dir->sb, name, len, victim);
}

static int dir_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct mqfs *fs = f->inode->sb->priv;
	struct mq_name *e;

	if (!dir_emit_dots(f, de, pos))
		return 0;
	LOCK_SCOPE(&fs->lock);
	list_for_each_entry(e, &fs->names, link) {
		if (e->cookie < *pos)
			continue;
		if (!de->emit(de, e->name, e->len, e->inode->ino, DT_REG, e->cookie + 1))
			break;
		*pos = e->cookie + 1;
	}
	return 0;
}

static int64_t dir_lseek(struct file *f, int64_t off, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? file_lseek_size(f, off, whence, 0) : -EINVAL;
}

static const struct inode_ops dir_iops = {
	.lookup = dir_lookup,
	.create = dir_create,
	.unlink = dir_unlink,
	.setattr = iop_setattr,
};
static const struct file_ops dir_fops = {.readdir = dir_readdir, .lseek = dir_lseek};

/* --- the super block ------------------------------------------------------------------------------------------------------------ */

static int statfs(struct super_block *sb, struct kstatfs *st)
{
	*st = (struct kstatfs){.type = MQUEUE_MAGIC, .bsize = 4096, .namelen = VFS_NAME_MAX};
	return 0;
}

static void destroy(struct super_block *sb)
{
	struct mqfs *fs = sb->priv;

	lock_destroy(&fs->lock);
	free(fs);
}

static const struct super_ops super_ops = {.free_inode = free_inode, .statfs = statfs, .destroy = destroy};

int mqueue_fs_create(struct ipc_ns *ns)
{
	struct mqfs *fs = calloc(1, sizeof(*fs));
	struct super_block *sb;
	struct inode *root;

	if (!fs)
		return -ENOMEM;
	lock_init(&fs->lock, RANK_IPC);
	list_init(&fs->names);
	list_init(&fs->queues);
	fs->next_cookie = 2; /* behind . and .. */
	fs->ns = ns;
	sb = super_alloc(ns->kernel, "mqueue", &super_ops, fs);
	if (!sb) {
		lock_destroy(&fs->lock);
		free(fs);
		return -ENOMEM;
	}
	sb->no_dcache = true;
	root = inode_alloc(sb, &dir_iops, &dir_fops, S_IFDIR | S_ISVTX | 0777);
	if (root)
		root->nlink = 2;
	if (!root || d_alloc_root(sb, root)) {
		if (root)
			inode_put(root);
		super_put(sb);
		return -ENOMEM;
	}
	super_activate(sb); /* it is there without a mount, too */
	ns->mqfs = sb;
	return 0;
}

void mqueue_fs_gone(struct ipc_ns *ns)
{
	struct super_block *sb = ns->mqfs;
	struct mqfs *fs;

	if (!sb)
		return;
	fs = sb->priv;
	lock_acquire(&fs->lock);
	fs->ns = NULL;
	while (!list_empty(&fs->names)) {
		struct mq_name *e = list_first(&fs->names, struct mq_name, link);

		list_del(&e->link);
		lock_release(&fs->lock);
		inode_put(e->inode);
		name_free(sb->kernel, e);
		lock_acquire(&fs->lock);
	}
	lock_release(&fs->lock);
	super_deactivate(sb);
	super_put(sb);
}
