/* SPDX-License-Identifier: MIT */
/* The table of names: see docs/names.md. */
#include "vfs/names_table.h"

#include "platform/slot.h"
#include "platform/stub/names.h"
#include "vfs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define LINKS_MAX 8u

/* An object's mark: the number of the one entry it is in, and 1; or */
#define MARK_MANY UINT32_MAX	     /* it is in more, or on the way to others */
#define MARK_PENDING (UINT32_MAX - 1) /* in none yet */

struct names {
	struct names_table *t;
	_Atomic bool off;
	_Atomic uint32_t changing; /* changes under way */
	struct lock lock;	   /* RANK_LEAF: the rest, and the table */
	_Atomic uint64_t seq;	   /* counts what was taken back */
	uint64_t next_gen, next_cwd;
	struct path root;	   /* where all look from; not held: nobody changes it before names_off() */
	uint16_t free[NAMES_CONTEXTS];
	unsigned n_free;
	uint8_t turn[NAMES_SETS];  /* which way goes next */
};

int names_create(struct kernel *k)
{
	struct names *n = calloc(1, sizeof(*n));
	int fd = n ? memfd_create("names", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
	void *map = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(struct names_table)) == 0)
		map = mmap(NULL, sizeof(struct names_table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* From here on nobody else gets to write it, whatever becomes of the descriptor. */
	if (map == MAP_FAILED || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		if (map != MAP_FAILED)
			munmap(map, sizeof(struct names_table));
		if (fd >= 0)
			close(fd);
		free(n);
		return -1;
	}
	n->t = map;
	lock_init(&n->lock, RANK_LEAF);
	for (unsigned i = NAMES_CONTEXTS - 1; i > 0; i--)
		n->free[n->n_free++] = (uint16_t)i;
	n->t->gen = n->next_gen = 1;
	k->names = n;
	return fd;
}

static struct names *names_of(struct kernel *k)
{
	struct names *n = k->names;

	return n && !atomic_load_explicit(&n->off, memory_order_relaxed) ? n : NULL;
}

/* --- taking back ----------------------------------------------------------------------------------------------------------- */

static void set_gen(struct names *n)
{
	__atomic_store_n(&n->t->gen, ++n->next_gen, __ATOMIC_SEQ_CST);
}

void names_off(struct kernel *k)
{
	struct names *n = k->names;

	if (!n || atomic_exchange(&n->off, true))
		return;
	LOCK_SCOPE(&n->lock);
	__atomic_store_n(&n->t->gen, 0, __ATOMIC_SEQ_CST);
	memset(n->t->entries, 0, sizeof(n->t->entries));
}

void names_begin(struct kernel *k)
{
	if (k->names)
		atomic_fetch_add(&k->names->changing, 1);
}

void names_end(struct kernel *k)
{
	if (k->names)
		atomic_fetch_sub(&k->names->changing, 1);
}

static struct names_entry *entry_at(struct names *n, uint32_t i)
{
	return &n->t->entries[i / NAMES_WAYS][i % NAMES_WAYS];
}

/* A reader that is in the middle of it sees another number, and asks. */
static void open_entry(struct names_entry *e)
{
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void close_entry(struct names_entry *e)
{
	__atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
}

static void clear_entry(struct names_entry *e)
{
	open_entry(e);
	e->kind = NAMES_NONE;
	e->gen = 0;
	close_entry(e);
}

/* The object of that mark is in one entry, which may be another's by now: that one goes too then, and is asked for again. */
static void take_back(struct names *n, _Atomic uint32_t *mark)
{
	uint32_t m;

	if (!n)
		return;
	LOCK_SCOPE(&n->lock);
	m = atomic_exchange(mark, 0);
	if (!m || atomic_load(&n->off))
		return;
	atomic_fetch_add(&n->seq, 1);
	if (m == MARK_MANY)
		set_gen(n);
	else if (m != MARK_PENDING)
		clear_entry(entry_at(n, m - 1));
}

void names_inode(struct inode *inode)
{
	if (inode && atomic_load(&inode->exported))
		take_back(inode->sb->kernel->names, &inode->exported);
}

void names_dentry(struct dentry *d)
{
	if (atomic_load(&d->exported))
		take_back(d->sb->kernel->names, &d->exported);
}

void names_all(struct kernel *k)
{
	struct names *n = names_of(k);

	if (!n)
		return;
	LOCK_SCOPE(&n->lock);
	atomic_fetch_add(&n->seq, 1);
	set_gen(n);
}

/* --- working directories ----------------------------------------------------------------------------------------------------- */

static void tell_cwd(struct names *n, const struct fs_context *fs)
{
	__atomic_store_n(&n->t->cwd[fs->names_nr], fs->names_cwd, __ATOMIC_SEQ_CST);
}

void names_context_moved(struct kernel *k, struct fs_context *fs)
{
	struct names *n = names_of(k);

	fs->names_cwd = 0;
	if (!n)
		return;
	LOCK_SCOPE(&n->lock);
	fs->names_cwd = ++n->next_cwd;
	if (fs->names_nr)
		tell_cwd(n, fs);
}

void names_context_gone(struct kernel *k, struct fs_context *fs)
{
	struct names *n = k->names;

	if (!n || !fs->names_nr)
		return;
	LOCK_SCOPE(&n->lock);
	__atomic_store_n(&n->t->cwd[fs->names_nr], 0, __ATOMIC_SEQ_CST);
	n->free[n->n_free++] = (uint16_t)fs->names_nr;
	fs->names_nr = 0;
}

uint32_t names_context(struct task *t)
{
	struct names *n = names_of(t->kernel);
	struct fs_context *fs = t->fs;
	uint32_t nr;

	if (!n || !fs)
		return 0;
	lock_acquire(&fs->lock);
	lock_acquire(&n->lock);
	if (!fs->names_nr && n->n_free) {
		fs->names_nr = n->free[--n->n_free];
		tell_cwd(n, fs);
	}
	nr = fs->names_nr;
	lock_release(&n->lock);
	lock_release(&fs->lock);
	return nr;
}

/* --- exporting ----------------------------------------------------------------------------------------------------------------- */

struct export {
	struct names *n;
	uint64_t seq;
	unsigned links;
	struct path at;	 /* held */
	struct path cwd; /* held; where a relative path begins */
};

/*
 * From now on a change of the object is told to us; one that was under way, or is, is seen by the count. What is read of the object
 * behind this is what it is until somebody says otherwise.
 */
static bool mark(struct export *x, _Atomic uint32_t *mark)
{
	if (atomic_load_explicit(mark, memory_order_relaxed) != MARK_MANY)
		atomic_store(mark, MARK_MANY);
	return !atomic_load(&x->n->changing);
}

/* The same for what the path leads to, of which one entry may be all there is. */
static bool mark_leaf(struct export *x, _Atomic uint32_t *mark)
{
	uint32_t none = 0;

	atomic_compare_exchange_strong(mark, &none, MARK_PENDING);
	return !atomic_load(&x->n->changing);
}

/* May everybody search this directory and list its names, whoever they are? Names where one cannot look may be known to few. */
static bool searchable(const struct inode *dir)
{
	return S_ISDIR(dir->mode) && !dir->dead && (dir->mode & 0555) == 0555 && !dir->acl && !dir->ops->permission && !dir->ops->acl_load &&
	       !dir->ops->visible;
}

static bool open_to_all(struct export *x, struct inode *dir)
{
	return mark(x, &dir->exported) && searchable(dir);
}

/* The same of *d* and of all directories above it, up to the root. The locks of mounts and names are held. */
static bool way_is_open(const struct names *n, const struct mount *mnt, const struct dentry *d)
{
	for (;;) {
		if (!d->inode || d->unhashed || !d->sb->ops || !d->sb->ops->exportable || !searchable(d->inode))
			return false;
		if (mnt == n->root.mnt && d == n->root.dentry)
			return true;
		if (d == mnt->root) {
			if (!mnt->parent || !mnt->ns)
				return false;
			d = mnt->mountpoint;
			mnt = mnt->parent;
		} else if (d->parent == d) {
			return false;
		} else {
			d = d->parent;
		}
	}
}

/*
 * The table can be read by all: names below a working directory are for those alone who could go there. Asked when all has been read, and
 * before it is known that nothing has changed since: so there was a moment at which everybody could see it.
 */
static bool cwd_is_open(struct export *x, struct kernel *k)
{
	bool open;

	if (!x->cwd.dentry)
		return true;
	mount_read_lock(k);
	rwlock_read(&k->dcache->rename_lock);
	open = way_is_open(x->n, x->cwd.mnt, x->cwd.dentry);
	rwlock_release(&k->dcache->rename_lock);
	mount_unlock(k);
	return open;
}

static void go(struct export *x, struct path to)
{
	path_put(&x->at);
	x->at = to;
}

static void cross(struct export *x)
{
	struct mount *m;

	while (x->at.dentry->n_mounts && (m = mount_lookup(&x->at))) {
		dentry_get(m->root);
		go(x, (struct path){.mnt = m, .dentry = m->root});
	}
}

/* The cached child, held and marked; NULL: not that easy. */
static struct dentry *child(struct export *x, const char *name, size_t len)
{
	struct dentry *dir = x->at.dentry, *d;

	if (!x->at.mnt->ns || dir->sb->no_dcache || !dir->sb->ops || !dir->sb->ops->exportable || !open_to_all(x, dir->inode))
		return NULL;
	d = d_lookup(dir, name, len);
	if (!d)
		return NULL;
	if (mark_leaf(x, &d->exported) && !d->unhashed)
		return d;
	dentry_put(d);
	return NULL;
}

static int walk(struct export *x, const char *path, bool nofollow, struct dentry **absent);

/* x->at is a link: go on in its directory *dir* (consumed). */
static int follow(struct export *x, struct path dir, struct dentry **absent)
{
	struct inode *link = x->at.dentry->inode;
	char *target = NULL;
	int r = -EAGAIN;

	if (++x->links <= LINKS_MAX && !link->ops->get_link && link->ops->readlink && link->ops->readlink(NULL, link, &target) == 0) {
		go(x, dir);
		r = walk(x, target, false, absent);
	} else {
		path_put(&dir);
	}
	free(target);
	return r;
}

/* Dots are left to those who know their way back. */
static bool plain_name(const char *p, size_t len)
{
	return len && len <= VFS_NAME_MAX && !(p[0] == '.' && (len == 1 || p[1] == '.'));
}

/* Go along *path* from x->at, or the root. 0: x->at is the object; -ENOENT: *absent* (held) is what is not there. Else: ask. */
static int walk(struct export *x, const char *path, bool nofollow, struct dentry **absent)
{
	size_t len = strlen(path);

	if (!len || len >= VFS_PATH_MAX || path[len - 1] == '/')
		return -EAGAIN;
	if (*path == '/') {
		struct path root = x->n->root;

		path_get(&root);
		go(x, root);
	}
	while (*path) {
		struct path dir = x->at;
		struct dentry *d;
		int r;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!plain_name(path, len))
			return -EAGAIN;
		d = child(x, path, len);
		if (!d)
			return -EAGAIN;
		path += len;
		if (!d->inode) {
			*absent = d;
			return -ENOENT;
		}
		path_get(&dir);
		mount_get(dir.mnt);
		go(x, (struct path){.mnt = dir.mnt, .dentry = d});
		if ((*path || d->n_mounts || (S_ISLNK(d->inode->mode) && !nofollow)) && !mark(x, &d->exported)) {
			path_put(&dir);
			return -EAGAIN;
		}
		cross(x);
		if (S_ISLNK(x->at.dentry->inode->mode) && (*path || !nofollow)) {
			r = follow(x, dir, absent);
			if (r < 0)
				return r;
			continue;
		}
		path_put(&dir);
	}
	return 0;
}

/* Where *t* begins, held. False: it sees another tree. */
static bool begin_at(struct export *x, struct task *t, bool absolute, uint64_t *cwd)
{
	struct fs_context *fs = t->fs;
	bool ok;

	lock_acquire(&fs->lock);
	if (!x->n->root.dentry)
		x->n->root = fs->root;
	ok = fs->root.mnt == x->n->root.mnt && fs->root.dentry == x->n->root.dentry && fs->root.mnt && fs->cwd.mnt;
	if (ok) {
		x->at = absolute ? fs->root : fs->cwd;
		path_get(&x->at);
		if (!absolute) {
			x->cwd = fs->cwd;
			path_get(&x->cwd);
		}
		*cwd = absolute ? 0 : fs->names_cwd;
	}
	lock_release(&fs->lock);
	return ok && (absolute || *cwd);
}

static bool stat_of(struct export *x, uint64_t *out)
{
	struct inode *inode = x->at.dentry->inode;
	struct kstat k;
	struct stat st;

	if (!inode->sb->ops || !inode->sb->ops->exportable || !inode->sb->ops->exportable(inode))
		return false;
	if (inode_getattr(inode, &k) < 0)
		return false;
	st = (struct stat){
		.st_dev = k.dev, .st_ino = k.ino, .st_nlink = k.nlink, .st_mode = k.mode, .st_uid = k.uid, .st_gid = k.gid,
		.st_rdev = k.rdev, .st_size = (off_t)k.size, .st_blksize = k.blksize, .st_blocks = (blkcnt_t)k.blocks,
		.st_atim = k.atime, .st_mtim = k.mtime, .st_ctim = k.ctime,
	};
	_Static_assert(NAMES_STAT == offsetof(struct stat, st_ctim) + sizeof(struct timespec), "all that is not zero");
	memcpy(out, &st, NAMES_STAT);
	return true;
}

struct export_key {
	const char *path;
	uint32_t len;
	uint64_t cwd;
	bool nofollow;
};

static bool is_key(const struct names_entry *e, const struct export_key *key)
{
	return e->kind && e->len == key->len && e->cwd == key->cwd && e->nofollow == key->nofollow && !memcmp(e->path, key->path, key->len);
}

/* The object of that mark is in entry *nr*: if it is in another that is used, it is in many. The lock is held. */
static void note_entry(struct names *n, _Atomic uint32_t *mark, uint32_t nr)
{
	uint32_t m = atomic_load(mark), to;

	do {
		bool other = m && m != MARK_PENDING && m != nr + 1 && (m == MARK_MANY || entry_at(n, m - 1)->gen == n->next_gen);

		to = other ? MARK_MANY : nr + 1;
	} while (!atomic_compare_exchange_weak(mark, &m, to));
}

static bool read_by_all(const struct inode *inode)
{
	return (inode->mode & 0444) == 0444 && !inode->acl && !inode->ops->permission && !inode->ops->acl_load;
}

/* Write it, unless something has changed since the look began. */
static void publish(struct export *x, const struct export_key *key, int kind, const uint64_t *st, struct dentry *d)
{
	const uint32_t all = kind == NAMES_FOUND && read_by_all(d->inode) ? R_OK : 0;
	char padded[NAMES_PATH + 8] = {0};
	struct names *n = x->n;
	struct names_entry *e;
	uint32_t set, way = NAMES_WAYS;

	memcpy(padded, key->path, key->len);
	set = (uint32_t)names_hash(padded, key->len, key->cwd, key->nofollow) % NAMES_SETS;
	LOCK_SCOPE(&n->lock);
	if (atomic_load(&n->off) || atomic_load(&n->changing) || atomic_load(&n->seq) != x->seq)
		return;
	for (uint32_t i = 0; i < NAMES_WAYS && way == NAMES_WAYS; i++)
		if (is_key(&n->t->entries[set][i], key) || n->t->entries[set][i].gen != n->next_gen)
			way = i;
	if (way == NAMES_WAYS)
		way = n->turn[set]++ % NAMES_WAYS;
	e = &n->t->entries[set][way];
	open_entry(e);
	e->len = (uint16_t)key->len;
	e->nofollow = key->nofollow;
	e->kind = (uint8_t)kind;
	e->cwd = key->cwd;
	memcpy(e->path, padded, NAMES_PATH);
	if (st)
		memcpy(e->stat, st, NAMES_STAT);
	e->all = all;
	e->gen = n->next_gen;
	close_entry(e);
	note_entry(n, &d->exported, set * NAMES_WAYS + way);
	if (d->inode)
		note_entry(n, &d->inode->exported, set * NAMES_WAYS + way);
}

void names_export(struct task *t, const char *path, bool nofollow)
{
	struct export x = {.n = names_of(t->kernel)};
	struct export_key key = {.path = path, .len = (uint32_t)strnlen(path, NAMES_PATH + 1), .nofollow = nofollow};
	struct dentry *absent = NULL;
	uint64_t st[NAMES_STAT / 8];
	int r;

	if (!x.n || !t->fs || !t->fs->names_nr || key.len > NAMES_PATH)
		return;
	x.seq = atomic_load(&x.n->seq);
	if (atomic_load(&x.n->changing) || !begin_at(&x, t, *path == '/', &key.cwd))
		return;
	r = walk(&x, path, nofollow, &absent);
	if (r == -ENOENT) {
		if (cwd_is_open(&x, t->kernel))
			publish(&x, &key, NAMES_ABSENT, NULL, absent);
		dentry_put(absent);
	} else if (r == 0 && mark_leaf(&x, &x.at.dentry->inode->exported) && stat_of(&x, st) && cwd_is_open(&x, t->kernel)) {
		publish(&x, &key, NAMES_FOUND, st, x.at.dentry);
	}
	path_put(&x.at);
	if (x.cwd.dentry)
		path_put(&x.cwd);
}
