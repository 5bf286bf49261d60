/* SPDX-License-Identifier: MIT */
/*
 * send(2) and recv(2) with their kin. The guest's msghdr, iovec, address and control data are copied once and checked.
 */
#include "kernel/memory.h"
#include "kernel/syscall_work.h"
#include "mm/mm.h"
#include "syscalls/net.h"
#include "syscalls/syscalls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct msghdr) == 56 && sizeof(struct mmsghdr) == 64, "struct user_msghdr of 64-bit Linux");

#define GUEST_PTR(p) ((uint64_t)(uintptr_t)(p))
/* Of all flags, those that mean something to a caller; the rest is ignored, as Linux does. */
#define RECV_OUT_FLAGS (MSG_TRUNC | MSG_CTRUNC | MSG_EOR | MSG_OOB | MSG_ERRQUEUE | MSG_CMSG_CLOEXEC)

/* Who is told of room by a signal (O_ASYNC) is told once there was none. */
static int64_t tell_room(struct file *f, int64_t res)
{
	if (res == -EAGAIN)
		fasync_no_room(f);
	return res;
}

static int call_flags(const struct file *f, int flags)
{
	return f->flags & O_NONBLOCK ? flags | MSG_DONTWAIT : flags;
}

static int64_t do_sendto(struct task *t, int fd, uint64_t buf, uint64_t len, int flags, uint64_t addr_ptr, int addr_len)
{
	struct guest_iovec iov = {.base = buf, .len = len < UIO_MAX_BYTES ? len : UIO_MAX_BYTES};
	FILE_SCOPE f = NULL;
	struct net_addr addr = {.len = 0};
	struct net_msg m = {.addr = &addr};
	struct socket *s;
	struct uio uio;
	int err = sock_get(t, fd, &f, &s);

	if (!err && addr_ptr)
		err = copy_in_addr(t, &addr, addr_ptr, addr_len);
	if (err)
		return err;
	uio_init_guest(&uio, t->mm->as, &iov, 1, iov.len);
	uio.task = t;
	m.uio = &uio;
	return tell_room(f, socket_send(t, s, &m, call_flags(f, flags)));
}

int64_t sys_sendto(struct task *t, const uint64_t *a)
{
	return do_sendto(t, ARG_INT(a, 0), a[1], a[2], ARG_INT(a, 3), a[4], ARG_INT(a, 5));
}

int64_t sys_recvfrom(struct task *t, const uint64_t *a)
{
	struct guest_iovec iov = {.base = a[1], .len = a[2] < UIO_MAX_BYTES ? a[2] : UIO_MAX_BYTES};
	FILE_SCOPE f = NULL;
	struct net_addr addr = {.len = 0};
	struct net_msg m = {.addr = a[4] ? &addr : NULL};
	struct socket *s;
	struct uio uio;
	ssize_t n;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (err)
		return err;
	if (memory_wants_full(t, iov.base, iov.len))
		return task_come_again(t);
	memory_bring_in(t, iov.base, iov.len);
	uio_init_guest(&uio, t->mm->as, &iov, 1, iov.len);
	uio.task = t;
	m.uio = &uio;
	n = socket_recv(t, s, &m, call_flags(f, ARG_INT(a, 3)));
	if (n >= 0 && a[4])
		err = copy_out_addr_len(t, a[4], a[5], &addr);
	return err ? err : n;
}

/* --- msghdr ------------------------------------------------------------------------------------------------------ */

struct msg_args {	 /* one sendmsg or recvmsg, decoded */
	struct msghdr h; /* the guest's, copied; pointers are guest addresses */
	struct net_addr addr;
	struct guest_iovec *iov;
	struct uio uio;
	uint8_t *control;
};

static void args_free(struct msg_args *ma)
{
	free(ma->iov);
	free(ma->control);
}

