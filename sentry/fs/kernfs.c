/* SPDX-License-Identifier: MIT */
/* The base of synthetic trees: inodes, files and directories over constant tables. */
#include "fs/kernfs.h"
#include "kernel/pid_ns.h"

#include "kernel/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct kernfs_inode {
	const struct kentry *entry;
	struct kobj obj;
};

struct kernfs_super {
	uint64_t magic;
	_Atomic(enum kernfs_hide) hide;
	_Atomic uint32_t hide_gid; /* a group that sees all */
	struct pid_ns *pid_ns; /* held, or NULL */
};

struct kernfs_file {
	struct lock lock; /* RANK_LEAF: swaps of the text */
	char *text;	  /* of the last read at position 0 */
	size_t len;
	uint64_t charged;
	struct cred *opener; /* held, for store_as; else NULL */
	_Atomic uint64_t polled; /* the count of kentry.poll that the reader knows of */
};

const struct kentry *kernfs_entry(const struct inode *inode)
{
	return ((struct kernfs_inode *)inode->priv)->entry;
}

const struct kobj *kernfs_object(const struct inode *inode)
{
	return &((struct kernfs_inode *)inode->priv)->obj;
}

/* --- inodes --------------------------------------------------------------------------------------------------------------- */

static const struct inode_ops kernfs_dir_iops, kernfs_file_iops, kernfs_link_iops, kernfs_magic_iops;
static const struct file_ops kernfs_dir_fops, kernfs_text_fops;

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Inodes come and go; the number of a node must stay. */
static uint64_t node_number(const struct kentry *e, const struct kobj *o)
{
	uint64_t h = mix((uintptr_t)e, o->n);

	if (o->task)
		h = mix(mix(h, (uint64_t)o->task->tid), o->task->start_ns); /* a number used again is another node */
	return (h >> 20 & 0xffffffff) | 1ull << 32;
}

/* Makes an inode; the reference to obj->task is taken over, also on failure. */
static int kernfs_inode_make(struct super_block *sb, const struct kentry *e, const struct kobj *obj, struct inode **ret)
{
	const struct inode_ops *iops = &kernfs_file_iops;
	const struct file_ops *fops = e->fops ? e->fops : &kernfs_text_fops;
	struct kernfs_inode *ki = malloc(sizeof(*ki));
	struct inode *inode = NULL;

	if (S_ISDIR(e->mode)) {
		iops = &kernfs_dir_iops;
		fops = &kernfs_dir_fops;
	} else if (S_ISLNK(e->mode)) {
		iops = e->get_link ? &kernfs_magic_iops : &kernfs_link_iops;
	}
	if (ki)
		inode = inode_alloc(sb, iops, fops, e->mode);
	if (!inode) {
		free(ki);
		if (obj->task)
			task_put(obj->task);
		return -ENOMEM;
	}
	ki->entry = e;
	ki->obj = *obj;
	inode->priv = ki;
	inode->ino = node_number(e, obj);
	if (S_ISDIR(e->mode))
		inode->nlink = 2;
	*ret = inode;
	return 0;
}

static void kernfs_free_inode(struct inode *inode)
{
	struct kernfs_inode *ki = inode->priv;

	if (ki->obj.task)
		task_put(ki->obj.task);
	free(ki);
	inode_free(inode);
}

/* Files about a task belong to it: to root where it may not be inspected by its own user. */
static void owner_of(const struct kobj *o, uint32_t *uid, uint32_t *gid)
{
	struct cred *c;

	*uid = *gid = 0;
	if (!o->task || !o->task->tg->dumpable)
		return;
	c = task_cred_get(o->task);
	if (c) {
		*uid = c->euid;
		*gid = c->egid;
		cred_put(c);
	}
}

static uint32_t link_count(const struct inode *inode)
{
	const struct kentry *e = kernfs_entry(inode);
	uint32_t n = 2;

	if (!S_ISDIR(inode->mode))
		return 1;
	for (size_t i = 0; i < e->n_children; i++)
		n += S_ISDIR(e->children[i].mode);
	return n + (e->dir && e->dir->n_dirs ? e->dir->n_dirs(kernfs_object(inode)) : 0);
}

