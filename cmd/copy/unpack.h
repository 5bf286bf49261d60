/* SPDX-License-Identifier: MIT */
/*
 * A tar archive as files below a directory. The archive is hostile, and so may be others who change the tree meanwhile:
 * each name is opened beneath the directory without following any symbolic link.
 */
#ifndef PICKET_CMD_UNPACK_H
#define PICKET_CMD_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse-snap/error.h"

enum unpack_owner {
	UNPACK_OWNER_KEEP,    /* whoever unpacks: nothing is changed */
	UNPACK_OWNER_ROOT,    /* 0:0 */
	UNPACK_OWNER_ARCHIVE, /* as the archive says */
};

struct unpack_options {
	const char *from; /* the only top name that the archive may have; "." or NULL: any */
	const char *to;	  /* what it is called below the directory; NULL: the same. With "." a directory for all */
	enum unpack_owner owner;
	bool devices;	   /* make device nodes; else they are left out with a warning */
	bool special_bits; /* set-user-ID and kin are kept */
	bool xattrs;
	void (*progress)(void *arg);		   /* or NULL */
	void (*warn)(void *arg, const char *text); /* or NULL */
	void *arg;
};

struct unpack;

/* *dirfd* stays the caller's, who keeps it open. NULL: no memory. */
struct unpack *unpack_new(int dirfd, const struct unpack_options *opt);
/* The next bytes of the archive: 0, or a negative errno with a sentence. */
int unpack_feed(struct unpack *u, const void *data, size_t len, struct snap_error *e);
/* The archive has ended. -EBADMSG: in the middle. -ENOENT: there was nothing in it. */
int unpack_finish(struct unpack *u, struct snap_error *e);
/* The type of the first entry, as in tar; 0: none has come. */
char unpack_first(const struct unpack *u);
uint64_t unpack_bytes(const struct unpack *u); /* of files, so far */
void unpack_free(struct unpack *u);

#endif
