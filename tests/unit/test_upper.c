/* SPDX-License-Identifier: MIT */
/* The format of kept writes: records, names, and the reader on trees made by hand, good and hostile. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuse-snap/upper.h"

static void encode(const struct upper_record *r, struct upper_buf *b)
{
	upper_record_begin(b, r);
	upper_put_xattr(b, "user.a", "one", 3);
	upper_put_xattr(b, "trusted.b", "", 0);
	assert_int_equal(upper_record_end(b), 0);
}

static const struct upper_record sample = {.flags = UPPER_DATA_BELOW, .mode = S_IFREG | 04755, .uid = 1000, .gid = 7, .ino = 99,
	.rdev_major = 1, .rdev_minor = 3, .links = -2, .origin = {.p = "usr/bin/x", .len = 9}, .acl = {.p = "acl", .len = 3},
	.has_mtime = true, .mtime = {.tv_sec = -5, .tv_nsec = 7}};

static void test_record(void **state)
{
	struct upper_buf b = {0};
	struct upper_record r;
	struct upper_xattr x;

	encode(&sample, &b);
	assert_int_equal(upper_record_decode(b.p, b.len, &r), 0);
	assert_int_equal(r.mode, sample.mode);
	assert_int_equal(r.uid, 1000);
	assert_int_equal(r.gid, 7);
	assert_int_equal(r.ino, 99);
	assert_int_equal(r.rdev_major, 1);
	assert_int_equal(r.rdev_minor, 3);
	assert_int_equal(r.links, -2);
	assert_int_equal(r.mtime.tv_sec, -5);
	assert_int_equal(r.origin.len, 9);
	assert_memory_equal(r.origin.p, "usr/bin/x", 9);
	assert_memory_equal(r.acl.p, "acl", 3);
	assert_null(r.default_acl.p);
	assert_true(upper_xattr_next(&r.xattrs, &x));
	assert_string_equal(x.name, "user.a");
	assert_int_equal(x.size, 3);
	assert_true(upper_xattr_next(&r.xattrs, &x));
	assert_string_equal(x.name, "trusted.b");
	assert_int_equal(x.size, 0);
	assert_false(upper_xattr_next(&r.xattrs, &x));
	upper_buf_free(&b);
}

static void test_plain_is_small(void **state)
{
	const struct upper_record plain = {.mode = S_IFREG | 0644};
	struct upper_buf b = {0};

	upper_record_begin(&b, &plain);
	assert_int_equal(upper_record_end(&b), 0);
	assert_true(b.len <= 64); /* costs no block on ext4 */
	upper_buf_free(&b);
}

/* Every cut and every changed byte is noticed, or harmless. */
static void test_damage(void **state)
{
	struct upper_buf b = {0};
	struct upper_record r;

	encode(&sample, &b);
	for (size_t len = 0; len < b.len; len++)
		assert_true(upper_record_decode(b.p, len, &r) < 0);
	for (size_t i = 0; i < b.len; i++) {
		b.p[i] ^= 0x40;
		assert_true(upper_record_decode(b.p, b.len, &r) < 0);
		b.p[i] ^= 0x40;
	}
	upper_buf_free(&b);
}

static int origin(const char *path)
{
	struct upper_record in = {.mode = S_IFDIR | 0755, .origin = {.p = path, .len = strlen(path)}}, out;
	struct upper_buf b = {0};
	int r;

	upper_record_begin(&b, &in);
	assert_int_equal(upper_record_end(&b), 0);
	r = upper_record_decode(b.p, b.len, &out);
	upper_buf_free(&b);
	return r;
}

static void test_origins(void **state)
{
	assert_int_equal(origin(""), 0);
	assert_int_equal(origin("a/b/..c"), 0);
	assert_int_equal(origin("/a"), -EUCLEAN);
	assert_int_equal(origin("a/"), -EUCLEAN);
	assert_int_equal(origin("a//b"), -EUCLEAN);
	assert_int_equal(origin("a/../b"), -EUCLEAN);
	assert_int_equal(origin("./a"), -EUCLEAN);
}

static void expect_name(const char *name, bool hex, const char *host)
{
	char out[256], back[256];

	assert_int_equal(upper_name_encode(name, strlen(name), hex, out), 0);
	assert_string_equal(out, host);
	assert_int_equal(upper_name_decode(out, back), 0);
	assert_string_equal(back, name);
}

