/* SPDX-License-Identifier: MIT */
/*
 * One layer: tar entries become nodes of a tree, file data goes to the pack, and in the end both are published. What is
 * accepted follows containerd: names are cleaned and confined to the root, symbolic links in parents are followed
 * inside it; what would leave it is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dedup.h"
#include "ingest.h"
#include "layertwins.h"
#include "pack.h"
#include "tar.h"

#define WHITEOUT ".wh."
#define WHITEOUT_LEN 4u
#define WHITEOUT_META ".wh..wh."
#define WHITEOUT_OPQ ".wh..wh..opq"
#define DEV_MINOR_MAX ((1u << 20) - 1)
#define DEV_MAJOR_MAX ((1u << 12) - 1)

struct layer_writer {
	struct store_txn *txn;
	struct digest expected; /* zero: not known */
	bool hash;
	struct sha256 sha;
	struct tar *tar;
	struct tree *tree;
	struct pack_writer *pack;
	int pack_fd;
	struct store_name dir; /* tmp/PID-RANDOM/N */
	bool failed;
	/* the file whose data are coming: */
	const struct tar_segment *segments;
	size_t segment_count;
	bool sparse;
	uint64_t off; /* of the next byte; in a sparse file, of the segment's */
};

/* ---- Names ---- */

/* A path split in parent and last name; both point into the cleaned copy. */
struct split {
	char path[TAR_PATH_MAX];
	size_t parent_len;
	const char *name;
	size_t name_len; /* 0: the root itself */
};

static int refuse_path(struct snap_error *e, const char *path, const char *why)
{
	return snap_fail(e, EBADMSG, "the archive has an entry that is refused: '%.300s' %s", path, why);
}

static size_t drop_component(const char *path, size_t len)
{
	while (len && path[len - 1] != '/')
		len--;
	return len ? len - 1 : 0;
}

/*
 * Clean @raw as a path from the root: no leading, double or trailing slash, no ".", and ".." taken back lexically.
 * A name that climbs above the root is refused: nobody makes one in good faith.
 */
static int clean_path(const char *raw, char out[static TAR_PATH_MAX], size_t *ret_len, struct snap_error *e)
{
	size_t len = 0;

	for (const char *p = raw; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (!len)
				return refuse_path(e, raw, "leads out of the root with '..'");
			len = drop_component(out, len);
		} else if (n && !(n == 1 && p[0] == '.')) {
			if (n > SNAP_NAME_MAX)
				return refuse_path(e, raw, "has a name longer than 255 bytes");
			if (len)
				out[len++] = '/';
			memcpy(out + len, p, n); /* never longer than raw, which is below TAR_PATH_MAX */
			len += n;
		}
		p += n;
		p += strspn(p, "/");
	}
	out[len] = 0;
	*ret_len = len;
	return 0;
}

static int split_path(const char *raw, struct split *s, struct snap_error *e)
{
	size_t len;
	int r = clean_path(raw, s->path, &len, e);

	if (r)
		return r;
	s->parent_len = drop_component(s->path, len);
	s->name = s->path + (s->parent_len ? s->parent_len + 1 : 0);
	s->name_len = len - (size_t)(s->name - s->path);
	return 0;
}

static int tree_failed(struct snap_error *e, int r, const char *path)
{
	switch (r) {
	case -ENOTDIR:
		return refuse_path(e, path, "has a parent that is not a directory");
	case -ELOOP:
		return refuse_path(e, path, "is nested too deeply, or its parent is a ring of symbolic links");
	case -E2BIG:
		return snap_fail(e, E2BIG, "the archive has more than %u entries", TREE_MAX_ENTRIES);
	case -ENAMETOOLONG:
		return refuse_path(e, path, "has a name longer than 255 bytes");
	case -ENOMEM:
		return snap_fail(e, ENOMEM, "out of memory: the archive has too much metadata (at '%.200s')", path);
	default:
		return snap_fail_errno(e, -r, "cannot add '%.300s'", path);
	}
}

/* ---- Entries ---- */

static int copy_xattrs(struct layer_writer *w, const struct tar_entry *en, struct tree_node *n)
{
	struct tree_xattr *x;

	n->xattr_count = 0;
	if (!en->xattr_count)
		return 0;
	x = tree_alloc(w->tree, en->xattr_count * sizeof(*x));
	if (!x)
		return -ENOMEM;
	for (size_t i = 0; i < en->xattr_count; i++) {
		const struct tar_xattr *a = &en->xattrs[i];

		x[i].name_len = (uint32_t)strlen(a->name);
		x[i].name = tree_copy(w->tree, a->name, x[i].name_len);
		x[i].value_len = (uint32_t)a->len;
		x[i].value = tree_copy(w->tree, a->value, a->len);
		if (!x[i].name || !x[i].value)
			return -ENOMEM;
	}
	n->xattrs = x;
	n->xattr_count = (uint32_t)en->xattr_count;
	return 0;
}

