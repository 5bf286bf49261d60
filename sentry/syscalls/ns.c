/* SPDX-License-Identifier: MIT */
/* unshare(2), setns(2), pivot_root(2). */
#include "kernel/fast.h"
#include "fs/nsfs.h"
#include "ipc/ipc.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "kernel/pidfd.h"
#include "kernel/task_internal.h"
#include "mm/mm.h"
#include "syscalls/names.h"
#include "syscalls/syscalls.h"

#include <sched.h>
#include <stdlib.h>

#define PROXY_FLAGS (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET)
#define UNSHARE_FLAGS                                                                                                  \
	(PROXY_FLAGS | CLONE_NEWUSER | CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM)

/* --- unshare
 * ----------------------------------------------------------------------------------------------------------------------
 */

static bool alone_in_group(struct task *t)
{
	LOCK_SCOPE(&t->kernel->tasklist_lock);

	return t->tg->n_threads == 1;
}

/* What cannot be undone for a process of several threads. */
static int check_sharing(struct task *t, uint64_t flags)
{
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && !alone_in_group(t))
		return -EINVAL;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) && refs_read(&t->tg->sighand->refs) > 1)
		return -EINVAL;
	return (flags & CLONE_VM) && atomic_load(&t->mm->n_groups) > 1 ? -EINVAL : 0;
}

struct parts { /* what a task gets of its own; NULL: stays */
	struct fs_context *fs;
	struct fd_table *fds;
	struct cred *cred;
	struct nsproxy *ns;
};

static void drop_parts(struct task *t, struct parts *p)
{
	if (p->fs)
		fs_context_put(p->fs);
	if (p->fds)
		fd_table_put(t, p->fds);
	cred_put(p->cred);
	nsproxy_put(p->ns);
}

static int make_parts(struct task *t, uint64_t flags, struct parts *p)
{
	int r = 0;

	/* A new root and directory even for who does not share: the mount namespace moves them. */
	if ((flags & CLONE_NEWNS) || ((flags & CLONE_FS) && refs_read(&t->fs->refs) > 1)) {
		p->fs = fs_context_copy(t->fs);
		r = p->fs ? 0 : -ENOMEM;
	}
	if (!r && (flags & CLONE_FILES) && refs_read(&t->fds->refs) > 1) {
		p->fds = fd_table_copy(t->fds);
		r = p->fds ? 0 : -ENOMEM;
	}
	if (!r && (flags & CLONE_NEWUSER)) {
		p->cred = cred_copy(t->cred);
		r = p->cred ? user_ns_enter_new(t, p->cred) : -ENOMEM;
	}
	if (!r && (flags & PROXY_FLAGS)) {
		const struct cred *c = p->cred ? p->cred : t->cred;

		r = cred_ns_capable(c, c->user_ns, CAP_SYS_ADMIN) ? 0 : -EPERM;
		if (!r)
			r = nsproxy_unshare(t, t->nsproxy, flags, c->user_ns, p->fs, &p->ns);
	}
	return r;
}

static void install_parts(struct task *t, struct parts *p)
{
	struct fs_context *fs = p->fs;
	struct fd_table *fds = p->fds;

	lock_acquire(&t->cred_lock);
	if (fs) {
		p->fs = t->fs;
		t->fs = fs;
	}
	if (fds) {
		p->fds = t->fds;
		t->fds = fds;
	}
	lock_release(&t->cred_lock);
	fast_changed(t);
	if (p->ns)
		task_nsproxy_replace(t, p->ns);
	if (p->cred)
		task_cred_commit(t, p->cred);
	p->ns = NULL;
	p->cred = NULL;
}

int64_t sys_unshare(struct task *t, const uint64_t *a)
{
	uint64_t flags = a[0];
	struct parts p = {0};
	int r;

	if (flags & CLONE_NEWUSER)
		flags |= CLONE_THREAD | CLONE_FS;
	if (flags & CLONE_VM)
		flags |= CLONE_SIGHAND;
	if (flags & CLONE_SIGHAND)
		flags |= CLONE_THREAD;
	if (flags & CLONE_NEWNS)
		flags |= CLONE_FS;
	if (flags & ~(uint64_t)UNSHARE_FLAGS)
		return -EINVAL;
	r = check_sharing(t, flags);
	if (!r)
		r = make_parts(t, flags, &p);
	if (!r) {
		if (flags & (CLONE_NEWIPC | CLONE_SYSVSEM))
			ipc_exit_sem(t);
		install_parts(t, &p);
	}
	drop_parts(t, &p);
	return r;
}

