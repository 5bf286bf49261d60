/* SPDX-License-Identifier: MIT */
/*
 * tmpfs directories: a hash table by name, and the entries in the order they were made. An entry's cookie only ever grows, so a
 * listing goes on at the right place whatever was added or removed meanwhile.
 */
#include "fs/tmpfs.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DIRENT_SIZE 20 /* what an entry adds to a directory's st_size on Linux */

static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 16777619u;
	return h ^ h >> 15;
}

static struct tmpfs_entry *find(const struct tmpfs_dir *d, const char *name, size_t len)
{
	uint32_t hash = hash_name(name, len);
	struct tmpfs_entry *e;

	if (!d->n_buckets)
		return NULL;
	for (e = d->buckets[hash & (d->n_buckets - 1)]; e; e = e->next)
		if (e->hash == hash && e->len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static int reserve_bucket(struct tmpfs_dir *d)
{
	uint32_t n = d->n_buckets ? d->n_buckets * 2 : 8;
	struct tmpfs_entry **table, *e, *next;

	if (d->n < d->n_buckets)
		return 0;
	table = calloc(n, sizeof(struct tmpfs_entry *));
	if (!table)
		return d->n_buckets ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < d->n_buckets; i++) {
		for (e = d->buckets[i]; e; e = next) {
			next = e->next;
			e->next = table[e->hash & (n - 1)];
			table[e->hash & (n - 1)] = e;
		}
	}
	free(d->buckets);
	d->buckets = table;
	d->n_buckets = n;
	return 0;
}

/* Close the gaps that removed entries left once they are the greater part. */
static void compact(struct tmpfs_dir *d)
{
	uint32_t n = 0;

	if (d->n_slots < 64 || d->n * 2 > d->n_slots)
		return;
	for (uint32_t i = 0; i < d->n_slots; i++) {
		if (!d->slots[i].entry)
			continue;
		d->slots[n] = d->slots[i];
		d->slots[n].entry->slot = n;
		n++;
	}
	d->n_slots = n;
}

static int reserve_slot(struct tmpfs_dir *d)
{
	uint32_t cap = d->cap_slots ? d->cap_slots * 2 : 8;
	struct tmpfs_slot *slots;

	if (d->n_slots < d->cap_slots)
		return 0;
	slots = realloc(d->slots, cap * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	d->slots = slots;
	d->cap_slots = cap;
	return 0;
}

/* An entry's share of its directory's tables counts too. */
static size_t entry_cost(size_t len)
{
	return sizeof(struct tmpfs_entry) + len + sizeof(struct tmpfs_slot) + sizeof(void *);
}

/* Add an entry; takes over the reference of *inode* on success. */
static int add_entry(struct inode *dir, const char *name, size_t len, struct inode *inode)
{
	struct tmpfs_dir *d = &tmpfs_i(dir)->dir;
	struct tmpfs_entry *e;

	if (kernel_charge_files(tmpfs_sb(dir)->kernel, entry_cost(len)) < 0)
		return -ENOSPC;
	e = malloc(sizeof(*e) + len);
	if (!e || reserve_bucket(d) < 0 || reserve_slot(d) < 0) {
		free(e);
		kernel_uncharge(tmpfs_sb(dir)->kernel, entry_cost(len));
		return -ENOMEM;
	}
	e->inode = inode;
	e->hash = hash_name(name, len);
	e->len = (uint32_t)len;
	memcpy(e->name, name, len);
	e->cookie = d->next_cookie++;
	e->slot = d->n_slots;
	d->slots[d->n_slots++] = (struct tmpfs_slot){.cookie = e->cookie, .entry = e};
	e->next = d->buckets[e->hash & (d->n_buckets - 1)];
	d->buckets[e->hash & (d->n_buckets - 1)] = e;
	d->n++;
	dir->size += DIRENT_SIZE;
	inode_touch_mtime(dir);
	return 0;
}

/* Take *e* out; the reference of its inode passes to the caller. */
static struct inode *remove_entry(struct inode *dir, struct tmpfs_entry *e)
{
	struct tmpfs_dir *d = &tmpfs_i(dir)->dir;
	struct tmpfs_entry **b = &d->buckets[e->hash & (d->n_buckets - 1)];
	struct inode *inode = e->inode;

	while (*b != e)
		b = &(*b)->next;
	*b = e->next;
	d->slots[e->slot].entry = NULL;
	d->n--;
	compact(d);
	kernel_uncharge(tmpfs_sb(dir)->kernel, entry_cost(e->len));
	free(e);
	dir->size -= DIRENT_SIZE;
	inode_touch_mtime(dir);
	return inode;
}

static int dir_lookup(struct inode *dir, const char *name, size_t len, struct inode **ret)
{
	struct tmpfs_entry *e = find(&tmpfs_i(dir)->dir, name, len);

	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*ret = e->inode;
	return 0;
}

/* Name a fresh inode in *dir* and return a second reference. */
static int publish(struct inode *dir, const char *name, size_t len, struct inode *inode, struct inode **ret)
{
	int r = add_entry(dir, name, len, inode);

	if (r < 0) {
		inode_put(inode);
		return r;
	}
	if (S_ISDIR(inode->mode))
		dir->nlink++;
	inode_get(inode);
	*ret = inode;
	return 0;
}

static int dir_create(struct inode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		      const struct cred *cred, struct inode **ret)
{
	struct inode *inode;
	int r = tmpfs_new_inode(dir->sb, mode, &inode);

	if (r < 0)
		return r;
	inode_init_owner(inode, dir, mode, cred);
	inode->rdev = rdev;
	return publish(dir, name, len, inode, ret);
}

static int dir_symlink(struct inode *dir, const char *name, size_t len, const char *target, const struct cred *cred,
		       struct inode **ret)
{
	struct inode *inode;
	size_t tlen = strlen(target);
	int r = tmpfs_new_inode(dir->sb, S_IFLNK | 0777, &inode);

	if (r < 0)
		return r;
	tmpfs_i(inode)->target = strdup(target);
	if (!tmpfs_i(inode)->target || kernel_charge_files(inode->sb->kernel, tlen) < 0) {
		inode_put(inode);
		return -ENOSPC;
	}
	tmpfs_i(inode)->charged += tlen;
	inode_init_owner(inode, dir, S_IFLNK | 0777, cred);
	inode->size = tlen;
	return publish(dir, name, len, inode, ret);
}

static int dir_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	int r;

	inode_get(target);
	r = add_entry(dir, name, len, target);
	if (r < 0) {
		inode_put(target);
		return r;
	}
	target->nlink++;
	target->ctime = inode_now(target);
	return 0;
}

static int dir_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct tmpfs_entry *e = find(&tmpfs_i(dir)->dir, name, len);

