/* SPDX-License-Identifier: MIT */
/*
 * Writing a tree as an index. Inodes are numbered breadth first, so the entries of a directory and their inodes are
 * neighbours, and a parent's number is smaller than its children's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tree.h"

struct sorted {
	uint32_t hash;
	struct tree_entry *en;
};

/* Growing output tables. */
struct out {
	void *p;
	size_t len;
	size_t cap;
};

struct writer {
	struct out sec[SNAP_SEC_COUNT];
	struct tree_node **queue; /* by inode number - 1 */
	uint32_t count;
	uint32_t cap;
	struct sorted *sort;
	size_t sort_cap;
	uint64_t data_bytes;
	/* names of attributes repeat: the last one written */
	uint32_t last_name_off;
	uint32_t last_name_len;
};

static void *append(struct writer *w, enum snap_section_id id, size_t len)
{
	struct out *o = &w->sec[id];
	void *p;

	if (len > UINT32_MAX - o->len)
		return NULL;
	if (!o->p || o->len + len > o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 4096;

		while (cap < o->len + len)
			cap *= 2;
		p = realloc(o->p, cap);
		if (!p)
			return NULL;
		o->p = p;
		o->cap = cap;
	}
	p = (char *)o->p + o->len;
	memset(p, 0, len);
	o->len += len;
	return p;
}

static int append_bytes(struct writer *w, const void *data, size_t len, uint32_t *off)
{
	uint32_t at = (uint32_t)w->sec[SNAP_SEC_BYTES].len;
	void *p = append(w, SNAP_SEC_BYTES, len);

	if (!p)
		return -ENOMEM;
	if (len)
		memcpy(p, data, len);
	*off = at;
	return 0;
}

/* Give @n its number and a place in the queue. */
static int number_node(struct writer *w, struct tree_node *n)
{
	if (w->count == SNAP_MAX_INODES)
		return -EOVERFLOW;
	if (w->count == w->cap) {
		uint32_t cap = w->cap ? w->cap * 2 : 4096;
		struct tree_node **q = realloc(w->queue, cap * sizeof(*q));

		if (!q)
			return -ENOMEM;
		w->queue = q;
		w->cap = cap;
	}
	w->queue[w->count++] = n;
	n->ino = w->count;
	n->nlink = S_ISDIR(n->mode) ? 2 : 0;
	return 0;
}

static int cmp_entries(const void *va, const void *vb)
{
	const struct sorted *a = va, *b = vb;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->en->name_len != b->en->name_len)
		return a->en->name_len < b->en->name_len ? -1 : 1;
	return memcmp(a->en->name, b->en->name, a->en->name_len);
}

static int sort_entries(struct writer *w, const struct tree_node *dir)
{
	size_t i = 0;

	if (dir->entry_count > w->sort_cap) {
		struct sorted *s = realloc(w->sort, dir->entry_count * sizeof(*s));

		if (!s)
			return -ENOMEM;
		w->sort = s;
		w->sort_cap = dir->entry_count;
	}
	for (struct tree_entry *en = dir->entries; en; en = en->next)
		w->sort[i++] = (struct sorted){snap_name_hash(en->name, en->name_len), en};
	if (i > 1)
		qsort(w->sort, i, sizeof(*w->sort), cmp_entries);
	return 0;
}

