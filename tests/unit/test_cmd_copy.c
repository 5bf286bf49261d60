/* SPDX-License-Identifier: MIT */
/* cp's halves: archives that want to lead astray, the rules for names, the detach keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/copy/pack.h"
#include "cmd/copy/rules.h"
#include "cmd/copy/tarwrite.h"
#include "cmd/copy/unpack.h"
#include "cmd/lib/keys.h"

/* ---- Archives ---- */

struct archive {
	char *data;
	size_t len;
	struct tar_out out;
};

static int append(void *arg, const void *data, size_t len)
{
	struct archive *a = arg;

	a->data = realloc(a->data, a->len + len);
	assert_non_null(a->data);
	memcpy(a->data + a->len, data, len);
	a->len += len;
	return 0;
}

static void begin(struct archive *a)
{
	*a = (struct archive){0};
	assert_int_equal(tar_out_init(&a->out, append, a), 0);
}

static void add(struct archive *a, char type, const char *path, const char *text)
{
	struct tar_entry en = {.type = type, .path = path, .mode = 06755, .mtime_sec = 1000000000, .mtime_nsec = 5};

	if (type == '0')
		en.size = strlen(text);
	else
		en.link = text;
	assert_int_equal(tar_out_entry(&a->out, &en), 0);
	if (type != '0')
		return;
	assert_int_equal(tar_out_data(&a->out, text, strlen(text)), 0);
	assert_int_equal(tar_out_end_file(&a->out), 0);
}

static char dir[64];
static int dirfd_;

