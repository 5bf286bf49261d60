/* SPDX-License-Identifier: MIT */
/* The store: references, names, collection, locks, verification; crashes and a full disk while an image comes in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fuse-snap/client.h"
#include "snap_util.h"

struct fixture {
	char dir[64];
	struct store *s;
	struct snap_error e;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	make_scratch(f->dir);
	assert_int_equal(store_open(f->dir, &f->s, &f->e), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	remove_scratch(f->dir);
	free(f);
	return 0;
}

static size_t count_dir(struct fixture *f, const char *sub)
{
	char path[256];
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", f->dir, sub);
	d = opendir(path);
	assert_non_null(d);
	while ((de = readdir(d)))
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

static void add_image(struct fixture *f, const char *name, const char *config, const char *text)
{
	struct tarball t[2] = {{0}};
	struct store_txn *txn;
	struct image_ref ref;

	tar_file(&t[0], "base", "same in all", 11);
	tar_file(&t[1], "own", text, strlen(text));
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	if (publish_image(txn, name, config, t, 2, &ref, &f->e))
		fail_msg("%s", f->e.text);
	store_end(txn);
	free(t[0].p);
	free(t[1].p);
}

static void expect_clean(struct fixture *f)
{
	int r = store_verify(f->s, NULL, NULL, &f->e);

	if (r)
		fail_msg("%s", f->e.text);
	assert_int_equal(count_dir(f, "tmp"), 0);
}

/* ---- Names and references ---- */

static void test_names(void **state)
{
	static const struct {
		const char *text;
		const char *canonical; /* NULL: refused */
		const char *familiar;
	} t[] = {
		{"busybox", "docker.io/library/busybox:latest", "busybox:latest"},
		{"debian:12", "docker.io/library/debian:12", "debian:12"},
		{"foo/bar", "docker.io/foo/bar:latest", "foo/bar:latest"},
		{"docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
		{"index.docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"},
		{"localhost/x", "localhost/x:latest", "localhost/x:latest"},
		{"localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"},
		{"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest"},
		{"ghcr.io/a/b__c-d.e", "ghcr.io/a/b__c-d.e:latest", "ghcr.io/a/b__c-d.e:latest"},
		{"docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"},
		{"x@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "docker.io/library/x",
			"x"},
		{"Upper"},
		{"x:"},
		{":x"},
		{"/x"},
		{"x//y"},
		{"x/"},
		{"-x"},
		{"x..y"},
		{""},
		{"x@sha256:1"},
		{"a b"},
		{"x:a/b:c:d"},
		{"x\n"},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct snap_error e = {0};
		char out[REF_NAME_MAX + 1];
		struct ref_name r;

		if (!t[i].canonical) {
			assert_int_equal(ref_parse(t[i].text, &r, &e), -EINVAL);
			assert_true(*e.text);
			continue;
		}
		assert_int_equal(ref_parse(t[i].text, &r, &e), 0);
		assert_string_equal(ref_canonical(&r, out), t[i].canonical);
		assert_string_equal(ref_familiar(out), t[i].familiar);
	}
}

static void test_refs(void **state)
{
	struct fixture *f = *state;
	struct image_ref ref, *list;
	char hex[DIGEST_HEX_LEN + 1], text[600];
	size_t n;

	assert_int_equal(store_resolve(f->s, "busybox", &ref, &f->e), -ENOENT);
	assert_non_null(strstr(f->e.text, "picket pull busybox"));
	add_image(f, "docker.io/library/busybox:latest", "{1}", "one");
	add_image(f, "docker.io/library/busybox:2", "{2}", "two");
	add_image(f, "quay.io/x:1", "{1}", "one");
	assert_int_equal(store_list_refs(f->s, &list, &n, &f->e), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0].name, "docker.io/library/busybox:2");
	free(list);
	assert_int_equal(store_resolve(f->s, "busybox", &ref, &f->e), 0);
	assert_string_equal(ref.name, "docker.io/library/busybox:latest");
	assert_string_equal(ref.platform, "linux/amd64");
	assert_int_equal(ref.layers, 2);
	digest_hex(&ref.config, hex);
	snprintf(text, sizeof(text), "busybox@sha256:%s", hex);
	assert_int_equal(store_resolve(f->s, text, &ref, &f->e), 0);
	hex[12] = 0;
	assert_int_equal(store_resolve(f->s, hex, &ref, &f->e), 0);
	assert_int_equal(store_remove_ref(f->s, hex, &n, &f->e), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_resolve(f->s, "busybox", &ref, &f->e), -ENOENT);
	assert_int_equal(store_resolve(f->s, "busybox:2", &ref, &f->e), 0);
	assert_int_equal(store_resolve(f->s, "Bad Name", &ref, &f->e), -EINVAL);
}