	if (!e || e->inode != victim)
		return -ENOENT;
	victim->nlink--;
	victim->ctime = inode_now(victim);
	inode_put(remove_entry(dir, e)); /* never the last: the caller holds the victim */
	return 0;
}

static int dir_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct tmpfs_entry *e = find(&tmpfs_i(dir)->dir, name, len);

	if (!e || e->inode != victim)
		return -ENOENT;
	if (tmpfs_i(victim)->dir.n)
		return -ENOTEMPTY;
	victim->nlink = 0;
	victim->ctime = inode_now(victim);
	dir->nlink--;
	inode_put(remove_entry(dir, e));
	return 0;
}

static int exchange(struct inode *odir, struct tmpfs_entry *a, struct inode *ndir, struct tmpfs_entry *b)
{
	struct inode *ia = a->inode, *ib = b->inode;

	if (odir != ndir && S_ISDIR(ia->mode) != S_ISDIR(ib->mode)) {
		struct inode *gains = S_ISDIR(ia->mode) ? ndir : odir, *loses = gains == ndir ? odir : ndir;

		gains->nlink++;
		loses->nlink--;
	}
	a->inode = ib;
	b->inode = ia;
	ia->ctime = ib->ctime = inode_now(ia);
	inode_touch_mtime(odir);
	inode_touch_mtime(ndir);
	return 0;
}

/* The entry that a rename replaces: the one behind the entry just added under the same name. */
static int drop_replaced(struct inode *ndir, const char *name, size_t len, struct inode *target)
{
	struct tmpfs_dir *d = &tmpfs_i(ndir)->dir;
	struct tmpfs_entry *fresh = d->slots[d->n_slots - 1].entry, *old;

	for (old = fresh->next; old; old = old->next)
		if (old->inode == target && old->len == len && !memcmp(old->name, name, len))
			break;
	if (!old) {
		remove_entry(ndir, fresh);
		return -ENOENT;
	}
	target->nlink = S_ISDIR(target->mode) ? 0 : target->nlink - 1;
	target->ctime = inode_now(target);
	if (S_ISDIR(target->mode))
		ndir->nlink--;
	inode_put(remove_entry(ndir, old));
	return 0;
}

