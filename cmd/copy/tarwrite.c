/* SPDX-License-Identifier: MIT */
/* The writer of tar archives. */
#include "cmd/copy/tarwrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OUT_SIZE (256u << 10)

int tar_out_init(struct tar_out *o, int (*write)(void *arg, const void *data, size_t len), void *arg)
{
	*o = (struct tar_out){.write = write, .arg = arg, .buf = malloc(OUT_SIZE)};
	return o->buf ? 0 : -ENOMEM;
}

void tar_out_free(struct tar_out *o)
{
	tar_head_free(&o->head);
	free(o->buf);
	o->buf = NULL;
}

static int flush(struct tar_out *o)
{
	int r = o->n ? o->write(o->arg, o->buf, o->n) : 0;

	o->n = 0;
	return r;
}

static int put(struct tar_out *o, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		size_t room = OUT_SIZE - o->n, n = len < room ? len : room;
		int r;

		if (p) {
			memcpy(o->buf + o->n, p, n);
			p += n;
		} else {
			memset(o->buf + o->n, 0, n);
		}
		o->n += n;
		len -= n;
		r = o->n == OUT_SIZE ? flush(o) : 0;
		if (r)
			return r;
	}
	return 0;
}

static int put_padding(struct tar_out *o, uint64_t size)
{
	return put(o, NULL, -size & (TAR_BLOCK - 1));
}

int tar_out_entry(struct tar_out *o, const struct tar_entry *en)
{
	int r = tar_head_make(&o->head, en);

	if (r)
		return r;
	o->left = o->size = en->type == '0' ? en->size : 0;
	o->total += o->size;
	return put(o, o->head.data, o->head.len);
}

int tar_out_data(struct tar_out *o, const void *data, size_t len)
{
	size_t n = len < o->left ? len : (size_t)o->left;

	o->left -= n;
	return put(o, data, n);
}

int tar_out_end_file(struct tar_out *o)
{
	while (o->left) {
		size_t n = o->left < 65536 ? (size_t)o->left : 65536;
		int r = put(o, NULL, n);

		if (r)
			return r;
		o->left -= n;
	}
	return put_padding(o, o->size);
}

int tar_out_finish(struct tar_out *o)
{
	int r = put(o, NULL, 2 * TAR_BLOCK);

	return r ? r : flush(o);
}
