/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: a layer of any bytes, through the parser and the tree. The first byte says in what pieces it is fed.
 * Checksums of headers are put right wherever a block looks like one.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse-snap/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct store *store;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char dir[] = "/dev/shm/picket-fuzz-XXXXXX";
	struct snap_error e;

	if (!mkdtemp(dir) || store_open(dir, &store, &e))
		abort();
	return 0;
}

static void fix_checksum(uint8_t *h)
{
	unsigned int sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	for (int i = 5; i >= 0; i--, sum >>= 3)
		h[148 + i] = (uint8_t)('0' + (sum & 7));
	h[154] = 0;
}

static bool looks_like_header(const uint8_t *h)
{
	return h[148] >= '0' && h[148] <= '7' && h[0];
}

static void feed(struct layer_writer *w, const uint8_t *p, size_t len, size_t piece)
{
	struct snap_error e;
	struct digest d = {{1}};

	while (len) {
		size_t n = len < piece ? len : piece;

		if (layer_writer_feed(w, p, n, &e)) {
			layer_writer_abort(w);
			return;
		}
		p += n;
		len -= n;
	}
	if (!layer_writer_finish(w, &d, NULL, &e) && store_verify(store, NULL, NULL, &e))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct layer_writer *w;
	struct store_txn *t;
	struct store_gc_stats st;
	struct snap_error e;
	uint8_t *copy;

	if (len < 1)
		return 0;
	copy = malloc(len);
	if (!copy || store_begin(store, &t, &e))
		abort();
	memcpy(copy, data + 1, len - 1);
	for (size_t at = 0; at + 512 <= len - 1; at += 512)
		if (looks_like_header(copy + at))
			fix_checksum(copy + at);
	if (!layer_writer_new(t, NULL, 0, &w, &e))
		feed(w, copy, len - 1, data[0] ? data[0] * 7u : SIZE_MAX / 2);
	free(copy);
	store_end(t);
	store_collect(store, &st, &e);
	return 0;
}
