/* SPDX-License-Identifier: MIT */
/* signal(7): which calls are made again after a handler with SA_RESTART, which end with EINTR, and that time-outs count on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
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

#define SAID 160   /* bytes of a line */
#define BATCH 46   /* calls that wait at the same time, each in a process of its own */

static int p[2], sv[2], full[2], ep, futex_word, inot, tfd, sfd, efd, fd_lock, msgid, semid, n_tries, running;
static mqd_t mq;
static pid_t child;
static volatile sig_atomic_t handled;
static char *all, *said;

static void say(const char *fmt, ...);
static void finish(void);

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
		say(" rem %s", rem.tv_sec == 0 && rem.tv_nsec > 0 && rem.tv_nsec < 390000000 ? "ok" : "bad");
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

	return fcntl(fd_lock, F_OFD_SETLKW, &l);
}

static long do_flock(void)
{
	return flock(fd_lock, LOCK_EX);
}

static long do_write(void)
{
	return write(full[1], "", 1);
}

static long do_send_timeo(void)
{
	struct timeval tv = {.tv_usec = 400000};
	int s[2], n = 4096;
	static char buf[65536];

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	while (send(s[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	errno = 0;
	return send(s[0], buf, 1, 0);
}

static long do_recvmmsg(void)
{
	char c;
	struct iovec iov = {&c, 1};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};

	return recvmmsg(sv[0], &m, 1, 0, NULL);
}

static long do_ppoll(void)
{
	struct timespec ts = {.tv_nsec = 400000000};
	struct pollfd f = {.fd = p[0], .events = POLLIN};

	return ppoll(&f, 1, &ts, NULL);
}

static long do_pselect(void)
{
	struct timespec ts = {.tv_nsec = 400000000};
	fd_set s;

	FD_ZERO(&s);
	FD_SET(p[0], &s);
	return pselect(p[0] + 1, &s, NULL, NULL, &ts, NULL);
}

static long do_epoll_pwait2(void)
{
	struct timespec ts = {.tv_nsec = 400000000};
	struct epoll_event ev;

	return syscall(SYS_epoll_pwait2, ep, &ev, 1, &ts, NULL, 8);
}

static long do_inotify(void)
{
	char buf[256];

	return read(inot, buf, sizeof(buf)) > 0 ? 0 : -1;
}

static long do_timerfd(void)
{
	struct itimerspec its = {.it_value = {.tv_nsec = 400000000}};
	uint64_t n;

	timerfd_settime(tfd, 0, &its, NULL);
	return read(tfd, &n, 8) == 8 ? 0 : -1;
}

static long do_eventfd(void)
{
	uint64_t n;

	return read(efd, &n, 8) == 8 ? 0 : -1;
}

static long do_signalfd(void)
{
	struct signalfd_siginfo si;

	return read(sfd, &si, sizeof(si)) > 0 ? 0 : -1;
}

static long do_msgrcv(void)
{
	struct {
		long type;
		char c[8];
	} m;

	return msgrcv(msgid, &m, sizeof(m.c), 0, 0) >= 0 ? 0 : -1;
}

static long do_semop(void)
{
	struct sembuf b = {0, -1, 0};

	return semop(semid, &b, 1);
}

static long do_semtimedop(void)
{
	struct sembuf b = {0, -1, 0};
	struct timespec ts = {.tv_nsec = 400000000};

	return semtimedop(semid, &b, 1, &ts);
}

static long do_mq(void)
{
	char buf[64];

	return mq_receive(mq, buf, sizeof(buf), NULL) >= 0 ? 0 : -1;
}

static long do_mq_timed(void)
{
	struct timespec ts;
	char buf[64];

	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 400000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	return mq_timedreceive(mq, buf, sizeof(buf), NULL, &ts) >= 0 ? 0 : -1;
}

static long do_fifo(void)
{
	char name[64];

	snprintf(name, sizeof(name), "fifo.%d", (int)getpid());
	return open(name, O_RDONLY) >= 0 ? 0 : -1;
}

static long do_clock_real(void)
{
	struct timespec ts = {.tv_nsec = 400000000}, rem = {9, 9};
	int r = clock_nanosleep(CLOCK_REALTIME, 0, &ts, &rem);

	if (r)
		say(" rem %s", rem.tv_sec == 0 && rem.tv_nsec > 0 && rem.tv_nsec < 390000000 ? "ok" : "bad");
	errno = r;
	return r ? -1 : 0;
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
	{"flock", do_flock, 3},
	{"write", do_write, 1},
	{"send with SO_SNDTIMEO", do_send_timeo, 0},
	{"recvmmsg", do_recvmmsg, 1},
	{"ppoll", do_ppoll, 0},
	{"pselect", do_pselect, 0},
	{"epoll_pwait2", do_epoll_pwait2, 0},
	{"inotify", do_inotify, 1},
	{"timerfd", do_timerfd, 0},
	{"eventfd", do_eventfd, 1},
	{"signalfd", do_signalfd, 1},
	{"msgrcv", do_msgrcv, 1},
	{"semop", do_semop, 1},
	{"semtimedop", do_semtimedop, 0},
	{"mq_receive", do_mq, 1},
	{"mq_timedreceive", do_mq_timed, 0},
	{"open fifo", do_fifo, 1},
	{"clock_nanosleep real", do_clock_real, 0},
};

/* Things to wait for, of this process alone. */
static void set_up(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 64};
	char name[64];
	sigset_t set;

	pipe(p);
	pipe(full);
	fcntl(full[1], F_SETFL, O_NONBLOCK);
	while (write(full[1], said, SAID) > 0)
		;
	while (write(full[1], said, 1) > 0)
		;
	fcntl(full[1], F_SETFL, 0);
	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	snprintf(name, sizeof(name), "lock.%d", (int)getpid());
	fd_lock = open(name, O_RDWR | O_CREAT, 0600);
	snprintf(name, sizeof(name), "fifo.%d", (int)getpid());
	mkfifo(name, 0600);
	inot = inotify_init1(0);
	inotify_add_watch(inot, name, IN_ATTRIB);
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	tfd = timerfd_create(CLOCK_MONOTONIC, 0);
	efd = eventfd(0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sfd = signalfd(-1, &set, 0);
	msgid = msgget(IPC_PRIVATE, 0600);
	semid = semget(IPC_PRIVATE, 1, 0600);
	snprintf(name, sizeof(name), "/restart.%d", (int)getpid());
	mq = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
	mq_unlink(name);
}

/* What the call waits for. */
static void satisfy(pid_t parent)
{
	struct {
		long type;
		char c[8];
	} m = {1, ""};
	struct sembuf up = {0, 1, 0};
	char name[64], buf[8192];

	write(p[1], "", 1);
	write(sv[1], "", 1);
	read(full[0], buf, sizeof(buf));
	write(efd, &(uint64_t){1}, 8);
	kill(parent, SIGRTMIN);
	msgsnd(msgid, &m, 1, 0);
	semop(semid, &up, 1);
	mq_send(mq, "", 1, 0);
	snprintf(name, sizeof(name), "fifo.%d", (int)parent);
	chmod(name, 0640);
	open(name, O_RDWR);
	usleep(50000);
}

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
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "lock.%d", (int)parent);
		fd = open(name, O_RDWR);
		fcntl(fd, F_OFD_SETLKW, &l);
		flock(fd, LOCK_EX);
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
	if (needs == 1)
		satisfy(parent);
	_exit(0);
}

