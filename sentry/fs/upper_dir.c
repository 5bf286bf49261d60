/* SPDX-License-Identifier: MIT */
/*
 * The overlay's store on disk: directories. The table of names of a directory is read from the host when it is first looked at. A
 * change of a name is made on the host first, in steps each of which leaves a valid tree, and then in the table.
 */
#include "fs/upper.h"
#include "host/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LISTING_BYTES 32768u

struct dirent64_head { /* getdents64(2) */
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
} __attribute__((packed));

static struct platform *platform_of(const struct inode *inode)
{
	return inode->sb->kernel->platform;
}

static struct ovl_names *names_of(const struct inode *dir)
{
	return &ovl_node(dir)->names;
}

/* --- reading a directory ----------------------------------------------------------------------------------------------------------- */

struct listing {
	struct inode *dir;
	bool whiteouts; /* this is the directory of whiteouts */
	bool has_whiteouts;
};

static int list_one(struct listing *l, const struct dirent64_head *d)
{
	struct ovl_names *t = names_of(l->dir);
	struct kernel *k = l->dir->sb->kernel;
	char name[256];
	struct ovl_entry *e;
	size_t len;

	if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
		return 0;
	if (!l->whiteouts && strcmp(d->d_name, UPPER_WHITEOUTS) == 0) {
		l->has_whiteouts = true;
		return 0;
	}
	if (upper_name_decode(d->d_name, name) < 0)
		return 0; /* no name of ours */
	len = strlen(name);
	e = ovl_names_find(t, name, len);
	if (!e)
		e = ovl_names_add(k, t, name, len);
	if (!e)
		return -ENOMEM;
	if (l->whiteouts) {
		e->white = true;
		return 0;
	}
	if (e->there)
		return 0; /* by two host names; the first holds */
	e->there = true;
	e->hex = strncmp(d->d_name, UPPER_RESERVED "%", sizeof(UPPER_RESERVED)) == 0;
	e->type = d->d_type == DT_DIR ? DT_DIR : d->d_type == DT_UNKNOWN ? DT_UNKNOWN : DT_REG;
	return 0;
}

static int list_all(int dirfd, const char *name, struct listing *l)
{
	char *buf = malloc(LISTING_BYTES);
	int fd = buf ? host_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM, r = 0;
	ssize_t n = fd;

	while (fd >= 0 && r == 0 && (n = host_getdents(fd, buf, LISTING_BYTES)) > 0)
		for (ssize_t at = 0; r == 0 && at + (ssize_t)sizeof(struct dirent64_head) < n;) {
			const struct dirent64_head *d = (const void *)(buf + at);

			at += d->d_reclen;
			r = list_one(l, d);
		}
	if (fd >= 0)
		host_close(fd);
	free(buf);
	return r < 0 ? r : n < 0 ? (int)n : 0;
}

/* What the lower directory has of these names; the sub-directories that are seen make the number of links. */
static void compare_below(struct inode *dir)
{
	struct inode *lower = ovl_node(dir)->lower, *low;
	struct ovl_entry *e, *tmp;
	int64_t links = dir->nlink;

	list_for_each_entry_safe(e, tmp, &names_of(dir)->order, link) {
		bool low_dir = false;

		if (lower) {
			int r = lower->ops->lookup(lower, e->name, e->len, &low);

			e->covers = r != -ENOENT;
			if (r == 0) {
				low_dir = S_ISDIR(low->mode);
				inode_put(low);
			}
		}
		links += (e->there && e->type == DT_DIR) - low_dir;
		if (!e->there && !e->covers)
			ovl_names_remove(dir->sb->kernel, names_of(dir), e);
	}
	if (lower && dir->nlink >= 2)
		dir->nlink = links < 2 ? 2 : (uint32_t)links;
}

