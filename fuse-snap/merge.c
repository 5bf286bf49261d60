/* SPDX-License-Identifier: MIT */
/*
 * Merging the layers of an image into one index: metadata only, with the whiteouts and opaque directories of the OCI
 * image specification (layer.md) applied. Layers are taken lowest first into one tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest.h"
#include "store_priv.h"
#include "tree.h"

#define MAX_LAYERS 1024u

struct merge {
	struct tree *tree;
	struct snap_pack packs[SNAP_MAX_PACKS];
	uint32_t pack_count;
	struct snap_error *e;
	/* the layer being applied: */
	const struct snap_index *ix;
	struct tree_node **nodes;     /* by inode number - 1: hard links meet here */
	uint32_t map[SNAP_MAX_PACKS]; /* its pack numbers to ours */
};

static int failed(struct merge *m, int r)
{
	switch (r) {
	case -ENOMEM:
		return snap_fail(m->e, ENOMEM, "out of memory: the image has too many files");
	case -E2BIG:
		return snap_fail(m->e, E2BIG, "the image has more than %u files", TREE_MAX_ENTRIES);
	default:
		return snap_fail_errno(m->e, -r, "cannot merge the layers of the image");
	}
}

static int damaged(struct merge *m)
{
	return snap_fail(m->e, EUCLEAN, "the index of a layer is damaged: run 'picket verify'");
}

static int map_packs(struct merge *m, const struct digest *diffid)
{
	for (uint32_t i = 0; i < m->ix->pack_count; i++) {
		struct snap_pack p = m->ix->packs[i];
		uint32_t n = 0;

		if (digest_is_zero((const struct digest *)p.layer))
			memcpy(p.layer, diffid->b, sizeof(p.layer));
		while (n < m->pack_count && memcmp(m->packs[n].layer, p.layer, sizeof(p.layer)))
			n++;
		if (n == SNAP_MAX_PACKS)
			return snap_fail(m->e, E2BIG, "the image leans on more than %u packs", SNAP_MAX_PACKS);
		if (n == m->pack_count)
			m->packs[m->pack_count++] = p;
		m->map[i] = n;
	}
	return 0;
}

/* ---- One inode ---- */

static int copy_xattrs(struct merge *m, uint32_t ino, struct tree_node *n)
{
	uint32_t count = snap_inode_get(m->ix, ino)->xattr_count;
	struct tree_xattr *x;

	n->xattr_count = 0;
	if (!count)
		return 0;
	x = tree_alloc(m->tree, count * sizeof(*x));
	if (!x)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		size_t nl, vl;

		if (snap_xattr_at(m->ix, ino, i, &x[i].name, &nl, &x[i].value, &vl))
			return -EUCLEAN;
		x[i].name_len = (uint32_t)nl;
		x[i].value_len = (uint32_t)vl;
	}
	n->xattrs = x;
	n->xattr_count = count;
	return 0;
}

static int copy_extents(struct merge *m, const struct snap_inode *in, struct tree_node *n)
{
	if ((uint64_t)in->first + in->count > m->ix->extent_count)
		return -EUCLEAN;
	for (uint32_t i = 0; i < in->count; i++) {
		struct snap_extent x = m->ix->extents[in->first + i];
		int r;

		if (x.pack >= m->ix->pack_count)
			return -EUCLEAN;
		x.pack = m->map[x.pack];
		r = tree_add_extent(m->tree, n, &x);
		if (r)
			return r;
	}
	return 0;
}

static int copy_attributes(struct merge *m, uint32_t ino, struct tree_node *n)
{
	const struct snap_inode *in = snap_inode_get(m->ix, ino);

	n->mode = in->mode;
	n->uid = in->uid;
	n->gid = in->gid;
	n->mtime_sec = in->mtime_sec;
	n->mtime_nsec = in->mtime_nsec;
	n->flags = 0;
	return copy_xattrs(m, ino, n);
}

/* Names and values stay in the mapping of the layer, which outlives the merge. */
static int new_node(struct merge *m, uint32_t ino, struct tree_node **ret)
{
	const struct snap_inode *in = snap_inode_get(m->ix, ino);
	struct tree_node *n = tree_node_new(m->tree, in->mode);
	size_t len;
	int r = n ? copy_attributes(m, ino, n) : -ENOMEM;

	if (r)
		return r;
	n->major = in->rdev_major;
	n->minor = in->rdev_minor;
	if (S_ISREG(in->mode)) {
		n->size = in->size;
		r = copy_extents(m, in, n);
	} else if (S_ISLNK(in->mode)) {
		r = snap_readlink(m->ix, ino, &n->target, &len);
		n->size = in->size;
	}
	if (!r)
		*ret = n;
	return r;
}

