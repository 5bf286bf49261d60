/* SPDX-License-Identifier: MIT */
/*
 * What vfs/ and fs/ call of kernel/ and platform/, without either. Weak: where a test pulls the real thing in, that is used.
 */
#include "kernel/pid_ns.h"
#include "fake_common.h"
#include "fake_task.h"

#include "fs/fs.h"

#include "vfs/leases.h"

#include <stdlib.h>
#include <string.h>

static struct user_ns initial_ns; /* its maps are the identity */

/* The fake's mount tree is left to the end of the process; leaks are looked for by counting what is charged. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct fake *fake_create(const struct tmpfs_options *opt)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct super_block *sb;
	struct mount *m = NULL;
	struct path root;

	must(f);
	must(vfs_init(&f->kernel) == 0);
	must(tmpfs_create(&f->kernel, opt, &sb) == 0);
	must(mount_ns_create(&f->kernel, NULL, true, &f->kernel.mounts) == 0 && mount_add(f->kernel.mounts, NULL, sb, NULL, 0, &m) == 0);
	f->root_cred.cap_effective = f->root_cred.cap_permitted = ~0ull;
	f->task.kernel = &f->kernel;
	f->task.tg = &f->tg;
	f->task.cred = &f->root_cred;
	f->root_cred.user_ns = &initial_ns;
	f->task.fds = fd_table_alloc();
	f->task.fs = fs_context_copy(NULL);
	must(f->task.fds && f->task.fs);
	root = (struct path){.mnt = m, .dentry = m->root};
	fs_set_root(f->task.fs, &root);
	fs_set_cwd(f->task.fs, &root);
	mount_put(m);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		f->tg.rlim[i] = (struct rlimit_pair){.cur = RLIM_INFINITY, .max = RLIM_INFINITY};
	f->tg.rlim[RLIMIT_NOFILE].cur = 1024;
	return f;
}

void fake_user(struct fake *f, struct task *t, struct cred *c, uint32_t uid, uint32_t gid)
{
	*t = f->task;
	*c = (struct cred){.user_ns = &initial_ns, .uid = uid, .euid = uid, .suid = uid, .fsuid = uid, .gid = gid, .egid = gid, .sgid = gid, .fsgid = gid};
	t->cred = c;
}

void fake_destroy(struct fake *f)
{
	fd_table_put(&f->task, f->task.fds);
	fs_context_put(f->task.fs);
	free(f);
}

static struct fake *fake_of(struct task *t)
{
	return container_of(t->tg, struct fake, tg);
}

WEAK uint64_t task_rlimit(const struct task *t, int resource)
{
	return t->tg->rlim[resource].cur;
}

WEAK bool cred_in_group(const struct cred *c, uint32_t gid)
{
	if (c->fsgid == gid)
		return true;
	for (uint32_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

WEAK void signal_kernel_task(struct task *t, int signo)
{
	fake_of(t)->last_signal = signo;
}

static void no_notify(struct waiter *w, uint32_t events)
{
}

WEAK void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t mask)
{
	*w = (struct task_waiter){.task = t, .waiter = {.notify = no_notify, .mask = mask}};
}

/* Nobody would ever wake a fake: sleeping is being interrupted. */
WEAK int task_block(struct task *t, int64_t deadline_ns)
{
	fake_of(t)->blocks++;
	return deadline_ns >= 0 ? -ETIMEDOUT : -ERESTARTSYS;
}

WEAK int64_t kernel_now_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

WEAK ssize_t aspace_readv(struct aspace *as, const struct guest_iovec *iov, size_t n, void *buf, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; done += iov[i].len, i++) {
		if (!iov[i].base)
			return done ? (ssize_t)done : -EFAULT;
		memcpy((char *)buf + done, (const void *)(uintptr_t)iov[i].base, iov[i].len);
	}
	return (ssize_t)done;
}

WEAK ssize_t aspace_writev(struct aspace *as, const struct guest_iovec *iov, size_t n, const void *buf, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < n && done < len; done += iov[i].len, i++) {
		if (!iov[i].base)
			return done ? (ssize_t)done : -EFAULT;
		memcpy((void *)(uintptr_t)iov[i].base, (const char *)buf + done, iov[i].len);
	}
	return (ssize_t)done;
}