/* --- setns
 * ------------------------------------------------------------------------------------------------------------------------
 */

struct joining { /* the set under construction */
	struct task *t;
	struct nsproxy *ns;
	struct cred *cred;     /* NULL: unchanged */
	struct fs_context *fs; /* for another mount namespace */
};

/* Has another task the same root and directory (CLONE_FS)? References alone do not say: readers of /proc hold some. */
static bool shares_fs(struct task *t)
{
	struct thread_group *tg;
	bool shared = false;
	struct task *o;

	if (refs_read(&t->fs->refs) == 1)
		return false;
	LOCK_SCOPE(&t->kernel->tasklist_lock);
	for (int pid = 1; !shared && (tg = tg_next(t->kernel, pid)); pid = tg->pid + 1)
		list_for_each_entry (o, &tg->threads, tg_link) {
			lock_acquire(&o->cred_lock);
			shared |= o != t && o->fs == t->fs;
			lock_release(&o->cred_lock);
		}
	return shared;
}

static bool may_join(const struct joining *j, const struct ns_head *h)
{
	const struct cred *c = j->cred ? j->cred : j->t->cred;

	/* What the caller has now counts, also when a user namespace is joined by the same call. */
	return ns_capable(j->t, h->owner, CAP_SYS_ADMIN) && ns_capable(j->t, c->user_ns, CAP_SYS_ADMIN);
}

static int join_user(struct joining *j, struct user_ns *ns)
{
	struct task *t = j->t;

	if (ns == t->cred->user_ns)
		return -EINVAL; /* the capabilities one had would come back */
	if (!alone_in_group(t) || shares_fs(t))
		return -EINVAL;
	if (!ns_capable(t, ns, CAP_SYS_ADMIN))
		return -EPERM;
	j->cred = cred_copy(t->cred);
	if (!j->cred)
		return -ENOMEM;
	user_ns_install(j->cred, ns);
	return 0;
}

static int join_mnt(struct joining *j, struct mount_ns *ns)
{
	const struct cred *c = j->cred ? j->cred : j->t->cred;
	struct path root;

	if (!may_join(j, &ns->head) || !ns_capable(j->t, c->user_ns, CAP_SYS_CHROOT))
		return -EPERM;
	if (shares_fs(j->t))
		return -EINVAL;
	j->fs = fs_context_copy(j->t->fs);
	if (!j->fs)
		return -ENOMEM;
	mount_ns_root(ns, &root);
	fs_set_root(j->fs, &root);
	fs_set_cwd(j->fs, &root);
	path_put(&root);
	return 0;
}

/* Put *h* in the slot of its kind, whose namespace is let go. */
static void put_in(struct nsproxy *p, struct ns_head *h)
{
	struct ns_head **slot = NULL;

	switch (h->kind) {
	case NS_CGROUP:
		slot = (struct ns_head **)(void *)&p->cgroup;
		break;
	case NS_IPC:
		slot = (struct ns_head **)(void *)&p->ipc;
		break;
	case NS_MNT:
		slot = (struct ns_head **)(void *)&p->mnt;
		break;
	case NS_NET:
		slot = (struct ns_head **)(void *)&p->net;
		break;
	case NS_PID:
		slot = (struct ns_head **)(void *)&p->pid_for_children;
		break;
	case NS_TIME:
		slot = (struct ns_head **)(void *)&p->time;
		break;
	case NS_UTS:
		slot = (struct ns_head **)(void *)&p->uts;
		break;
	case NS_USER:
	case NS_KINDS:
		return;
	}
	ns_get(h);
	ns_put(*slot);
	*slot = h;
}

