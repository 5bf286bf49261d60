/* SPDX-License-Identifier: MIT */
/* epoll(7): level and edge triggering, one shot, nesting, loops, closed files, errors. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int ep;

static void show(const char *what, int epfd, int ms)
{
	struct epoll_event ev[8];
	int n = epoll_wait(epfd, ev, 8, ms);

	printf("%s: %d", what, n);
	if (n < 0)
		printf(" %s", strerror(errno));
	for (int i = 0; i < n; i++)
		printf(" [%x %llx]", ev[i].events, (unsigned long long)ev[i].data.u64);
	printf("\n");
}

static int ctl(int epfd, int op, int fd, unsigned events, unsigned long data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	int r = epoll_ctl(epfd, op, fd, &ev);

	return r ? -errno : 0;
}

static void level_and_edge(void)
{
	int p[2];
	char c;

	if (pipe(p))
		return;
	printf("add %d\n", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	printf("add again %d\n", ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
	show("empty", ep, 0);
	write(p[1], "ab", 2);
	show("level", ep, 0);
	show("level again", ep, 0);
	printf("mod %d\n", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
	show("edge", ep, 0);
	show("edge again", ep, 0);
	write(p[1], "c", 1);
	show("edge after write", ep, 0);
	read(p[0], &c, 1);
	show("edge after partial read", ep, 0);
	printf("mod %d\n", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3));
	show("oneshot", ep, 0);
	show("oneshot again", ep, 0);
	printf("rearm %d\n", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4));
	show("oneshot rearmed", ep, 0);
	close(p[1]);
	printf("mod %d\n", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLRDHUP, 5));
	show("hang-up", ep, 0);
	close(p[0]);
	show("closed", ep, 0);
	printf("mod closed %d\n", ctl(ep, EPOLL_CTL_MOD, p[0], EPOLLIN, 5));
}

static void duplicates(void)
{
	int e = eventfd(1, 0), d = dup(e);

	printf("add both %d %d\n", ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN, 10), ctl(ep, EPOLL_CTL_ADD, d, EPOLLIN | EPOLLET, 11));
	close(e);
	show("one closed, file lives", ep, 0);
	printf("del %d\n", ctl(ep, EPOLL_CTL_DEL, d, 0, 0));
	printf("del again %d\n", ctl(ep, EPOLL_CTL_DEL, d, 0, 0));
	show("still", ep, 0);
	close(d);
	show("gone", ep, 0);
}

static void nesting(void)
{
	int inner = epoll_create1(0), e = eventfd(0, 0), chain[8];

	printf("inner %d outer %d\n", ctl(inner, EPOLL_CTL_ADD, e, EPOLLIN, 20), ctl(ep, EPOLL_CTL_ADD, inner, EPOLLIN, 21));
	printf("loop %d self %d\n", ctl(inner, EPOLL_CTL_ADD, ep, EPOLLIN, 0), ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN, 0));
	show("outer idle", ep, 0);
	eventfd_write(e, 1);
	show("outer", ep, 0);
	show("inner", inner, 0);
	eventfd_t v;
	eventfd_read(e, &v);
	show("outer after read", ep, 0);
	close(e);
	close(inner);
	for (int i = 0; i < 8; i++)
		chain[i] = epoll_create1(0);
	for (int i = 0; i < 7; i++)
		printf("chain %d: %d\n", i, ctl(chain[i + 1], EPOLL_CTL_ADD, chain[i], EPOLLIN, 0));
	for (int i = 0; i < 8; i++)
		close(chain[i]);
}

static void errors(void)
{
	int f = open("/", O_RDONLY), e = eventfd(0, 0);
	struct epoll_event ev;

	printf("directory %d\n", ctl(ep, EPOLL_CTL_ADD, f, EPOLLIN, 0));
	printf("bad fd %d, not epoll %d, bad op %d\n", ctl(ep, EPOLL_CTL_ADD, 99, EPOLLIN, 0), ctl(e, EPOLL_CTL_ADD, f, 0, 0),
		ctl(ep, 77, e, EPOLLIN, 0));
	printf("exclusive %d", ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLEXCLUSIVE, 0));
	printf(" mod %d\n", ctl(ep, EPOLL_CTL_MOD, e, EPOLLIN, 0));
	printf("del %d\n", ctl(ep, EPOLL_CTL_DEL, e, 0, 0));
	printf("exclusive+oneshot %d\n", ctl(ep, EPOLL_CTL_ADD, e, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0));
	errno = 0;
	printf("max 0: %d", epoll_wait(ep, &ev, 0, 0));
	printf(" %d\n", errno);
	printf("wait on no epoll: %d", epoll_wait(e, &ev, 1, 0));
	printf(" %d\n", errno);
	printf("null: %d", epoll_ctl(ep, EPOLL_CTL_ADD, e, NULL));
	printf(" %d\n", errno);
	printf("create 0: %ld", syscall(SYS_epoll_create, 0));
	printf(" %d\n", errno);
	close(f);
	close(e);
}

static volatile int caught;

static void on_alarm(int s)
{
	caught++;
}

static void signals(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct epoll_event ev;
	sigset_t none, blocked;
	struct timespec ts = {0, 1000000};

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR1);
	printf("wait with signal blocked: %d caught %d\n", epoll_wait(ep, &ev, 1, 10), caught);
	errno = 0;
	int n = epoll_pwait(ep, &ev, 1, 1000, &none);
	printf("pwait: %d errno %d caught %d\n", n, errno, caught);
	sigprocmask(SIG_SETMASK, NULL, &none);
	printf("blocked again: %d\n", sigismember(&none, SIGUSR1));
	printf("pwait2: %d\n", epoll_pwait2(ep, &ev, 1, &ts, NULL));
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ep = epoll_create1(EPOLL_CLOEXEC);
	printf("cloexec %d\n", fcntl(ep, F_GETFD));
	level_and_edge();
	duplicates();
	nesting();
	errors();
	signals();
	return 0;
}
