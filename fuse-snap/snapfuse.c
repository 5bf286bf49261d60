/* SPDX-License-Identifier: MIT */
/*
 * Answers to the kernel. Nothing in a snapshot ever changes, so every answer is valid for ever, opens are not even told
 * to us (ENOSYS to the first means "do not ask"), and data are spliced from the pack files.
 */
#include "snapfuse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOREVER 1e9
#define SPLICE_FLAGS                                                                                                   \
	((enum fuse_buf_copy_flags)0) /* not MOVE: it takes pages from the pack's cache, which others need */

static const struct snapfuse *snap_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void snap_init(void *arg, struct fuse_conn_info *conn)
{
	conn->want |=
		conn->capable & (FUSE_CAP_SPLICE_WRITE | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS |
					FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_ASYNC_READ);
	conn->want &= ~(unsigned int)(FUSE_CAP_SPLICE_READ | FUSE_CAP_AUTO_INVAL_DATA);
	conn->max_readahead = 1u << 20;
}

static void snap_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	fuse_reply_err(req, ENOSYS);
}

static void snap_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	fuse_reply_none(req);
}

static int positive(int r)
{
	return r == -EUCLEAN ? EIO : -r;
}

/* ---- The tree ---- */

static int fill_stat(const struct snap_index *ix, fuse_ino_t ino, struct stat *st)
{
	const struct snap_inode *in = ino <= UINT32_MAX ? snap_inode_get(ix, (uint32_t)ino) : NULL;

	if (!in)
		return -EUCLEAN;
	*st = (struct stat){
		.st_ino = ino,
		.st_mode = in->mode,
		.st_nlink = in->nlink,
		.st_uid = in->uid,
		.st_gid = in->gid,
		.st_rdev = makedev(in->rdev_major, in->rdev_minor),
		.st_size = (off_t)in->size,
		.st_blksize = SNAP_PAGE,
		.st_blocks = (blkcnt_t)((in->size + 511) / 512),
		.st_mtim = {(time_t)in->mtime_sec, (long)in->mtime_nsec},
	};
	st->st_atim = st->st_ctim = st->st_mtim;
	return 0;
}

static void tree_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct snap_index *ix = snap_of(req)->ix;
	struct fuse_entry_param p = {.attr_timeout = FOREVER, .entry_timeout = FOREVER};
	struct snap_entry e;
	int r = snap_lookup(ix, (uint32_t)parent, name, strlen(name), &e);

	if (!r && !e.ino)
		r = -ENOENT;
	if (!r) {
		p.ino = e.ino;
		r = fill_stat(ix, e.ino, &p.attr);
	}
	if (r && r != -ENOENT)
		fuse_reply_err(req, positive(r));
	else
		fuse_reply_entry(req, &p); /* inode 0: there is none, remember that too */
}

static void tree_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int r = fill_stat(snap_of(req)->ix, ino, &st);

	if (r)
		fuse_reply_err(req, positive(r));
	else
		fuse_reply_attr(req, &st, FOREVER);
}

static void tree_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[SNAP_PATH_MAX + 1];
	const char *p;
	size_t len;
	int r = snap_readlink(snap_of(req)->ix, (uint32_t)ino, &p, &len);

	if (r) {
		fuse_reply_err(req, positive(r));
		return;
	}
	memcpy(target, p, len);
	target[len] = 0;
	fuse_reply_readlink(req, target);
}

/* ---- Data ---- */

/* Where the bytes of an inode from @off on are; at least what is needed to know about @size bytes. As snap_data_at. */
typedef int find_run(const struct snapfuse *s, fuse_ino_t ino, uint64_t off, size_t size, struct snap_run *run);

static void reply_splice(fuse_req_t req, const struct snap_run *run, size_t size)
{
	struct fuse_bufvec v = FUSE_BUFVEC_INIT(size);

	v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK | FUSE_BUF_FD_RETRY;
	v.buf[0].fd = snap_of(req)->pack_fds[run->pack];
	v.buf[0].pos = (off_t)run->pack_off;
	fuse_reply_data(req, &v, SPLICE_FLAGS);
}