static int kernfs_getattr(struct inode *inode, struct kstat *st)
{
	*st = (struct kstat){
		.dev = inode->sb->dev,
		.ino = inode->ino,
		.mode = inode->mode,
		.nlink = link_count(inode),
		.blksize = S_ISREG(inode->mode) ? 1024 : 4096,
		.atime = inode->atime,
		.mtime = inode->mtime,
		.ctime = inode->ctime,
		.btime = inode->btime,
	};
	if (S_ISLNK(inode->mode) && kernfs_entry(inode)->get_link)
		st->size = 64;
	if (S_ISREG(inode->mode) && !strcmp(inode->sb->type, "sysfs"))
		st->size = 4096;
	owner_of(kernfs_object(inode), &st->uid, &st->gid);
	return 0;
}

/* Opening with O_TRUNC is how shells write to such files; nothing else of the attributes can be set. */
static int kernfs_setattr(struct inode *inode, const struct setattr *attr)
{
	return attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static bool is_proc(const struct super_block *sb)
{
	return !strcmp(sb->type, "proc");
}

/* Has the task that the node speaks of been waited for? Its number may be another's by now. */
static bool gone(const struct kobj *o)
{
	return o->task && (o->task->tg->reaped || o->task->state == TASK_DEAD);
}

/* May *t* see the task of *o*, where *level* of hiding and more denies it? */
static bool may_see(struct task *t, const struct super_block *sb, const struct kobj *o, enum kernfs_hide level)
{
	const struct kernfs_super *ks = sb->priv;
	enum kernfs_hide hide = ks->hide;

	if (hide < level || !o->task || !t)
		return true;
	if (hide != KERNFS_HIDE_PTRACEABLE && cred_in_group(t->cred, ks->hide_gid))
		return true;
	return task_may_inspect(t, o->task);
}

static bool kernfs_visible(struct task *t, struct inode *inode)
{
	const struct kentry *e = kernfs_entry(inode);

	return !(e->flags & KERNFS_LIVE) || may_see(t, inode->sb, kernfs_object(inode), KERNFS_HIDE_INVISIBLE);
}

void kernfs_set_hide(struct super_block *sb, enum kernfs_hide hide, uint32_t gid)
{
	struct kernfs_super *ks = sb->priv;

	ks->hide_gid = gid;
	ks->hide = hide;
}

static int kernfs_permission(struct task *t, struct inode *inode, int mask)
{
	const struct kentry *e = kernfs_entry(inode);
	const struct kobj *o = kernfs_object(inode);
	uint32_t uid, gid;
	int err;

	if (e->flags & KERNFS_LIVE && gone(o))
		return -ESRCH;
	if (e->flags & KERNFS_LIVE && !may_see(t, inode->sb, o, KERNFS_HIDE_CLOSED))
		return ((struct kernfs_super *)inode->sb->priv)->hide == KERNFS_HIDE_INVISIBLE ? -ENOENT : -EPERM;
	owner_of(o, &uid, &gid);
	err = inode_permission_generic(t->cred, inode->mode, uid, gid, mask);
	if (S_ISDIR(e->mode) && o->task) { /* one's own threads may look whatever the bits say, as /proc/PID/fd has it */
		if (o->task->tg == t->tg)
			return mask & MAY_WRITE ? err : 0;
		if (!err && e->flags & KERNFS_INSPECT && !task_may_inspect(t, o->task))
			return -EACCES;
		return err;
	}
	/* Capabilities do not make a read-only control writable by its mode: the store function is what is missing. */
	if (!err && S_ISREG(e->mode) && mask & MAY_WRITE && !e->store && !e->store_as && !e->fops && o->strict)
		return -EACCES;
	return err;
}

/* --- directories ---------------------------------------------------------------------------------------------------------- */

static int find_child(struct task *viewer, const struct kentry *e, const struct kobj *o, const char *name,
	const struct kentry **entry, struct kobj *child)
{
	for (size_t i = 0; i < e->n_children; i++) {
		if (strcmp(e->children[i].name, name) != 0)
			continue;
		*entry = &e->children[i];
		if (child->task)
			task_get(child->task);
		return 0;
	}
	return e->dir ? e->dir->lookup(viewer, o, name, entry, child) : -ENOENT;
}

static int kernfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	char buf[VFS_NAME_MAX + 1];
	const struct kentry *entry = NULL;
	struct kobj child = *kernfs_object(dir);
	int err;

	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(buf, name, len);
	buf[len] = 0;
	if (gone(&child))
		return -ENOENT;
	err = find_child(NULL, kernfs_entry(dir), kernfs_object(dir), buf, &entry, &child);
	return err ? err : kernfs_inode_make(dir->sb, entry, &child, ret);
}

