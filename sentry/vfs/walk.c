/* SPDX-License-Identifier: MIT */
/*
 * Path resolution, path_resolution(7). A walk holds one path and goes from component to component; symbolic links push
 * what is left of the current string. On cached names nothing is allocated, and each step takes the parent dentry's lock once.
 */
#include "vfs/internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

void fs_get_root(struct task *t, struct path *ret)
{
	struct fs_context *fs = t->fs;

	lock_acquire(&fs->lock);
	*ret = fs->root;
	path_get(ret);
	lock_release(&fs->lock);
}

void fs_get_cwd(struct task *t, struct path *ret)
{
	struct fs_context *fs = t->fs;

	lock_acquire(&fs->lock);
	*ret = fs->cwd;
	path_get(ret);
	lock_release(&fs->lock);
}

static void set_cur(struct walk *w, struct path p)
{
	struct path old = w->cur;

	w->cur = p;
	if (old.dentry)
		path_put(&old);
}

static int start_at_fd(struct walk *w, int dirfd, bool need_dir)
{
	struct file *f;
	struct path p;

	if (dirfd == AT_FDCWD) {
		fs_get_cwd(w->t, &p);
	} else {
		f = fd_get_path(w->t, dirfd);
		if (!f)
			return -EBADF;
		p = f->path;
		if (!p.dentry || (need_dir && !d_is_dir(p.dentry))) {
			file_put(f);
			return -ENOTDIR;
		}
		path_get(&p);
		file_put(f);
	}
	w->cur = p;
	return 0;
}

static struct walk_string string_of(const char *name, char *buf)
{
	return (struct walk_string){.p = name, .end = name + strlen(name), .buf = buf};
}

/* Take the slashes off the end of the last string and note that they were there. */
static void strip_trailing(struct walk *w)
{
	while (w->now.end > w->now.p && w->now.end[-1] == '/') {
		w->now.end--;
		w->trailing_slash = true;
	}
}

static int jump_to_root(struct walk *w)
{
	struct path p = w->root;

	if (w->flags & WALK_BENEATH)
		return -EXDEV;
	if ((w->flags & WALK_NO_XDEV) && w->cur.mnt && w->cur.mnt != p.mnt)
		return -EXDEV;
	path_get(&p);
	set_cur(w, p);
	return 0;
}

int walk_begin(struct walk *w, struct task *t, int dirfd, const struct path *base, const char *name, unsigned flags)
{
	int r = 0;

	memset(w, 0, offsetof(struct walk, stack));
	memset(&w->held, 0, sizeof(*w) - offsetof(struct walk, held));
	w->t = t;
	w->flags = flags;
	if (!*name && !(flags & WALK_EMPTY))
		return -ENOENT;
	fs_get_root(t, &w->root);
	if (base) {
		w->cur = *base;
		path_get(base);
	} else if (*name != '/' || (flags & (WALK_BENEATH | WALK_IN_ROOT))) {
		r = start_at_fd(w, dirfd, *name != 0);
	}
	if (!r && (flags & (WALK_BENEATH | WALK_IN_ROOT))) {
		path_put(&w->root);
		w->root = w->cur;
		path_get(&w->root);
	}
	if (!r && *name == '/')
		r = jump_to_root(w);
	if (r < 0) {
		walk_end(w);
		return r;
	}
	w->now = string_of(name, NULL);
	strip_trailing(w);
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(&w->cur);
	path_put(&w->root);
	free(w->now.buf);
	free(w->held.buf);
	for (unsigned i = 0; i < w->depth; i++)
		free(w->stack[i].buf);
	w->now.buf = w->held.buf = NULL;
	w->depth = 0;
}

int walk_cross(struct walk *w, struct path *p)
{
	struct mount *m;

	while (p->dentry->n_mounts && (m = mount_lookup(p))) {
		if (!(w->flags & WALK_UMOUNT))
			m->expiring = false;
		if (w->flags & WALK_NO_XDEV) {
			mount_put(m);
			return -EXDEV;
		}
		dentry_get(m->root);
		dentry_put(p->dentry);
		mount_put(p->mnt);
		*p = (struct path){.mnt = m, .dentry = m->root};
	}
	return 0;
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->mnt == b->mnt && a->dentry == b->dentry;
}

/* From the root of a mount to the place it stands on; false: nothing above. */
static bool leave_mount(struct path *p)
{
	struct kernel *k = p->dentry->sb->kernel;
	struct path up = {0};

	if (!p->mnt->ns)
		return false;
	mount_read_lock(k);
	if (p->mnt->parent && p->mnt->ns) {
		up = (struct path){.mnt = p->mnt->parent, .dentry = p->mnt->mountpoint};
		path_get(&up);
	}
	mount_unlock(k);
	if (!up.dentry)
		return false;
	path_put(p);
	*p = up;
	return true;
}

