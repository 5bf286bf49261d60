/* SPDX-License-Identifier: MIT */
/* Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2), io_destroy(2), io_cancel(2), with and without an eventfd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long setup(unsigned n, aio_context_t *c)
{
	return syscall(SYS_io_setup, n, c);
}

static long submit(aio_context_t c, long n, struct iocb **v)
{
	return syscall(SYS_io_submit, c, n, v);
}

static long events(aio_context_t c, long min, long n, struct io_event *ev, struct timespec *ts)
{
	return syscall(SYS_io_getevents, c, min, n, ev, ts);
}

static const char *result(long r)
{
	static char buf[2][32];
	static int i;

	i = !i;
	if (r < 0)
		return strerrorname_np(errno);
	snprintf(buf[i], sizeof(buf[i]), "%ld", r);
	return buf[i];
}

static struct iocb request(int op, int fd, void *buf, size_t n, long off, uint64_t data)
{
	return (struct iocb){.aio_data = data, .aio_lio_opcode = (uint16_t)op, .aio_fildes = (uint32_t)fd, .aio_buf = (uintptr_t)buf,
		.aio_nbytes = n, .aio_offset = off};
}

static void collect(aio_context_t c, long n)
{
	struct io_event ev[16];
	long got = 0;

	while (got < n) {
		long r = events(c, n - got, 16 - got, ev + got, NULL);

		if (r < 0) {
			printf("getevents: %s\n", result(r));
			return;
		}
		got += r;
	}
	for (uint64_t d = 0; d < 100; d++) /* results come in any order */
		for (long i = 0; i < got; i++)
			if (ev[i].data == d)
				printf("event %d: res %lld res2 %lld\n", (int)d, (long long)ev[i].res, (long long)ev[i].res2);
}

static void show_setup(void)
{
	aio_context_t c = 0, d = 1;

	printf("zero: %s\n", result(setup(0, &c)));
	printf("not zero before: %s\n", result(setup(4, &d)));
	printf("bad pointer: %s\n", result(setup(4, (void *)8)));
	printf("too many: %s\n", result(setup(0x7fffffff, &c)));
	printf("ok: %s, set %d\n", result(setup(4, &c)), c != 0);
	printf("submit none: %s\n", result(submit(c, 0, NULL)));
	printf("submit -1: %s\n", result(submit(c, -1, NULL)));
	printf("bad context: %s\n", result(submit(12345, 0, NULL)));
	printf("bad list: %s\n", result(submit(c, 1, (void *)8)));
	printf("destroy: %s\n", result(syscall(SYS_io_destroy, c)));
	printf("again: %s\n", result(syscall(SYS_io_destroy, c)));
	printf("events of none: %s\n", result(events(c, 0, 1, NULL, NULL)));
}

static void show_rw(int fd)
{
	char a[8192], b[8192], s1[4], s2[8];
	struct iovec v[2] = {{s1, 4}, {s2, 8}};
	aio_context_t c = 0;
	struct iocb r[4], *list[4] = {r, r + 1, r + 2, r + 3};
	struct timespec now = {0, 0};
	struct io_event ev;

	memset(a, 'a', sizeof(a));
	setup(8, &c);
	r[0] = request(IOCB_CMD_PWRITE, fd, a, 8192, 0, 1);
	printf("write: %s\n", result(submit(c, 1, list)));
	collect(c, 1);
	pwrite(fd, "0123456789abcdef", 16, 4096);
	r[0] = request(IOCB_CMD_PREAD, fd, b, 8192, 0, 2);
	r[1] = request(IOCB_CMD_PREADV, fd, v, 2, 4098, 3);
	r[2] = request(IOCB_CMD_PREAD, fd, s1, 4, 1 << 20, 4);
	r[3] = request(IOCB_CMD_FSYNC, fd, NULL, 0, 0, 5);
	printf("four: %s\n", result(submit(c, 4, list)));
	collect(c, 4);
	printf("read %d %.4s %.8s\n", !memcmp(a, b, 4096), s1, s2);
	r[0] = request(IOCB_CMD_PREAD, fd, (void *)8, 10, 0, 6);
	printf("bad buffer: %s\n", result(submit(c, 1, list)));
	collect(c, 1);
	printf("nothing more: %s\n", result(events(c, 1, 1, &ev, &now)));
	printf("min above max: %s\n", result(events(c, 2, 1, &ev, &now)));
	printf("negative: %s\n", result(events(c, -1, 1, &ev, &now)));
	now.tv_nsec = 20000000;
	printf("time-out: %s\n", result(events(c, 1, 1, &ev, &now)));
	r[0] = request(IOCB_CMD_PREAD, 999, b, 10, 0, 7);
	printf("bad descriptor: %s\n", result(submit(c, 1, list)));
	r[0] = request(77, fd, b, 10, 0, 7);
	printf("bad operation: %s\n", result(submit(c, 1, list)));
	r[0] = request(IOCB_CMD_PREAD, fd, b, 10, -5, 7);
	printf("bad offset: %s\n", result(submit(c, 1, list)));
	r[0] = request(IOCB_CMD_PREAD, fd, b, 10, 0, 7);
	r[0].aio_reserved2 = 1;
	printf("reserved: %s\n", result(submit(c, 1, list)));
	r[0] = request(IOCB_CMD_PREAD, fd, b, 10, 0, 8);
	r[1] = request(IOCB_CMD_PREAD, 999, b, 10, 0, 9);
	printf("one of two: %s\n", result(submit(c, 2, list)));
	collect(c, 1);
	printf("cancel: %s\n", result(syscall(SYS_io_cancel, c, &r[0], &ev)));
	printf("destroy: %s\n", result(syscall(SYS_io_destroy, c)));
}

