/* SPDX-License-Identifier: MIT */
/* epoll: many files, turns of level-triggered events, wake-ups across threads and processes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES 200
#define THREADS 4
#define ROUNDS 2000

static int ep, fds[FILES];
static _Atomic int taken;

static void turns(void)
{
	int seen[FILES] = {0}, distinct = 0;

	for (int i = 0; i < FILES; i++) {
		struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (unsigned)i};

		fds[i] = eventfd(1, EFD_NONBLOCK);
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
	}
	for (int k = 0; k < FILES / 10; k++) {
		struct epoll_event ev[10];
		int n = epoll_wait(ep, ev, 10, 0);

		for (int i = 0; i < n; i++)
			distinct += !seen[ev[i].data.u32]++;
	}
	printf("distinct %d\n", distinct);
	for (int i = 0; i < FILES; i++) {
		eventfd_t v;

		eventfd_read(fds[i], &v);
	}
	struct epoll_event one;

	printf("none left %d\n", epoll_wait(ep, &one, 1, 0));
}

static void *worker(void *arg)
{
	for (;;) {
		struct epoll_event ev;
		eventfd_t v;

		if (epoll_wait(ep, &ev, 1, -1) != 1)
			continue;
		if (ev.data.u32 == FILES)
			return NULL;
		if (!eventfd_read(fds[ev.data.u32], &v))
			taken += (int)v;
	}
}

static void threads(void)
{
	pthread_t t[THREADS];
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = FILES};
	int stop = eventfd(0, 0);

	epoll_ctl(ep, EPOLL_CTL_ADD, stop, &ev);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, NULL);
	for (int i = 0; i < ROUNDS; i++)
		eventfd_write(fds[i % FILES], 1);
	for (int i = 0; taken < ROUNDS && i < 5000; i++)
		usleep(1000);
	eventfd_write(stop, 1);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("taken %d\n", taken);
}

static void processes(void)
{
	int p[2], n = 0;
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 1};
	int e = epoll_create1(0);
	char buf[64];

	if (pipe(p))
		return;
	epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev);
	if (!fork()) {
		for (int i = 0; i < 50; i++) {
			usleep(200);
			write(p[1], "x", 1);
		}
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		epoll_wait(e, &ev, 1, -1);
		ssize_t r = read(p[0], buf, sizeof(buf));

		if (r <= 0)
			break;
		n += (int)r;
	}
	wait(NULL);
	printf("bytes %d last events %x\n", n, ev.events);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ep = epoll_create1(0);
	turns();
	threads();
	processes();
	return 0;
}
