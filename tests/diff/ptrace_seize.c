/* SPDX-License-Identifier: MIT */
/* ptrace(2): PTRACE_SEIZE, INTERRUPT and LISTEN, and group-stops seen by a tracer. */
#include "ptrace_util.h"

#include <stdlib.h>

static void siginfo(pid_t p)
{
	siginfo_t si;

	if (pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si))
		printf("no siginfo: %s\n", strerror(errno));
	else
		printf("siginfo %d code %x\n", si.si_signo, (unsigned)si.si_code);
}

static char state(pid_t p)
{
	char path[64], buf[512], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", p);
	f = fopen(path, "r");
	if (!f || !fgets(buf, sizeof(buf), f))
		return '?';
	fclose(f);
	at = strrchr(buf, ')');
	return at ? at[2] : '?';
}

static void state_is(const char *what, pid_t p, char want)
{
	for (int i = 0; i < 400 && state(p) != want; i++)
		usleep(5000);
	printf("%s: %c\n", what, state(p));
}

static pid_t sleeper(void)
{
	pid_t p;

	fflush(stdout);
	p = fork();
	if (!p) {
		setpgid(0, 0); /* a group that is not orphaned: SIGTSTP stops it */
		for (;;)
			pause();
	}
	state_is("sleeper", p, 'S');
	return p;
}

static void end(pid_t p)
{
	kill(p, SIGKILL);
	wait_show("end", p);
}

static void interrupts(void)
{
	pid_t p = sleeper();

	printf("-- interrupt\n");
	show("seize", pt(PTRACE_SEIZE, p, 0, PTRACE_O_TRACESYSGOOD));
	show("wait", waitpid(p, NULL, WNOHANG | __WALL));
	show("request while it runs", pt(PTRACE_GETSIGINFO, p, 0, 0));
	show("interrupt", pt(PTRACE_INTERRUPT, p, 0, 0));
	wait_show("interrupted", p);
	siginfo(p);
	show("listen", pt(PTRACE_LISTEN, p, 0, 0));
	show("request while it listens", pt(PTRACE_CONT, p, 0, 0));
	show("wait while it listens", waitpid(p, NULL, WNOHANG | __WALL));
	show("interrupt while it listens", pt(PTRACE_INTERRUPT, p, 0, 0));
	wait_show("again", p);
	show("interrupt while it is stopped", pt(PTRACE_INTERRUPT, p, 0, 0));
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	wait_show("the second", p);
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	show("signal", kill(p, SIGUSR1));
	wait_show("signal", p);
	siginfo(p);
	show("listen in a signal's stop", pt(PTRACE_LISTEN, p, 0, 0));
	show("detach", pt(PTRACE_DETACH, p, 0, 0));
	state_is("detached", p, 'S');
	end(p);
}

static void group_stops(void)
{
	pid_t p = sleeper();

	printf("-- group-stop of a seized process\n");
	pt(PTRACE_SEIZE, p, 0, 0);
	kill(p, SIGSTOP);
	wait_show("the signal", p);
	siginfo(p);
	show("cont with it", pt(PTRACE_CONT, p, 0, SIGSTOP));
	wait_show("group-stop", p);
	siginfo(p);
	show("listen", pt(PTRACE_LISTEN, p, 0, 0));
	show("nothing", waitpid(p, NULL, WNOHANG | __WALL));
	kill(p, SIGCONT);
	wait_show("continued", p);
	siginfo(p);
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	wait_show("SIGCONT itself", p);
	show("cont", pt(PTRACE_CONT, p, 0, SIGCONT));
	state_is("runs", p, 'S');
	kill(p, SIGTSTP);
	wait_show("SIGTSTP", p);
	show("cont with it", pt(PTRACE_CONT, p, 0, SIGTSTP));
	wait_show("group-stop", p);
	show("detach", pt(PTRACE_DETACH, p, 0, 0));
	state_is("stopped still", p, 'T');
	kill(p, SIGCONT);
	state_is("continued", p, 'S');
	end(p);
}

static void traceme_stop(void)
{
	pid_t p;

	printf("-- group-stop of an attached process\n");
	p = sleeper();
	show("attach", pt(PTRACE_ATTACH, p, 0, 0));
	wait_show("attached", p);
	siginfo(p);
	show("cont with SIGSTOP", pt(PTRACE_CONT, p, 0, SIGSTOP));
	wait_show("group-stop", p);
	siginfo(p);
	kill(p, SIGCONT);
	show("SIGCONT does not end it", waitpid(p, NULL, WNOHANG | __WALL));
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	wait_show("SIGCONT", p);
	show("detach with a signal", pt(PTRACE_DETACH, p, 0, SIGTERM));
	wait_show("end", p);
}

static void attach_to_stopped(int seize)
{
	pid_t p = sleeper();
	int st;

	printf("-- %s a stopped process\n", seize ? "seizing" : "attaching to");
	kill(p, SIGSTOP);
	waitpid(p, &st, WUNTRACED);
	printf("stopped %x\n", (unsigned)st);
	show("attach", pt(seize ? PTRACE_SEIZE : PTRACE_ATTACH, p, 0, 0));
	wait_show("its stop", p);
	siginfo(p);
	state_is("state", p, 't');
	show("cont", pt(PTRACE_CONT, p, 0, 0));
	if (!seize) {
		wait_show("attach's SIGSTOP", p);
		show("cont", pt(PTRACE_CONT, p, 0, 0));
	}
	state_is("runs", p, 'S');
	kill(p, SIGUSR2);
	wait_show("signal", p);
	show("detach", pt(PTRACE_DETACH, p, 0, 0));
	state_is("after", p, 'T');
	end(p);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 65536);
	interrupts();
	group_stops();
	traceme_stop();
	attach_to_stopped(0);
	attach_to_stopped(1);
	return 0;
}
