/* SPDX-License-Identifier: MIT */
/* mq_open(3) and kin, and the files of /dev/mqueue. */
#include "ipc_util.h"
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>

static struct mq_attr at(long n, long size)
{
	struct mq_attr a = {.mq_maxmsg = n, .mq_msgsize = size};

	return a;
}

static int fresh(const char *name, long n, long size)
{
	struct mq_attr a = at(n, size);

	mq_unlink(name);
	return mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
}

static void receive(const char *what, int q)
{
	char buf[9000] = "";
	unsigned prio = 99;
	ssize_t n = mq_receive(q, buf, sizeof(buf), &prio);

	if (n < 0)
		printf("%s: %s\n", what, err(n));
	else
		printf("%s: %zd '%.*s' prio %u\n", what, n, (int)n, buf, prio);
}

static void opening(void)
{
	struct mq_attr a;
	char longname[300];
	int q, r;

	mq_unlink("/ta");
	SHOW("absent", mq_open("/ta", O_RDWR));
	SHOW("unlink absent", mq_unlink("/ta"));
	a = at(11, 10);
	SHOW("too many messages", mq_open("/ta", O_RDWR | O_CREAT, 0600, &a));
	a = at(10, 8193);
	SHOW("too long", mq_open("/ta", O_RDWR | O_CREAT, 0600, &a));
	a = at(0, 10);
	SHOW("no messages", mq_open("/ta", O_RDWR | O_CREAT, 0600, &a));
	a = at(10, -1);
	SHOW("negative", mq_open("/ta", O_RDWR | O_CREAT, 0600, &a));
	SHOW("fault", mq_open("/ta", O_RDWR | O_CREAT, 0600, (void *)8));
	q = mq_open("/ta", O_RDWR | O_CREAT, 0600, NULL);
	SHOW("defaults", q);
	mq_getattr(q, &a);
	printf("%ld %ld %ld %ld\n", a.mq_flags, a.mq_maxmsg, a.mq_msgsize, a.mq_curmsgs);
	printf("cloexec %d\n", fcntl(q, F_GETFD));
	SHOW("excl", mq_open("/ta", O_RDWR | O_CREAT | O_EXCL, 0600, NULL));
	SHOW("bad mode", mq_open("/ta", O_ACCMODE));
	r = mq_open("/ta", O_RDONLY);
	SHOW("send to a reader", mq_send(r, "x", 1, 0));
	close(r);
	r = mq_open("/ta", O_WRONLY);
	receive("receive from a writer", r);
	close(r);
	SHOW("not a queue", mq_send(1, "x", 1, 0));
	SHOW("closed", mq_send(r, "x", 1, 0));
	SHOW("attributes of another file", mq_getattr(1, &a));
	SHOW("slash", syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL));
	SHOW("dot", syscall(SYS_mq_open, ".", O_RDWR | O_CREAT, 0600, NULL));
	SHOW("empty", syscall(SYS_mq_open, "", O_RDWR | O_CREAT, 0600, NULL));
	memset(longname, 'a', sizeof(longname));
	longname[0] = '/';
	longname[299] = 0;
	SHOW("long", mq_open(longname, O_RDWR | O_CREAT, 0600, NULL));
	SHOW("name fault", syscall(SYS_mq_open, 8, O_RDWR, 0600, NULL));
	SHOW("unlink", mq_unlink("/ta"));
	SHOW("still there", mq_send(q, "x", 1, 0));
	receive("and", q);
	SHOW("gone", mq_open("/ta", O_RDWR));
	close(q);
}

