/* SPDX-License-Identifier: MIT */
/*
 * A layer of writes on disk (docs/kept-format.md): the record that each object carries, and a reader for tools outside the
 * sandbox. The record's part is shared with the sentry. All content is taken for hostile.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define UPPER_XATTR "user.picket"
#define UPPER_RECORD_MAX 60000u
#define UPPER_INO_BIAS (1ull << 33)
#define UPPER_DATA_BELOW 1u
#define UPPER_INDEXED 2u
#define UPPER_WHITEOUTS ".picket.w"
#define UPPER_RESERVED ".picket."

/* --- the record ------------------------------------------------------------------------------------------------------------ */

struct upper_bytes {
	const void *p; /* into the record's bytes; NULL: absent */
	size_t len;
};

struct upper_record {
	uint16_t flags;
	uint32_t mode, uid, gid;
	uint64_t ino; /* 0: the host's number + UPPER_INO_BIAS */
	uint32_t rdev_major, rdev_minor;
	int32_t links;
	bool has_mtime; /* of a file with data below, whose copying may have been begun: the host's is not it */
	struct timespec mtime;
	struct upper_bytes origin; /* not NUL-terminated; len 0 with p set: the lower root */
	struct upper_bytes acl, default_acl;
	struct upper_bytes xattrs; /* for upper_xattr_next() */
};

struct upper_xattr {
	const char *name; /* NUL-terminated */
	const void *value;
	size_t size;
};

/* Read *len* bytes; *ret* points into them. -EUCLEAN: damaged or not a record; -EPROTONOSUPPORT: a newer one. */
int upper_record_decode(const void *bytes, size_t len, struct upper_record *ret);
/* The next extended attribute of *xattrs*, which moves on. False: that was the last. */
bool upper_xattr_next(struct upper_bytes *xattrs, struct upper_xattr *ret);

struct upper_buf { /* a record being written */
	uint8_t *p;
	size_t len, room;
	int err; /* the first failure: -ENOMEM, -ENOSPC (too long) */
};

/* Write everything but the extended attributes, which follow by upper_put_xattr(). */
void upper_record_begin(struct upper_buf *b, const struct upper_record *r);
void upper_put_xattr(struct upper_buf *b, const char *name, const void *value, size_t size);
/* Seal. 0 or the first error; free with upper_buf_free() either way. */
int upper_record_end(struct upper_buf *b);
void upper_buf_free(struct upper_buf *b);

struct upper_header {
	bool right; /* the figures are */
	uint64_t bytes, objects;
};
#define UPPER_HEADER_BYTES 32u
int upper_header_decode(const void *bytes, size_t len, struct upper_header *ret);
void upper_header_encode(const struct upper_header *h, uint8_t bytes[UPPER_HEADER_BYTES]);

/*
 * The host's name for a name inside (256 bytes of room), and back. *hex*: the form for names that the host refuses. -ENAMETOOLONG; back:
 * -EUCLEAN for what is no name inside.
 */
int upper_name_encode(const char *name, size_t len, bool hex, char host[256]);
int upper_name_decode(const char *host, char name[256]);

/* --- the reader: diff, apply, commit ------------------------------------------------------------------------------------------- */

struct snap_index;

struct upper_meta { /* what an object is inside */
	uint32_t mode, uid, gid, rdev_major, rdev_minor;
	uint64_t size;
	struct timespec mtime;
	char *target;	 /* symbolic links; malloc'ed; NULL otherwise */
	void *xattrs;	 /* malloc'ed copy for *names*; NULL: none */
	struct upper_bytes names; /* for upper_xattr_next(), with system.posix_acl_* among them */
};
void upper_meta_clear(struct upper_meta *m);

/* The tree below. *path* without a leading slash, "" for its root; symbolic links are never followed. */
struct upper_lower {
	void *priv;
	/* -ENOENT: there is none. What it fills is freed with upper_meta_clear(). */
	int (*stat)(struct upper_lower *l, const char *path, struct upper_meta *ret);
	/* Names in a directory, in any order, until *each* returns other than 0, which is returned. */
	int (*list)(struct upper_lower *l, const char *path, int (*each)(void *ctx, const char *name), void *ctx);
	/* Bytes of a regular file at *off*: what was read, 0 at the end. */
	ssize_t (*pread)(struct upper_lower *l, const char *path, void *buf, size_t len, uint64_t off);
	/*
	 * All names of the regular files with these inode numbers, which are sorted: *each* with its number and path; it returns 0 or
	 * a negative errno, which is returned. NULL: they are not at hand.
	 */
	int (*links)(struct upper_lower *l, const uint64_t *numbers, size_t n,
		     int (*each)(void *ctx, uint64_t number, const char *path), void *ctx);
	void (*destroy)(struct upper_lower *l);
};
/* A host directory (--rootfs, --share-cow): *dir_fd* stays the caller's. NULL: no memory. */
struct upper_lower *upper_lower_dir(int dir_fd);
/* An image: index and pack descriptors stay the caller's. */
struct upper_lower *upper_lower_snap(const struct snap_index *ix, const int *packs, unsigned n_packs);
/* Nothing below: a volume. */
struct upper_lower *upper_lower_none(void);
void upper_lower_free(struct upper_lower *l);

enum upper_kind {
	UPPER_ADDED,	/* the lower tree has nothing at this path (or something else: UPPER_CHANGED with another type) */
	UPPER_CHANGED,
	UPPER_PARENT,	/* a directory that is there only because something in it changed: docker diff's "C" */
	UPPER_DELETED,	/* with all that was in it; no meta, no data */
};

struct upper_change {
	enum upper_kind kind;
	const char *path;	/* "/etc/motd" */
	const struct upper_meta *meta, *below; /* below: what the lower tree has at this path, NULL: nothing */
	bool opaque;		/* directories: nothing of the lower one at this path is seen in it */
	bool data_changed;	/* regular files: the data is not the lower file's */
	uint64_t link_id;	/* regular files with more than one link here: same id, same file; else 0 */
	/* Data of regular files: upper_change_pread(). */
	int fd;			/* of the upper file, read-only, closed after the call; -1: below, at origin */
	const char *origin;
	struct upper_lower *lower;
};
/* Bytes of a changed regular file, wherever they lie. */
ssize_t upper_change_pread(const struct upper_change *c, void *buf, size_t len, uint64_t off);

struct upper_error {
	char text[512]; /* a sentence */
};

/*
 * Tell each change of the layer in the directory *upper_fd* over *lower*, in the order of names, directories before what is in
 * them. *each* returns 0 to go on. 0, what *each* returned, or a negative errno with a sentence. The sandbox may run: what changes meanwhile is
 * told as it was or as it is. Of a changed lower file with several names all are told if *lower* has them at hand. What a start puts into the layer is told too: /etc/hosts, /etc/hostname, /etc/resolv.conf, missing mount
 * points; docker's lists leave them out.
 */
int upper_walk(int upper_fd, struct upper_lower *lower, int (*each)(void *ctx, const struct upper_change *c), void *ctx,
	       struct upper_error *err);
