/* SPDX-License-Identifier: MIT */
/* Descriptors: dup(2), fcntl(2), ioctl(2)'s generic part, flock(2), pipe(2), memfd_create(2). */
#include "fs/dnotify.h"
#include "fs/memfd.h"
#include "fs/pipefs.h"
#include "fs/tty.h"
#include "kernel/pid_ns.h"
#include "syscalls/names.h"
#include "vfs/leases.h"
#include "vfs/locks.h"

#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <errno.h>
#include <linux/memfd.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LARGEFILE 0100000
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_ASYNC | O_NOATIME)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif

static int64_t dup_to(struct task *t, int fd, bool cloexec, int min)
{
	FILE_SCOPE f = fd_get_path(t, fd);
	int r;

	if (!f)
		return -EBADF;
	r = fd_install(t, f, cloexec, min);
	if (r >= 0)
		f = NULL;
	return r;
}

static int64_t dup_over(struct task *t, int from, int to, bool cloexec)
{
	FILE_SCOPE f = fd_get_path(t, from);
	int r;

	if (!f)
		return -EBADF;
	r = fd_install_at(t, f, cloexec, to);
	if (r >= 0)
		f = NULL;
	return r;
}

int64_t sys_dup(struct task *t, const uint64_t *a)
{
	return dup_to(t, ARG_INT(a, 0), false, 0);
}

int64_t sys_dup2(struct task *t, const uint64_t *a)
{
	if (ARG_INT(a, 0) == ARG_INT(a, 1))
		return fd_get_cloexec(t, ARG_INT(a, 0)) < 0 ? -EBADF : ARG_INT(a, 0);
	return dup_over(t, ARG_INT(a, 0), ARG_INT(a, 1), false);
}

int64_t sys_dup3(struct task *t, const uint64_t *a)
{
	if ((ARG_INT(a, 2) & ~O_CLOEXEC) || ARG_INT(a, 0) == ARG_INT(a, 1))
		return -EINVAL;
	return dup_over(t, ARG_INT(a, 0), ARG_INT(a, 1), ARG_INT(a, 2) & O_CLOEXEC);
}

static int set_async(struct task *t, struct file *f, int fd, bool on)
{
	if (on)
		tty_async_owner(t, f);
	return fasync_set(t, f, fd, on);
}

static int set_flags(struct task *t, struct file *f, int fd, int flags)
{
	int old = f->flags, now = (old & ~SETFL_MASK) | (flags & SETFL_MASK);
	int r = 0;

	if ((flags & O_NOATIME) && !(old & O_NOATIME) && t->cred->fsuid != f->inode->uid &&
	    !cred_id_capable(t->cred, f->inode->uid, f->inode->gid, CAP_FOWNER))
		return -EPERM;
	if (f->ops && f->ops->set_flags)
		r = f->ops->set_flags(f, now);
	if (!f->ops || !f->ops->async) /* nobody would be told */
		now = (now & ~O_ASYNC) | (old & O_ASYNC);
	if (!r && (old ^ now) & O_ASYNC)
		r = set_async(t, f, fd, now & O_ASYNC);
	if (!r)
		f->flags = now;
	return r;
}

static int owner_changed(struct task *t, struct file *f, int type, int nr)
{
	int r = -ESRCH, pid = nr ? pid_from_vnr(t, nr) : 0;

	if (!nr || pid)
		r = f_owner_set(t, f, type, pid, true);
	if (!r && pid && S_ISSOCK(f->inode->mode))
		r = fasync_watch_urgent(f);
	return r;
}

static int set_owner_ex(struct task *t, struct file *f, uint64_t src)
{
	struct f_owner_ex o;
	int r = copy_in(t, &o, src, sizeof(o));

	if (r < 0)
		return r;
	if (o.type != F_OWNER_TID && o.type != F_OWNER_PID && o.type != F_OWNER_PGRP)
		return -EINVAL;
	return owner_changed(t, f, o.type, o.pid);
}

static int get_owner_ex(struct task *t, struct file *f, uint64_t dst)
{
	struct f_owner owner = f_owner_get(f);
	struct f_owner_ex o = {.type = owner.type, .pid = f_owner_pid(t, &owner)};

	return copy_out(t, dst, &o, sizeof(o));
}

/* A negative number is a process group. */
static int set_owner(struct task *t, struct file *f, int who)
{
	if (who == INT32_MIN)
		return -EINVAL;
	return owner_changed(t, f, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who);
}

