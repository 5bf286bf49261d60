/* SPDX-License-Identifier: MIT */
/*
 * A push parser of tar archives: ustar, pax, GNU, V7 (tar(5), POSIX.1-2017 pax). Bytes go in, entries and data come out
 * by callbacks. The archive is hostile: every number is checked for overflow, every length is bounded.
 */
#ifndef PICKET_SNAP_TAR_H
#define PICKET_SNAP_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define TAR_BLOCK 512u
#define TAR_PATH_MAX 4096u	    /* with the terminator */
#define TAR_META_MAX (1u << 20)	    /* bytes of one pax header or long name */
#define TAR_XATTR_MAX 65536u	    /* as XATTR_SIZE_MAX */
#define TAR_XATTR_COUNT 64u	    /* of one entry */
#define TAR_SEGMENTS_MAX (1u << 20) /* of one sparse file */
#define TAR_SIZE_MAX (INT64_C(1) << 56)

struct tar_xattr {
	const char *name; /* terminated */
	const void *value;
	size_t len;
};

/* A piece of a sparse file that holds data. */
struct tar_segment {
	uint64_t off;
	uint64_t len;
};

struct tar_entry {
	char type; /* '0' regular, '1' hard link, '2' symlink, '3' char, '4' block, '5' directory, '6' fifo */
	const char *path;
	const char *link; /* target of a link */
	uint32_t mode;	  /* permission bits, 07777 */
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint64_t size;			    /* of the file */
	uint64_t stored;		    /* bytes of data that follow */
	bool sparse;			    /* the data are the segments' */
	const struct tar_segment *segments; /* stays until the file is done; the rest only during the call */
	size_t segment_count;
	const struct tar_xattr *xattrs;
	size_t xattr_count;
};

struct tar_ops {
	int (*entry)(void *arg, const struct tar_entry *en, struct snap_error *e);
	int (*data)(void *arg, const void *data, size_t len, struct snap_error *e); /* regular files only */
	int (*done)(void *arg, struct snap_error *e); /* all data of a regular file came */
};

struct tar;

/** tar_new - NULL when out of memory. @ops and @arg are borrowed. */
struct tar *tar_new(const struct tar_ops *ops, void *arg);
void tar_free(struct tar *t);

/** tar_feed - the next bytes. Returns 0, -EBADMSG, -ENOMEM, or what a callback returned; then the parser is done for.
 */
int tar_feed(struct tar *t, const void *data, size_t len, struct snap_error *e);

/** tar_finish - the archive has ended: -EBADMSG if inside an entry. */
int tar_finish(struct tar *t, struct snap_error *e);

#endif
