/* SPDX-License-Identifier: MIT */
/* The twins of a layer that is about to be published: of every program and library in its tree that is worth it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layertwins.h"
#include "store_priv.h"
#include "twinwrite.h"

#define HEAD_LEN 64u /* of an ELF file */

struct layer_twins {
	const struct store *store;
	const struct tree_meta *meta;
	struct twin_writer *w;
	int *fds; /* of the packs; -1: not opened yet, -2: it cannot be */
};

static int pack_of(struct layer_twins *lt, uint32_t pack)
{
	struct digest id;

	if (pack >= lt->meta->pack_count)
		return -1;
	if (lt->fds[pack] == -1) {
		memcpy(id.b, lt->meta->packs[pack].layer, sizeof(id.b));
		if (store_open_pack(lt->store, &id, &lt->fds[pack], NULL))
			lt->fds[pack] = -2;
	}
	return lt->fds[pack] < 0 ? -1 : lt->fds[pack];
}

/* The data lie in one extent: else they cannot be mapped from the pack either. */
static int add_file(struct layer_twins *lt, const struct tree_node *n)
{
	const struct snap_extent *x = n->extents;
	uint8_t head[HEAD_LEN], *map;
	struct stat st;
	int fd, r;

	if (n->extent_count != 1 || x->file_off || x->len != n->size || n->size < TWIN_PAGE)
		return 0;
	fd = pack_of(lt, x->pack);
	if (fd < 0 || read_full(fd, head, sizeof(head), (int64_t)x->pack_off) || !twin_worth_a_look(head, sizeof(head)))
		return 0;
	if (fstat(fd, &st) || x->len > (uint64_t)st.st_size || x->pack_off > (uint64_t)st.st_size - x->len)
		return 0;
	map = mmap(NULL, x->len, PROT_READ, MAP_PRIVATE, fd, (off_t)x->pack_off);
	if (map == MAP_FAILED)
		return -errno;
	r = twin_add(lt->w, map, x->len, x->pack, x->pack_off);
	munmap(map, x->len);
	return r;
}

static int add_dir(struct layer_twins *lt, const struct tree_node *dir)
{
	int r = 0;

	for (const struct tree_entry *e = dir->entries; e && !r; e = e->next) {
		if (!e->node)
			continue;
		if (S_ISDIR(e->node->mode))
			r = add_dir(lt, e->node);
		else if (S_ISREG(e->node->mode))
			r = add_file(lt, e->node);
	}
	return r;
}

static int finish(struct layer_twins *lt)
{
	const struct tree_meta *m = lt->meta;
	uint8_t (*packs)[32] = calloc(m->pack_count ? m->pack_count : 1, sizeof(*packs));
	int r = packs ? 0 : -ENOMEM;

	for (uint32_t i = 0; !r && i < m->pack_count; i++)
		memcpy(packs[i], m->packs[i].layer, sizeof(packs[i]));
	if (!r)
		r = twin_finish(lt->w, NULL, m->id.b, packs, m->pack_count);
	free(packs);
	return r;
}

int layer_twins_write(const struct store *s, struct tree *tree, const struct tree_meta *meta, int pack_fd, int fd)
{
	struct layer_twins lt = {.store = s, .meta = meta, .w = twin_writer_new(fd),
		.fds = calloc(meta->pack_count ? meta->pack_count : 1, sizeof(int))};
	int r = lt.w && lt.fds ? 0 : -ENOMEM, count = 0;

	for (uint32_t i = 0; !r && i < meta->pack_count; i++)
		lt.fds[i] = digest_is_zero((const struct digest *)meta->packs[i].layer) ? pack_fd : -1;
	if (!r)
		r = add_dir(&lt, tree_root(tree));
	if (!r && twin_count(lt.w)) {
		r = finish(&lt);
		count = 1;
	}
	for (uint32_t i = 0; lt.fds && i < meta->pack_count; i++)
		if (lt.fds[i] >= 0 && lt.fds[i] != pack_fd)
			close(lt.fds[i]);
	free(lt.fds);
	twin_writer_free(lt.w);
	return r ? r : count;
}
