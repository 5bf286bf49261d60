/* SPDX-License-Identifier: MIT */
/* signalfd(2): reading takes signals that are pending for the reader; it is ready for whoever asks. */
#include "fs/event.h"

#include "kernel/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#define GROUPS_MAX 16

struct signalfd {
	_Atomic ksigset mask; /* wanted */
	struct thread_group *tg; /* held */
	struct lock lock;	 /* RANK_LEAF */
	_Atomic(struct thread_group *) asked[GROUPS_MAX]; /* other groups that looked at it: held, waiters may hang on them */
};

static const struct file_ops signalfd_fops;

/* The parts of siginfo that each kind of signal has; the rest stays zero. */
static void encode(struct signalfd_siginfo *s, const struct ksiginfo *i)
{
	memset(s, 0, sizeof(*s));
	s->ssi_signo = (uint32_t)i->signo;
	s->ssi_errno = i->err;
	s->ssi_code = i->code;
	if (i->code == SI_TIMER) {
		s->ssi_tid = (uint32_t)i->timer.tid;
		s->ssi_overrun = (uint32_t)i->timer.overrun;
		s->ssi_ptr = i->timer.value;
		s->ssi_int = (int32_t)i->timer.value;
		return;
	}
	if (i->code > 0 && i->code != SI_KERNEL) {
		switch (i->signo) {
		case SIGCHLD:
			s->ssi_pid = (uint32_t)i->pid;
			s->ssi_uid = i->uid;
			s->ssi_status = i->chld.status;
			s->ssi_utime = (uint64_t)i->chld.utime;
			s->ssi_stime = (uint64_t)i->chld.stime;
			return;
		case SIGILL:
		case SIGFPE:
		case SIGSEGV:
		case SIGBUS:
		case SIGTRAP:
			s->ssi_addr = i->fault.addr;
			s->ssi_addr_lsb = (uint16_t)i->fault.addr_lsb;
			return;
		case SIGSYS:
			s->ssi_call_addr = i->sys.call_addr;
			s->ssi_syscall = i->sys.syscall;
			s->ssi_arch = i->sys.arch;
			return;
		default:
			s->ssi_band = (uint32_t)i->poll.band;
			s->ssi_fd = i->poll.fd;
			return;
		}
	}
	s->ssi_pid = (uint32_t)i->pid;
	s->ssi_uid = i->uid;
	s->ssi_ptr = i->value;
	s->ssi_int = (int32_t)i->value;
}

static ssize_t signalfd_read(struct file *f, struct uio *dst, int64_t *pos)
{
	struct signalfd *sf = f->priv;
	struct task *t = dst->task;
	ssize_t done = 0;

	if (!t)
		return -EINVAL;
	if (dst->left < sizeof(struct signalfd_siginfo))
		return -EINVAL;
	while (dst->left >= sizeof(struct signalfd_siginfo)) {
		struct signalfd_siginfo out;
		struct ksiginfo info;
		int signo;

		lock_acquire(&t->tg->siglock);
		signo = signal_dequeue(t, ~atomic_load(&sf->mask), &info);
		lock_release(&t->tg->siglock);
		if (!signo)
			break;
		encode(&out, &info);
		if (uio_put(dst, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += (ssize_t)sizeof(out);
	}
	return done ? done : -EAGAIN;
}

static bool any_pending(struct thread_group *tg, ksigset mask)
{
	struct task *t;

	if (tg->shared_pending.set & mask)
		return true;
	list_for_each_entry(t, &tg->threads, tg_link)
		if (t->pending.set & mask)
			return true;
	return false;
}

/* Whose signals count: the caller's, as far as they can be remembered. */
static struct thread_group *asking_group(struct signalfd *sf, struct task *t)
{
	LOCK_SCOPE(&sf->lock);

	if (!t || t->tg == sf->tg)
		return sf->tg;
	for (int i = 0; i < GROUPS_MAX; i++) {
		if (!sf->asked[i]) {
			tg_get(t->tg);
			sf->asked[i] = t->tg;
		}
		if (sf->asked[i] == t->tg)
			return t->tg;
	}
	return sf->tg;
}

static uint32_t signalfd_poll(struct file *f, struct waiter *w)
{
	struct signalfd *sf = f->priv;
	struct task *t = platform_current(sf->tg->kernel->platform);
	struct thread_group *tg = asking_group(sf, t);
	bool ready;

	if (w)
		wait_queue_add(&tg->signal_wait, w);
	lock_acquire(&tg->siglock);
	ready = t && t->tg == tg ? (t->pending.set | tg->shared_pending.set) & atomic_load(&sf->mask) : any_pending(tg, atomic_load(&sf->mask));
	lock_release(&tg->siglock);
	return ready ? EPOLLIN | EPOLLRDNORM : 0;
}

static ssize_t signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct signalfd *sf = f->priv;

	return snprintf(buf, size, "sigmask:\t%016llx\n", (unsigned long long)atomic_load(&sf->mask));
}

static void signalfd_release(struct file *f)
{
	struct signalfd *sf = f->priv;

	for (int i = 0; i < GROUPS_MAX; i++)
		tg_put(sf->asked[i]);
	tg_put(sf->tg);
	lock_destroy(&sf->lock);
	free(sf);
}

static const struct file_ops signalfd_fops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.show_fdinfo = signalfd_fdinfo,
	.lseek = file_lseek_nowhere,
	.release = signalfd_release,
};

int signalfd_make(struct task *t, ksigset mask, int flags, struct file **ret)
{
	struct signalfd *sf = calloc(1, sizeof(*sf));
	int err;

	if (!sf)
		return -ENOMEM;
	atomic_init(&sf->mask, mask & ~KSIG_UNBLOCKABLE);
	lock_init(&sf->lock, RANK_LEAF);
	sf->tg = t->tg;
	tg_get(sf->tg);
	err = file_alloc_anon(t->kernel, "anon_inode:[signalfd]", &signalfd_fops, 0600, O_RDWR | (flags & O_NONBLOCK), sf,
		ret);
	if (err) {
		tg_put(sf->tg);
		free(sf);
		return err;
	}
	(*ret)->stream = true;
	return 0;
}

int signalfd_change(struct file *f, ksigset mask)
{
	struct signalfd *sf = f->priv;

	if (f->ops != &signalfd_fops)
		return -EINVAL;
	atomic_store(&sf->mask, mask & ~KSIG_UNBLOCKABLE);
	wait_queue_wake(&sf->tg->signal_wait, EPOLLIN);
	for (int i = 0; i < GROUPS_MAX; i++)
		if (sf->asked[i]) /* once there, they stay */
			wait_queue_wake(&sf->asked[i]->signal_wait, EPOLLIN);
	return 0;
}
