/* SPDX-License-Identifier: MIT */
/* Pseudo terminals: opening, locking, names, window size, packet mode, VMIN and VTIME, closing of either side. pty(7). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int m, s;

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static int open_pair(void)
{
	m = posix_openpt(O_RDWR | O_NOCTTY);
	if (m < 0)
		return -1;
	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	return s;
}

static short ready(int fd)
{
	struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};

	poll(&p, 1, 0);
	return p.revents;
}

static void opening(void)
{
	int lock = -1, n = -1;
	struct stat st;

	m = posix_openpt(O_RDWR | O_NOCTTY);
	printf("master %d\n", m >= 0);
	ioctl(m, TIOCGPTLCK, &lock);
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	printf("locked %d: %s\n", lock, err(s));
	unlockpt(m);
	ioctl(m, TIOCGPTLCK, &lock);
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	printf("unlocked %d: %s\n", lock, err(s));
	fstat(s, &st);
	ioctl(m, TIOCGPTN, &n);
	printf("slave %d major %u minor is number %d mode %o\n", S_ISCHR(st.st_mode), major(st.st_rdev),
		(int)minor(st.st_rdev) == n, st.st_mode & 0600);
	printf("isatty %d %d, same name %d\n", isatty(m), isatty(s), !strcmp(ttyname(s), ptsname(m)));
	int peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	printf("peer %s isatty %d\n", err(peer), isatty(peer));
	close(peer);
	printf("on slave: ptn %s\n", err(ioctl(s, TIOCGPTN, &n)));
	printf("bad ioctl %s\n", err(ioctl(s, 0x54ff, &n)));
	printf("seek %s\n", err(lseek(s, 0, SEEK_SET)));
	printf("pread %s\n", err(pread(s, &n, 1, 0)));
	fcntl(s, F_SETFL, O_NONBLOCK);
	printf("nothing %s", err(read(s, &n, 1)));
	fcntl(s, F_SETFL, 0);
	printf("\n");
	close(s);
	close(m);
}

static void window(void)
{
	struct winsize w = {0};

	open_pair();
	ioctl(s, TIOCGWINSZ, &w);
	printf("window %d %d\n", w.ws_row, w.ws_col);
	w = (struct winsize){24, 80, 1, 2};
	ioctl(m, TIOCSWINSZ, &w);
	w = (struct winsize){0};
	ioctl(s, TIOCGWINSZ, &w);
	printf("window %d %d %d %d\n", w.ws_row, w.ws_col, w.ws_xpixel, w.ws_ypixel);
	close(s);
	close(m);
}

static void packet(void)
{
	char buf[64];
	int on = 1;
	ssize_t n;

	open_pair();
	ioctl(m, TIOCPKT, &on);
	write(s, "hi", 2);
	n = read(m, buf, sizeof(buf));
	printf("packet %zd: %d %.*s\n", n, buf[0], (int)n - 1, buf + 1);
	tcflush(s, TCIFLUSH);
	printf("ready %x", ready(m));
	n = read(m, buf, sizeof(buf));
	printf(" status %zd: %d\n", n, buf[0]);
	struct termios t;
	tcgetattr(s, &t);
	t.c_iflag &= ~(tcflag_t)IXON;
	tcsetattr(s, TCSANOW, &t);
	n = read(m, buf, sizeof(buf));
	printf("no flow %zd: %d\n", n, buf[0]);
	t.c_iflag |= IXON;
	tcsetattr(s, TCSANOW, &t);
	n = read(m, buf, sizeof(buf));
	printf("flow %zd: %d\n", n, buf[0]);
	tcflow(s, TCOOFF);
	n = read(m, buf, sizeof(buf));
	printf("stop %zd: %d\n", n, buf[0]);
	tcflow(s, TCOON);
	n = read(m, buf, sizeof(buf));
	printf("start %zd: %d\n", n, buf[0]);
	close(s);
	close(m);
}

static long ms_since(const struct timespec *t)
{
	struct timespec n;

	clock_gettime(CLOCK_MONOTONIC, &n);
	return (n.tv_sec - t->tv_sec) * 1000 + (n.tv_nsec - t->tv_nsec) / 1000000;
}

static void timed(const char *what, int vmin, int vtime, const char *now, const char *later, int after_ms)
{
	struct termios t;
	struct timespec start;
	char buf[64];
	ssize_t n;

	tcgetattr(s, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = (cc_t)vmin;
	t.c_cc[VTIME] = (cc_t)vtime;
	tcsetattr(s, TCSAFLUSH, &t);
	if (now)
		write(m, now, strlen(now));
	usleep(20000);
	pid_t child = 0;
	if (later && !(child = fork())) {
		usleep((unsigned)after_ms * 1000);
		write(m, later, strlen(later));
		_exit(0);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	n = read(s, buf, sizeof(buf));
	long ms = ms_since(&start);
	printf("%s: %zd, waited %s\n", what, n, ms < 150 ? "not" : "yes");
	if (child)
		waitpid(child, NULL, 0);
	tcflush(s, TCIFLUSH);
}

static void min_time(void)
{
	open_pair();
	timed("min 0 time 0 empty", 0, 0, NULL, NULL, 0);
	timed("min 0 time 0 some", 0, 0, "abc", NULL, 0);
	timed("min 0 time 4 empty", 0, 4, NULL, NULL, 0);
	timed("min 0 time 9 later", 0, 9, NULL, "x", 300);
	timed("min 1 time 0", 1, 0, "abc", NULL, 0);
	timed("min 5 time 0", 5, 0, "ab", "cdef", 300);
	timed("min 5 time 4", 5, 4, "ab", NULL, 0);
	timed("min 3 time 9", 3, 9, "ab", "cd", 300);
	struct termios t;
	tcgetattr(s, &t);
	t.c_cc[VMIN] = 4;
	t.c_cc[VTIME] = 0;
	tcsetattr(s, TCSANOW, &t);
	write(m, "ab", 2);
	usleep(20000);
	printf("poll below min %x", ready(s) & POLLIN);
	write(m, "cd", 2);
	usleep(20000);
	printf(" at min %x\n", ready(s) & POLLIN);
	close(s);
	close(m);
}

static void closing(void)
{
	char buf[16];
	ssize_t n;

	open_pair();
	printf("master ready %x\n", ready(m));
	write(s, "bye", 3);
	close(s);
	usleep(20000);
	printf("slave closed %x\n", ready(m));
	n = read(m, buf, sizeof(buf));
	printf("rest %zd\n", n);
	n = read(m, buf, sizeof(buf));
	printf("then %s, ready %x\n", err(n), ready(m));
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	printf("again %s ready %x\n", err(s), ready(m));
	close(m);
	usleep(20000);
	printf("master closed, slave ready %x\n", ready(s));
	n = read(s, buf, sizeof(buf));
	printf("read %zd %s\n", n, err(n));
	n = write(s, "x", 1);
	printf("write %s\n", err(n));
	struct termios t;
	printf("tcgetattr %s isatty %d\n", err(tcgetattr(s, &t)), isatty(s));
	close(s);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGHUP, SIG_IGN);
	opening();
	window();
	packet();
	min_time();
	closing();
	return 0;
}