static int read_run(const struct snapfuse *s, const struct snap_run *run, uint8_t *buf, size_t len)
{
	for (size_t at = 0; at < len && !run->hole;) {
		ssize_t n = pread(s->pack_fds[run->pack], buf + at, len - at, (off_t)(run->pack_off + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		at += (size_t)n;
	}
	return 0;
}

/* Several runs, holes among them. A short answer would mean the end of the file, so it must be whole. */
static void reply_copy(fuse_req_t req, find_run *find, fuse_ino_t ino, size_t size, uint64_t off)
{
	const struct snapfuse *s = snap_of(req);
	uint8_t *buf = calloc(1, size);
	size_t done = 0;
	int r = buf ? 0 : -ENOMEM;

	while (!r && done < size) {
		struct snap_run run;
		size_t n;

		r = find(s, ino, off + done, size - done, &run);
		if (r || !run.len)
			break;
		n = run.len < size - done ? (size_t)run.len : size - done;
		r = read_run(s, &run, buf + done, n);
		done += n;
	}
	if (r)
		fuse_reply_err(req, positive(r));
	else
		fuse_reply_buf(req, (const char *)buf, done);
	free(buf);
}

static void reply_data(fuse_req_t req, find_run *find, fuse_ino_t ino, size_t size, off_t off)
{
	struct snap_run run, next = {0};
	int r = off < 0 ? -EINVAL : find(snap_of(req), ino, (uint64_t)off, size, &run);

	if (!r && run.len && run.len < size)
		r = find(snap_of(req), ino, (uint64_t)off + run.len, size - run.len, &next);
	if (r)
		fuse_reply_err(req, positive(r));
	else if (!run.len || !size)
		fuse_reply_buf(req, NULL, 0);
	else if (run.hole || next.len)
		reply_copy(req, find, ino, size, (uint64_t)off);
	else
		reply_splice(req, &run, run.len < size ? (size_t)run.len : size);
}

static int find_tree_run(const struct snapfuse *s, fuse_ino_t ino, uint64_t off, size_t size, struct snap_run *run)
{
	return snap_data_at(s->ix, (uint32_t)ino, off, run);
}

static void tree_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	reply_data(req, find_tree_run, ino, size, off);
}

/* Position 0 is ".", 1 is "..", the entries follow. */
static int entry_at(const struct snap_index *ix, fuse_ino_t dir, uint64_t pos, struct snap_entry *e)
{
	const struct snap_inode *in = snap_inode_get(ix, (uint32_t)dir);

	if (pos > UINT32_MAX || !in)
		return -ENOENT;
	if (pos >= 2)
		return snap_entry_at(ix, (uint32_t)dir, (uint32_t)pos - 2, e);
	*e = (struct snap_entry){
		.name = "..",
		.name_len = pos ? 2 : 1,
		.ino = pos ? in->parent : (uint32_t)dir,
		.type = 4,
	};
	return 0;
}

static size_t add_entry(fuse_req_t req, const struct snap_entry *e, char *buf, size_t room, off_t next, bool plus)
{
	struct fuse_entry_param p = {.ino = e->ino, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
	char name[SNAP_NAME_MAX + 1];

	memcpy(name, e->name, e->name_len);
	name[e->name_len] = 0;
	if (fill_stat(snap_of(req)->ix, e->ino, &p.attr))
		return 0;
	return plus ? fuse_add_direntry_plus(req, buf, room, name, &p, next)
		    : fuse_add_direntry(req, buf, room, name, &p.attr, next);
}

static void list(fuse_req_t req, fuse_ino_t dir, size_t size, off_t off, bool plus)
{
	char *buf = malloc(size);
	struct snap_entry e;
	size_t used = 0;

	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (uint64_t pos = (uint64_t)off; !entry_at(snap_of(req)->ix, dir, pos, &e); pos++) {
		size_t n;

		if (!e.ino)
			continue;
		n = add_entry(req, &e, buf + used, size - used, (off_t)(pos + 1), plus);
		if (!n || n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, buf, used);
	free(buf);
}

static void tree_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, false);
}

static void tree_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, true);
}

static void tree_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const struct snap_index *ix = snap_of(req)->ix;
	struct statvfs st = {
		.f_bsize = SNAP_PAGE,
		.f_frsize = SNAP_PAGE,
		.f_blocks = ix->super->data_bytes / SNAP_PAGE,
		.f_files = ix->inode_count,
		.f_namemax = SNAP_NAME_MAX,
	};

	fuse_reply_statfs(req, &st);
}

static void reply_value(fuse_req_t req, const void *value, size_t len, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void tree_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const void *value;
	size_t len;
	int r = snap_xattr_find(snap_of(req)->ix, (uint32_t)ino, name, strlen(name), &value, &len);

	if (r)
		fuse_reply_err(req, positive(r));
	else
		reply_value(req, value, len, size);
}

static void tree_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct snap_index *ix = snap_of(req)->ix;
	char buf[65536];
	size_t used = 0;

	for (uint32_t i = 0;; i++) {
		size_t name_len, value_len;
		const void *value;
		const char *name;
		int r = snap_xattr_at(ix, (uint32_t)ino, i, &name, &name_len, &value, &value_len);

		if (r == -ENODATA)
			break;
		if (r || name_len + 1 > sizeof(buf) - used) {
			fuse_reply_err(req, r ? positive(r) : E2BIG);
			return;
		}
		memcpy(buf + used, name, name_len);
		buf[used + name_len] = 0;
		used += name_len + 1;
	}
	reply_value(req, buf, used, size);
}