static int set_attributes(struct layer_writer *w, const struct tar_entry *en, struct tree_node *n)
{
	n->mode = (n->mode & S_IFMT) | en->mode;
	n->uid = en->uid;
	n->gid = en->gid;
	n->mtime_sec = en->mtime_sec;
	n->mtime_nsec = en->mtime_nsec;
	n->flags &= ~SNAP_INODE_IMPLICIT;
	return copy_xattrs(w, en, n);
}

static uint32_t file_type(char tar_type)
{
	static const uint32_t types[] = {S_IFREG, 0, S_IFLNK, S_IFCHR, S_IFBLK, S_IFDIR, S_IFIFO};

	return types[tar_type - '0'];
}

static int set_target(struct layer_writer *w, struct tree_node *n, const char *target, size_t len)
{
	n->size = len;
	n->target = tree_copy(w->tree, target, len);
	return n->target ? 0 : -ENOMEM;
}

static int fill_node(struct layer_writer *w, const struct tar_entry *en, struct tree_node *n, struct snap_error *e)
{
	int r = set_attributes(w, en, n);

	if (r)
		return tree_failed(e, r, en->path);
	switch (en->type) {
	case '0':
		n->size = en->size;
		break;
	case '2':
		if (!*en->link)
			return refuse_path(e, en->path, "is a symbolic link to nothing");
		r = set_target(w, n, en->link, strlen(en->link));
		break;
	case '3':
	case '4':
		if (en->major > DEV_MAJOR_MAX || en->minor > DEV_MINOR_MAX)
			return refuse_path(e, en->path, "is a device whose number is out of range");
		n->major = en->major;
		n->minor = en->minor;
	}
	return r ? tree_failed(e, r, en->path) : 0;
}

/* A hard link: to what this layer has under that name, or else to what a layer below has; merging will tell. */
static int link_node(struct layer_writer *w, const struct tar_entry *en, struct tree_node **ret, struct snap_error *e)
{
	char target[TAR_PATH_MAX];
	struct tree_node *n;
	size_t len;
	int r = clean_path(en->link, target, &len, e);

	if (r)
		return r;
	if (!len)
		return refuse_path(e, en->path, "is a hard link to nothing");
	r = tree_walk(w->tree, target, len, false, false, &n);
	if (!r && S_ISDIR(n->mode))
		return refuse_path(e, en->path, "is a hard link to a directory");
	if (r == -ENOENT) {
		n = tree_node_new(w->tree, 0);
		r = n ? set_target(w, n, target, len) : -ENOMEM;
		if (!r)
			n->flags = SNAP_INODE_LINK;
	}
	if (r)
		return tree_failed(e, r, en->path);
	*ret = n;
	return 0;
}

/* The node of a new entry other than a directory or link. */
static int new_node(struct layer_writer *w, const struct tar_entry *en, struct tree_node **ret, struct snap_error *e)
{
	struct tree_node *n = tree_node_new(w->tree, file_type(en->type));
	int r = n ? fill_node(w, en, n, e) : tree_failed(e, -ENOMEM, en->path);

	if (!r)
		*ret = n;
	return r;
}

/* A directory may be listed twice: its entries stay, its attributes are the last ones. */
static int add_dir(struct layer_writer *w, const struct tar_entry *en, struct tree_node *parent, const struct split *s,
	struct snap_error *e)
{
	struct tree_entry *old = tree_find(w->tree, parent, s->name, s->name_len);
	struct tree_node *n;
	int r;

	if (old && old->node && S_ISDIR(old->node->mode)) {
		r = set_attributes(w, en, old->node);
		return r ? tree_failed(e, r, en->path) : 0;
	}
	r = new_node(w, en, &n, e);
	if (r)
		return r;
	if (old && !old->node)
		n->flags |= SNAP_INODE_OPAQUE; /* a whiteout of this layer came before it */
	r = tree_set(w->tree, parent, s->name, s->name_len, n);
	return r ? tree_failed(e, r, en->path) : 0;
}

