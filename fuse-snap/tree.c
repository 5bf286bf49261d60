/* SPDX-License-Identifier: MIT */
/* The tree in memory: arena, names, path walk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "tree.h"

#define ARENA_CHUNK (1u << 20)
#define LINKS_MAX 40 /* as Linux */
#define TABLE_INITIAL 1024u

struct chunk {
	struct chunk *next;
	uint8_t data[];
};

struct tree {
	struct chunk *chunks;
	uint8_t *at;
	size_t room;
	uint64_t bytes;
	struct tree_entry **table; /* all names, by directory and hash; a power of two of chains */
	uint32_t table_size;
	uint32_t entries;
	uint64_t next_dir_id;
	uint64_t seed; /* names are an attacker's: no fixed hash for chains */
	struct tree_node *root;
};

void *tree_alloc(struct tree *t, size_t len)
{
	size_t need = (len + 15) & ~(size_t)15;
	void *p;

	if (need < len || t->bytes + need > TREE_MAX_BYTES)
		return NULL;
	if (need > t->room) {
		size_t size = need > ARENA_CHUNK / 4 ? need : ARENA_CHUNK;
		struct chunk *c = calloc(1, sizeof(*c) + size + 16);

		if (!c)
			return NULL;
		c->next = t->chunks;
		t->chunks = c;
		t->bytes += need;
		p = (void *)(((uintptr_t)c->data + 15) & ~(uintptr_t)15);
		if (size == need)
			return p;
		t->at = (uint8_t *)p + need;
		t->room = size - need;
		return p;
	}
	p = t->at;
	t->at += need;
	t->room -= need;
	t->bytes += need;
	return p;
}

void *tree_copy(struct tree *t, const void *data, size_t len)
{
	char *p = tree_alloc(t, len + 1);

	if (p && len)
		memcpy(p, data, len);
	return p;
}

struct tree_node *tree_node_new(struct tree *t, uint32_t mode)
{
	struct tree_node *n = tree_alloc(t, sizeof(*n));

	if (n) {
		n->mode = mode;
		n->dir_id = ++t->next_dir_id;
	}
	return n;
}

struct tree *tree_new(void)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->table_size = TABLE_INITIAL;
	t->table = calloc(t->table_size, sizeof(*t->table));
	if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) != sizeof(t->seed))
		t->seed = (uintptr_t)t;
	t->root = t->table ? tree_node_new(t, S_IFDIR | 0755) : NULL;
	if (!t->root) {
		tree_free(t);
		return NULL;
	}
	t->root->parent = t->root;
	t->root->flags = SNAP_INODE_IMPLICIT;
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	while (t->chunks) {
		struct chunk *c = t->chunks;

		t->chunks = c->next;
		free(c);
	}
	free(t->table);
	free(t);
}

struct tree_node *tree_root(struct tree *t)
{
	return t->root;
}

/* ---- Names ---- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	unsigned __int128 m = (unsigned __int128)(h ^ v) * (v ^ 0x9e3779b97f4a7c15u);

	return (uint64_t)m ^ (uint64_t)(m >> 64) ^ h << 1;
}

static uint64_t entry_hash(const struct tree *t, uint64_t dir_id, const char *name, size_t len)
{
	uint64_t h = mix(t->seed, dir_id + len), v;

	for (; len >= 8; len -= 8, name += 8) {
		memcpy(&v, name, 8);
		h = mix(h, v ^ t->seed);
	}
	v = 0;
	memcpy(&v, name, len);
	return mix(h, v ^ t->seed);
}

struct tree_entry *tree_find(struct tree *t, const struct tree_node *dir, const char *name, size_t len)
{
	uint64_t h = entry_hash(t, dir->dir_id, name, len);
	struct tree_entry *en = t->table[h & (t->table_size - 1)];

	for (; en; en = en->hash_next)
		if (en->hash == h && en->dir_id == dir->dir_id && en->name_len == len && !memcmp(en->name, name, len))
			return en;
	return NULL;
}

static int grow_table(struct tree *t)
{
	uint32_t size = t->table_size * 2;
	struct tree_entry **table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->table_size; i++)
		for (struct tree_entry *en = t->table[i], *next; en; en = next) {
			next = en->hash_next;
			en->hash_next = table[en->hash & (size - 1)];
			table[en->hash & (size - 1)] = en;
		}
	free(t->table);
	t->table = table;
	t->table_size = size;
	return 0;
}

static int insert(struct tree *t, struct tree_node *dir, const char *name, size_t len, struct tree_node *node)
{
	struct tree_entry *en, **chain;

	if (t->entries == TREE_MAX_ENTRIES)
		return -E2BIG;
	if (t->entries >= t->table_size && grow_table(t))
		return -ENOMEM;
	en = tree_alloc(t, sizeof(*en) + len + 1);
	if (!en)
		return -ENOMEM;
	memcpy(en->name, name, len);
	en->name_len = (uint32_t)len;
	en->dir_id = dir->dir_id;
	en->hash = entry_hash(t, dir->dir_id, name, len);
	en->node = node;
	chain = &t->table[en->hash & (t->table_size - 1)];
	en->hash_next = *chain;
	*chain = en;
	en->next = dir->entries;
	en->prev = &dir->entries;
	if (en->next)
		en->next->prev = &en->next;
	dir->entries = en;
	dir->entry_count++;
	t->entries++;
	return 0;
}

int tree_set(struct tree *t, struct tree_node *dir, const char *name, size_t len, struct tree_node *node)
{
	struct tree_entry *en;

	if (node && S_ISDIR(node->mode)) {
		if (dir->depth + 1 > TREE_MAX_DEPTH)
			return -ELOOP;
		node->parent = dir;
		node->depth = dir->depth + 1;
	}
	en = tree_find(t, dir, name, len);
	if (!en)
		return insert(t, dir, name, len, node);
	en->node = node;
	return 0;
}

static void unhash(struct tree *t, struct tree_entry *en)
{
	struct tree_entry **p = &t->table[en->hash & (t->table_size - 1)];

	while (*p != en)
		p = &(*p)->hash_next;
	*p = en->hash_next;
	t->entries--;
}

void tree_unset(struct tree *t, struct tree_node *dir, struct tree_entry *en)
{
	unhash(t, en);
	*en->prev = en->next;
	if (en->next)
		en->next->prev = en->prev;
	dir->entry_count--;
}

void tree_clear(struct tree *t, struct tree_node *dir)
{
	while (dir->entries)
		tree_unset(t, dir, dir->entries);
}

int tree_add_extent(struct tree *t, struct tree_node *file, const struct snap_extent *x)
{
	if (file->extent_count == file->extent_cap) {
		uint32_t cap = file->extent_cap ? file->extent_cap * 2 : 1;
		struct snap_extent *more = tree_alloc(t, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		if (file->extent_count)
			memcpy(more, file->extents, file->extent_count * sizeof(*more));
		file->extents = more;
		file->extent_cap = cap;
	}
	file->extents[file->extent_count++] = *x;
	return 0;
}

/* ---- Paths ---- */

