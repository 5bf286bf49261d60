/* SPDX-License-Identifier: MIT */
/*
 * The index of a snapshot: the metadata of a file tree, read in place from a read-only mapping.
 *
 * All of it is little-endian and flat: a superblock, then sections (tables of fixed-size records and one area of
 * bytes). Names, targets, xattrs and file data are referred to by offsets and counts, and none of them is trusted: the
 * accessors below check each against its section. Nothing here allocates, locks or makes a system call, so a path
 * look-up by the sentry costs no host call. Links libc alone. The format is described in docs/snapshot-format.md.
 */
#ifndef PICKET_SNAP_INDEX_H
#define PICKET_SNAP_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAP_MAGIC "PKTSNAP\0"
#define SNAP_VERSION 1u
#define SNAP_PAGE 4096u
#define SNAP_ROOT_INO 1u
#define SNAP_NAME_MAX 255u
#define SNAP_PATH_MAX 4096u
#define SNAP_ID_LEN 32u

/* Bounds that a writer keeps and a reader insists on. */
#define SNAP_MAX_INODES (1u << 24)
#define SNAP_MAX_DIRENTS (1u << 25)
#define SNAP_MAX_PACKS 1024u
#define SNAP_MAX_SIZE (UINT64_C(1) << 56)

enum snap_section_id {
	SNAP_SEC_INODES,  /* struct snap_inode[], number of the first is SNAP_ROOT_INO */
	SNAP_SEC_DIRENTS, /* struct snap_dirent[]; those of one directory are adjacent, sorted by (hash, name) */
	SNAP_SEC_EXTENTS, /* struct snap_extent[]; those of one file are adjacent, sorted by offset, no overlap */
	SNAP_SEC_XATTRS,  /* struct snap_xattr[] */
	SNAP_SEC_PACKS,	  /* struct snap_pack[] */
	SNAP_SEC_PRINTS,  /* struct snap_print[], layers only: what de-duplication looks up */
	SNAP_SEC_BYTES,	  /* names, targets, xattr values; no terminators */
	SNAP_SEC_COUNT,
};

/* snap_super.flags */
#define SNAP_FLAG_LAYER 1u /* one layer: may hold whiteouts, opaque and implicit directories */

struct snap_section {
	uint64_t off;
	uint64_t len; /* bytes */
};

struct snap_super {
	char magic[8];
	uint32_t version;
	uint32_t flags;
	uint64_t file_len;	 /* of the whole index */
	uint8_t id[SNAP_ID_LEN]; /* diffID of a layer, chainID of an image */
	uint64_t data_bytes;	 /* sum of the sizes of regular files, each inode once */
	struct snap_section sec[SNAP_SEC_COUNT];
	uint32_t body_crc;  /* CRC-32C of everything behind the superblock; checked by `picket verify` */
	uint32_t super_crc; /* CRC-32C of the superblock up to here; checked at each open */
};

/* snap_inode.flags */
#define SNAP_INODE_OPAQUE 1u   /* layers: hides the entries of the directory below */
#define SNAP_INODE_IMPLICIT 2u /* layers: a parent the archive did not list: takes the attributes of the one below */
#define SNAP_INODE_LINK 4u     /* layers: a hard link to a path of a layer below, which is the record's target */

struct snap_inode {
	uint64_t size; /* regular: bytes; symlink: length of the target; else 0 */
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t mode; /* S_IFMT and permission bits, as stat(2) */
	uint32_t uid;
	uint32_t gid;
	uint32_t nlink; /* of a directory: 2 + sub-directories */
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t flags;
	uint32_t first;	 /* directory: first dirent; regular: first extent; symlink: offset in bytes */
	uint32_t count;	 /* directory: dirents; regular: extents */
	uint32_t parent; /* directory: number of the parent; the root's is itself */
	uint32_t xattr_first;
	uint32_t xattr_count;
	uint32_t reserved;
};

#define SNAP_DT_WHITEOUT 14u /* as DT_WHT; layers only, ino is 0 */

struct snap_dirent {
	uint32_t hash; /* snap_name_hash() */
	uint32_t ino;
	uint32_t name_off;
	uint16_t name_len;
	uint8_t type; /* as DT_* of <dirent.h> */
	uint8_t reserved;
};

struct snap_extent {
	uint64_t file_off;
	uint64_t len;
	uint64_t pack_off; /* a multiple of SNAP_PAGE where file_off is: may be mapped straight from the pack */
	uint32_t pack;	   /* number in the pack table */
	uint32_t crc;	   /* CRC-32C of the data */
};

struct snap_xattr {
	uint32_t name_off;
	uint32_t value_off;
	uint32_t value_len;
	uint16_t name_len;
	uint16_t reserved;
};

struct snap_pack {
	uint8_t layer[SNAP_ID_LEN]; /* diffID of the layer whose pack it is; all zero: this layer's own */
	uint64_t size;		    /* bytes, a multiple of SNAP_PAGE */
};

