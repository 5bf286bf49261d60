/* SPDX-License-Identifier: MIT */
/* socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), names and options. */
#include "syscalls/net.h"
#include "syscalls/syscalls.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)
#define OPT_MAX 4096 /* the longest option there is to set or get */

int sock_get(struct task *t, int fd, struct file **ret_f, struct socket **ret)
{
	struct file *f = fd_get(t, fd);
	struct socket *s;

	if (!f)
		return -EBADF;
	s = socket_of_file(f);
	if (!s) {
		file_put(f);
		return -ENOTSOCK;
	}
	*ret_f = f;
	*ret = s;
	return 0;
}

int copy_in_addr(struct task *t, struct net_addr *dst, uint64_t src, int len)
{
	if (len < 0 || (size_t)len > sizeof(dst->ss))
		return -EINVAL;
	memset(&dst->ss, 0, sizeof(dst->ss));
	dst->len = (uint32_t)len;
	return len ? copy_in(t, &dst->ss, src, (size_t)len) : 0;
}

int copy_out_addr(struct task *t, uint64_t dst, int room, const struct net_addr *addr)
{
	size_t n = addr->len < (uint32_t)room ? addr->len : (uint32_t)room;

	return n ? copy_out(t, dst, &addr->ss, n) : 0;
}

int copy_out_addr_len(struct task *t, uint64_t dst, uint64_t lenp, const struct net_addr *addr)
{
	int room, err = copy_in(t, &room, lenp, sizeof(room));

	if (!err && room < 0)
		err = -EINVAL;
	if (!err)
		err = copy_out_addr(t, dst, room, addr);
	return err ? err : copy_out(t, lenp, &addr->len, sizeof(addr->len));
}

/* Make the file and the descriptor of a new socket (taken over, also on failure). */
static int install(struct task *t, struct socket *s, int flags, struct file **ret_f)
{
	struct file *f;
	int err = socket_file(s, flags & SOCK_NONBLOCK ? O_NONBLOCK : 0, &f), fd;

	if (err) {
		s->ops->release(s);
		socket_put(s);
		return err;
	}
	if (ret_f)
		file_get(f);
	fd = fd_install(t, f, flags & SOCK_CLOEXEC, 0);
	if (fd < 0) {
		if (ret_f)
			file_put(f);
		file_put(f);
		return fd;
	}
	if (ret_f)
		*ret_f = f;
	return fd;
}

int64_t sys_socket(struct task *t, const uint64_t *a)
{
	int type = ARG_INT(a, 1), err;
	struct socket *s;

	if ((type & ~0xf) & ~TYPE_FLAGS)
		return -EINVAL;
	err = socket_create(t, ARG_INT(a, 0), type & 0xf, ARG_INT(a, 2), &s);
	return err ? err : install(t, s, type, NULL);
}

int64_t sys_socketpair(struct task *t, const uint64_t *a)
{
	int type = ARG_INT(a, 1), fds[2], err;
	struct socket *s[2];

	if ((type & ~0xf) & ~TYPE_FLAGS)
		return -EINVAL;
	err = socket_create_pair(t, ARG_INT(a, 0), type & 0xf, ARG_INT(a, 2), s);
	if (err)
		return err;
	fds[0] = install(t, s[0], type, NULL);
	fds[1] = install(t, s[1], type, NULL);
	err = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : copy_out(t, a[3], fds, sizeof(fds));
	if (err) {
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0)
				fd_close(t, fds[i]);
	}
	return err;
}

int64_t sys_bind(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct net_addr addr;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (!err)
		err = copy_in_addr(t, &addr, a[1], ARG_INT(a, 2));
	if (err)
		return err;
	return s->ops->bind ? s->ops->bind(t, s, &addr) : -EOPNOTSUPP;
}

int64_t sys_connect(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct net_addr addr;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (!err)
		err = copy_in_addr(t, &addr, a[1], ARG_INT(a, 2));
	if (err)
		return err;
	return s->ops->connect ? s->ops->connect(t, s, &addr, f->flags & O_NONBLOCK) : -EOPNOTSUPP;
}

