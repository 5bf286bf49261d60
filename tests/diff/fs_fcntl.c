/* SPDX-License-Identifier: MIT */
/* Descriptors: dup, fcntl, close-on-exec, close_range, limits. */
#include "fs_util.h"

#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

int main(void)
{
	struct rlimit rl = {.rlim_cur = 30, .rlim_max = 100};
	int fd, on = 1, n = 0, last = -1;

	make_file("f", "0123456789", 0644);
	VALUE(fd = open("f", O_RDWR | O_CLOEXEC));
	VALUE(fcntl(fd, F_GETFD));
	VALUE(dup(fd));
	VALUE(fcntl(4, F_GETFD));
	VALUE(dup2(fd, 9));
	VALUE(dup2(fd, fd));
	SHOW(dup2(50, 50));
	SHOW(dup2(50, 8));
	SHOW(dup2(fd, -1));
	SHOW(dup2(fd, 1 << 30));
	SHOW(dup3(fd, fd, 0));
	SHOW(dup3(fd, 8, 1));
	VALUE(dup3(fd, 8, O_CLOEXEC));
	VALUE(fcntl(8, F_GETFD));
	VALUE(fcntl(fd, F_DUPFD, 20));
	VALUE(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	SHOW(fcntl(fd, F_DUPFD, -1));
	SHOW(fcntl(fd, F_DUPFD, 1 << 30));
	SHOW(fcntl(99, F_GETFD));
	SHOW(fcntl(fd, 9999));
	VALUE(fcntl(fd, F_SETFD, 0));
	VALUE(fcntl(fd, F_GETFD));
	VALUE(lseek(fd, 4, SEEK_SET));
	VALUE(lseek(4, 0, SEEK_CUR));
	VALUE(fcntl(fd, F_GETFL) & ~0100000);
	VALUE(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_CREAT | O_WRONLY));
	VALUE(fcntl(4, F_GETFL) & ~0100000);
	SHOW(ioctl(fd, FIONREAD, &n));
	printf("%d\n", n);
	on = 0;
	SHOW(ioctl(fd, FIONBIO, &on));
	VALUE(fcntl(fd, F_GETFL) & ~0100000);
	SHOW(ioctl(fd, FIOCLEX));
	VALUE(fcntl(fd, F_GETFD));
	SHOW(ioctl(fd, FIONCLEX));
	SHOW(ioctl(fd, TIOCGWINSZ, &on));
	SHOW(ioctl(fd, 0x12345678, &on));
	SHOW(ioctl(99, FIONBIO, &on));
	VALUE(fcntl(fd, F_GETOWN));
	SHOW(fcntl(fd, F_GETPIPE_SZ));
	VALUE(fcntl(fd, F_GETSIG));
	SHOW(close(99));
	SHOW(close(-1));
	SHOW(close(4));
	SHOW(close(4));
	VALUE(dup(fd));
	SHOW(syscall(SYS_close_range, 10, 5, 0));
	SHOW(syscall(SYS_close_range, 8, 25, CLOSE_RANGE_CLOEXEC));
	VALUE(fcntl(9, F_GETFD));
	SHOW(syscall(SYS_close_range, 8, ~0u, 0));
	SHOW(fcntl(9, F_GETFD));
	SHOW(syscall(SYS_close_range, 3, 5, 64));
	SHOW(setrlimit(RLIMIT_NOFILE, &rl));
	while ((n = dup(fd)) >= 0)
		last = n;
	printf("last %d %s\n", last, strerrorname_np(errno));
	SHOW(open("f", O_RDONLY));
	SHOW(dup2(fd, 30));
	SHOW(dup2(fd, 29));
	SHOW(pipe((int[2]){0}));
	return 0;
}
