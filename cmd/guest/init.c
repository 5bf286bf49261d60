/* SPDX-License-Identifier: MIT */
/*
 * The first process of `--init`. Signals are taken one by one with sigwaitinfo(2), so there are no handlers: SIGCHLD
 * reaps, all others go to the child, which has a process group of its own and the terminal.
 */
#include "cmd/guest/guest.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char **argv, const sigset_t *mask)
{
	setpgid(0, 0);
	/* SIGTTOU is blocked still: the background may take the terminal. No terminal is no failure. */
	if (tcsetpgrp(STDIN_FILENO, getpid()) < 0)
		errno = 0;
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(argv[0], argv);
	if (errno == ENOENT || errno == ENOTDIR) {
		fprintf(stderr, "picket: %s: not found in the sandbox%s\n", argv[0],
			strchr(argv[0], '/') ? " (or its interpreter is missing)" : "'s PATH");
		_exit(127);
	}
	fprintf(stderr, "picket: %s: cannot be executed: %s\n", argv[0], strerror(errno));
	_exit(126);
}

/* Reap all that have ended. True: the child was among them. */
static bool reap(pid_t child, int *status)
{
	bool ended = false;
	pid_t pid;
	int s;

	while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		*status = s;
		ended = true;
	}
	return ended;
}

int guest_init(int argc, char **argv)
{
	sigset_t all, before;
	int status = 0;
	pid_t child;

	if (argc > 0 && strcmp(argv[0], "--") == 0) {
		argv++;
		argc--;
	}
	if (argc < 1) {
		fprintf(stderr, "picket-guest: init: no command\n");
		return 125;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0)
		become(argv, &before);
	if (child < 0) {
		fprintf(stderr, "picket: cannot start %s: %s\n", argv[0], strerror(errno));
		return 125;
	}
	for (;;) {
		int sig = sigwaitinfo(&all, NULL);

		if (sig == SIGCHLD) {
			if (reap(child, &status))
				break;
		} else if (sig > 0 && sig != SIGTTIN && sig != SIGTTOU) {
			kill(child, sig);
		}
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
