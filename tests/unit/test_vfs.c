/* SPDX-License-Identifier: MIT */
/* The VFS over tmpfs: walks, names, renames, permissions, limits, descriptors. */
#include "fake_task.h"
#include "fs/fs.h"
#include "fs/pipefs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

static int open_at(struct task *t, const char *name, int flags, uint32_t mode, struct file **f)
{
	struct open_how_args how = {.flags = flags, .mode = mode};

	return vfs_open(t, AT_FDCWD, name, &how, f);
}

static int touch(struct task *t, const char *name)
{
	struct file *f;
	int r = open_at(t, name, O_CREAT | O_WRONLY, 0666, &f);

	if (!r)
		file_put(f);
	return r;
}

static int exists(struct task *t, const char *name)
{
	struct path p;
	int r = vfs_walk(t, AT_FDCWD, name, 0, &p);

	if (!r)
		path_put(&p);
	return r;
}

static ssize_t put(struct task *t, struct file *f, const char *s, int64_t off)
{
	struct uio u;

	uio_init_kernel(&u, (void *)(uintptr_t)s, strlen(s));
	return file_write(t, f, &u, off);
}

static ssize_t get(struct task *t, struct file *f, char *buf, size_t len, int64_t off)
{
	struct uio u;

	uio_init_kernel(&u, buf, len);
	return file_read(t, f, &u, off);
}

static int setup(void **state)
{
	*state = fake_create(NULL);
	return 0;
}

static int teardown(void **state)
{
	fake_destroy(*state);
	return 0;
}

#define TASK(state) (&((struct fake *)*(state))->task)

static void walk(void **state)
{
	struct task *t = TASK(state);
	char longname[300];

	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "a", 0755), 0);
	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "a/b/", 0755), 0);
	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "a/b/..", 0755), -EEXIST);
	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "/", 0755), -EEXIST);
	assert_int_equal(touch(t, "a/b/f"), 0);
	assert_int_equal(exists(t, "/a//b/./../b/f"), 0);
	assert_int_equal(exists(t, "a/b/f/"), -ENOTDIR);
	assert_int_equal(exists(t, "a/b/f/x"), -ENOTDIR);
	assert_int_equal(exists(t, "a/x/f"), -ENOENT);
	assert_int_equal(exists(t, "../../a"), 0);
	assert_int_equal(exists(t, ""), -ENOENT);
	memset(longname, 'x', 256);
	longname[256] = 0;
	assert_int_equal(exists(t, longname), -ENAMETOOLONG);
	assert_int_equal(touch(t, longname), -ENAMETOOLONG);
	longname[255] = 0;
	assert_int_equal(touch(t, longname), 0);
}

static void symlinks(void **state)
{
	struct task *t = TASK(state);
	struct path p;
	struct file *f;

	vfs_mkdir(t, AT_FDCWD, "d", 0755);
	touch(t, "d/f");
	assert_int_equal(vfs_symlink(t, "d", AT_FDCWD, "l"), 0);
	assert_int_equal(vfs_symlink(t, "loop2", AT_FDCWD, "loop1"), 0);
	assert_int_equal(vfs_symlink(t, "loop1", AT_FDCWD, "loop2"), 0);
	assert_int_equal(exists(t, "l/f"), 0);
	assert_int_equal(exists(t, "l/"), 0);
	assert_int_equal(exists(t, "loop1"), 0);
	assert_int_equal(exists(t, "loop1/"), -ELOOP);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "loop1", WALK_FOLLOW, &p), -ELOOP);
	assert_int_equal(open_at(t, "l", O_RDONLY | O_NOFOLLOW, 0, &f), -ELOOP);
	assert_int_equal(vfs_symlink(t, "made", AT_FDCWD, "dangling"), 0);
	assert_int_equal(open_at(t, "dangling", O_CREAT | O_EXCL | O_WRONLY, 0600, &f), -EEXIST);
	assert_int_equal(touch(t, "dangling"), 0);
	assert_int_equal(exists(t, "made"), 0);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "l/f", WALK_NO_SYMLINKS, &p), -ELOOP);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "d/../d/f", WALK_BENEATH, &p), 0);
	path_put(&p);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "..", WALK_BENEATH, &p), -EXDEV);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "/d", WALK_BENEATH, &p), -EXDEV);
}