static int join(struct joining *j, struct ns_head *h)
{
	int r = 0;

	if (h->kind == NS_USER)
		return join_user(j, (struct user_ns *)h);
	if (h->kind == NS_MNT)
		r = join_mnt(j, (struct mount_ns *)h);
	else if (!may_join(j, h))
		r = -EPERM;
	/* Children may not be born above their parents. */
	else if (h->kind == NS_PID && !pid_ns_below((struct pid_ns *)h, j->t->tg->pid_ns))
		r = -EINVAL;
	if (!r)
		put_in(j->ns, h);
	return r;
}

static int join_all_of(struct joining *j, struct thread_group *tg, uint64_t flags)
{
	static const enum ns_kind order[] = {NS_USER, NS_MNT, NS_UTS, NS_IPC, NS_PID, NS_CGROUP, NS_NET, NS_TIME};
	struct task *target;
	int r = 0;

	lock_acquire(&j->t->kernel->tasklist_lock);
	target = tg->leader;
	if (target)
		task_get(target);
	lock_release(&j->t->kernel->tasklist_lock);
	if (!target)
		return -ESRCH;
	if (!task_may_inspect(j->t, target))
		r = -EPERM;
	for (size_t i = 0; !r && i < sizeof(order) / sizeof(order[0]); i++) {
		struct ns_head *h;

		if (!(flags & ns_flag(order[i])))
			continue;
		h = task_ns_get(target, order[i], false);
		r = h ? join(j, h) : -ESRCH;
		ns_put(h);
	}
	task_put(target);
	return r;
}

static void finish(struct joining *j)
{
	struct task *t = j->t;
	struct fs_context *fs = j->fs;

	if (fs) {
		lock_acquire(&t->cred_lock);
		j->fs = t->fs;
		t->fs = fs;
		lock_release(&t->cred_lock);
		fast_changed(t);
	}
	if (j->ns->ipc != t->nsproxy->ipc)
		ipc_exit_sem(t);
	task_nsproxy_replace(t, j->ns);
	if (j->cred)
		task_cred_commit(t, j->cred);
	j->ns = NULL;
	j->cred = NULL;
}

int64_t sys_setns(struct task *t, const uint64_t *a)
{
	uint64_t flags = ARG_UINT(a, 1), all = PROXY_FLAGS | CLONE_NEWUSER | ns_flag(NS_TIME);
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	struct joining j = {.t = t};
	struct thread_group *tg = NULL;
	struct ns_head *h;
	int r;

	if (!f)
		return -EBADF;
	h = nsfs_of_file(f);
	if (!h)
		tg = pidfd_group(t, ARG_INT(a, 0));
	if (h ? flags && flags != ns_flag(h->kind) : !tg || !flags || (flags & ~all))
		r = -EINVAL;
	else
		r = nsproxy_unshare(t, t->nsproxy, 0, t->cred->user_ns, NULL, &j.ns);
	if (!r)
		r = h ? join(&j, h) : join_all_of(&j, tg, flags);
	if (!r)
		finish(&j);
	if (tg)
		tg_put(tg);
	if (j.fs)
		fs_context_put(j.fs);
	cred_put(j.cred);
	nsproxy_put(j.ns);
	return r;
}

/* --- pivot_root
 * ---------------------------------------------------------------------------------------------------------------------
 */

int64_t sys_pivot_root(struct task *t, const uint64_t *a)
{
	NAME_SCOPE new_name = NULL;
	NAME_SCOPE old_name = NULL;
	PATH_SCOPE new_root = {0};
	PATH_SCOPE put_old = {0};
	int r;

	if (!ns_capable(t, task_mount_ns(t)->head.owner, CAP_SYS_ADMIN))
		return -EPERM;
	r = copy_in_path(t, a[0], false, &new_name);
	if (!r)
		r = vfs_walk(t, AT_FDCWD, new_name, WALK_FOLLOW | WALK_DIRECTORY, &new_root);
	if (!r)
		r = copy_in_path(t, a[1], false, &old_name);
	if (!r)
		r = vfs_walk(t, AT_FDCWD, old_name, WALK_FOLLOW | WALK_DIRECTORY, &put_old);
	if (!r && (!new_root.mnt || !put_old.mnt))
		r = -EINVAL;
	return r ? r : mount_pivot(t, &new_root, &put_old);
}
