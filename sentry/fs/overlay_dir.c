/* SPDX-License-Identifier: MIT */
/*
 * overlay: directories. A name is looked for in the directory's own table, then in the lower directory.
 *
 * A change first makes room and pins what it touches, all of which may fail, and then changes the tables, which may not.
 */
#include "fs/overlay.h"
#include "fs/upper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POS_ABOVE (1ll << 40) /* readdir: names that only the table has are at this + seq; lower positions stay below */

/* --- the table of names -------------------------------------------------------------------------------------------------- */

static uint32_t name_hash(const char *name, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h;
}

struct ovl_entry *ovl_names_find(const struct ovl_names *t, const char *name, size_t len)
{
	uint32_t hash = name_hash(name, len);

	if (!t->buckets)
		return NULL;
	for (struct ovl_entry *e = t->buckets[hash & (t->n_buckets - 1)]; e; e = e->next)
		if (e->hash == hash && e->len == len && memcmp(e->name, name, len) == 0)
			return e;
	return NULL;
}

static int names_grow(struct ovl_names *t)
{
	uint32_t n = t->n_buckets ? t->n_buckets * 2 : 8;
	struct ovl_entry **buckets = calloc(n, sizeof(*buckets)), *e;

	if (!buckets)
		return t->buckets ? 0 : -ENOMEM;
	list_for_each_entry(e, &t->order, link) {
		e->next = buckets[e->hash & (n - 1)];
		buckets[e->hash & (n - 1)] = e;
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
	return 0;
}

static size_t entry_cost(const struct ovl_entry *e)
{
	return sizeof(*e) + e->len + 1;
}

/* A new entry, a whiteout so far. */
struct ovl_entry *ovl_names_add(struct kernel *k, struct ovl_names *t, const char *name, size_t len)
{
	struct ovl_entry *e;

	if (t->n >= t->n_buckets && names_grow(t) < 0)
		return NULL;
	e = calloc(1, sizeof(*e) + len + 1);
	if (!e)
		return NULL;
	e->len = (uint16_t)len;
	if (kernel_charge_files(k, entry_cost(e)) < 0) {
		free(e);
		return NULL;
	}
	memcpy(e->name, name, len);
	e->hash = name_hash(name, len);
	e->seq = t->next_seq++;
	e->next = t->buckets[e->hash & (t->n_buckets - 1)];
	t->buckets[e->hash & (t->n_buckets - 1)] = e;
	list_add_tail(&e->link, &t->order);
	t->n++;
	return e;
}

/* Does not put the inode. */
void ovl_names_remove(struct kernel *k, struct ovl_names *t, struct ovl_entry *e)
{
	struct ovl_entry **p = &t->buckets[e->hash & (t->n_buckets - 1)];

	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	list_del(&e->link);
	t->n--;
	kernel_uncharge(k, entry_cost(e));
	free(e);
}

void ovl_names_free(struct kernel *k, struct ovl_names *t)
{
	struct ovl_entry *e, *tmp;

	list_for_each_entry_safe(e, tmp, &t->order, link) {
		struct inode *inode = e->inode;

		ovl_names_remove(k, t, e);
		if (inode)
			inode_put(inode);
	}
	free(t->buckets);
}

static struct ovl_names *names_of(struct inode *dir)
{
	return &ovl_node(dir)->names;
}

/*
 * The entry of a name that is to be changed; made if the table has none. *present*: the merged directory has the name now
 * (then, without an entry, it is the lower directory's).
 */
static struct ovl_entry *entry_for_change(struct inode *dir, const char *name, size_t len, bool present)
{
	struct ovl_entry *e = ovl_names_find(names_of(dir), name, len);

	if (e)
		return e;
	e = ovl_names_add(dir->sb->kernel, names_of(dir), name, len);
	if (e)
		e->covers = present;
	return e;
}

static bool entry_there(const struct ovl_entry *e)
{
	return e->inode || e->there;
}

/* Undo entry_for_change(): an entry without an inode that covers nothing means nothing. */
static void entry_tidy(struct inode *dir, struct ovl_entry *e)
{
	if (e && !entry_there(e) && !e->covers)
		ovl_names_remove(dir->sb->kernel, names_of(dir), e);
}

/* An entry was made for a change that then failed, over a lower name that is still there: forget it. */
static void entry_cancel(struct inode *dir, struct ovl_entry *e, bool was_there)
{
	if (e && !was_there && !entry_there(e) && !e->white)
		ovl_names_remove(dir->sb->kernel, names_of(dir), e);
}

static void entry_set(struct ovl_entry *e, struct inode *inode)
{
	if (ovl_kept(inode))
		return; /* the store has noted it */
	inode_get(inode);
	e->inode = inode;
}

static void entry_show(const struct ovl_entry *e, uint64_t *ino, unsigned *type)
{
	*ino = e->inode ? e->inode->ino : e->ino;
	*type = e->inode ? (e->inode->mode & S_IFMT) >> 12 : e->type;
}

/* Begin to look at, or change, the table of names of *dir*, whose lock is held: until ovl_leave(), also after a failure. */
static int ovl_enter(struct inode *dir)
{
	if (!ovl_kept(dir))
		return 0;
	lock_acquire(&upper_of(dir)->tree);
	return upper_load(dir);
}

static void ovl_leave(struct inode *dir)
{
	if (ovl_kept(dir))
		lock_release(&upper_of(dir)->tree);
}

/* The name is gone: a whiteout where the lower directory has it. */
static void entry_clear(struct inode *dir, struct ovl_entry *e)
{
	struct inode *old = e->inode;

	e->inode = NULL;
	entry_tidy(dir, e);
	if (old)
		inode_put(old);
}

/* --- operations ---------------------------------------------------------------------------------------------------------- */

static int lookup_entered(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct ovl_node *n = ovl_node(dir);
	struct ovl_entry *e = ovl_names_find(&n->names, name, len);
	struct inode *low;
	int r;

	if (e) {
		if (!entry_there(e))
			return -ENOENT;
		if (!e->inode)
			return upper_entry_get(dir, e, ret);
		inode_get(e->inode);
		*ret = e->inode;
		return 0;
	}
	if (!n->lower)
		return -ENOENT;
	r = n->lower->ops->lookup(n->lower, name, len, &low);
	if (r < 0)
		return r;
	return ovl_kept(dir) ? upper_lower_get(dir, name, len, low, ret) : ovl_node_for_lower(dir->sb, low, ret);
}

static int ovl_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	int r;

	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	r = ovl_enter(dir);
	if (r == 0)
		r = lookup_entered(dir, name, len, ret);
	ovl_leave(dir);
	return r;
}

