/* SPDX-License-Identifier: MIT */
/* `run`: create and start; in the foreground also wait, and delete. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/link.h"
#include "cmd/lib/terminal.h"
#include "cmd/runtime/create.h"
#include "cmd/runtime/delete.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/start.h"
#include "cmd/runtime/state.h"

struct arguments {
	struct create_options create;
	bool detach, keep;
};

static const struct option_row options[] = {
	CREATE_OPTION_ROWS(struct arguments, create),
	{OPTION_FLAG, "detach", 'd', offsetof(struct arguments, detach), "leave it behind"},
	{OPTION_FLAG, "keep", 0, offsetof(struct arguments, keep), "do not delete it when it has ended"},
	{OPTION_END},
};

/* All that may come is waited for below; what stops this command itself does so still. */
static void block_signals(sigset_t *set)
{
	static const int ours[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG};

	sigfillset(set);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		sigdelset(set, ours[i]);
	sigprocmask(SIG_BLOCK, set, NULL);
}

/* Pass signals on to the monitor until it has ended. Its status for the shell. */
static int wait_for(pid_t monitor, const sigset_t *set)
{
	int status = 0, sig;

	for (;;) {
		pid_t pid = waitpid(monitor, &status, WNOHANG);

		if (pid == monitor)
			return shell_status(status);
		if (pid < 0 && errno != EINTR)
			return fail("lost the container's monitor: %s", strerror(errno));
		sig = sigwaitinfo(set, NULL);
		if (sig > 0 && sig != SIGCHLD && sig != SIGPIPE)
			kill(monitor, sig);
	}
}

static int in_foreground(struct container *c, bool terminal)
{
	sigset_t set;
	int status;

	block_signals(&set);
	if (terminal)
		terminal_raw(isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO);
	status = container_start(c) < 0 ? -1 : wait_for(c->pid, &set);
	terminal_restore();
	return status;
}

static int run(struct container *c, const struct arguments *a)
{
	bool terminal = c->terminal && !a->create.console_socket;
	int status = a->detach ? container_start(c) : in_foreground(c, terminal);

	if (status < 0 || (!a->detach && !a->keep))
		if (container_delete(c, true) < 0)
			status = status < 0 ? status : 1;
	return status;
}

static int run_run(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	struct container c;
	int status;

	if (options_words(options, &a, 1, 1, argc, argv) < 0)
		return 1;
	a.create.foreground = !a.detach;
	if (container_create(rt, &a.create, argv[1], &c) < 0)
		return 1;
	status = run(&c, &a);
	container_close(&c);
	return status;
}

const struct verb verb_run = {"run", "[OPTIONS] ID", "create and start a container, and wait for its end", run_run, options};