static void test_record(void **state)
{
	struct fixture *f = *state;
	char *env[] = {(char *)(uintptr_t) "A=1", (char *)(uintptr_t) "B=x\ny", (char *)(uintptr_t) "C=", NULL};
	struct run_record in = {.env = env, .user = (char *)(uintptr_t) "1:2", .created = -5}, out;
	struct store_txn *txn;
	struct digest d;

	sha256_of("c", 1, &d);
	assert_int_equal(store_get_record(f->s, &d, &out, &f->e), -ENOENT);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(store_put_record(txn, &d, &in, &f->e), 0);
	store_end(txn);
	assert_int_equal(store_get_record(f->s, &d, &out, &f->e), 0);
	assert_string_equal(out.env[0], "A=1");
	assert_string_equal(out.env[1], "B=x\ny");
	assert_string_equal(out.env[2], "C=");
	assert_null(out.env[3]);
	assert_null(out.entrypoint);
	assert_null(out.workdir);
	assert_string_equal(out.user, "1:2");
	assert_int_equal(out.created, -5);
	run_record_free(&out);
}

/* ---- Many layers at once ---- */

struct job {
	struct store_txn *txn;
	struct tarball *t;
	struct digest id;
	int r;
	struct snap_error e;
};

static void *ingest_thread(void *arg)
{
	struct job *j = arg;

	j->r = tar_ingest(j->txn, j->t, &j->id, &j->e);
	return NULL;
}

/* Four threads bring layers with content in common; twice, so that the second round finds all of it. */
static void test_threads(void **state)
{
	struct fixture *f = *state;
	struct tarball t[8] = {{0}};
	uint8_t *data = malloc(200000);
	struct store_txn *txn;

	assert_non_null(data);
	for (size_t i = 0; i < 200000; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 9);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	for (unsigned int round = 0; round < 2; round++) {
		struct job jobs[4];
		pthread_t threads[4];

		for (unsigned int i = 0; i < 4; i++) {
			struct tarball *tar = &t[round * 4 + i];
			char name[32];

			for (unsigned int n = 0; n < 40; n++) {
				snprintf(name, sizeof(name), "r%u-l%u-f%u", round, i, n);
				tar_file(tar, name, data + n * 1000, 5000 + 1000 * ((n + i) % 7));
			}
			jobs[i] = (struct job){.txn = txn, .t = tar};
			assert_int_equal(pthread_create(&threads[i], NULL, ingest_thread, &jobs[i]), 0);
		}
		for (unsigned int i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(jobs[i].r, 0);
			assert_true(store_has_layer(f->s, &jobs[i].id));
		}
	}
	store_end(txn);
	expect_clean(f);
	for (size_t i = 0; i < 8; i++)
		free(t[i].p);
	free(data);
}

/* ---- Collection and locks ---- */

static void test_collect(void **state)
{
	struct fixture *f = *state;
	struct store_gc_stats st;
	struct image_ref a;
	struct store_txn *txn;
	int fd;

	add_image(f, "docker.io/library/a:1", "{a}", "first");
	add_image(f, "docker.io/library/b:1", "{b}", "second");
	assert_int_equal(count_dir(f, "layers"), 3); /* the lower one is shared */
	assert_int_equal(store_resolve(f->s, "a:1", &a, &f->e), 0);
	assert_int_equal(store_open_image_index(f->s, &a.chain, &fd, &f->e), 0);
	assert_int_equal(store_remove_ref(f->s, "a:1", NULL, &f->e), 0);

	/* In use: kept, with its layers. */
	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(st.kept_in_use, 1);
	assert_int_equal(st.layers, 0);
	assert_int_equal(st.blobs, 1);
	assert_int_equal(count_dir(f, "images"), 2);
	close(fd);

	/* While somebody adds to the store: not now. */
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(store_collect(f->s, &st, &f->e), -EBUSY);
	store_end(txn);

	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(st.images, 1);
	assert_int_equal(st.layers, 1);
	assert_int_equal(count_dir(f, "layers"), 2);
	assert_int_equal(store_open_image_index(f->s, &a.chain, &fd, &f->e), -ENOENT);
	expect_clean(f);
}

