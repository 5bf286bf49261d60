/* SPDX-License-Identifier: MIT */
/*
 * Getting at the descriptors of an image: through picket-snapd (FUSE) where the host allows it, else from the store.
 * Links libc alone.
 */
#ifndef PICKET_SNAP_CLIENT_H
#define PICKET_SNAP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

enum snap_via {
	SNAP_VIA_FILES, /* descriptors of the pack files themselves */
	SNAP_VIA_FUSE,	/* descriptors of files in picket-snapd's FUSE mount */
};

struct snap_image {
	int index_fd;  /* O_RDONLY; holds the image's shared lock: keep it, or a copy, as long as the image is used */
	int *pack_fds; /* O_RDONLY, by number in the index's pack table */
	uint32_t pack_count;
	int conn_fd; /* connection that keeps picket-snapd alive; keep it open as long as pack_fds are used; -1: none */
	enum snap_via via;
	char why[256]; /* with SNAP_VIA_FILES: why not FUSE, for `picket info`; else "" */
};

#define SNAP_OPEN_NO_FUSE 1u /* do not try picket-snapd */

/**
 * snap_open_image - descriptors of the index and the packs of an image
 * @snapd: path of the picket-snapd program; NULL: beside the running program, then the libexec directory
 *
 * All descriptors are close-on-exec. Starts picket-snapd if it is not running for this image.
 * Returns 0, -ENOENT ...; whatever goes wrong on the way through FUSE leads to SNAP_VIA_FILES, not to an error.
 */
int snap_open_image(struct store *s, const struct digest *chainid, const char *snapd, unsigned int flags,
	struct snap_image *out, struct snap_error *e);
void snap_close_image(struct snap_image *img);

/**
 * snap_mount_image - show the tree of an image, read-only, at directory @dir, until it is unmounted
 * @snapd: as for snap_open_image; @name: what the kernel's list of mounts shows as the source
 *
 * Returns when it is there. The mount goes with its server. Needs fusermount3.
 */
int snap_mount_image(struct store *s, const struct digest *chainid, const char *snapd, const char *name,
	const char *dir, struct snap_error *e);

/** snap_umount - take such a mount off again. */
int snap_umount(const char *dir, struct snap_error *e);

/**
 * snap_runtime_dir - $XDG_RUNTIME_DIR/picket, or /tmp/picket-UID where that cannot be had, made with mode 700 if
 * absent, owner and mode checked
 *
 * Returns 0 or -EPERM (belongs to somebody else, open to others), -ENAMETOOLONG.
 */
int snap_runtime_dir(char *buf, size_t len, struct snap_error *e);

/** snap_runtime_fallback - the second of the two alone, not made or looked at. Returns 0 or -ENAMETOOLONG. */
int snap_runtime_fallback(char *buf, size_t len);

/** snap_clean_runtime - remove sockets and locks of servers that were killed from the runtime directory */
void snap_clean_runtime(void);

#endif
