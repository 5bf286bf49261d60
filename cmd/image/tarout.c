/* SPDX-License-Identifier: MIT */
/* Archives of images and layers into a file. */
#include "cmd/image/tarout.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void tarout_begin(struct tarout *t, int fd, struct sha256 *hash)
{
	t->fd = fd;
	t->hash = hash;
	t->len = t->used = 0;
	t->err = 0;
}

int tarout_flush(struct tarout *t)
{
	size_t done = 0;

	if (t->hash)
		sha256_update(t->hash, t->buf, t->used);
	while (!t->err && t->fd >= 0 && done < t->used) {
		ssize_t n = write(t->fd, t->buf + done, t->used - done);

		if (n < 0 && errno != EINTR)
			t->err = errno;
		done += n > 0 ? (size_t)n : 0;
	}
	t->used = 0;
	return -t->err;
}

void tarout_data(struct tarout *t, const void *data, size_t len)
{
	const char *p = data;

	t->len += len;
	while (len) {
		size_t n = sizeof(t->buf) - t->used < len ? sizeof(t->buf) - t->used : len;

		memcpy(t->buf + t->used, p, n);
		t->used += n;
		p += n;
		len -= n;
		if (t->used == sizeof(t->buf) && tarout_flush(t))
			return;
	}
}

void tarout_zeros(struct tarout *t, uint64_t len)
{
	static const char zeros[4096];

	while (len && !t->err) {
		size_t n = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);

		tarout_data(t, zeros, n);
		len -= n;
	}
}

void tarout_pad(struct tarout *t)
{
	tarout_zeros(t, (TAR_BLOCK - t->len % TAR_BLOCK) % TAR_BLOCK);
}

void tarout_entry(struct tarout *t, const struct tar_entry *e)
{
	struct tar_head h = {0};

	if (tar_head_make(&h, e) && !t->err)
		t->err = ENOMEM;
	tarout_data(t, h.data, h.len);
	tar_head_free(&h);
}

void tarout_file(struct tarout *t, const char *path, const void *data, size_t len)
{
	const struct tar_entry e = {.type = '0', .path = path, .mode = 0644, .size = len};

	tarout_entry(t, &e);
	tarout_data(t, data, len);
	tarout_pad(t);
}

int tarout_end(struct tarout *t)
{
	tarout_zeros(t, 2 * TAR_BLOCK);
	return tarout_flush(t);
}