static void order(void)
{
	int q = fresh("/tb", 6, 20), flags;
	struct mq_attr a, old;
	struct timespec now;

	SHOW("low", mq_send(q, "low", 3, 1));
	SHOW("high", mq_send(q, "high", 4, 9));
	SHOW("low again", mq_send(q, "low2", 4, 1));
	SHOW("top", mq_send(q, "top", 3, 32767));
	SHOW("beyond", mq_send(q, "top", 3, 32768));
	SHOW("empty one", mq_send(q, "", 0, 0));
	SHOW("too long", mq_send(q, "123456789012345678901", 21, 0));
	SHOW("fault", mq_send(q, (void *)8, 2, 0));
	mq_getattr(q, &a);
	printf("%ld messages\n", a.mq_curmsgs);
	SHOW("small buffer", mq_receive(q, (char *)&a, 19, NULL));
	for (int i = 0; i < 5; i++)
		receive("got", q);
	a.mq_flags = O_NONBLOCK;
	SHOW("nonblock", mq_setattr(q, &a, &old));
	printf("was %ld\n", old.mq_flags);
	printf("flag %d\n", (fcntl(q, F_GETFL) & O_NONBLOCK) != 0);
	receive("empty", q);
	for (int i = 0; i < 6; i++)
		mq_send(q, "x", 1, 0);
	SHOW("full", mq_send(q, "x", 1, 0));
	a.mq_flags = O_APPEND;
	SHOW("odd flag", mq_setattr(q, &a, NULL));
	SHOW("attr fault", mq_setattr(q, (void *)8, NULL));
	a.mq_flags = 0;
	mq_setattr(q, &a, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_nsec = 0;
	SHOW("time is over", mq_timedsend(q, "x", 1, 0, &now));
	now.tv_nsec = 1000000000;
	SHOW("bad time", mq_timedsend(q, "x", 1, 0, &now));
	SHOW("bad time, room or not", mq_timedreceive(q, (char *)&a, 20, NULL, &now));
	SHOW("time fault", mq_timedsend(q, "x", 1, 0, (void *)8));
	while (mq_getattr(q, &a), a.mq_curmsgs)
		mq_receive(q, (char[20]){0}, 20, NULL);
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_nsec += 2000000;
	if (now.tv_nsec >= 1000000000) {
		now.tv_nsec -= 1000000000;
		now.tv_sec++;
	}
	SHOW("a short wait", mq_timedreceive(q, (char *)&a, 64, NULL, &now));
	mq_unlink("/tb");
	close(q);
}

static void sleepers(void)
{
	int q = fresh("/tc", 1, 20);
	char text[20];
	pid_t a;

	a = fork();
	if (!a) {
		receive("child", q);
		_exit(0);
	}
	wait_asleep(a);
	mq_send(q, "wake", 4, 3);
	reap(a);
	mq_send(q, "fill", 4, 0);
	a = fork();
	if (!a)
		_exit(mq_send(q, "next", 4, 5) ? errno : 0);
	wait_asleep(a);
	receive("first", q);
	printf("sender %d\n", reap(a));
	receive("second", q);
	handle(SIGUSR1, 0);
	a = fork();
	if (!a) {
		receive("interrupted", q);
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	reap(a);
	handle(SIGUSR1, SA_RESTART);
	a = fork();
	if (!a) {
		receive("made again", q);
		printf("handler ran %d\n", n_sig);
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGUSR1);
	wait_asleep(a);
	mq_send(q, "at last", 7, 0);
	reap(a);
	a = fork();
	if (!a) {
		receive("stopped", q);
		_exit(0);
	}
	wait_asleep(a);
	kill(a, SIGSTOP);
	waitpid(a, NULL, WUNTRACED);
	kill(a, SIGCONT);
	wait_asleep(a);
	mq_send(q, "again", 5, 0);
	reap(a);
	mq_unlink("/tc");
	close(q);
}

static void polling(void)
{
	int q = fresh("/td", 1, 20), ep = epoll_create1(0);
	struct pollfd p = {q, POLLIN | POLLOUT, 0};
	struct epoll_event ev = {EPOLLIN | EPOLLET, {0}};
	fd_set r;

	poll(&p, 1, 0);
	printf("empty %x\n", p.revents);
	epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev);
	printf("epoll %d\n", epoll_wait(ep, &ev, 1, 0));
	mq_send(q, "x", 1, 0);
	poll(&p, 1, 0);
	printf("full %x\n", p.revents);
	printf("epoll %d\n", epoll_wait(ep, &ev, 1, 0));
	printf("edge %d\n", epoll_wait(ep, &ev, 1, 0));
	FD_ZERO(&r);
	FD_SET(q, &r);
	printf("select %d\n", select(q + 1, &r, NULL, NULL, NULL));
	if (!fork()) {
		nap(5);
		_exit(mq_receive(q, (char[20]){0}, 20, NULL) != 1);
	}
	p.events = POLLOUT;
	printf("poll %d %x\n", poll(&p, 1, 5000), p.revents);
	wait(NULL);
	mq_unlink("/td");
	close(q);
	close(ep);
}

static siginfo_t seen;
static void on_info(int s, siginfo_t *si, void *uc)
{
	seen = *si;
	n_sig++;
}

static void *hold_arg;
static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int thread_ran;
static void on_thread(union sigval v)
{
	pthread_mutex_lock(&mtx);
	thread_ran = v.sival_int;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&mtx);
}

