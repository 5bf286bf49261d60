/* SPDX-License-Identifier: MIT */
/*
 * Layers of every header kind, hostile ones among them, through ingestion and merging. make_layers.py makes the
 * archives with this machine's tar and Python's tarfile and says what must come out; each is fed whole and in small
 * pieces.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse-snap/index.h"
#include "fuse-snap/ingest.h"

static char work[64];

/* ---- Printing an image as make_layers.py describes it ---- */

struct lines {
	char **v;
	size_t n;
};

struct image {
	struct snap_index ix;
	void *map;
	size_t len;
	int packs[SNAP_MAX_PACKS];
};

static void add_line(struct lines *l, char *s)
{
	l->v = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	assert_non_null(l->v);
	l->v[l->n++] = s;
}

static void hash_file(const struct image *im, uint32_t ino, char *hex)
{
	static uint8_t buf[1 << 16];
	uint64_t off = 0;
	struct sha256 s;
	struct digest d;

	sha256_init(&s);
	for (;;) {
		struct snap_run run;

		assert_int_equal(snap_data_at(&im->ix, ino, off, &run), 0);
		if (!run.len)
			break;
		for (uint64_t at = 0; at < run.len;) {
			size_t n = run.len - at < sizeof(buf) ? (size_t)(run.len - at) : sizeof(buf);

			if (run.hole)
				memset(buf, 0, n);
			else
				assert_int_equal(pread(im->packs[run.pack], buf, n, (off_t)(run.pack_off + at)), n);
			sha256_update(&s, buf, n);
			at += n;
		}
		if (!run.hole && off % SNAP_PAGE == 0)
			assert_int_equal(run.pack_off % SNAP_PAGE, 0);
		off += run.len;
	}
	sha256_final(&s, &d);
	digest_hex(&d, hex);
}

static void print_xattrs(FILE *f, const struct snap_index *ix, uint32_t ino)
{
	const char *name;
	const void *value;
	size_t nl, vl;

	for (uint32_t i = 0; !snap_xattr_at(ix, ino, i, &name, &nl, &value, &vl); i++) {
		fprintf(f, " %.*s=", (int)nl, name);
		for (size_t j = 0; j < vl; j++)
			fprintf(f, "%02x", ((const uint8_t *)value)[j]);
	}
}

static void print_inode(const struct image *im, const char *path, uint32_t ino, struct lines *out)
{
	static const char kinds[] = "?pc?d?b?-?l?";
	const struct snap_inode *in = snap_inode_get(&im->ix, ino);
	char *text = NULL, hex[DIGEST_HEX_LEN + 1];
	const char *target;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f, "%s %c %04o %u %u %llu %lld.%09u %u ", path, kinds[(in->mode & S_IFMT) >> 12], in->mode & 07777,
		in->uid, in->gid, S_ISREG(in->mode) || S_ISLNK(in->mode) ? (unsigned long long)in->size : 0,
		(long long)in->mtime_sec, in->mtime_nsec, in->nlink);
	if (S_ISREG(in->mode)) {
		hash_file(im, ino, hex);
		fputs(hex, f);
	} else if (S_ISLNK(in->mode)) {
		assert_int_equal(snap_readlink(&im->ix, ino, &target, &len), 0);
		fprintf(f, "%.*s", (int)len, target);
	} else if (S_ISCHR(in->mode) || S_ISBLK(in->mode)) {
		fprintf(f, "%u:%u", in->rdev_major, in->rdev_minor);
	}
	print_xattrs(f, &im->ix, ino);
	fclose(f);
	add_line(out, text);
}

static void print_tree(const struct image *im, char *path, size_t len, uint32_t ino, struct lines *out)
{
	const struct snap_inode *in = snap_inode_get(&im->ix, ino);
	struct snap_entry e, again;

	print_inode(im, len ? path : "/", ino, out);
	if (!S_ISDIR(in->mode))
		return;
	for (uint32_t i = 0; !snap_entry_at(&im->ix, ino, i, &e); i++) {
		assert_int_not_equal(e.type, SNAP_DT_WHITEOUT);
		assert_int_equal(snap_lookup(&im->ix, ino, e.name, e.name_len, &again), 0);
		assert_int_equal(again.ino, e.ino);
		path[len] = '/';
		memcpy(path + len + 1, e.name, e.name_len);
		path[len + 1 + e.name_len] = 0;
		print_tree(im, path, len + 1 + e.name_len, e.ino, out);
		path[len] = 0;
	}
}

static void open_image(struct store *s, const struct digest *chain, struct image *im)
{
	struct snap_error e;
	const char *why = "";
	struct stat st;
	int fd;

	assert_int_equal(store_open_image_index(s, chain, &fd, &e), 0);
	assert_int_equal(fstat(fd, &st), 0);
	im->len = (size_t)st.st_size;
	im->map = mmap(NULL, im->len, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(im->map, MAP_FAILED);
	assert_int_equal(snap_index_open(im->map, im->len, &im->ix), 0);
	if (snap_index_check(&im->ix, &why))
		fail_msg("%s", why);
	for (uint32_t i = 0; i < im->ix.pack_count; i++) {
		struct digest d;

		memcpy(d.b, im->ix.packs[i].layer, sizeof(d.b));
		assert_int_equal(store_open_pack(s, &d, &im->packs[i], &e), 0);
	}
}

static void close_image(struct image *im)
{
	for (uint32_t i = 0; i < im->ix.pack_count; i++)
		close(im->packs[i]);
	munmap(im->map, im->len);
}

/* ---- One case ---- */

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *p;

	if (!f)
		return NULL;
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	p = malloc(*len + 1);
	assert_non_null(p);
	assert_int_equal(fread(p, 1, *len, f), *len);
	p[*len] = 0;
	fclose(f);
	return p;
}