static int walk_dotdot(struct walk *w)
{
	struct path *p = &w->cur;
	struct dentry *parent;

	for (;;) {
		if (same_path(p, &w->root))
			return w->flags & WALK_BENEATH ? -EXDEV : 0;
		if (p->dentry != p->mnt->root)
			break;
		if (w->flags & WALK_NO_XDEV)
			return -EXDEV;
		if (!leave_mount(p))
			return 0;
	}
	parent = d_parent_get(p->dentry);
	/* A directory that has been moved out of what is mounted here does not lead to the rest of the file system. */
	if (p->mnt->root != p->mnt->sb->root && !d_is_ancestor(p->mnt->root, parent)) {
		dentry_put(parent);
		return -ENOENT;
	}
	dentry_put(p->dentry);
	p->dentry = parent;
	return walk_cross(w, p);
}

static int may_search(struct walk *w)
{
	struct inode *inode = w->cur.dentry->inode;

	if (!inode_is(inode, S_IFDIR))
		return -ENOTDIR;
	/* A detached tree has lost its mounts, also those that hid what is below them from whoever detached it. */
	if (w->cur.mnt && w->cur.mnt->hides && !w->cur.mnt->ns)
		return -ENOENT;
	return inode_permission(w->t, inode, MAY_EXEC);
}

/* The child of w->cur with that name, held and crossed into mounts; its dentry may be negative. */
static int walk_child(struct walk *w, const char *name, size_t len, struct path *ret)
{
	struct dentry *dir = w->cur.dentry, *d = NULL;
	int r;

	if (len > VFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!dir->sb->no_dcache)
		d = d_lookup(dir, name, len);
	if (!d) {
		r = d_lookup_slow(dir, name, len, false, &d);
		if (r < 0)
			return r;
	}
	ret->mnt = w->cur.mnt;
	ret->dentry = d;
	mount_get(ret->mnt);
	r = walk_cross(w, ret);
	if (r < 0)
		path_put(ret);
	return r;
}

int walk_last(struct walk *w, struct path *ret)
{
	struct path p = {0};
	int r = may_search(w);

	if (!r)
		r = walk_child(w, w->last, w->last_len, &p);
	if (!r)
		*ret = p;
	return r;
}

/* Jump through a magic link (/proc/self/fd/3 …). */
static int walk_magic(struct walk *w, struct inode *link)
{
	struct path p = {0};
	int r;

	if (w->flags & WALK_NO_MAGICLINKS)
		return -ELOOP;
	if (w->flags & (WALK_BENEATH | WALK_IN_ROOT))
		return -EXDEV;
	r = link->ops->get_link(w->t, link, &p);
	if (r < 0)
		return r;
	if ((w->flags & WALK_NO_XDEV) && p.mnt != w->cur.mnt) {
		path_put(&p);
		return -EXDEV;
	}
	set_cur(w, p);
	return 0;
}

static int read_link(struct walk *w, struct inode *link, char **ret)
{
	if (!link->ops->readlink)
		return -EINVAL;
	return link->ops->readlink(w->t, link, ret);
}

/*
 * Follow the symlink at *p* (consumed). 1: a magic link was jumped through, w->cur is the object. 0: w->now is the target
 * and w->cur the directory it starts from. *tail*: nothing is left behind the link, so the string is replaced.
 */
static int follow(struct walk *w, struct path *p, bool tail)
{
	struct inode *link = p->dentry->inode;
	char *target = NULL;
	int r;

	if ((w->flags & WALK_NO_SYMLINKS) || ++w->n_links > VFS_SYMLINKS_MAX) {
		path_put(p);
		return -ELOOP;
	}
	if (link->ops->get_link) {
		r = walk_magic(w, link);
		path_put(p);
		return r < 0 ? r : 1;
	}
	r = read_link(w, link, &target);
	path_put(p);
	if (!r && !*target)
		r = -ENOENT;
	if (!r && *target == '/')
		r = jump_to_root(w);
	if (r < 0) {
		free(target);
		return r;
	}
	if (tail)
		free(w->now.buf);
	else
		w->stack[w->depth++] = w->now;
	w->now = string_of(target, target);
	if (w->depth == 0)
		strip_trailing(w);
	return 0;
}

