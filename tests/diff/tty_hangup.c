/* SPDX-License-Identifier: MIT */
/* Terminals that go away, sessions that end, who may do what from where. credentials(7), ioctl_tty(2), vhangup(2). */
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
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static int m, s, result[2];

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static void tell(const char *what)
{
	write(result[1], what, strlen(what));
}

static volatile sig_atomic_t hups, conts;

static void on_signal(int signo)
{
	if (signo == SIGHUP)
		hups++;
	else
		conts++;
}

static void catch_both(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGCONT, &sa, NULL);
}

static void wait_for(volatile sig_atomic_t *count)
{
	for (int i = 0; i < 1000 && !*count; i++)
		usleep(2000);
}

static void new_terminal(void)
{
	m = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(m);
	unlockpt(m);
}

static void collect(const char *what)
{
	char buf[512];
	ssize_t n;

	close(result[1]);
	printf("%s:", what);
	while ((n = read(result[0], buf, sizeof(buf))) > 0)
		printf("%.*s", (int)n, buf);
	printf("\n");
	close(result[0]);
}

/* A group in front of a leader; the child waits for signals and tells what came. */
static void front_group(void)
{
	char line[80];
	pid_t me;

	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	catch_both();
	tcsetpgrp(s, getpgrp());
	tell(" front");
	wait_for(&hups);
	wait_for(&conts);
	me = getpid();
	snprintf(line, sizeof(line), " [front: hup %d cont %d tty %s]", hups, conts, err(open("/dev/tty", O_RDWR)));
	tell(line);
	_exit(me == 0);
}

/* The terminal goes: the leader is told, and those in front when the leader ends. */
static void window_closed(void)
{
	pid_t leader, front;
	char line[100];
	int ready[2];

	pipe(result);
	pipe(ready);
	new_terminal();
	leader = fork();
	if (!leader) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		close(m);
		front = fork();
		if (!front)
			front_group();
		catch_both();
		while (tcgetpgrp(s) != front)
			usleep(1000);
		usleep(20000);
		write(ready[1], "x", 1);
		wait_for(&hups);
		wait_for(&conts);
		snprintf(line, sizeof(line), " [leader: hup %d cont %d tty %s]", hups, conts,
			err(open("/dev/tty", O_RDWR)));
		tell(line);
		_exit(0);
	}
	read(ready[0], line, 1);
	close(m);
	waitpid(leader, NULL, 0);
	collect("window closed");
	close(ready[0]);
	close(ready[1]);
}

/* The leader ends: those in front are told SIGHUP alone, stopped background groups SIGHUP and SIGCONT. */
static void leader_ends(void)
{
	pid_t leader;
	char line[100];
	int st;

	pipe(result);
	new_terminal();
	leader = fork();
	if (!leader) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		pid_t stopped = fork();
		if (!stopped) {
			setpgid(0, 0);
			catch_both();
			raise(SIGSTOP);
			wait_for(&hups);
			snprintf(line, sizeof(line), " [stopped: hup %d cont %d]", hups, conts);
			tell(line);
			_exit(0);
		}
		waitpid(stopped, &st, WUNTRACED);
		pid_t front = fork();
		if (!front) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			catch_both();
			tcsetpgrp(s, getpgrp());
			wait_for(&hups);
			usleep(100000); /* the other speaks first */
			snprintf(line, sizeof(line), " [front: hup %d cont %d read %zd group %s]", hups, conts,
				read(s, line, 1), err(tcgetpgrp(s)));
			tell(line);
			_exit(0);
		}
		while (tcgetpgrp(s) != front)
			usleep(1000);
		usleep(20000);
		_exit(0);
	}
	waitpid(leader, NULL, 0);
	write(m, "x\n", 2);
	collect("leader ends");
	close(m);
}

static void orphans(void)
{
	pid_t leader;
	char line[200];

	pipe(result);
	new_terminal();
	leader = fork();
	if (!leader) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		pid_t middle = fork();
		if (!middle) {
			pid_t orphan = fork();
			if (orphan)
				_exit(0);
			setpgid(0, 0);
			while (getppid() == middle)
				usleep(1000);
			usleep(10000);
			int n = snprintf(line, sizeof(line), " read %s", err(read(s, line, 1)));
			struct termios t;
			tcgetattr(s, &t);
			n += snprintf(line + n, sizeof(line) - n, ", tcset %s", err(tcsetattr(s, TCSANOW, &t)));
			n += snprintf(line + n, sizeof(line) - n, ", tcflush %s", err(tcflush(s, TCIFLUSH)));
			n += snprintf(line + n, sizeof(line) - n, ", tcsetpgrp %s", err(tcsetpgrp(s, getpgrp())));
			n += snprintf(line + n, sizeof(line) - n, ", write %s", err(write(s, "x", 1)));
			tell(line);
			_exit(0);
		}
		waitpid(middle, NULL, 0);
		for (int i = 0; i < 100; i++)
			usleep(2000);
		_exit(0);
	}
	waitpid(leader, NULL, 0);
	collect("orphaned group");
	close(m);
}

