/* SPDX-License-Identifier: MIT */
/* /proc/PID/fd, fdinfo, exe, cwd, root and ns: links to the objects themselves. */
#include "fs/procfs_internal.h"
#include "kernel/pidfd.h"

#include "vfs/locks.h"
#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GUEST_O_LARGEFILE 0100000 /* the C library of 64-bit systems has 0 */

/* --- paths ---------------------------------------------------------------------------------------------------------------------- */

static int path_text(struct task *v, struct path *p, char **ret)
{
	char *buf = malloc(VFS_PATH_MAX);
	ssize_t n;

	if (!buf)
		return -ENOMEM;
	n = vfs_path_string(v, p, buf, VFS_PATH_MAX);
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	*ret = buf;
	return 0;
}

int proc_exe_link(struct task *v, const struct kobj *o, struct path *ret)
{
	struct mm *mm = task_mm_get(o->task);
	int err = -ENOENT;

	if (!mm)
		return err;
	lock_acquire(&mm->lock);
	if (mm->exe.dentry) {
		*ret = mm->exe;
		path_get(ret);
		err = 0;
	}
	lock_release(&mm->lock);
	mm_put(mm);
	return err;
}

static int fs_link(const struct kobj *o, struct path *ret, bool root)
{
	struct fs_context *fs = proc_fs(o->task);

	if (!fs)
		return -ENOENT;
	lock_acquire(&fs->lock);
	*ret = root ? fs->root : fs->cwd;
	path_get(ret);
	lock_release(&fs->lock);
	fs_context_put(fs);
	return 0;
}

int proc_cwd_link(struct task *v, const struct kobj *o, struct path *ret)
{
	return fs_link(o, ret, false);
}

int proc_root_link(struct task *v, const struct kobj *o, struct path *ret)
{
	return fs_link(o, ret, true);
}

static int read_link(struct task *v, const struct kobj *o, char **ret,
	int (*get)(struct task *v, const struct kobj *o, struct path *p))
{
	struct path p;
	int err = get(v, o, &p);

	if (err)
		return err;
	err = path_text(v, &p, ret);
	path_put(&p);
	return err;
}

int proc_read_exe(struct task *v, const struct kobj *o, char **ret)
{
	return read_link(v, o, ret, proc_exe_link);
}

int proc_read_cwd(struct task *v, const struct kobj *o, char **ret)
{
	return read_link(v, o, ret, proc_cwd_link);
}

int proc_read_root(struct task *v, const struct kobj *o, char **ret)
{
	return read_link(v, o, ret, proc_root_link);
}

/* --- descriptors --------------------------------------------------------------------------------------------------------------------- */

/* The file of descriptor *fd* of a task, held, and its close-on-exec flag. */
static struct file *file_of(struct task *t, uint64_t fd, bool *cloexec, const struct fd_table **table)
{
	struct fd_table *ft = proc_fds(t);
	struct file *f = NULL;

	if (!ft)
		return NULL;
	if (table)
		*table = ft;
	lock_acquire(&ft->lock);
	if (fd < ft->n_entries && ft->entries[fd].file) {
		f = ft->entries[fd].file;
		*cloexec = ft->entries[fd].cloexec;
		file_get(f);
	}
	lock_release(&ft->lock);
	fd_table_put(NULL, ft);
	return f;
}

static int fd_get_link(struct task *v, const struct kobj *o, struct path *ret)
{
	bool cloexec;
	FILE_SCOPE f = file_of(o->task, o->n, &cloexec, NULL);

	if (!f)
		return -ENOENT;
	*ret = f->path;
	path_get(ret);
	return 0;
}

static int fd_readlink(struct task *v, const struct kobj *o, char **ret)
{
	return read_link(v, o, ret, fd_get_link);
}

#define EXTRA_MAX 65536