static void test_names(void **state)
{
	static const char *const bad[] = {".picket.w", ".picket.", ".picket.=x", ".picket.%", ".picket.%4", ".picket.%2f", ".picket.%00",
		".picket.%2e", ".picket.%4G", ".picket.?"};
	char name[256], out[256];

	expect_name("plain", false, "plain");
	expect_name(".picket", false, ".picket");
	expect_name(".picket.w", false, ".picket.=.picket.w");
	expect_name("\xff\n", true, ".picket.%ff0a");
	memset(name, 'x', 255);
	name[255] = '\0';
	expect_name(name, false, name);
	assert_int_equal(upper_name_encode(name, 255, true, out), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(upper_name_decode(bad[i], out), -EUCLEAN);
}

static void test_header(void **state)
{
	const struct upper_header h = {.right = true, .bytes = 1ull << 40, .objects = 77};
	uint8_t bytes[UPPER_HEADER_BYTES];
	struct upper_header out;

	upper_header_encode(&h, bytes);
	assert_int_equal(upper_header_decode(bytes, sizeof(bytes), &out), 0);
	assert_true(out.right && out.bytes == h.bytes && out.objects == h.objects);
	bytes[20] ^= 1;
	assert_int_equal(upper_header_decode(bytes, sizeof(bytes), &out), -EUCLEAN);
}

/* --- the reader ------------------------------------------------------------------------------------------------------------- */

struct tree {
	char path[64];
	char told[4096];
	int upper, lower;
	bool linked;
};

static void put(struct tree *t, const char *name, uint32_t mode, const char *from, uint16_t flags, const char *text)
{
	const struct upper_record r = {.mode = mode, .flags = flags, .ino = flags & UPPER_INDEXED ? 17 : 0,
		.origin = {.p = from, .len = from ? strlen(from) : 0}};
	struct upper_buf b = {0};
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	if (S_ISDIR(mode))
		assert_int_equal(mkdir(path, 0700), 0);
	fd = open(path, S_ISDIR(mode) ? O_RDONLY | O_DIRECTORY : O_CREAT | O_EXCL | O_RDWR, 0600);
	assert_true(fd >= 0);
	if (text)
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	upper_record_begin(&b, &r);
	assert_int_equal(upper_record_end(&b), 0);
	assert_int_equal(fsetxattr(fd, UPPER_XATTR, b.p, b.len, 0), 0);
	upper_buf_free(&b);
	close(fd);
}

static void host(struct tree *t, const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	if (!text) {
		assert_int_equal(mkdir(path, 0755), 0);
		return;
	}
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void whiteout(struct tree *t, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", t->path, name);
	assert_int_equal(symlink("w", path), 0);
}

static int start(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));
	char path[128];

	strcpy(t->path, "/var/tmp/picket-upper-XXXXXX");
	assert_non_null(mkdtemp(t->path));
	snprintf(path, sizeof(path), "%s/u", t->path);
	mkdir(path, 0700);
	if (setxattr(path, "user.probe", "", 0, 0) < 0)
		skip();
	t->upper = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "%s/l", t->path);
	mkdir(path, 0755);
	t->lower = open(path, O_RDONLY | O_DIRECTORY);
	host(t, "l/dir", NULL);
	host(t, "l/dir/a", "low a");
	host(t, "l/dir/b", "low b");
	host(t, "l/file", "low file");
	put(t, "u/root", S_IFDIR | 0755, "", 0, NULL);
	*state = t;
	return 0;
}

static int stop(void **state)
{
	struct tree *t = *state;
	char cmd[128];

	close(t->upper);
	close(t->lower);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", t->path);
	assert_int_equal(system(cmd), 0);
	free(t);
	return 0;
}

static int tell(void *ctx, const struct upper_change *c)
{
	struct tree *t = ctx;
	char text[32] = "";
	size_t at = strlen(t->told);
	ssize_t n = c->meta && S_ISREG(c->meta->mode) ? upper_change_pread(c, text, sizeof(text) - 1, 0) : 0;

	snprintf(t->told + at, sizeof(t->told) - at, "%c%s %s %s\n", "ACPD"[c->kind], c->opaque ? "!" : "", c->path,
		n > 0 ? text : c->meta && c->meta->target ? c->meta->target : "");
	return 0;
}

/* In the lower tree file, dir/a and deep/in/c are one file, number 17. */
static int three_names(struct upper_lower *l, const uint64_t *numbers, size_t n,
		       int (*each)(void *ctx, uint64_t number, const char *path), void *ctx)
{
	static const char *const names[] = {"file", "dir/a", "deep/in/c"};

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; numbers[i] == 17 && k < 3; k++)
			if (each(ctx, 17, names[k]))
				return -ENOMEM;
	return 0;
}

