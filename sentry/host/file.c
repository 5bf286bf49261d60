/* SPDX-License-Identifier: MIT */
/* Host calls on files and directories: thin wrappers that return negative errnos. */
#include "host/file.h"

#include "platform/platform.h"
#include "vfs/uio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif

#define CHUNK_STACK 4096u
#define CHUNK_MAX (256u << 10)

/* The result of a host call that follows the -1/errno convention; repeated while a signal interrupts it. */
#define HOST_CALL(expr)                                                                                                \
	({                                                                                                             \
		__typeof__(expr) r_;                                                                                   \
		do                                                                                                     \
			r_ = (expr);                                                                                   \
		while (r_ < 0 && errno == EINTR);                                                                      \
		r_ < 0 ? (__typeof__(expr))-errno : r_;                                                                \
	})

int host_open_beneath(int dirfd, const char *name, int flags, uint32_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode & 07777 : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	/* An O_PATH descriptor of a link itself is what lookups of links want: nothing is followed by it. */
	if ((flags & O_PATH) && !(flags & O_DIRECTORY))
		how.resolve &= ~(uint64_t)RESOLVE_NO_SYMLINKS;
	return (int)HOST_CALL(syscall(__NR_openat2, dirfd, name, &how, sizeof(how)));
}

/* The way to what a descriptor is, below a /proc. */
struct fd_path {
	char name[32];
};

static const char *fd_path(struct fd_path *p, int fd)
{
	snprintf(p->name, sizeof(p->name), "self/fd/%d", fd);
	return p->name;
}

int host_reopen(int proc, int fd, int flags)
{
	struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC)};
	struct fd_path p;

	return proc < 0 ? -EBADF : (int)HOST_CALL(syscall(__NR_openat2, proc, fd_path(&p, fd), &how, sizeof(how)));
}

void host_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

ssize_t host_pread(int fd, void *buf, size_t len, uint64_t off)
{
	return HOST_CALL(pread(fd, buf, len, (off_t)off));
}

ssize_t host_pwrite(int fd, const void *buf, size_t len, uint64_t off)
{
	if (off == HOST_APPEND) {
		struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};

		return HOST_CALL(pwritev2(fd, &iov, 1, 0, RWF_APPEND));
	}
	return HOST_CALL(pwrite(fd, buf, len, (off_t)off));
}

int host_stat(int fd, const char *name, struct statx *st)
{
	return HOST_CALL(statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH),
		STATX_BASIC_STATS | STATX_BTIME, st));
}

int host_statfs(int fd, struct statfs *st)
{
	return HOST_CALL(fstatfs(fd, st));
}

ssize_t host_getdents(int fd, void *buf, size_t len)
{
	return HOST_CALL(syscall(__NR_getdents64, fd, buf, len));
}

int64_t host_lseek(int fd, int64_t off, int whence)
{
	return HOST_CALL(lseek(fd, off, whence));
}

ssize_t host_readlink(int dirfd, const char *name, char *buf, size_t size)
{
	return HOST_CALL(readlinkat(dirfd, name, buf, size));
}

int host_mkdir(int dirfd, const char *name, uint32_t mode)
{
	return HOST_CALL(mkdirat(dirfd, name, mode));
}

int host_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev)
{
	return HOST_CALL(mknodat(dirfd, name, mode, rdev));
}

int host_chown(int fd, uint32_t uid, uint32_t gid)
{
	return HOST_CALL(fchownat(fd, "", uid, gid, AT_EMPTY_PATH));
}

int host_link_fd(int proc, int fd, int dirfd, const char *name)
{
	struct fd_path p;

	if (proc < 0)
		return HOST_CALL(linkat(fd, "", dirfd, name, AT_EMPTY_PATH));
	return HOST_CALL(linkat(proc, fd_path(&p, fd), dirfd, name, AT_SYMLINK_FOLLOW));
}

int host_symlink(const char *target, int dirfd, const char *name)
{
	return HOST_CALL(symlinkat(target, dirfd, name));
}

int host_link(int odirfd, const char *oname, int ndirfd, const char *nname)
{
	return HOST_CALL(linkat(odirfd, oname, ndirfd, nname, 0));
}

int host_unlink(int dirfd, const char *name, bool dir)
{
	return HOST_CALL(unlinkat(dirfd, name, dir ? AT_REMOVEDIR : 0));
}

int host_rename(int odirfd, const char *oname, int ndirfd, const char *nname, unsigned flags)
{
	/* The system call itself: glibc makes renameat(2) of one without flags. */
	return (int)HOST_CALL(syscall(__NR_renameat2, odirfd, oname, ndirfd, nname, flags));
}

int host_fchmod(int fd, uint32_t mode)
{
	return HOST_CALL(fchmod(fd, mode));
}

int host_chmod_path(int proc, int fd, uint32_t mode)
{
	int r = (int)HOST_CALL(syscall(__NR_fchmodat2, fd, "", mode, AT_EMPTY_PATH));
	struct fd_path p;

	if (r != -ENOSYS)
		return r;
	return proc < 0 ? -EOPNOTSUPP : (int)HOST_CALL(syscall(__NR_fchmodat, proc, fd_path(&p, fd), mode));
}

int host_utimens(int dirfd, const char *name, const struct timespec ts[2])
{
	/* The system call itself: glibc refuses a null name, which means the descriptor. */
	return (int)HOST_CALL(syscall(
		__NR_utimensat, dirfd, *name ? name : NULL, ts, *name ? AT_SYMLINK_NOFOLLOW : 0));
}