/* A directory counts its sub-directories, unless the lower file system does not (one link: btrfs). */
static void count_subdir(struct inode *dir, int by)
{
	if (dir->nlink >= 2)
		dir->nlink = by > 0 ? dir->nlink + 1 : dir->nlink > 2 ? dir->nlink - 1 : 2;
}

/* Put the new *inode* (a reference stays the caller's) into *dir*, where *name* is not. */
static int add_name(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	struct ovl_entry *e;
	int r;

	bool was_there;

	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	r = ovl_kept(dir) ? 0 : ovl_pin(dir);
	if (r < 0)
		return r;
	r = ovl_enter(dir);
	was_there = ovl_names_find(names_of(dir), name, len) != NULL;
	e = r == 0 ? entry_for_change(dir, name, len, false) : NULL;
	if (r == 0 && !e)
		r = -ENOSPC;
	if (r == 0 && ovl_kept(dir)) {
		r = upper_add(dir, e, inode);
		if (r < 0)
			entry_cancel(dir, e, was_there);
	}
	ovl_leave(dir);
	if (r < 0)
		return r;
	entry_set(e, inode);
	inode_touch_mtime(dir);
	return 0;
}

static int ovl_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		      const struct cred *cred, struct inode **ret)
{
	struct inode *inode = ovl_node_new(dir->sb, mode);
	int r;

	if (!inode)
		return -ENOSPC;
	inode_init_owner(inode, dir, mode, cred);
	inode->rdev = rdev;
	if (S_ISDIR(mode))
		inode->nlink = 2;
	r = add_name(dir, name, len, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	if (S_ISDIR(mode))
		count_subdir(dir, 1);
	*ret = inode;
	return 0;
}

static int ovl_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cred, struct inode **ret)
{
	struct inode *inode = ovl_node_new(dir->sb, mode);

	if (!inode)
		return -ENOSPC;
	inode_init_owner(inode, dir, mode, cred);
	inode->nlink = 0;
	if (ovl_kept(dir)) {
		int r = upper_tmpfile(inode);

		if (r < 0) {
			inode_put(inode);
			return r;
		}
	}
	*ret = inode;
	return 0;
}

