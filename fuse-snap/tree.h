/* SPDX-License-Identifier: MIT */
/* A file tree in memory, while a layer is read or layers are merged; and writing it out as an index. */
#ifndef PICKET_SNAP_TREE_H
#define PICKET_SNAP_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "error.h"
#include "index.h"

#define TREE_MAX_ENTRIES (2u << 20)
#define TREE_MAX_BYTES (UINT64_C(768) << 20) /* of memory for metadata */
#define TREE_MAX_DEPTH 2048u

struct tree;
struct tree_node;

struct tree_xattr {
	const char *name;
	const void *value;
	uint32_t name_len;
	uint32_t value_len;
};

/* A name in a directory. */
struct tree_entry {
	struct tree_entry *next;      /* in the directory */
	struct tree_entry **prev;     /* what points here */
	struct tree_entry *hash_next; /* in the table of all names */
	uint64_t dir_id;
	uint64_t hash;
	struct tree_node *node; /* NULL: whiteout */
	uint32_t name_len;
	char name[];
};

/* An inode. Everything lives in the tree's arena and dies with it. */
struct tree_node {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	uint32_t flags; /* SNAP_INODE_* */
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t ino; /* given when written */
	uint64_t size;
	const struct tree_xattr *xattrs;
	uint32_t xattr_count;
	uint32_t nlink; /* counted when written */
	/* directory */
	struct tree_node *parent;
	struct tree_entry *entries;
	uint64_t dir_id;
	uint32_t entry_count;
	uint32_t depth;
	/* symlink, or the path of SNAP_INODE_LINK */
	const char *target;
	/* regular file */
	struct snap_extent *extents;
	uint32_t extent_count;
	uint32_t extent_cap;
};

/** tree_new - an empty tree: a root with mode 0755, implicit. NULL when out of memory. */
struct tree *tree_new(void);
void tree_free(struct tree *t);
struct tree_node *tree_root(struct tree *t);

/** tree_alloc - zeroed memory that lives as long as the tree; NULL when out of memory or past TREE_MAX_BYTES. */
void *tree_alloc(struct tree *t, size_t len);

/** tree_copy - tree_alloc and memcpy, with a NUL behind. */
void *tree_copy(struct tree *t, const void *data, size_t len);

struct tree_node *tree_node_new(struct tree *t, uint32_t mode);

struct tree_entry *tree_find(struct tree *t, const struct tree_node *dir, const char *name, size_t len);

/**
 * tree_set - make @name in @dir mean @node (NULL: whiteout), whatever it meant before
 *
 * Returns 0, -ENOMEM, -E2BIG (too many entries), -ELOOP (too deep).
 */
int tree_set(struct tree *t, struct tree_node *dir, const char *name, size_t len, struct tree_node *node);
void tree_unset(struct tree *t, struct tree_node *dir, struct tree_entry *en);

/** tree_clear - remove all entries of a directory. */
void tree_clear(struct tree *t, struct tree_node *dir);

int tree_add_extent(struct tree *t, struct tree_node *file, const struct snap_extent *x);

/**
 * tree_walk - find the node of a path from the root, following symbolic links without ever leaving the root
 * @create: make missing directories (implicit), as for the parents of an entry
 *
 * ".." is taken as the file system would. Returns 0, -ENOENT, -ENOTDIR, -ELOOP, -ENOMEM, -E2BIG.
 */
int tree_walk(struct tree *t, const char *path, size_t len, bool create, bool follow_last, struct tree_node **ret);

/** tree_follow - the node that symbolic link @link, an entry of @dir, leads to. Errors as tree_walk. */
int tree_follow(struct tree *t, struct tree_node *dir, const struct tree_node *link, struct tree_node **ret);

/* What an index says beside the tree. */
struct tree_meta {
	uint32_t flags;
	struct digest id;
	const struct snap_pack *packs;
	uint32_t pack_count;
	const struct snap_print *prints;
	uint32_t print_count;
};

/** tree_write - write the index to the empty file @fd. Not synced. Returns 0, -ENOMEM, -EOVERFLOW, or as write(2). */
int tree_write(struct tree *t, int fd, const struct tree_meta *m);

#endif
