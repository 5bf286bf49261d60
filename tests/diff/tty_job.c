/* SPDX-License-Identifier: MIT */
/* Sessions, the controlling terminal, foreground groups and the signals of job control. credentials(7), tty_ioctl(4). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int m, s;

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static volatile sig_atomic_t seen;

static void handler(int signo)
{
	seen = signo;
}

static void catch(int signo)
{
	struct sigaction sa = {.sa_handler = handler};

	sigaction(signo, &sa, NULL);
}

static void wait_seen(const char *what, int signo)
{
	for (int i = 0; i < 500 && !seen; i++)
		usleep(1000);
	printf("%s: %s\n", what, seen == signo ? "signal" : seen ? "another signal" : "none");
	seen = 0;
}

/* A child in the group *pgid* (0: its own); runs fn and exits. Shows how it ended or stopped. */
static void in_group(const char *what, void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		signal(SIGTTIN, SIG_DFL);
		signal(SIGTTOU, SIG_DFL);
		fn();
		_exit(0);
	}
	setpgid(pid, pid);
	waitpid(pid, &status, WUNTRACED);
	printf("%s: %s %d\n", what, WIFSTOPPED(status) ? "stopped" : WIFSIGNALED(status) ? "killed" : "exited",
		WIFSTOPPED(status) ? WSTOPSIG(status) : WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (WIFSTOPPED(status)) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
}

static void do_read(void)
{
	char c;

	_exit(read(s, &c, 1) < 0 ? errno : 0);
}
static void do_read_ignoring(void)
{
	char c;

	signal(SIGTTIN, SIG_IGN);
	_exit(read(s, &c, 1) < 0 ? errno : 0);
}
static void do_write(void)
{
	_exit(write(s, "x", 1) < 0 ? errno : 0);
}
static void do_tcset(void)
{
	struct termios t;

	tcgetattr(s, &t);
	_exit(tcsetattr(s, TCSANOW, &t) < 0 ? errno : 0);
}
static void do_tcset_ignoring(void)
{
	signal(SIGTTOU, SIG_IGN);
	do_tcset();
}
static void do_setpgrp(void)
{
	_exit(tcsetpgrp(s, getpgrp()) < 0 ? errno : 0);
}
static void do_get(void)
{
	struct termios t;
	struct winsize w;

	_exit(tcgetattr(s, &t) < 0 || ioctl(s, TIOCGWINSZ, &w) < 0 ? errno : 0);
}

static void background(void)
{
	struct termios t;

	in_group("background read", do_read);
	in_group("background read, ignored", do_read_ignoring);
	in_group("background write", do_write);
	in_group("background settings", do_tcset);
	in_group("background settings, ignored", do_tcset_ignoring);
	in_group("background look", do_get);
	in_group("background tcsetpgrp", do_setpgrp);
	tcgetattr(s, &t);
	t.c_lflag |= TOSTOP;
	tcsetattr(s, TCSANOW, &t);
	in_group("background write, tostop", do_write);
	t.c_lflag &= ~(tcflag_t)TOSTOP;
	tcsetattr(s, TCSANOW, &t);
}

static void keyboard(void)
{
	struct winsize w = {10, 20, 0, 0};
	char c;

	catch(SIGINT);
	catch(SIGQUIT);
	catch(SIGTSTP);
	catch(SIGWINCH);
	write(m, "abc\003", 4);
	wait_seen("interrupt", SIGINT);
	fcntl(s, F_SETFL, O_NONBLOCK);
	printf("input flushed: %s\n", err(read(s, &c, 1)));
	fcntl(s, F_SETFL, 0);
	write(m, "\034", 1);
	wait_seen("quit", SIGQUIT);
	write(m, "\032", 1);
	wait_seen("suspend", SIGTSTP);
	ioctl(m, TIOCSWINSZ, &w);
	wait_seen("window", SIGWINCH);
	ioctl(m, TIOCSWINSZ, &w);
	usleep(20000);
	printf("same window: %s\n", seen ? "signal" : "none");
	ioctl(m, TIOCSIG, SIGINT);
	wait_seen("sent by master", SIGINT);
}