static void renames(void **state)
{
	struct task *t = TASK(state);
	char buf[64];
	struct file *f;
	struct path p;

	vfs_mkdir(t, AT_FDCWD, "d", 0755);
	vfs_mkdir(t, AT_FDCWD, "d/sub", 0755);
	vfs_mkdir(t, AT_FDCWD, "e", 0755);
	touch(t, "f");
	touch(t, "g");
	assert_int_equal(vfs_rename(t, AT_FDCWD, "d", AT_FDCWD, "d/sub/x", 0), -EINVAL);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "d/sub", AT_FDCWD, "d", 0), -ENOTEMPTY);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "f", AT_FDCWD, "e", 0), -EISDIR);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "e", AT_FDCWD, "f", 0), -ENOTDIR);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "f/", AT_FDCWD, "h", 0), -ENOTDIR);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "f", AT_FDCWD, "g", 1), -EEXIST);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "nope", AT_FDCWD, "g", 0), -ENOENT);
	assert_int_equal(vfs_rename(t, AT_FDCWD, ".", AT_FDCWD, "x", 0), -EBUSY);
	assert_int_equal(open_at(t, "g", O_RDWR, 0, &f), 0);
	assert_int_equal(put(t, f, "old", -1), 3);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "f", AT_FDCWD, "g", 0), 0);
	assert_int_equal(exists(t, "f"), -ENOENT);
	assert_int_equal(get(t, f, buf, sizeof(buf), 0), 3);
	assert_true(vfs_path_string(t, &f->path, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "/g (deleted)");
	file_put(f);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "d/sub", 0, &p), 0);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "d/sub", AT_FDCWD, "e/moved", 0), 0);
	assert_true(vfs_path_string(t, &p, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "/e/moved");
	path_put(&p);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "e/moved", AT_FDCWD, "g", 2), 0);
	assert_int_equal(exists(t, "g/"), 0);
	assert_int_equal(exists(t, "e/moved/"), -ENOTDIR);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "g", true), 0);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e", true), -ENOTEMPTY);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e", false), -EISDIR);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e/moved", true), -ENOTDIR);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e/moved/", false), -ENOTDIR);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e/.", true), -EINVAL);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "e/..", true), -ENOTEMPTY);
}

static void permissions(void **state)
{
	struct fake *fk = *state;
	struct task *root = &fk->task, user;
	struct cred cred;
	struct file *f;
	struct setattr a = {.valid = ATTR_MODE, .mode = 0};
	struct path p;

	fake_user(fk, &user, &cred, 1000, 1000);
	vfs_mkdir(root, AT_FDCWD, "closed", 0700);
	touch(root, "closed/f");
	assert_int_equal(exists(&user, "closed/f"), -EACCES);
	touch(&user, "mine"); /* the root directory is 1777 */
	touch(root, "roots");
	assert_int_equal(vfs_unlink(&user, AT_FDCWD, "roots", false), -EPERM);
	assert_int_equal(open_at(&user, "roots", O_WRONLY, 0, &f), -EACCES);
	assert_int_equal(vfs_walk(root, AT_FDCWD, "mine", 0, &p), 0);
	assert_int_equal(vfs_setattr(&user, &p, &a), 0);
	assert_int_equal(open_at(&user, "mine", O_RDONLY, 0, &f), -EACCES);
	assert_int_equal(vfs_access(root, AT_FDCWD, "mine", MAY_READ, 0), 0);
	assert_int_equal(vfs_access(root, AT_FDCWD, "mine", MAY_EXEC, 0), -EACCES);
	a = (struct setattr){.valid = ATTR_UID, .uid = 5};
	assert_int_equal(vfs_setattr(&user, &p, &a), -EPERM);
	path_put(&p);
	assert_int_equal(vfs_mknod(&user, AT_FDCWD, "dev", S_IFCHR | 0600, 0x103), -EPERM);
}