int upper_load(struct inode *dir)
{
	struct upper_node *u = upper_node(dir);
	struct listing l = {.dir = dir};
	int fd, r;

	if (u->loaded || !u->on_host)
		return 0;
	fd = upper_fd(dir, true);
	if (fd < 0)
		return fd;
	platform_host_block_begin(platform_of(dir));
	r = list_all(fd, ".", &l);
	if (r == 0 && l.has_whiteouts) {
		l.whiteouts = true;
		r = list_all(fd, UPPER_WHITEOUTS, &l);
	}
	platform_host_block_end(platform_of(dir));
	upper_fd_put(dir);
	if (r < 0) {
		ovl_names_free(dir->sb->kernel, names_of(dir));
		memset(names_of(dir), 0, sizeof(*names_of(dir)));
		list_init(&names_of(dir)->order);
		return r;
	}
	compare_below(dir);
	u->loaded = true;
	return 0;
}

static int host_name(const struct ovl_entry *e, char host[256])
{
	return upper_name_encode(e->name, e->len, e->hex, host);
}

int upper_entry_get(struct inode *dir, struct ovl_entry *e, struct inode **ret)
{
	char host[256];
	int r = host_name(e, host), dirfd;

	if (r < 0)
		return r;
	dirfd = upper_fd(dir, true);
	if (dirfd < 0)
		return dirfd;
	if (e->type == DT_UNKNOWN) {
		struct statx st;

		r = host_stat(dirfd, host, &st);
		e->type = r == 0 && S_ISDIR(st.stx_mode) ? DT_DIR : DT_REG;
	}
	if (r == 0)
		r = upper_get(dir->sb, UPPER_IN_DIR, dir, dirfd, host, e->type == DT_DIR, ret);
	upper_fd_put(dir);
	if (r == 0) {
		e->ino = (*ret)->ino;
		e->type = (uint8_t)(((*ret)->mode & S_IFMT) >> 12);
	}
	return r == -ENOENT ? -EUCLEAN : r;
}

void upper_fill(struct inode *dir)
{
	struct ovl_entry *e;

	if (upper_node(dir)->filled)
		return;
	list_for_each_entry(e, &names_of(dir)->order, link) {
		struct inode *inode;

		if (!e->there || e->ino)
			continue;
		if (upper_entry_get(dir, e, &inode) == 0) {
			inode_put(inode);
		} else {
			e->ino = 1; /* listed, but cannot be opened */
			e->type = DT_UNKNOWN;
		}
	}
	upper_node(dir)->filled = true;
}

/* --- steps --------------------------------------------------------------------------------------------------------------------------- */

static void note_there(struct ovl_entry *e, const struct inode *inode)
{
	e->there = true;
	e->ino = inode->ino;
	e->type = (uint8_t)((inode->mode & S_IFMT) >> 12);
}

/* Hide the lower name. *dir* is on the host. */
static int make_whiteout(struct inode *dir, struct ovl_entry *e)
{
	char host[256];
	int dirfd = upper_fd(dir, true), wfd, r;

	if (dirfd < 0)
		return dirfd;
	wfd = host_open_beneath(dirfd, UPPER_WHITEOUTS, O_RDONLY | O_DIRECTORY, 0);
	if (wfd == -ENOENT) {
		r = host_mkdir(dirfd, UPPER_WHITEOUTS, 0700);
		wfd = r < 0 ? r : host_open_beneath(dirfd, UPPER_WHITEOUTS, O_RDONLY | O_DIRECTORY, 0);
	}
	r = wfd < 0 ? wfd : upper_name_encode(e->name, e->len, false, host);
	if (r >= 0)
		r = host_symlink("w", wfd, host);
	if ((r == -EINVAL || r == -EILSEQ || r == -ENAMETOOLONG) && wfd >= 0 && upper_name_encode(e->name, e->len, true, host) == 0)
		r = host_symlink("w", wfd, host);
	host_close(wfd);
	upper_fd_put(dir);
	if (r == -EEXIST)
		r = 0;
	if (r == 0) {
		e->white = true;
		upper_node(dir)->white_fresh = true;
	}
	return r;
}

/*
 * An empty directory that is to go may still hold whiteouts: it becomes opaque, in which they mean nothing, and they go first.
 */
