/* SPDX-License-Identifier: MIT */
/* Reading an index in place. No offset or count in it is believed before it has been compared with its section. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "index.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the index is read in place: little-endian processors only"
#endif

_Static_assert(sizeof(struct snap_super) == 184, "superblock");
_Static_assert(sizeof(struct snap_inode) == 72, "inode record");
_Static_assert(sizeof(struct snap_dirent) == 16, "directory entry record");
_Static_assert(sizeof(struct snap_extent) == 32, "extent record");
_Static_assert(sizeof(struct snap_xattr) == 16, "xattr record");
_Static_assert(sizeof(struct snap_pack) == 40, "pack record");
_Static_assert(sizeof(struct snap_print) == 32, "print record");

struct section_rule {
	uint32_t record; /* bytes of one record */
	uint64_t max;	 /* records */
};

static const struct section_rule rules[SNAP_SEC_COUNT] = {
	[SNAP_SEC_INODES] = {sizeof(struct snap_inode), SNAP_MAX_INODES},
	[SNAP_SEC_DIRENTS] = {sizeof(struct snap_dirent), SNAP_MAX_DIRENTS},
	[SNAP_SEC_EXTENTS] = {sizeof(struct snap_extent), UINT32_MAX},
	[SNAP_SEC_XATTRS] = {sizeof(struct snap_xattr), UINT32_MAX},
	[SNAP_SEC_PACKS] = {sizeof(struct snap_pack), SNAP_MAX_PACKS},
	[SNAP_SEC_PRINTS] = {sizeof(struct snap_print), SNAP_MAX_INODES},
	[SNAP_SEC_BYTES] = {1, UINT32_MAX},
};

