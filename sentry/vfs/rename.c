/* SPDX-License-Identifier: MIT */
/* rename(2), renameat2(2). */
#include "vfs/internal.h"
#include "vfs/names_table.h"
#include "vfs/notify.h"
#include "vfs/touched.h"

#include <linux/fs.h>
#include <string.h>
#include <sys/mount.h>

struct rename {
	struct task *t;
	struct walk from, to;
	struct dentry *odir, *ndir;  /* borrowed from the walks */
	struct dentry *what, *where; /* held; where may be negative */
	unsigned flags;
};

static int check_names(const struct rename *rn)
{
	if (rn->from.cur.mnt != rn->to.cur.mnt)
		return -EXDEV;
	if (rn->from.last_type != LAST_NORM)
		return -EBUSY;
	if (rn->to.last_type != LAST_NORM)
		return rn->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	return mount_read_only(rn->from.cur.mnt) ? -EROFS : 0;
}

static int check_found(const struct rename *rn)
{
	bool exchange = rn->flags & RENAME_EXCHANGE;

	if (!d_positive(rn->what))
		return -ENOENT;
	if ((rn->flags & RENAME_NOREPLACE) && d_positive(rn->where))
		return -EEXIST;
	if (exchange) {
		if (!d_positive(rn->where))
			return -ENOENT;
		if (!d_is_dir(rn->where) && rn->to.trailing_slash)
			return -ENOTDIR;
	}
	if (!d_is_dir(rn->what) && (rn->from.trailing_slash || (!exchange && rn->to.trailing_slash)))
		return -ENOTDIR;
	/* A directory does not go into itself; what holds the source is not replaced. */
	if (d_is_ancestor(rn->what, rn->ndir))
		return -EINVAL;
	if (d_is_ancestor(rn->where, rn->odir))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int check_allowed(const struct rename *rn)
{
	struct inode *target = rn->where->inode;
	bool is_dir = d_is_dir(rn->what);
	int r = may_delete(rn->t, rn->odir, rn->what, is_dir);

	if (r < 0)
		return r;
	if (!target)
		r = may_create(rn->t, rn->ndir->inode);
	else
		r = may_delete(rn->t, rn->ndir, rn->where, rn->flags & RENAME_EXCHANGE ? d_is_dir(rn->where) : is_dir);
	if (r < 0)
		return r;
	if (!rn->odir->inode->ops->rename)
		return -EPERM;
	if ((rn->flags & RENAME_WHITEOUT) && !rn->odir->sb->whiteouts)
		return -EINVAL;
	if (rn->odir != rn->ndir) { /* the moved directory's ".." is written */
		if (is_dir)
			r = inode_permission(rn->t, rn->what->inode, MAY_WRITE);
		if (!r && (rn->flags & RENAME_EXCHANGE) && d_is_dir(rn->where))
			r = inode_permission(rn->t, target, MAY_WRITE);
		if (r < 0)
			return r;
	}
	return rn->what->n_mounts || rn->where->n_mounts ? -EBUSY : 0;
}

static void tell(const struct rename *rn, const char *oname, const char *nname, bool replaced)
{
	struct inode *od = rn->odir->inode, *nd = rn->ndir->inode;

	if (rn->flags & RENAME_EXCHANGE) {
		touched_name(rn->odir, oname, strlen(oname), TOUCHED_WRITTEN);
		touched_name(rn->ndir, nname, strlen(nname), TOUCHED_WRITTEN);
	} else {
		touched_name(rn->odir, oname, strlen(oname), TOUCHED_REMOVED);
		touched_name(rn->ndir, nname, strlen(nname), replaced ? TOUCHED_WRITTEN : TOUCHED_MADE);
	}
	fsnotify_move(od, oname, nd, nname, rn->what->inode);
	if (rn->flags & RENAME_EXCHANGE)
		fsnotify_move(nd, nname, od, oname, rn->where->inode);
}

/* RENAME_WHITEOUT: what an overlay takes for "nothing here" comes in the old place. */
static int leave_whiteout(struct rename *rn, const char *name)
{
	struct inode *od = rn->odir->inode, *inode;
	struct dentry *d;
	int r = od->ops->create(od, name, rn->from.last_len, S_IFCHR, 0, rn->t->cred, &inode);

	if (r < 0)
		return r;
	r = d_add(rn->odir, name, rn->from.last_len, inode, &d);
	if (r < 0)
		inode_put(inode); /* the name is there, and found by the next look-up */
	else
		dentry_put(d);
	return 0;
}

static int rename_locked(struct rename *rn)
{
	struct inode *od = rn->odir->inode, *nd = rn->ndir->inode, *target = rn->where->inode;
	char oname[VFS_NAME_MAX + 1], nname[VFS_NAME_MAX + 1];
	int r;

	if (rn->what->inode == target)
		return 0;
	r = check_allowed(rn);
	if (r < 0)
		return r;
	memcpy(oname, rn->from.last, rn->from.last_len);
	oname[rn->from.last_len] = 0;
	memcpy(nname, rn->to.last, rn->to.last_len);
	nname[rn->to.last_len] = 0;
	NAMES_CHANGE(od->sb->kernel);
	names_inode(od);
	names_inode(nd);
	names_inode(rn->what->inode);
	names_inode(target);
	r = od->ops->rename(od, oname, rn->from.last_len, rn->what->inode, nd, nname, rn->to.last_len, target, rn->flags);
	if (r < 0)
		return r;
	if (rn->flags & RENAME_EXCHANGE) {
		r = d_exchange(rn->what, rn->where);
	} else {
		if (target && inode_is(target, S_IFDIR))
			target->dead = true;
		r = d_move(rn->what, rn->ndir, nname, rn->to.last_len);
	}
	if (r < 0) { /* no memory for the cache: forget both, the names are found again */
		d_drop(rn->what);
		d_drop(rn->where);
	}
	tell(rn, oname, nname, target != NULL);
	return rn->flags & RENAME_WHITEOUT ? leave_whiteout(rn, oname) : 0;
}

static void lock_inodes(struct rename *rn, struct lock **locks, unsigned *n, struct lock **late, unsigned *n_late)
{
	struct inode *o = rn->what->inode, *t = rn->where->inode;
	enum lock_rank rank = rn->odir->inode->lock.rank;
	struct lock *all[2] = {o ? &o->lock : NULL, t ? &t->lock : NULL};

	locks[0] = &rn->odir->inode->lock;
	locks[1] = &rn->ndir->inode->lock;
	*n = 2;
	*n_late = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (all[i] && all[i]->rank == rank)
			locks[(*n)++] = all[i];
		else if (all[i])
			late[(*n_late)++] = all[i];
	}
	lock_many(locks, n);
	lock_many(late, n_late);
}

