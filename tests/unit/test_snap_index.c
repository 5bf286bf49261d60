/* SPDX-License-Identifier: MIT */
/* The index reader against damaged indices: whatever the bytes are, no accessor reads outside the mapping. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse-snap/index.h"
#include "fuse-snap/tree.h"

static uint8_t *image;
static size_t image_len;

static struct tree_node *add(struct tree *t, struct tree_node *dir, const char *name, uint32_t mode)
{
	struct tree_node *n = tree_node_new(t, mode);

	assert_non_null(n);
	assert_int_equal(tree_set(t, dir, name, strlen(name), n), 0);
	return n;
}

static int make_image(void **state)
{
	static const struct tree_xattr xattr = {"user.a", "value", 6, 5};
	struct snap_pack pack = {.size = 1 << 20};
	struct tree_meta meta = {.packs = &pack, .pack_count = 1};
	struct tree *t = tree_new();
	struct tree_node *d, *f;
	struct stat st;
	char name[32];
	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_non_null(t);
	assert_true(fd >= 0);
	tree_root(t)->flags = 0;
	d = add(t, tree_root(t), "dir", S_IFDIR | 0755);
	for (unsigned int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "file-%u", i);
		f = add(t, d, name, S_IFREG | 0644);
		f->size = 10000;
		f->xattrs = &xattr;
		f->xattr_count = 1;
		assert_int_equal(
			tree_add_extent(t, f, &(struct snap_extent){.file_off = 4096, .len = 4096, .pack_off = 8192}),
			0);
	}
	f = add(t, d, "link", S_IFLNK | 0777);
	f->target = "file-1";
	f->size = 6;
	memset(meta.id.b, 7, sizeof(meta.id.b));
	assert_int_equal(tree_write(t, fd, &meta), 0);
	tree_free(t);
	assert_int_equal(fstat(fd, &st), 0);
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	assert_non_null(image);
	assert_int_equal(pread(fd, image, image_len, 0), image_len);
	close(fd);
	return 0;
}

static int free_image(void **state)
{
	free(image);
	return 0;
}

static void test_reading(void **state)
{
	struct snap_index ix;
	struct snap_entry e;
	struct snap_run run;
	const char *why, *target;
	const void *value;
	uint32_t ino;
	size_t len;

	assert_int_equal(snap_index_open(image, image_len, &ix), 0);
	assert_int_equal(snap_index_check(&ix, &why), 0);
	assert_int_equal(snap_inode_get(&ix, 1)->nlink, 3);
	assert_int_equal(snap_path_lookup(&ix, "/dir/file-299", &ino), 0);
	assert_int_equal(snap_data_at(&ix, ino, 0, &run), 0);
	assert_true(run.hole && run.len == 4096);
	assert_int_equal(snap_data_at(&ix, ino, 5000, &run), 0);
	assert_true(!run.hole && run.len == 8192 - 5000 && run.pack_off == 8192 + 904);
	assert_int_equal(snap_data_at(&ix, ino, 9000, &run), 0);
	assert_true(run.hole && run.len == 1000);
	assert_int_equal(snap_data_at(&ix, ino, 10000, &run), 0);
	assert_int_equal(run.len, 0);
	assert_int_equal(snap_xattr_find(&ix, ino, "user.a", 6, &value, &len), 0);
	assert_memory_equal(value, "value", 5);
	assert_int_equal(snap_xattr_find(&ix, ino, "user.b", 6, &value, &len), -ENODATA);
	assert_int_equal(snap_path_lookup(&ix, "dir/link", &ino), 0);
	assert_int_equal(snap_readlink(&ix, ino, &target, &len), 0);
	assert_memory_equal(target, "file-1", 6);
	assert_int_equal(snap_lookup(&ix, 1, "none", 4, &e), -ENOENT);
	assert_int_equal(snap_lookup(&ix, ino, "none", 4, &e), -ENOTDIR);
	assert_int_equal(snap_path_lookup(&ix, "dir/file-1/x", &ino), -ENOTDIR);
	assert_int_equal(snap_data_at(&ix, 1, 0, &run), -EISDIR);
	assert_null(snap_inode_get(&ix, 0));
	assert_null(snap_inode_get(&ix, ix.inode_count + 1));
}

static void touch(const void *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum ^= ((const uint8_t *)p)[i];
	__asm__ volatile("" : : "r"(sum)); /* not to be optimised away */
}

