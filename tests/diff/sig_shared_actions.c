/* SPDX-License-Identifier: MIT */
/* Actions that two processes share (CLONE_SIGHAND without CLONE_THREAD): changes are seen, exec ends the sharing. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int hits;

static void handler(int s)
{
	hits++;
}

static int child(void *arg)
{
	struct sigaction sa;

	switch ((long)arg) {
	case 0: /* sets an action for both */
		signal(SIGUSR1, handler);
		return 0;
	case 1: /* sees the parent's */
		sigaction(SIGUSR2, NULL, &sa);
		return sa.sa_handler == SIG_IGN ? 3 : 4;
	case 2: /* exec: what it sets afterwards is its own */
		execl("/bin/sh", "sh", "-c", "trap : TERM; trap '' HUP; exit 5", NULL);
		return 127;
	case 3: /* SA_RESETHAND takes the handler from both */
		sa = (struct sigaction){.sa_handler = handler, .sa_flags = SA_RESETHAND};
		sigaction(SIGALRM, &sa, NULL);
		raise(SIGALRM);
		return 6;
	}
	return 0;
}

static int run(long what)
{
	int st, pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, (void *)what);

	if (pid < 0 || waitpid(pid, &st, 0) != pid)
		return -1;
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static const char *name(int s)
{
	struct sigaction sa;

	sigaction(s, NULL, &sa);
	return sa.sa_handler == SIG_DFL ? "default" : sa.sa_handler == SIG_IGN ? "ignored" : "handler";
}

/* Two who write whole actions at once: nobody may see a mixture. */
static volatile int stop;

static int flip(void *arg)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigfillset(&sa.sa_mask);
	while (!stop)
		sigaction(SIGWINCH, &sa, NULL);
	return 0;
}

static int torn(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, seen;
	int st, bad = 0, pid = clone(flip, stack + sizeof(stack), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);

	for (int i = 0; i < 2000; i++) {
		sigaction(SIGWINCH, &dfl, NULL);
		sigaction(SIGWINCH, NULL, &seen);
		bad += (seen.sa_handler == handler) != (sigismember(&seen.sa_mask, SIGHUP) == 1);
	}
	stop = 1;
	waitpid(pid, &st, 0);
	return bad;
}

int main(void)
{
	printf("set in child: %d %s\n", run(0), name(SIGUSR1));
	raise(SIGUSR1);
	printf("hits %d\n", hits);
	signal(SIGUSR2, SIG_IGN);
	printf("seen in child: %d\n", run(1));
	printf("exec: %d, TERM %s, HUP %s\n", run(2), name(SIGTERM), name(SIGHUP));
	printf("reset: %d %s, hits %d\n", run(3), name(SIGALRM), hits);
	printf("torn: %d\n", torn());
	return 0;
}
