/* SPDX-License-Identifier: MIT */
/* Many threads over few names: lock order, races between look-up, rename, removal, mounts. For lockdep, ASan and TSan builds. */
#include "fake_task.h"
#include "fs/fs.h"
#include "fs/pipefs.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 100000

struct worker {
	pthread_t thread;
	struct task task;
	unsigned seed;
};

static unsigned rnd(struct worker *w, unsigned n)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->seed >> 16) % n;
}

/* A name of up to three components out of few. */
static const char *some_name(struct worker *w, char *buf, size_t size)
{
	static const char *const parts[] = {"a", "b", "c", "d", ".", ".."};
	unsigned depth = 1 + rnd(w, 3);

	buf[0] = 0;
	for (unsigned i = 0; i < depth; i++) {
		strncat(buf, "/", size - strlen(buf) - 1);
		strncat(buf, parts[rnd(w, i + 1 == depth ? 4 : 6)], size - strlen(buf) - 1);
	}
	return buf;
}

static bool ignore_name(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos)
{
	return true;
}

static void use_file(struct worker *w, const char *name)
{
	struct open_how_args how = {.flags = O_RDWR | (rnd(w, 2) ? O_CREAT : 0), .mode = 0644};
	struct dir_emit de = {.emit = ignore_name};
	char buf[4096];
	struct file *f;
	struct uio u;

	if (vfs_open(&w->task, AT_FDCWD, name, &how, &f) < 0) {
		how.flags = O_RDONLY;
		if (vfs_open(&w->task, AT_FDCWD, name, &how, &f) < 0)
			return;
	}
	if (f->ops && f->ops->readdir)
		f->ops->readdir(f, &de, &f->pos);
	uio_init_kernel(&u, buf, sizeof(buf));
	memset(buf, 1, sizeof(buf));
	if (rnd(w, 2))
		file_write(&w->task, f, &u, rnd(w, 400000));
	else
		file_read(&w->task, f, &u, rnd(w, 400000));
	vfs_path_string(&w->task, &f->path, buf, sizeof(buf));
	file_put(f);
}

static void use_path(struct worker *w, const char *name)
{
	struct setattr a = {.valid = ATTR_MODE, .mode = 0777};
	struct kstat st;
	struct path p;

	if (vfs_walk(&w->task, AT_FDCWD, name, WALK_FOLLOW, &p) < 0)
		return;
	inode_getattr(p.dentry->inode, &st);
	vfs_setattr(&w->task, &p, &a);
	if (S_ISDIR(st.mode) && rnd(w, 4) == 0)
		fs_set_cwd(w->task.fs, &p);
	path_put(&p);
}

static void use_mount(struct worker *w, const char *name)
{
	struct mount_ns *ns = w->task.kernel->mounts;
	struct super_block *sb;
	struct path p;

	if (vfs_walk(&w->task, AT_FDCWD, name, 0, &p) < 0)
		return;
	if (p.dentry == p.mnt->root) {
		mount_remove(&w->task, &p, rnd(w, 2) ? MNT_DETACH : 0);
	} else if (S_ISDIR(p.dentry->inode->mode) && tmpfs_create(w->task.kernel, NULL, &sb) == 0) {
		if (mount_add(ns, &p, sb, NULL, 0, NULL) < 0)
			super_put(sb);
	}
	path_put(&p);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	char a[64], b[64];

	for (int i = 0; i < ROUNDS; i++) {
		some_name(w, a, sizeof(a));
		some_name(w, b, sizeof(b));
		switch (rnd(w, 12)) {
		case 0:
		case 1:
			vfs_mkdir(&w->task, AT_FDCWD, a, 0777);
			break;
		case 2:
			vfs_unlink(&w->task, AT_FDCWD, a, true);
			break;
		case 3:
			vfs_unlink(&w->task, AT_FDCWD, a, false);
			break;
		case 4:
		case 5:
			vfs_rename(&w->task, AT_FDCWD, a, AT_FDCWD, b, rnd(w, 3));
			break;
		case 6:
			vfs_link(&w->task, AT_FDCWD, a, AT_FDCWD, b, 0);
			break;
		case 7:
			vfs_symlink(&w->task, a, AT_FDCWD, b);
			break;
		case 8:
			if (rnd(w, 8) == 0)
				use_mount(w, a);
			break;
		case 9:
			use_path(w, a);
			break;
		default:
			use_file(w, a);
		}
	}
	return NULL;
}

static void many_threads(void **state)
{
	static struct worker w[THREADS];
	struct fake *f = fake_create(NULL);

	for (int i = 0; i < THREADS; i++) {
		w[i].task = f->task;
		w[i].task.fs = fs_context_copy(f->task.fs);
		w[i].seed = (unsigned)i + 1;
		assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
		fs_context_put(w[i].task.fs);
	}
	fake_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(many_threads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
