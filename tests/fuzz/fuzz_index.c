/* SPDX-License-Identifier: MIT */
/* libFuzzer: an index of any bytes. Checksums are put right first, or nothing would get past them. */
#include <stdlib.h>
#include <string.h>

#include "fuse-snap/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fix_sums(uint8_t *p, size_t len)
{
	struct snap_super sb;

	memcpy(&sb, p, sizeof(sb));
	memcpy(sb.magic, SNAP_MAGIC, sizeof(sb.magic));
	sb.version = SNAP_VERSION;
	sb.file_len = len;
	sb.body_crc = snap_crc32c(0, p + sizeof(sb), len - sizeof(sb));
	sb.super_crc = snap_crc32c(0, &sb, offsetof(struct snap_super, super_crc));
	memcpy(p, &sb, sizeof(sb));
}

static void touch(const void *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum ^= ((const uint8_t *)p)[i];
	__asm__ volatile("" : : "r"(sum)); /* not to be optimised away */
}

static void use_inode(const struct snap_index *ix, uint32_t ino)
{
	const char *name;
	const void *value;
	struct snap_entry e;
	struct snap_run run;
	size_t nl, vl;

	for (uint32_t i = 0; i < 64 && !snap_entry_at(ix, ino, i, &e); i++) {
		touch(e.name, e.name_len);
		snap_lookup(ix, ino, e.name, e.name_len, &e);
	}
	if (!snap_readlink(ix, ino, &name, &nl))
		touch(name, nl);
	for (uint64_t off = 0, i = 0; i < 64 && !snap_data_at(ix, ino, off, &run) && run.len; i++) {
		if (!run.hole && (run.pack >= ix->pack_count || run.pack_off + run.len > ix->packs[run.pack].size))
			abort();
		off += run.len;
	}
	for (uint32_t i = 0; i < 64 && !snap_xattr_at(ix, ino, i, &name, &nl, &value, &vl); i++) {
		touch(name, nl);
		touch(value, vl);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snap_index ix;
	const char *why;
	uint8_t *copy;

	if (len < sizeof(struct snap_super))
		return 0;
	copy = malloc(len);
	if (!copy)
		return 0;
	memcpy(copy, data, len);
	fix_sums(copy, len);
	if (!snap_index_open(copy, len, &ix)) {
		for (uint32_t ino = 0; ino <= ix.inode_count + 1 && ino < 256; ino++)
			use_inode(&ix, ino);
		snap_index_check(&ix, &why);
	}
	free(copy);
	return 0;
}