/* A layer that leans on another's pack keeps it. */
static void test_shared_pack(void **state)
{
	struct fixture *f = *state;
	char *big = malloc(100000);
	struct tarball t[2] = {{0}};
	struct store_gc_stats st;
	struct store_txn *txn;
	struct image_ref ref;
	struct stat sb;
	char path[256], hex[DIGEST_HEX_LEN + 1];
	struct digest id;

	assert_non_null(big);
	memset(big, 'x', 100000);
	tar_file(&t[0], "a", big, 100000);
	tar_file(&t[1], "b", big, 100000);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(publish_image(txn, "docker.io/library/a:1", "{a}", &t[0], 1, &ref, &f->e), 0);
	store_end(txn);
	assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
	assert_int_equal(publish_image(txn, "docker.io/library/b:1", "{b}", &t[1], 1, &ref, &f->e), 0);
	assert_int_equal(tar_ingest(txn, &t[1], &id, &f->e), 0);
	store_end(txn);
	snprintf(path, sizeof(path), "%s/layers/%s/pack", f->dir, digest_hex(&id, hex));
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_size, 0);
	assert_int_equal(store_remove_ref(f->s, "a:1", NULL, &f->e), 0);
	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(st.images, 1);
	assert_int_equal(st.layers, 0);
	expect_clean(f);
	assert_int_equal(store_remove_ref(f->s, "b:1", NULL, &f->e), 0);
	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(st.layers, 2);
	assert_true(st.bytes >= 100000);
	expect_clean(f);
	free(t[0].p);
	free(t[1].p);
	free(big);
}

static void count_fault(void *arg, const char *text)
{
	++*(int *)arg;
}

