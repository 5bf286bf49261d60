/* SPDX-License-Identifier: MIT */
/* signal(7): which calls are made again after a handler with SA_RESTART, which end with EINTR, and that time-outs count on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int p[2], sv[2], ep, futex_word;
static pid_t child;
static volatile sig_atomic_t handled;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void handler(int s)
{
	handled++;
}

static long do_read(void)
{
	char c;

	return read(p[0], &c, 1);
}

static long do_recv(void)
{
	char c;

	return recv(sv[0], &c, 1, 0);
}

static long do_recv_timeo(void)
{
	struct timeval tv = {.tv_usec = 400000};
	char c;
	long r;

	setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	r = recv(sv[0], &c, 1, 0);
	tv.tv_usec = 0;
	setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return r;
}

static long do_poll(void)
{
	struct pollfd f = {.fd = p[0], .events = POLLIN};

	return poll(&f, 1, 400);
}

static long do_select(void)
{
	struct timeval tv = {.tv_usec = 400000};
	fd_set s;

	FD_ZERO(&s);
	FD_SET(p[0], &s);
	return select(p[0] + 1, &s, NULL, NULL, &tv);
}

static long do_epoll(void)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, 400);
}

static long do_nanosleep(void)
{
	struct timespec ts = {.tv_nsec = 400000000}, rem = {9, 9};
	long r = nanosleep(&ts, &rem);

	if (r)
		printf(" rem %s", rem.tv_sec == 0 && rem.tv_nsec > 0 && rem.tv_nsec < 390000000 ? "ok" : "bad");
	return r;
}

static long do_abs_sleep(void)
{
	struct timespec ts;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 400000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	errno = r;
	return r ? -1 : 0;
}

static long do_wait(void)
{
	int st;

	return waitpid(child, &st, 0) == child ? 0 : -1;
}

static long do_waitid(void)
{
	siginfo_t si;

	return waitid(P_PID, child, &si, WEXITED | WNOWAIT);
}

static long do_pause(void)
{
	return pause();
}

static long do_sigsuspend(void)
{
	sigset_t s;

	sigemptyset(&s);
	return sigsuspend(&s);
}

static long do_sigtimedwait(void)
{
	struct timespec ts = {.tv_nsec = 400000000};
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	return sigtimedwait(&s, NULL, &ts);
}

static long do_futex(void)
{
	struct timespec ts = {.tv_nsec = 400000000};

	return syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);
}

static long do_futex_bitset(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 400000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return syscall(SYS_futex, &futex_word, FUTEX_WAIT_BITSET_PRIVATE, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY);
}

static long do_accept(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	long r;

	bind(s, (struct sockaddr *)&a, sizeof(sa_family_t));
	listen(s, 1);
	fcntl(s, F_SETFL, 0);
	struct timeval tv = {.tv_usec = 400000};
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	r = accept(s, NULL, NULL);
	close(s);
	return r;
}

static long do_lock(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = open("lockfile", O_RDWR);
	long r = fcntl(fd, F_OFD_SETLKW, &l);

	close(fd);
	return r;
}

static const struct {
	const char *name;
	long (*fn)(void);
	int needs; /* 1: a byte from the helper, 2: a child that ends, 3: a lock held by the helper */
} calls[] = {
	{"read", do_read, 1},
	{"recv", do_recv, 1},
	{"recv with SO_RCVTIMEO", do_recv_timeo, 0},
	{"accept with SO_RCVTIMEO", do_accept, 0},
	{"poll", do_poll, 0},
	{"select", do_select, 0},
	{"epoll_wait", do_epoll, 0},
	{"nanosleep", do_nanosleep, 0},
	{"clock_nanosleep abs", do_abs_sleep, 0},
	{"wait4", do_wait, 2},
	{"waitid", do_waitid, 2},
	{"pause", do_pause, 0},
	{"sigsuspend", do_sigsuspend, 0},
	{"sigtimedwait", do_sigtimedwait, 0},
	{"futex", do_futex, 0},
	{"futex bitset", do_futex_bitset, 0},
	{"fcntl lock", do_lock, 3},
};

/* A child that signals us at 150 ms, and does what the call waits for at 500 ms. */
static pid_t helper(int needs, int sig)
{
	pid_t parent = getpid(), pid;
	int ready[2];
	char c;

	pipe(ready);
	pid = fork();
	if (pid) {
		read(ready[0], &c, 1);
		close(ready[0]);
		close(ready[1]);
		return pid;
	}
	if (needs == 3) {
		struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};

		fcntl(open("lockfile", O_RDWR), F_OFD_SETLKW, &l);
	}
	write(ready[1], "", 1);
	usleep(150000);
	if (sig == SIGSTOP) {
		kill(parent, SIGSTOP);
		usleep(50000);
		kill(parent, SIGCONT);
	} else {
		kill(parent, sig);
	}
	usleep(350000);
	if (needs == 1) {
		write(p[1], "", 1);
		write(sv[1], "", 1);
	}
	_exit(0);
}

static void try(size_t i, int flags, int sig, const char *how)
{
	struct sigaction sa = {.sa_handler = sig == SIGCHLD ? SIG_DFL : handler, .sa_flags = flags};
	double t0, d;
	long r;
	char c;

	sigaction(SIGUSR1, &sa, NULL);
	handled = 0;
	child = helper(calls[i].needs, sig);
	printf("%s, %s:", calls[i].name, how);
	t0 = now();
	errno = 0;
	r = calls[i].fn();
	d = now() - t0;
	if (r < 0)
		printf(" %s", strerrorname_np(errno));
	else
		printf(" ok");
	printf(", handled %d, %s\n", (int)handled, d < 0.30 ? "early" : d < 1.5 ? "full" : "late");
	waitpid(child, NULL, 0);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	while (read(p[0], &c, 1) > 0)
		;
	fcntl(p[0], F_SETFL, 0);
	while (recv(sv[0], &c, 1, MSG_DONTWAIT) > 0)
		;
}

int main(void)
{
	struct epoll_event ev = {.events = EPOLLIN};

	setvbuf(stdout, NULL, _IONBF, 0);
	pipe(p);
	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	close(open("lockfile", O_RDWR | O_CREAT, 0600));
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		try(i, 0, SIGUSR1, "no SA_RESTART");
		try(i, SA_RESTART, SIGUSR1, "SA_RESTART");
		if (calls[i].fn == do_pause || calls[i].fn == do_sigsuspend)
			continue;
		try(i, 0, SIGCHLD, "ignored signal");
		if (calls[i].fn != do_futex && calls[i].fn != do_futex_bitset) /* a known limit of the sandbox: EINTR */
			try(i, 0, SIGSTOP, "stopped and continued");
	}
	return 0;
}
