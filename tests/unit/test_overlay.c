/* SPDX-License-Identifier: MIT */
/* The overlay over a host directory, and a host directory as a volume, through the VFS. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_kernel.h"
#include "fs/fs.h"

struct env {
	struct fake f;
	struct task *t;
	char host[64]; /* the lower directory */
};

static void host_file(const struct env *e, const char *name, const char *text, mode_t mode)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", e->host, name);
	fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void host_dir(const struct env *e, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", e->host, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void host_link(const struct env *e, const char *from, const char *to)
{
	char a[256], b[256];

	snprintf(a, sizeof(a), "%s/%s", e->host, from);
	snprintf(b, sizeof(b), "%s/%s", e->host, to);
	assert_int_equal(link(a, b), 0);
}

static int start(void **state, bool overlay)
{
	struct env *e = calloc(1, sizeof(*e));
	const struct hostfs_options opt = {.lower = overlay, .read_only = overlay};
	struct super_block *lower, *sb;
	char cmd[128];
	int fd;

	strcpy(e->host, "/tmp/picket-overlay-XXXXXX");
	assert_non_null(mkdtemp(e->host));
	chmod(e->host, 0755);
	host_file(e, "a", "lower a", 0644);
	host_file(e, "x", "lower x", 0755);
	host_dir(e, "dir");
	host_file(e, "dir/one", "1", 0644);
	host_file(e, "dir/two", "2", 0644);
	host_dir(e, "dir/sub");
	host_file(e, "dir/sub/deep", "deep", 0600);
	host_dir(e, "empty");
	host_file(e, "hard1", "hard", 0644);
	host_link(e, "hard1", "hard2");
	snprintf(cmd, sizeof(cmd), "%s/link", e->host);
	assert_int_equal(symlink("dir/one", cmd), 0);
	snprintf(cmd, sizeof(cmd), "%s/out", e->host);
	assert_int_equal(symlink("/etc/hostname", cmd), 0);
	fake_init(&e->f);
	e->t = e->f.t;
	fd = open(e->host, O_PATH | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(hostfs_create(e->f.k, fd, &opt, &lower), 0);
	sb = lower;
	if (overlay)
		assert_int_equal(overlay_create(e->f.k, lower, NULL, &sb), 0);
	fake_mount_root(&e->f, sb);
	*state = e;
	return 0;
}

static int overlay_start(void **state)
{
	return start(state, true);
}

static int volume_start(void **state)
{
	return start(state, false);
}

static int stop(void **state)
{
	struct env *e = *state;
	char cmd[128];

	fake_destroy(&e->f);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", e->host);
	assert_int_equal(system(cmd), 0);
	free(e);
	return 0;
}

static void expect_list(struct env *e, const char *dir, const char *names)
{
	char buf[1024];

	assert_true(fake_list(e->t, dir, buf, sizeof(buf)) >= 0);
	assert_string_equal(buf, names);
}

static void expect_text(struct env *e, const char *name, const char *text)
{
	char buf[1024];

	assert_int_equal(fake_read(e->t, name, buf, sizeof(buf)), strlen(text));
	assert_string_equal(buf, text);
}

static void expect_host(struct env *e, const char *name, const char *text)
{
	char path[256], buf[256] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s", e->host, name);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	assert_string_equal(buf, text);
	close(fd);
}

static uint64_t ino_of(struct env *e, const char *name)
{
	struct kstat st;

	assert_int_equal(fake_stat(e->t, name, &st), 0);
	return st.ino;
}

static uint32_t nlink_of(struct env *e, const char *name)
{
	struct kstat st;

	assert_int_equal(fake_stat(e->t, name, &st), 0);
	return st.nlink;
}

static void test_read(void **state)
{
	struct env *e = *state;
	struct kstat st;

	expect_text(e, "/a", "lower a");
	expect_text(e, "/link", "1");
	expect_text(e, "/dir/sub/deep", "deep");
	expect_list(e, "/", "a dir empty hard1 hard2 link out x");
	assert_int_equal(fake_stat(e->t, "/a", &st), 0);
	assert_int_equal(st.uid, 0);
	assert_int_equal(st.mode, S_IFREG | 0644);
	assert_int_equal(fake_stat(e->t, "/nothing", &st), -ENOENT);
	/* A link that leads out on the host leads inside here. */
	assert_int_equal(fake_read(e->t, "/out", (char[64]){0}, 64), -ENOENT);
}

static void test_copy_up(void **state)
{
	struct env *e = *state;
	const struct open_how_args how = {.flags = O_RDONLY};
	uint64_t ino = ino_of(e, "/a");
	struct file *f;
	struct uio u;
	char buf[64];

	assert_int_equal(vfs_open(e->t, AT_FDCWD, "/a", &how, &f), 0);
	assert_int_equal(fake_write(e->t, "/a", O_APPEND, "+up"), 3);
	expect_text(e, "/a", "lower a+up");
	expect_host(e, "a", "lower a");
	assert_int_equal(ino_of(e, "/a"), ino);
	/* A file that was open before sees the new data too. */
	uio_init_kernel(&u, buf, sizeof(buf));
	assert_int_equal(file_read(e->t, f, &u, 0), 10);
	file_put(f);
	assert_int_equal(fake_write(e->t, "/a", O_TRUNC, "new"), 3);
	expect_text(e, "/a", "new");
	expect_list(e, "/", "a dir empty hard1 hard2 link out x");
}

static void test_hard_links(void **state)
{
	struct env *e = *state;

	assert_int_equal(ino_of(e, "/hard1"), ino_of(e, "/hard2"));
	assert_int_equal(fake_write(e->t, "/hard1", O_APPEND, "er"), 2);
	expect_text(e, "/hard2", "harder");
	assert_int_equal(nlink_of(e, "/hard2"), 2);
	assert_int_equal(vfs_link(e->t, AT_FDCWD, "/hard2", AT_FDCWD, "/dir/hard3", 0), 0);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/hard1", false), 0);
	assert_int_equal(nlink_of(e, "/hard2"), 2);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/hard2", false), 0);
	expect_text(e, "/dir/hard3", "harder");
	expect_list(e, "/", "a dir empty link out x");
	/* Changes of one name persist when nothing but the table of names knows the inode. */
	assert_int_equal(nlink_of(e, "/dir/hard3"), 1);
}

static void test_whiteout(void **state)
{
	struct env *e = *state;
	struct kstat st;

	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/a", false), 0);
	assert_int_equal(fake_stat(e->t, "/a", &st), -ENOENT);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/a", false), -ENOENT);
	expect_list(e, "/", "dir empty hard1 hard2 link out x");
	assert_int_equal(fake_write(e->t, "/a", O_CREAT | O_EXCL, "again"), 5);
	expect_text(e, "/a", "again");
	expect_list(e, "/", "a dir empty hard1 hard2 link out x");
	expect_host(e, "a", "lower a");
}

static void test_rmdir(void **state)
{
	struct env *e = *state;

	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir", true), -ENOTEMPTY);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir/one", false), 0);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir/two", false), 0);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir/sub/deep", false), 0);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir", true), -ENOTEMPTY);
	assert_int_equal(nlink_of(e, "/dir"), 3);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir/sub", true), 0);
	assert_int_equal(nlink_of(e, "/dir"), 2);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/dir", true), 0);
	/* A new directory of the name does not show the old one's entries. */
	assert_int_equal(vfs_mkdir(e->t, AT_FDCWD, "/dir", 0700), 0);
	expect_list(e, "/dir", "");
	assert_int_equal(nlink_of(e, "/dir"), 2);
}

