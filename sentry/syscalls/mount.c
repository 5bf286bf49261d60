/* SPDX-License-Identifier: MIT */
/* mount(2), umount2(2). The mount tree is the sandbox's own; what can be mounted are the sentry's file systems. */
#include "fs/fs.h"
#include "ipc/ipc.h"
#include "kernel/pid_ns.h"
#include "syscalls/mount.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define KEPT_FLAGS MOUNT_KEPT_FLAGS
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

/* As Linux's shmem_show_options(): what is not as by default. */
static void show_tmpfs_options(const struct tmpfs_options *opt, struct super_block *sb)
{
	char text[160];
	size_t n = 0;

	if (opt->size)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",size=%lluk", (unsigned long long)opt->size >> 10);
	if (opt->max_inodes)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",nr_inodes=%llu", (unsigned long long)opt->max_inodes);
	if (opt->mode != 01777)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",mode=%03o", opt->mode);
	if (opt->uid)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",uid=%u", opt->uid);
	if (opt->gid)
		n += (size_t)snprintf(text + n, sizeof(text) - n, ",gid=%u", opt->gid);
	if (n)
		sb->options = strdup(text + 1);
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
	if (opt.uid != t->cred->fsuid)
		opt.uid = make_kuid(t->cred->user_ns, opt.uid);
	if (opt.gid != t->cred->fsgid)
		opt.gid = make_kgid(t->cred->user_ns, opt.gid);
	if (opt.uid == ID_INVALID || opt.gid == ID_INVALID)
		return -EINVAL;
	int err = tmpfs_create(t->kernel, &opt, ret);

	if (!err)
		show_tmpfs_options(&opt, *ret);
	return err;
}

/* procfs shows a pid namespace, sysfs a network: who mounts it must own that, and see all of one already. */
static int may_mount_view(struct task *t, const char *type, struct user_ns *owner, unsigned *flags)
{
	struct mount_ns *ns = task_mount_ns(t);

	if (!ns_capable(t, owner, CAP_SYS_ADMIN))
		return -EPERM;
	return !ns->head.owner->parent || mount_type_visible(ns, type, flags) ? 0 : -EPERM;
}

static int make_proc(struct task *t, char *data, unsigned *flags, struct super_block **ret)
{
	struct user_ns *owner = t->tg->pid_ns->head.owner;
	int r = may_mount_view(t, "proc", owner, flags);

	if (!r)
		r = procfs_create_for(t->kernel, t->tg->pid_ns, ret);
	if (r < 0)
		return r;
	r = procfs_options(*ret, t->cred->user_ns, data);
	if (r < 0)
		super_put(*ret);
	return r;
}

static int make_sys(struct task *t, unsigned *flags, struct super_block **ret)
{
	int r = may_mount_view(t, "sysfs", task_net_ns(t)->head.owner, flags);

	return r ? r : sysfs_create(t->kernel, ret);
}