static int write_entry(struct writer *w, struct tree_node *dir, const struct sorted *s)
{
	struct tree_node *n = s->en->node;
	struct snap_dirent *d;
	uint32_t name_off;
	int r = append_bytes(w, s->en->name, s->en->name_len, &name_off);

	if (!r && n && !n->ino)
		r = number_node(w, n);
	if (r)
		return r;
	d = append(w, SNAP_SEC_DIRENTS, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->hash = s->hash;
	d->name_off = name_off;
	d->name_len = (uint16_t)s->en->name_len;
	d->type = n ? (uint8_t)((n->mode & S_IFMT) >> 12) : SNAP_DT_WHITEOUT;
	d->ino = n ? n->ino : 0;
	if (n && S_ISDIR(n->mode))
		dir->nlink++;
	else if (n)
		n->nlink++;
	return 0;
}

static int write_dir(struct writer *w, struct tree_node *dir, uint32_t *first)
{
	int r = sort_entries(w, dir);

	*first = (uint32_t)(w->sec[SNAP_SEC_DIRENTS].len / sizeof(struct snap_dirent));
	for (uint32_t i = 0; i < dir->entry_count && !r; i++)
		r = write_entry(w, dir, &w->sort[i]);
	return r;
}

static int write_extents(struct writer *w, const struct tree_node *n, uint32_t *first)
{
	size_t len = n->extent_count * sizeof(*n->extents);
	void *p = append(w, SNAP_SEC_EXTENTS, len);

	if (!p)
		return -ENOMEM;
	if (len)
		memcpy(p, n->extents, len);
	*first = (uint32_t)((w->sec[SNAP_SEC_EXTENTS].len - len) / sizeof(*n->extents));
	w->data_bytes += n->size;
	return 0;
}

static int write_xattr(struct writer *w, const struct tree_xattr *x)
{
	struct snap_xattr *o = append(w, SNAP_SEC_XATTRS, sizeof(*o));
	struct snap_xattr rec = {.name_len = (uint16_t)x->name_len, .value_len = x->value_len};
	const char *bytes = w->sec[SNAP_SEC_BYTES].p;
	int r = 0;

	if (!o)
		return -ENOMEM;
	if (w->last_name_len != x->name_len || memcmp(bytes + w->last_name_off, x->name, x->name_len)) {
		r = append_bytes(w, x->name, x->name_len, &w->last_name_off);
		w->last_name_len = r ? 0 : x->name_len;
	}
	rec.name_off = w->last_name_off;
	if (!r)
		r = append_bytes(w, x->value, x->value_len, &rec.value_off);
	*o = rec; /* only the area of bytes has grown since */
	return r;
}

/* All of the inode but nlink, which is known only when everything has been numbered. */
static int write_inode(struct writer *w, struct tree_node *n)
{
	struct snap_inode in = {
		.mtime_sec = n->mtime_sec,
		.mtime_nsec = n->mtime_nsec,
		.mode = n->mode,
		.uid = n->uid,
		.gid = n->gid,
		.rdev_major = n->major,
		.rdev_minor = n->minor,
		.flags = n->flags,
		.xattr_first = (uint32_t)(w->sec[SNAP_SEC_XATTRS].len / sizeof(struct snap_xattr)),
		.xattr_count = n->xattr_count,
	};
	void *p;
	int r = 0;

	for (uint32_t i = 0; i < n->xattr_count && !r; i++)
		r = write_xattr(w, &n->xattrs[i]);
	if (!r && S_ISDIR(n->mode)) {
		in.parent = n->parent->ino;
		in.count = n->entry_count;
		r = write_dir(w, n, &in.first);
	} else if (!r && S_ISREG(n->mode)) {
		in.size = n->size;
		in.count = n->extent_count;
		r = write_extents(w, n, &in.first);
	} else if (!r && n->target) {
		in.size = n->size;
		r = append_bytes(w, n->target, n->size, &in.first);
	}
	if (r)
		return r;
	p = append(w, SNAP_SEC_INODES, sizeof(in));
	if (!p)
		return -ENOMEM;
	memcpy(p, &in, sizeof(in));
	return 0;
}

/*
 * Write the packs that extents point into, and leave out the others (a layer's whose files are all hidden by upper
 * layers): each pack is a descriptor at run time.
 */
static int write_packs(struct writer *w, const struct tree_meta *m)
{
	struct snap_extent *x = w->sec[SNAP_SEC_EXTENTS].p;
	size_t count = w->sec[SNAP_SEC_EXTENTS].len / sizeof(*x);
	uint32_t number[SNAP_MAX_PACKS + 1] = {0}, next = 0; /* first whether used, then the new one */

	for (size_t i = 0; i < count; i++)
		number[x[i].pack] = 1;
	for (uint32_t i = 0; i < m->pack_count; i++) {
		void *p;

		if (!number[i])
			continue;
		p = append(w, SNAP_SEC_PACKS, sizeof(*m->packs));
		if (!p)
			return -ENOMEM;
		memcpy(p, &m->packs[i], sizeof(*m->packs));
		number[i] = next++;
	}
	for (size_t i = 0; i < count; i++)
		x[i].pack = number[x[i].pack];
	return append(w, SNAP_SEC_PACKS, 0) ? 0 : -ENOMEM;
}

static int build(struct writer *w, struct tree *t, const struct tree_meta *m)
{
	struct snap_inode *in;
	void *p;
	int r = number_node(w, tree_root(t));

	for (uint32_t i = 0; i < w->count && !r; i++)
		r = write_inode(w, w->queue[i]);
	if (r)
		return r;
	in = w->sec[SNAP_SEC_INODES].p;
	for (uint32_t i = 0; i < w->count; i++)
		in[i].nlink = w->queue[i]->nlink;
	r = write_packs(w, m);
	if (r)
		return r;
	p = append(w, SNAP_SEC_PRINTS, m->print_count * sizeof(*m->prints));
	if (p && m->print_count)
		memcpy(p, m->prints, m->print_count * sizeof(*m->prints));
	return p ? 0 : -ENOMEM;
}

static int write_all(int fd, const void *data, size_t len, off_t at)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int emit(struct writer *w, int fd, const struct tree_meta *m)
{
	struct snap_super sb = {.magic = SNAP_MAGIC, .version = SNAP_VERSION, .flags = m->flags};
	uint64_t at = sizeof(sb);
	int r = 0;

	memcpy(sb.id, m->id.b, sizeof(sb.id));
	sb.data_bytes = w->data_bytes;
	for (int i = 0; i < SNAP_SEC_COUNT && !r; i++) {
		struct out *o = &w->sec[i];

		sb.sec[i] = (struct snap_section){at, o->len};
		if (o->len % 8 && !append(w, (enum snap_section_id)i, 8 - o->len % 8))
			return -ENOMEM;
		sb.body_crc = snap_crc32c(sb.body_crc, o->p, o->len);
		r = write_all(fd, o->p, o->len, (off_t)at);
		at += o->len;
	}
	sb.file_len = at;
	sb.super_crc = snap_crc32c(0, &sb, offsetof(struct snap_super, super_crc));
	return r ? r : write_all(fd, &sb, sizeof(sb), 0);
}

int tree_write(struct tree *t, int fd, const struct tree_meta *m)
{
	struct writer w = {0};
	int r = build(&w, t, m);

	if (!r)
		r = emit(&w, fd, m);
	for (uint32_t i = 0; i < w.count; i++)
		w.queue[i]->ino = 0;
	for (int i = 0; i < SNAP_SEC_COUNT; i++)
		free(w.sec[i].p);
	free(w.queue);
	free(w.sort);
	return r;
}
