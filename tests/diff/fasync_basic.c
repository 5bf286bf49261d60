/* SPDX-License-Identifier: MIT */
/* O_ASYNC, F_SETOWN, F_SETSIG: who is told of what, with which details. fcntl(2), socket(7), pipe(7). */
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
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <termios.h>
#include <unistd.h>

#define RT (SIGRTMIN + 3)

static int names[64];

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

/* Take the signals that wait, show them; up to *ms* for the first. */
static void taken(const char *what, int ms)
{
	siginfo_t si;
	sigset_t set;
	struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigaddset(&set, RT);
	printf("%s:", what);
	while (n++ < 8 && sigtimedwait(&set, &si, &wait) > 0) {
		wait = (struct timespec){0};
		if (si.si_signo == RT)
			printf(" [RT code %d band %lx fd %s]", si.si_code, (long)si.si_band,
				si.si_fd >= 0 && si.si_fd < 64 && names[si.si_fd] ? (char[]){(char)names[si.si_fd], 0} : "?");
		else if (si.si_code == SI_KERNEL)
			printf(" [%s kernel]", si.si_signo == SIGIO ? "SIGIO" : "SIGURG");
		else
			printf(" [%s code %d band %lx fd %s]", si.si_signo == SIGIO ? "SIGIO" : "SIGURG", si.si_code, (long)si.si_band,
				si.si_fd >= 0 && si.si_fd < 64 && names[si.si_fd] ? (char[]){(char)names[si.si_fd], 0} : "?");
	}
	printf("\n");
}

