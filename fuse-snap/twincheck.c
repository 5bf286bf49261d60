/* SPDX-License-Identifier: MIT */
/* Checking the whole of a twin file, for `picket verify`. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "index.h"
#include "store_priv.h"
#include "twin.h"

static int verify_body(int fd, const struct twin_head *h)
{
	uint64_t at = TWIN_PAGE;
	uint8_t *buf = malloc(1u << 18);
	uint32_t crc = 0;
	int r = buf ? 0 : -ENOMEM;

	while (!r && at < h->file_len) {
		size_t n = h->file_len - at < (1u << 18) ? (size_t)(h->file_len - at) : 1u << 18;

		r = read_full(fd, buf, n, (int64_t)at);
		crc = snap_crc32c(crc, buf, n);
		at += n;
	}
	free(buf);
	return r ? r : crc == h->body_crc ? 0 : -EINVAL;
}

static int verify_segs(int fd, const struct twin_head *h)
{
	struct twin_seg *segs = calloc(h->n_segs ? h->n_segs : 1, sizeof(*segs));
	int r = segs ? read_full(fd, segs, h->n_segs * sizeof(*segs), (int64_t)h->segs_off) : -ENOMEM;

	if (!r && !twin_segs_check(h, segs))
		r = -EINVAL;
	free(segs);
	return r;
}

int twin_verify(int fd)
{
	struct twin_head h;
	struct stat st;
	int r = fstat(fd, &st) ? -errno : read_full(fd, &h, sizeof(h), 0);

	if (!r)
		r = twin_head_check(&h, (uint64_t)st.st_size);
	if (!r)
		r = verify_body(fd, &h);
	return r ? r : verify_segs(fd, &h);
}
