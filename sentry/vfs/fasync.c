/* SPDX-License-Identifier: MIT */
/*
 * O_ASYNC: a waiter on the file's wait queue. A wake-up runs under the queue's lock, where no signal can be sent: it is
 * noted in the kernel's list (fasync_lock, RANK_LEAF), and whoever caused it sends the signals when it holds no lock any more.
 */
#include "vfs/fasync.h"

#include "host/loop.h"
#include "kernel/pid.h"
#include "kernel/pid_ns.h"
#include "vfs/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define IN_BITS (EPOLLIN | EPOLLRDNORM)
#define OUT_BITS (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define PRI_BITS (EPOLLPRI | EPOLLRDBAND)

struct fasync {
	struct waiter waiter;
	struct file *file; /* not held: it holds us */
	int fd;
	uint32_t wants;	   /* of EPOLLIN and EPOLLOUT, while O_ASYNC is set */
	struct list_head link; /* kernel->fasyncs; this and events are guarded by fasync_lock */
	uint32_t events;
	bool urgent; /* fasync_lock; urgent data were told of, and are still there */
	_Atomic bool no_room; /* a socket: a writer has been refused since room was last told */
};

/* --- owners ------------------------------------------------------------------------------------------------------------------ */

static bool anything_has(struct kernel *k, int type, int pid)
{
	LOCK_SCOPE(&k->tasklist_lock);
	return type == F_OWNER_PGRP ? pgrp_exists(k, pid, 0) || pid_task(k, pid) : pid_task(k, pid) != NULL;
}

int f_owner_set(struct task *t, struct file *f, int type, int pid, bool force)
{
	struct kernel *k = t->kernel;

	if (pid && !anything_has(k, type, pid))
		return -ESRCH;
	LOCK_SCOPE(&k->fasync_lock);
	if (!force && f->owner.pid)
		return 0;
	f->owner.type = type;
	f->owner.pid = pid;
	f->owner.uid = pid ? t->cred->uid : 0;
	f->owner.euid = pid ? t->cred->euid : 0;
	return 0;
}

struct f_owner f_owner_get(struct file *f)
{
	LOCK_SCOPE(&f->inode->sb->kernel->fasync_lock);
	return f->owner;
}

void f_owner_set_signal(struct file *f, int signo)
{
	LOCK_SCOPE(&f->inode->sb->kernel->fasync_lock);
	f->owner.signo = signo;
}

int f_owner_pid(struct task *t, const struct f_owner *o)
{
	bool alive;

	if (!o->pid)
		return 0;
	lock_acquire(&t->kernel->tasklist_lock);
	alive = o->type == F_OWNER_PGRP ? pgrp_exists(t->kernel, o->pid, 0) : pid_task(t->kernel, o->pid) != NULL;
	lock_release(&t->kernel->tasklist_lock);
	return alive ? pid_vnr(t, o->pid) : 0;
}

struct telling {
	const struct f_owner *owner;
	int fd, code;
};

static bool may_tell(const struct f_owner *o, struct task *target)
{
	struct cred *c;
	bool may;

	if (!o->euid)
		return true;
	c = task_cred_get(target);
	may = o->euid == c->suid || o->euid == c->uid || o->uid == c->suid || o->uid == c->uid;
	cred_put(c);
	return may;
}

static int64_t band_of(int code)
{
	switch (code) {
	case POLL_IN:
		return IN_BITS;
	case POLL_OUT:
		return OUT_BITS;
	case POLL_MSG:
		return IN_BITS | EPOLLMSG;
	case POLL_ERR:
		return EPOLLERR;
	case POLL_PRI:
		return PRI_BITS;
	default:
		return EPOLLHUP | EPOLLERR;
	}
}

static int send(struct task *t, bool alone, const struct ksiginfo *info)
{
	return alone ? signal_send_task(t, info) : signal_send_group(t->tg, info);
}

