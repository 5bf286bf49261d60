/* SPDX-License-Identifier: MIT */
/* Checking the whole of an index: what `picket verify` and the tests ask for, beyond what each accessor checks. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "index.h"

struct check {
	const struct snap_index *ix;
	uint8_t *seen; /* by inode: how often it was reached, 255 at most */
	const char *why;
};

static int bad(struct check *c, const char *why)
{
	c->why = why;
	return -EINVAL;
}

static int check_extents(struct check *c, const struct snap_inode *in)
{
	uint64_t at = 0;

	if (in->size > SNAP_MAX_SIZE || (uint64_t)in->first + in->count > c->ix->extent_count)
		return bad(c, "a file's extents are out of bounds");
	for (uint32_t i = 0; i < in->count; i++) {
		const struct snap_extent *x = &c->ix->extents[in->first + i];

		if (!x->len || x->file_off < at || x->len > in->size || x->file_off > in->size - x->len)
			return bad(c, "a file's extents overlap or pass its end");
		if (x->pack >= c->ix->pack_count || x->len > c->ix->packs[x->pack].size ||
			x->pack_off > c->ix->packs[x->pack].size - x->len)
			return bad(c, "an extent lies outside its pack");
		at = x->file_off + x->len;
	}
	return 0;
}

static int check_xattrs(struct check *c, uint32_t ino)
{
	const struct snap_inode *in = &c->ix->inodes[ino - 1];
	size_t nl, vl;
	const void *v;
	const char *n;

	for (uint32_t i = 0; i < in->xattr_count; i++)
		if (snap_xattr_at(c->ix, ino, i, &n, &nl, &v, &vl) || !nl)
			return bad(c, "an extended attribute is out of bounds");
	return 0;
}

static int check_inode(struct check *c, uint32_t ino)
{
	const struct snap_inode *in = &c->ix->inodes[ino - 1];
	const char *target;
	size_t len;
	int r;

	r = check_xattrs(c, ino);
	if (r)
		return r;
	if (in->mtime_nsec >= 1000000000u)
		return bad(c, "a time stamp has more than a second of nanoseconds");
	if (S_ISREG(in->mode))
		return check_extents(c, in);
	if ((S_ISLNK(in->mode) || (in->flags & SNAP_INODE_LINK)) && snap_readlink(c->ix, ino, &target, &len))
		return bad(c, "a link's target is out of bounds");
	return 0;
}

static int check_name(struct check *c, const struct snap_entry *e)
{
	if (memchr(e->name, '/', e->name_len) || memchr(e->name, 0, e->name_len))
		return bad(c, "a name holds a slash or a NUL");
	if (e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.')))
		return bad(c, "a name is . or ..");
	return 0;
}

static bool in_order(const struct snap_dirent *a, const struct snap_entry *ea, const struct snap_dirent *b,
	const struct snap_entry *eb)
{
	if (a->hash != b->hash)
		return a->hash < b->hash;
	if (a->name_len != b->name_len)
		return a->name_len < b->name_len;
	return memcmp(ea->name, eb->name, ea->name_len) < 0;
}

static int check_entry(struct check *c, uint32_t dir, const struct snap_entry *e)
{
	const struct snap_inode *in;

	if (e->type == SNAP_DT_WHITEOUT)
		return c->ix->super->flags & SNAP_FLAG_LAYER ? 0 : bad(c, "an image holds a whiteout");
	in = snap_inode_get(c->ix, e->ino);
	if (!(in->flags & SNAP_INODE_LINK) && e->type != (in->mode & S_IFMT) >> 12)
		return bad(c, "an entry's type is not its inode's");
	if (S_ISDIR(in->mode) && (c->seen[e->ino - 1] || in->parent != dir))
		return bad(c, "a directory has two parents");
	if (c->seen[e->ino - 1] < 255)
		c->seen[e->ino - 1]++;
	return 0;
}

static int check_dir(struct check *c, uint32_t ino)
{
	const struct snap_inode *in = &c->ix->inodes[ino - 1];
	struct snap_entry prev = {0}, e;
	int r;

	for (uint32_t i = 0; i < in->count; i++, prev = e) {
		const struct snap_dirent *d;

		if (snap_entry_at(c->ix, ino, i, &e))
			return bad(c, "a directory entry is out of bounds");
		d = &c->ix->dirents[in->first + i];
		if (d->hash != snap_name_hash(e.name, e.name_len) || (i && !in_order(d - 1, &prev, d, &e)))
			return bad(c, "a directory is out of order");
		r = check_name(c, &e);
		if (!r)
			r = check_entry(c, ino, &e);
		if (r)
			return r;
	}
	return 0;
}

/*
 * Every directory has one parent and names it, and every inode was reached from some directory. A ring of directories
 * cut off from the root would pass that, so follow each chain of parents: with numbers given parents first, a parent's
 * number is smaller.
 */
static int check_tree(struct check *c)
{
	for (uint32_t ino = 1; ino <= c->ix->inode_count; ino++) {
		const struct snap_inode *in = &c->ix->inodes[ino - 1];

		if (ino == SNAP_ROOT_INO) {
			if (c->seen[0] || in->parent != SNAP_ROOT_INO)
				return bad(c, "the root has a parent");
			continue;
		}
		if (!c->seen[ino - 1])
			return bad(c, "an inode has no name");
		if (S_ISDIR(in->mode) && in->parent >= ino)
			return bad(c, "a directory is numbered before its parent");
	}
	return 0;
}

static int check_all(struct check *c)
{
	const struct snap_super *sb = c->ix->super;
	int r = 0;

	if (sb->body_crc != snap_crc32c(0, sb + 1, sb->file_len - sizeof(*sb)))
		return bad(c, "the checksum is wrong");
	for (uint32_t ino = 1; ino <= c->ix->inode_count && !r; ino++)
		r = check_inode(c, ino);
	for (uint32_t ino = 1; ino <= c->ix->inode_count && !r; ino++)
		if (S_ISDIR(c->ix->inodes[ino - 1].mode))
			r = check_dir(c, ino);
	return r ? r : check_tree(c);
}

int snap_index_check(const struct snap_index *ix, const char **why)
{
	struct check c = {.ix = ix, .seen = calloc(ix->inode_count, 1)};
	int r;

	r = c.seen ? check_all(&c) : bad(&c, "out of memory");
	free(c.seen);
	if (r && why)
		*why = c.why;
	return r;
}
