/* SPDX-License-Identifier: MIT */
/* waitid(2) on pidfds, __WNOTHREAD, what is written of a siginfo, SIGCHLD of stops, death signals, subreapers, kcmp and pidfd calls. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void show(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : r ? "yes" : "0");
	fflush(stdout);
}

static int open_pidfd(pid_t pid, int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static void pidfds(void)
{
	struct rusage ru;
	siginfo_t si;
	int p[2], fd, fd2;
	char c = 'x';
	pid_t pid;

	pipe(p);
	pid = fork();
	if (!pid) {
		read(p[0], &c, 1);
		_exit(9);
	}
	fd = open_pidfd(pid, O_NONBLOCK);
	show("nonblock", waitid(P_PIDFD, fd, &si, WEXITED));
	show("nonblock, WNOHANG", waitid(P_PIDFD, fd, &si, WEXITED | WNOHANG));
	show("negative", waitid(P_PIDFD, -1, &si, WEXITED));
	show("no pidfd", waitid(P_PIDFD, p[0], &si, WEXITED));
	show("closed", waitid(P_PIDFD, 999, &si, WEXITED));
	fd2 = open_pidfd(getpid(), 0);
	show("not a child", waitid(P_PIDFD, fd2, &si, WEXITED));
	show("poll, alive", poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0));
	show("getfd", syscall(SYS_pidfd_getfd, fd, 99, 0));
	show("getfd flags", syscall(SYS_pidfd_getfd, fd, p[1], 1));
	show("getfd no pidfd", syscall(SYS_pidfd_getfd, p[0], p[1], 0));
	show("getfd bad", syscall(SYS_pidfd_getfd, 999, p[1], 0));
	int got = (int)syscall(SYS_pidfd_getfd, fd, p[1], 0);

	show("getfd ok", got);
	printf("cloexec %d same %ld\n", fcntl(got, F_GETFD), syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, got, p[1]));
	show("mrelease alive", syscall(448, fd, 0));
	show("mrelease flags", syscall(448, fd, 1));
	show("mrelease no pidfd", syscall(448, p[0], 0));
	show("send 0", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	show("send flags", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0x80));
	show("send bad signal", syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0));
	write(got, &c, 1);
	show("poll, dead", poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000));
	memset(&ru, 0xff, sizeof(ru));
	show("waitid", syscall(SYS_waitid, P_PIDFD, fd, &si, WEXITED, &ru));
	printf("status %d code %d rusage %d\n", si.si_status, si.si_code, ru.ru_maxrss >= 0);
	show("again", waitid(P_PIDFD, fd, &si, WEXITED));
	show("send", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	show("getfd dead", syscall(SYS_pidfd_getfd, fd, 0, 0));
	show("open 0", open_pidfd(0, 0));
	show("open negative", open_pidfd(-1, 0));
	show("open none", open_pidfd(4194000, 0));
	show("open flags", open_pidfd(getpid(), 0x100));
	close(fd), close(fd2), close(got), close(p[0]), close(p[1]);
}

/* What waitid leaves alone in a siginfo. */
static void written(const char *what, int options)
{
	unsigned char b[128];
	int last = 0;
	long r;

	memset(b, 0xaa, sizeof(b));
	r = syscall(SYS_waitid, P_ALL, 0, b, options, NULL);
	for (int i = 0; i < 128; i++)
		if (b[i] != 0xaa)
			last = i;
	printf("%s: %ld signo %d hole %x last byte %d\n", what, r, *(int *)b, *(unsigned *)(b + 12), last);
}

static void *wait_in_thread(void *arg)
{
	int st = 0;

	show("a thread, WNOTHREAD", waitpid(-1, &st, __WNOTHREAD | WNOHANG));
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	show("its own, WNOTHREAD", waitpid(-1, &st, __WNOTHREAD) == pid);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		for (;;)
			pause();
	}
	usleep(50000); /* the signal is sent to who asked before */
	return (void *)(long)pid;
}

