/* SPDX-License-Identifier: MIT */
/*
 * Faults while an image comes in: the n-th call of write, fsync, rename, open ... or allocation fails, for every n
 * there is. Whatever fails, the store stays sound, keeps the image it had, keeps no temporaries, and says one sentence;
 * and the next attempt, without a fault, succeeds. The linker puts the __wrap functions between the store and libc
 * (--wrap).
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "snap_util.h"

static struct {
	bool on;
	bool memory; /* count allocations, else calls of the host */
	unsigned long countdown;
	bool hit;
	int err;
} fault;

static bool fails(bool memory)
{
	if (!fault.on || fault.memory != memory || --fault.countdown)
		return false;
	fault.on = false;
	fault.hit = true;
	errno = memory ? ENOMEM : fault.err;
	return true;
}

/* Declare the real function and its stand-in, which fails when its time has come. */
#define WRAP(type, failure, memory, name, params, args)                                                                \
	type __real_##name params;                                                                                     \
	type __wrap_##name params;                                                                                     \
	type __wrap_##name params                                                                                      \
	{                                                                                                              \
		return fails(memory) ? failure : __real_##name args;                                                   \
	}

WRAP(ssize_t, -1, false, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(ssize_t, -1, false, pwrite64, (int fd, const void *p, size_t n, off64_t at), (fd, p, n, at))
WRAP(int, -1, false, fsync, (int fd), (fd))
WRAP(int, -1, false, fdatasync, (int fd), (fd))
WRAP(int, -1, false, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, -1, false, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
WRAP(int, -1, false, openat64, (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode))
WRAP(void *, NULL, true, malloc, (size_t n), (n))
WRAP(void *, NULL, true, calloc, (size_t n, size_t m), (n, m))
WRAP(void *, NULL, true, realloc, (void *p, size_t n), (p, n))
WRAP(void *, NULL, true, aligned_alloc, (size_t a, size_t n), (a, n))

struct fixture {
	char dir[64];
	struct store *s;
	struct tarball t[2];
	struct snap_error e;
};

static size_t count_dir(const char *dir, const char *sub)
{
	char path[128];
	struct dirent *de;
	size_t n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, sub);
	d = opendir(path);
	assert_non_null(d);
	while ((de = readdir(d)))
		n += de->d_name[0] != '.';
	closedir(d);
	return n;
}

static int pull(struct fixture *f, const char *name, struct tarball *t, size_t n)
{
	struct store_txn *txn;
	struct image_ref ref;
	int r = store_begin(f->s, &txn, &f->e);

	if (r)
		return r;
	r = publish_image(txn, name, name, t, n, &ref, &f->e);
	store_end(txn);
	return r;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tarball old = {0};
	uint8_t *data = malloc(2u << 20);
	char name[32];

	assert_true(f && data);
	strcpy(f->dir, "/dev/shm/picket-test-XXXXXX"); /* many fsyncs: in memory if that can be */
	if (!mkdtemp(f->dir))
		make_scratch(f->dir);
	for (size_t i = 0; i < 2u << 20; i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	tar_file(&f->t[0], "big", data, 2u << 20);
	for (unsigned int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "d%u/f%u", i % 5, i);
		tar_file(&f->t[1], name, data + i, 5000);
	}
	tar_file(&old, "old", data + 1, 5000); /* the new layers will find it */
	assert_int_equal(store_open(f->dir, &f->s, &f->e), 0);
	assert_int_equal(pull(f, "docker.io/library/old:1", &old, 1), 0);
	free(old.p);
	free(data);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	remove_scratch(f->dir);
	free(f->t[0].p);
	free(f->t[1].p);
	free(f);
	return 0;
}

static void expect_sound(struct fixture *f)
{
	struct image_ref ref;

	if (store_verify(f->s, NULL, NULL, &f->e))
		fail_msg("%s", f->e.text);
	assert_int_equal(store_resolve(f->s, "old:1", &ref, &f->e), 0);
	assert_int_equal(count_dir(f->dir, "tmp"), 0);
}

/* Back to the old image alone, so that every round begins alike. */
static void reset(struct fixture *f)
{
	struct store_gc_stats st;
	struct image_ref ref;

	if (!store_resolve(f->s, "new:1", &ref, NULL))
		assert_int_equal(store_remove_ref(f->s, "new:1", NULL, &f->e), 0);
	assert_int_equal(store_collect(f->s, &st, &f->e), 0);
	assert_int_equal(count_dir(f->dir, "layers"), 1);
	assert_int_equal(count_dir(f->dir, "images"), 1);
}

static void run_faults(struct fixture *f, bool memory, int err)
{
	unsigned long n = 0, failed = 0, leftovers = 0;

	do {
		struct image_ref ref;
		int r;

		f->e.text[0] = 0;
		fault = (typeof(fault)){.on = true, .memory = memory, .countdown = ++n, .err = err};
		r = pull(f, "docker.io/library/new:1", f->t, 2);
		fault.on = false;
		if (r) {
			failed++;
			assert_true(fault.hit);
			assert_true(f->e.text[0] && !strchr(f->e.text, '\n'));
			if (!memory && err == ENOSPC && !strstr(f->e.text, "the disk is full"))
				fail_msg("call %lu: %s", n, f->e.text);
		} else {
			assert_int_equal(store_resolve(f->s, "new:1", &ref, &f->e), 0);
		}
		if (count_dir(f->dir, "tmp")) { /* the fault was in the clean-up: the next command does it */
			struct store_txn *txn;

			assert_int_equal(store_begin(f->s, &txn, &f->e), 0);
			store_end(txn);
			leftovers++;
		}
		expect_sound(f);
		if (r && n % 5 == 0) { /* what was left does not stand in the way */
			assert_int_equal(pull(f, "docker.io/library/new:1", f->t, 2), 0);
			expect_sound(f);
		}
		reset(f);
	} while (fault.hit);
	print_message("%lu places, %lu of them stop the pull\n", n - 1, failed);
	assert_true(failed > 10);
	assert_true(leftovers < 10);
}

static void test_full_disk(void **state)
{
	run_faults(*state, false, ENOSPC);
}

static void test_io_error(void **state)
{
	run_faults(*state, false, EIO);
}

static void test_memory(void **state)
{
	run_faults(*state, true, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
