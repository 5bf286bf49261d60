/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache: names that have been looked up, and names known to be absent. The cache holds one reference to each
 * hashed dentry; one whose only reference that is may be pruned. A dentry holds its parent, so a chain is pruned from its leaf.
 */
#include "vfs/internal.h"
#include "vfs/names_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int dcache_create(struct kernel *k)
{
	struct dcache *dc = calloc(1, sizeof(*dc));

	if (!dc)
		return -ENOMEM;
	rwlock_init(&dc->rename_lock, RANK_DRENAME);
	lock_init(&dc->lock, RANK_LEAF);
	list_init(&dc->lru);
	list_init(&dc->dead_ns);
	rwlock_init(&dc->mount_lock, RANK_MOUNTS);
	wait_queue_init(&dc->mount_wait);
	for (int i = 0; i < MOUNT_BUCKETS; i++)
		list_init(&dc->mount_hash[i]);
	k->dcache = dc;
	return 0;
}

uint32_t d_hash(const char *name, size_t len)
{
	uint64_t h = len * 0x9e3779b97f4a7c15ull, v;

	for (; len >= 8; name += 8, len -= 8) {
		memcpy(&v, name, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdull;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, name, len);
	h = (h ^ v) * 0xff51afd7ed558ccdull;
	return (uint32_t)(h >> 32);
}

static struct dentry *d_alloc(struct super_block *sb, struct dentry *parent, const char *name, size_t len)
{
	struct dentry *d = calloc(1, sizeof(*d) + len + 1);

	if (!d)
		return NULL;
	refs_init(&d->refs);
	lock_init(&d->lock, RANK_DENTRY);
	list_init(&d->lru);
	d->sb = sb;
	d->name = (char *)(d + 1);
	memcpy(d->name, name, len);
	d->name_len = len;
	d->hash = d_hash(name, len);
	d->parent = parent ? parent : d;
	if (parent)
		dentry_get(parent);
	atomic_init(&d->unhashed, true);
	super_get(sb);
	return d;
}

int d_alloc_root(struct super_block *sb, struct inode *inode)
{
	struct dentry *d = d_alloc(sb, NULL, "/", 1);

	if (!d)
		return -ENOMEM;
	d->inode = inode;
	d->unhashed = false;
	sb->root = d;
	return 0;
}

struct dentry *d_alloc_anon(struct inode *inode, const char *name)
{
	struct dentry *d = d_alloc(inode->sb, NULL, name, strlen(name));

	if (d) {
		d->inode = inode;
		d->unhashed = false;
	}
	return d;
}

struct dentry *d_alloc_tmpfile(struct dentry *dir, struct inode *inode)
{
	char name[32];
	struct dentry *d;

	snprintf(name, sizeof(name), "#%llu", (unsigned long long)inode->ino);
	d = d_alloc(dir->sb, dir, name, strlen(name));
	if (d)
		d->inode = inode;
	return d;
}

void dentry_get(struct dentry *d)
{
	refs_get(&d->refs);
}

static void d_free(struct dentry *d)
{
	struct super_block *sb = d->sb;

	if (d->name != (char *)(d + 1))
		free(d->name);
	free(d->children);
	lock_destroy(&d->lock);
	if (d->inode)
		inode_put(d->inode);
	free(d);
	super_put(sb);
}

/* Put *d* and, as far as that was the last reference, its parents; a loop, since trees are as deep as the guest likes. */
static void d_put_chain(struct dentry *d)
{
	while (refs_put(&d->refs)) {
		struct dentry *parent = d->parent == d ? NULL : d->parent;

		d_free(d);
		if (!parent)
			return;
		d = parent;
	}
}

static struct dentry **bucket_of(struct dentry *parent, uint32_t hash)
{
	return &parent->children[hash & (parent->n_buckets - 1)];
}

static struct dentry *find_locked(struct dentry *parent, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d;

	if (!parent->children)
		return NULL;
	for (d = *bucket_of(parent, hash); d; d = d->hash_next)
		if (d->hash == hash && d->name_len == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

static int grow_table(struct dentry *parent)
{
	uint32_t n = parent->n_buckets ? parent->n_buckets * 4 : 4;
	struct dentry **table = calloc(n, sizeof(struct dentry *));

	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < parent->n_buckets; i++) {
		struct dentry *d = parent->children[i], *next;

		for (; d; d = next) {
			next = d->hash_next;
			d->hash_next = table[d->hash & (n - 1)];
			table[d->hash & (n - 1)] = d;
		}
	}
	free(parent->children);
	parent->children = table;
	parent->n_buckets = n;
	return 0;
}

static int reserve_locked(struct dentry *parent)
{
	if (parent->n_buckets && (parent->n_children < 2 * parent->n_buckets || parent->n_buckets >= 1u << 24))
		return 0;
	return grow_table(parent) < 0 && !parent->n_buckets ? -ENOMEM : 0;
}

/* Into the parent's table, whose room has been reserved. */
static void hash_locked(struct dentry *parent, struct dentry *d)
{
	struct dentry **b = bucket_of(parent, d->hash);

	d->hash_next = *b;
	*b = d;
	parent->n_children++;
	d->unhashed = false;
}

static void unhash_locked(struct dentry *parent, struct dentry *d)
{
	struct dentry **b = bucket_of(parent, d->hash);

	names_dentry(d);
	while (*b != d)
		b = &(*b)->hash_next;
	*b = d->hash_next;
	d->hash_next = NULL;
	parent->n_children--;
	d->unhashed = true;
}

static void lru_add(struct dcache *dc, struct dentry *d)
{
	lock_acquire(&dc->lock);
	list_add(&d->lru, &dc->lru);
	lock_release(&dc->lock);
	atomic_fetch_add_explicit(&dc->count, 1, memory_order_relaxed);
}

static void lru_del(struct dcache *dc, struct dentry *d)
{
	lock_acquire(&dc->lock);
	list_del(&d->lru);
	lock_release(&dc->lock);
	atomic_fetch_sub_explicit(&dc->count, 1, memory_order_relaxed);
}

struct dentry *d_parent_get(struct dentry *d)
{
	struct dcache *dc = d->sb->kernel->dcache;
	struct dentry *p;

	rwlock_read(&dc->rename_lock);
	p = d->parent;
	dentry_get(p);
	rwlock_release(&dc->rename_lock);
	return p;
}

/*
 * Unhash *d* if nobody but the cache and the caller uses it, and nothing is mounted there. The caller holds one reference
 * and keeps it. Under the parent's lock no new user can come.
 */
static bool d_try_prune(struct dentry *d)
{
	struct dentry *parent = d_parent_get(d);
	bool ok;
	NAMES_CHANGE(d->sb->kernel);

	lock_acquire(&parent->lock);
	ok = d->parent == parent && !d->unhashed && refs_read(&d->refs) == 2 && !d->n_mounts && parent != d;
	if (ok)
		unhash_locked(parent, d);
	lock_release(&parent->lock);
	if (ok) {
		lru_del(d->sb->kernel->dcache, d);
		refs_put(&d->refs); /* the cache's; never the last here */
	}
	d_put_chain(parent);
	return ok;
}

/*
 * Where names change by themselves an unused dentry would only keep dead objects alive: it goes at once, and so do those above
 * that only it held.
 */
void dentry_put(struct dentry *d)
{
	while (d->sb->no_dcache && !d->unhashed && refs_read(&d->refs) == 2) {
		struct dentry *parent;

		if (!d_try_prune(d))
			break;
		parent = d->parent; /* of an unhashed dentry it never changes */
		dentry_get(parent);
		d_put_chain(d);
		d = parent;
	}
	d_put_chain(d);
}

/* The oldest dentry of the list, held and moved to the front; NULL: none. Recently used ones are passed over once. */
static struct dentry *next_victim(struct dcache *dc, struct super_block *sb, unsigned *budget)
{
	struct dentry *d, *found = NULL;

	lock_acquire(&dc->lock);
	while (*budget > 0 && !list_empty(&dc->lru) && !found) {
		(*budget)--;
		d = container_of(dc->lru.prev, struct dentry, lru);
		list_del(&d->lru);
		list_add(&d->lru, &dc->lru);
		if (sb ? d->sb != sb : atomic_exchange(&d->referenced, false))
			continue;
		if (refs_read(&d->refs) == 1 && refs_tryget(&d->refs))
			found = d;
	}
	lock_release(&dc->lock);
	return found;
}

/*
 * Prune *d* (held, consumed), and then upwards what only its children held: parents are older than their children, so without
 * this a deep tree would need one pass over the list for each level.
 */
static unsigned prune_up(struct dentry *d, bool all)
{
	unsigned done = 0;

	while (d) {
		struct dentry *parent = NULL;

		if (d_try_prune(d)) {
			done++;
			if (all || !d->parent->referenced) {
				parent = d->parent; /* of an unhashed dentry it never changes */
				dentry_get(parent);
			}
		}
		d_put_chain(d);
		d = parent;
	}
	return done;
}

static unsigned prune(struct dcache *dc, struct super_block *sb, unsigned budget)
{
	unsigned done = 0;
	struct dentry *d;

	while ((d = next_victim(dc, sb, &budget)))
		done += prune_up(d, sb);
	return done;
}

void dcache_shrink_sb(struct super_block *sb)
{
	struct dcache *dc = sb->kernel->dcache;

	while (prune(dc, sb, dc->count) > 0)
		;
}

static void dcache_balance(struct dcache *dc)
{
	if (atomic_load_explicit(&dc->count, memory_order_relaxed) <= DCACHE_MAX || atomic_exchange(&dc->pruning, true))
		return;
	prune(dc, NULL, 4 * DCACHE_BATCH);
	dc->pruning = false;
}

struct dentry *d_lookup(struct dentry *parent, const char *name, size_t len)
{
	uint32_t hash = d_hash(name, len);
	struct dentry *d;

	lock_acquire(&parent->lock);
	d = find_locked(parent, name, len, hash);
	if (d)
		dentry_get(d);
	lock_release(&parent->lock);
	if (d && !atomic_load_explicit(&d->referenced, memory_order_relaxed))
		atomic_store_explicit(&d->referenced, true, memory_order_relaxed);
	return d;
}

void d_drop(struct dentry *d)
{
	struct dentry *parent = d_parent_get(d);
	bool was;
	NAMES_CHANGE(parent->sb->kernel);

	lock_acquire(&parent->lock);
	was = parent == d->parent && parent != d && !d->unhashed;
	if (was)
		unhash_locked(parent, d);
	lock_release(&parent->lock);
	if (was) {
		lru_del(d->sb->kernel->dcache, d);
		d_put_chain(d);
	}
	d_put_chain(parent);
}

int d_add(struct dentry *parent, const char *name, size_t len, struct inode *inode, struct dentry **ret)
{
	struct dentry *d = d_alloc(parent->sb, parent, name, len), *old;
	struct dcache *dc = parent->sb->kernel->dcache;
	NAMES_CHANGE(parent->sb->kernel);

	if (!d)
		return -ENOMEM;
	lock_acquire(&parent->lock);
	if (reserve_locked(parent) < 0) {
		lock_release(&parent->lock);
		d_put_chain(d);
		return -ENOMEM;
	}
	old = find_locked(parent, name, len, d->hash);
	if (old)
		unhash_locked(parent, old);
	d->inode = inode;
	dentry_get(d); /* the cache's */
	lru_add(dc, d);
	hash_locked(parent, d);
	lock_release(&parent->lock);
	if (old) {
		lru_del(dc, old);
		d_put_chain(old);
	}
	*ret = d;
	dcache_balance(dc);
	return 0;
}

/* Is what lookup finds now (*inode*, NULL: nothing) what the cached *d* stands for? */
static bool still_valid(const struct dentry *d, const struct inode *inode)
{
	if (!d->inode || !inode)
		return !d->inode && !inode;
	return d->inode == inode || d->n_mounts ||
	       (d->inode->ino == inode->ino && (d->inode->mode & S_IFMT) == (inode->mode & S_IFMT));
}

static int lookup_locked(struct dentry *parent, const char *name, size_t len, struct dentry **ret)
{
	struct inode *dir = parent->inode, *inode = NULL;
	struct dentry *d = d_lookup(parent, name, len);
	int r;

	if (d && !parent->sb->no_dcache) {
		*ret = d;
		return 0;
	}
	r = dir->dead ? -ENOENT : dir->ops->lookup ? dir->ops->lookup(dir, name, len, &inode) : -ENOTDIR;
	if (r < 0 && r != -ENOENT) {
		if (d)
			dentry_put(d);
		return r;
	}
	if (d && (still_valid(d, inode) || (!inode && d->n_mounts))) {
		if (inode)
			inode_put(inode);
		*ret = d;
		return 0;
	}
	if (d) {
		d_drop(d);
		dentry_put(d);
	}
	r = d_add(parent, name, len, inode, ret);
	if (r < 0 && inode)
		inode_put(inode);
	return r;
}

int d_lookup_slow(struct dentry *parent, const char *name, size_t len, bool locked, struct dentry **ret)
{
	int r;

	if (locked)
		return lookup_locked(parent, name, len, ret);
	lock_acquire(&parent->inode->lock);
	r = lookup_locked(parent, name, len, ret);
	lock_release(&parent->inode->lock);
	return r;
}

static char *copy_name(const char *name, size_t len)
{
	char *p = malloc(len + 1);

	if (p) {
		memcpy(p, name, len);
		p[len] = 0;
	}
	return p;
}

/* Store a new name in *d*; returns the old one if it must be freed. */
static char *set_name(struct dentry *d, char *name, size_t len)
{
	char *old = d->name == (char *)(d + 1) ? NULL : d->name;

	d->name = name;
	d->name_len = len;
	d->hash = d_hash(name, len);
	return old;
}

int d_move(struct dentry *d, struct dentry *new_parent, const char *name, size_t len)
{
	struct dcache *dc = d->sb->kernel->dcache;
	struct dentry *old_parent, *victim = NULL;
	char *copy = copy_name(name, len), *old_name = NULL;
	int r = -ENOMEM;
	NAMES_CHANGE(d->sb->kernel);

	if (!copy)
		return r;
	rwlock_write(&dc->rename_lock);
	old_parent = d->parent;
	lock_two(&old_parent->lock, &new_parent->lock);
	if (reserve_locked(new_parent) == 0) {
		victim = find_locked(new_parent, name, len, d_hash(name, len));
		if (victim)
			unhash_locked(new_parent, victim);
		unhash_locked(old_parent, d);
		old_name = set_name(d, copy, len);
		dentry_get(new_parent);
		d->parent = new_parent;
		hash_locked(new_parent, d);
		copy = NULL;
		r = 0;
	}
	unlock_two(&old_parent->lock, &new_parent->lock);
	rwlock_release(&dc->rename_lock);
	free(copy);
	free(old_name);
	if (victim) {
		lru_del(dc, victim);
		d_put_chain(victim);
	}
	if (!r)
		d_put_chain(old_parent);
	return r;
}

int d_exchange(struct dentry *a, struct dentry *b)
{
	struct dcache *dc = a->sb->kernel->dcache;
	char *na = copy_name(b->name, b->name_len), *nb = copy_name(a->name, a->name_len), *oa = NULL, *ob = NULL;
	struct dentry *pa, *pb;
	NAMES_CHANGE(a->sb->kernel);

	if (!na || !nb) {
		free(na);
		free(nb);
		return -ENOMEM;
	}
	rwlock_write(&dc->rename_lock);
	pa = a->parent;
	pb = b->parent;
	lock_two(&pa->lock, &pb->lock);
	unhash_locked(pa, a);
	unhash_locked(pb, b);
	oa = set_name(a, na, b->name_len);
	ob = set_name(b, nb, strlen(nb));
	a->parent = pb;
	b->parent = pa;
	hash_locked(pb, a);
	hash_locked(pa, b);
	unlock_two(&pa->lock, &pb->lock);
	rwlock_release(&dc->rename_lock);
	free(oa);
	free(ob);
	return 0;
}

bool d_is_ancestor(struct dentry *maybe_ancestor, struct dentry *d)
{
	struct dcache *dc = d->sb->kernel->dcache;
	bool found = false;

	rwlock_read(&dc->rename_lock);
	for (;; d = d->parent) {
		if (d == maybe_ancestor)
			found = true;
		if (found || d->parent == d)
			break;
	}
	rwlock_release(&dc->rename_lock);
	return found;
}