static int setup(void **state)
{
	strcpy(dir, "/tmp/picket-copy-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("in", 0755), 0);
	assert_int_equal(mkdir("outside", 0755), 0);
	dirfd_ = open("in", O_RDONLY | O_DIRECTORY);
	return 0;
}

static int teardown(void **state)
{
	char command[96];

	close(dirfd_);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") || system(command);
}

/* Unpack into "in" in pieces of an odd size. */
static int unpack(struct archive *a, const struct unpack_options *opt, struct snap_error *e)
{
	struct unpack *u = unpack_new(dirfd_, opt);
	int r = tar_out_finish(&a->out);

	assert_non_null(u);
	for (size_t at = 0; !r && at < a->len; at += 777)
		r = unpack_feed(u, a->data + at, a->len - at < 777 ? a->len - at : 777, e);
	if (!r)
		r = unpack_finish(u, e);
	unpack_free(u);
	tar_out_free(&a->out);
	free(a->data);
	return r;
}

static bool there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void refused(const char *path, const char *from)
{
	struct unpack_options opt = {.from = from};
	struct snap_error e = {0};
	struct archive a;

	begin(&a);
	add(&a, '0', path, "evil");
	assert_true(unpack(&a, &opt, &e) < 0);
	assert_true(*e.text);
}

static void test_names(void **state)
{
	refused("../x", NULL);
	refused("a/../../x", NULL);
	refused("..", NULL);
	refused("b", "a");
	refused("ab/x", "a");
	refused("./b/x", "a");
	refused("a/../b", "a");
	refused(".", NULL);
	assert_false(there("x"));
	assert_false(there("in/x"));
	assert_false(there("in/b"));
}

static void test_absolute_is_beneath(void **state)
{
	struct unpack_options opt = {0};
	struct snap_error e = {0};
	struct archive a;

	begin(&a);
	add(&a, '0', "/etc/x", "text");
	assert_int_equal(unpack(&a, &opt, &e), 0);
	assert_true(there("in/etc/x"));
}

static void test_links_are_not_followed(void **state)
{
	struct unpack_options opt = {0};
	struct snap_error e = {0};
	struct archive a;

	begin(&a);
	add(&a, '2', "d", "../outside");
	add(&a, '0', "d/x", "evil");
	assert_true(unpack(&a, &opt, &e) < 0);
	assert_false(there("outside/x"));

	begin(&a);
	add(&a, '2', "f", "../outside/f");
	add(&a, '0', "f", "evil");
	assert_int_equal(unpack(&a, &opt, &e), 0); /* the link is replaced */
	assert_false(there("outside/f"));

	begin(&a);
	add(&a, '2', "g", "../outside");
	add(&a, '5', "g", NULL);
	assert_true(unpack(&a, &opt, &e) < 0);

	begin(&a);
	add(&a, '1', "h", "../outside/secret");
	assert_true(unpack(&a, &opt, &e) < 0);
	begin(&a);
	add(&a, '1', "h", "d/secret");
	assert_true(unpack(&a, &opt, &e) < 0);
	assert_false(there("in/h"));
}

static void test_hard_links_stay_in_the_top(void **state)
{
	struct unpack_options opt = {.from = "a", .to = "b"};
	struct snap_error e = {0};
	struct archive a;
	struct stat st;

	begin(&a);
	add(&a, '5', "a", NULL);
	add(&a, '0', "a/x", "text");
	add(&a, '1', "a/y", "a/x");
	assert_int_equal(unpack(&a, &opt, &e), 0);
	assert_int_equal(stat("in/b/y", &st), 0);
	assert_int_equal(st.st_nlink, 2);
	begin(&a);
	add(&a, '1', "a/z", "f");
	assert_true(unpack(&a, &opt, &e) < 0);
}

static void test_modes(void **state)
{
	struct unpack_options opt = {0};
	struct snap_error e = {0};
	struct archive a;
	struct stat st;

	begin(&a);
	add(&a, '5', "modes", NULL);
	add(&a, '0', "modes/f", "text");
	assert_int_equal(unpack(&a, &opt, &e), 0);
	assert_int_equal(stat("in/modes/f", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(stat("in/modes", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
}

static void test_cut(void **state)
{
	struct unpack_options opt = {0};
	struct snap_error e = {0};
	struct archive a;
	struct unpack *u;

	begin(&a);
	add(&a, '0', "cut", "0123456789");
	assert_int_equal(tar_out_finish(&a.out), 0);
	for (size_t len = 1; len < 1546; len += len < 400 ? 101 : 100) {
		if (len > 512 && len <= 1024)
			continue; /* a header's padding may be cut off */
		u = unpack_new(dirfd_, &opt);
		assert_int_equal(unpack_feed(u, a.data, len, &e), 0);
		assert_true(unpack_finish(u, &e) < 0);
		unpack_free(u);
	}
	tar_out_free(&a.out);
	free(a.data);
}

/* What is packed comes out the same, whatever its name. */
static void test_there_and_back(void **state)
{
	struct pack_options popt = {.name = "top"};
	struct unpack_options opt = {.from = "top", .to = "new"};
	struct snap_error e = {0};
	struct archive a;
	char name[256];
	int fd;

	assert_int_equal(mkdir("src", 0755), 0);
	memset(name, 'n', 200);
	name[200] = 0;
	assert_int_equal(chdir("src"), 0);
	assert_int_equal(mkdir(name, 0711), 0);
	assert_int_equal(chdir(name), 0);
	assert_int_equal(symlink(name, "l\n\xff\xfe"), 0);
	fd = open("\xc3\xbc", O_CREAT | O_WRONLY, 0640);
	assert_int_equal(write(fd, "text", 4), 4);
	assert_int_equal(ftruncate(fd, 300000), 0);
	close(fd);
	assert_int_equal(chdir(dir), 0);
	begin(&a);
	assert_int_equal(pack_tree(AT_FDCWD, "src", &popt, &a.out, &e), 0);
	assert_int_equal(unpack(&a, &opt, &e), 0);
	assert_int_equal(system("diff -r --no-dereference src in/new"), 0);
}

/* ---- Rules ---- */

static void test_bases(void **state)
{
	static const char *const rows[][2] = {{"/a/b", "b"}, {"/a/b/", "b"}, {"/a/b/.", "b"}, {"/a/b/./", "b"}, {"a", "a"},
		{"/", "."}, {".", "."}, {"./", "."}, {"/.", "."}, {"a.", "a."}, {"/x/.hidden", ".hidden"}, {"/x/y.", "y."}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char base[32];

		copy_base(rows[i][0], base, sizeof(base));
		assert_string_equal(base, rows[i][1]);
	}
	assert_true(copy_says_contents("/a/."));
	assert_true(copy_says_contents("."));
	assert_true(copy_says_contents("/"));
	assert_false(copy_says_contents("/a/"));
	assert_true(copy_says_dir("/a/"));
	assert_true(copy_says_dir("/a/.."));
	assert_false(copy_says_dir("/a/b."));
}

static void goes(const char *dst, enum copy_source what, const char *to, const char *name)
{
	struct copy_place p;
	char err[4352];
	int r = copy_destination(dst, what, &p, err);

	if (!to) {
		assert_int_equal(r, -1);
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(p.dir, to);
	assert_string_equal(p.name, name);
}

static void test_destinations(void **state)
{
	assert_int_equal(mkdir("dst", 0755), 0);
	close(open("file", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(symlink("later", "dangling"), 0);
	assert_int_equal(symlink("dst", "linked"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	goes("dst", COPY_FILE, "dst", "");
	goes("dst/", COPY_DIR, "dst/", "");
	goes("linked", COPY_CONTENTS, "linked", "");
	goes("file", COPY_FILE, ".", "file");
	goes("file", COPY_DIR, NULL, NULL);
	goes("file/", COPY_FILE, NULL, NULL);
	goes("new", COPY_FILE, ".", "new");
	goes("new", COPY_DIR, ".", "new");
	goes("new/", COPY_DIR, ".", "new");
	goes("new/", COPY_FILE, NULL, NULL);
	goes("dst/new", COPY_CONTENTS, "dst", "new");
	goes("none/new", COPY_FILE, NULL, NULL);
	goes("file/new", COPY_FILE, NULL, NULL);
	goes("dangling", COPY_FILE, ".", "later");
	goes("loop", COPY_FILE, NULL, NULL);
}

/* ---- Keys ---- */

static void types(struct keys *k, const char *typed, const char *passed, bool found)
{
	char out[64];
	bool f;
	size_t n = keys_filter(k, typed, strlen(typed), out, &f);

	assert_int_equal(n, strlen(passed));
	assert_memory_equal(out, passed, n);
	assert_int_equal(f, found);
}

static void test_keys(void **state)
{
	struct keys k = {.keys = "aab", .count = 3}, none = {0};

	types(&k, "xyz", "xyz", false);
	types(&k, "a", "", false);
	types(&k, "a", "", false);
	types(&k, "a", "a", false); /* the last two may still begin it */
	types(&k, "b", "", true);
	types(&k, "xaabz", "x", true);
	types(&k, "aax", "aax", false);
	types(&none, "aab", "aab", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_absolute_is_beneath),
		cmocka_unit_test(test_links_are_not_followed),
		cmocka_unit_test(test_hard_links_stay_in_the_top),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_bases),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
