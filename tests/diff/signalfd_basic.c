/* SPDX-License-Identifier: MIT */
/* signalfd(2): what is read, masks, polling, children. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void rd(const char *what, int fd)
{
	struct signalfd_siginfo si[4];
	ssize_t n = read(fd, si, sizeof(si));

	printf("%s: ", what);
	if (n < 0) {
		printf("%s\n", strerror(errno));
		return;
	}
	for (size_t i = 0; i < (size_t)n / sizeof(si[0]); i++)
		printf("[%u code %d self %d int %d]", si[i].ssi_signo, si[i].ssi_code, si[i].ssi_pid == (unsigned)getpid(),
			si[i].ssi_int);
	printf("\n");
}

int main(void)
{
	sigset_t set;
	union sigval v = {.sival_int = 77};
	int fd, status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGKILL);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	rd("nothing", fd);
	raise(SIGUSR1);
	raise(SIGUSR1);
	sigqueue(getpid(), SIGRTMIN, v);
	v.sival_int = 78;
	sigqueue(getpid(), SIGRTMIN, v);
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	printf("poll %d %x\n", poll(&p, 1, 0), p.revents);
	rd("three", fd);
	printf("poll %d\n", poll(&p, 1, 0));
	char small[16];
	printf("short %zd", read(fd, small, sizeof(small)));
	printf(" %d\n", errno);
	sigset_t other;
	sigemptyset(&other);
	sigaddset(&other, SIGUSR2);
	sigprocmask(SIG_BLOCK, &other, NULL);
	printf("change same fd %d\n", signalfd(fd, &other, 0) == fd);
	raise(SIGUSR1);
	rd("other mask", fd);
	raise(SIGUSR2);
	rd("usr2", fd);
	signalfd(fd, &set, 0);
	rd("usr1 was kept", fd);
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	if (!fork())
		_exit(5);
	printf("epoll %d\n", epoll_wait(ep, &ev, 1, 5000));
	struct signalfd_siginfo si;
	printf("read %d", read(fd, &si, sizeof(si)) == sizeof(si));
	wait(&status);
	printf(" signo %u code %d status %d exit %d\n", si.ssi_signo, si.ssi_code, si.ssi_status, WEXITSTATUS(status));
	fcntl(fd, F_SETFL, 0);
	pid_t me = getpid();
	if (!fork()) {
		usleep(20000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	printf("blocking %d", read(fd, &si, sizeof(si)) == sizeof(si));
	printf(" signo %u\n", si.ssi_signo);
	wait(NULL);
	errno = 0;
	printf("bad size %ld %d\n", syscall(SYS_signalfd4, -1, &set, 4, 0), errno);
	printf("not a signalfd %d %d\n", signalfd(0, &set, 0), errno);
	return 0;
}
