/* SPDX-License-Identifier: MIT */
/* renameat2(2) with RENAME_WHITEOUT on tmpfs; pwritev2(2) with RWF_APPEND. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RENAME_WHITEOUT
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif

static const char *result(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static void show(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		printf("%s: %s\n", path, strerrorname_np(errno));
	else
		printf("%s: mode %o rdev %u:%u nlink %d\n", path, st.st_mode, major(st.st_rdev), minor(st.st_rdev), (int)st.st_nlink);
}

static void show_whiteout(void)
{
	close(creat("a", 0644));
	close(creat("b", 0600));
	mkdir("dir", 0755);
	printf("whiteout: %s\n", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_WHITEOUT)));
	show("a"), show("c");
	printf("over: %s\n", result(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_WHITEOUT)));
	show("b"), show("c");
	printf("not over: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_WHITEOUT | RENAME_NOREPLACE)));
	printf("exchange: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_WHITEOUT | RENAME_EXCHANGE)));
	printf("into: %s\n", result(renameat2(AT_FDCWD, "b", AT_FDCWD, "dir/b", RENAME_WHITEOUT)));
	show("b"), show("dir/b");
	printf("directory: %s\n", result(renameat2(AT_FDCWD, "dir", AT_FDCWD, "d2", RENAME_WHITEOUT)));
	show("dir"), show("d2"), show("d2/b");
	printf("remove: %s\n", result(unlink("dir")));
	show("dir");
}

static void show_append(void)
{
	struct iovec v = {"xyz", 3};
	char buf[64];
	int fd = open("file", O_RDWR | O_CREAT, 0644);

	write(fd, "0123456789", 10);
	printf("at 2: %zd, position %ld\n", pwritev2(fd, &v, 1, 2, RWF_APPEND), (long)lseek(fd, 0, SEEK_CUR));
	lseek(fd, 4, SEEK_SET);
	printf("at the position: %zd, position %ld\n", pwritev2(fd, &v, 1, -1, RWF_APPEND), (long)lseek(fd, 0, SEEK_CUR));
	printf("without: %zd\n", pwritev2(fd, &v, 1, 1, 0));
	printf("read: %zd\n", preadv2(fd, &(struct iovec){buf, 3}, 1, 0, RWF_APPEND));
	printf("unknown: %s\n", result(pwritev2(fd, &v, 1, 0, 0x40000000)));
	printf("%.*s\n", (int)pread(fd, buf, sizeof(buf), 0), buf);
	close(fd);
}

int main(void)
{
	char dir[] = "/dev/shm/whiteout-XXXXXX", cmd[64];

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	show_whiteout();
	show_append();
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) != 0;
}