static int ovl_symlink(struct inode *dir, const char *name, size_t len, const char *target, const struct cred *cred,
		       struct inode **ret)
{
	struct inode *inode = ovl_node_new(dir->sb, S_IFLNK | 0777);
	int r = -ENOSPC;

	if (!inode)
		return r;
	inode_init_owner(inode, dir, S_IFLNK | 0777, cred);
	ovl_node(inode)->target = strdup(target);
	inode->size = strlen(target);
	if (ovl_node(inode)->target)
		r = add_name(dir, name, len, inode);
	if (r < 0) {
		inode_put(inode);
		return r;
	}
	*ret = inode;
	return 0;
}

static int ovl_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	int r = ovl_kept(dir) ? 0 : ovl_pin(target);

	if (r == 0)
		r = add_name(dir, name, len, target);
	if (r < 0)
		return r;
	target->nlink++;
	target->ctime = inode_now(target);
	return 0;
}

static void drop_link(struct inode *inode, bool last)
{
	inode->nlink = last || inode->nlink == 0 ? 0 : inode->nlink - 1;
	inode->ctime = inode_now(inode);
	if (inode->nlink == 0)
		ovl_unpin(inode);
}

/* The caller (the VFS) holds a reference to *victim*. */
static int remove_name(struct inode *dir, const char *name, size_t len, struct inode *victim, bool is_dir)
{
	int r = ovl_enter(dir);
	bool was_there = ovl_names_find(names_of(dir), name, len) != NULL;
	struct ovl_entry *e = r == 0 ? entry_for_change(dir, name, len, true) : NULL;

	if (r == 0 && !e)
		r = -ENOSPC;
	if (r == 0 && ovl_kept(dir)) {
		r = upper_remove(dir, e, victim, is_dir);
	} else if (r == 0) {
		r = ovl_pin(dir);
		if (r == 0 && !is_dir && victim->nlink > 1)
			r = ovl_pin(victim);
	}
	if (r < 0)
		entry_cancel(dir, e, was_there);
	else
		entry_clear(dir, e);
	ovl_leave(dir);
	if (r < 0)
		return r;
	inode_touch_mtime(dir);
	drop_link(victim, is_dir);
	return 0;
}

static int ovl_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	return remove_name(dir, name, len, victim, false);
}

struct count_emit {
	struct dir_emit de;
	const struct ovl_names *names;
	bool found;
};

static bool count_one(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos)
{
	struct count_emit *c = container_of(de, struct count_emit, de);

	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	c->found = !ovl_names_find(c->names, name, len); /* an entry hides it: a whiteout, or one that was seen already */
	return !c->found;
}

static int check_empty_entered(struct inode *dir)
{
	struct ovl_node *n = ovl_node(dir);
	struct count_emit c = {.de.emit = count_one, .names = &n->names};
	struct ovl_entry *e;
	struct file *low;
	int64_t pos = 0;
	int r;

	list_for_each_entry(e, &n->names.order, link)
		if (entry_there(e))
			return -ENOTEMPTY;
	if (!n->lower)
		return 0;
	r = ovl_layer_open(n->lower, O_RDONLY | O_DIRECTORY, &low);
	if (r < 0)
		return r;
	r = low->ops->readdir(low, &c.de, &pos);
	file_put(low);
	return r < 0 ? r : c.found ? -ENOTEMPTY : 0;
}

