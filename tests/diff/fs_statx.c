/* SPDX-License-Identifier: MIT */
/* stat(2) and statx(2): flags, masks, consistency. */
#include "fs_util.h"

#include <linux/stat.h>
#include <sys/vfs.h>

#define X(...) syscall(SYS_statx, __VA_ARGS__)

int main(void)
{
	struct statx sx = {0};
	struct stat st, st2;
	struct statfs sf;
	int fd;

	make_file("f", "0123456789", 0640);
	symlink("f", "l");
	mkdir("d", 0750);
	mkdir("d/a", 0700);
	link("f", "f2");
	SHOW(X(AT_FDCWD, "f", 0, STATX_ALL, &sx));
	printf("mode %o nlink %u size %llu basic %d btime %d\n", sx.stx_mode, sx.stx_nlink, (unsigned long long)sx.stx_size,
	       (sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, !!(sx.stx_mask & STATX_BTIME));
	stat("f", &st);
	printf("same ino %d dev %d\n", st.st_ino == sx.stx_ino, st.st_dev == (((uint64_t)sx.stx_dev_major << 8) | sx.stx_dev_minor));
	SHOW(X(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &sx));
	printf("mode %o size %llu\n", sx.stx_mode, (unsigned long long)sx.stx_size);
	SHOW(X(AT_FDCWD, "f", 0, 0x80000000u, &sx));
	SHOW(X(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, 0, &sx));
	SHOW(X(AT_FDCWD, "f", 0x40, 0, &sx));
	SHOW(X(AT_FDCWD, "", 0, 0, &sx));
	SHOW(X(AT_FDCWD, "", AT_EMPTY_PATH, 0, &sx));
	SHOW(X(AT_FDCWD, "nope", 0, 0, &sx));
	SHOW(X(AT_FDCWD, "f/", 0, 0, &sx));
	SHOW(X(99, "f", 0, 0, &sx));
	SHOW(X(AT_FDCWD, "f", 0, 0, (void *)16));
	fd = open("f", O_RDONLY);
	SHOW(X(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx));
	SHOW(X(fd, "x", 0, STATX_ALL, &sx));
	SHOW(fstatat(fd, "", &st2, AT_EMPTY_PATH));
	printf("same %d\n", st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
	SHOW(fstatat(AT_FDCWD, "f", &st2, 0x8000));
	SHOW(stat("nope", &st2));
	SHOW(stat("f/x", &st2));
	SHOW(stat("l/", &st2));
	SHOW(lstat("l", &st2));
	SHOW(lstat("l/", &st2));
	SHOW(fstat(99, &st2));
	SHOW(stat((char *)16, &st2));
	SHOW(stat("f", (struct stat *)16));
	stat("d", &st2);
	printf("d links %ld\n", (long)st2.st_nlink);
	mkdir("d/b", 0700);
	stat("d", &st2);
	printf("d links %ld\n", (long)st2.st_nlink);
	rmdir("d/a");
	stat("d", &st2);
	printf("d links %ld blksize %ld\n", (long)st2.st_nlink, (long)st2.st_blksize);
	SHOW(statfs("f", &sf));
	printf("namelen %ld bsize %ld\n", (long)sf.f_namelen, (long)sf.f_bsize);
	SHOW(fstatfs(fd, &sf));
	SHOW(statfs("nope", &sf));
	stat("/dev/null", &st2);
	printf("null %o %lx\n", st2.st_mode & S_IFMT, (long)st2.st_rdev);
	return 0;
}