static int walk(struct tree *t)
{
	struct upper_lower *l = upper_lower_dir(t->lower);
	struct upper_error e = {0};
	int r;

	if (t->linked)
		l->links = three_names;
	r = upper_walk(t->upper, l, tell, t, &e);
	upper_lower_free(l);
	if (r < 0)
		print_message("%s\n", e.text);
	assert_true((r < 0) == (e.text[0] != 0));
	return r;
}

static void test_walk(void **state)
{
	struct tree *t = *state;

	put(t, "u/root/dir", S_IFDIR | 0755, "dir", 0, NULL);
	put(t, "u/root/dir/new", S_IFREG | 0644, NULL, 0, "new");
	put(t, "u/root/dir/b", S_IFREG | 0600, "dir/b", UPPER_DATA_BELOW, NULL);
	host(t, "u/root/dir/.picket.w", NULL);
	whiteout(t, "u/root/dir/.picket.w/a");
	put(t, "u/root/link", S_IFLNK | 0777, NULL, 0, "there");
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "P /dir \nD /dir/a \nC /dir/b low b\nA /dir/new new\nA /link there\n");
}

static void test_renamed(void **state)
{
	struct tree *t = *state;

	host(t, "u/root/.picket.w", NULL);
	whiteout(t, "u/root/.picket.w/dir");
	put(t, "u/root/moved", S_IFDIR | 0755, "dir", 0, NULL);
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "D /dir \nA /moved \nA /moved/a low a\nA /moved/b low b\n");
}

static void test_opaque(void **state)
{
	struct tree *t = *state;

	put(t, "u/root/dir", S_IFDIR | 0755, NULL, 0, NULL);
	put(t, "u/root/dir/a", S_IFREG | 0644, NULL, 0, "new a");
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "C! /dir \nC /dir/a new a\nD /dir/b \n");
}

/* What is none of ours, and what leads out, is refused and not read. */
static void test_hostile(void **state)
{
	struct tree *t = *state;
	char path[128];

	host(t, "u/root/foreign", "no record");
	assert_int_equal(walk(t), -EUCLEAN);
	snprintf(path, sizeof(path), "%s/u/root/foreign", t->path);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(walk(t) < 0);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(walk(t) < 0);
	unlink(path);
	put(t, "u/root/foreign", S_IFDIR | 0755, NULL, 0, NULL);
	assert_int_equal(walk(t), 0);
	snprintf(path, sizeof(path), "%s/u/root/file", t->path);
	put(t, "u/root/file", S_IFREG | 0644, "no/such", UPPER_DATA_BELOW, NULL);
	assert_true(walk(t) < 0);
}

/* One name is in the upper tree, another in a renamed directory, the third where nothing else has changed. */
static void test_several_names(void **state)
{
	struct tree *t = *state;
	char path[128];

	t->linked = true;
	host(t, "l/deep", NULL);
	host(t, "l/deep/in", NULL);
	host(t, "l/deep/in/c", "low file");
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "");
	host(t, "u/index", NULL);
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "");
	put(t, "u/index/0000000000000011", S_IFREG | 0644, "file", UPPER_INDEXED, "changed");
	put(t, "u/root/file", S_IFREG | 0644, "file", UPPER_INDEXED, "changed");
	host(t, "u/root/.picket.w", NULL);
	whiteout(t, "u/root/.picket.w/dir");
	put(t, "u/root/moved", S_IFDIR | 0755, "dir", 0, NULL);
	assert_int_equal(walk(t), 0);
	assert_string_equal(t->told, "P /deep \nP /deep/in \nC /deep/in/c changed\nD /dir \nC /file changed\nA /moved \n"
				     "A /moved/a changed\nA /moved/b low b\n");
	t->told[0] = '\0';
	put(t, "u/root/deep", S_IFDIR | 0755, "deep", 0, NULL);
	host(t, "u/root/deep/.picket.w", NULL);
	whiteout(t, "u/root/deep/.picket.w/in");
	assert_int_equal(walk(t), 0);
	assert_non_null(strstr(t->told, "P /deep \nD /deep/in \nD /dir"));
	snprintf(path, sizeof(path), "%s/u/index/0000000000000011", t->path);
	unlink(path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(walk(t) < 0);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(walk(t) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_plain_is_small),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_header),
		cmocka_unit_test_setup_teardown(test_walk, start, stop),
		cmocka_unit_test_setup_teardown(test_renamed, start, stop),
		cmocka_unit_test_setup_teardown(test_opaque, start, stop),
		cmocka_unit_test_setup_teardown(test_several_names, start, stop),
		cmocka_unit_test_setup_teardown(test_hostile, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