/* A name that is not there cannot be made: in /proc it is as if it could not even be looked for. */
static int no_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev, const struct cred *cred,
	struct inode **ret)
{
	return is_proc(dir->sb) ? -ENOENT : -EPERM;
}

static int no_symlink(struct inode *dir, const char *name, size_t len, const char *target, const struct cred *cred,
	struct inode **ret)
{
	return is_proc(dir->sb) ? -ENOENT : -EPERM;
}

static unsigned dirent_type(const struct kentry *e)
{
	return (e->mode & S_IFMT) >> 12;
}

/* Positions: 0 and 1 the dots, then the constant children, then 2^32 and up the cookies of the dynamic ones. */
#define DYNAMIC_BASE (1ll << 32)

static int emit_dynamic(struct file *f, struct dir_emit *de, int64_t *pos)
{
	const struct kentry *e = kernfs_entry(f->inode);
	const struct kobj *o = kernfs_object(f->inode);

	for (;;) {
		const struct kentry *entry = NULL;
		struct kobj child = *o;
		uint64_t cookie = (uint64_t)(*pos - DYNAMIC_BASE);
		char name[64];
		bool more, hidden;
		int err = e->dir->next(o, &cookie, name, &entry, &child);

		if (err)
			return err == -ENOENT ? 0 : err;
		*pos = DYNAMIC_BASE + (int64_t)cookie;
		hidden = entry->flags & KERNFS_LIVE && !may_see(de->task, f->inode->sb, &child, KERNFS_HIDE_INVISIBLE);
		more = hidden || de->emit(de, name, strlen(name), node_number(entry, &child), dirent_type(entry), *pos + 1);
		if (child.task && child.task != o->task)
			task_put(child.task);
		if (!more)
			return 0;
		*pos += 1;
	}
}

static int kernfs_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	const struct kentry *e = kernfs_entry(f->inode);
	const struct kobj *o = kernfs_object(f->inode);

	if (gone(o))
		return -ENOENT;
	if (!dir_emit_dots(f, de, pos))
		return 0;
	for (; *pos - 2 < (int64_t)e->n_children; ++*pos) {
		const struct kentry *c = &e->children[*pos - 2];

		if (!de->emit(de, c->name, strlen(c->name), node_number(c, o), dirent_type(c), *pos + 1))
			return 0;
	}
	if (!e->dir)
		return 0;
	if (*pos < DYNAMIC_BASE)
		*pos = DYNAMIC_BASE;
	return emit_dynamic(f, de, pos);
}

/* --- text files ----------------------------------------------------------------------------------------------------------- */

static int may_use(struct task *t, const struct kentry *e, const struct kobj *o)
{
	if (e->flags & KERNFS_INSPECT && t && o->task && !task_may_inspect(t, o->task))
		return -EACCES;
	return 0;
}

static int kernfs_open(struct task *t, struct inode *inode, struct file *file)
{
	const struct kentry *e = kernfs_entry(inode);
	struct kernfs_file *kf;
	int err = may_use(t, e, kernfs_object(inode));

	if (err)
		return err;
	file->ops = inode->fops;
	if (file->ops != &kernfs_text_fops)
		return e->open ? e->open(t, kernfs_object(inode), file) : 0;
	kf = calloc(1, sizeof(*kf));
	if (!kf)
		return -ENOMEM;
	lock_init(&kf->lock, RANK_LEAF);
	if (e->store_as && t) {
		cred_get(t->cred);
		kf->opener = t->cred;
	}
	if (e->poll)
		kf->polled = e->poll(kernfs_object(inode), NULL);
	file->priv = kf;
	return 0;
}