/* Ask everything; the address sanitizer, and the guard page behind the copy, watch. */
static void use_all(const struct snap_index *ix)
{
	const char *why, *name;
	struct snap_entry e;
	struct snap_run run;
	const void *value;
	size_t nl, vl;

	snap_index_check(ix, &why);
	for (uint32_t ino = 0; ino <= ix->inode_count + 1 && ino < 2000; ino++) {
		snap_lookup(ix, ino, "file-7", 6, &e);
		for (uint32_t i = 0; i < 400 && !snap_entry_at(ix, ino, i, &e); i++)
			touch(e.name, e.name_len);
		if (!snap_readlink(ix, ino, &name, &nl))
			touch(name, nl);
		for (uint64_t off = 0, i = 0; i < 10 && !snap_data_at(ix, ino, off, &run) && run.len; i++) {
			assert_true(run.hole || run.pack < ix->pack_count);
			off += run.len;
		}
		for (uint32_t i = 0; i < 4 && !snap_xattr_at(ix, ino, i, &name, &nl, &value, &vl); i++) {
			touch(name, nl);
			touch(value, vl);
		}
	}
}

static void fix_sums(uint8_t *p, size_t len)
{
	struct snap_super sb;

	memcpy(&sb, p, sizeof(sb));
	sb.body_crc = snap_crc32c(0, p + sizeof(sb), len - sizeof(sb));
	sb.super_crc = snap_crc32c(0, &sb, offsetof(struct snap_super, super_crc));
	memcpy(p, &sb, sizeof(sb));
}

/* A copy that ends where an unreadable page begins. */
static uint8_t *guarded(size_t len, void **base, size_t *map_len)
{
	size_t pages = (len + 4095) / 4096 * 4096;
	uint8_t *p = mmap(NULL, pages + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p + pages, 4096, PROT_NONE), 0);
	*base = p;
	*map_len = pages + 4096;
	return p + pages - len;
}

static void test_damage(void **state)
{
	static const uint8_t values[] = {0x00, 0xff, 0x80, 0x01};
	unsigned int seed = 1, opened = 0;
	size_t map_len;
	void *base;
	uint8_t *p = guarded(image_len, &base, &map_len);

	assert_int_equal(image_len % 8, 0);
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int flips = 1 + round % 4;
		struct snap_index ix;

		memcpy(p, image, image_len);
		while (flips--) {
			size_t at;

			seed = seed * 1103515245 + 12345;
			/* The superblock is small and matters: a quarter of the damage goes there. */
			at = seed % 4 ? seed / 4 % image_len : seed / 4 % sizeof(struct snap_super);
			p[at] = round % 2 ? values[seed >> 28 & 3] : (uint8_t)(seed >> 16);
		}
		fix_sums(p, image_len);
		if (snap_index_open(p, image_len, &ix))
			continue;
		opened++;
		use_all(&ix);
	}
	assert_true(opened > 1000);
	munmap(base, map_len);
}

static void test_refusal(void **state)
{
	uint8_t *p = malloc(image_len);
	struct snap_index ix;

	assert_non_null(p);
	for (size_t len = 0; len < image_len; len += len < 256 ? 1 : 997) {
		memcpy(p, image, len);
		assert_int_equal(snap_index_open(p, len, &ix), -EINVAL);
	}
	memcpy(p, image, image_len);
	p[100] ^= 1;
	assert_int_equal(snap_index_open(p, image_len, &ix), -EINVAL);
	memcpy(p, image, image_len);
	p[8] = 9;
	assert_int_equal(snap_index_open(p, image_len, &ix), -EPROTONOSUPPORT);
	memcpy(p, image, image_len);
	p[image_len - 1] ^= 1;
	assert_int_equal(snap_index_open(p, image_len, &ix), 0);
	assert_int_equal(snap_index_check(&ix, &(const char *){0}), -EINVAL);
	free(p);
}

static void test_crc(void **state)
{
	uint8_t buf[300];

	assert_int_equal(snap_crc32c(0, "123456789", 9), 0xe3069283);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(snap_crc32c(0, buf, 32), 0x8a9136aa);
	assert_int_equal(snap_crc32c(snap_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_crc),
	};

	return cmocka_run_group_tests(tests, make_image, free_image);
}