/* To one task, or (not alone) to its process. */
static void tell_task(struct task *t, bool alone, const struct telling *w)
{
	const struct f_owner *o = w->owner;
	struct ksiginfo info = {.signo = o->signo, .code = w->code};

	if (!may_tell(o, t))
		return;
	if (w->code == POLL_PRI && w->fd < 0) { /* urgent data: no details, whatever F_SETSIG says */
		info = (struct ksiginfo){.signo = SIGURG, .code = SI_KERNEL};
		send(t, alone, &info);
		return;
	}
	info.poll.band = band_of(w->code);
	info.poll.fd = w->fd;
	if (o->signo && send(t, alone, &info) == 0)
		return;
	info = (struct ksiginfo){.signo = SIGIO, .code = SI_KERNEL}; /* none was chosen, or its queue is full */
	send(t, alone, &info);
}

static int tell_member(struct thread_group *tg, void *arg)
{
	const struct telling *w = arg;
	struct task *leader = NULL;

	lock_acquire(&tg->kernel->tasklist_lock);
	if (tg->pgid == w->owner->pid && tg->leader) {
		leader = tg->leader;
		task_get(leader);
	}
	lock_release(&tg->kernel->tasklist_lock);
	if (leader) {
		tell_task(leader, false, w);
		task_put(leader);
	}
	return 0;
}

static void tell(struct kernel *k, struct telling *w)
{
	struct task *t;

	if (!w->owner->pid)
		return;
	if (w->owner->type == F_OWNER_PGRP) {
		tg_for_each(k, tell_member, w);
		return;
	}
	t = task_find(k, w->owner->pid);
	if (!t)
		return;
	tell_task(t, w->owner->type == F_OWNER_TID, w);
	task_put(t);
}

void f_owner_tell(struct kernel *k, const struct f_owner *o, int fd, int code)
{
	struct telling w = {.owner = o, .fd = fd, .code = code};

	tell(k, &w);
}

/* --- O_ASYNC ------------------------------------------------------------------------------------------------------------------ */

/* Under the queue's lock. */
static void noted(struct waiter *waiter, uint32_t events)
{
	struct fasync *fa = container_of(waiter, struct fasync, waiter);
	struct kernel *k = fa->file->inode->sb->kernel;

	lock_acquire(&k->fasync_lock);
	/* The host tells of urgent data with each event as long as they are there. */
	if (fa->urgent && events & PRI_BITS)
		events &= ~(uint32_t)PRI_BITS;
	else
		fa->urgent = events & PRI_BITS;
	if (list_empty(&fa->link)) {
		list_add_tail(&fa->link, &k->fasyncs);
		atomic_fetch_add(&k->n_fasync, 1);
	}
	fa->events |= events;
	lock_release(&k->fasync_lock);
}

static void unlink_noted(struct kernel *k, struct fasync *fa)
{
	if (list_empty(&fa->link))
		return;
	list_del(&fa->link);
	atomic_fetch_sub(&k->n_fasync, 1);
}

static uint32_t wanted(const struct file *f)
{
	uint32_t ev = f->ops ? f->ops->async : 0;

	if (!S_ISFIFO(f->inode->mode))
		return ev;
	if ((f->flags & O_ACCMODE) == O_WRONLY)
		ev &= EPOLLOUT;
	if ((f->flags & O_ACCMODE) == O_RDONLY)
		ev &= EPOLLIN;
	return ev;
}

static struct fasync *fasync_alloc(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;
	struct fasync *fa;

	if (kernel_charge(k, sizeof(*fa)))
		return NULL;
	fa = calloc(1, sizeof(*fa));
	if (!fa) {
		kernel_uncharge(k, sizeof(*fa));
		return NULL;
	}
	atomic_fetch_add(&k->n_fasync_files, 1);
	fa->file = f;
	fa->waiter.notify = noted;
	fa->waiter.lazy = host_loop_pins(k->loop);
	list_init(&fa->link);
	return fa;
}