/* The next component of the current strings; false: none left. */
static bool next_component(struct walk *w, const char **name, size_t *len)
{
	for (;;) {
		const char *p = w->now.p, *start;

		while (p < w->now.end && *p == '/')
			p++;
		if (p == w->now.end && w->depth > 0) {
			free(w->now.buf);
			w->now = w->stack[--w->depth];
			continue;
		}
		for (start = p; p < w->now.end && *p != '/';)
			p++;
		w->now.p = p;
		*name = start;
		*len = (size_t)(p - start);
		return *len > 0;
	}
}

static enum last_type type_of(const char *name, size_t len)
{
	if (name[0] != '.' || len > 2)
		return LAST_NORM;
	return len == 1 ? LAST_DOT : name[1] == '.' ? LAST_DOTDOT : LAST_NORM;
}

/* Is nothing left behind the component just taken? Slashes at the very end have been cut off before. */
static bool at_end(const struct walk *w)
{
	return w->now.p == w->now.end && w->depth == 0;
}

/* One step down that is not the last of a parent walk. */
static int step(struct walk *w, const char *name, size_t len, bool final)
{
	struct path p = {0};
	int r = walk_child(w, name, len, &p);

	if (r < 0)
		return r;
	if (!d_positive(p.dentry)) {
		path_put(&p);
		return -ENOENT;
	}
	if (inode_is(p.dentry->inode, S_IFLNK) && (!final || (w->flags & WALK_FOLLOW) || w->trailing_slash)) {
		r = follow(w, &p, w->now.p == w->now.end);
		return r < 0 ? r : 0;
	}
	set_cur(w, p);
	return 0;
}

/* Hold back the string that w->last points into. */
static void keep_last(struct walk *w, const char *name, size_t len, enum last_type type)
{
	w->last = name;
	w->last_len = len;
	w->last_type = type;
	free(w->held.buf);
	w->held = w->now;
	w->now = (struct walk_string){0};
}

static int walk_run(struct walk *w, bool parent)
{
	const char *name;
	size_t len;
	int r;

	while (next_component(w, &name, &len)) {
		enum last_type type = type_of(name, len);
		bool final = at_end(w);

		r = may_search(w);
		if (r < 0)
			return r;
		if (parent && final) {
			keep_last(w, name, len, type);
			return len > VFS_NAME_MAX ? -ENAMETOOLONG : 0;
		}
		r = type == LAST_DOT ? 0 : type == LAST_DOTDOT ? walk_dotdot(w) : step(w, name, len, final);
		if (r < 0)
			return r;
	}
	if (parent)
		keep_last(w, "/", 1, LAST_ROOT);
	return 0;
}

int walk_to_parent(struct walk *w)
{
	return walk_run(w, true);
}

int walk_to_end(struct walk *w)
{
	int r = walk_run(w, false);

	if (!r && (w->trailing_slash || (w->flags & WALK_DIRECTORY)) && !d_is_dir(w->cur.dentry))
		return -ENOTDIR;
	return r;
}

int walk_follow_last(struct walk *w, struct path *link)
{
	int r = follow(w, link, true);

	if (r > 0) {
		keep_last(w, "/", 1, LAST_ROOT); /* the object itself stands in w->cur */
		return 0;
	}
	return r < 0 ? r : walk_to_parent(w);
}

static int walk_whole(struct walk *w, struct path *ret)
{
	int r = walk_to_end(w);

	if (!r) {
		*ret = w->cur;
		w->cur = (struct path){0};
	}
	walk_end(w);
	return r;
}

int vfs_walk(struct task *t, int dirfd, const char *name, unsigned flags, struct path *ret)
{
	struct walk w;
	int r = walk_begin(&w, t, dirfd, NULL, name, flags);

	return r < 0 ? r : walk_whole(&w, ret);
}

int vfs_walk_at(struct task *t, const struct path *base, const char *name, unsigned flags, struct path *ret)
{
	struct walk w;
	int r = walk_begin(&w, t, AT_FDCWD, base, name, flags);

	return r < 0 ? r : walk_whole(&w, ret);
}

int vfs_walk_parent(struct task *t, int dirfd, const char *name, unsigned flags, struct path *ret_parent, char *last,
		    enum last_type *type, bool *trailing_slash)
{
	struct walk w;
	int r = walk_begin(&w, t, dirfd, NULL, name, flags);

	if (r < 0)
		return r;
	r = walk_to_parent(&w);
	if (!r) {
		memcpy(last, w.last, w.last_len);
		last[w.last_len] = 0;
		*type = w.last_type;
		*trailing_slash = w.trailing_slash;
		*ret_parent = w.cur;
		w.cur = (struct path){0};
	}
	walk_end(&w);
	return r;
}