/* Produce the text anew; called for reads at position 0. */
static int fill(struct file *f, struct task *t)
{
	const struct kentry *e = kernfs_entry(f->inode);
	const struct kobj *o = kernfs_object(f->inode);
	struct kernfs_file *kf = f->priv;
	struct seq s = {0};
	char *old;
	uint64_t old_charge;
	int err = 0;

	if (gone(o))
		err = -ESRCH;
	else if (e->live && e->live(e, t, o, &s))
		;
	else if (e->text)
		seq_puts(&s, e->text);
	else if (e->show)
		err = e->show(t, o, &s);
	else
		err = -EINVAL;
	if (!err && s.failed)
		err = -ENOMEM;
	if (!err)
		err = kernel_charge(o->kernel, s.cap);
	if (err) {
		seq_free(&s);
		return err;
	}
	lock_acquire(&kf->lock);
	old = kf->text;
	old_charge = kf->charged;
	kf->text = s.buf;
	kf->len = s.len;
	kf->charged = s.cap;
	lock_release(&kf->lock);
	kernel_uncharge(o->kernel, old_charge);
	free(old);
	return 0;
}

#define READ_CHUNK 4096

static ssize_t kernfs_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct kernfs_file *kf = f->priv;
	ssize_t done = 0;

	if (*pos < 0)
		return -EINVAL;
	if (*pos == 0 || !kf->text) {
		int err = fill(f, dst->task);

		if (err)
			return err;
	}
	while (dst->left) {
		char chunk[READ_CHUNK];
		size_t n = 0;
		ssize_t r;

		/* Copy under the lock, deliver without: another reader may swap the text meanwhile. */
		lock_acquire(&kf->lock);
		if ((uint64_t)*pos < kf->len) {
			n = kf->len - (size_t)*pos;
			n = n < sizeof(chunk) ? n : sizeof(chunk);
			n = n < dst->left ? n : dst->left;
			memcpy(chunk, kf->text + *pos, n);
		}
		lock_release(&kf->lock);
		if (!n)
			break;
		r = uio_put(dst, chunk, n);
		if (r <= 0)
			return done ? done : r;
		*pos += r;
		done += r;
		if ((size_t)r < n)
			break;
	}
	return done;
}

static ssize_t kernfs_write(struct file *f, struct uio *src, int64_t *pos)
{
	struct kernfs_file *kf = f->priv;
	const struct kentry *e = kernfs_entry(f->inode);
	const struct kobj *o = kernfs_object(f->inode);
	char text[KERNFS_WRITE_MAX + 1];
	ssize_t n;
	int err;

	if ((!e->store && !e->store_as) || !src->task)
		return o->task ? -EINVAL : -EIO;
	if (e->store_as && *pos)
		return -EINVAL;
	if (src->left > KERNFS_WRITE_MAX)
		return -EINVAL;
	n = uio_take(src, text, src->left);
	if (n < 0)
		return n;
	text[n] = 0;
	err = e->store_as ? e->store_as(src->task, kf->opener, o, text, (size_t)n) : e->store(src->task, o, text, (size_t)n);
	if (err < 0)
		return err;
	*pos += n;
	return n;
}

static uint32_t kernfs_poll(struct file *f, struct waiter *w)
{
	const struct kentry *e = kernfs_entry(f->inode);
	struct kernfs_file *kf = f->priv;
	uint32_t events = EPOLLIN | EPOLLRDNORM;
	uint64_t now;

	if (!e->poll)
		return events | EPOLLOUT | EPOLLWRNORM;
	now = e->poll(kernfs_object(f->inode), w);
	if (atomic_exchange(&kf->polled, now) != now)
		events |= EPOLLERR | EPOLLPRI;
	return events;
}

static void kernfs_release(struct file *f)
{
	struct kernfs_file *kf = f->priv;

	if (!kf)
		return;
	kernel_uncharge(kernfs_object(f->inode)->kernel, kf->charged);
	lock_destroy(&kf->lock);
	cred_put(kf->opener);
	free(kf->text);
	free(kf);
}