struct walk {
	struct tree *t;
	bool create;
	bool follow_last;
	int links;
	struct tree_node *at;
};

static int walk_path(struct walk *w, const char *p, const char *end, bool last_counts);

static int enter_missing(struct walk *w, const char *name, size_t len)
{
	struct tree_node *dir;
	int r;

	if (!w->create)
		return -ENOENT;
	if (len > SNAP_NAME_MAX)
		return -ENAMETOOLONG;
	dir = tree_node_new(w->t, S_IFDIR | 0755);
	if (!dir)
		return -ENOMEM;
	dir->flags = SNAP_INODE_IMPLICIT;
	r = tree_set(w->t, w->at, name, len, dir);
	if (!r)
		w->at = dir;
	return r;
}

/* One component; @last: the final one of the whole path. */
static int walk_component(struct walk *w, const char *name, size_t len, bool last)
{
	struct tree_entry *en;

	if (!S_ISDIR(w->at->mode))
		return -ENOTDIR;
	if (len == 1 && name[0] == '.')
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		w->at = w->at->parent;
		return 0;
	}
	en = tree_find(w->t, w->at, name, len);
	if (!en)
		return enter_missing(w, name, len);
	if (!en->node) {
		int r = enter_missing(w, name, len);

		if (!r)
			w->at->flags = SNAP_INODE_OPAQUE; /* what the whiteout hid stays hidden, its attributes too */
		return r;
	}
	if (S_ISLNK(en->node->mode) && (!last || w->follow_last)) {
		const char *target = en->node->target;

		if (++w->links > LINKS_MAX)
			return -ELOOP;
		if (*target == '/')
			w->at = w->t->root;
		return walk_path(w, target, target + en->node->size, last);
	}
	w->at = en->node;
	return 0;
}

static int walk_path(struct walk *w, const char *p, const char *end, bool last_counts)
{
	for (;;) {
		const char *name, *rest;
		int r;

		while (p < end && *p == '/')
			p++;
		if (p == end)
			return 0;
		name = p;
		while (p < end && *p != '/')
			p++;
		for (rest = p; rest < end && *rest == '/'; rest++)
			;
		r = walk_component(w, name, (size_t)(p - name), last_counts && rest == end);
		if (r)
			return r;
	}
}

int tree_walk(struct tree *t, const char *path, size_t len, bool create, bool follow_last, struct tree_node **ret)
{
	struct walk w = {.t = t, .create = create, .follow_last = follow_last, .at = t->root};
	int r = walk_path(&w, path, path + len, true);

	if (!r)
		*ret = w.at;
	return r;
}

int tree_follow(struct tree *t, struct tree_node *dir, const struct tree_node *link, struct tree_node **ret)
{
	struct walk w = {.t = t, .follow_last = true, .at = *link->target == '/' ? t->root : dir};
	int r = walk_path(&w, link->target, link->target + link->size, true);

	if (!r)
		*ret = w.at;
	return r;
}