static int dir_rename(struct inode *odir, const char *oname, size_t olen, struct inode *what, struct inode *ndir,
		      const char *nname, size_t nlen, struct inode *target, unsigned flags)
{
	struct tmpfs_entry *e = find(&tmpfs_i(odir)->dir, oname, olen);
	int r;

	if (!e || e->inode != what)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		struct tmpfs_entry *b = find(&tmpfs_i(ndir)->dir, nname, nlen);

		return b ? exchange(odir, e, ndir, b) : -ENOENT;
	}
	if (target && S_ISDIR(target->mode) && tmpfs_i(target)->dir.n)
		return -ENOTEMPTY;
	r = add_entry(ndir, nname, nlen, what); /* for a moment the name is there twice; the directory is locked */
	if (r < 0)
		return r;
	r = target ? drop_replaced(ndir, nname, nlen, target) : 0;
	if (r < 0)
		return r;
	remove_entry(odir, find(&tmpfs_i(odir)->dir, oname, olen)); /* its reference went to the new entry */
	if (S_ISDIR(what->mode) && odir != ndir) {
		odir->nlink--;
		ndir->nlink++;
	}
	what->ctime = inode_now(what);
	return 0;
}

static int dir_tmpfile(struct inode *dir, uint32_t mode, const struct cred *cred, struct inode **ret)
{
	struct inode *inode;
	int r = tmpfs_new_file(dir->sb, mode, &inode);

	if (r < 0)
		return r;
	inode_init_owner(inode, dir, S_IFREG | (mode & 07777), cred);
	*ret = inode;
	return 0;
}

/* The first slot whose cookie is at least *cookie*. */
static uint32_t slot_from(const struct tmpfs_dir *d, uint64_t cookie)
{
	uint32_t lo = 0, hi = d->n_slots;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (d->slots[mid].cookie < cookie)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int dir_readdir(struct file *f, struct dir_emit *de, int64_t *pos)
{
	struct inode *dir = f->inode;
	struct tmpfs_dir *d = &tmpfs_i(dir)->dir;

	if (!dir_emit_dots(f, de, pos))
		return 0;
	lock_acquire(&dir->lock);
	for (uint32_t i = slot_from(d, (uint64_t)*pos); i < d->n_slots; i++) {
		struct tmpfs_entry *e = d->slots[i].entry;

		if (!e)
			continue;
		if (!de->emit(de, e->name, e->len, e->inode->ino, IFTODT(e->inode->mode), (int64_t)e->cookie + 1))
			break;
		*pos = (int64_t)e->cookie + 1;
	}
	inode_touch_atime(dir, f);
	lock_release(&dir->lock);
	return 0;
}

void tmpfs_dir_free(struct inode *dir)
{
	struct tmpfs_dir *d = &tmpfs_i(dir)->dir;
	struct tmpfs_sb *ts = tmpfs_sb(dir);
	struct tmpfs_entry *e;
	bool mine;

	lock_acquire(&ts->lock);
	for (uint32_t i = 0; i < d->n_slots; i++) {
		e = d->slots[i].entry;
		if (!e)
			continue;
		e->next = ts->graveyard;
		ts->graveyard = e;
	}
	mine = !ts->draining;
	ts->draining = true;
	while (mine && ts->graveyard) {
		e = ts->graveyard;
		ts->graveyard = e->next;
		lock_release(&ts->lock);
		inode_put(e->inode);
		kernel_uncharge(ts->kernel, entry_cost(e->len));
		free(e);
		lock_acquire(&ts->lock);
	}
	if (mine)
		ts->draining = false;
	lock_release(&ts->lock);
	free(d->buckets);
	free(d->slots);
}

const struct inode_ops tmpfs_dir_ops = {
	.lookup = dir_lookup,
	.create = dir_create,
	.symlink = dir_symlink,
	.link = dir_link,
	.unlink = dir_unlink,
	.rmdir = dir_rmdir,
	.rename = dir_rename,
	.tmpfile = dir_tmpfile,
	TMPFS_COMMON_OPS,
};

const struct file_ops tmpfs_dir_fops = {.readdir = dir_readdir, .lseek = file_lseek_endless};