static void show_modes(void)
{
	int rd = open("aio-file", O_RDONLY), wr = open("aio-file", O_WRONLY), p[2];
	aio_context_t c = 0;
	struct iocb r, *list = &r;
	char b[16];

	setup(8, &c);
	r = request(IOCB_CMD_PWRITE, rd, b, 4, 0, 1);
	printf("write to a reader: %s\n", result(submit(c, 1, &list)));
	r = request(IOCB_CMD_PREAD, wr, b, 4, 0, 1);
	printf("read from a writer: %s\n", result(submit(c, 1, &list)));
	pipe(p);
	r = request(IOCB_CMD_PWRITE, p[1], "hello", 5, 0, 1);
	printf("pipe: %s\n", result(submit(c, 1, &list)));
	collect(c, 1);
	r = request(IOCB_CMD_PREAD, p[0], b, 16, 0, 2);
	printf("and back: %s\n", result(submit(c, 1, &list)));
	collect(c, 1);
	printf("%.5s\n", b);
	r = request(IOCB_CMD_FSYNC, p[0], NULL, 0, 0, 2);
	printf("fsync of a pipe: %s\n", result(submit(c, 1, &list)));
	syscall(SYS_io_destroy, c);
}

static void show_eventfd(int fd)
{
	int e = eventfd(0, EFD_NONBLOCK);
	struct iocb r[2], *list[2] = {r, r + 1};
	aio_context_t c = 0;
	eventfd_t n = 0;
	char b[16];

	setup(8, &c);
	for (int i = 0; i < 2; i++) {
		r[i] = request(IOCB_CMD_PREAD, fd, b, 4, 0, (uint64_t)i);
		r[i].aio_flags = IOCB_FLAG_RESFD;
		r[i].aio_resfd = (uint32_t)e;
	}
	printf("with eventfd: %s\n", result(submit(c, 2, list)));
	collect(c, 2);
	eventfd_read(e, &n);
	printf("rung %d\n", (int)n);
	r[0].aio_resfd = (uint32_t)fd;
	printf("not an eventfd: %s\n", result(submit(c, 1, list)));
	r[0].aio_resfd = 999;
	printf("no descriptor: %s\n", result(submit(c, 1, list)));
	syscall(SYS_io_destroy, c);
}

static void on_alarm(int sig)
{
}

static void show_waits(int fd)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	aio_context_t c = 0;
	struct io_event ev;
	struct itimerspec it = {{0, 0}, {0, 20000000}};
	timer_t t;
	int status;

	setup(8, &c);
	sigaction(SIGALRM, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, NULL, &t);
	timer_settime(t, 0, &it, NULL);
	printf("interrupted: %s\n", result(events(c, 1, 1, &ev, NULL)));
	if (!fork()) {
		printf("in a child: %s\n", result(events(c, 0, 1, &ev, NULL)));
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	syscall(SYS_io_destroy, c);
}

int main(void)
{
	int fd = open("aio-file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	setvbuf(stdout, NULL, _IONBF, 0);
	show_setup();
	show_rw(fd);
	show_modes();
	show_eventfd(fd);
	show_waits(fd);
	unlink("aio-file");
	return 0;
}
