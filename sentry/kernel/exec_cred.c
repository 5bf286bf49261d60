/* SPDX-License-Identifier: MIT */
/* Credentials of a new program. capabilities(7), "Transformation of capabilities during execve()"; execve(2). */
#include "kernel/exec_cred.h"
#include "kernel/pid.h"
#include "kernel/ptrace.h"
#include "kernel/task_internal.h"
#include "vfs/filecap.h"
#include "vfs/vfs.h"

#include <linux/securebits.h>
#include <sys/personality.h>
#include <sys/stat.h>

/* Why a program may not get more than its caller has. */
#define UNSAFE_PTRACE 1u
#define UNSAFE_SHARE 2u /* another process shares the working directory and root */
#define UNSAFE_NNP 4u

#define CLEAR_ON_SETID (READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO)

/* tasklist_lock held. */
static bool shares_fs(struct task *t, struct thread_group *tg)
{
	struct task *o;
	bool same = false;

	list_for_each_entry (o, &tg->threads, tg_link) {
		lock_acquire(&o->cred_lock);
		same |= o->fs == t->fs;
		lock_release(&o->cred_lock);
	}
	return same;
}

static unsigned unsafe_reasons(struct task *t)
{
	unsigned unsafe = task_no_new_privs(t) ? UNSAFE_NNP : 0;
	struct kernel *k = t->kernel;
	struct thread_group *tg;

	lock_acquire(&k->tasklist_lock);
	if (t->ptracer) {
		struct cred *c = task_cred_get(t->ptracer);

		if (!cred_ns_capable(c, t->cred->user_ns, CAP_SYS_PTRACE))
			unsafe |= UNSAFE_PTRACE;
		cred_put(c);
	}
	if (refs_read(&t->fs->refs) > 1)
		for (int pid = 1; (tg = tg_next(k, pid)); pid = tg->pid + 1)
			if (tg != t->tg && shares_fs(t, tg))
				unsafe |= UNSAFE_SHARE;
	lock_release(&k->tasklist_lock);
	return unsafe;
}

/* The set-ID bits. A script's do nothing: what is looked at is the interpreter. */
static void apply_set_ids(const struct kstat *st, struct cred *c, struct exec_creds *ec)
{
	if (from_kuid(c->user_ns, st->uid) == ID_INVALID || from_kgid(c->user_ns, st->gid) == ID_INVALID)
		return;
	if (st->mode & S_ISUID) {
		ec->personality |= CLEAR_ON_SETID;
		c->euid = st->uid;
	}
	if ((st->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)) {
		ec->personality |= CLEAR_ON_SETID;
		c->egid = st->gid;
	}
}

/* P'(permitted) = (P(inheritable) & F(inheritable)) | (F(permitted) & P(bounding)) */
static int apply_file_caps(struct cred *c, const struct file_caps *fc)
{
	c->cap_permitted = (c->cap_bounding & fc->permitted) | (c->cap_inheritable & fc->inheritable);
	/* A program that does not know about capabilities would not notice that some are missing. */
	return fc->effective && (fc->permitted & ~c->cap_permitted) ? -EPERM : 0;
}

/* Root's programs act as if their files had all capabilities. *effective* is F(effective). */
static void apply_root(const struct cred *o, struct cred *c, bool has_fcap, bool *effective)
{
	uint32_t root = make_kuid(c->user_ns, 0);

	if (c->securebits & SECBIT_NOROOT)
		return;
	/* A set-user-ID-root program with capabilities of its own gets just these. */
	if (has_fcap && c->uid != root && c->euid == root)
		return;
	if (c->euid == root || c->uid == root)
		c->cap_permitted = o->cap_bounding | o->cap_inheritable;
	if (c->euid == root)
		*effective = true;
}

static bool caps_gained(const struct cred *o, const struct cred *c)
{
	return c->cap_permitted & ~o->cap_permitted;
}

/* The last steps of the formula, and whether the program is to be told to be careful. */
static void finish(
	const struct cred *o, struct cred *c, bool has_fcap, bool effective, unsigned unsafe, struct exec_creds *ec)
{
	uint32_t root = make_kuid(c->user_ns, 0);
	bool setid = c->euid != o->uid || c->egid != o->gid;

	if (caps_gained(o, c))
		ec->personality |= CLEAR_ON_SETID;
	ec->gains = (setid || caps_gained(o, c)) && !(unsafe & UNSAFE_PTRACE);
	if ((setid || caps_gained(o, c)) && unsafe) {
		if (!cred_ns_capable(o, c->user_ns, CAP_SETUID) || (unsafe & UNSAFE_NNP)) {
			c->euid = c->uid;
			c->egid = c->gid;
		}
		c->cap_permitted &= o->cap_permitted;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	if (has_fcap || setid)
		c->cap_ambient = 0;
	c->cap_permitted |= c->cap_ambient;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
	ec->secure = setid || (c->uid != root && (effective || (c->cap_permitted & ~c->cap_ambient)));
}

static struct user_ns *owner_of_unreadable(struct user_ns *ns, const struct kstat *st)
{
	while (ns->parent && (from_kuid(ns, st->uid) == ID_INVALID || from_kgid(ns, st->gid) == ID_INVALID))
		ns = ns->parent;
	return ns;
}

static int transform(struct task *t, struct file *f, struct cred *c, struct exec_creds *ec)
{
	bool may_suid = mount_may_suid(t, &f->path), effective;
	struct file_caps fc = {0};
	struct kstat st;
	bool readable;
	int r = inode_getattr(f->inode, &st);

	if (r)
		return r;
	if (may_suid && !c->no_new_privs)
		apply_set_ids(&st, c, ec);
	r = may_suid ? filecap_get(c->user_ns, f->inode, &fc) : 0;
	if (!r)
		r = apply_file_caps(c, &fc);
	if (r)
		return r;
	effective = fc.effective;
	apply_root(t->cred, c, fc.present, &effective);
	finish(t->cred, c, fc.present, effective, unsafe_reasons(t), ec);
	/* Who may not read a program shall not read it out of the process either; nor may root of a namespace it is not of. */
	readable = !inode_permission(t, f->inode, MAY_READ);
	ec->dumpable = t->cred->uid == t->cred->euid && t->cred->gid == t->cred->egid && readable &&
		       !cred_change_is_private(t->cred, c);
	ec->owner = readable ? c->user_ns : owner_of_unreadable(c->user_ns, &st);
	return 0;
}

int exec_creds_prepare(struct task *t, struct file *f, struct exec_creds *ec)
{
	struct cred *c = cred_copy(t->cred);
	int r;

	*ec = (struct exec_creds){0};
	if (!c)
		return -ENOMEM;
	r = transform(t, f, c, ec);
	if (r)
		cred_put(c);
	else
		ec->cred = c;
	return r;
}

void exec_creds_commit(struct task *t, struct exec_creds *ec)
{
	struct kernel *k = t->kernel;

	lock_acquire(&k->tasklist_lock);
	/* Who has attached since they were worked out did so to the old program. */
	if (t->ptracer && ec->gains) {
		struct cred *c = task_cred_get(t->ptracer);

		if (!cred_ns_capable(c, t->cred->user_ns, CAP_SYS_PTRACE))
			ptrace_forget_locked(t);
		cred_put(c);
	}
	task_cred_replace(t, ec->cred);
	lock_release(&k->tasklist_lock);
	ec->cred = NULL;
}
