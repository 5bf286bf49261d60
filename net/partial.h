/* SPDX-License-Identifier: MIT */
/*
 * Partial downloads: STORE/partial/HEX holds the first bytes of the blob with that digest. A flock on the file also
 * makes one process at a time fetch a layer. See docs/registry.md.
 */
#ifndef PICKET_NET_PARTIAL_H
#define PICKET_NET_PARTIAL_H

#include "fuse-snap/store.h"

struct partial {
	int dir_fd;
	int fd;
	char name[DIGEST_HEX_LEN + 1];
	uint64_t have; /* bytes in the file when it was opened */
};

/*
 * Open and lock the file of a blob. Returns 0; -EAGAIN if another process holds it; another negative errno. If it holds
 * more than `size` bytes it is emptied.
 */
int partial_open(struct partial *p, const struct store *s, const struct digest *d, uint64_t size, struct snap_error *e);

/* Add bytes at the end. A failure to do so is not one of the pull: nothing more is kept then. */
void partial_append(struct partial *p, const void *data, size_t len);

/* Forget what it holds, keep it open. */
void partial_empty(struct partial *p);

/* Unlock; remove the file unless `keep`. */
void partial_close(struct partial *p, bool keep);

/* Remove the file of a blob whose layer the store has: a kill may have come between the two. */
void partial_drop(const struct store *s, const struct digest *d);

/* Remove the files that nobody uses and nobody has written to for `age` seconds. */
void partial_clean(const struct store *s, int64_t age);

#endif