/* 0, -ENOTEMPTY, or what reading the directory gave. */
static int check_empty(struct inode *dir)
{
	int r = ovl_enter(dir);

	if (r == 0)
		r = check_empty_entered(dir);
	ovl_leave(dir);
	return r;
}

static int ovl_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	int r = check_empty(victim);

	if (r == 0)
		r = remove_name(dir, name, len, victim, true);
	if (r == 0)
		count_subdir(dir, -1);
	return r;
}

static int check_replace(struct inode *what, struct inode *target, unsigned flags)
{
	if (!target || (flags & RENAME_EXCHANGE))
		return 0;
	if (S_ISDIR(target->mode) != S_ISDIR(what->mode))
		return S_ISDIR(target->mode) ? -EISDIR : -ENOTDIR;
	return S_ISDIR(target->mode) ? check_empty(target) : 0;
}

static int pin_all(struct inode *a, struct inode *b, struct inode *c, struct inode *d)
{
	int r = ovl_pin(a);

	if (r == 0)
		r = ovl_pin(b);
	if (r == 0)
		r = ovl_pin(c);
	return r == 0 && d ? ovl_pin(d) : r;
}

static void move_link_counts(struct inode *odir, struct inode *what, struct inode *ndir, struct inode *target, bool exchange)
{
	if (S_ISDIR(what->mode)) {
		count_subdir(odir, -1);
		count_subdir(ndir, 1);
	}
	if (!target)
		return;
	if (S_ISDIR(target->mode)) {
		count_subdir(ndir, -1);
		if (exchange)
			count_subdir(odir, 1);
	}
}

/* The tables follow what has been made sure of, or done on disk. */
static void rename_entries(struct inode *odir, struct ovl_entry *old, struct inode *what, struct ovl_entry *new, struct inode *target,
	bool exchange)
{
	struct inode *prev = new->inode;

	if (ovl_kept(odir)) {
		if (!exchange)
			entry_tidy(odir, old);
		return;
	}
	entry_set(new, what);
	if (exchange) {
		struct inode *prev_old = old->inode;

		entry_set(old, target);
		if (prev_old)
			inode_put(prev_old);
	} else {
		entry_clear(odir, old);
	}
	if (prev)
		inode_put(prev);
}

