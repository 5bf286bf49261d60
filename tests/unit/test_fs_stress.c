/* SPDX-License-Identifier: MIT */
/* Many tasks at once on one tree: overlay and volume; for the sanitizers, and for what must hold at the end. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "fs/fs.h"
#include "fs/inotify.h"
#include "vfs/locks.h"
#include "vfs/notify.h"

#define THREADS 4
#define ROUNDS 8000
#define DIRS 4
#define NAMES 8

struct worker {
	struct task *t;
	struct file *inotify;
	unsigned seed, odd; /* odd: results that no interleaving explains */
};

static void pick(struct worker *w, char *buf, size_t size)
{
	unsigned d = (unsigned)rand_r(&w->seed) % DIRS, n = (unsigned)rand_r(&w->seed) % NAMES;

	if (d)
		snprintf(buf, size, "/d%u/n%u", d, n);
	else
		snprintf(buf, size, "/n%u", n);
}

static void pick_dir(struct worker *w, char *buf, size_t size)
{
	snprintf(buf, size, "/d%u", (unsigned)rand_r(&w->seed) % (DIRS - 1) + 1);
}

static int lock_it(struct worker *w, const char *name)
{
	const struct open_how_args how = {.flags = O_RDWR};
	struct flock fl = {.l_type = F_WRLCK, .l_start = rand_r(&w->seed) % 100, .l_len = 10};
	struct file *f;
	int r = vfs_open(w->t, AT_FDCWD, name, &how, &f);

	if (r < 0)
		return r;
	r = (int)locks_fcntl(w->t, f, -1, F_SETLK, (uintptr_t)&fl);
	if (r == 0)
		r = locks_flock(w->t, f, LOCK_EX | LOCK_NB);
	locks_close(w->t->fds, f);
	file_put(f);
	return r;
}

static int watch_it(struct worker *w, const char *name)
{
	PATH_SCOPE p = {0};
	char buf[512];
	struct uio u;
	int r = vfs_walk(w->t, AT_FDCWD, name, 0, &p);

	if (r == 0)
		r = inotify_add(w->inotify, p.dentry->inode, IN_ALL_EVENTS);
	if (r > 0 && r % 3 == 0)
		inotify_remove(w->inotify, r);
	uio_init_kernel(&u, buf, sizeof(buf));
	w->inotify->ops->read(w->inotify, &u, NULL);
	return r < 0 ? r : 0;
}

static int chmod_it(struct worker *w, const char *name)
{
	struct setattr a = {.valid = ATTR_MODE, .mode = 0600 | (rand_r(&w->seed) & 077)};
	PATH_SCOPE p = {0};
	int r = vfs_walk(w->t, AT_FDCWD, name, 0, &p);

	return r < 0 ? r : vfs_setattr(w->t, &p, &a);
}

static int step(struct worker *w)
{
	char a[32], b[32], buf[4096];
	struct kstat st;

	pick(w, a, sizeof(a));
	pick(w, b, sizeof(b));
	switch (rand_r(&w->seed) % 16) {
	case 0:
		pick_dir(w, a, sizeof(a));
		return vfs_mkdir(w->t, AT_FDCWD, a, 0755);
	case 1:
		pick_dir(w, a, sizeof(a));
		return vfs_unlink(w->t, AT_FDCWD, a, true);
	case 2:
	case 3:
		return fake_write(w->t, a, O_CREAT | O_APPEND, "some text");
	case 4:
		return vfs_unlink(w->t, AT_FDCWD, a, false);
	case 5:
	case 6:
		return vfs_rename(w->t, AT_FDCWD, a, AT_FDCWD, b, 0);
	case 7:
		return vfs_rename(w->t, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	case 8:
		return vfs_link(w->t, AT_FDCWD, a, AT_FDCWD, b, 0);
	case 9:
		pick_dir(w, a, sizeof(a));
		return fake_list(w->t, a, buf, sizeof(buf));
	case 10:
		return fake_read(w->t, a, buf, sizeof(buf));
	case 11:
		return fake_stat(w->t, a, &st);
	case 12:
		return lock_it(w, a);
	case 13:
		return watch_it(w, rand_r(&w->seed) % 2 ? a : "/");
	case 14:
		return chmod_it(w, a);
	default:
		pick_dir(w, a, sizeof(a));
		pick_dir(w, b, sizeof(b));
		return vfs_rename(w->t, AT_FDCWD, a, AT_FDCWD, b, 0);
	}
}

static bool expected(int r)
{
	static const int errs[] = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, EPERM, EAGAIN, EXDEV, ENOSPC};

	if (r >= 0)
		return true;
	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
		if (r == -errs[i])
			return true;
	return false;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int r = step(w);

		if (!expected(r)) {
			fprintf(stderr, "unexpected %d\n", r);
			w->odd++;
		}
	}
	return NULL;
}

/* Remove all that the names can be, then nothing is left. */
static void clear(struct task *t)
{
	char name[32], buf[4096];

	for (int d = 0; d < DIRS; d++) {
		for (int n = 0; n < NAMES; n++) {
			if (d)
				snprintf(name, sizeof(name), "/d%d/n%d", d, n);
			else
				snprintf(name, sizeof(name), "/n%d", n);
			vfs_unlink(t, AT_FDCWD, name, false);
		}
	}
	for (int d = 1; d < DIRS; d++) {
		snprintf(name, sizeof(name), "/d%d", d);
		vfs_unlink(t, AT_FDCWD, name, true);
	}
	assert_int_equal(fake_list(t, "/", buf, sizeof(buf)), 0);
}

static void run_on(bool overlay)
{
	char host[] = "/tmp/picket-stress-XXXXXX", cmd[128];
	const struct hostfs_options opt = {.lower = overlay, .read_only = overlay};
	struct worker w[THREADS] = {0};
	pthread_t th[THREADS];
	struct super_block *sb, *lower;
	unsigned odd = 0;
	struct fake f;

	assert_non_null(mkdtemp(host));
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir d1 d2 && for i in 0 1 2 3; do echo $i > n$i; echo $i > d1/n$i; done", host);
	assert_int_equal(system(cmd), 0);
	fake_init(&f);
	assert_int_equal(hostfs_create(f.k, open(host, O_PATH | O_DIRECTORY), &opt, &lower), 0);
	sb = lower;
	if (overlay)
		assert_int_equal(overlay_create(f.k, lower, NULL, &sb), 0);
	fake_mount_root(&f, sb);
	for (int i = 0; i < THREADS; i++) {
		w[i] = (struct worker){.t = fake_task(&f, i + 2), .seed = (unsigned)i + 1};
		assert_int_equal(inotify_create(f.k, IN_NONBLOCK, &w[i].inotify), 0);
		pthread_create(&th[i], NULL, work, &w[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(th[i], NULL);
	clear(f.t);
	for (int i = 0; i < THREADS; i++) {
		odd += w[i].odd;
		file_put(w[i].inotify);
		fake_task_free(w[i].t);
	}
	assert_int_equal(odd, 0);
	assert_int_equal(f.k->n_watches, 0);
	fake_destroy(&f);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", host);
	assert_int_equal(system(cmd), 0);
}

static void test_overlay(void **state)
{
	run_on(true);
}

static void test_volume(void **state)
{
	run_on(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_overlay), cmocka_unit_test(test_volume)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
