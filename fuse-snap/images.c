/* SPDX-License-Identifier: MIT */
/* Published layers and images: finding and opening them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_priv.h"

bool store_has_layer(const struct store *s, const struct digest *diffid)
{
	return store_exists(s, store_name(STORE_LAYERS, diffid, "index").s);
}

bool store_has_image(const struct store *s, const struct digest *chainid)
{
	return store_exists(s, store_name(STORE_IMAGES, chainid, "index").s);
}

/* ChainID(L0) = L0; ChainID(L0|...|Ln) = SHA256(ChainID(L0|...|Ln-1) " " Ln), of their texts. */
void store_chain_id(const struct digest *diffids, size_t n, struct digest *ret)
{
	char text[2 * DIGEST_TEXT_LEN + 2];
	struct digest id;

	if (!n) {
		sha256_of("", 0, ret);
		return;
	}
	id = diffids[0];
	for (size_t i = 1; i < n; i++) {
		digest_text(&id, text);
		text[DIGEST_TEXT_LEN] = ' ';
		digest_text(&diffids[i], text + DIGEST_TEXT_LEN + 1);
		sha256_of(text, 2 * DIGEST_TEXT_LEN + 1, &id);
	}
	*ret = id;
}

/* A collection may have taken the image away between open and lock: then it has no name any more. */
static int lock_index(int fd)
{
	struct stat st;
	int r = store_flock(fd, LOCK_SH);

	if (!r && fstat(fd, &st))
		r = -errno;
	return !r && !st.st_nlink ? -ENOENT : r;
}

int store_open_image_index(const struct store *s, const struct digest *chainid, int *ret_fd, struct snap_error *e)
{
	struct store_name n = store_name(STORE_IMAGES, chainid, "index");
	char text[DIGEST_TEXT_LEN + 1];
	int fd = openat(s->dirfd, n.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int r = fd < 0 ? -errno : lock_index(fd);

	if (r) {
		if (fd >= 0)
			close(fd);
		return snap_fail_errno(
			e, -r, "cannot open image %s of the store in %s", digest_text(chainid, text), s->path);
	}
	*ret_fd = fd;
	return 0;
}

int store_open_pack(const struct store *s, const struct digest *diffid, int *ret_fd, struct snap_error *e)
{
	struct store_name n = store_name(STORE_LAYERS, diffid, "pack");
	char text[DIGEST_TEXT_LEN + 1];
	int fd = openat(s->dirfd, n.s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return snap_fail_errno(
			e, errno, "cannot open layer %s of the store in %s", digest_text(diffid, text), s->path);
	*ret_fd = fd;
	return 0;
}

int store_image_size(const struct store *s, const struct digest *chainid, uint64_t *ret, struct snap_error *e)
{
	struct mapped_index m;
	char text[DIGEST_TEXT_LEN + 1];
	int r = store_map_index(s, store_name(STORE_IMAGES, chainid, "index").s, &m);

	if (r)
		return snap_fail_errno(
			e, -r, "cannot read image %s of the store in %s", digest_text(chainid, text), s->path);
	*ret = m.ix.super->data_bytes;
	store_unmap_index(&m);
	return 0;
}

int store_layer_size(const struct store *s, const struct digest *diffid, uint64_t *ret, struct snap_error *e)
{
	struct mapped_index m;
	char text[DIGEST_TEXT_LEN + 1];
	int r = store_map_index(s, store_name(STORE_LAYERS, diffid, "index").s, &m);

	if (r)
		return snap_fail_errno(
			e, -r, "cannot read layer %s of the store in %s", digest_text(diffid, text), s->path);
	*ret = m.ix.super->data_bytes;
	store_unmap_index(&m);
	return 0;
}

int store_image_layers(const struct store *s, const struct digest *chain, struct digest **ret, size_t *n)
{
	struct digest *ids;
	size_t len, count;
	char *text;
	void *p;
	int r = store_read_file(s, store_name(STORE_IMAGES, chain, "layers").s, 1u << 20, &p, &len);

	if (r)
		return r;
	text = p;
	count = len / (DIGEST_HEX_LEN + 1);
	ids = calloc(count ? count : 1, sizeof(*ids));
	r = ids ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && !r; i++) {
		char *line = text + i * (DIGEST_HEX_LEN + 1);

		if (line[DIGEST_HEX_LEN] != '\n')
			r = -EUCLEAN;
		line[DIGEST_HEX_LEN] = 0;
		if (digest_parse(line, &ids[i]))
			r = -EUCLEAN;
	}
	free(text);
	if (r) {
		free(ids);
		return r;
	}
	*ret = ids;
	*n = count;
	return 0;
}
