/* SPDX-License-Identifier: MIT */
/* Record locks, open file description locks, flock. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "fs/fs.h"
#include "vfs/locks.h"

struct env {
	struct fake f;
	struct task *a, *b, *c;
	struct file *fa, *fb, *fc; /* the same inode */
};

static struct file *open_file(struct task *t, const char *name, int flags)
{
	const struct open_how_args how = {.flags = flags | O_CREAT, .mode = 0644};
	struct file *f;

	assert_int_equal(vfs_open(t, AT_FDCWD, name, &how, &f), 0);
	return f;
}

static int setup(void **state)
{
	struct env *e = calloc(1, sizeof(*e));
	struct super_block *sb;

	fake_init(&e->f);
	assert_int_equal(tmpfs_create(e->f.k, NULL, &sb), 0);
	fake_mount_root(&e->f, sb);
	e->a = fake_task(&e->f, 10);
	e->b = fake_task(&e->f, 20);
	e->c = fake_task(&e->f, 30);
	e->fa = open_file(e->a, "/f", O_RDWR);
	e->fb = open_file(e->b, "/f", O_RDWR);
	e->fc = open_file(e->c, "/f", O_RDONLY);
	*state = e;
	return 0;
}

static int teardown(void **state)
{
	struct env *e = *state;

	file_put(e->fa);
	file_put(e->fb);
	file_put(e->fc);
	fake_task_free(e->a);
	fake_task_free(e->b);
	fake_task_free(e->c);
	fake_destroy(&e->f);
	free(e);
	return 0;
}

static int64_t lk(struct task *t, struct file *f, int cmd, int type, int64_t start, int64_t len)
{
	struct flock fl = {.l_type = (short)type, .l_start = start, .l_len = len};

	return locks_fcntl(t, f, -1, cmd, (uintptr_t)&fl);
}

/* The first lock in the way of *t*: start, or -1. */
static int64_t seen(struct task *t, struct file *f, int64_t start, int64_t len, int64_t *ret_len, int *pid)
{
	struct flock fl = {.l_type = F_WRLCK, .l_start = start, .l_len = len};

	assert_int_equal(locks_fcntl(t, f, -1, F_GETLK, (uintptr_t)&fl), 0);
	if (fl.l_type == F_UNLCK)
		return -1;
	*ret_len = fl.l_len;
	*pid = fl.l_pid;
	return fl.l_start;
}

static void test_conflict(void **state)
{
	struct env *e = *state;
	int64_t len;
	int pid;

	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_RDLCK, 0, 100), 0);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_RDLCK, 50, 100), 0);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_WRLCK, 99, 1), -EAGAIN);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_WRLCK, 100, 10), 0);
	assert_int_equal(lk(e->c, e->fc, F_SETLK, F_WRLCK, 500, 1), -EBADF);
	assert_int_equal(seen(e->c, e->fc, 0, 10, &len, &pid), 0);
	assert_int_equal(len, 100);
	assert_int_equal(pid, 10);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_UNLCK, 0, 0), 0);
	assert_int_equal(seen(e->c, e->fc, 0, 10, &len, &pid), -1);
}

static void test_split_and_merge(void **state)
{
	struct env *e = *state;
	int64_t len;
	int pid;

	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 0, 100), 0);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_UNLCK, 40, 20), 0);
	assert_int_equal(seen(e->b, e->fb, 40, 20, &len, &pid), -1);
	assert_int_equal(seen(e->b, e->fb, 0, 40, &len, &pid), 0);
	assert_int_equal(len, 40);
	assert_int_equal(seen(e->b, e->fb, 50, 50, &len, &pid), 60);
	assert_int_equal(len, 40);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 40, 20), 0);
	assert_int_equal(seen(e->b, e->fb, 10, 1, &len, &pid), 0);
	assert_int_equal(len, 100);
	/* A change of type in the middle. */
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_RDLCK, 10, 10), 0);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_RDLCK, 10, 10), 0);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_RDLCK, 9, 1), -EAGAIN);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_RDLCK, 20, 1), -EAGAIN);
	/* To the end of the file. */
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_UNLCK, 0, 0), 0);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 1000, 0), 0);
	assert_int_equal(seen(e->b, e->fb, 1 << 20, 1, &len, &pid), 1000);
	assert_int_equal(len, 0);
}