static void threads(void)
{
	pid_t a = fork();
	pthread_t th;
	void *ret;
	int st;

	if (!a)
		_exit(1);
	pthread_create(&th, NULL, wait_in_thread, NULL);
	pthread_join(th, &ret);
	waitpid((pid_t)(long)ret, &st, 0);
	printf("died with its thread: %d\n", WIFSIGNALED(st) && WTERMSIG(st) == SIGUSR2);
	show("the other", waitpid(-1, &st, __WNOTHREAD) == a);
	show("none", waitpid(-1, &st, __WNOTHREAD));
}

static volatile sig_atomic_t n_news, news_ok;

static void on_news(int s, siginfo_t *si, void *uc)
{
	n_news++;
	if (si->si_uid == getuid() && si->si_pid > 0 && (si->si_code != CLD_CONTINUED || si->si_status == SIGCONT) &&
	    (si->si_code != CLD_STOPPED || si->si_status == SIGSTOP))
		news_ok++;
}

static void news(void)
{
	struct sigaction sa = {.sa_sigaction = on_news, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t pid;
	int st;

	sigaction(SIGCHLD, &sa, NULL);
	pid = fork();
	if (!pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	waitpid(pid, &st, WUNTRACED);
	kill(pid, SIGCONT);
	waitpid(pid, &st, WCONTINUED);
	usleep(50000);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	printf("news %d ok %d\n", n_news, news_ok);
	signal(SIGCHLD, SIG_DFL);
}

static void subreaper(void)
{
	pid_t pid, grand;
	int st, p[2], v = -1;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_GET_CHILD_SUBREAPER, &v, 0, 0, 0);
	printf("subreaper %d\n", v);
	pipe(p);
	pid = fork();
	if (!pid) {
		prctl(PR_GET_CHILD_SUBREAPER, &v, 0, 0, 0);
		printf("inherited %d\n", v);
		fflush(stdout);
		grand = fork();
		if (!grand) {
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			signal(SIGUSR1, SIG_IGN);
			write(p[1], "r", 1);
			usleep(50000);
			_exit(getppid() == *(pid_t *)&v ? 1 : 33);
		}
		read(p[0], &v, 1);
		_exit(0);
	}
	waitpid(pid, &st, 0);
	pid = waitpid(-1, &st, 0);
	printf("grandchild %d status %d\n", pid > 0, WEXITSTATUS(st));
	prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

static void compares(void)
{
	pid_t me = getpid();
	int fd = dup(1);

	printf("file %ld\n", syscall(SYS_kcmp, me, me, KCMP_FILE, 1, fd));
	printf("other %d\n", syscall(SYS_kcmp, me, me, KCMP_FILE, 1, open("/dev/null", O_RDONLY)) > 0);
	show("bad", syscall(SYS_kcmp, me, me, KCMP_FILE, 1, 999));
	printf("vm %ld files %ld fs %ld sighand %ld\n", syscall(SYS_kcmp, me, me, KCMP_VM, 0, 0), syscall(SYS_kcmp, me, me, KCMP_FILES, 0, 0),
	       syscall(SYS_kcmp, me, me, KCMP_FS, 0, 0), syscall(SYS_kcmp, me, me, KCMP_SIGHAND, 0, 0));
	int ep = epoll_create1(0);
	struct kcmp_epoll_slot slot = {ep, 0, 0};
	struct epoll_event ev = {EPOLLIN};
	int null = eventfd(0, 0);

	epoll_ctl(ep, EPOLL_CTL_ADD, null, &ev);
	slot.tfd = null;
	printf("epoll %ld\n", syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, null, &slot));
	slot.toff = 1;
	show("epoll, none", syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, null, &slot));
	slot.efd = null;
	show("no epoll", syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, null, &slot));
	show("fault", syscall(SYS_kcmp, me, me, KCMP_EPOLL_TFD, null, 8));
	show("type", syscall(SYS_kcmp, me, me, 55, 0, 0));
	show("none", syscall(SYS_kcmp, me, 4194000, KCMP_VM, 0, 0));
	close(fd);
}

int main(void)
{
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pidfds();
	written("no children", WEXITED);
	pid = fork();
	if (!pid) {
		pause();
		_exit(1);
	}
	written("nothing yet", WEXITED | WNOHANG);
	kill(pid, SIGKILL);
	written("a child", WEXITED);
	threads();
	news();
	subreaper();
	compares();
	return 0;
}
