/* SPDX-License-Identifier: MIT */
/* mount(2), umount2(2). The mount tree is the sandbox's own; what can be mounted are the sentry's file systems. */
#include "fs/fs.h"
#include "ipc/ipc.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define KEPT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_RELATIME)
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

/* A size of tmpfs's options: bytes with k, m or g. */
static int parse_size(const char *s, uint64_t *ret)
{
	char *end;
	uint64_t v;
	int shift = 0;

	errno = 0;
	v = strtoull(s, &end, 10);
	if (end == s || errno)
		return -EINVAL;
	if (*end == '%' && !end[1])
		return 0; /* of a machine that the sandbox does not own: its own limit holds */
	if (*end) {
		const char *at = strchr("kKmMgG", *end);

		if (!at || end[1])
			return -EINVAL;
		shift = 10 * (int)((at - "kKmMgG") / 2 + 1);
	}
	if (v > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = v << shift;
	return 0;
}

static int parse_number(const char *s, int base, uint32_t *ret)
{
	char *end;
	unsigned long v = strtoul(s, &end, base);

	if (end == s || *end || v > UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)v;
	return 0;
}

static int tmpfs_option(struct tmpfs_options *opt, char *o)
{
	char *value = strchr(o, '=');
	uint64_t blocks = 0;
	int r;

	if (value)
		*value++ = 0;
	else
		return !*o ? 0 : -EINVAL;
	if (!strcmp(o, "size"))
		return parse_size(value, &opt->size);
	if (!strcmp(o, "nr_inodes"))
		return parse_size(value, &opt->max_inodes);
	if (!strcmp(o, "mode"))
		return parse_number(value, 8, &opt->mode);
	if (!strcmp(o, "uid"))
		return parse_number(value, 10, &opt->uid);
	if (!strcmp(o, "gid"))
		return parse_number(value, 10, &opt->gid);
	if (strcmp(o, "nr_blocks") != 0)
		return !strcmp(o, "huge") || !strcmp(o, "mpol") ? 0 : -EINVAL;
	r = parse_size(value, &blocks);
	if (!r && blocks > UINT64_MAX / 4096)
		r = -EINVAL;
	if (!r)
		opt->size = blocks * 4096;
	return r;
}

static int make_tmpfs(struct task *t, char *data, struct super_block **ret)
{
	struct tmpfs_options opt = {.mode = 01777, .uid = t->cred->fsuid, .gid = t->cred->fsgid};
	char *save = NULL;

	for (char *o = strtok_r(data, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		int r = tmpfs_option(&opt, o);

		if (r < 0)
			return r;
	}
	return tmpfs_create(t->kernel, &opt, ret);
}

static int make_super(struct task *t, const char *type, char *data, struct super_block **ret)
{
	if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs"))
		return make_tmpfs(t, data, ret);
	if (!strcmp(type, "proc"))
		return procfs_create(t->kernel, ret);
	if (!strcmp(type, "sysfs"))
		return sysfs_create(t->kernel, ret);
	if (!strcmp(type, "devpts"))
		return devpts_mount(t, data, ret);
	if (!strcmp(type, "mqueue")) {
		*ret = task_ipc_ns(t)->mqfs;
		super_get(*ret);
		return 0;
	}
	return -ENODEV;
}

static int new_mount(struct task *t, const struct path *at, const char *source, const char *type, char *data, unsigned flags)
{
	struct super_block *sb;
	int r = make_super(t, type, data, &sb);

	if (r < 0)
		return r;
	if (!sb->source)
		sb->source = strdup(source);
	r = at->mnt->ns ? mount_add(at->mnt->ns, at, sb, NULL, flags & KEPT_FLAGS, NULL) : -EINVAL;
	if (r < 0)
		super_put(sb);
	return r;
}

static int remount(const struct path *at, unsigned flags)
{
	if (at->dentry != at->mnt->root)
		return -EINVAL;
	at->mnt->flags = flags & KEPT_FLAGS;
	return 0;
}

static int do_mount(struct task *t, const struct path *at, const char *source, const char *type, char *data, unsigned flags)
{
	PATH_SCOPE from = {0};
	int r;

	if (flags & MS_REMOUNT)
		return remount(at, flags);
	if (flags & PROPAGATION) {
		/* Mounts of the sandbox are private, which is what slaves of private mounts are too. */
		if (at->dentry != at->mnt->root)
			return -EINVAL;
		return flags & (MS_SHARED | MS_UNBINDABLE) ? -EINVAL : 0;
	}
	if (!(flags & (MS_BIND | MS_MOVE)))
		return type ? new_mount(t, at, source ? source : "none", type, data, flags) : -EINVAL;
	if (!source || !*source)
		return source ? -ENOENT : -EINVAL;
	r = vfs_walk(t, AT_FDCWD, source, WALK_FOLLOW, &from);
	if (!r && !from.mnt)
		r = -EINVAL; /* a pipe or the like, by /proc/self/fd */
	if (r < 0)
		return r;
	return flags & MS_MOVE ? mount_move(&from, at) : mount_bind(&from, at, flags);
}

/* An optional string argument of mount(2). */
static int copy_in_opt(struct task *t, uint64_t src, char **ret)
{
	return src ? copy_in_path(t, src, true, ret) : 0;
}

/* The data page: text for every file system here. */
static int copy_in_data(struct task *t, uint64_t src, char *buf, size_t size)
{
	ssize_t n = src ? copy_in_str(t, buf, src, size) : 0;

	if (!src)
		*buf = 0;
	return n < 0 ? (int)n : 0;
}

int64_t sys_mount(struct task *t, const uint64_t *a)
{
	unsigned flags = ARG_UINT(a, 3);
	NAME_SCOPE source = NULL;
	NAME_SCOPE target = NULL;
	NAME_SCOPE type = NULL;
	PATH_SCOPE at = {0};
	char data[4096];
	int r;

	if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
		flags &= ~(unsigned)MS_MGC_MSK;
	r = copy_in_opt(t, a[2], &type);
	if (!r)
		r = copy_in_opt(t, a[0], &source);
	if (!r)
		r = copy_in_data(t, a[4], data, sizeof(data));
	if (!r)
		r = copy_in_path(t, a[1], false, &target);
	if (!r)
		r = vfs_walk(t, AT_FDCWD, target, WALK_FOLLOW, &at);
	if (!r && !task_capable(t, CAP_SYS_ADMIN))
		r = -EPERM;
	if (!r && !at.mnt)
		r = -ENOENT;
	return r < 0 ? r : do_mount(t, &at, source, type, data, flags);
}

#define UMOUNT_FLAGS (MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)

int64_t sys_umount2(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 1);
	NAME_SCOPE name = NULL;
	PATH_SCOPE at = {0};
	int r;

	if ((flags & ~UMOUNT_FLAGS) || (flags & MNT_EXPIRE))
		return -EINVAL;
	if (!task_capable(t, CAP_SYS_ADMIN))
		return -EPERM;
	r = copy_in_path(t, a[0], false, &name);
	if (!r)
		r = vfs_walk(t, AT_FDCWD, name, flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW, &at);
	if (!r && !at.mnt)
		r = -EINVAL;
	return r < 0 ? r : mount_remove(t, &at, flags);
}