/* Whiteouts hide what is below, never what this layer brings itself. */
static int add_whiteout(struct layer_writer *w, const struct tar_entry *en, struct tree_node *parent,
	const struct split *s, struct snap_error *e)
{
	const char *name = s->name + WHITEOUT_LEN;
	size_t len = s->name_len - WHITEOUT_LEN;
	struct tree_entry *old;
	int r;

	if (!strcmp(s->name, WHITEOUT_OPQ)) {
		parent->flags |= SNAP_INODE_OPAQUE;
		return 0;
	}
	if (!strncmp(s->name, WHITEOUT_META, strlen(WHITEOUT_META)))
		return 0; /* book-keeping of aufs */
	if (!len || !strcmp(name, ".") || !strcmp(name, ".."))
		return refuse_path(e, en->path, "is a whiteout of no name");
	old = tree_find(w->tree, parent, name, len);
	if (old) {
		if (old->node && S_ISDIR(old->node->mode))
			old->node->flags = SNAP_INODE_OPAQUE; /* even if it was implicit */
		return 0;
	}
	r = tree_set(w->tree, parent, name, len, NULL);
	return r ? tree_failed(e, r, en->path) : 0;
}

static int add_root(struct layer_writer *w, const struct tar_entry *en, struct snap_error *e)
{
	int r;

	if (en->type != '5')
		return refuse_path(e, en->path, "is the root but not a directory");
	r = set_attributes(w, en, tree_root(w->tree));
	return r ? tree_failed(e, r, en->path) : 0;
}

static int add_entry(struct layer_writer *w, const struct tar_entry *en, struct tree_node **ret, struct snap_error *e)
{
	struct tree_node *parent;
	struct split s;
	int r = split_path(en->path, &s, e);

	*ret = NULL;
	if (r)
		return r;
	if (!s.name_len)
		return add_root(w, en, e);
	r = tree_walk(w->tree, s.path, s.parent_len, true, true, &parent);
	if (!r && !S_ISDIR(parent->mode))
		r = -ENOTDIR;
	if (r)
		return tree_failed(e, r, en->path);
	if (!strncmp(s.name, WHITEOUT, WHITEOUT_LEN))
		return add_whiteout(w, en, parent, &s, e);
	if (en->type == '5')
		return add_dir(w, en, parent, &s, e);
	r = en->type == '1' ? link_node(w, en, ret, e) : new_node(w, en, ret, e);
	if (r)
		return r;
	r = tree_set(w->tree, parent, s.name, s.name_len, *ret);
	return r ? tree_failed(e, r, en->path) : 0;
}

/* ---- Callbacks of the parser ---- */

static int on_entry(void *arg, const struct tar_entry *en, struct snap_error *e)
{
	struct layer_writer *w = arg;
	struct tree_node *n;
	int r = add_entry(w, en, &n, e);

	if (r || en->type != '0')
		return r;
	if (!n) { /* a whiteout: it has no data of interest, but may have some */
		n = tree_node_new(w->tree, S_IFREG);
		if (!n)
			return tree_failed(e, -ENOMEM, en->path);
	}
	w->sparse = en->sparse;
	w->segments = en->segments;
	w->segment_count = en->segment_count;
	w->off = 0;
	pack_begin(w->pack, w->tree, n, en->size, !en->sparse);
	return 0;
}

static int store_failed(struct layer_writer *w, struct snap_error *e, int r)
{
	return snap_fail_errno(e, -r, "cannot write to the store in %s", store_path(store_txn_store(w->txn)));
}

static int on_data(void *arg, const void *data, size_t len, struct snap_error *e)
{
	struct layer_writer *w = arg;
	const uint8_t *p = data;
	int r = 0;

	if (!w->sparse) {
		r = pack_data(w->pack, w->off, data, len);
		w->off += len;
		return r ? store_failed(w, e, r) : 0;
	}
	while (len && w->segment_count && !r) { /* their lengths amount to the data's: the parser has checked */
		uint64_t rest = w->segments->len - w->off;
		size_t n = rest < len ? (size_t)rest : len;

		r = pack_data(w->pack, w->segments->off + w->off, p, n);
		w->off += n;
		p += n;
		len -= n;
		if (w->off == w->segments->len) {
			w->segments++;
			w->segment_count--;
			w->off = 0;
		}
	}
	return r ? store_failed(w, e, r) : 0;
}

static int on_done(void *arg, struct snap_error *e)
{
	struct layer_writer *w = arg;
	int r = pack_end(w->pack);

	return r ? store_failed(w, e, r) : 0;
}

static const struct tar_ops layer_ops = {on_entry, on_data, on_done};

/* ---- Life ---- */

static void layer_free(struct layer_writer *w)
{
	tar_free(w->tar);
	pack_writer_free(w->pack);
	tree_free(w->tree);
	if (w->pack_fd >= 0)
		close(w->pack_fd);
	free(w);
}