static int clear_whiteouts(struct inode *dir)
{
	struct upper_node *u = upper_node(dir);
	char *origin = u->origin;
	char *buf;
	int fd = upper_fd(dir, true), wfd, r = 0;
	ssize_t n = 0;

	if (fd < 0)
		return fd;
	wfd = host_open_beneath(fd, UPPER_WHITEOUTS, O_RDONLY | O_DIRECTORY, 0);
	if (wfd < 0) {
		upper_fd_put(dir);
		return wfd == -ENOENT ? 0 : wfd;
	}
	u->origin = NULL;
	r = upper_record(dir, true);
	if (r < 0)
		u->origin = origin;
	else
		free(origin);
	buf = r == 0 ? malloc(LISTING_BYTES) : NULL;
	if (r == 0 && !buf)
		r = -ENOMEM;
	while (r == 0 && (n = host_getdents(wfd, buf, LISTING_BYTES)) > 0)
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct dirent64_head) < n;) {
			const struct dirent64_head *d = (const void *)(buf + at);

			at += d->d_reclen;
			if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
				host_unlink(wfd, d->d_name, false);
		}
	free(buf);
	host_close(wfd);
	if (r == 0)
		r = n < 0 ? (int)n : host_unlink(fd, UPPER_WHITEOUTS, true);
	upper_fd_put(dir);
	return r;
}

/* The one host name of *inode* that we know is about to go, and there are others: it gets one in work/ while it is in use. */
static int name_aside(struct inode *inode, struct inode *dir, const char *host)
{
	struct upper *up = upper_of(inode);
	int fd = upper_fd(dir, true), r = -EEXIST;
	char name[32];

	if (fd < 0)
		return fd;
	for (int i = 0; i < 1000 && r == -EEXIST; i++) {
		snprintf(name, sizeof(name), "%llx", (unsigned long long)atomic_fetch_add(&up->serial, 1));
		r = host_link(fd, host, up->work, name);
	}
	upper_fd_put(dir);
	if (r == 0)
		r = upper_set_place(inode, UPPER_IN_WORK, NULL, name);
	if (r == 0)
		upper_node(inode)->aside = true;
	return r;
}

/* Before a name goes. Of a file whose last it is, whoever uses it goes on by its descriptor. */
static int before_loss(struct inode *inode, struct inode *dir, const char *host, bool last)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);
	bool ours;

	if (S_ISDIR(inode->mode))
		return last ? clear_whiteouts(inode) : 0;
	lock_acquire(&up->fd_lock);
	ours = u->where == UPPER_IN_DIR && u->parent == dir && u->name && strcmp(u->name, host) == 0;
	lock_release(&up->fd_lock);
	if (!last)
		return ours ? name_aside(inode, dir, host) : 0;
	return inode->n_files ? upper_fd_keep(inode) : 0;
}

static void after_loss(struct inode *inode, bool last)
{
	struct upper *up = upper_of(inode);
	struct upper_node *u = upper_node(inode);

	u->stale = !last;
	if (last && u->indexed) {
		char key[32];

		snprintf(key, sizeof(key), "%016llx", (unsigned long long)inode->ino);
		host_unlink(up->index, key, false);
	}
	if (last) {
		upper_uncache(inode);
		upper_set_place(inode, UPPER_NOWHERE, NULL, NULL);
	}
}

/* The last lower name of an object that has no other. */
static int lose_index(struct inode *inode)
{
	int r = inode->n_files ? upper_fd_keep(inode) : 0;

	if (r == 0)
		after_loss(inode, true);
	return r;
}

/*
 * A lower name of a file with several is about to go: the file must have an object, whose record counts. What copy-up made of
 * this very name is in the entry then; else after_lower_loss() is to follow, when the name has gone.
 */
static int before_lower_loss(const struct ovl_entry *e, struct inode *inode, bool *counts)
{
	int r;

	*counts = false;
	if (S_ISDIR(inode->mode) || (inode->nlink < 2 && !upper_node(inode)->indexed))
		return 0;
	r = upper_need_locked(inode);
	*counts = r == 0 && !e->there;
	return r;
}

/* The record follows the name: what a kill, or a full disk, leaves is too high by one. Too low, the last names would be lost. */
static void after_lower_loss(struct inode *inode)
{
	upper_node(inode)->links--;
	upper_record(inode, true);
}

