/* SPDX-License-Identifier: MIT */
/* eventfd(2), timerfd_create(2). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void rd(const char *what, int fd)
{
	uint64_t v = 0;
	ssize_t n = read(fd, &v, sizeof(v));

	printf("%s: %zd", what, n);
	if (n < 0)
		printf(" %s", strerror(errno));
	else
		printf(" %llu", (unsigned long long)v);
	printf("\n");
}

static void wr(const char *what, int fd, uint64_t v)
{
	ssize_t n = write(fd, &v, sizeof(v));

	printf("%s: %zd", what, n);
	if (n < 0)
		printf(" %s", strerror(errno));
	printf("\n");
}

static int ready(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};

	poll(&p, 1, 0);
	return p.revents;
}

static void eventfds(void)
{
	int e = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK), b = eventfd(0, 0);
	char small[4];

	printf("ready %x\n", ready(e));
	rd("read", e);
	rd("empty", e);
	printf("ready %x\n", ready(e));
	wr("add", e, 5);
	wr("add", e, 6);
	rd("sum", e);
	wr("max", e, UINT64_MAX);
	wr("to the brim", e, UINT64_MAX - 1);
	printf("ready %x\n", ready(e));
	wr("over", e, 1);
	rd("brim", e);
	printf("short %zd %d\n", read(e, small, 4), errno);
	rd("semaphore", s);
	rd("semaphore", s);
	rd("semaphore", s);
	printf("flags %d\n", eventfd(0, 0x1234));
	if (!fork()) {
		usleep(20000);
		eventfd_write(b, 42);
		_exit(0);
	}
	rd("blocking", b);
	wait(NULL);
	printf("seek %ld %d\n", (long)lseek(e, 0, SEEK_SET), errno);
	close(e);
	close(s);
	close(b);
}

static void timers(int clock, const char *name)
{
	int t = timerfd_create(clock, TFD_NONBLOCK);
	struct itimerspec its = {.it_value = {0, 10000000}, .it_interval = {0, 10000000}}, old;
	struct pollfd p = {t, POLLIN, 0};
	uint64_t v = 0;

	printf("%s\n", name);
	rd("unarmed", t);
	printf("set %d\n", timerfd_settime(t, 0, &its, &old));
	printf("old %ld %ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
	printf("poll %d\n", poll(&p, 1, 1000));
	usleep(50000);
	printf("read %zd several %d\n", read(t, &v, 8), v >= 4);
	timerfd_gettime(t, &old);
	printf("running %d interval %ld\n", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 10000000, old.it_interval.tv_nsec);
	memset(&its, 0, sizeof(its));
	printf("off %d\n", timerfd_settime(t, 0, &its, NULL));
	timerfd_gettime(t, &old);
	printf("%ld %ld\n", old.it_value.tv_nsec, old.it_interval.tv_nsec);
	rd("off", t);
	clock_gettime(clock, &its.it_value);
	its.it_value.tv_sec -= 1;
	printf("past %d\n", timerfd_settime(t, TFD_TIMER_ABSTIME, &its, NULL));
	printf("poll %d\n", poll(&p, 1, 1000));
	rd("past", t);
	clock_gettime(clock, &its.it_value);
	its.it_value.tv_nsec += 20000000;
	if (its.it_value.tv_nsec >= 1000000000) {
		its.it_value.tv_sec++;
		its.it_value.tv_nsec -= 1000000000;
	}
	printf("absolute %d\n", timerfd_settime(t, TFD_TIMER_ABSTIME, &its, NULL));
	fcntl(t, F_SETFL, 0);
	rd("blocking", t);
	its.it_value.tv_nsec = 1000000000;
	printf("bad %d %d\n", timerfd_settime(t, 0, &its, NULL), errno);
	printf("bad flags %d %d\n", timerfd_settime(t, 0x100, &its, NULL), errno);
	printf("write %zd %d\n", write(t, &v, 8), errno);
	close(t);
}

int main(void)
{
	struct itimerspec its;

	setvbuf(stdout, NULL, _IOLBF, 0);
	eventfds();
	timers(CLOCK_MONOTONIC, "monotonic");
	timers(CLOCK_REALTIME, "realtime");
	timers(CLOCK_BOOTTIME, "boottime");
	printf("bad clock %d %d\n", timerfd_create(77, 0), errno);
	printf("not a timer %d %d\n", timerfd_gettime(0, &its), errno);
	return 0;
}
