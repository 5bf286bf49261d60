/* SPDX-License-Identifier: MIT */
/* What --ulimit, --sysctl, --cap-drop and their kin ask for. */
#include "control/limits.h"
#include "fs/fs.h"
#include "kernel/cputime.h"
#include "kernel/quota.h"
#include "kernel/task_internal.h"
#include "kernel/ns.h"
#include "vfs/internal.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NOFILE_MAX (1u << 20)

__attribute__((format(printf, 3, 4))) static int fail(struct rootfs_error *err, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return r;
}

static void set_rlimits(struct thread_group *tg, const struct config_limits *l)
{
	lock_acquire(&tg->limits_lock);
	for (size_t i = 0; i < l->n_ulimits; i++) {
		const struct config_ulimit *u = &l->ulimits[i];
		struct rlimit_pair p = {u->soft, u->hard};

		/* As fs.nr_open bounds it. */
		if (u->resource == RLIMIT_NOFILE && p.max > NOFILE_MAX)
			p.max = NOFILE_MAX;
		if (p.cur > p.max)
			p.cur = p.max;
		task_set_rlimit(tg, u->resource, &p);
	}
	lock_release(&tg->limits_lock);
	cpu_limit_arm(tg);
}

static int write_value(struct task *t, struct file *f, const struct config_sysctl *s, struct rootfs_error *err)
{
	char value[4096];
	struct uio u;
	ssize_t n;

	if (strlen(s->value) + 2 > sizeof(value))
		return fail(err, -EINVAL, "the value of the kernel parameter %s is too long", s->name);
	n = snprintf(value, sizeof(value), "%s\n", s->value);
	uio_init_kernel(&u, value, (size_t)n);
	n = file_write(t, f, &u, 0);
	if (n < 0)
		return fail(err, (int)n, "cannot set the kernel parameter %s to \"%s\": %s", s->name, s->value, strerror((int)-n));
	return 0;
}

/* *proc*: of a procfs. */
static int set_sysctl(struct task *t, struct mount *proc, const struct config_sysctl *s, struct rootfs_error *err)
{
	const struct path base = {.mnt = proc, .dentry = proc->root};
	FILE_SCOPE f = NULL;
	PATH_SCOPE p = {0};
	char way[300];
	int r;

	snprintf(way, sizeof(way), "sys/%s", s->name);
	for (char *c = way; *c; c++)
		if (*c == '.')
			*c = '/';
	r = vfs_walk_at(t, &base, way, 0, &p);
	if (!r)
		r = S_ISDIR(p.dentry->inode->mode) ? -EISDIR : vfs_open_path(t, &p, O_WRONLY, &f);
	if (!r)
		return write_value(t, f, s, err);
	f = NULL;
	if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
		return fail(err, r, "a sandbox has no kernel parameter %s that could be set", s->name);
	return fail(err, r, "cannot set the kernel parameter %s: %s", s->name, strerror(-r));
}

/* By a /proc that is mounted nowhere: what the sandbox has at that place does not matter. */
int limits_set_sysctls(struct task *t, const struct config_limits *l, struct rootfs_error *err)
{
	struct super_block *sb = NULL;
	struct mount *m = NULL;
	int r = 0;

	if (!l->n_sysctls)
		return 0;
	if (procfs_create(t->kernel, &sb) == 0)
		m = mount_alloc(sb, sb->root, 0);
	if (!m) {
		if (sb)
			super_put(sb);
		return fail(err, -ENOMEM, "cannot set kernel parameters: out of memory");
	}
	for (size_t i = 0; r == 0 && i < l->n_sysctls; i++)
		r = set_sysctl(t, m, &l->sysctls[i], err);
	mount_put(m);
	return r;
}

int limits_apply(struct task *t, const struct config_limits *l, struct rootfs_error *err)
{
	struct kernel *k = t->kernel;
	int r = 0;

	if (l->domainname)
		snprintf(k->nsproxy->uts->domainname, sizeof(k->nsproxy->uts->domainname), "%s", l->domainname);
	if (!k->config->bare.on) /* there they are set while the tree is made */
		r = limits_set_sysctls(t, l, err);
	if (l->cpus_held)
		quota_held(k);
	k->memory_held = l->memory_held;
	if (r == 0 && quota_set(k, l->cpus))
		r = fail(err, -EAGAIN, "cannot limit the processor time: no thread could be made");
	return r;
}

void limits_process(struct task *t, const struct config_limits *l, struct cred *n)
{
	set_rlimits(t->tg, l);
	t->tg->oom_score_adj = l->oom_score_adj;
	if (l->caps_given) {
		n->cap_bounding &= l->caps;
		n->cap_permitted &= l->caps;
		n->cap_effective &= l->caps;
		n->cap_inheritable &= l->caps;
		n->cap_ambient &= l->caps;
	}
	if (l->no_new_privs)
		n->no_new_privs = true;
}