/* --- operations ------------------------------------------------------------------------------------------------------------------------ */

/* Give the object of *inode*, which is in work/ or has names elsewhere, the name of *e*. */
static int name_object(struct inode *dir, struct ovl_entry *e, struct inode *inode, bool made)
{
	bool move = upper_node(inode)->where == UPPER_IN_WORK && (made || inode->nlink == 0);
	char from[VFS_NAME_MAX + 1], to[256];
	struct inode *parent;
	int r = host_name(e, to), dirfd, ofd;

	if (r < 0)
		return r;
	dirfd = upper_fd(dir, true);
	if (dirfd < 0)
		return dirfd;
	ofd = upper_place_get(inode, from, &parent);
	r = ofd;
	platform_host_block_begin(platform_of(dir));
	for (int i = 0; ofd >= 0 && i < 2; i++) {
		r = move ? host_rename(ofd, from, dirfd, to, RENAME_NOREPLACE) : host_link(ofd, from, dirfd, to);
		if ((r != -EINVAL && r != -EILSEQ && r != -ENAMETOOLONG) || e->hex ||
			upper_name_encode(e->name, e->len, true, to) < 0)
			break;
		e->hex = true;
	}
	platform_host_block_end(platform_of(dir));
	if (ofd >= 0)
		upper_place_put(parent);
	upper_fd_put(dir);
	if (r == 0 && !upper_node(inode)->indexed)
		r = upper_set_place(inode, UPPER_IN_DIR, dir, to);
	return r == -EEXIST ? -EUCLEAN : r;
}

int upper_add(struct inode *dir, struct ovl_entry *e, struct inode *inode)
{
	bool made = !upper_node(inode)->on_host && !ovl_node(inode)->lower;
	int r = upper_need_locked(dir);

	if (r == 0)
		r = made ? upper_make(inode) : upper_need_locked(inode);
	if (r == 0)
		r = name_object(dir, e, inode, made);
	if (r < 0 && made && upper_node(inode)->on_host)
		upper_uncharge(upper_of(inode), 0, 1);
	if (r < 0)
		return r; /* what is in work/ goes with its inode */
	note_there(e, inode);
	upper_node(inode)->fresh = true;
	upper_node(inode)->stale = upper_node(dir)->stale = true;
	return 0;
}

int upper_tmpfile(struct inode *inode)
{
	LOCK_SCOPE(&upper_of(inode)->tree);
	return upper_make(inode);
}

/* The host's part of a name that goes, with its whiteout. */
static int remove_object(struct inode *dir, struct ovl_entry *e, struct inode *victim, bool last)
{
	char host[256];
	int r = host_name(e, host), fd;

	if (r == 0)
		r = before_loss(victim, dir, host, last);
	fd = r < 0 ? r : upper_fd(dir, true);
	if (fd < 0)
		return fd;
	platform_host_block_begin(platform_of(dir));
	r = host_unlink(fd, host, S_ISDIR(victim->mode));
	platform_host_block_end(platform_of(dir));
	upper_fd_put(dir);
	if (r == 0)
		after_loss(victim, last);
	return r == -ENOTEMPTY ? -EUCLEAN : r;
}

int upper_remove(struct inode *dir, struct ovl_entry *e, struct inode *victim, bool is_dir)
{
	bool last = is_dir || victim->nlink <= 1, hid = false, counts = false;
	int r = 0;

	if (!e->there)
		r = before_lower_loss(e, victim, &counts);
	if (r == 0)
		r = upper_need_locked(dir);
	if (r == 0 && e->covers && !e->white) {
		r = make_whiteout(dir, e);
		hid = r == 0;
	}
	if (r == 0 && counts)
		after_lower_loss(victim);
	if (r == 0 && e->there)
		r = remove_object(dir, e, victim, last);
	else if (r == 0 && last && upper_node(victim)->indexed)
		r = lose_index(victim);
	if (r < 0)
		return r;
	if (hid && !e->there)
		upper_touch(dir, true);
	if (last && !upper_node(victim)->on_host)
		upper_set_place(victim, UPPER_NOWHERE, NULL, NULL);
	upper_node(dir)->stale = true;
	e->there = false;
	e->hex = false;
	return 0;
}