static void test_verify(void **state)
{
	struct fixture *f = *state;
	char cmd[512];
	int faults = 0;

	add_image(f, "docker.io/library/a:1", "{a}", "first");
	assert_int_equal(store_verify(f->s, count_fault, &faults, &f->e), 0);
	snprintf(cmd, sizeof(cmd),
		"for p in %s/layers/*/pack; do printf Z | dd of=$p conv=notrunc bs=1 status=none; done", f->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(store_verify(f->s, count_fault, &faults, &f->e), -EUCLEAN);
	assert_int_equal(faults, 2);
	snprintf(cmd, sizeof(cmd),
		"for p in %s/images/*/index; do printf Z | dd of=$p conv=notrunc bs=1 seek=300 status=none; done",
		f->dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(store_verify(f->s, count_fault, &faults, &f->e), -EUCLEAN);
	assert_int_equal(faults, 5);
}

/* ---- Crashes ---- */

static void pull_big(const char *dir, const struct tarball *t)
{
	struct snap_error e;
	struct store_txn *txn;
	struct image_ref ref;
	struct store *s;

	if (store_open(dir, &s, &e) || store_begin(s, &txn, &e))
		_exit(2);
	if (publish_image(txn, "docker.io/library/big:1", "{big}", t, 2, &ref, &e))
		_exit(3);
	store_end(txn);
	_exit(0);
}

/* kill -9 at many moments of a pull: afterwards the image is there, or nothing of it is, once the next command has run.
 */
static void test_kill(void **state)
{
	struct fixture *f = *state;
	size_t size = 3u << 20;
	uint8_t *data = malloc(size);
	struct tarball t[2] = {{0}};
	unsigned int before = 0, after = 0;

	assert_non_null(data);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	tar_file(&t[0], "a", data, size);
	tar_file(&t[1], "b", data + 1, size - 1);
	for (long us = 0; us < 600000; us += us < 6000 ? 400 : us / 6) {
		struct timespec ts = {0, us * 1000};
		struct store_gc_stats st;
		struct store_txn *txn;
		struct image_ref ref;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			pull_big(f->dir, t);
		nanosleep(&ts, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);

		assert_int_equal(store_begin(f->s, &txn, &f->e), 0); /* the next command cleans */
		assert_int_equal(count_dir(f, "tmp"), 1);	     /* its own */
		store_end(txn);
		expect_clean(f);
		if (!store_resolve(f->s, "big:1", &ref, &f->e)) {
			after++;
			assert_int_equal(store_remove_ref(f->s, "big:1", NULL, &f->e), 0);
		} else {
			before++;
		}
		assert_int_equal(store_collect(f->s, &st, &f->e), 0);
		assert_int_equal(count_dir(f, "layers"), 0);
		assert_int_equal(count_dir(f, "images"), 0);
		assert_int_equal(count_dir(f, "blobs/sha256"), 0);
		assert_int_equal(count_dir(f, "records"), 0);
	}
	assert_true(before > 0);
	printf("killed before publication %u times, after it %u times\n", before, after);
	free(t[0].p);
	free(t[1].p);
	free(data);
}

/* ---- A full disk ---- */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || write(fd, text, strlen(text)) < 0;

	if (fd >= 0)
		close(fd);
	return r;
}

/* A tmpfs of our own with a store in it; 77: this host does not let us have one. */
static int small_store(struct fixture *f, size_t size_kb)
{
	char opt[64], map[64], dir[] = "/tmp/picket-full-XXXXXX";
	unsigned int gid = getegid();

	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	if (!mkdtemp(dir) || unshare(CLONE_NEWUSER | CLONE_NEWNS) || write_text("/proc/self/uid_map", map))
		return 77;
	write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (write_text("/proc/self/gid_map", map))
		return 77;
	snprintf(opt, sizeof(opt), "size=%zuk,mode=700", size_kb);
	if (mount("none", dir, "tmpfs", 0, opt))
		return 77;
	snprintf(f->dir, sizeof(f->dir), "%s", dir);
	return store_open(dir, &f->s, &f->e) ? 1 : 0;
}

static int full_disk(const struct tarball *t, size_t size_kb)
{
	struct fixture f = {0};
	struct store_txn *txn;
	struct image_ref ref;
	int r = small_store(&f, size_kb);

	if (r)
		return r;
	if (store_begin(f.s, &txn, &f.e))
		return 2;
	r = publish_image(txn, "docker.io/library/big:1", "{big}", t, 1, &ref, &f.e);
	store_end(txn);
	if (r != -ENOSPC || !strstr(f.e.text, "the disk is full") || strchr(f.e.text, '\n'))
		return 3;
	if (count_dir(&f, "tmp") || count_dir(&f, "layers") || !store_resolve(f.s, "big:1", &ref, NULL))
		return 4;
	return store_verify(f.s, NULL, NULL, &f.e) ? 5 : 0;
}

/* Every byte of the disk is somebody else's: what is there can still be removed. */
static int remove_on_full_disk(const struct tarball *t)
{
	struct fixture f = {0};
	struct store_gc_stats stats;
	struct store_txn *txn;
	struct image_ref ref;
	char path[PATH_MAX], block[4096] = "x";
	size_t removed = 0;
	int fd, r = small_store(&f, 2048);

	if (r)
		return r;
	if (store_begin(f.s, &txn, &f.e))
		return 2;
	r = publish_image(txn, "docker.io/library/big:1", "{big}", t, 1, &ref, &f.e);
	store_end(txn);
	if (r)
		return 3;
	snprintf(path, sizeof(path), "%s/somebody-else", f.dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	if (store_remove_ref(f.s, "big:1", &removed, &f.e) || removed != 1)
		return 4;
	if (store_collect(f.s, &stats, &f.e) || stats.layers != 1 || count_dir(&f, "layers") || count_dir(&f, "images"))
		return 5;
	return store_verify(f.s, NULL, NULL, &f.e) ? 6 : 0;
}

static void test_remove_on_full_disk(void **state)
{
	struct tarball t = {0};
	int status;
	pid_t pid;

	tar_file(&t, "a", "some data", 9);
	pid = fork();
	if (!pid)
		_exit(remove_on_full_disk(&t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 77)
		assert_int_equal(WEXITSTATUS(status), 0);
	free(t.p);
}

static void test_full_disk(void **state)
{
	size_t size = 4u << 20;
	char *data = malloc(size);
	struct tarball t = {0};

	assert_non_null(data);
	memset(data, 'x', size);
	tar_file(&t, "a", data, size);
	for (size_t kb = 64; kb <= 4096; kb *= 4) {
		int status;
		pid_t pid = fork();

		if (!pid)
			_exit(full_disk(&t, kb));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			print_message("no tmpfs of our own here: not tested\n");
		else
			assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(system("rmdir /tmp/picket-full-* 2>/dev/null; true"), 0);
	free(t.p);
	free(data);
}

/* ---- Opening ---- */

static void test_open(void **state)
{
	struct snap_error e;
	char dir[64], path[128];
	struct store *s;

	make_scratch(dir);
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(store_open(path, &s, &e), 0);
	assert_string_equal(store_path(s), path);
	store_close(s);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(store_open(path, &s, &e), -EPERM);
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(path, sizeof(path), "printf 'picket-store 9\\n' > %s/a/b/c/version", dir);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(store_open(path, &s, &e), -EPROTONOSUPPORT);
	assert_int_equal(store_open("/proc/nowhere", &s, &e), -ENOENT);
	assert_int_equal(setenv("PICKET_STORE", "relative", 1), 0);
	assert_int_equal(store_open(NULL, &s, &e), -EINVAL);
	assert_int_equal(setenv("PICKET_STORE", path, 1), 0);
	assert_int_equal(store_open(NULL, &s, &e), -EPROTONOSUPPORT);
	unsetenv("PICKET_STORE");
	remove_scratch(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_open),
		cmocka_unit_test_setup_teardown(test_refs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_collect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_pack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_verify, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_remove_on_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
