/* SPDX-License-Identifier: MIT */
/* A reader of /proc/self/mounts and mountinfo polls for changes. proc_pid_mounts(5). */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int events(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLPRI, 0};

	poll(&p, 1, 0);
	return p.revents;
}

int main(void)
{
	static const char *const names[] = {"/proc/self/mounts", "/proc/self/mountinfo", "/proc/self/mountstats"};
	int fd[3], ep = epoll_create1(0);
	struct epoll_event e = {EPOLLPRI, {0}}, got;

	mkdir("m", 0755);
	for (int i = 0; i < 3; i++) {
		fd[i] = open(names[i], O_RDONLY);
		printf("%s: %x\n", names[i], events(fd[i]));
	}
	printf("add %d, waits %d\n", epoll_ctl(ep, EPOLL_CTL_ADD, fd[1], &e), epoll_wait(ep, &got, 1, 0));
	printf("mount %d\n", mount("none", "m", "tmpfs", 0, NULL));
	printf("epoll %d\n", epoll_wait(ep, &got, 1, 1000));
	printf("events %x\n", got.events & EPOLLPRI);
	for (int i = 0; i < 3; i += 2)
		printf("%s: %x\n", names[i], events(fd[i]));
	for (int i = 0; i < 3; i++)
		printf("%s: %x\n", names[i], events(fd[i]));
	printf("umount %d\n", umount("m"));
	printf("mounts: %x\n", events(fd[0]));
	return 0;
}