static int open_in(struct layer_writer *w, const char *file)
{
	struct store_name n;
	int fd;

	snprintf(n.s, sizeof(n.s), "%.100s/%s", w->dir.s, file);
	fd = openat(w->txn->store->dirfd, n.s, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int layer_writer_new(struct store_txn *t, const struct digest *expected, unsigned int flags, struct layer_writer **ret,
	struct snap_error *e)
{
	struct layer_writer *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return snap_fail_errno(e, ENOMEM, "cannot write to the store");
	w->txn = t;
	w->hash = flags & LAYER_HASH;
	w->pack_fd = -1;
	if (expected)
		w->expected = *expected;
	sha256_init(&w->sha);
	w->dir = txn_name(t);
	if (mkdirat(t->store->dirfd, w->dir.s, 0700)) {
		r = -errno;
		goto fail;
	}
	w->pack_fd = open_in(w, "pack");
	if (w->pack_fd < 0) {
		r = w->pack_fd;
		goto fail;
	}
	w->tar = tar_new(&layer_ops, w);
	w->tree = tree_new();
	w->pack = pack_writer_new(t, w->pack_fd);
	if (!w->tar || !w->tree || !w->pack)
		goto fail;
	*ret = w;
	return 0;
fail:
	store_failed(w, e, r);
	layer_writer_abort(w);
	return r;
}

void layer_writer_abort(struct layer_writer *w)
{
	if (!w)
		return;
	store_remove_tree(w->txn->store, w->dir.s, NULL);
	layer_free(w);
}

int layer_writer_feed(struct layer_writer *w, const void *data, size_t len, struct snap_error *e)
{
	if (w->hash)
		sha256_update(&w->sha, data, len);
	return tar_feed(w->tar, data, len, e);
}

/* The digest of what came must be the promised one. */
static int check_digest(struct layer_writer *w, const struct digest *computed, struct digest *id, struct snap_error *e)
{
	char a[DIGEST_TEXT_LEN + 1], b[DIGEST_TEXT_LEN + 1];

	if (w->hash)
		sha256_final(&w->sha, id);
	else if (computed)
		*id = *computed;
	else
		return snap_fail(e, EINVAL, "the digest of a layer was not computed");
	if (!digest_is_zero(&w->expected) && !digest_equal(&w->expected, id))
		return snap_fail(e, EBADMSG,
			"the content of a layer is not what the image's configuration promises: it should be %s but is "
			"%s",
			digest_text(&w->expected, a), digest_text(id, b));
	return 0;
}

static int write_index(struct layer_writer *w, const struct digest *id)
{
	struct tree_meta m = {.flags = SNAP_FLAG_LAYER, .id = *id};
	int fd = open_in(w, "index");
	int r;

	if (fd < 0)
		return fd;
	pack_tables(w->pack, &m);
	r = tree_write(w->tree, fd, &m);
	if (!r && fsync(fd))
		r = -errno;
	if (close(fd) && !r)
		r = -errno;
	return r;
}

/* Without twins the layer is as good, but slower. */
static void write_twins(struct layer_writer *w)
{
	struct mapped_index m;
	struct store_name n;
	int fd, r;

	snprintf(n.s, sizeof(n.s), "%.100s/index", w->dir.s);
	if (store_map_index(w->txn->store, n.s, &m))
		return;
	fd = open_in(w, "twins");
	r = fd < 0 ? fd : layer_twins_write(w->txn->store, &m.ix, w->pack_fd, fd);
	if (!r && fdatasync(fd))
		r = -errno;
	if (fd >= 0)
		close(fd);
	store_unmap_index(&m);
	snprintf(n.s, sizeof(n.s), "%.100s/twins", w->dir.s);
	if (r && fd >= 0 && unlinkat(w->txn->store->dirfd, n.s, 0))
		return; /* it has no head, and so it is not taken for one */
}

/* Data first, then the index, then the directory that names them, and only then the name others see. */
static int publish(struct layer_writer *w, const struct digest *id)
{
	const struct store *s = w->txn->store;
	int r = pack_flush(w->pack);

	if (!r)
		r = write_index(w, id);
	if (!r)
		write_twins(w);
	if (!r && fdatasync(w->pack_fd))
		r = -errno;
	if (!r)
		r = store_fsync_dir(s, w->dir.s);
	if (!r && renameat(s->dirfd, w->dir.s, s->dirfd, store_name(STORE_LAYERS, id, NULL).s)) {
		r = errno == ENOTEMPTY || errno == EEXIST ? 0 : -errno; /* somebody else has published the same */
		store_remove_tree(s, w->dir.s, NULL);
	}
	return r;
}

int layer_writer_finish(struct layer_writer *w, const struct digest *computed, struct digest *ret, struct snap_error *e)
{
	struct digest id;
	int r = tar_finish(w->tar, e);

	if (!r)
		r = check_digest(w, computed, &id, e);
	if (!r) {
		r = publish(w, &id);
		if (r)
			store_failed(w, e, r);
	}
	if (r) {
		layer_writer_abort(w);
		return r;
	}
	dedup_add_layer(w->txn, &id);
	layer_free(w);
	if (ret)
		*ret = id;
	return 0;
}