static void data(void **state)
{
	struct fake *fk = *state;
	struct task *t = &fk->task;
	uint64_t before = fk->kernel.memory_used;
	static char big[300000];
	char buf[16];
	struct uio u;
	struct file *f;
	struct kstat st;

	assert_int_equal(open_at(t, "f", O_CREAT | O_RDWR, 0600, &f), 0);
	assert_int_equal(put(t, f, "hello", 5000), 5);
	assert_int_equal(get(t, f, buf, sizeof(buf), 4998), 7);
	assert_memory_equal(buf, "\0\0hello", 7);
	inode_getattr(f->inode, &st);
	assert_int_equal(st.size, 5005);
	assert_int_equal(st.blocks, 8);
	assert_int_equal(f->ops->lseek(f, 0, SEEK_DATA), 4096);
	assert_int_equal(f->ops->lseek(f, 0, SEEK_HOLE), 0);
	assert_int_equal(f->ops->lseek(f, 4096, SEEK_HOLE), 5005);
	memset(big, 'x', sizeof(big));
	uio_init_kernel(&u, big, sizeof(big));
	assert_int_equal(file_write(t, f, &u, 8192), sizeof(big)); /* goes into a memfd */
	assert_int_equal(get(t, f, buf, sizeof(buf), 4998), 16);
	assert_memory_equal(buf, "\0\0hello\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(vfs_ftruncate(t, f, 4999), 0);
	assert_int_equal(vfs_ftruncate(t, f, 6000), 0);
	assert_int_equal(get(t, f, buf, 3, 4999), 3);
	assert_memory_equal(buf, "\0\0\0", 3);
	fk->tg.rlim[RLIMIT_FSIZE].cur = 10;
	assert_int_equal(put(t, f, "hello", 8), 2);
	assert_int_equal(put(t, f, "hello", 10), -EFBIG);
	assert_int_equal(fk->last_signal, SIGXFSZ);
	fk->tg.rlim[RLIMIT_FSIZE].cur = RLIM_INFINITY;
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "f", false), 0);
	assert_int_equal(get(t, f, buf, 2, 8), 2);
	file_put(f);
	assert_true(fk->kernel.memory_used <= before + 512);
}

static void limits(void **state)
{
	struct tmpfs_options opt = {.mode = 0777, .size = 8 * 4096, .max_inodes = 4};
	struct fake *fk = *state;
	struct task *t = &fk->task;
	static char big[16 * 4096];
	struct super_block *sb;
	struct mount *m;
	struct path at;
	struct file *f;
	struct uio u;

	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "m", 0755), 0);
	assert_int_equal(tmpfs_create(&fk->kernel, &opt, &sb), 0);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "m", 0, &at), 0);
	assert_int_equal(mount_add(fk->kernel.mounts, &at, sb, NULL, 0, &m), 0);
	path_put(&at);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "m", true), -EBUSY);
	assert_int_equal(open_at(t, "m/f", O_CREAT | O_RDWR, 0600, &f), 0);
	uio_init_kernel(&u, big, sizeof(big));
	assert_int_equal(file_write(t, f, &u, 0), 8 * 4096);
	assert_int_equal(put(t, f, "x", 8 * 4096), -ENOSPC);
	assert_int_equal(touch(t, "m/2"), 0);
	assert_int_equal(touch(t, "m/3"), 0);
	assert_int_equal(touch(t, "m/4"), -ENOSPC);
	assert_int_equal(vfs_link(t, AT_FDCWD, "m/2", AT_FDCWD, "two", 0), -EXDEV);
	assert_int_equal(vfs_rename(t, AT_FDCWD, "m/2", AT_FDCWD, "two", 0), -EXDEV);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "m", 0, &at), 0);
	mount_put(m);
	assert_int_equal(mount_remove(t, &at, 0), -EBUSY);
	m->flags |= MS_RDONLY;
	assert_int_equal(touch(t, "m/5"), -EROFS);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "m/2", false), -EROFS);
	m->flags &= ~(unsigned)MS_RDONLY;
	file_put(f);
	assert_int_equal(mount_remove(t, &at, 0), 0);
	path_put(&at);
	assert_int_equal(exists(t, "m/2"), -ENOENT);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "m", true), 0);
}

struct names {
	struct dir_emit de;
	unsigned n, max;
	int64_t next;
};

static bool count_name(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos)
{
	struct names *n = container_of(de, struct names, de);

	if (n->n == n->max)
		return false;
	n->n++;
	n->next = next_pos;
	return true;
}

static void listing(void **state)
{
	struct task *t = TASK(state);
	struct names n = {.de.emit = count_name, .max = 10};
	struct file *f;
	char name[32];

	vfs_mkdir(t, AT_FDCWD, "many", 0755);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "many/%d", i);
		assert_int_equal(touch(t, name), 0);
	}
	assert_int_equal(open_at(t, "many", O_RDONLY | O_DIRECTORY, 0, &f), 0);
	assert_int_equal(f->ops->readdir(f, &n.de, &f->pos), 0);
	assert_int_equal(n.n, 10);
	for (int i = 0; i < 990; i++) { /* most of them go while the listing stands in between */
		snprintf(name, sizeof(name), "many/%d", i);
		assert_int_equal(vfs_unlink(t, AT_FDCWD, name, false), 0);
	}
	touch(t, "many/new");
	n.n = 0;
	n.max = 1000;
	assert_int_equal(f->ops->readdir(f, &n.de, &f->pos), 0);
	assert_int_equal(n.n, 11);
	file_put(f);
}

