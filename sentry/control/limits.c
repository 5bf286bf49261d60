/* SPDX-License-Identifier: MIT */
/* What --ulimit, --sysctl, --cap-drop and their kin ask for. */
#include "control/limits.h"
#include "kernel/cputime.h"
#include "kernel/quota.h"
#include "kernel/task_internal.h"
#include "kernel/ns.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
		tg->rlim[u->resource] = p;
	}
	lock_release(&tg->limits_lock);
	cpu_limit_arm(tg);
}

static int set_sysctl(struct task *t, const struct config_sysctl *s, struct rootfs_error *err)
{
	const struct open_how_args how = {.flags = O_WRONLY};
	char path[300], value[4096];
	FILE_SCOPE f = NULL;
	struct uio u;
	ssize_t n;
	int r;

	snprintf(path, sizeof(path), "/proc/sys/%s", s->name);
	for (char *c = path + strlen("/proc/sys/"); *c; c++)
		if (*c == '.')
			*c = '/';
	r = vfs_open(t, AT_FDCWD, path, &how, &f);
	if (r) {
		f = NULL;
		if (r == -ENOENT || r == -ENOTDIR || r == -EISDIR)
			return fail(err, r, "a sandbox has no kernel parameter %s that --sysctl could set", s->name);
		return fail(err, r, "cannot set the kernel parameter %s: %s", s->name, strerror(-r));
	}
	if (strlen(s->value) + 2 > sizeof(value))
		return fail(err, -EINVAL, "the value of the kernel parameter %s is too long", s->name);
	n = snprintf(value, sizeof(value), "%s\n", s->value);
	uio_init_kernel(&u, value, (size_t)n);
	n = file_write(t, f, &u, 0);
	if (n < 0)
		return fail(err, (int)n, "cannot set the kernel parameter %s to \"%s\": %s", s->name, s->value, strerror((int)-n));
	return 0;
}

int limits_apply(struct task *t, const struct config_limits *l, struct rootfs_error *err)
{
	struct kernel *k = t->kernel;
	int r = 0;

	if (l->domainname)
		snprintf(k->nsproxy->uts->domainname, sizeof(k->nsproxy->uts->domainname), "%s", l->domainname);
	for (size_t i = 0; r == 0 && i < l->n_sysctls; i++)
		r = set_sysctl(t, &l->sysctls[i], err);
	if (l->cpus_held)
		quota_held(k);
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
