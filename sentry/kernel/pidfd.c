/* SPDX-License-Identifier: MIT */
/* Descriptors of processes. */
#include "kernel/pidfd.h"
#include "kernel/pid_ns.h"
#include "vfs/vfs.h"

#include <fcntl.h>
#include <stdio.h>

static uint32_t pidfd_poll(struct file *f, struct waiter *w)
{
	struct thread_group *tg = f->priv;

	if (w)
		wait_queue_add(&tg->exit_wait, w);
	return tg->zombie ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	tg_put(f->priv);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll,
	.release = pidfd_release,
};

ssize_t pidfd_fdinfo(const struct file *f, const struct pid_ns *ns, char *buf, size_t size)
{
	int nr[PID_NS_DEPTH_MAX + 1] = {-1};
	struct thread_group *tg = f->priv;
	unsigned n = 1;
	size_t len;

	if (f->ops != &pidfd_ops)
		return 0;
	if (!tg->reaped)
		n = pid_ns_numbers(tg->kernel, ns, tg->pid, nr);
	len = (size_t)snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d", nr[0], nr[0]);
	for (unsigned i = 1; nr[0] > 0 && i < n && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "\t%d", nr[i]);
	if (len < size)
		len += (size_t)snprintf(buf + len, size - len, "\n");
	return (ssize_t)len;
}

int pidfd_open(struct task *t, struct thread_group *tg, int flags)
{
	struct file *f;
	int r;

	tg_get(tg);
	r = file_alloc_anon(t->kernel, "anon_inode:[pidfd]", &pidfd_ops, 0600, O_RDWR | (flags & O_NONBLOCK), tg, &f);
	if (r) {
		tg_put(tg);
		return r;
	}
	r = fd_install(t, f, true, 0);
	if (r < 0)
		file_put(f);
	return r;
}

struct thread_group *pidfd_group(struct task *t, int fd)
{
	FILE_SCOPE f = fd_get(t, fd);
	struct thread_group *tg;

	if (!f || f->ops != &pidfd_ops)
		return NULL;
	tg = f->priv;
	tg_get(tg);
	return tg;
}

bool pidfd_nonblock(struct task *t, int fd)
{
	FILE_SCOPE f = fd_get(t, fd);

	return f && (f->flags & O_NONBLOCK);
}
