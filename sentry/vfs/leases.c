/* SPDX-License-Identifier: MIT */
/*
 * Leases. All of the sandbox stand in one list (kernel.leases, guarded by lease_lock): they are rare, and inode->leases tells
 * an open(2) whether it needs to look. Signals are sent after the lock is dropped.
 */
#include "vfs/leases.h"

#include "kernel/task.h"
#include "vfs/fasync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define TELL_MAX 16 /* holders told in one go */

struct lease {
	struct list_head link; /* kernel.leases */
	struct file *file;     /* not held: it ends the lease when it goes */
	int fd, type;
	int becomes;	       /* F_RDLCK or F_UNLCK while it is being broken; otherwise as type */
	int64_t deadline;      /* when it is broken by force */
};

static struct lease *find(struct kernel *k, const struct file *f)
{
	struct lease *l;

	list_for_each_entry(l, &k->leases, link)
		if (l->file == f)
			return l;
	return NULL;
}

static void end(struct kernel *k, struct lease *l)
{
	list_del(&l->link);
	atomic_fetch_sub(&l->file->inode->leases, 1);
	free(l);
	kernel_uncharge(k, sizeof(*l));
	wait_queue_wake(&k->lease_wait, EPOLLIN);
}

/* Is the file open in a way that no lease of this type can stand beside? */
static bool conflicts(const struct file *f, int type)
{
	const struct inode *inode = f->inode;

	return type == F_RDLCK ? inode->writers > 0 : inode->n_files != 1;
}

/* May *f* have a lease of *type*? *own*: the one it has, or NULL. lease_lock held. */
static int check(struct kernel *k, struct file *f, const struct lease *own, int type)
{
	struct lease *l;

	if (conflicts(f, type))
		return -EAGAIN;
	list_for_each_entry(l, &k->leases, link) {
		if (l->file->inode != f->inode || l == own)
			continue;
		if (type == F_WRLCK || (l->becomes != l->type && l->becomes == F_UNLCK))
			return -EAGAIN;
	}
	return 0;
}

static int lease_add(struct task *t, struct file *f, int fd, int type)
{
	struct kernel *k = t->kernel;
	struct lease *l, *fresh;
	int r;

	if (kernel_charge(k, sizeof(*fresh)))
		return -ENOMEM;
	fresh = calloc(1, sizeof(*fresh));
	lock_acquire(&k->lease_lock);
	l = find(k, f);
	r = fresh ? check(k, f, l, type) : -ENOMEM;
	if (!r && l) {
		/* One that shall be given up stays so, whatever it is made meanwhile. */
		if (l->becomes == l->type || l->becomes != F_UNLCK)
			l->becomes = type;
		l->type = type;
		wait_queue_wake(&k->lease_wait, EPOLLIN);
	} else if (!r) {
		*fresh = (struct lease){.file = f, .fd = fd, .type = type, .becomes = type};
		list_add_tail(&fresh->link, &k->leases);
		atomic_fetch_add(&f->inode->leases, 1);
		fresh = NULL;
	}
	lock_release(&k->lease_lock);
	if (fresh || r)
		kernel_uncharge(k, sizeof(*fresh));
	free(fresh);
	if (!r && !l)
		f_owner_set(t, f, F_OWNER_PID, t->tg->pid, false);
	return r;
}

int lease_set(struct task *t, struct file *f, int fd, int type)
{
	struct kernel *k = t->kernel;
	struct lease *l;

	if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)
		return -EINVAL;
	if (t->cred->fsuid != f->inode->uid && !task_capable(t, CAP_LEASE))
		return -EACCES;
	if (!S_ISREG(f->inode->mode))
		return -EINVAL;
	if (type != F_UNLCK)
		return lease_add(t, f, fd, type);
	LOCK_SCOPE(&k->lease_lock);
	l = find(k, f);
	if (!l)
		return -EAGAIN;
	end(k, l);
	return 0;
}

int lease_get(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;
	struct lease *l;

	LOCK_SCOPE(&k->lease_lock);
	l = find(k, f);
	return l ? l->becomes : F_UNLCK;
}

void lease_file_gone(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;
	struct lease *l;

	LOCK_SCOPE(&k->lease_lock);
	l = find(k, f);
	if (l)
		end(k, l);
}

struct to_tell {
	struct f_owner owner[TELL_MAX];
	int fd[TELL_MAX], n;
};

/* Who waited long enough has his way. lease_lock held. */
static bool by_force(struct kernel *k, struct lease *l, int64_t now)
{
	if (l->becomes == l->type || now < l->deadline)
		return false;
	if (l->becomes == F_UNLCK)
		end(k, l);
	else
		l->type = l->becomes;
	return true;
}

/* Begin to break what is in the way. How many leases are; *until: when the first will be broken by force. */
static int begin(struct kernel *k, struct inode *inode, bool write, struct to_tell *who, int64_t *until)
{
	int64_t now = kernel_now_mono();
	struct lease *l, *tmp;
	int n = 0, to = write ? F_UNLCK : F_RDLCK;

	who->n = 0;
	*until = -1;
	LOCK_SCOPE(&k->lease_lock);
	list_for_each_entry_safe(l, tmp, &k->leases, link) {
		if (l->file->inode != inode || (l->type == F_RDLCK && !write))
			continue;
		if (by_force(k, l, now))
			continue;
		n++;
		if (l->becomes == l->type || (write && l->becomes != F_UNLCK)) {
			l->becomes = to;
			l->deadline = now + LEASE_BREAK_SECONDS * 1000000000ll;
			if (who->n < TELL_MAX) {
				who->fd[who->n] = l->fd;
				who->owner[who->n++] = f_owner_get(l->file);
			}
		}
		if (*until < 0 || l->deadline < *until)
			*until = l->deadline;
	}
	return n;
}

int lease_break_slow(struct task *t, struct inode *inode, bool write, bool nonblock)
{
	struct kernel *k = t->kernel;
	struct task_waiter w;
	struct to_tell who;
	int64_t until;
	int r = 0;

	task_waiter_init(&w, t, EPOLLIN);
	wait_queue_add(&k->lease_wait, &w.waiter);
	while (begin(k, inode, write, &who, &until)) {
		for (int i = 0; i < who.n; i++)
			f_owner_tell(k, &who.owner[i], who.fd[i], POLL_MSG);
		r = nonblock ? -EAGAIN : task_block(t, until);
		if (r && r != -ETIMEDOUT)
			break;
		r = 0;
	}
	wait_queue_remove(&w.waiter);
	return r;
}