static int lookup_both(struct rename *rn, bool locked, struct dentry **what, struct dentry **where)
{
	int r = d_lookup_slow(rn->odir, rn->from.last, rn->from.last_len, locked, what);

	if (r < 0)
		return r;
	r = d_lookup_slow(rn->ndir, rn->to.last, rn->to.last_len, locked, where);
	if (r < 0)
		dentry_put(*what);
	return r;
}

/* Look up, lock, see that nothing has changed, and do it. -EAGAIN: it has. */
static int rename_try(struct rename *rn)
{
	struct lock *locks[4], *late[2];
	struct dentry *what, *where;
	unsigned n, n_late;
	int r = lookup_both(rn, false, &rn->what, &rn->where);

	if (r < 0)
		return r;
	lock_inodes(rn, locks, &n, late, &n_late);
	r = lookup_both(rn, true, &what, &where);
	if (!r) {
		if (what != rn->what || where != rn->where)
			r = -EAGAIN;
		dentry_put(what);
		dentry_put(where);
	}
	if (!r)
		r = check_found(rn);
	if (!r)
		r = rename_locked(rn);
	unlock_many(late, n_late);
	unlock_many(locks, n);
	if (!r && rn->where->inode && rn->where->inode != rn->what->inode && !(rn->flags & RENAME_EXCHANGE))
		fsnotify_unlinked(rn->where->inode, d_is_dir(rn->where) || !rn->where->inode->nlink);
	dentry_put(rn->what);
	dentry_put(rn->where);
	return r;
}

static int rename_walked(struct rename *rn)
{
	int r = check_names(rn);

	if (r < 0)
		return r;
	rn->odir = rn->from.cur.dentry;
	rn->ndir = rn->to.cur.dentry;
	r = inode_permission(rn->t, rn->odir->inode, MAY_EXEC);
	if (!r)
		r = inode_permission(rn->t, rn->ndir->inode, MAY_EXEC);
	if (r < 0)
		return r;
	lock_acquire(&rn->odir->sb->rename_lock);
	do
		r = rename_try(rn);
	while (r == -EAGAIN);
	lock_release(&rn->odir->sb->rename_lock);
	return r;
}

static int begin_to_parent(struct walk *w, struct task *t, int dirfd, const char *name)
{
	int r = walk_begin(w, t, dirfd, NULL, name, 0);

	if (r < 0)
		return r;
	r = walk_to_parent(w);
	if (r < 0)
		walk_end(w);
	return r;
}

int vfs_rename(struct task *t, int odirfd, const char *oname, int ndirfd, const char *nname, unsigned flags)
{
	struct rename rn = {.t = t, .flags = flags};
	int r;

	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
	    ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))))
		return -EINVAL;
	r = begin_to_parent(&rn.from, t, odirfd, oname);
	if (r < 0)
		return r;
	r = begin_to_parent(&rn.to, t, ndirfd, nname);
	if (!r) {
		r = rename_walked(&rn);
		walk_end(&rn.to);
	}
	walk_end(&rn.from);
	return r;
}