static int ingest(
	struct store_txn *t, const char *tar, size_t len, size_t piece, struct digest *id, struct snap_error *e)
{
	struct digest want;
	struct layer_writer *w;
	int r;

	sha256_of(tar, len, &want);
	r = layer_writer_new(t, &want, 0, &w, e);
	assert_int_equal(r, 0);
	for (size_t at = 0; at < len; at += piece) {
		/* A copy at the end of its own allocation, for the address sanitizer to watch. */
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, tar + at, n);
		r = layer_writer_feed(w, copy, n, e);
		free(copy);
		if (r) {
			layer_writer_abort(w);
			return r;
		}
	}
	return layer_writer_finish(w, &want, id, e);
}

/* Ingest 1.tar, 2.tar ... and merge them. */
static int build(struct store_txn *t, const char *dir, size_t piece, struct digest *chain, struct snap_error *e)
{
	struct digest ids[8];
	size_t n = 0, len;
	char path[1024], *tar;
	int r = 0;

	for (; !r; n++) {
		snprintf(path, sizeof(path), "%s/%zu.tar", dir, n + 1);
		tar = slurp(path, &len);
		if (!tar)
			break;
		r = ingest(t, tar, len, piece, &ids[n], e);
		free(tar);
	}
	return r ? r : image_merge(t, ids, n, chain, e);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void compare(struct store *s, const char *name, const struct digest *chain, char *expect)
{
	static char path[8192];
	struct lines got = {0};
	struct image *im = calloc(1, sizeof(*im));
	char *line, *p = expect;

	assert_non_null(im);
	open_image(s, chain, im);
	print_tree(im, path, 0, SNAP_ROOT_INO, &got);
	close_image(im);
	free(im);
	qsort(got.v, got.n, sizeof(*got.v), by_text);
	for (size_t i = 0; i < got.n; i++) {
		line = strsep(&p, "\n");
		if (!p || strcmp(line, got.v[i]))
			fail_msg("%s: expected\n%s\ngot\n%s", name, p ? line : "(nothing)", got.v[i]);
		free(got.v[i]);
	}
	if (*p)
		fail_msg("%s: missing\n%s", name, p);
	free(got.v);
}

static void run_case(const char *dir, const char *name, size_t piece)
{
	char store_dir[512], path[512], *expect;
	struct snap_error e = {0};
	struct store_txn *t;
	struct digest chain;
	struct store *s;
	size_t len;
	int r;

	snprintf(path, sizeof(path), "%s/%s/expect", dir, name);
	expect = slurp(path, &len);
	assert_non_null(expect);
	snprintf(store_dir, sizeof(store_dir), "%s/store-%s-%zu", work, name, piece);
	assert_int_equal(store_open(store_dir, &s, &e), 0);
	assert_int_equal(store_begin(s, &t, &e), 0);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = build(t, path, piece, &chain, &e);
	if (!strncmp(expect, "error: ", 7)) {
		expect[strcspn(expect, "\n")] = 0;
		if (!r || !strstr(e.text, expect + 7))
			fail_msg("%s: should be refused with '%s', got %d '%s'", name, expect + 7, r, e.text);
	} else {
		if (r)
			fail_msg("%s: refused: %s", name, e.text);
		compare(s, name, &chain, expect);
	}
	store_end(t);
	store_close(s);
	free(expect);
}

static void run_all(size_t piece)
{
	char dir[128];
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/cases", work);
	d = opendir(dir);
	assert_non_null(d);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.') {
			run_case(dir, de->d_name, piece);
			n++;
		}
	closedir(d);
	assert_true(n > 80);
}

static void test_whole(void **state)
{
	run_all(SIZE_MAX / 2);
}

static void test_small_pieces(void **state)
{
	run_all(511);
}

/* ---- Limits of the API ---- */

static void test_wrong_digest(void **state)
{
	struct snap_error e;
	struct store_txn *t;
	struct layer_writer *w;
	struct store *s;
	struct digest a, b;
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/store-wrong", work);
	assert_int_equal(store_open(dir, &s, &e), 0);
	assert_int_equal(store_begin(s, &t, &e), 0);
	sha256_of("a", 1, &a);
	sha256_of("b", 1, &b);
	assert_int_equal(layer_writer_new(t, &a, 0, &w, &e), 0);
	assert_int_equal(layer_writer_finish(w, &b, NULL, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "it should be sha256:ca978112"));
	assert_false(store_has_layer(s, &a));
	assert_false(store_has_layer(s, &b));
	store_end(t);
	store_close(s);
}

static int setup(void **state)
{
	char cmd[512];

	strcpy(work, "/tmp/picket-ingest-XXXXXX");
	if (!mkdtemp(work))
		return -1;
	snprintf(cmd, sizeof(cmd), "python3 %s %s/cases", MAKE_LAYERS, work);
	return system(cmd) ? -1 : 0;
}

static int teardown(void **state)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", work);
	return system(cmd) ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_small_pieces),
		cmocka_unit_test(test_wrong_digest),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