static void status(int q)
{
	char buf[200];
	ssize_t n = pread(q, buf, sizeof(buf) - 1, 0);
	int size, notify, signo, pid;

	buf[n > 0 ? n : 0] = 0;
	if (sscanf(buf, "QSIZE:%d NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &size, &notify, &signo, &pid) == 4)
		printf("status %zd bytes: size %d notify %d signo %d pid %d\n", n, size, notify, signo, pid == getpid());
	else
		printf("status '%s'\n", buf);
}

static void notifying(void)
{
	int q = fresh("/te", 4, 20);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 42};
	struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
	pid_t a;

	sigaction(SIGUSR2, &sa, NULL);
	n_sig = 0;
	status(q);
	SHOW("register", mq_notify(q, &ev));
	status(q);
	SHOW("twice", mq_notify(q, &ev));
	a = fork();
	if (!a) {
		SHOW("another process", mq_notify(q, &ev));
		SHOW("another's removal", mq_notify(q, NULL));
		_exit(0);
	}
	reap(a);
	status(q);
	a = fork();
	if (!a)
		_exit(mq_send(q, "hello", 5, 0));
	reap(a);
	printf("signals %d code %d value %d from child %d errno %d\n", n_sig, seen.si_code == SI_MESGQ, seen.si_value.sival_int,
	       seen.si_pid == a && seen.si_uid == getuid(), seen.si_errno);
	status(q);
	mq_send(q, "more", 4, 0);
	printf("once only %d\n", n_sig);
	SHOW("register on a full one", mq_notify(q, &ev));
	mq_send(q, "more", 4, 0);
	printf("not empty: %d\n", n_sig);
	while (mq_receive(q, (char[20]){0}, 20, NULL) >= 0) {
		struct mq_attr at;

		mq_getattr(q, &at);
		if (!at.mq_curmsgs)
			break;
	}
	a = fork();
	if (!a) {
		receive("a receiver comes first", q);
		_exit(0);
	}
	wait_asleep(a);
	mq_send(q, "x", 1, 0);
	reap(a);
	printf("no signal: %d\n", n_sig);
	SHOW("remove", mq_notify(q, NULL));
	SHOW("remove none", mq_notify(q, NULL));
	mq_send(q, "x", 1, 0);
	printf("none: %d\n", n_sig);
	receive("it", q);
	ev.sigev_notify = SIGEV_NONE;
	SHOW("none", mq_notify(q, &ev));
	status(q);
	mq_send(q, "x", 1, 0);
	status(q);
	receive("it", q);
	ev.sigev_notify = 77;
	SHOW("bad kind", mq_notify(q, &ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	SHOW("bad signal", mq_notify(q, &ev));
	SHOW("fault", syscall(SYS_mq_notify, q, 8));
	SHOW("not a queue", mq_notify(1, NULL));
	ev.sigev_notify = SIGEV_THREAD;
	ev.sigev_notify_function = on_thread;
	ev.sigev_notify_attributes = NULL;
	ev.sigev_value.sival_int = 7;
	SHOW("thread", mq_notify(q, &ev));
	mq_send(q, "x", 1, 0);
	pthread_mutex_lock(&mtx);
	while (!thread_ran)
		pthread_cond_wait(&cond, &mtx);
	pthread_mutex_unlock(&mtx);
	printf("thread ran %d\n", thread_ran);
	receive("it", q);
	SHOW("thread", mq_notify(q, &ev));
	SHOW("remove", mq_notify(q, NULL));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGUSR2;
	SHOW("register", mq_notify(q, &ev));
	close(dup(q));
	status(q);
	mq_unlink("/te");
	close(q);
	{
		struct { uint64_t v; int signo, notify; char pad[48]; } raw = {8, 1, SIGEV_THREAD};

		q = fresh("/te", 4, 20);
		SHOW("cookie fault", syscall(SYS_mq_notify, q, &raw));
		raw.v = (uint64_t)&seen;
		SHOW("no socket", syscall(SYS_mq_notify, q, &raw));
		raw.signo = 999;
		SHOW("no descriptor", syscall(SYS_mq_notify, q, &raw));
		close(q);
		mq_unlink("/te");
	}
}

static void limits(void)
{
	struct rlimit rl = {100000, 100000};
	struct mq_attr a = at(10, 8192);
	int q, n = 0, fds[20];
	char name[20];

	setrlimit(RLIMIT_MSGQUEUE, &rl);
	for (n = 0; n < 20; n++) {
		snprintf(name, sizeof(name), "/l%d", n);
		fds[n] = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
		if (fds[n] < 0)
			break;
	}
	printf("%d queues, then %s\n", n, strerrorname_np(errno));
	while (n--) {
		snprintf(name, sizeof(name), "/l%d", n);
		mq_unlink(name);
		SHOW("unlinked but open counts", q = mq_open("/lx", O_RDWR | O_CREAT, 0600, &a));
		close(fds[n]);
	}
	SHOW("now", q = mq_open("/lx", O_RDWR | O_CREAT, 0600, &a));
	close(q);
	mq_unlink("/lx");
}

static void rights(void)
{
	struct mq_attr a = at(2, 10);
	int q = mq_open("/r", O_RDWR | O_CREAT, 0200, &a);
	struct stat st;

	umask(0);
	fstat(q, &st);
	printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
	SHOW("read", mq_open("/r", O_RDONLY));
	SHOW("write", mq_open("/r", O_WRONLY));
	SHOW("both", mq_open("/r", O_RDWR));
	SHOW("chmod", fchmod(q, 0600));
	SHOW("both", mq_open("/r", O_RDWR));
	mq_unlink("/r");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The limits are those of one without CAP_SYS_RESOURCE, whoever runs this. */
	syscall(SYS_capset, (uint32_t[]){0x20080522, 0}, (uint32_t[6]){0});
	opening();
	order();
	sleepers();
	polling();
	notifying();
	limits();
	rights();
	return 0;
}
