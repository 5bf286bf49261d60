/* SPDX-License-Identifier: MIT */
/* The twins of a layer: of every program and library in it that is worth it; when it is published, or later when what is there is too old. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layertwins.h"
#include "store_priv.h"
#include "twinwrite.h"

#define HEAD_LEN 64u /* of an ELF file */

struct layer_twins {
	const struct store *store;
	const struct snap_index *ix;
	struct twin_writer *w;
	int *fds; /* of the packs; -1: not opened yet, -2: it cannot be */
};

static int pack_of(struct layer_twins *lt, uint32_t pack)
{
	struct digest id;

	if (pack >= lt->ix->pack_count)
		return -1;
	if (lt->fds[pack] == -1) {
		memcpy(id.b, lt->ix->packs[pack].layer, sizeof(id.b));
		if (store_open_pack(lt->store, &id, &lt->fds[pack], NULL))
			lt->fds[pack] = -2;
	}
	return lt->fds[pack] < 0 ? -1 : lt->fds[pack];
}

/* The data lie in one extent: else they cannot be mapped from the pack either. */
static int add_file(struct layer_twins *lt, const struct snap_inode *in)
{
	const struct snap_extent *x = &lt->ix->extents[in->first];
	uint8_t head[HEAD_LEN], *map;
	struct stat st;
	int fd, r;

	if (x->file_off || x->len != in->size || in->size < TWIN_PAGE)
		return 0;
	fd = pack_of(lt, x->pack);
	if (fd < 0 || read_full(fd, head, sizeof(head), (int64_t)x->pack_off) || !twin_worth_a_look(head, sizeof(head)))
		return 0;
	if (x->pack_off % TWIN_PAGE || fstat(fd, &st) || x->len > (uint64_t)st.st_size || x->pack_off > (uint64_t)st.st_size - x->len)
		return 0;
	map = mmap(NULL, x->len, PROT_READ, MAP_PRIVATE, fd, (off_t)x->pack_off);
	if (map == MAP_FAILED)
		return -errno;
	r = twin_add(lt->w, map, x->len, x->pack, x->pack_off);
	munmap(map, x->len);
	return r;
}

static int finish(struct layer_twins *lt)
{
	const struct snap_index *ix = lt->ix;
	uint8_t (*packs)[32] = calloc(ix->pack_count ? ix->pack_count : 1, sizeof(*packs));
	int r = packs ? 0 : -ENOMEM;

	for (uint32_t i = 0; !r && i < ix->pack_count; i++)
		memcpy(packs[i], ix->packs[i].layer, sizeof(packs[i]));
	if (!r)
		r = twin_finish(lt->w, NULL, ix->super->id, packs, ix->pack_count);
	free(packs);
	return r;
}

int layer_twins_write(const struct store *s, const struct snap_index *ix, int pack_fd, int fd)
{
	struct layer_twins lt = {.store = s, .ix = ix, .w = twin_writer_new(fd), .fds = calloc(ix->pack_count ? ix->pack_count : 1, sizeof(int))};
	int r = lt.w && lt.fds ? 0 : -ENOMEM;

	for (uint32_t i = 0; !r && i < ix->pack_count; i++)
		lt.fds[i] = digest_is_zero((const struct digest *)ix->packs[i].layer) ? pack_fd : -1;
	for (uint32_t ino = 1; !r && ino <= ix->inode_count; ino++) {
		const struct snap_inode *in = snap_inode_get(ix, ino);

		if (S_ISREG(in->mode) && !(in->flags & SNAP_INODE_LINK) && in->count == 1 && in->first < ix->extent_count)
			r = add_file(&lt, in);
	}
	if (!r)
		r = finish(&lt);
	for (uint32_t i = 0; lt.fds && i < ix->pack_count; i++)
		if (lt.fds[i] >= 0 && lt.fds[i] != pack_fd)
			close(lt.fds[i]);
	free(lt.fds);
	twin_writer_free(lt.w);
	return r;
}

/* ---- Anew ---- */

/* An unnamed file in the layer's directory, whole and on disk, or a negative errno. */
static int make_unnamed(const struct store *s, const struct digest *id, const struct snap_index *ix)
{
	int pack, fd, r = store_open_pack(s, id, &pack, NULL);

	if (r)
		return r;
	fd = openat(s->dirfd, store_name(STORE_LAYERS, id, NULL).s, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : layer_twins_write(s, ix, pack, fd);
	close(pack);
	if (fd >= 0 && !r && fdatasync(fd))
		r = -errno;
	if (fd >= 0 && r)
		close(fd);
	return r ? r : fd;
}

void layer_twins_renew(const struct store *s, const struct digest *id)
{
	struct store_name name = store_name(STORE_LAYERS, id, "twins");
	int index = openat(s->dirfd, store_name(STORE_LAYERS, id, "index").s, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), fd;
	struct mapped_index m;
	char path[32];

	/* The lock is for this alone: two at once would do the same. */
	if (index < 0 || store_flock(index, LOCK_EX | LOCK_NB) || store_map_fd(index, &m)) {
		if (index >= 0)
			close(index);
		return;
	}
	fd = make_unnamed(s, id, &m.ix);
	store_unmap_index(&m);
	if (fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if ((unlinkat(s->dirfd, name.s, 0) && errno != ENOENT) || linkat(AT_FDCWD, path, s->dirfd, name.s, AT_SYMLINK_FOLLOW))
			errno = 0; /* the layer does without */
		close(fd);
	}
	close(index);
}