uint32_t snap_name_hash(const char *name, size_t len)
{
	uint64_t h = 0x9e3779b97f4a7c15u ^ len, v;

	for (; len >= 8; len -= 8, name += 8) {
		memcpy(&v, name, 8);
		h = (h ^ v) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	v = 0;
	memcpy(&v, name, len);
	h = (h ^ v) * 0xff51afd7ed558ccdu;
	return (uint32_t)(h ^ (h >> 32));
}

static bool section_ok(const struct snap_super *sb, int i, size_t len)
{
	const struct snap_section *s = &sb->sec[i];
	uint64_t end;

	if (__builtin_add_overflow(s->off, s->len, &end) || end > len)
		return false;
	if (s->off < sizeof(*sb) || s->off % 8)
		return false;
	return s->len % rules[i].record == 0 && s->len / rules[i].record <= rules[i].max;
}

int snap_index_open(const void *map, size_t len, struct snap_index *out)
{
	const struct snap_super *sb = map;
	const uint8_t *base = map;
	struct snap_index ix = {.base = base, .super = sb};

	if (len < sizeof(*sb) || (uintptr_t)map % 8 || memcmp(sb->magic, SNAP_MAGIC, sizeof(sb->magic)))
		return -EINVAL;
	if (sb->version != SNAP_VERSION)
		return -EPROTONOSUPPORT;
	if (sb->file_len != len || sb->super_crc != snap_crc32c(0, sb, offsetof(struct snap_super, super_crc)))
		return -EINVAL;
	for (int i = 0; i < SNAP_SEC_COUNT; i++)
		if (!section_ok(sb, i, len))
			return -EINVAL;

	ix.inodes = (const void *)(base + sb->sec[SNAP_SEC_INODES].off);
	ix.dirents = (const void *)(base + sb->sec[SNAP_SEC_DIRENTS].off);
	ix.extents = (const void *)(base + sb->sec[SNAP_SEC_EXTENTS].off);
	ix.xattrs = (const void *)(base + sb->sec[SNAP_SEC_XATTRS].off);
	ix.packs = (const void *)(base + sb->sec[SNAP_SEC_PACKS].off);
	ix.prints = (const void *)(base + sb->sec[SNAP_SEC_PRINTS].off);
	ix.bytes = (const void *)(base + sb->sec[SNAP_SEC_BYTES].off);
	ix.inode_count = (uint32_t)(sb->sec[SNAP_SEC_INODES].len / sizeof(*ix.inodes));
	ix.dirent_count = (uint32_t)(sb->sec[SNAP_SEC_DIRENTS].len / sizeof(*ix.dirents));
	ix.extent_count = (uint32_t)(sb->sec[SNAP_SEC_EXTENTS].len / sizeof(*ix.extents));
	ix.xattr_count = (uint32_t)(sb->sec[SNAP_SEC_XATTRS].len / sizeof(*ix.xattrs));
	ix.pack_count = (uint32_t)(sb->sec[SNAP_SEC_PACKS].len / sizeof(*ix.packs));
	ix.print_count = (uint32_t)(sb->sec[SNAP_SEC_PRINTS].len / sizeof(*ix.prints));
	ix.bytes_len = sb->sec[SNAP_SEC_BYTES].len;
	if (!ix.inode_count || !S_ISDIR(ix.inodes[0].mode))
		return -EINVAL;
	*out = ix;
	return 0;
}

const struct snap_inode *snap_inode_get(const struct snap_index *ix, uint32_t ino)
{
	return ino && ino <= ix->inode_count ? &ix->inodes[ino - 1] : NULL;
}

/* Whether records [first, first + count) exist in a table of @total. */
static bool range_ok(uint32_t first, uint32_t count, uint64_t total)
{
	return (uint64_t)first + count <= total;
}

static int dir_range(const struct snap_index *ix, uint32_t dir, const struct snap_dirent **ret, uint32_t *count)
{
	const struct snap_inode *in = snap_inode_get(ix, dir);

	if (!in)
		return -EUCLEAN;
	if (!S_ISDIR(in->mode))
		return -ENOTDIR;
	if (!range_ok(in->first, in->count, ix->dirent_count))
		return -EUCLEAN;
	*ret = ix->dirents + in->first;
	*count = in->count;
	return 0;
}

static int entry_view(const struct snap_index *ix, const struct snap_dirent *d, struct snap_entry *out)
{
	if (!range_ok(d->name_off, d->name_len, ix->bytes_len) || !d->name_len || d->name_len > SNAP_NAME_MAX)
		return -EUCLEAN;
	if (d->type == SNAP_DT_WHITEOUT ? d->ino != 0 : !snap_inode_get(ix, d->ino))
		return -EUCLEAN;
	out->name = ix->bytes + d->name_off;
	out->name_len = d->name_len;
	out->ino = d->ino;
	out->type = d->type;
	return 0;
}

/* Order of directory entries: hash, then length, then bytes. Sets *bad if the entry's name is out of bounds. */
static int dirent_cmp(const struct snap_index *ix, const struct snap_dirent *d, uint32_t hash, const char *name,
	size_t len, bool *bad)
{
	if (d->hash != hash)
		return d->hash < hash ? -1 : 1;
	if (d->name_len != len)
		return d->name_len < len ? -1 : 1;
	if (!range_ok(d->name_off, d->name_len, ix->bytes_len)) {
		*bad = true;
		return 0;
	}
	return memcmp(ix->bytes + d->name_off, name, len);
}

int snap_lookup(const struct snap_index *ix, uint32_t dir, const char *name, size_t len, struct snap_entry *out)
{
	const struct snap_dirent *d;
	uint32_t lo = 0, hi, hash;
	bool bad = false;
	int r;

	r = dir_range(ix, dir, &d, &hi);
	if (r)
		return r;
	if (!len || len > SNAP_NAME_MAX)
		return -ENOENT;
	hash = snap_name_hash(name, len);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = dirent_cmp(ix, &d[mid], hash, name, len, &bad);

		if (bad)
			return -EUCLEAN;
		if (!c)
			return entry_view(ix, &d[mid], out);
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -ENOENT;
}

int snap_entry_at(const struct snap_index *ix, uint32_t dir, uint32_t pos, struct snap_entry *out)
{
	const struct snap_dirent *d;
	uint32_t count;
	int r;

	r = dir_range(ix, dir, &d, &count);
	if (r)
		return r;
	return pos < count ? entry_view(ix, &d[pos], out) : -ENOENT;
}

int snap_readlink(const struct snap_index *ix, uint32_t ino, const char **target, size_t *len)
{
	const struct snap_inode *in = snap_inode_get(ix, ino);

	if (!in)
		return -EUCLEAN;
	if (!S_ISLNK(in->mode) && !(in->flags & SNAP_INODE_LINK))
		return -EINVAL;
	if (!in->size || in->size > SNAP_PATH_MAX || !range_ok(in->first, (uint32_t)in->size, ix->bytes_len))
		return -EUCLEAN;
	*target = ix->bytes + in->first;
	*len = in->size;
	return 0;
}

/* The last extent that begins at or before @off; NULL if there is none. */
static const struct snap_extent *extent_before(const struct snap_extent *x, uint32_t count, uint64_t off)
{
	uint32_t lo = 0, hi = count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x[mid].file_off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &x[lo - 1] : NULL;
}

/* Whether the extent's data lies inside its pack. */
static bool extent_ok(const struct snap_index *ix, const struct snap_extent *x)
{
	uint64_t end;

	if (x->pack >= ix->pack_count || __builtin_add_overflow(x->file_off, x->len, &end))
		return false;
	return !__builtin_add_overflow(x->pack_off, x->len, &end) && end <= ix->packs[x->pack].size;
}

int snap_data_at(const struct snap_index *ix, uint32_t ino, uint64_t off, struct snap_run *out)
{
	const struct snap_inode *in = snap_inode_get(ix, ino);
	const struct snap_extent *first, *x, *next;
	uint64_t end;

	if (!in)
		return -EUCLEAN;
	if (!S_ISREG(in->mode))
		return S_ISDIR(in->mode) ? -EISDIR : -EINVAL;
	if (!range_ok(in->first, in->count, ix->extent_count) || in->size > SNAP_MAX_SIZE)
		return -EUCLEAN;
	if (off >= in->size) {
		*out = (struct snap_run){.hole = true};
		return 0;
	}
	first = ix->extents + in->first;
	x = extent_before(first, in->count, off);
	if (x && !extent_ok(ix, x))
		return -EUCLEAN;
	if (x && off - x->file_off < x->len) {
		uint64_t skip = off - x->file_off, len = x->len - skip;

		*out = (struct snap_run){.pack = x->pack, .pack_off = x->pack_off + skip};
		out->len = len < in->size - off ? len : in->size - off;
		return 0;
	}
	next = x ? x + 1 : first;
	end = next < first + in->count ? next->file_off : in->size;
	if (end <= off)
		return -EUCLEAN;
	*out = (struct snap_run){.hole = true, .len = (end < in->size ? end : in->size) - off};
	return 0;
}

int snap_xattr_at(const struct snap_index *ix, uint32_t ino, uint32_t pos, const char **name, size_t *name_len,
	const void **value, size_t *value_len)
{
	const struct snap_inode *in = snap_inode_get(ix, ino);
	const struct snap_xattr *x;

	if (!in || pos >= in->xattr_count)
		return -ENODATA;
	if (!range_ok(in->xattr_first, in->xattr_count, ix->xattr_count))
		return -EUCLEAN;
	x = &ix->xattrs[in->xattr_first + pos];
	if (!range_ok(x->name_off, x->name_len, ix->bytes_len) || !range_ok(x->value_off, x->value_len, ix->bytes_len))
		return -EUCLEAN;
	*name = ix->bytes + x->name_off;
	*name_len = x->name_len;
	*value = ix->bytes + x->value_off;
	*value_len = x->value_len;
	return 0;
}

int snap_xattr_find(const struct snap_index *ix, uint32_t ino, const char *name, size_t name_len, const void **value,
	size_t *value_len)
{
	for (uint32_t i = 0;; i++) {
		const char *n;
		size_t nl, vl;
		const void *v;
		int r = snap_xattr_at(ix, ino, i, &n, &nl, &v, &vl);

		if (r)
			return r;
		if (nl == name_len && !memcmp(n, name, nl)) {
			*value = v;
			*value_len = vl;
			return 0;
		}
	}
}

int snap_path_lookup(const struct snap_index *ix, const char *path, uint32_t *ino)
{
	uint32_t at = SNAP_ROOT_INO;

	for (;;) {
		struct snap_entry e;
		size_t n;
		int r;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (!n)
			break;
		r = snap_lookup(ix, at, path, n, &e);
		if (r)
			return r;
		if (!e.ino)
			return -ENOENT;
		at = e.ino;
		path += n;
	}
	*ino = at;
	return 0;
}
