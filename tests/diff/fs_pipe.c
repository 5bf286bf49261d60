/* SPDX-License-Identifier: MIT */
/* pipe(2): capacity, atomicity, end of file, EPIPE, poll. */
#include "fs_util.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static volatile int got;

static void on_signal(int s)
{
	got = s;
}

static void events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	printf("poll%s%s%s%s\n", p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "",
	       p.revents & POLLHUP ? " hup" : "", p.revents & POLLERR ? " err" : "");
}

int main(void)
{
	static char big[200000];
	char buf[100];
	int p[2], n, status;
	struct iovec iov[3];
	pid_t pid;

	SHOW(pipe2(p, 0xff00000));
	SHOW(pipe((int *)16));
	SHOW(pipe2(p, O_NONBLOCK | O_CLOEXEC));
	SHOW(read(p[0], buf, 1));
	VALUE(read(p[0], buf, 0));
	SHOW(write(p[0], buf, 1));
	SHOW(read(p[1], buf, 1));
	SHOW(lseek(p[0], 0, SEEK_SET));
	SHOW(pread(p[0], buf, 1, 0));
	events(p[0]);
	events(p[1]);
	VALUE(write(p[1], big, sizeof(big)));
	SHOW(write(p[1], big, 1));
	events(p[1]);
	SHOW(ioctl(p[0], FIONREAD, &n));
	printf("waiting %d\n", n);
	VALUE(read(p[0], big, 4096));
	VALUE(write(p[1], big, 4096));
	VALUE(fcntl(p[0], F_GETPIPE_SZ));
	VALUE(fcntl(p[0], F_SETPIPE_SZ, 131072));
	VALUE(write(p[1], big, sizeof(big)));
	SHOW(fcntl(p[0], F_SETPIPE_SZ, 4096));
	while (read(p[0], big, sizeof(big)) > 0)
		;
	VALUE(fcntl(p[0], F_SETPIPE_SZ, 5000));
	VALUE(write(p[1], big, sizeof(big)));
	while (read(p[0], big, sizeof(big)) > 0)
		;
	iov[0] = (struct iovec){"ab", 2};
	iov[1] = (struct iovec){"", 0};
	iov[2] = (struct iovec){"cde", 3};
	VALUE(writev(p[1], iov, 3));
	VALUE(readv(p[0], (struct iovec[]){{buf, 1}, {buf + 10, 50}}, 2));
	printf("%.1s %.4s\n", buf, buf + 10);
	SHOW(writev(p[1], iov, -1));
	SHOW(writev(p[1], iov, 1025));
	SHOW(write(p[1], (void *)16, 10));
	VALUE(write(p[1], "left", 4));
	close(p[1]);
	VALUE(read(p[0], buf, 100));
	VALUE(read(p[0], buf, 100));
	events(p[0]);
	close(p[0]);

	signal(SIGPIPE, on_signal);
	SHOW(pipe(p));
	close(p[0]);
	events(p[1]);
	SHOW(write(p[1], "x", 1));
	printf("signal %d\n", got);
	close(p[1]);

	/* A blocking writer of more than the pipe holds goes on until all is written. */
	SHOW(pipe(p));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(p[0]);
		_exit(write(p[1], big, sizeof(big)) == sizeof(big) ? 7 : 8);
	}
	close(p[1]);
	for (n = 0; (status = (int)read(p[0], buf, sizeof(buf))) > 0; n += status)
		;
	printf("read %d\n", n);
	waitpid(pid, &status, 0);
	printf("exit %d\n", WEXITSTATUS(status));
	close(p[0]);

	/* Packets. */
	SHOW(pipe2(p, O_DIRECT));
	VALUE(write(p[1], "first", 5));
	VALUE(write(p[1], "second", 6));
	VALUE(read(p[0], buf, 3));
	VALUE(read(p[0], buf, 100));
	/* Death by SIGPIPE. */
	signal(SIGPIPE, SIG_DFL);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		close(p[0]);
		pipe(p);
		close(p[0]);
		write(p[1], "x", 1);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	printf("killed by %d\n", WTERMSIG(status));
	return 0;
}
