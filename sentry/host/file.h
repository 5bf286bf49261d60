/* SPDX-License-Identifier: MIT */
/*
 * Host calls on files and directories. Each returns the host's result or a negative errno, and goes on after EINTR. Names
 * are single components below a donated directory descriptor; none follows a symbolic link.
 */
#pragma once

#include "lib/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

struct platform;
struct flock;
struct statfs;
struct uio;

/* Open *name* (one component, or ".") beneath *dirfd*: O_CLOEXEC, O_NOFOLLOW and openat2's RESOLVE_BENEATH are added. */
int host_open_beneath(int dirfd, const char *name, int flags, uint32_t mode);
/* Open the file of a descriptor once more. *proc*: a /proc of the sentry's pid namespace, or -1: -EBADF. */
int host_reopen(int proc, int fd, int flags);
void host_close(int fd);
ssize_t host_pread(int fd, void *buf, size_t len, uint64_t off);
#define HOST_APPEND UINT64_MAX /* as the offset of a write: at the end, wherever that is by then */
ssize_t host_pwrite(int fd, const void *buf, size_t len, uint64_t off);
/* *name* empty: *fd* itself (also O_PATH). */
int host_stat(int fd, const char *name, struct statx *st);
int host_statfs(int fd, struct statfs *st);
ssize_t host_getdents(int fd, void *buf, size_t len); /* struct linux_dirent64 records */
int64_t host_lseek(int fd, int64_t off, int whence);
ssize_t host_readlink(int dirfd, const char *name, char *buf, size_t size);
int host_mkdir(int dirfd, const char *name, uint32_t mode);
int host_mknod(int dirfd, const char *name, uint32_t mode, uint64_t rdev);
int host_symlink(const char *target, int dirfd, const char *name);
int host_link(int odirfd, const char *oname, int ndirfd, const char *nname);
/* A name for the file of a descriptor. *proc*: of a /proc of the sentry's pid namespace, or -1 (-ENOENT on kernels before 6.10). */
int host_link_fd(int proc, int fd, int dirfd, const char *name);
int host_chown(int fd, uint32_t uid, uint32_t gid); /* of an O_PATH descriptor too; UINT32_MAX: as it is */
int host_unlink(int dirfd, const char *name, bool dir);
int host_rename(int odirfd, const char *oname, int ndirfd, const char *nname, unsigned flags);
int host_fchmod(int fd, uint32_t mode);
/* Of an O_PATH descriptor; before Linux 6.6 by way of *proc*, as above: -EOPNOTSUPP without. */
int host_chmod_path(int proc, int fd, uint32_t mode);
/* UTIME_OMIT and UTIME_NOW as utimensat(2); *name* empty: *fd* itself. */
int host_utimens(int dirfd, const char *name, const struct timespec ts[2]);
int host_ftruncate(int fd, uint64_t size);
int host_fallocate(int fd, int mode, int64_t off, int64_t len);
int host_fsync(int fd, bool data_only);
int host_syncfs(int fd);
ssize_t host_fgetxattr(int fd, const char *name, void *buf, size_t size);
int host_fsetxattr(int fd, const char *name, const void *buf, size_t size, int flags);
ssize_t host_flistxattr(int fd, char *buf, size_t size);
int host_fremovexattr(int fd, const char *name);
/* Locks of an open file, without waiting: F_RDLCK, F_WRLCK, F_UNLCK; of a range to *end* inclusive, INT64_MAX: to the end. */
int host_record_lock(int fd, int type, int64_t start, int64_t end);
int host_record_ask(int fd, struct flock *fl);
int host_flock(int fd, int type);
int host_memfd(const char *name);
int host_add_seals(int fd, unsigned seals); /* F_SEAL_*, of a memfd */
/* Was *fd* opened for reading only? */
bool host_is_readonly(int fd);
/* O_RDONLY, O_WRONLY or O_RDWR: how it was opened. */
int host_access_mode(int fd);
int host_dup(int fd); /* close-on-exec */
/* Who the host takes us for; also clears the process's umask. At set-up only. */
void host_identity(uint32_t *uid, uint32_t *gid);
/* May files be given to anybody: has this process CAP_CHOWN? At set-up only. */
bool host_gives_owners(void);
/* As many descriptors as the host lets us have: open files of volumes are one each. At set-up only. */
void host_raise_nofile(void);
uint64_t host_fd_limit(void); /* how many that are */
/* Map all of a file read-only, for good. -EINVAL: empty or not a regular file. */
int host_map_file(int fd, const void **ret, size_t *len);

/*
 * Move up to *len* bytes between *fd* at *off* and a uio, in chunks, bracketing the host calls as slow. Returns bytes moved, or a
 * negative errno when none were. The reader stops at the host file's end.
 */
ssize_t host_file_to_uio(struct platform *p, int fd, uint64_t off, size_t len, struct uio *dst);
ssize_t host_file_from_uio(struct platform *p, int fd, uint64_t off, size_t len, struct uio *src);