/* The object must stand under this name on the host, to be renamed. */
static int have_name(struct inode *dir, struct ovl_entry *e, struct inode *inode)
{
	int r;

	if (e->there)
		return 0;
	r = upper_need_locked(inode);
	if (r == 0)
		r = upper_need_locked(dir);
	if (r < 0 || e->there)
		return r;
	/* One of several lower names: it becomes a name of the object. */
	r = name_object(dir, e, inode, false);
	if (r < 0)
		return r;
	note_there(e, inode);
	after_lower_loss(inode);
	return 0;
}

/* The object that is replaced, or the lower name that is covered. */
static int before_replace(struct inode *dir, struct ovl_entry *e, struct inode *target, const char *host, bool *counts)
{
	bool last = S_ISDIR(target->mode) || target->nlink <= 1;

	if (e->there)
		return before_loss(target, dir, host, last);
	return before_lower_loss(e, target, counts);
}

static int do_rename(struct inode *odir, struct ovl_entry *old, struct inode *ndir, struct ovl_entry *new, char to[256], unsigned flags)
{
	char from[256];
	int r = host_name(old, from), ofd, nfd;

	if (r < 0)
		return r;
	ofd = upper_fd(odir, true);
	if (ofd < 0)
		return ofd;
	nfd = upper_fd(ndir, true);
	r = nfd;
	platform_host_block_begin(platform_of(odir));
	for (int i = 0; nfd >= 0 && i < 2; i++) {
		r = host_rename(ofd, from, nfd, to, flags);
		if ((r != -EINVAL && r != -EILSEQ && r != -ENAMETOOLONG) || new->hex || new->there ||
			upper_name_encode(new->name, new->len, true, to) < 0)
			break;
		new->hex = true;
	}
	platform_host_block_end(platform_of(odir));
	if (nfd >= 0)
		upper_fd_put(ndir);
	upper_fd_put(odir);
	return r == -ENOTEMPTY ? -EUCLEAN : r;
}

int upper_rename(struct inode *odir, struct ovl_entry *old, struct inode *what, struct inode *ndir, struct ovl_entry *new,
		 struct inode *target, bool exchange)
{
	bool replaced, counts = false, last = target && (S_ISDIR(target->mode) || target->nlink <= 1);
	char to[256];
	int r = have_name(odir, old, what);

	if (r == 0)
		r = upper_need_locked(ndir);
	if (r == 0 && exchange)
		r = have_name(ndir, new, target);
	if (r == 0)
		r = host_name(new, to);
	if (r == 0 && target && !exchange)
		r = before_replace(ndir, new, target, to, &counts);
	if (r == 0 && !exchange && old->covers && !old->white)
		r = make_whiteout(odir, old);
	replaced = target && !exchange && new->there;
	if (r == 0)
		r = do_rename(odir, old, ndir, new, to, exchange ? RENAME_EXCHANGE : replaced ? 0 : RENAME_NOREPLACE);
	if (r < 0)
		return r;
	if (counts)
		after_lower_loss(target);
	if (replaced)
		after_loss(target, last);
	else if (target && !exchange && last) {
		if (upper_node(target)->indexed)
			lose_index(target);
		else if (!upper_node(target)->on_host)
			upper_set_place(target, UPPER_NOWHERE, NULL, NULL);
	}
	if (!upper_node(what)->indexed)
		upper_set_place(what, UPPER_IN_DIR, ndir, to);
	if (exchange) {
		char back[256];

		if (host_name(old, back) == 0 && !upper_node(target)->indexed)
			upper_set_place(target, UPPER_IN_DIR, odir, back);
		note_there(old, target);
		upper_node(target)->fresh = upper_node(target)->stale = true;
	} else {
		old->there = false;
		old->hex = false;
	}
	note_there(new, what);
	upper_node(what)->fresh = upper_node(what)->stale = true;
	upper_node(odir)->stale = upper_node(ndir)->stale = true;
	return 0;
}