static int ovl_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
		      const char *nname, size_t nlen, struct inode *target, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE, had_old, had_new;
	struct ovl_entry *old = NULL, *new = NULL;
	int r;

	if (nlen > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	r = check_replace(what, target, flags);
	if (r < 0)
		return r;
	r = ovl_enter(odir);
	if (r == 0 && ovl_kept(ndir))
		r = upper_load(ndir);
	had_old = ovl_names_find(names_of(odir), oname, olen) != NULL;
	had_new = ovl_names_find(names_of(ndir), nname, nlen) != NULL;
	if (r == 0) {
		old = entry_for_change(odir, oname, olen, true);
		new = entry_for_change(ndir, nname, nlen, target != NULL);
		r = !old || !new ? -ENOSPC : ovl_kept(odir) ? upper_rename(odir, old, what, ndir, new, target, exchange)
							    : pin_all(odir, ndir, what, target);
	}
	if (r < 0) {
		entry_cancel(odir, old, had_old);
		if (new != old)
			entry_cancel(ndir, new, had_new);
	} else {
		rename_entries(odir, old, what, new, target, exchange);
	}
	ovl_leave(odir);
	if (r < 0)
		return r;
	move_link_counts(odir, what, ndir, target, exchange);
	inode_touch_mtime(odir);
	inode_touch_mtime(ndir);
	what->ctime = inode_now(what);
	if (target && exchange)
		target->ctime = what->ctime;
	else if (target)
		drop_link(target, S_ISDIR(target->mode));
	return 0;
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

/*
 * Positions: 0 and 1 are "." and ".."; then the lower directory's own positions, at which a changed entry stands for the name
 * it covers; then the names that only the table has, in the order they were made. So each name keeps its place
 * whatever happens to others, and is seen once.
 */
struct merge_emit {
	struct dir_emit de;
	struct dir_emit *out;
	const struct ovl_names *names;
	int64_t *pos;
	bool full;
};

static bool merge_one(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos)
{
	struct merge_emit *m = container_of(de, struct merge_emit, de);
	const struct ovl_entry *e;

	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	e = ovl_names_find(m->names, name, len);
	if (e && entry_there(e))
		entry_show(e, &ino, &type);
	if (!e || entry_there(e))
		m->full = !m->out->emit(m->out, name, len, ino, type, next_pos);
	if (!m->full)
		*m->pos = next_pos;
	return !m->full;
}

static int read_below(struct file *f, struct dir_emit *de, int64_t *pos, bool *full)
{
	struct ovl_node *n = ovl_node(f->inode);
	struct merge_emit m = {.de.emit = merge_one, .out = de, .names = &n->names, .pos = pos};
	int64_t at = *pos == 2 ? 0 : *pos;
	struct file *low = f->priv;
	int r;

	if (!low) {
		r = ovl_layer_open(n->lower, O_RDONLY | O_DIRECTORY, &low);
		if (r < 0)
			return r;
		f->priv = low;
	}
	r = low->ops->readdir(low, &m.de, &at);
	*full = m.full;
	return r;
}

static void read_above(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct ovl_entry *e;

	list_for_each_entry(e, &names_of(f->inode)->order, link) {
		int64_t next = POS_ABOVE + (int64_t)e->seq + 1;
		uint64_t ino;
		unsigned type;

		if (next <= *pos || e->covers || !entry_there(e))
			continue;
		entry_show(e, &ino, &type);
		if (!de->emit(de, e->name, e->len, ino, type, next))
			return;
		*pos = next;
	}
}

static int read_entered(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct inode *dir = f->inode;
	bool full = false;
	int r = 0;

	if (ovl_kept(dir))
		upper_fill(dir);
	if (*pos < POS_ABOVE && ovl_node(dir)->lower) {
		r = read_below(f, de, pos, &full);
		if (r < 0 || full)
			return r;
	}
	if (*pos < POS_ABOVE)
		*pos = POS_ABOVE;
	read_above(f, de, pos);
	return 0;
}

static int ovl_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	int r;

	if (*pos < 0)
		return -EINVAL;
	if (*pos < 2 && !dir_emit_dots(f, de, pos))
		return 0;
	LOCK_SCOPE(&f->inode->lock);
	r = ovl_enter(f->inode);
	if (r == 0)
		r = read_entered(f, de, pos);
	ovl_leave(f->inode);
	return r;
}

static int dir_fsync(struct file *f, bool data_only)
{
	return ovl_kept(f->inode) ? upper_fsync(f->inode, data_only) : 0;
}

static void dir_release(struct file *f)
{
	if (f->priv)
		file_put(f->priv);
	f->priv = NULL;
}

const struct inode_ops ovl_dir_ops = {
	.lookup = ovl_lookup,
	.create = ovl_create,
	.tmpfile = ovl_tmpfile,
	.symlink = ovl_symlink,
	.link = ovl_link,
	.unlink = ovl_unlink,
	.rmdir = ovl_rmdir,
	.rename = ovl_rename,
	.acl_changed = ovl_acl_changed,
	.getattr = ovl_getattr,
	.setattr = ovl_setattr,
	.getxattr = ovl_getxattr,
	.setxattr = ovl_setxattr,
	.listxattr = ovl_listxattr,
	.removexattr = ovl_removexattr,
};

const struct file_ops ovl_dir_fops = {
	.readdir = ovl_readdir,
	.lseek = file_lseek_endless,
	.fsync = dir_fsync,
	.release = dir_release,
};