static int get_owner(struct task *t, struct file *f)
{
	struct f_owner owner = f_owner_get(f);
	int pid = f_owner_pid(t, &owner);

	return owner.type == F_OWNER_PGRP ? -pid : pid;
}

/* Expected life time of what is written: remembered, for who asks. */
static int64_t write_hint(struct task *t, struct file *f, bool set, uint64_t arg)
{
	uint64_t hint = f->inode->write_hint;
	int r;

	if (!set)
		return copy_out(t, arg, &hint, sizeof(hint));
	r = copy_in(t, &hint, arg, sizeof(hint));
	if (!r && hint > RWH_WRITE_LIFE_EXTREME)
		r = -EINVAL;
	if (!r)
		f->inode->write_hint = (uint8_t)hint;
	return r;
}

static int64_t pipe_size(struct task *t, struct file *f, int cmd, uint64_t arg)
{
	struct pipe *p = pipe_of(f);

	if (!p)
		return -EBADF;
	return cmd == F_GETPIPE_SZ ? (int64_t)pipe_get_size(p) : pipe_set_size(t, p, (uint32_t)arg);
}

static int64_t fcntl_file(struct task *t, struct file *f, int fd, int cmd, uint64_t arg)
{
	switch (cmd) {
	case F_SETFL:
		return set_flags(t, f, fd, (int)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return locks_fcntl(t, f, fd, cmd, arg);
	case F_GETOWN:
		return get_owner(t, f);
	case F_SETOWN:
		return set_owner(t, f, (int)arg);
	case F_GETOWN_EX:
		return get_owner_ex(t, f, arg);
	case F_SETOWN_EX:
		return set_owner_ex(t, f, arg);
	case F_GETSIG:
		return f_owner_get(f).signo;
	case F_SETSIG:
		if (arg > KSIG_MAX)
			return -EINVAL;
		f_owner_set_signal(f, (int)arg);
		return 0;
	case F_GETLEASE:
		return lease_get(f);
	case F_SETLEASE:
		return lease_set(t, f, fd, (int)arg);
	case F_NOTIFY:
		return dnotify_set(t, f, fd, arg);
	case F_GET_RW_HINT:
	case F_SET_RW_HINT:
		return write_hint(t, f, cmd == F_SET_RW_HINT, arg);
	case F_SETPIPE_SZ:
	case F_GETPIPE_SZ:
		return pipe_size(t, f, cmd, arg);
	case F_ADD_SEALS:
		return memfd_add_seals(f, (unsigned)arg);
	case F_GET_SEALS:
		return memfd_get_seals(f);
	default:
		return -EINVAL;
	}
}

static int get_flags(const struct file *f)
{
	int flags = f->flags & ~O_CLOEXEC;

	return f->path.mnt && !(flags & O_PATH) ? flags | LARGEFILE : flags;
}

int64_t sys_fcntl(struct task *t, const uint64_t *a)
{
	int fd = ARG_INT(a, 0), cmd = ARG_INT(a, 1);
	FILE_SCOPE f = fd_get_path(t, fd);

	if (!f)
		return -EBADF;
	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (ARG_INT(a, 2) < 0 || a[2] >= task_rlimit(t, RLIMIT_NOFILE))
			return -EINVAL;
		return dup_to(t, fd, cmd == F_DUPFD_CLOEXEC, ARG_INT(a, 2));
	case F_GETFD:
		return fd_get_cloexec(t, fd);
	case F_SETFD:
		return fd_set_cloexec(t, fd, a[2] & FD_CLOEXEC);
	case F_GETFL:
		return get_flags(f);
	default:
		return f->flags & O_PATH ? -EBADF : fcntl_file(t, f, fd, cmd, a[2]);
	}
}

int64_t sys_flock(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));

	return f ? locks_flock(t, f, ARG_INT(a, 1)) : -EBADF;
}

static int64_t set_flag_from(struct task *t, struct file *f, int fd, int flag, uint64_t arg)
{
	int on, r = copy_in(t, &on, arg, sizeof(on));

	if (r < 0)
		return r;
	if (flag == O_ASYNC && !on != !(f->flags & O_ASYNC) && !(f->ops && f->ops->async))
		return -ENOTTY;
	return set_flags(t, f, fd, on ? f->flags | flag : f->flags & ~flag);
}

/* Bytes between the position and the end of a regular file. */
static int64_t file_left(struct task *t, struct file *f, uint64_t arg)
{
	struct kstat k;
	int left, r = inode_getattr(f->inode, &k);

	if (r < 0)
		return r;
	left = (int)((int64_t)k.size - f->pos);
	return copy_out(t, arg, &left, sizeof(left));
}