static void test_ranges(void **state)
{
	struct env *e = *state;
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = -5};
	int64_t len;
	int pid;

	assert_int_equal(locks_fcntl(e->a, e->fa, -1, F_SETLK, (uintptr_t)&fl), 0);
	assert_int_equal(seen(e->b, e->fb, 0, 100, &len, &pid), 5);
	assert_int_equal(len, 5);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, -1, 1), -EINVAL);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 3, -5), -EINVAL);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, INT64_MAX, 2), -EOVERFLOW);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, 77, 0, 1), -EINVAL);
	assert_int_equal(lk(e->a, e->fa, F_GETLK, F_UNLCK, 0, 1), -EINVAL);
}

static void test_close(void **state)
{
	struct env *e = *state;
	struct file *other = open_file(e->a, "/f", O_RDWR);
	int64_t len;
	int pid;

	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 0, 1), 0);
	locks_close(e->a->fds, other); /* any descriptor of the file drops them */
	assert_int_equal(seen(e->b, e->fb, 0, 1, &len, &pid), -1);
	/* Those of the open file stay until it goes. */
	assert_int_equal(lk(e->a, other, F_OFD_SETLK, F_WRLCK, 0, 1), 0);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 0, 1), -EAGAIN);
	locks_close(e->a->fds, other);
	assert_int_equal(seen(e->b, e->fb, 0, 1, &len, &pid), 0);
	assert_int_equal(pid, -1);
	file_put(other);
	assert_int_equal(seen(e->b, e->fb, 0, 1, &len, &pid), -1);
}

static void test_flock(void **state)
{
	struct env *e = *state;

	assert_int_equal(locks_flock(e->a, e->fa, LOCK_SH), 0);
	assert_int_equal(locks_flock(e->b, e->fb, LOCK_SH | LOCK_NB), 0);
	assert_int_equal(locks_flock(e->a, e->fa, LOCK_EX | LOCK_NB), -EAGAIN);
	/* The failed conversion lost the lock. */
	assert_int_equal(locks_flock(e->b, e->fb, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(locks_flock(e->a, e->fa, LOCK_SH | LOCK_NB), -EAGAIN);
	assert_int_equal(locks_flock(e->b, e->fb, LOCK_UN), 0);
	assert_int_equal(locks_flock(e->a, e->fa, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(locks_flock(e->a, e->fa, 0), -EINVAL);
	/* Records and flocks do not see each other. */
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_WRLCK, 0, 0), 0);
}

struct waiting {
	struct task *t;
	struct file *f;
	int64_t start, result;
};

static void *wait_lock(void *arg)
{
	struct waiting *w = arg;

	w->result = lk(w->t, w->f, F_SETLKW, F_WRLCK, w->start, 1);
	return NULL;
}

static void test_wait_and_deadlock(void **state)
{
	struct env *e = *state;
	struct waiting w = {.t = e->b, .f = e->fb, .start = 0, .result = 99};
	pthread_t th;
	int tries = 0;
	int64_t r;

	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_WRLCK, 0, 1), 0);
	assert_int_equal(lk(e->b, e->fb, F_SETLK, F_WRLCK, 1, 1), 0);
	pthread_create(&th, NULL, wait_lock, &w);
	while (!e->f.k->locks || !e->b->nvcsw) /* b sleeps: else it would be told of the deadlock */
		usleep(1000);
	e->a->flags = TIF_SIGPENDING;
	do
		r = lk(e->a, e->fa, F_SETLKW, F_WRLCK, 1, 1);
	while (r == -ERESTARTSYS && ++tries < 5000);
	assert_int_equal(r, -EDEADLK);
	assert_int_equal(lk(e->a, e->fa, F_SETLK, F_UNLCK, 0, 1), 0);
	pthread_join(th, NULL);
	assert_int_equal(w.result, 0);
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {T(test_conflict), T(test_split_and_merge), T(test_ranges), T(test_close), T(test_flock),
		T(test_wait_and_deadlock)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