static void test_rename_dir(void **state)
{
	struct env *e = *state;
	uint64_t ino = ino_of(e, "/dir"), deep = ino_of(e, "/dir/sub/deep");

	assert_int_equal(fake_write(e->t, "/dir/three", O_CREAT, "3"), 1);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/dir", AT_FDCWD, "/moved", 0), 0);
	assert_int_equal(ino_of(e, "/moved"), ino);
	expect_list(e, "/moved", "one sub three two");
	assert_int_equal(ino_of(e, "/moved/sub/deep"), deep);
	expect_text(e, "/moved/sub/deep", "deep");
	expect_list(e, "/", "a empty hard1 hard2 link moved out x");
	assert_int_equal(vfs_mkdir(e->t, AT_FDCWD, "/dir", 0755), 0);
	expect_list(e, "/dir", "");
	/* Onto a directory: only an empty one is replaced. */
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/dir", AT_FDCWD, "/moved", 0), -ENOTEMPTY);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/moved", AT_FDCWD, "/empty", 0), 0);
	expect_list(e, "/empty", "one sub three two");
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/empty/sub", AT_FDCWD, "/dir/sub", 0), 0);
	expect_text(e, "/dir/sub/deep", "deep");
	assert_int_equal(nlink_of(e, "/empty"), 2);
	assert_int_equal(nlink_of(e, "/dir"), 3);
}