static void steal(void)
{
	pid_t a, b;
	int go[2], back[2];
	char c, line[100];

	pipe(result);
	pipe(go);
	pipe(back);
	new_terminal();
	a = fork();
	if (!a) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		write(back[1], "x", 1);
		read(go[0], &c, 1);
		_exit(0);
	}
	read(back[0], &c, 1);
	b = fork();
	if (!b) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		snprintf(line, sizeof(line), " open takes nothing: %s, take %s", err(open("/dev/tty", O_RDWR)), err(ioctl(s, TIOCSCTTY, 0)));
		tell(line);
		int w = open(ptsname(m), O_WRONLY | O_NOCTTY);
		snprintf(line, sizeof(line), ", tcgetpgrp %s, sid %s, notty %s", err(tcgetpgrp(s)), err(tcgetsid(s)),
			err(ioctl(s, TIOCNOTTY)));
		tell(line);
		close(w);
		_exit(0);
	}
	waitpid(b, NULL, 0);
	write(go[1], "x", 1);
	waitpid(a, NULL, 0);
	b = fork();
	if (!b) {
		setsid();
		int w = open(ptsname(m), O_WRONLY);
		snprintf(line, sizeof(line), ", write only gives none: %s", err(open("/dev/tty", O_RDWR)));
		tell(line);
		close(w);
		s = open(ptsname(m), O_RDWR | O_NOCTTY);
		snprintf(line, sizeof(line), ", nor O_NOCTTY: %s", err(open("/dev/tty", O_RDWR)));
		tell(line);
		/* All files of it closed: still the terminal of the session. */
		close(s);
		s = open(ptsname(m), O_RDWR);
		close(s);
		int t = open("/dev/tty", O_RDWR);
		snprintf(line, sizeof(line), ", kept without a file: %s", err(t));
		tell(line);
		snprintf(line, sizeof(line), ", process as group %s", err(tcsetpgrp(t, getpid())));
		tell(line);
		pid_t child = fork();
		if (!child) {
			pause();
			_exit(0);
		}
		snprintf(line, sizeof(line), ", child as group %s, 0 %s", err(tcsetpgrp(t, child)), err(tcsetpgrp(t, 0)));
		tell(line);
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(t, getpid());
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		_exit(0);
	}
	waitpid(b, NULL, 0);
	close(m);
	collect("take");
}

static void peer(void)
{
	new_terminal();
	int lock = 1, p;

	ioctl(m, TIOCSPTLCK, &lock);
	printf("peer of a locked one: %s", err(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY)));
	lock = 0;
	ioctl(m, TIOCSPTLCK, &lock);
	p = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	printf(", then %s, cloexec %d, flags %o", err(p), fcntl(p, F_GETFD), fcntl(p, F_GETFL) & ~O_CLOEXEC);
	close(p);
	p = ioctl(m, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	printf(", read only %s", err(p));
	printf(", write %s\n", err(write(p, "x", 1)));
	close(p);
	struct stat st;
	char name[64];
	strcpy(name, ptsname(m));
	stat(name, &st);
	printf("mode %o uid %d links %d\n", st.st_mode & ~020, st.st_uid == getuid(), (int)st.st_nlink);
	printf("chmod %s", err(chmod(name, 0600)));
	stat(name, &st);
	printf(" %o, unlink %s\n", st.st_mode, unlink(name) ? "refused" : "done");
	s = open(name, O_RDWR | O_NOCTTY);
	close(m);
	printf("name after close: %s, stat of file %s\n", err(stat(name, &st)), err(fstat(s, &st)));
	printf("links %d", (int)st.st_nlink);
	struct pollfd pf = {s, POLLIN | POLLOUT, 0};
	poll(&pf, 1, 1000);
	printf(" poll %x ioctl %s", pf.revents, err(ioctl(s, TIOCGWINSZ, name)));
	printf(" setpgrp %s\n", err(ioctl(s, TIOCSPGRP, &lock)));
	close(s);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pid_t first = fork(); /* no leader of a session */
	int status;

	if (first) {
		waitpid(first, &status, 0);
		return WEXITSTATUS(status);
	}
	window_closed();
	leader_ends();
	orphans();
	steal();
	peer();
	printf("vhangup %s\n", getuid() ? "?" : "asked");
	return 0;
}