static void session(void)
{
	pid_t pg = 0, sid = 0;
	int t;

	printf("no terminal yet: %s\n", err(open("/dev/tty", O_RDWR)));
	printf("tcgetpgrp %s\n", err(tcgetpgrp(s)));
	printf("take %s\n", err(ioctl(s, TIOCSCTTY, 0)));
	printf("again %s\n", err(ioctl(s, TIOCSCTTY, 0)));
	t = open("/dev/tty", O_RDWR);
	printf("/dev/tty %s isatty %d\n", err(t), isatty(t));
	ioctl(t, TIOCGPGRP, &pg);
	ioctl(t, TIOCGSID, &sid);
	printf("group %d session %d\n", pg == getpgrp(), sid == getsid(0));
	pg = 0;
	printf("seen by master: %s", err(ioctl(m, TIOCGPGRP, &pg)));
	printf(" %d\n", pg == getpgrp());
	printf("bad group %s, negative %s\n", err(tcsetpgrp(s, 30000)), err(tcsetpgrp(s, -1)));
	pid_t other = getppid();
	printf("other session's group %s\n", err(tcsetpgrp(s, getpgid(other))));
	close(t);
	background();
	keyboard();
	pid_t pid = fork();
	if (!pid) {
		printf("child gives up: %s\n", err(ioctl(s, TIOCNOTTY)));
		printf("child: %s\n", err(open("/dev/tty", O_RDWR)));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("parent keeps: %s\n", err(t = open("/dev/tty", O_RDWR)));
	close(t);
	catch(SIGHUP);
	catch(SIGCONT);
	seen = 0;
	pid = fork();
	if (!pid) {
		close(m);
		signal(SIGHUP, SIG_DFL);
		pause();
	}
	usleep(10000);
	close(m);
	int status;
	usleep(50000);
	printf("leader was told: %d\n", seen == SIGHUP || seen == SIGCONT);
	printf("terminal gone: %s\n", err(open("/dev/tty", O_RDWR)));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("child %d\n", WTERMSIG(status));
}

/* The leader ends: the foreground group is hung up. */
static void leader_exit(void)
{
	int p[2];
	char buf[64];
	ssize_t n;

	m = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(m);
	unlockpt(m);
	if (pipe(p))
		return;
	pid_t leader = fork();
	if (!leader) {
		setsid();
		s = open(ptsname(m), O_RDWR); /* without O_NOCTTY: becomes the controlling terminal */
		int tty = open("/dev/tty", O_RDWR);
		dprintf(p[1], "opened %d ", tty >= 0);
		pid_t child = fork();
		if (!child) {
			catch(SIGHUP);
			for (int i = 0; i < 2000 && !seen; i++)
				usleep(1000);
			char c;
			fcntl(s, F_SETFL, O_NONBLOCK);
			n = read(s, &c, 1);
			dprintf(p[1], "child %s, read %s", seen == SIGHUP ? "hung up" : "not hung up", err(n));
			n = write(s, "x", 1);
			dprintf(p[1], ", write %s", err(n));
			_exit(open("/dev/tty", O_RDWR) >= 0);
		}
		usleep(300000);
		_exit(0);
	}
	close(p[1]);
	waitpid(leader, NULL, 0);
	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		printf("%.*s", (int)n, buf);
	printf("\n");
	close(p[0]);
	close(m);
}

int main(void)
{
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Whoever started us may have made us the leader of a session: go on as one who is none. */
	pid_t first = fork();
	if (first) {
		waitpid(first, &status, 0);
		return WEXITSTATUS(status);
	}
	m = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY);
	printf("not a leader: %s\n", err(ioctl(s, TIOCSCTTY, 0)));
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		setsid();
		session();
		_exit(3);
	}
	close(m); /* the child's close shall be the last */
	close(s);
	waitpid(pid, &status, 0);
	printf("session ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	leader_exit();
	return 0;
}
