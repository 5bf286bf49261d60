/* SPDX-License-Identifier: MIT */
/* Working directory and root: getcwd after moves and removals, chroot, dot-dot. */
#include "fs_util.h"

static char base[4096];

static void where(void)
{
	char buf[4096], *p;

	errno = 0;
	p = getcwd(buf, sizeof(buf));
	if (!p)
		printf("cwd %s\n", strerrorname_np(errno));
	else
		printf("cwd %s\n", !strncmp(p, base, strlen(base)) ? p + strlen(base) : p);
}

int main(void)
{
	char tiny[2];
	int fd, status;
	struct stat a, b;

	if (!getcwd(base, sizeof(base)))
		return 1;
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	symlink("a/b", "l");
	make_file("f", "", 0644);
	SHOW(chdir("nope"));
	SHOW(chdir("f"));
	SHOW(chdir(""));
	SHOW(chdir("l"));
	where();
	SHOW(rename("../../a", "../../moved"));
	where();
	SHOW(syscall(SYS_getcwd, tiny, 2));
	SHOW(syscall(SYS_getcwd, NULL, 4096));
	SHOW(rmdir("../b"));
	where();
	SHOW(stat("..", &a));
	SHOW(stat(".", &a));
	SHOW(stat("x", &a));
	SHOW(chdir("../.."));
	where();
	fd = open("moved", O_RDONLY);
	SHOW(fchdir(fd));
	where();
	SHOW(fchdir(99));
	chdir("..");
	mkdir("root", 0755);
	mkdir("root/in", 0755);
	symlink("/in", "root/abs");
	symlink("../../../in", "root/up");
	fflush(stdout);
	if (!fork()) {
		SHOW(chroot("f"));
		SHOW(chroot("nope"));
		SHOW(chroot("root"));
		SHOW(chdir("/"));
		SHOW(stat("/in", &a));
		SHOW(stat("abs", &b));
		printf("same %d\n", a.st_ino == b.st_ino);
		SHOW(stat("up", &b));
		printf("same %d\n", a.st_ino == b.st_ino);
		stat("/", &a);
		stat("/../..", &b);
		printf("same %d\n", a.st_ino == b.st_ino);
		SHOW(stat("/proc", &a));
		SHOW(fchdir(fd)); /* outside the root */
		syscall(SYS_getcwd, base, sizeof(base));
		printf("unreachable %d\n", !strncmp(base, "(unreachable)", 13));
		exit(0);
	}
	wait(&status);
	printf("status %d\n", status);
	return 0;
}
