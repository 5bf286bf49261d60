/* SPDX-License-Identifier: MIT */
/* What the files of the reader of layers of writes share. */
#pragma once

#include "upper.h"

/* openat2(2) beneath *dirfd*, never through a link, never a wait: a descriptor or -errno. *path* may have several components. */
int upper_open_beneath(int dirfd, const char *path, int flags);
/* Extended attributes of a host file into *b*, as items; only `user.`, which is all that a sandbox sees of host files. */
int upper_take_host_xattrs(int fd, struct upper_buf *b);
/* Move the items of *b* into *m*. */
void upper_meta_take(struct upper_meta *m, struct upper_buf *b);

/* Names of lower files that the layer has in its index, sorted. */
struct upper_links {
	struct upper_link {
		char *path; /* in the lower tree */
		uint64_t number;
	} *items;
	size_t n, room;
};

int upper_links_load(int upper_fd, struct upper_lower *lower, struct upper_links *ret);
void upper_links_free(struct upper_links *l);
/* The one with this path, or NULL. */
const struct upper_link *upper_links_find(const struct upper_links *l, const char *path);
/* The names in the lower directory *dir* that are such files or lead to some. 0, or what *each* returned. */
int upper_links_below(const struct upper_links *l, const char *dir, int (*each)(void *ctx, const char *name), void *ctx);
bool upper_number_in(const uint64_t *numbers, size_t n, uint64_t number);