static int args_read(struct task *t, uint64_t ptr, struct msg_args *ma)
{
	size_t total;
	int err;

	memset(ma, 0, offsetof(struct msg_args, uio));
	ma->control = NULL;
	err = copy_in(t, &ma->h, ptr, sizeof(ma->h));
	if (err)
		return err;
	if (!ma->h.msg_name)
		ma->h.msg_namelen = 0;
	if ((int)ma->h.msg_namelen < 0)
		return -EINVAL;
	if (ma->h.msg_namelen > sizeof(ma->addr.ss))
		ma->h.msg_namelen = sizeof(ma->addr.ss);
	if (ma->h.msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	err = copy_in_iov(t, GUEST_PTR(ma->h.msg_iov), ma->h.msg_iovlen, &ma->iov, &total);
	if (err < 0)
		return err;
	uio_init_guest(&ma->uio, t->mm->as, ma->iov, ma->h.msg_iovlen, total);
	ma->uio.task = t;
	return 0;
}

/* The control data of a send, at most NET_CONTROL_IN_MAX bytes. */
static int read_control(struct task *t, struct msg_args *ma)
{
	size_t len = ma->h.msg_controllen;

	if (!len)
		return 0;
	if (len > NET_CONTROL_IN_MAX)
		return -ENOBUFS;
	ma->control = malloc(len);
	if (!ma->control)
		return -ENOBUFS;
	return copy_in(t, ma->control, GUEST_PTR(ma->h.msg_control), len);
}

static int64_t send_one(struct task *t, struct file *f, struct socket *s, uint64_t ptr, int flags)
{
	struct msg_args ma;
	struct net_msg m = {.uio = &ma.uio, .addr = &ma.addr};
	int64_t res = args_read(t, ptr, &ma);

	if (!res && ma.h.msg_namelen)
		res = copy_in_addr(t, &ma.addr, GUEST_PTR(ma.h.msg_name), (int)ma.h.msg_namelen);
	if (!res)
		res = read_control(t, &ma);
	if (!res) {
		m.control = ma.control;
		m.control_len = ma.h.msg_controllen;
		res = tell_room(f, socket_send(t, s, &m, call_flags(f, flags)));
	}
	args_free(&ma);
	return res;
}

/* What recvmsg writes back: the address, the control data, and three fields of the header. */
static int write_back(struct task *t, uint64_t ptr, struct msg_args *ma, const struct net_msg *m)
{
	uint64_t used = m->sink->used;
	int out = (m->flags | m->sink->flags) & RECV_OUT_FLAGS, err = 0;

	if (ma->h.msg_name) {
		err = copy_out_addr(t, GUEST_PTR(ma->h.msg_name), (int)ma->h.msg_namelen, &ma->addr);
		if (!err)
			err = copy_out(
				t, ptr + offsetof(struct msghdr, msg_namelen), &ma->addr.len, sizeof(ma->addr.len));
	}
	if (!err && used)
		err = copy_out(t, GUEST_PTR(ma->h.msg_control), m->sink->buf, used);
	if (!err)
		err = copy_out(t, ptr + offsetof(struct msghdr, msg_flags), &out, sizeof(out));
	if (!err)
		err = copy_out(t, ptr + offsetof(struct msghdr, msg_controllen), &used, sizeof(used));
	return err;
}

static int64_t recv_one(struct task *t, struct file *f, struct socket *s, uint64_t ptr, int flags)
{
	uint8_t control[NET_CONTROL_OUT_MAX] __attribute__((aligned(8)));
	struct cmsg_sink sink = {.buf = control};
	struct msg_args ma;
	struct net_msg m = {.uio = &ma.uio, .addr = &ma.addr, .sink = &sink, .flags = flags & MSG_CMSG_CLOEXEC};
	int64_t res = args_read(t, ptr, &ma);
	int err;

	if (!res) {
		sink.cap = ma.h.msg_controllen < sizeof(control) ? ma.h.msg_controllen : sizeof(control);
		if (!ma.h.msg_control)
			sink.cap = 0;
		res = socket_recv(t, s, &m, call_flags(f, flags));
	}
	if (res >= 0) {
		err = write_back(t, ptr, &ma, &m);
		if (err)
			res = err;
	}
	args_free(&ma);
	return res;
}

int64_t sys_sendmsg(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	return err ? err : send_one(t, f, s, a[1], ARG_INT(a, 2));
}

int64_t sys_recvmsg(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	return err ? err : recv_one(t, f, s, a[1], ARG_INT(a, 2));
}

/* --- several messages -------------------------------------------------------------------------------------------- */

static int put_len(struct task *t, uint64_t entry, int64_t n)
{
	uint32_t len = (uint32_t)n;

	return copy_out(t, entry + offsetof(struct mmsghdr, msg_len), &len, sizeof(len));
}

int64_t sys_sendmmsg(struct task *t, const uint64_t *a)
{
	unsigned n = ARG_UINT(a, 2), done = 0;
	FILE_SCOPE f = NULL;
	struct socket *s;
	int64_t res = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (res)
		return res;
	if (n > UIO_MAXIOV)
		n = UIO_MAXIOV;
	for (; done < n; done++) {
		uint64_t entry = a[1] + done * sizeof(struct mmsghdr);

		res = send_one(t, f, s, entry, ARG_INT(a, 3));
		if (res >= 0)
			res = put_len(t, entry, res);
		if (res < 0)
			break;
	}
	return done ? (int64_t)done : res;
}

/* The time-out is looked at after each message only, recvmmsg(2), BUGS. */
static bool over(int64_t deadline)
{
	return deadline >= 0 && kernel_now_mono() >= deadline;
}

static unsigned recv_many(struct task *t, struct file *f, struct socket *s, uint64_t vec, unsigned n, int flags,
	int64_t deadline, int64_t *res)
{
	unsigned done = 0;

	while (done < n) {
		uint64_t entry = vec + done * sizeof(struct mmsghdr);

		*res = recv_one(t, f, s, entry, flags & ~MSG_WAITFORONE);
		if (*res >= 0)
			*res = put_len(t, entry, *res);
		if (*res < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (over(deadline))
			break;
	}
	return done;
}

int64_t sys_recvmmsg(struct task *t, const uint64_t *a)
{
	unsigned n = ARG_UINT(a, 2), done;
	int64_t timeout = -1, deadline = -1, res = 0, left;
	FILE_SCOPE f = NULL;
	struct timespec ts;
	struct socket *s;
	int err = copy_in_timespec(t, a[4], &timeout);

	if (err)
		return err;
	err = sock_get(t, ARG_INT(a, 0), &f, &s);
	if (err)
		return err;
	if (timeout >= 0)
		deadline = kernel_now_mono() + timeout;
	if (n > UIO_MAXIOV)
		n = UIO_MAXIOV;
	done = recv_many(t, f, s, a[1], n, ARG_INT(a, 3), deadline, &res);
	if (done && timeout >= 0) {
		left = deadline - kernel_now_mono();
		if (left < 0)
			left = 0;
		ts = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
		err = copy_out(t, a[4], &ts, sizeof(ts));
		if (err)
			return err;
	}
	return done ? (int64_t)done : res;
}
