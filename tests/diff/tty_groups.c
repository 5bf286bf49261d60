/* SPDX-License-Identifier: MIT */
/* Process groups and sessions: setpgid(2), setsid(2), getsid(2), stops of orphaned groups, what wait(2) says of stops. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int m, s;

static const char *err(long r)
{
	return r < 0 ? strerror(errno) : "ok";
}

static void state(const char *what, int st)
{
	printf("%s:%s%s%s%s", what, WIFEXITED(st) ? " exited" : "", WIFSIGNALED(st) ? " killed" : "", WIFSTOPPED(st) ? " stopped" : "",
		WIFCONTINUED(st) ? " continued" : "");
	if (WIFSTOPPED(st))
		printf(" %d", WSTOPSIG(st));
	if (WIFSIGNALED(st))
		printf(" %d", WTERMSIG(st));
	printf("\n");
}

static pid_t sleeper(int own_session)
{
	int p[2];
	char c;
	pid_t pid;

	pipe(p);
	pid = fork();
	if (!pid) {
		if (own_session)
			setsid();
		write(p[1], "x", 1);
		for (;;)
			pause();
	}
	read(p[0], &c, 1);
	close(p[0]);
	close(p[1]);
	return pid;
}

static void groups(void)
{
	pid_t a = sleeper(0), b = sleeper(1), c;
	int st;

	printf("negative %s", err(setpgid(0, -1)));
	printf(", nobody %s", err(setpgid(29999, 0)));
	printf(", child %s", err(setpgid(a, 0)));
	printf(" is %d", getpgid(a) == a);
	printf(", child of another session %s", err(setpgid(b, 0)));
	printf(", into another session %s", err(setpgid(a, b)));
	printf(", no such group %s", err(setpgid(a, 29999)));
	printf(", parent %s", err(setpgid(getppid(), 0)));
	printf(", back %s", err(setpgid(a, getpgrp())));
	printf(" is %d\n", getpgid(a) == getpgrp());
	printf("getsid %d %d nobody %s, getpgid nobody %s, negative %s\n", getsid(0) == getsid(getpid()), getsid(b) == b,
		err(getsid(29999)), err(getpgid(29999)), err(getpgid(-5)));
	c = fork();
	if (!c) {
		setpgid(0, 0);
		printf("leader of a group: setsid %s\n", err(setsid()));
		fflush(stdout);
		pid_t d = fork();
		if (!d) {
			printf("member: setsid %d", setsid() == getpid());
			printf(" group %d session %d", getpgrp() == getpid(), getsid(0) == getpid());
			printf(" again %s", err(setsid()));
			printf(" setpgid of a session leader %s\n", err(setpgid(0, 0)));
			fflush(stdout);
			_exit(0);
		}
		waitpid(d, &st, 0);
		execlp("sleep", "sleep", "10", NULL);
		_exit(1);
	}
	char path[64], comm[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", c);
	for (int i = 0; i < 500 && strncmp(comm, "sleep", 5); i++) {
		FILE *f = fopen(path, "r");

		if (f) {
			fgets(comm, sizeof(comm), f);
			fclose(f);
		}
		usleep(2000);
	}
	printf("after exec %s\n", err(setpgid(c, c)));
	kill(-c, SIGKILL);
	waitpid(-c, &st, 0);
	state("by group", st);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	waitpid(a, &st, 0);
	waitpid(b, &st, 0);
	printf("kill of an empty group %s\n", err(kill(-c, 0)));
	printf("wait for a group of none %s\n", err(waitpid(-c, &st, 0)));
}

static void stops(void)
{
	pid_t a = sleeper(0);
	siginfo_t si;
	int st;

	setpgid(a, a); /* we, outside of it, keep it from being orphaned */
	kill(a, SIGTSTP);
	waitpid(a, &st, WUNTRACED);
	state("tstp", st);
	printf("told once %d\n", waitpid(a, &st, WUNTRACED | WNOHANG));
	kill(a, SIGCONT);
	waitpid(a, &st, WCONTINUED);
	state("cont", st);
	kill(a, SIGSTOP);
	memset(&si, 0, sizeof(si));
	waitid(P_PID, (id_t)a, &si, WSTOPPED | WNOWAIT);
	printf("waitid %d %d, left to be told", si.si_code, si.si_status);
	memset(&si, 0, sizeof(si));
	waitid(P_PID, (id_t)a, &si, WSTOPPED);
	printf(" %d %d\n", si.si_code, si.si_status);
	kill(a, SIGTERM);
	usleep(20000);
	printf("a stopped one does not act %d\n", waitpid(a, &st, WNOHANG));
	kill(a, SIGCONT);
	waitpid(a, &st, 0);
	state("then", st);
	a = sleeper(0);
	kill(a, SIGSTOP);
	waitpid(a, &st, WUNTRACED);
	kill(a, SIGKILL);
	waitpid(a, &st, 0);
	state("killed while stopped", st);
}

