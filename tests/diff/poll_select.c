/* SPDX-License-Identifier: MIT */
/* poll(2), ppoll(2), select(2), pselect(2): readiness, bad descriptors, time-outs, signals and masks. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, struct pollfd *p, int n, int ms)
{
	errno = 0;
	int r = poll(p, (nfds_t)n, ms);

	printf("%s: %d", what, r);
	if (r < 0)
		printf(" %s", strerror(errno));
	for (int i = 0; i < n; i++)
		printf(" %x", p[i].revents);
	printf("\n");
}

static void polls(void)
{
	int p[2], s[2], f = open("/", O_RDONLY);

	if (pipe(p) || socketpair(AF_UNIX, SOCK_STREAM, 0, s))
		return;
	struct pollfd a[6] = {{p[0], POLLIN | POLLRDNORM, 0}, {p[1], POLLOUT | POLLWRNORM | POLLIN, 0}, {-1, POLLIN, 7},
		{99, POLLIN, 0}, {f, POLLIN | POLLOUT, 0}, {s[0], POLLIN | POLLOUT | POLLRDHUP, 0}};

	show("all", a, 6, 0);
	show("pipe", a, 1, 20);
	write(p[1], "x", 1);
	show("pipe ready", a, 1, -1);
	close(s[1]);
	show("peer closed", a + 5, 1, -1);
	close(p[0]);
	a[0].fd = -1;
	show("reader closed", a, 2, 0);
	close(p[1]);
	close(s[0]);
	show("none, 10 ms", NULL, 0, 10);
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	errno = 0;
	printf("too many %ld %d\n", syscall(SYS_poll, a, rl.rlim_cur + 1, 0), errno);
	printf("bad pointer %ld", syscall(SYS_poll, 8, 1, 0));
	printf(" %d\n", errno);
	close(f);
}

static void show_set(const char *what, int r, int max, fd_set *in, fd_set *out)
{
	printf("%s: %d", what, r);
	if (r < 0)
		printf(" %s", strerror(errno));
	for (int i = 0; i < max; i++)
		if ((in && FD_ISSET(i, in)) || (out && FD_ISSET(i, out)))
			printf(" %d%s%s", i, in && FD_ISSET(i, in) ? "r" : "", out && FD_ISSET(i, out) ? "w" : "");
	printf("\n");
}

static void selects(void)
{
	int p[2];
	fd_set in, out;
	struct timeval tv = {0, 10000};

	if (pipe(p))
		return;
	dup2(p[0], 20);
	dup2(p[1], 21);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(20, &in);
	show_set("empty", select(22, &in, NULL, NULL, &tv), 22, &in, NULL);
	printf("time left %ld %ld\n", tv.tv_sec, tv.tv_usec);
	FD_SET(20, &in);
	FD_SET(21, &out);
	show_set("writable", select(22, &in, &out, NULL, NULL), 22, &in, &out);
	write(21, "x", 1);
	FD_SET(20, &in);
	FD_SET(21, &out);
	tv.tv_sec = 100;
	show_set("both", select(22, &in, &out, NULL, &tv), 22, &in, &out);
	printf("time left more than 99 s: %d\n", tv.tv_sec >= 99);
	FD_ZERO(&in);
	FD_SET(30, &in);
	show_set("bad fd", select(31, &in, NULL, NULL, NULL), 0, NULL, NULL);
	show_set("negative", select(-1, &in, NULL, NULL, NULL), 0, NULL, NULL);
	tv.tv_usec = -1;
	show_set("bad time", select(0, NULL, NULL, NULL, &tv), 0, NULL, NULL);
	tv = (struct timeval){0, 5000};
	show_set("sleep", select(0, NULL, NULL, NULL, &tv), 0, NULL, NULL);
}

static volatile int caught;

static void handler(int s)
{
	caught++;
}

static void later(int signo, int ms)
{
	pid_t parent = getpid();

	if (fork())
		return;
	usleep((unsigned)ms * 1000);
	kill(parent, signo);
	_exit(0);
}

static void signals(void)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigset_t none, set;
	struct timespec ts = {5, 0}, before, after;
	int r;

	sigaction(SIGUSR1, &sa, NULL);
	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	later(SIGUSR1, 30);
	r = poll(NULL, 0, 5000);
	printf("poll with SA_RESTART: %d %d caught %d\n", r, errno, caught);
	wait(NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	r = ppoll(NULL, 0, &ts, &none);
	printf("ppoll: %d %d caught %d\n", r, errno, caught);
	raise(SIGUSR1);
	r = pselect(0, NULL, NULL, NULL, &ts, &none);
	printf("pselect: %d %d caught %d\n", r, errno, caught);
	sigprocmask(SIG_SETMASK, NULL, &none);
	printf("still blocked: %d\n", sigismember(&none, SIGUSR1));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* A stop and continue without handler does not end poll, nor stretch its time. */
	signal(SIGUSR2, SIG_IGN);
	later(SIGUSR2, 20);
	clock_gettime(CLOCK_MONOTONIC, &before);
	r = poll(NULL, 0, 100);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	printf("ignored signal: %d, in time %d\n", r, ms >= 99 && ms < 2000);
	while (wait(NULL) > 0)
		;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	polls();
	selects();
	signals();
	return 0;
}
