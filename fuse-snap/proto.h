/* SPDX-License-Identifier: MIT */
/* Between client.c and picket-snapd: one message, or more when there are more packs than fit. Same machine, same build.
 */
#ifndef PICKET_SNAP_PROTO_H
#define PICKET_SNAP_PROTO_H

#include <stdint.h>

#define SNAPD_MAGIC 0x31646e73u /* "snd1" */
#define SNAPD_FDS_MAX 200u	/* descriptors in one message; the kernel's limit is 253 */
#define SNAPD_LISTEN 3		/* descriptor of the listening socket in a fresh picket-snapd */
#define SNAPD_LOCK 4		/* of its lock file: an open file description of its own, not locked */
#define SNAPD_DIR 5		/* of the runtime directory that both lie in */

/* The answer to a connection, sent without being asked. Descriptors travel beside it, in the order of the pack table.
 */
struct snapd_msg {
	uint32_t magic;
	uint32_t err;	/* 0, or an errno: no descriptors come, and why says what failed */
	uint32_t total; /* packs in all */
	uint32_t first; /* number of the first of this message */
	uint32_t count; /* descriptors beside this message */
	char why[236];
};

#endif