static void async(int fd, int sig)
{
	fcntl(fd, F_SETOWN, getpid());
	fcntl(fd, F_SETSIG, sig);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

static void owners(void)
{
	int p[2];
	struct f_owner_ex o;

	pipe(p);
	o.type = o.pid = -1;
	printf("getown %d", fcntl(p[0], F_GETOWN));
	printf(" ex %d", fcntl(p[0], F_GETOWN_EX, &o));
	printf(" type %d pid %d sig %d\n", o.type, o.pid, fcntl(p[0], F_GETSIG));
	printf("set nobody %s", err(fcntl(p[0], F_SETOWN, 29999)));
	printf(" no group %s", err(fcntl(p[0], F_SETOWN, -29999)));
	printf(" min %s", err(fcntl(p[0], F_SETOWN, -2147483647 - 1)));
	printf(" me %s", err(fcntl(p[0], F_SETOWN, getpid())));
	printf(" is %d", fcntl(p[0], F_GETOWN) == getpid());
	printf(" zero %s", err(fcntl(p[0], F_SETOWN, 0)));
	printf(" is %d\n", fcntl(p[0], F_GETOWN));
	for (int type = -1; type < 4; type++) {
		o.type = type;
		o.pid = getpgrp() == getpid() || type != 2 ? getpid() : getpgrp();
		printf("type %d: %s", type, err(fcntl(p[0], F_SETOWN_EX, &o)));
		memset(&o, 0, sizeof(o));
		fcntl(p[0], F_GETOWN_EX, &o);
		printf(" %d %d\n", o.type, o.pid != 0);
	}
	o.type = F_OWNER_PID;
	o.pid = 29999;
	printf("ex nobody %s", err(fcntl(p[0], F_SETOWN_EX, &o)));
	o.pid = 0;
	printf(" ex zero %s", err(fcntl(p[0], F_SETOWN_EX, &o)));
	printf(" fault %s\n", err(fcntl(p[0], F_SETOWN_EX, 16)));
	printf("sig 65 %s -1 %s 0 %s 64 %s", err(fcntl(p[0], F_SETSIG, 65)), err(fcntl(p[0], F_SETSIG, -1)),
		err(fcntl(p[0], F_SETSIG, 0)), err(fcntl(p[0], F_SETSIG, 64)));
	printf(" is %d\n", fcntl(p[0], F_GETSIG));
	pid_t child = fork();
	if (!child)
		_exit(0);
	fcntl(p[0], F_SETOWN, child);
	waitpid(child, NULL, 0);
	printf("gone %d\n", fcntl(p[0], F_GETOWN));
	close(p[0]);
	close(p[1]);
}

static void pipes(void)
{
	int p[2];
	char buf[70000];

	pipe(p);
	names[p[0]] = 'r';
	names[p[1]] = 'w';
	async(p[0], RT);
	printf("flags %d\n", (fcntl(p[0], F_GETFL) & O_ASYNC) != 0);
	write(p[1], "x", 1);
	taken("pipe written", 500);
	write(p[1], "y", 1);
	taken("not empty", 500);
	fcntl(p[0], F_SETSIG, 0);
	write(p[1], "z", 1);
	taken("no signal chosen", 500);
	fcntl(p[0], F_SETSIG, SIGIO);
	write(p[1], "z", 1);
	taken("SIGIO chosen", 500);
	fcntl(p[0], F_SETFL, 0);
	write(p[1], "z", 1);
	taken("off", 0);
	async(p[1], RT);
	read(p[0], buf, sizeof(buf));
	taken("read", 500);
	fcntl(p[1], F_SETFL, O_ASYNC | O_NONBLOCK);
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	taken("filled", 0);
	read(p[0], buf, sizeof(buf));
	taken("room", 500);
	close(p[0]);
	taken("reader gone", 500);
	close(p[1]);
	pipe(p);
	async(p[0], RT);
	close(p[1]);
	taken("writer gone", 500);
	int d = dup(p[0]);
	close(p[0]);
	close(d);
}

static void sockets(void)
{
	int p[2];
	char buf[4096] = {0};

	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	names[p[0]] = 'a';
	names[p[1]] = 'b';
	async(p[0], RT);
	write(p[1], "x", 1);
	taken("stream", 500);
	send(p[1], "x", 1, 0);
	taken("stream again", 500);
	read(p[0], buf, sizeof(buf));
	taken("read by itself", 0);
	int size = 4096;
	setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	fcntl(p[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	while (write(p[0], buf, sizeof(buf)) > 0)
		;
	taken("full", 0);
	while (recv(p[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	taken("room", 500);
	close(p[1]);
	taken("closed", 500);
	close(p[0]);
	socketpair(AF_UNIX, SOCK_DGRAM, 0, p);
	async(p[0], RT);
	send(p[1], "x", 1, 0);
	taken("datagram", 500);
	int pid = 0;
	printf("fiogetown %s %d", err(ioctl(p[0], 0x8903, &pid)), pid == getpid());
	pid = 0;
	printf(" fiosetown %s", err(ioctl(p[0], 0x8901, &pid)));
	printf(" %d\n", fcntl(p[0], F_GETOWN));
	send(p[1], "x", 1, 0);
	taken("no owner", 0);
	close(p[0]);
	close(p[1]);
}

static void tcp(void)
{
	struct sockaddr_in a = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), s;

	names[l] = 'l';
	names[c] = 'c';
	bind(l, (void *)&a, sizeof(a));
	listen(l, 1);
	getsockname(l, (void *)&a, &len);
	async(l, RT);
	connect(c, (void *)&a, sizeof(a));
	taken("connection", 1000);
	s = accept(l, NULL, NULL);
	names[s] = 's';
	close(l);
	fcntl(s, F_SETOWN, getpid());
	send(c, "u", 1, MSG_OOB);
	taken("urgent", 1000);
	async(s, RT);
	send(c, "data", 4, 0);
	taken("data", 1000);
	close(s);
	close(c);
}

static void others(void)
{
	int on = 1, e = eventfd(0, 0), t = timerfd_create(CLOCK_MONOTONIC, 0), ep = epoll_create1(0), f = open("/dev/null", O_RDWR);
	int in = inotify_init(), file = open("async.file", O_RDWR | O_CREAT, 0600);

	async(e, RT);
	printf("eventfd flag %d fioasync off", (fcntl(e, F_GETFL) & O_ASYNC) != 0);
	on = 0;
	printf(" %s", err(ioctl(e, FIOASYNC, &on)));
	on = 1;
	printf(" on %s\n", err(ioctl(e, FIOASYNC, &on)));
	eventfd_write(e, 1);
	taken("eventfd", 0);
	on = 1;
	printf("fioasync timerfd %s", err(ioctl(t, FIOASYNC, &on)));
	printf(" epoll %s", err(ioctl(ep, FIOASYNC, &on)));
	printf(" null %s", err(ioctl(f, FIOASYNC, &on)));
	printf(" file %s\n", err(ioctl(file, FIOASYNC, &on)));
	names[in] = 'i';
	inotify_add_watch(in, ".", IN_CREATE);
	async(in, RT);
	close(open("async.new", O_CREAT | O_RDWR, 0600));
	taken("inotify", 500);
	unlink("async.new");
	unlink("async.file");
	mkfifo("async.fifo", 0600);
	int r = open("async.fifo", O_RDWR | O_NONBLOCK);
	names[r] = 'f';
	async(r, RT);
	write(r, "x", 1);
	taken("fifo", 500);
	unlink("async.fifo");
	close(r);
	close(in);
}

static void terminals(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), s;
	struct f_owner_ex o = {9, 9};
	char c;

	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	names[m] = 'm';
	names[s] = 's';
	fcntl(s, F_SETSIG, RT);
	fcntl(s, F_SETFL, O_RDWR | O_ASYNC);
	fcntl(s, F_GETOWN_EX, &o);
	printf("owner of a terminal %d %d\n", o.type, o.pid == getpid());
	write(m, "part", 4);
	taken("half a line", 100);
	write(m, "line\n", 5);
	taken("line", 500);
	async(m, RT);
	read(m, &c, 1);
	taken("echo was there", 0);
	write(s, "out", 3);
	taken("output", 500);
	close(s);
	close(m);
}

static int who_got;
static pid_t first;

static void *thread(void *arg)
{
	int *p = arg;
	struct f_owner_ex o = {F_OWNER_TID, (int)syscall(SYS_gettid)};
	struct timespec wait = {1, 0};
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, RT);
	fcntl(p[0], F_SETOWN_EX, &o);
	fcntl(p[0], F_SETSIG, RT);
	fcntl(p[0], F_SETFL, O_ASYNC);
	write(p[1], "x", 1);
	who_got = sigtimedwait(&set, &si, &wait);
	return NULL;
}

static void targets(void)
{
	int p[2], st;
	pthread_t th;

	pipe(p);
	pthread_create(&th, NULL, thread, p);
	pthread_join(th, NULL);
	printf("thread got %d\n", who_got == RT);
	taken("process did not", 0);
	close(p[0]);
	close(p[1]);
	pipe(p);
	pid_t child[2];
	for (int i = 0; i < 2; i++) {
		child[i] = fork();
		if (!child[i]) {
			setpgid(0, i ? child[0] : 0);
			struct timespec wait = {3, 0};
			sigset_t set;
			siginfo_t si;
			sigemptyset(&set);
			sigaddset(&set, RT);
			_exit(sigtimedwait(&set, &si, &wait) == RT);
		}
		setpgid(child[i], child[0]);
	}
	fcntl(p[0], F_SETOWN, -child[0]);
	printf("group %d\n", fcntl(p[0], F_GETOWN) == -child[0]);
	fcntl(p[0], F_SETSIG, RT);
	fcntl(p[0], F_SETFL, O_ASYNC);
	write(p[1], "x", 1);
	for (int i = 0; i < 2; i++) {
		waitpid(child[i], &st, 0);
		printf("member %d got %d\n", i, WEXITSTATUS(st));
	}
	taken("we did not", 0);
}

static void sizes(void)
{
	int p[2];
	char buf[8192] = {0};

	pipe(p);
	printf("size %d", fcntl(p[0], F_GETPIPE_SZ));
	static const unsigned tries[] = {0, 1, 4096, 4097, 65536, 100000, 1u << 20, (1u << 31) + 1, 0xffffffff};
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		printf(" %x:%d", tries[i], fcntl(p[0], F_SETPIPE_SZ, tries[i]));
	fcntl(p[0], F_SETPIPE_SZ, 16384);
	write(p[1], buf, 8192);
	printf(" busy %s %d", err(fcntl(p[1], F_SETPIPE_SZ, 4096)), fcntl(p[1], F_GETPIPE_SZ));
	printf(" file %s\n", err(fcntl(open("/dev/null", O_RDONLY), F_GETPIPE_SZ)));
	printf("dupfd -1 %s big %s", err(fcntl(p[0], F_DUPFD, -1)), err(fcntl(p[0], F_DUPFD, 1 << 30)));
	int d = fcntl(p[0], F_DUPFD, 40);
	printf(" 40 %d cloexec %d", d, fcntl(d, F_GETFD));
	d = fcntl(p[0], F_DUPFD_CLOEXEC, 40);
	printf(" %d %d\n", d, fcntl(d, F_GETFD));
	int f = open("hint", O_RDWR | O_CREAT, 0600);
	unsigned long long h = 77;
	printf("hint %s %llu", err(fcntl(f, 1035, &h)), h);
	h = 3;
	printf(" set %s", err(fcntl(f, 1036, &h)));
	h = 0;
	fcntl(f, 1035, &h);
	printf(" %llu", h);
	h = 6;
	printf(" bad %s", err(fcntl(f, 1036, &h)));
	printf(" fault %s", err(fcntl(f, 1036, 16)));
	printf(" unknown %s\n", err(fcntl(f, 1999, 0)));
	unlink("hint");
}

int main(void)
{
	sigset_t set;

	setvbuf(stdout, NULL, _IOLBF, 0);
	first = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGURG);
	sigaddset(&set, RT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	owners();
	pipes();
	sockets();
	tcp();
	others();
	terminals();
	targets();
	sizes();
	return 0;
}
