/* SPDX-License-Identifier: MIT */
/* A signalfd inherited by a child speaks of the child's signals: poll, epoll, and reading. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready(int fd, int ms)
{
	struct pollfd p = {fd, POLLIN};

	return poll(&p, 1, ms);
}

static void child(int fd, pid_t parent)
{
	struct signalfd_siginfo si;
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	printf("child: parent's signal is not mine: %d\n", ready(fd, 0));
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	printf("epoll: %d\n", epoll_wait(ep, &ev, 1, 0));
	if (!fork()) {
		usleep(20000);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	printf("poll: %d\n", ready(fd, 5000));
	printf("epoll: %d\n", epoll_wait(ep, &ev, 1, 5000));
	read(fd, &si, sizeof(si));
	printf("read: %u\n", si.ssi_signo);
	wait(NULL);
	printf("after: %d %d\n", ready(fd, 0), epoll_wait(ep, &ev, 1, 0));
	fflush(stdout);
	_exit(0);
}

int main(void)
{
	struct signalfd_siginfo si;
	sigset_t s;
	int fd;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	fd = signalfd(-1, &s, SFD_NONBLOCK);
	raise(SIGUSR1);
	if (!fork())
		child(fd, getppid());
	wait(NULL);
	printf("parent: %d", ready(fd, 0));
	printf(" %d\n", read(fd, &si, sizeof(si)) > 0);
	return 0;
}