static void test_rename_file(void **state)
{
	struct env *e = *state;

	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/a", AT_FDCWD, "/x", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/a", AT_FDCWD, "/x", RENAME_EXCHANGE), 0);
	expect_text(e, "/a", "lower x");
	expect_text(e, "/x", "lower a");
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/a", AT_FDCWD, "/x", 0), 0);
	expect_text(e, "/x", "lower x");
	expect_list(e, "/", "dir empty hard1 hard2 link out x");
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/x", AT_FDCWD, "/dir/one", 0), 0);
	expect_text(e, "/link", "lower x");
	expect_list(e, "/dir", "one sub two");
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/dir", AT_FDCWD, "/dir/sub/in", 0), -EINVAL);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/dir/one", AT_FDCWD, "/empty", 0), -EISDIR);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/empty", AT_FDCWD, "/dir/one", 0), -ENOTDIR);
}

static void test_attributes(void **state)
{
	struct env *e = *state;
	struct setattr a = {.valid = ATTR_MODE | ATTR_UID | ATTR_CHOWN, .mode = 0600, .uid = 1000};
	PATH_SCOPE p = {0};
	struct kstat st;

	assert_int_equal(vfs_walk(e->t, AT_FDCWD, "/dir/one", 0, &p), 0);
	assert_int_equal(vfs_setattr(e->t, &p, &a), 0);
	path_put(&p);
	p = (struct path){0};
	assert_int_equal(fake_stat(e->t, "/dir/one", &st), 0);
	assert_int_equal(st.mode, S_IFREG | 0600);
	assert_int_equal(st.uid, 1000);
	expect_text(e, "/dir/one", "1");
	/* No data was copied for it: the lower file is still read. */
	assert_int_equal(fake_stat(e->t, "/link", &st), 0);
	assert_true(S_ISLNK(st.mode));
}

/* Names made, removed and made again while a directory is read are seen once at most; others exactly once. */
static void test_readdir_changes(void **state)
{
	struct env *e = *state;

	assert_int_equal(fake_write(e->t, "/n1", O_CREAT, ""), 0);
	assert_int_equal(fake_write(e->t, "/n2", O_CREAT, ""), 0);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/n1", false), 0);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/n2", AT_FDCWD, "/x", 0), 0);
	expect_list(e, "/", "a dir empty hard1 hard2 link out x");
	assert_int_equal(fake_write(e->t, "/n1", O_CREAT, ""), 0);
	expect_list(e, "/", "a dir empty hard1 hard2 link n1 out x");
}

/* --- a volume ---------------------------------------------------------------------------------------------------------------- */