/* A group with no parent in its session: terminal stops are dropped, SIGSTOP is not. */
static void orphans(void)
{
	int p[2], st;
	char line[128];
	ssize_t n;

	pipe(p);
	pid_t leader = fork();
	if (!leader) {
		setsid();
		pid_t alone = getpid();
		raise(SIGTSTP);
		n = snprintf(line, sizeof(line), "a session's leader went on after SIGTSTP");
		raise(SIGTTIN);
		raise(SIGTTOU);
		n += snprintf(line + n, sizeof(line) - n, ", SIGTTIN, SIGTTOU");
		write(p[1], line, n);
		raise(SIGSTOP);
		write(p[1], ", and after SIGCONT", 19);
		_exit(alone == 0);
	}
	waitpid(leader, &st, WUNTRACED);
	n = read(p[0], line, sizeof(line));
	printf("%.*s\n", (int)n, line);
	state("leader", st);
	kill(leader, SIGCONT);
	waitpid(leader, &st, 0);
	n = read(p[0], line, sizeof(line));
	printf("%.*s\n", (int)n, line);
	state("leader", st);
}

/* Ctrl-Z at a group whose shell is in another group, and at one alone. */
static void keyboard(void)
{
	pid_t shell;
	int st;

	m = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(m);
	unlockpt(m);
	shell = fork();
	if (!shell) {
		setsid();
		s = open(ptsname(m), O_RDWR);
		pid_t job = fork();
		if (!job) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(s, getpgrp());
			write(s, "ready", 5);
			for (;;)
				pause();
		}
		waitpid(job, &st, WUNTRACED);
		state("job", st);
		/* Two more in the background want the terminal, one to read and one to set it. */
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(s, getpgrp());
		for (int i = 0; i < 2; i++) {
			pid_t other = fork();
			if (!other) {
				char c;
				struct termios t;

				setpgid(0, 0);
				signal(SIGTTOU, SIG_DFL);
				if (i)
					_exit(tcgetattr(s, &t) || tcsetattr(s, TCSANOW, &t));
				_exit(read(s, &c, 1) != 1 || c != 'k');
			}
			setpgid(other, other);
			waitpid(other, &st, WUNTRACED);
			state(i ? "setter" : "reader", st);
			tcsetpgrp(s, other);
			kill(-other, SIGCONT);
			if (!i)
				write(s, "type", 4);
			waitpid(other, &st, WUNTRACED);
			state("in front", st);
			tcsetpgrp(s, getpgrp());
		}
		tcsetpgrp(s, job);
		kill(-job, SIGCONT);
		waitpid(job, &st, WCONTINUED);
		state("job", st);
		write(s, "again", 5);
		waitpid(job, &st, 0);
		state("job", st);
		fflush(stdout);
		_exit(0);
	}
	char buf[20];
	read(m, buf, 5);
	write(m, "\032", 1);
	while (read(m, buf, 1) == 1 && *buf != 'e') /* of "type"; and the echo of Ctrl-Z before */
		;
	write(m, "k\n", 2);
	while (read(m, buf, 1) == 1 && *buf != 'g') /* of "again" */
		;
	write(m, "\034", 1);
	waitpid(shell, &st, 0);
	state("shell", st);
	close(m);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	pid_t first = fork();
	int st;

	if (first) {
		waitpid(first, &st, 0);
		return WEXITSTATUS(st);
	}
	groups();
	stops();
	orphans();
	keyboard();
	return 0;
}