static int64_t file_size(struct task *t, struct file *f, uint64_t arg)
{
	struct kstat k;
	int64_t size;
	int r;

	if (!S_ISREG(f->inode->mode) && !S_ISDIR(f->inode->mode) && !S_ISLNK(f->inode->mode))
		return -ENOTTY;
	r = inode_getattr(f->inode, &k);
	size = (int64_t)k.size;
	return r < 0 ? r : copy_out(t, arg, &size, sizeof(size));
}

static int64_t socket_owner(struct task *t, struct file *f, bool set, uint64_t arg)
{
	int who = set ? 0 : get_owner(t, f), r;

	if (!set)
		return copy_out(t, arg, &who, sizeof(who));
	r = copy_in(t, &who, arg, sizeof(who));
	return r ? r : set_owner(t, f, who);
}

int64_t sys_ioctl(struct task *t, const uint64_t *a)
{
	FILE_SCOPE f = fd_get(t, ARG_INT(a, 0));
	uint32_t cmd = ARG_UINT(a, 1);
	bool regular;

	if (!f)
		return -EBADF;
	regular = S_ISREG(f->inode->mode);
	switch (cmd) {
	case FIOCLEX:
	case FIONCLEX:
		return fd_set_cloexec(t, ARG_INT(a, 0), cmd == FIOCLEX);
	case FIONBIO:
		return set_flag_from(t, f, ARG_INT(a, 0), O_NONBLOCK, a[2]);
	case FIOASYNC:
		return set_flag_from(t, f, ARG_INT(a, 0), O_ASYNC, a[2]);
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
		if (S_ISSOCK(f->inode->mode))
			return socket_owner(t, f, cmd == FIOSETOWN || cmd == SIOCSPGRP, a[2]);
		break;
	case FIOQSIZE:
		return file_size(t, f, a[2]);
	case FIONREAD:
		if (regular)
			return file_left(t, f, a[2]);
		break;
	}
	return f->ops && f->ops->ioctl ? f->ops->ioctl(t, f, cmd, a[2]) : -ENOTTY;
}

/* Install both ends and tell the guest; nothing stays when one step fails. */
static int64_t install_pair(struct task *t, struct file *r, struct file *w, bool cloexec, uint64_t dst)
{
	int fds[2], err;

	fds[0] = fd_install(t, r, cloexec, 0);
	if (fds[0] < 0) {
		file_put(r);
		file_put(w);
		return fds[0];
	}
	fds[1] = fd_install(t, w, cloexec, 0);
	if (fds[1] < 0) {
		fd_close(t, fds[0]);
		file_put(w);
		return fds[1];
	}
	err = copy_out(t, dst, fds, sizeof(fds));
	if (err < 0) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
	}
	return err;
}

static int64_t do_pipe(struct task *t, uint64_t dst, int flags)
{
	struct file *r, *w;
	int err;

	if (flags & ~(O_CLOEXEC | O_DIRECT | O_NONBLOCK))
		return -EINVAL;
	err = pipe_create(t->kernel, flags, &r, &w);
	if (err < 0)
		return err;
	r->inode->uid = w->inode->uid = t->cred->fsuid;
	r->inode->gid = w->inode->gid = t->cred->fsgid;
	return install_pair(t, r, w, flags & O_CLOEXEC, dst);
}

int64_t sys_pipe(struct task *t, const uint64_t *a)
{
	return do_pipe(t, a[0], 0);
}

int64_t sys_pipe2(struct task *t, const uint64_t *a)
{
	return do_pipe(t, a[0], ARG_INT(a, 1));
}

int64_t sys_memfd_create(struct task *t, const uint64_t *a)
{
	unsigned flags = ARG_UINT(a, 1);
	char name[VFS_NAME_MAX - 5];
	FILE_SCOPE f = NULL;
	ssize_t n;
	int r;

	if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)) ||
	    (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC))
		return -EINVAL;
	n = copy_in_str(t, name, a[0], sizeof(name));
	if (n < 0)
		return n == -ENAMETOOLONG ? -EINVAL : n;
	r = memfd_create_file(t->kernel, name, flags, &f);
	if (r < 0)
		return r;
	f->inode->uid = t->cred->fsuid;
	f->inode->gid = t->cred->fsgid;
	r = fd_install(t, f, flags & MFD_CLOEXEC, 0);
	if (r >= 0)
		f = NULL;
	return r;
}
