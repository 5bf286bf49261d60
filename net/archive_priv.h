/* SPDX-License-Identifier: MIT */
/* The table of an archive's members: made by archive_tar.c, searched by archive.c. */
#ifndef PICKET_NET_ARCHIVE_PRIV_H
#define PICKET_NET_ARCHIVE_PRIV_H

#include "archive.h"

#define ARCHIVE_NAME_MAX 4096u

struct entry {
	char *name;
	char *link; /* normalised target; NULL for a regular file */
	uint64_t off, size;
	size_t order;
};

struct archive {
	int fd; /* the tar, or the directory */
	bool directory;
	struct entry *entries; /* sorted by name; of equal names the last in the archive comes first */
	size_t count, room;
};

/*
 * Resolve "", "." and ".." textually, relative to the directory of `base` (NULL: the root). malloc'd; never leaves the
 * root.
 */
char *archive_normalise(const char *base, const char *name);

/* Fill the table from the tar in a->fd. source: its name, for errors. */
int archive_scan(struct archive *a, const char *source, struct snap_error *e);

/* Can it be read in place: a regular file that begins with a tar header? */
bool archive_is_tar(int fd);

/* 0, -EBADMSG at an early end, or another negative errno. */
int archive_pread(int fd, void *buf, size_t len, uint64_t off);

#endif