/* The queues of the caller's ipc namespace. */
static int make_mqueue(struct task *t, struct super_block **ret)
{
	struct ipc_ns *ns = task_ipc_ns(t);

	if (!ns_capable(t, ns->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	*ret = ns->mqfs;
	super_get(*ret);
	return 0;
}

int mount_make_super(struct task *t, const char *type, char *data, unsigned *flags, struct super_block **ret)
{
	struct user_ns *mine = t->cred->user_ns;
	int r = -ENODEV;

	if (!ns_capable(t, task_mount_ns(t)->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if (!strcmp(type, "proc"))
		return make_proc(t, data, flags, ret);
	if (!strcmp(type, "sysfs"))
		return make_sys(t, flags, ret);
	if (!strcmp(type, "devpts"))
		return devpts_mount(t, data, ret);
	if (!strcmp(type, "mqueue"))
		return make_mqueue(t, ret);
	if (!strcmp(type, "cgroup2"))
		return ns_capable(t, t->nsproxy->cgroup->head.owner, CAP_SYS_ADMIN) ? cgroupfs_create(t->kernel, ret) : -EPERM;
	if (strcmp(type, "tmpfs") && strcmp(type, "ramfs"))
		return -ENODEV;
	r = make_tmpfs(t, data, ret);
	if (!r && mine->parent) {
		user_ns_get(mine);
		(*ret)->user_ns = mine;
	}
	return r;
}

/* What the first mount was called; two may come at once where the file system is shared (mqueue). */
void mount_name_source(struct super_block *sb, const char *source)
{
	char *name = strdup(source);

	mount_write_lock(sb->kernel);
	if (!sb->source) {
		sb->source = name;
		name = NULL;
	}
	mount_unlock(sb->kernel);
	free(name);
}

static int new_mount(struct task *t, const struct path *at, const char *source, const char *type, char *data, unsigned flags)
{
	unsigned locks = flags & KEPT_FLAGS;
	struct super_block *sb;
	int r = mount_make_super(t, type, data, &locks, &sb);

	if (r < 0)
		return r;
	mount_name_source(sb, source);
	r = at->mnt->ns == task_mount_ns(t) ? mount_add(at->mnt->ns, at, sb, NULL, locks, NULL) : -EINVAL;
	if (r < 0)
		super_put(sb);
	return r;
}

/* MS_REMOUNT alone is of the file system too: of those here only read-only matters, which is kept with the mount. */
static int remount(struct task *t, const struct path *at, char *data, unsigned flags)
{
	if (!(flags & MS_BIND)) {
		struct user_ns *owner = at->mnt->sb->user_ns ? at->mnt->sb->user_ns : t->kernel->user_ns;

		if (at->dentry != at->mnt->root || at->mnt->ns != task_mount_ns(t))
			return -EINVAL;
		if (!ns_capable(t, owner, CAP_SYS_ADMIN))
			return -EPERM;
		if (!strcmp(at->mnt->sb->type, "proc")) {
			int r = procfs_options(at->mnt->sb, t->cred->user_ns, data);

			if (r < 0)
				return r;
		}
	}
	return mount_set_flags(t, at, flags & KEPT_FLAGS);
}

static bool may_mount(struct task *t)
{
	return ns_capable(t, task_mount_ns(t)->head.owner, CAP_SYS_ADMIN);
}

/* What is mounted on the place counts, also for "." and "/". */
static void go_to_top(struct task *t, struct path *p)
{
	struct mount *m;

	while ((m = mount_lookup(p))) {
		struct path up = {.mnt = m, .dentry = m->root};

		dentry_get(up.dentry);
		path_put(p);
		*p = up;
	}
}

static int do_mount(struct task *t, const struct path *at, const char *source, const char *type, char *data, unsigned flags)
{
	PATH_SCOPE from = {0};
	int r;

	if (flags & MS_REMOUNT)
		return remount(t, at, data, flags);
	if (!(flags & MS_BIND) && (flags & PROPAGATION))
		return mount_set_propagation(t, at, flags);
	if (!(flags & (MS_BIND | MS_MOVE)))
		return type ? new_mount(t, at, source ? source : "none", type, data, flags) : -EINVAL;
	if (!source || !*source)
		return -EINVAL;
	r = vfs_walk(t, AT_FDCWD, source, WALK_FOLLOW, &from);
	if (r < 0)
		return r;
	return flags & MS_MOVE ? mount_move(t, &from, at) : mount_bind(t, &from, at, flags);
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
	if (!r && !may_mount(t))
		r = -EPERM;
	if (!r && !at.mnt)
		r = -EINVAL;
	return r < 0 ? r : do_mount(t, &at, source, type, data, flags);
}

#define UMOUNT_FLAGS (MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW)

int64_t sys_umount2(struct task *t, const uint64_t *a)
{
	int flags = ARG_INT(a, 1);
	NAME_SCOPE name = NULL;
	PATH_SCOPE at = {0};
	int r;

	if (flags & ~UMOUNT_FLAGS)
		return -EINVAL;
	r = copy_in_path(t, a[0], false, &name);
	if (!r)
		r = vfs_walk(t, AT_FDCWD, name, WALK_UMOUNT | (flags & UMOUNT_NOFOLLOW ? 0 : WALK_FOLLOW), &at);
	if (!r && !may_mount(t))
		r = -EPERM;
	if (!r && at.mnt)
		go_to_top(t, &at);
	if (!r && !at.mnt)
		r = -EINVAL;
	return r < 0 ? r : mount_remove(t, &at, flags);
}