int64_t sys_listen(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (err)
		return err;
	return s->ops->listen ? s->ops->listen(t, s, ARG_INT(a, 1)) : -EOPNOTSUPP;
}

static int64_t do_accept(struct task *t, int lfd, uint64_t addr_ptr, uint64_t len_ptr, int flags)
{
	FILE_SCOPE lf = NULL;
	FILE_SCOPE f = NULL;
	struct socket *ls, *s;
	struct net_addr addr;
	int err, fd;

	if (flags & ~TYPE_FLAGS)
		return -EINVAL;
	err = sock_get(t, lfd, &lf, &ls);
	if (!err)
		err = fd_room(t);
	if (!err)
		err = socket_accept(t, ls, lf->flags & O_NONBLOCK, &s);
	if (err)
		return err;
	fd = install(t, s, flags, &f);
	if (fd < 0 || !addr_ptr)
		return fd;
	err = s->ops->getname(s, true, &addr);
	if (err == -ENOTCONN) /* gone again before it was looked at */
		err = -ECONNABORTED;
	if (!err)
		err = copy_out_addr_len(t, addr_ptr, len_ptr, &addr);
	if (err)
		fd_close(t, fd);
	return err ? err : fd;
}

int64_t sys_accept(struct task *t, const uint64_t *a)
{
	return do_accept(t, ARG_INT(a, 0), a[1], a[2], 0);
}

int64_t sys_accept4(struct task *t, const uint64_t *a)
{
	return do_accept(t, ARG_INT(a, 0), a[1], a[2], ARG_INT(a, 3));
}

int64_t sys_shutdown(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	struct socket *s;
	int how = ARG_INT(a, 1), err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (err)
		return err;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	return s->ops->shutdown ? s->ops->shutdown(s, how) : -EOPNOTSUPP;
}

static int64_t get_name(struct task *t, const uint64_t *a, bool peer)
{
	FILE_SCOPE f = NULL;
	struct net_addr addr;
	struct socket *s;
	int err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (!err)
		err = s->ops->getname(s, peer, &addr);
	return err ? err : copy_out_addr_len(t, a[1], a[2], &addr);
}

int64_t sys_getsockname(struct task *t, const uint64_t *a)
{
	return get_name(t, a, false);
}

int64_t sys_getpeername(struct task *t, const uint64_t *a)
{
	return get_name(t, a, true);
}

int64_t sys_setsockopt(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	uint8_t val[OPT_MAX] __attribute__((aligned(8)));
	int len = ARG_INT(a, 4), err;
	struct socket *s;

	if (len < 0)
		return -EINVAL;
	err = sock_get(t, ARG_INT(a, 0), &f, &s);
	if (err)
		return err;
	if ((size_t)len > sizeof(val))
		len = sizeof(val);
	if (len)
		err = copy_in(t, val, a[3], (size_t)len);
	return err ? err : socket_setsockopt(t, s, ARG_INT(a, 1), ARG_INT(a, 2), val, (uint32_t)len);
}

int64_t sys_getsockopt(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = NULL;
	uint8_t val[OPT_MAX] __attribute__((aligned(8)));
	uint32_t got;
	struct socket *s;
	int len, err = sock_get(t, ARG_INT(a, 0), &f, &s);

	if (!err)
		err = copy_in(t, &len, a[4], sizeof(len));
	if (err)
		return err;
	if (len < 0)
		return -EINVAL;
	got = (size_t)len < sizeof(val) ? (uint32_t)len : sizeof(val);
	err = socket_getsockopt(t, s, ARG_INT(a, 1), ARG_INT(a, 2), val, &got);
	if (err == -ERANGE) /* SO_PEERGROUPS tells the length it wants */
		return copy_out(t, a[4], &got, sizeof(got)) ?: err;
	if (!err && got)
		err = copy_out(t, a[3], val, got);
	return err ? err : copy_out(t, a[4], &got, sizeof(got));
}
