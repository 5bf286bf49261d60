/* SPDX-License-Identifier: MIT */
/* Directories: getdents(2), mkdir(2), rmdir(2), getcwd(2), chdir(2), chroot(2). */
#include "syscalls/names.h"
#include "vfs/names_table.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#define DENTS_MAX 65536u /* bytes gathered for one call */

struct dirent_sink {
	struct dir_emit de;
	uint8_t *buf;
	size_t size, used;
	bool old, too_small; /* old: struct linux_dirent of getdents(2) */
};

struct dirent_head { /* common beginning of both layouts */
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
} __attribute__((packed));

static bool emit_dirent(struct dir_emit *de, const char *name, size_t len, uint64_t ino, unsigned type, int64_t next_pos)
{
	struct dirent_sink *s = container_of(de, struct dirent_sink, de);
	size_t head = sizeof(struct dirent_head) + !s->old, reclen = (head + len + 1 + s->old + 7) & ~7ul;
	struct dirent_head h = {.ino = ino, .off = next_pos, .reclen = (uint16_t)reclen};
	uint8_t *p = s->buf + s->used;

	if (s->size - s->used < reclen) {
		s->too_small = !s->used;
		return false;
	}
	memset(p, 0, reclen);
	memcpy(p, &h, sizeof(h));
	memcpy(p + head, name, len);
	p[s->old ? reclen - 1 : sizeof(h)] = (uint8_t)type;
	s->used += reclen;
	return true;
}

static int64_t read_dirents(struct task *t, struct file *f, struct dirent_sink *s, uint64_t dst)
{
	int64_t before;
	int r;

	if (!inode_is_dir(f->inode) || !f->ops || !f->ops->readdir)
		return -ENOTDIR;
	lock_acquire(&f->pos_lock);
	before = f->pos;
	r = f->inode->dead ? -ENOENT : f->ops->readdir(f, &s->de, &f->pos);
	if (!r && s->used)
		r = copy_out(t, dst, s->buf, s->used);
	if (r < 0)
		f->pos = before;
	lock_release(&f->pos_lock);
	if (r < 0)
		return r;
	return s->too_small ? -EINVAL : (int64_t)s->used;
}

static int64_t do_getdents(struct task *t, const uint64_t *a, bool old)
{
	struct dirent_sink s = {.de = {.task = t, .emit = emit_dirent}, .old = old};
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	int64_t r;

	if (!f)
		return -EBADF;
	s.size = ARG_UINT(a, 2) < DENTS_MAX ? ARG_UINT(a, 2) : DENTS_MAX;
	s.buf = malloc(s.size ? s.size : 1);
	if (!s.buf)
		return -ENOMEM;
	r = read_dirents(t, f, &s, a[1]);
	free(s.buf);
	return r;
}

int64_t sys_getdents64(struct task *t, const uint64_t *a)
{
	return do_getdents(t, a, false);
}

int64_t sys_getdents(struct task *t, const uint64_t *a)
{
	return do_getdents(t, a, true);
}

static int64_t do_mkdir(struct task *t, int dirfd, uint64_t path, uint32_t mode)
{
	NAME_SCOPE name = NULL;
	int r = copy_in_path(t, path, false, &name);

	return r < 0 ? r : vfs_mkdir(t, dirfd, name, mode);
}

int64_t sys_mkdir(struct task *t, const uint64_t *a)
{
	return do_mkdir(t, AT_FDCWD, a[0], ARG_UINT(a, 1));
}

int64_t sys_mkdirat(struct task *t, const uint64_t *a)
{
	return do_mkdir(t, ARG_INT(a, 0), a[1], ARG_UINT(a, 2));
}

int64_t sys_getcwd(struct task *t, const uint64_t *a)
{
	char buf[VFS_PATH_MAX];
	PATH_SCOPE cwd = {0};
	PATH_SCOPE root = {0};
	ssize_t n;
	int r;

	fs_get_cwd(t, &cwd);
	if (cwd.dentry->unhashed)
		return -ENOENT;
	fs_get_root(t, &root);
	n = vfs_path_string_from(&root, &cwd, buf, sizeof(buf));
	if (n < 0)
		return n;
	if ((uint64_t)n + 1 > a[1])
		return -ERANGE;
	r = copy_out(t, a[0], buf, (size_t)n + 1);
	return r < 0 ? r : n + 1;
}

int64_t sys_chdir(struct task *t, const uint64_t *a)
{
	NAME_SCOPE name = NULL;
	PATH_SCOPE p = {0};
	int r = copy_in_path(t, a[0], false, &name);

	if (!r)
		r = vfs_walk(t, AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, &p);
	if (!r)
		r = inode_permission(t, p.dentry->inode, MAY_EXEC);
	if (!r)
		fs_set_cwd(t->fs, &p);
	return r;
}

int64_t sys_fchdir(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get_path(t, ARG_INT(a, 0));
	int r;

	if (!f)
		return -EBADF;
	if (!inode_is_dir(f->inode))
		return -ENOTDIR;
	r = inode_permission(t, f->inode, MAY_EXEC);
	if (!r)
		fs_set_cwd(t->fs, &f->path);
	return r;
}

int64_t sys_chroot(struct task *t, const uint64_t *a)
{
	NAME_SCOPE name = NULL;
	PATH_SCOPE p = {0};
	int r = copy_in_path(t, a[0], false, &name);

	if (!r)
		r = vfs_walk(t, AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, &p);
	if (!r)
		r = inode_permission(t, p.dentry->inode, MAY_EXEC);
	if (!r && !ns_capable(t, t->cred->user_ns, CAP_SYS_CHROOT))
		r = -EPERM;
	if (!r) {
		names_off(t->kernel);
		fs_set_root(t->fs, &p);
	}
	return r;
}
