/* SPDX-License-Identifier: MIT */
/* Terminals: what poll(2), select(2) and epoll(7) say, interrupted and competing reads, reads and writes of nothing. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int m, s;

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static void pair(void)
{
	m = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);
}

static void unpair(void)
{
	close(m);
	close(s);
}

static short ready(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM | POLLRDBAND, 0};

	poll(&p, 1, 0);
	return p.revents;
}

static void show(const char *what)
{
	fd_set r, w, x;
	struct timeval none = {0};

	usleep(15000);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(m, &r);
	FD_SET(s, &r);
	FD_SET(m, &w);
	FD_SET(s, &w);
	FD_SET(m, &x);
	FD_SET(s, &x);
	select((m > s ? m : s) + 1, &r, &w, &x, &none);
	printf("%s: master %x slave %x; select master %d%d%d slave %d%d%d\n", what, ready(m), ready(s), FD_ISSET(m, &r) != 0,
		FD_ISSET(m, &w) != 0, FD_ISSET(m, &x) != 0, FD_ISSET(s, &r) != 0, FD_ISSET(s, &w) != 0, FD_ISSET(s, &x) != 0);
}

static void raw(int min, int time)
{
	struct termios t;

	tcgetattr(s, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	tcsetattr(s, TCSANOW, &t);
}

static void states(void)
{
	char buf[70000] = {0};
	int on = 1;

	pair();
	show("new");
	write(m, "abc", 3);
	show("half a line");
	write(m, "\n", 1);
	show("line");
	read(m, buf, sizeof(buf));
	read(s, buf, 1);
	show("part read");
	read(s, buf, 100);
	show("read");
	write(m, "\004", 1);
	show("end of file");
	printf("eof %zd\n", read(s, buf, 10));
	show("eof read");
	tcflow(s, TCOOFF);
	show("stopped");
	tcflow(s, TCOON);
	while (write(s, buf, sizeof(buf)) > 0)
		usleep(5000);
	show("output full");
	tcflush(m, TCIFLUSH);
	show("flushed by master");
	read(m, buf, sizeof(buf));
	raw(5, 0);
	write(m, "abc", 3);
	show("raw, 3 of 5");
	raw(5, 1);
	show("raw, 3 of 5, time");
	raw(0, 0);
	show("raw, 3 of 0");
	raw(1, 0);
	ioctl(m, TIOCPKT, &on);
	show("packet mode");
	tcflush(s, TCIOFLUSH);
	show("packet event");
	read(m, buf, 10);
	show("event read");
	write(s, "x", 1);
	show("packet data");
	close(s);
	usleep(15000);
	printf("slave closed: master %x\n", ready(m));
	read(m, buf, 10);
	printf("drained: master %x read %s write %s\n", ready(m), err(read(m, buf, 10)), err(write(m, "x", 1)));
	s = open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);
	show("opened again");
	printf("kept for the next reader %zd\n", read(s, buf, 10));
	close(m);
	usleep(15000);
	printf("master closed: slave %x\n", ready(s));
	close(s);
}

static void edges(void)
{
	struct epoll_event ev = {EPOLLIN | EPOLLET, {0}}, got;
	char buf[100];
	int ep = epoll_create1(0);

	pair();
	epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
	printf("edge none %d", epoll_wait(ep, &got, 1, 0));
	write(m, "a\n", 2);
	printf(" line %d", epoll_wait(ep, &got, 1, 500));
	printf(" again %d", epoll_wait(ep, &got, 1, 20));
	write(m, "b\n", 2);
	printf(" next %d", epoll_wait(ep, &got, 1, 500));
	read(s, buf, sizeof(buf));
	printf(" part read %d", epoll_wait(ep, &got, 1, 20));
	read(s, buf, sizeof(buf));
	close(m);
	printf(" hang-up %d %x\n", epoll_wait(ep, &got, 1, 500), got.events);
	close(s);
	close(ep);
}

static void on_alarm(int signo)
{
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	char buf[100];

	pair();
	fcntl(s, F_SETFL, 0);
	fcntl(m, F_SETFL, 0);
	sigaction(SIGALRM, &sa, NULL);
	ualarm(50000, 0);
	printf("slave %s", err(read(s, buf, 10)));
	ualarm(50000, 0);
	printf(" master %s", err(read(m, buf, 10)));
	raw(10, 0);
	write(m, "part", 4);
	ualarm(100000, 0);
	printf(" part of a read %zd", read(s, buf, 20));
	raw(0, 20);
	ualarm(50000, 0);
	printf(" timed %s", err(read(s, buf, 10)));
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	pid_t child = fork();
	if (!child) {
		usleep(200000);
		write(m, "x", 1);
		_exit(0);
	}
	raw(1, 0);
	ualarm(50000, 0);
	printf(" restarted %zd\n", read(s, buf, 10));
	waitpid(child, NULL, 0);
	printf("nothing: read %zd %zd write %zd %zd", read(s, buf, 0), read(m, buf, 0), write(s, buf, 0), write(m, buf, 0));
	struct iovec v[3] = {{"ab", 2}, {"", 0}, {"cd", 2}};
	printf(" writev %zd", writev(m, v, 3));
	usleep(15000);
	struct iovec in[2] = {{buf, 1}, {buf + 1, 50}};
	printf(" readv %zd fault %s", readv(s, in, 2), err(write(m, (void *)16, 4)));
	write(m, "zz", 2);
	usleep(15000);
	printf(" %s\n", err(read(s, (void *)16, 4)));
	int on = 1;
	ioctl(s, FIONBIO, &on);
	tcflush(s, TCIFLUSH);
	printf("fionbio %s", err(read(s, buf, 1)));
	raw(0, 10);
	printf(", no waiting with a time %s", err(read(s, buf, 1)));
	raw(0, 0);
	printf(", min 0 time 0 %zd\n", read(s, buf, 1));
	unpair();
}

static int sum;

static void *reader(void *arg)
{
	char buf[100];
	ssize_t n;

	while ((n = read(s, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			__atomic_add_fetch(&sum, buf[i], __ATOMIC_SEQ_CST);
		if (buf[n - 1] == '\n' && n == 1)
			break;
	}
	return NULL;
}

static void competing(void)
{
	pthread_t t[3];
	int want = 0;

	pair();
	fcntl(s, F_SETFL, 0);
	fcntl(m, F_SETFL, 0);
	struct termios tio;
	tcgetattr(s, &tio);
	tio.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(s, TCSANOW, &tio);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, reader, NULL);
	for (int i = 0; i < 200; i++) {
		char line[20];
		int n = snprintf(line, sizeof(line), "line %d\n", i);

		write(m, line, (size_t)n);
		for (int j = 0; j < n; j++)
			want += line[j];
	}
	for (int i = 0; i < 3; i++) {
		write(m, "\n", 1);
		want += '\n';
		usleep(20000);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("three readers lose nothing %d\n", sum == want);
	unpair();
}

/* Much through both directions: order and number of bytes. */
static void *feeder(void *arg)
{
	char buf[1000];
	unsigned n = 0;

	for (int i = 0; i < 300; i++) {
		for (size_t j = 0; j < sizeof(buf); j++)
			buf[j] = (char)(n++ % 251);
		for (size_t at = 0; at < sizeof(buf);) {
			ssize_t w = write(*(int *)arg, buf + at, sizeof(buf) - at);

			if (w <= 0)
				return NULL;
			at += (size_t)w;
		}
	}
	return NULL;
}

static void much(int from, int to, const char *what)
{
	char buf[5000];
	unsigned n = 0, bad = 0;
	pthread_t t;

	pthread_create(&t, NULL, feeder, &from);
	while (n < 300000) {
		ssize_t r = read(to, buf, sizeof(buf));

		if (r <= 0)
			break;
		for (ssize_t i = 0; i < r; i++)
			bad += (unsigned char)buf[i] != n++ % 251;
	}
	pthread_join(t, NULL);
	printf("%s: %u bytes, %u bad\n", what, n, bad);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	states();
	edges();
	interrupted();
	competing();
	pair();
	fcntl(s, F_SETFL, 0);
	fcntl(m, F_SETFL, 0);
	raw(1, 0);
	much(s, m, "out");
	much(m, s, "in");
	unpair();
	return 0;
}