/* fasync_mutex held: the waiter is set up anew for what is wanted now. */
static int watch(struct file *f, int fd, uint32_t wants)
{
	struct kernel *k = f->inode->sb->kernel;
	struct fasync *fa = f->fasync;

	if (!fa) {
		fa = fasync_alloc(f);
		if (!fa)
			return -ENOMEM;
		f->fasync = fa;
	}
	wait_queue_remove(&fa->waiter);
	lock_acquire(&k->fasync_lock);
	unlink_noted(k, fa);
	fa->events = 0;
	fa->wants = wants;
	if (fd >= 0)
		fa->fd = fd;
	lock_release(&k->fasync_lock);
	fa->waiter.mask = (wants & EPOLLIN ? IN_BITS : 0) | (wants & EPOLLOUT ? OUT_BITS : 0);
	if (S_ISSOCK(f->inode->mode))
		fa->waiter.mask |= PRI_BITS;
	if (fa->waiter.mask && !(f->ops->poll(f, &fa->waiter) & EPOLLOUT))
		atomic_store(&fa->no_room, true);
	host_loop_arm(k->loop);
	return 0;
}

int fasync_set(struct task *t, struct file *f, int fd, bool on)
{
	struct kernel *k = t->kernel;
	uint32_t wants = on ? wanted(f) : 0;
	int r;

	if (!f->ops || !f->ops->async || !f->ops->poll)
		return 0;
	lock_acquire(&k->fasync_mutex);
	r = on || f->fasync ? watch(f, fd, wants) : 0;
	lock_release(&k->fasync_mutex);
	return r;
}

int fasync_watch_urgent(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;
	int r = 0;

	if (!f->ops || !f->ops->poll)
		return 0;
	lock_acquire(&k->fasync_mutex);
	if (!f->fasync)
		r = watch(f, -1, 0);
	lock_release(&k->fasync_mutex);
	return r;
}

void fasync_no_room(struct file *f)
{
	if (f->fasync)
		atomic_store(&f->fasync->no_room, true);
}

void fasync_free(struct file *f)
{
	struct kernel *k = f->inode->sb->kernel;
	struct fasync *fa = f->fasync;

	if (!fa)
		return;
	wait_queue_remove(&fa->waiter);
	lock_acquire(&k->fasync_lock);
	unlink_noted(k, fa);
	lock_release(&k->fasync_lock);
	f->fasync = NULL;
	atomic_fetch_sub(&k->n_fasync_files, 1);
	free(fa);
	kernel_uncharge(k, sizeof(*fa));
}

/* The first of the list, with its file held. NULL: nothing is left. */
static struct file *take_noted(struct kernel *k, struct f_owner *owner, int *fd, uint32_t *wants, uint32_t *events)
{
	LOCK_SCOPE(&k->fasync_lock);
	while (!list_empty(&k->fasyncs)) {
		struct fasync *fa = list_first(&k->fasyncs, struct fasync, link);

		unlink_noted(k, fa);
		list_init(&fa->link);
		*events = fa->events;
		fa->events = 0;
		if (!refs_tryget(&fa->file->refs)) /* about to be freed */
			continue;
		*owner = fa->file->owner;
		*fd = fa->fd;
		*wants = fa->wants;
		return fa->file;
	}
	return NULL;
}

static void send_noted(struct kernel *k, struct file *f, const struct f_owner *o, int fd, uint32_t wants, uint32_t events)
{
	bool sock = S_ISSOCK(f->inode->mode);

	if (sock && events & PRI_BITS) {
		f_owner_tell(k, o, -1, POLL_PRI);
		if (wants)
			f_owner_tell(k, o, fd, POLL_PRI);
	}
	if (sock && wants && events & EPOLLHUP) {
		f_owner_tell(k, o, fd, POLL_HUP);
		return;
	}
	if (S_ISCHR(f->inode->mode) && events & EPOLLHUP) /* a terminal's end is no input */
		return;
	if (wants & EPOLLIN && events & (IN_BITS | EPOLLHUP | EPOLLRDHUP))
		f_owner_tell(k, o, fd, POLL_IN);
	if (wants & EPOLLOUT && events & (OUT_BITS | EPOLLERR) &&
	    (S_ISFIFO(f->inode->mode) || atomic_exchange(&f->fasync->no_room, false)))
		f_owner_tell(k, o, fd, POLL_OUT);
}

void fasync_send(struct kernel *k)
{
	struct f_owner owner;
	uint32_t wants, events;
	struct file *f;
	int fd;

	while ((f = take_noted(k, &owner, &fd, &wants, &events))) {
		send_noted(k, f, &owner, fd, wants, events);
		file_put(f);
	}
}
