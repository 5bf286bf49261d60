/* SPDX-License-Identifier: MIT */
/* What a sandbox knows of its twins: twin.c looks up, twin_read.c fills at set-up. */
#pragma once

#include "fuse-snap/twin.h"
#include "host/file.h"
#include "lib/list.h"
#include "mm/twin.h"

#include <stdatomic.h>

#define NO_PACK UINT32_MAX

struct seg {
	struct twin twin;
	uint32_t pack; /* of the image; NO_PACK: none of its */
	uint32_t crc;
	uint64_t off, sites_off;
	_Atomic(struct rewrite_site *) sites; /* NULL until asked for */
};

struct twin_store { /* a twin file */
	struct list_head link;
	bool of_file;
	struct twin_file of;
	uint32_t n;
	struct seg segs[];
};

struct twins {
	struct list_head stores; /* never changes after set-up */
};

static inline bool twin_read_all(int fd, void *buf, size_t len, uint64_t off)
{
	return host_pread(fd, buf, len, off) == (ssize_t)len;
}