const struct fuse_lowlevel_ops snapfuse_tree_ops = {
	.init = snap_init,
	.lookup = tree_lookup,
	.forget = snap_forget,
	.getattr = tree_getattr,
	.readlink = tree_readlink,
	.open = snap_open,
	.read = tree_read,
	.opendir = snap_open,
	.readdir = tree_readdir,
	.readdirplus = tree_readdirplus,
	.statfs = tree_statfs,
	.getxattr = tree_getxattr,
	.listxattr = tree_listxattr,
};

/* ---- The packs ---- */

#define PACK_INO(n) ((fuse_ino_t)(n) + 2)

static int pack_stat(const struct snapfuse *s, fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino, .st_uid = getuid(), .st_gid = getgid(), .st_nlink = 1};
	if (ino == FUSE_ROOT_ID) {
		st->st_mode = S_IFDIR | 0500;
		return 0;
	}
	if (ino < PACK_INO(0) || ino >= PACK_INO(s->ix->pack_count))
		return -ENOENT;
	st->st_mode = S_IFREG | 0400;
	st->st_size = (off_t)s->ix->packs[ino - PACK_INO(0)].size;
	st->st_blksize = SNAP_PAGE;
	st->st_blocks = st->st_size / 512;
	return 0;
}

static void pack_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;
	int r = pack_stat(snap_of(req), ino, &st);

	if (r)
		fuse_reply_err(req, positive(r));
	else
		fuse_reply_attr(req, &st, FOREVER);
}

static void pack_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param p = {.attr_timeout = FOREVER, .entry_timeout = FOREVER};
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	if (parent != FUSE_ROOT_ID || *end || n >= snap_of(req)->ix->pack_count) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	p.ino = PACK_INO(n);
	pack_stat(snap_of(req), p.ino, &p.attr);
	fuse_reply_entry(req, &p);
}

/* ---- The part of a pack that the image may see ---- */

/*
 * Packs are shared: by de-duplication an image may point into the pack of another one, whose other files are none of
 * its business, nor are the hidden files of its own layers. Guests get these descriptors mapped and could reach beyond
 * (mremap). So a page of a pack that no extent of this image covers reads as zeros.
 */
static void mark_pages(struct pack_view *v, uint64_t off, uint64_t len)
{
	uint64_t end = (off + len + SNAP_PAGE - 1) / SNAP_PAGE;

	for (uint64_t page = off / SNAP_PAGE; page < end && page < v->pages; page++)
		v->bits[page / 64] |= UINT64_C(1) << page % 64;
}

void snapfuse_free_views(struct snapfuse *s)
{
	for (uint32_t i = 0; s->views && i < s->ix->pack_count; i++)
		free(s->views[i].bits);
	free(s->views);
	s->views = NULL;
}

int snapfuse_make_views(struct snapfuse *s)
{
	const struct snap_index *ix = s->ix;

	s->views = calloc(ix->pack_count + 1, sizeof(*s->views));
	for (uint32_t i = 0; s->views && i < ix->pack_count; i++) {
		s->views[i].pages = ix->packs[i].size / SNAP_PAGE;
		s->views[i].bits = calloc(s->views[i].pages / 64 + 1, sizeof(uint64_t));
		if (!s->views[i].bits)
			snapfuse_free_views(s);
	}
	if (!s->views)
		return -ENOMEM;
	for (uint32_t i = 0; i < ix->extent_count; i++) {
		const struct snap_extent *x = &ix->extents[i];

		if (x->pack < ix->pack_count && x->len <= ix->packs[x->pack].size &&
			x->pack_off <= ix->packs[x->pack].size - x->len)
			mark_pages(&s->views[x->pack], x->pack_off, x->len);
	}
	return 0;
}

static bool page_seen(const struct pack_view *v, uint64_t page)
{
	return v->bits[page / 64] >> page % 64 & 1;
}

static int find_pack_run(const struct snapfuse *s, fuse_ino_t ino, uint64_t off, size_t size, struct snap_run *run)
{
	uint32_t pack = (uint32_t)(ino - PACK_INO(0));
	const struct pack_view *v = &s->views[pack];
	uint64_t page = off / SNAP_PAGE, end = (off + size + SNAP_PAGE - 1) / SNAP_PAGE, stop = page;
	bool seen;

	*run = (struct snap_run){.hole = true};
	if (end > v->pages)
		end = v->pages;
	if (page >= end)
		return 0;
	seen = page_seen(v, page);
	while (stop < end && page_seen(v, stop) == seen)
		stop++;
	*run = (struct snap_run){.hole = !seen, .pack = pack, .pack_off = off, .len = stop * SNAP_PAGE - off};
	return 0;
}

static void pack_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	if (ino < PACK_INO(0) || ino >= PACK_INO(snap_of(req)->ix->pack_count))
		fuse_reply_err(req, EISDIR);
	else
		reply_data(req, find_pack_run, ino, size, off);
}

const struct fuse_lowlevel_ops snapfuse_pack_ops = {
	.init = snap_init,
	.lookup = pack_lookup,
	.forget = snap_forget,
	.getattr = pack_getattr,
	.open = snap_open,
	.read = pack_read,
	.opendir = snap_open,
};
