/* SPDX-License-Identifier: MIT */
/* /proc/self/fd: objects without a name in the tree, opened and changed by their magic links. */
#include "fs_util.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

static void try_open(const char *path, int flags, int anon)
{
	char buf[8];
	int fd;

	errno = 0;
	fd = open(path, flags);
	/* Natively the inode of eventfd and its like is the host root's: which error a plain user sees says nothing. */
	printf("open %o %s\n", flags, anon && fd < 0 ? "refused" : err_name(fd));
	if (fd < 0)
		return;
	VALUE(read(fd, buf, 8));
	close(fd);
}

static void again_kind(const char *what, int fd, int anon)
{
	char p[64], l[256] = {0}, *base;
	struct stat st = {0};

	printf("--- %s\n", what);
	snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
	try_open(p, O_RDWR | O_NONBLOCK, anon);
	try_open(p, O_RDONLY | O_NONBLOCK, anon);
	try_open(p, O_PATH, anon);
	SHOW(stat(p, &st));
	printf("%o\n", st.st_mode);
	SHOW(readlink(p, l, sizeof(l) - 1));
	base = strrchr(l, '/');
	base = base ? base : l;
	base[strcspn(base, "0123456789")] = 0;
	puts(base);
	snprintf(l, sizeof(l), "%s/x", p);
	SHOW(open(l, O_RDONLY));
	if (!anon) {
		SHOW(chmod(p, 0600));
		SHOW(access(p, R_OK));
		SHOW(utimensat(AT_FDCWD, p, NULL, 0));
	}
	SHOW(truncate(p, 1));
	SHOW(rename(p, "x"));
	SHOW(link(p, "x"));
	SHOW(linkat(AT_FDCWD, p, AT_FDCWD, "lnk", AT_SYMLINK_FOLLOW));
	SHOW(chdir(p));
}

static void again(const char *what, int fd)
{
	again_kind(what, fd, 0);
}

int main(void)
{
	sigset_t m;
	int p[2], fd;

	sigemptyset(&m);
	again_kind("eventfd", eventfd(0, 0), 1);
	again_kind("epoll", epoll_create1(0), 1);
	again_kind("timerfd", timerfd_create(CLOCK_MONOTONIC, 0), 1);
	again_kind("signalfd", signalfd(-1, &m, 0), 1);
	again_kind("inotify", inotify_init(), 1);
	if (pipe(p) == 0) {
		again("pipe's reader", p[0]);
		again("pipe's writer", p[1]);
	}
	again("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	again("memfd", memfd_create("m", 0));
	fd = open("gone", O_CREAT | O_RDWR, 0600);
	unlink("gone");
	again("removed file", fd);
	mkdir("dir", 0700);
	fd = open("dir", O_RDONLY);
	rmdir("dir");
	again("removed directory", fd);
	return 0;
}