int host_ftruncate(int fd, uint64_t size)
{
	return HOST_CALL(ftruncate(fd, (off_t)size));
}

int host_fallocate(int fd, int mode, int64_t off, int64_t len)
{
	return HOST_CALL(fallocate(fd, mode, off, len));
}

int host_fsync(int fd, bool data_only)
{
	return data_only ? HOST_CALL(fdatasync(fd)) : HOST_CALL(fsync(fd));
}

ssize_t host_fgetxattr(int fd, const char *name, void *buf, size_t size)
{
	return HOST_CALL(fgetxattr(fd, name, buf, size));
}

int host_fsetxattr(int fd, const char *name, const void *buf, size_t size, int flags)
{
	return HOST_CALL(fsetxattr(fd, name, buf, size, flags));
}

ssize_t host_flistxattr(int fd, char *buf, size_t size)
{
	return HOST_CALL(flistxattr(fd, buf, size));
}

int host_fremovexattr(int fd, const char *name)
{
	return HOST_CALL(fremovexattr(fd, name));
}

int host_record_lock(int fd, int type, int64_t start, int64_t end)
{
	struct flock fl = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = end == INT64_MAX ? 0 : end - start + 1};

	return HOST_CALL(fcntl(fd, F_OFD_SETLK, &fl));
}

int host_record_ask(int fd, struct flock *fl)
{
	fl->l_pid = 0;
	return HOST_CALL(fcntl(fd, F_OFD_GETLK, fl));
}

int host_flock(int fd, int type)
{
	return HOST_CALL(flock(fd, (type == F_RDLCK ? LOCK_SH : type == F_WRLCK ? LOCK_EX : LOCK_UN) | LOCK_NB));
}

int host_memfd(const char *name)
{
	return HOST_CALL(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

bool host_is_readonly(int fd)
{
	int flags = HOST_CALL(fcntl(fd, F_GETFL));

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

int host_access_mode(int fd)
{
	int flags = HOST_CALL(fcntl(fd, F_GETFL));

	return flags < 0 ? flags : flags & O_ACCMODE;
}

int host_dup(int fd)
{
	return HOST_CALL(fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

void host_identity(uint32_t *uid, uint32_t *gid)
{
	*uid = geteuid();
	*gid = getegid();
	umask(0); /* modes are the guest's, whose umask the VFS has applied */
}

bool host_gives_owners(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(__NR_capget, &header, data) == 0 && (data[0].effective & 1u << CAP_CHOWN);
}

void host_raise_nofile(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0 && lim.rlim_cur < lim.rlim_max) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim); /* refused: the guest sees ENFILE sooner */
	}
}

uint64_t host_fd_limit(void)
{
	struct rlimit lim;

	return getrlimit(RLIMIT_NOFILE, &lim) == 0 ? lim.rlim_cur : 64;
}

int host_map_file(int fd, const void **ret, size_t *len)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -EINVAL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret = map;
	*len = (size_t)st.st_size;
	return 0;
}

struct chunk {
	uint8_t stack[CHUNK_STACK];
	uint8_t *buf;
	size_t size;
};

static void chunk_get(struct chunk *c, size_t want)
{
	c->buf = c->stack;
	c->size = sizeof(c->stack);
	if (want > c->size) {
		size_t size = want < CHUNK_MAX ? want : CHUNK_MAX;
		uint8_t *heap = malloc(size);

		if (heap) { /* without it the work is done in small steps */
			c->buf = heap;
			c->size = size;
		}
	}
}

static void chunk_put(struct chunk *c)
{
	if (c->buf != c->stack)
		free(c->buf);
}

ssize_t host_file_to_uio(struct platform *p, int fd, uint64_t off, size_t len, struct uio *dst)
{
	struct chunk c;
	size_t done = 0;
	ssize_t n = 0;

	if (len > dst->left)
		len = dst->left;
	chunk_get(&c, len);
	while (done < len) {
		size_t want = len - done < c.size ? len - done : c.size;
		ssize_t put;

		platform_host_block_begin(p);
		n = host_pread(fd, c.buf, want, off + done);
		platform_host_block_end(p);
		if (n <= 0)
			break;
		put = uio_put(dst, c.buf, (size_t)n);
		if (put < 0) {
			n = put;
			break;
		}
		done += (size_t)put;
		if (put < n || (size_t)n < want)
			break;
	}
	chunk_put(&c);
	return done > 0 ? (ssize_t)done : n;
}

ssize_t host_file_from_uio(struct platform *p, int fd, uint64_t off, size_t len, struct uio *src)
{
	struct chunk c;
	size_t done = 0;
	ssize_t n = 0;

	if (len > src->left)
		len = src->left;
	chunk_get(&c, len);
	while (done < len) {
		size_t want = len - done < c.size ? len - done : c.size;
		ssize_t got = uio_take(src, c.buf, want);

		if (got <= 0) {
			n = got;
			break;
		}
		platform_host_block_begin(p);
		n = host_pwrite(fd, c.buf, (size_t)got, off == HOST_APPEND ? off : off + done);
		platform_host_block_end(p);
		if (n < 0) {
			uio_rewind(src, (size_t)got);
			break;
		}
		done += (size_t)n;
		if (n < got) {
			uio_rewind(src, (size_t)(got - n));
			break;
		}
		if ((size_t)got < want)
			break;
	}
	chunk_put(&c);
	return done > 0 ? (ssize_t)done : n;
}

int host_add_seals(int fd, unsigned seals)
{
	return (int)HOST_CALL(fcntl(fd, F_ADD_SEALS, seals));
}

int host_syncfs(int fd)
{
	return HOST_CALL(syncfs(fd));
}