/* Hard links into the layers below are looked up before this layer changes anything. */
static int resolve_links(struct merge *m)
{
	for (uint32_t ino = 1; ino <= m->ix->inode_count; ino++) {
		struct tree_node *n;
		const char *target;
		size_t len;

		if (!(m->ix->inodes[ino - 1].flags & SNAP_INODE_LINK))
			continue;
		if (snap_readlink(m->ix, ino, &target, &len))
			return damaged(m);
		if (tree_walk(m->tree, target, len, false, false, &n) || S_ISDIR(n->mode))
			return snap_fail(m->e, EBADMSG,
				"a layer has a hard link to '%.*s', which is no file of it or of a layer below",
				(int)(len < 300 ? len : 300), target);
		m->nodes[ino - 1] = n;
	}
	return 0;
}

/* ---- Directories ---- */

static int merge_dir(struct merge *m, uint32_t ino, struct tree_node *dir, unsigned int depth);

/*
 * The directory that entry @e of a layer stands for. One the archive did not list takes what is below, also through a
 * symbolic link (/lib -> usr/lib): only entries inside it were meant.
 */
static int enter_dir(struct merge *m, struct tree_node *dir, const struct snap_entry *e, struct tree_node **ret)
{
	const struct snap_inode *in = snap_inode_get(m->ix, e->ino);
	struct tree_entry *old = tree_find(m->tree, dir, e->name, e->name_len);
	struct tree_node *n = old ? old->node : NULL;
	int r;

	if (n && S_ISLNK(n->mode) && (in->flags & SNAP_INODE_IMPLICIT) && !(in->flags & SNAP_INODE_OPAQUE)) {
		struct tree_node *to;

		if (!tree_follow(m->tree, dir, n, &to) && S_ISDIR(to->mode))
			n = to;
	}
	if (n && S_ISDIR(n->mode)) {
		*ret = n;
		return in->flags & SNAP_INODE_IMPLICIT ? 0 : copy_attributes(m, e->ino, n);
	}
	r = new_node(m, e->ino, &n);
	if (!r)
		r = tree_set(m->tree, dir, e->name, e->name_len, n);
	if (!r)
		*ret = n;
	return r;
}

static int merge_entry(struct merge *m, struct tree_node *dir, const struct snap_entry *e, unsigned int depth)
{
	struct tree_entry *old;
	struct tree_node *n;
	int r;

	if (e->type == SNAP_DT_WHITEOUT) {
		old = tree_find(m->tree, dir, e->name, e->name_len);
		if (old)
			tree_unset(m->tree, dir, old);
		return 0;
	}
	if (S_ISDIR(snap_inode_get(m->ix, e->ino)->mode)) {
		r = enter_dir(m, dir, e, &n);
		return r ? r : merge_dir(m, e->ino, n, depth + 1);
	}
	if (!m->nodes[e->ino - 1]) {
		r = new_node(m, e->ino, &m->nodes[e->ino - 1]);
		if (r)
			return r;
	}
	return tree_set(m->tree, dir, e->name, e->name_len, m->nodes[e->ino - 1]);
}

static int merge_dir(struct merge *m, uint32_t ino, struct tree_node *dir, unsigned int depth)
{
	const struct snap_inode *in = snap_inode_get(m->ix, ino);
	int r = 0;

	if (depth > TREE_MAX_DEPTH)
		return -EUCLEAN;
	if (in->flags & SNAP_INODE_OPAQUE)
		tree_clear(m->tree, dir);
	for (uint32_t i = 0; i < in->count && !r; i++) {
		struct snap_entry e;

		r = snap_entry_at(m->ix, ino, i, &e);
		if (!r)
			r = merge_entry(m, dir, &e, depth);
	}
	return r;
}