static void deep(void **state)
{
	struct fake *fk = *state;
	struct task *t = &fk->task;
	uint64_t before = fk->kernel.memory_used;
	struct super_block *sb;
	struct path p, at;

	assert_int_equal(vfs_mkdir(t, AT_FDCWD, "m", 0755), 0);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "m", 0, &at), 0);
	assert_int_equal(tmpfs_create(&fk->kernel, NULL, &sb), 0);
	assert_int_equal(mount_add(fk->kernel.mounts, &at, sb, NULL, 0, NULL), 0);
	path_put(&at);
	assert_int_equal(vfs_walk(t, AT_FDCWD, "m", 0, &at), 0);
	fs_set_cwd(t->fs, &at);
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(vfs_mkdir(t, AT_FDCWD, "d", 0755), 0);
		assert_int_equal(vfs_walk(t, AT_FDCWD, "d", 0, &p), 0);
		fs_set_cwd(t->fs, &p);
		path_put(&p);
	}
	fs_get_root(t, &p);
	fs_set_cwd(t->fs, &p);
	path_put(&p);
	assert_int_equal(mount_remove(t, &at, 0), 0);
	path_put(&at);
	assert_int_equal(vfs_unlink(t, AT_FDCWD, "m", true), 0);
	assert_int_equal(fk->kernel.memory_used, before);
}

static void pipes(void **state)
{
	struct fake *fk = *state;
	struct task *t = &fk->task;
	static char big[70000];
	struct file *r, *w;
	char buf[8];
	struct uio u;

	assert_int_equal(pipe_create(&fk->kernel, O_NONBLOCK, &r, &w), 0);
	assert_int_equal(get(t, r, buf, 8, -1), -EAGAIN);
	assert_int_equal(put(t, w, "abc", -1), 3);
	assert_int_equal(get(t, r, buf, 2, -1), 2);
	assert_int_equal(get(t, r, buf, 8, -1), 1);
	uio_init_kernel(&u, big, sizeof(big));
	assert_int_equal(file_write(t, w, &u, -1), 65536);
	assert_int_equal(put(t, w, "x", -1), -EAGAIN);
	uio_init_kernel(&u, big, 4095);
	assert_int_equal(file_read(t, r, &u, -1), 4095);
	uio_init_kernel(&u, big, 4096);
	assert_int_equal(file_write(t, w, &u, -1), -EAGAIN); /* PIPE_BUF bytes or none */
	file_put(r);
	assert_int_equal(put(t, w, "x", -1), -EPIPE);
	assert_int_equal(fk->last_signal, SIGPIPE);
	file_put(w);
}

static void descriptors(void **state)
{
	struct fake *fk = *state;
	struct task *t = &fk->task;
	struct file *f;

	assert_int_equal(open_at(t, "f", O_CREAT | O_RDWR, 0600, &f), 0);
	for (int i = 0; i < 1024; i++) {
		file_get(f);
		assert_int_equal(fd_install(t, f, i & 1, 0), i);
	}
	assert_int_equal(fd_install(t, f, false, 0), -EMFILE);
	assert_int_equal(fd_close(t, 7), 0);
	assert_int_equal(fd_close(t, 7), -EBADF);
	file_get(f);
	assert_int_equal(fd_install(t, f, false, 5), 7);
	fd_table_close_on_exec(t, t->fds);
	assert_null(fd_get(t, 1));
	assert_int_equal(fd_set_cloexec(t, 2, true), 0);
	assert_int_equal(fd_get_cloexec(t, 2), 1);
	fd_close_range(t, 3, ~0u, false);
	assert_null(fd_get(t, 4));
	file_put(f);
}

/* Many more names than the cache keeps. */
static void cache_bound(void **state)
{
	struct task *t = TASK(state);
	char name[32];

	for (int i = 0; i < 150000; i++) {
		snprintf(name, sizeof(name), "absent%d", i);
		assert_int_equal(exists(t, name), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(walk, setup, teardown),
		cmocka_unit_test_setup_teardown(symlinks, setup, teardown),
		cmocka_unit_test_setup_teardown(renames, setup, teardown),
		cmocka_unit_test_setup_teardown(permissions, setup, teardown),
		cmocka_unit_test_setup_teardown(data, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(listing, setup, teardown),
		cmocka_unit_test_setup_teardown(deep, setup, teardown),
		cmocka_unit_test_setup_teardown(pipes, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(cache_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