/* --- links ---------------------------------------------------------------------------------------------------------------- */

static int kernfs_readlink(struct task *t, struct inode *inode, char **ret)
{
	const struct kentry *e = kernfs_entry(inode);
	char *text;
	int err;

	if (e->text) {
		text = strdup(e->text);
		if (!text)
			return -ENOMEM;
		*ret = text;
		return 0;
	}
	err = may_use(t, e, kernfs_object(inode));
	return err ? err : e->readlink(t, kernfs_object(inode), ret);
}

static int kernfs_get_link(struct task *t, struct inode *inode, struct path *ret)
{
	const struct kentry *e = kernfs_entry(inode);
	int err = may_use(t, e, kernfs_object(inode));

	return err ? err : e->get_link(t, kernfs_object(inode), ret);
}

static const struct inode_ops kernfs_dir_iops = {
	.lookup = kernfs_lookup,
	.create = no_create,
	.symlink = no_symlink,
	.getattr = kernfs_getattr,
	.setattr = kernfs_setattr,
	.permission = kernfs_permission,
	.visible = kernfs_visible,
};

static const struct inode_ops kernfs_file_iops = {
	.getattr = kernfs_getattr,
	.setattr = kernfs_setattr,
	.permission = kernfs_permission,
	.open = kernfs_open,
};

static const struct inode_ops kernfs_link_iops = {
	.getattr = kernfs_getattr,
	.setattr = kernfs_setattr,
	.readlink = kernfs_readlink,
};

static const struct inode_ops kernfs_magic_iops = {
	.getattr = kernfs_getattr,
	.setattr = kernfs_setattr,
	.readlink = kernfs_readlink,
	.get_link = kernfs_get_link,
};

static const struct file_ops kernfs_dir_fops = {
	.readdir = kernfs_readdir,
	.lseek = file_lseek_endless,
};

static const struct file_ops kernfs_text_fops = {
	.read = kernfs_read,
	.write = kernfs_write,
	.lseek = file_lseek_endless,
	.poll = kernfs_poll,
	.release = kernfs_release,
};

/* --- super blocks ----------------------------------------------------------------------------------------------------------- */

static int kernfs_statfs(struct super_block *sb, struct kstatfs *st)
{
	const struct kernfs_super *ks = sb->priv;

	*st = (struct kstatfs){.type = ks->magic, .bsize = 4096, .namelen = VFS_NAME_MAX};
	return 0;
}

static void kernfs_destroy(struct super_block *sb)
{
	struct kernfs_super *ks = sb->priv;

	if (ks->pid_ns)
		pid_ns_put(ks->pid_ns);
	free(sb->priv);
}

static const struct super_ops kernfs_super_ops = {
	.free_inode = kernfs_free_inode,
	.statfs = kernfs_statfs,
	.destroy = kernfs_destroy,
};

int kernfs_create(struct kernel *k, const char *type, uint64_t magic, const struct kentry *root, bool dynamic,
	struct super_block **ret)
{
	return kernfs_create_for(k, type, magic, root, dynamic, NULL, ret);
}

int kernfs_create_for(struct kernel *k, const char *type, uint64_t magic, const struct kentry *root, bool dynamic,
	struct pid_ns *ns, struct super_block **ret)
{
	struct kernfs_super *ks = calloc(1, sizeof(*ks));
	struct kobj obj = {.kernel = k, .pid_ns = ns, .strict = strcmp(type, "proc") != 0};
	struct super_block *sb;
	struct inode *inode;
	int err;

	if (!ks)
		return -ENOMEM;
	ks->magic = magic;
	ks->pid_ns = ns;
	sb = super_alloc(k, type, &kernfs_super_ops, ks);
	if (!sb) {
		free(ks);
		return -ENOMEM;
	}
	if (ns)
		pid_ns_get(ns);
	sb->no_dcache = dynamic;
	err = kernfs_inode_make(sb, root, &obj, &inode);
	if (!err)
		err = d_alloc_root(sb, inode);
	if (err) {
		super_put(sb);
		return err;
	}
	*ret = sb;
	return 0;
}