static void test_volume(void **state)
{
	struct env *e = *state;
	const struct open_how_args ro = {.flags = O_CREAT | O_EXCL | O_RDWR, .mode = 0444};
	struct setattr a = {.valid = ATTR_UID | ATTR_CHOWN, .uid = 1000};
	PATH_SCOPE p = {0};
	struct file *f;
	struct uio u;

	expect_list(e, "/", "a dir empty hard1 hard2 link out x");
	assert_int_equal(fake_write(e->t, "/a", O_TRUNC, "from inside"), 11);
	expect_host(e, "a", "from inside");
	assert_int_equal(fake_read(e->t, "/out", (char[64]){0}, 64), -ENOENT);
	/* What was created unwritable is still written through the descriptor that made it. */
	assert_int_equal(vfs_open(e->t, AT_FDCWD, "/obj", &ro, &f), 0);
	uio_init_kernel(&u, (char[]){'o', 'k'}, 2);
	assert_int_equal(file_write(e->t, f, &u, -1), 2);
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/obj", false), 0);
	assert_int_equal(f->inode->nlink, 0);
	file_put(f);
	assert_int_equal(vfs_rename(e->t, AT_FDCWD, "/dir", AT_FDCWD, "/moved", 0), 0);
	expect_text(e, "/moved/sub/deep", "deep");
	expect_host(e, "moved/sub/deep", "deep");
	assert_int_equal(vfs_mkdir(e->t, AT_FDCWD, "/moved/new", 0750), 0);
	assert_int_equal(vfs_symlink(e->t, "../a", AT_FDCWD, "/moved/new/l"), 0);
	expect_list(e, "/moved/new", "l");
	assert_int_equal(vfs_unlink(e->t, AT_FDCWD, "/moved", true), -ENOTEMPTY);
	/* There is no other owner on the host. */
	assert_int_equal(vfs_walk(e->t, AT_FDCWD, "/a", 0, &p), 0);
	assert_int_equal(vfs_setattr(e->t, &p, &a), -EPERM);
	a.uid = 0;
	assert_int_equal(vfs_setattr(e->t, &p, &a), 0);
	a = (struct setattr){.valid = ATTR_MODE, .mode = 04755};
	assert_int_equal(vfs_setattr(e->t, &p, &a), -EPERM);
	a.mode = 0700;
	assert_int_equal(vfs_setattr(e->t, &p, &a), 0);
}

/* The host changes names behind our back. */
static void test_volume_changes(void **state)
{
	struct env *e = *state;
	char from[128], to[128];

	expect_text(e, "/dir/one", "1");
	snprintf(from, sizeof(from), "%s/dir", e->host);
	snprintf(to, sizeof(to), "%s/elsewhere", e->host);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(fake_read(e->t, "/dir/one", (char[8]){0}, 8), -ENOENT);
	expect_text(e, "/elsewhere/one", "1");
	host_file(e, "late", "late", 0644);
	expect_text(e, "/late", "late");
	/* A directory becomes a link out of the volume: it is the guest's link. */
	assert_int_equal(symlink("/etc", from), 0);
	assert_int_equal(fake_read(e->t, "/dir/hostname", (char[8]){0}, 8), -ENOENT);
}

int main(void)
{
#define OVERLAY(t) cmocka_unit_test_setup_teardown(t, overlay_start, stop)
#define VOLUME(t) cmocka_unit_test_setup_teardown(t, volume_start, stop)
	const struct CMUnitTest tests[] = {
		OVERLAY(test_read), OVERLAY(test_copy_up), OVERLAY(test_hard_links), OVERLAY(test_whiteout),
		OVERLAY(test_rmdir), OVERLAY(test_rename_dir), OVERLAY(test_rename_file), OVERLAY(test_attributes),
		OVERLAY(test_readdir_changes), VOLUME(test_read), VOLUME(test_volume), VOLUME(test_volume_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