struct snap_print {
	uint64_t print; /* fingerprint of size and beginning; equality is then settled by comparing the data */
	uint64_t size;
	uint64_t pack_off;
	uint32_t crc;
	uint32_t reserved;
};

/* An opened index. Copy freely; it borrows the mapping. */
struct snap_index {
	const uint8_t *base;
	const struct snap_super *super;
	const struct snap_inode *inodes;
	const struct snap_dirent *dirents;
	const struct snap_extent *extents;
	const struct snap_xattr *xattrs;
	const struct snap_pack *packs;
	const struct snap_print *prints;
	const char *bytes;
	uint32_t inode_count;
	uint32_t dirent_count;
	uint32_t extent_count;
	uint32_t xattr_count;
	uint32_t pack_count;
	uint32_t print_count;
	uint64_t bytes_len;
};

/* A name in a directory, checked. `name` is not terminated. */
struct snap_entry {
	const char *name;
	uint32_t name_len;
	uint32_t ino; /* 0 for a whiteout */
	uint8_t type;
};

/* Where the bytes of a file from some offset on are found. */
struct snap_run {
	uint64_t len; /* bytes from the asked offset on that this answer holds for; 0 at the end of the file */
	bool hole;    /* reads as zeros; the rest is not set */
	uint32_t pack;
	uint64_t pack_off;
};

/**
 * snap_index_open - check the superblock and the bounds of the sections
 * @map: the whole index, aligned to 8; must stay mapped and unchanged while @out is used
 * @len: its length in bytes
 *
 * Returns 0, -EINVAL (not an index, or damaged), -EPROTONOSUPPORT (another version). It reads the superblock alone.
 */
int snap_index_open(const void *map, size_t len, struct snap_index *out);

/**
 * snap_index_check - check the whole: checksum, every record, that the tree is a tree
 *
 * For `picket verify` and tests; the accessors do not need it. Returns 0 or -EINVAL and says why in @why (static text).
 */
int snap_index_check(const struct snap_index *ix, const char **why);

/** snap_inode_get - the record of inode number @ino, NULL if there is none. */
const struct snap_inode *snap_inode_get(const struct snap_index *ix, uint32_t ino);

/**
 * snap_lookup - find a name in a directory
 *
 * "." and ".." are not stored: the caller's walk handles them (parent of a directory: snap_inode.parent).
 * Returns 0, -ENOENT, -ENOTDIR, -EUCLEAN (damaged index).
 */
int snap_lookup(const struct snap_index *ix, uint32_t dir, const char *name, size_t len, struct snap_entry *out);

/**
 * snap_entry_at - the entry at position @pos (0 and up) of a directory, for readdir
 *
 * Positions are stable for ever. Returns 0, -ENOENT (past the end), -ENOTDIR, -EUCLEAN.
 */
int snap_entry_at(const struct snap_index *ix, uint32_t dir, uint32_t pos, struct snap_entry *out);

/** snap_readlink - the target of a symbolic link, not terminated. Returns 0, -EINVAL (no link), -EUCLEAN. */
int snap_readlink(const struct snap_index *ix, uint32_t ino, const char **target, size_t *len);

/**
 * snap_data_at - where the data of regular file @ino at offset @off is
 *
 * Reading all: loop from off 0 until out->len is 0. Returns 0, -EISDIR, -EINVAL (not a regular file), -EUCLEAN.
 */
int snap_data_at(const struct snap_index *ix, uint32_t ino, uint64_t off, struct snap_run *out);

/**
 * snap_xattr_at - the extended attribute at position @pos of an inode
 *
 * The name (with its "user." and so on, not terminated) and the value point into the mapping.
 * Returns 0, -ENODATA (past the end, no such inode), -EUCLEAN.
 */
int snap_xattr_at(const struct snap_index *ix, uint32_t ino, uint32_t pos, const char **name, size_t *name_len,
	const void **value, size_t *value_len);

/** snap_xattr_find - the value of one extended attribute. Returns 0, -ENODATA, -EUCLEAN. */
int snap_xattr_find(const struct snap_index *ix, uint32_t ino, const char *name, size_t name_len, const void **value,
	size_t *value_len);

/**
 * snap_path_lookup - walk a path from the root without following symbolic links
 *
 * For tests and tools; the sentry walks by itself. Returns 0 and the inode number, or as snap_lookup.
 */
int snap_path_lookup(const struct snap_index *ix, const char *path, uint32_t *ino);

/** snap_name_hash - the hash directories are sorted by. */
uint32_t snap_name_hash(const char *name, size_t len);

/** snap_crc32c - continue a CRC-32C (Castagnoli); start with 0. */
uint32_t snap_crc32c(uint32_t crc, const void *data, size_t len);

#endif