static int merge_layer(struct merge *m, const struct snap_index *ix, const struct digest *diffid)
{
	int r;

	m->ix = ix;
	m->nodes = calloc(ix->inode_count, sizeof(*m->nodes));
	if (!m->nodes)
		return failed(m, -ENOMEM);
	r = map_packs(m, diffid);
	if (!r)
		r = resolve_links(m);
	if (!r) {
		struct tree_node *root = tree_root(m->tree);

		if (!(ix->inodes[0].flags & SNAP_INODE_IMPLICIT))
			r = copy_attributes(m, SNAP_ROOT_INO, root);
		if (!r)
			r = merge_dir(m, SNAP_ROOT_INO, root, 0);
		if (r)
			r = r == -EUCLEAN ? damaged(m) : failed(m, r);
	}
	free(m->nodes);
	return r;
}

/* ---- The image ---- */

static char *layer_list(const struct digest *diffids, size_t n, size_t *len)
{
	char *text = malloc(n * (DIGEST_HEX_LEN + 1) + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		digest_hex(&diffids[i], text + i * (DIGEST_HEX_LEN + 1));
		text[(i + 1) * (DIGEST_HEX_LEN + 1) - 1] = '\n';
	}
	*len = n * (DIGEST_HEX_LEN + 1);
	return text;
}

static int write_index(struct merge *m, struct store *s, const char *path, const struct digest *chain)
{
	struct tree_meta meta = {.id = *chain, .packs = m->packs, .pack_count = m->pack_count};
	int fd = openat(s->dirfd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	tree_root(m->tree)->flags = 0;
	r = tree_write(m->tree, fd, &meta);
	if (!r && fsync(fd))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	return r;
}

static int publish(
	struct merge *m, struct store_txn *t, const struct digest *diffids, size_t n, const struct digest *chain)
{
	struct store *s = t->store;
	struct store_name dir = txn_name(t), file;
	size_t len;
	char *text;
	int r = mkdirat(s->dirfd, dir.s, 0700) ? -errno : 0;

	if (r)
		return r;
	snprintf(file.s, sizeof(file.s), "%.100s/index", dir.s);
	r = write_index(m, s, file.s, chain);
	text = r ? NULL : layer_list(diffids, n, &len);
	if (!r && !text)
		r = -ENOMEM;
	snprintf(file.s, sizeof(file.s), "%.100s/layers", dir.s);
	if (!r)
		r = store_write_file(s, file.s, text, len);
	free(text);
	if (!r)
		r = store_fsync_dir(s, dir.s);
	if (!r && renameat(s->dirfd, dir.s, s->dirfd, store_name(STORE_IMAGES, chain, NULL).s))
		r = errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno; /* somebody else has published the same */
	store_remove_tree(s, dir.s, NULL);
	return r;
}

static int merge_all(
	struct merge *m, struct store_txn *t, struct mapped_index *maps, const struct digest *diffids, size_t n)
{
	char text[DIGEST_TEXT_LEN + 1];

	for (size_t i = 0; i < n; i++) {
		int r = store_map_index(t->store, store_name(STORE_LAYERS, &diffids[i], "index").s, &maps[i]);

		if (r)
			return snap_fail_errno(m->e, -r, "cannot read layer %s of the store in %s",
				digest_text(&diffids[i], text), t->store->path);
		r = merge_layer(m, &maps[i].ix, &diffids[i]);
		if (r)
			return r;
	}
	return 0;
}

int image_merge(
	struct store_txn *t, const struct digest *diffids, size_t n, struct digest *ret_chain, struct snap_error *e)
{
	struct mapped_index *maps;
	struct digest chain;
	struct merge *m;
	int r;

	store_chain_id(diffids, n, &chain);
	if (ret_chain)
		*ret_chain = chain;
	if (n > MAX_LAYERS)
		return snap_fail(e, E2BIG, "the image has %zu layers; the most is %u", n, MAX_LAYERS);
	if (store_has_image(t->store, &chain))
		return 0;
	m = calloc(1, sizeof(*m));
	maps = calloc(n ? n : 1, sizeof(*maps));
	if (m)
		m->tree = tree_new();
	if (!m || !maps || !m->tree) {
		r = snap_fail_errno(e, ENOMEM, "cannot merge the layers of the image");
	} else {
		m->e = e;
		r = merge_all(m, t, maps, diffids, n);
		if (!r) {
			r = publish(m, t, diffids, n, &chain);
			if (r)
				snap_fail_errno(e, -r, "cannot write to the store in %s", t->store->path);
		}
	}
	for (size_t i = 0; maps && i < n; i++)
		store_unmap_index(&maps[i]);
	free(maps);
	if (m)
		tree_free(m->tree);
	free(m);
	return r;
}