static int fdinfo_show(struct task *v, const struct kobj *o, struct seq *s)
{
	const struct fd_table *table = NULL; /* an owner of locks, compared and nothing more */
	bool cloexec = false;
	FILE_SCOPE f = file_of(o->task, o->n, &cloexec, &table);
	unsigned flags;
	char *extra;
	ssize_t n;

	if (!f)
		return -ENOENT;
	extra = malloc(EXTRA_MAX);
	if (!extra)
		return -ENOMEM;
	flags = f->flags | (cloexec ? O_CLOEXEC : 0);
	if (!(flags & O_PATH) && (f->path.mnt || S_ISREG(f->inode->mode)))
		flags |= GUEST_O_LARGEFILE; /* what was opened by name, and memory files */
	seq_printf(s, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", (long long)f->pos,
		flags, f->path.mnt ? f->path.mnt->id : 15,
		f->inode->ino);
	seq_write(s, extra, locks_show_file(table, f, extra, EXTRA_MAX));
	n = f->ops && f->ops->show_fdinfo ? f->ops->show_fdinfo(f, extra, EXTRA_MAX)
						   : pidfd_fdinfo(f, o->pid_ns, extra, EXTRA_MAX);
	if (n > 0)
		seq_write(s, extra, (size_t)n < EXTRA_MAX ? (size_t)n : EXTRA_MAX - 1);
	free(extra);
	return 0;
}

/* Links are readable or writable as the descriptor is. */
static const struct kentry fd_entries[] = {
	{.name = "fd", .mode = S_IFLNK | 0100, .readlink = fd_readlink, .get_link = fd_get_link, .flags = KERNFS_INSPECT},
	{.name = "fd", .mode = S_IFLNK | 0500, .readlink = fd_readlink, .get_link = fd_get_link, .flags = KERNFS_INSPECT},
	{.name = "fd", .mode = S_IFLNK | 0300, .readlink = fd_readlink, .get_link = fd_get_link, .flags = KERNFS_INSPECT},
	{.name = "fd", .mode = S_IFLNK | 0700, .readlink = fd_readlink, .get_link = fd_get_link, .flags = KERNFS_INSPECT},
};

static const struct kentry fdinfo_entry = {
	.name = "fdinfo", .mode = S_IFREG | 0444, .show = fdinfo_show, .flags = KERNFS_INSPECT};

static const struct kentry *link_entry(const struct file *f)
{
	if (f->flags & O_PATH)
		return &fd_entries[0];
	switch (f->flags & O_ACCMODE) {
	case O_RDONLY:
		return &fd_entries[1];
	case O_WRONLY:
		return &fd_entries[2];
	default:
		return &fd_entries[3];
	}
}

/* A decimal number without leading zeros. */
static bool parse_fd(const char *name, uint64_t *fd)
{
	uint64_t v = 0;

	if (!*name || strlen(name) > 9 || (name[0] == '0' && name[1]))
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return false;
		v = v * 10 + (uint64_t)(*name - '0');
	}
	*fd = v;
	return true;
}

static int lookup_fd(const struct kobj *dir, const char *name, const struct kentry **entry, struct kobj *child, bool info)
{
	bool cloexec;
	struct file *f;
	uint64_t fd;

	if (!parse_fd(name, &fd))
		return -ENOENT;
	f = file_of(dir->task, fd, &cloexec, NULL);
	if (!f)
		return -ENOENT;
	*entry = info ? &fdinfo_entry : link_entry(f);
	file_put(f);
	child->n = fd;
	task_get(child->task);
	return 0;
}

static int next_fd(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child,
	bool info)
{
	struct fd_table *ft = proc_fds(dir->task);
	int err = -ENOENT;

	if (!ft)
		return err;
	lock_acquire(&ft->lock);
	for (uint64_t fd = *cookie; fd < ft->n_entries; fd++) {
		if (!ft->entries[fd].file)
			continue;
		*cookie = child->n = fd;
		*entry = info ? &fdinfo_entry : link_entry(ft->entries[fd].file);
		snprintf(name, 64, "%lu", fd);
		err = 0;
		break;
	}
	lock_release(&ft->lock);
	fd_table_put(NULL, ft);
	return err;
}

static int fd_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	return lookup_fd(dir, name, entry, child, false);
}

static int fd_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry, struct kobj *child)
{
	return next_fd(dir, cookie, name, entry, child, false);
}

static int fdinfo_lookup(struct task *v, const struct kobj *dir, const char *name, const struct kentry **entry,
	struct kobj *child)
{
	return lookup_fd(dir, name, entry, child, true);
}

static int fdinfo_next(const struct kobj *dir, uint64_t *cookie, char *name, const struct kentry **entry,
	struct kobj *child)
{
	return next_fd(dir, cookie, name, entry, child, true);
}

const struct kdir_ops proc_fd_dir = {.lookup = fd_lookup, .next = fd_next};
const struct kdir_ops proc_fdinfo_dir = {.lookup = fdinfo_lookup, .next = fdinfo_next};