static void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + strlen(said), SAID - strlen(said), fmt, ap);
	va_end(ap);
}

static void try(size_t i, int flags, int sig, const char *how)
{
	struct sigaction sa = {.sa_handler = sig == SIGCHLD ? SIG_DFL : handler, .sa_flags = flags};
	double t0, d;
	long r;

	set_up();
	sigaction(SIGUSR1, &sa, NULL);
	child = helper(calls[i].needs, sig);
	say("%s, %s:", calls[i].name, how);
	t0 = now();
	errno = 0;
	r = calls[i].fn();
	d = now() - t0;
	if (r < 0)
		say(" %s", strerrorname_np(errno));
	else
		say(" ok");
	say(", handled %d, %s\n", (int)handled, d < 0.35 ? "early" : d < 5 ? "full" : "late");
	waitpid(child, NULL, 0);
	_exit(0);
}

static void plan(size_t i, int flags, int sig, const char *how)
{
	said = all + (size_t)n_tries++ * SAID;
	if (!fork())
		try(i, flags, sig, how);
	if (++running == BATCH)
		finish();
}

static void finish(void)
{
	int st;

	for (; running > 0 && wait(&st) > 0; running--)
		;
}

int main(void)
{
	size_t n = sizeof(calls) / sizeof(calls[0]);

	all = mmap(NULL, 4 * n * SAID, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < n; i++) {
		plan(i, 0, SIGUSR1, "no SA_RESTART");
		plan(i, SA_RESTART, SIGUSR1, "SA_RESTART");
		if (calls[i].fn == do_pause || calls[i].fn == do_sigsuspend)
			continue;
		plan(i, 0, SIGCHLD, "ignored signal");
		plan(i, 0, SIGSTOP, "stopped and continued");
	}
	finish();
	for (int i = 0; i < n_tries; i++)
		fputs(all + (size_t)i * SAID, stdout);
	return 0;
}
