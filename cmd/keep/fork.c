/* SPDX-License-Identifier: MIT */
/* The keeper as a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"
#include "cmd/lib/process.h"

static void leave_terminal(struct run *r)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (r->o->trace && !*r->o->trace)
		r->trace_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	for (int fd = 0; fd <= 2; fd++)
		if (null >= 0)
			dup2(null, fd);
	if (null > 2)
		close(null);
}

static _Noreturn void be_keeper(struct run *r, int client, bool detached)
{
	setsid();
	prctl(PR_SET_NAME, "picket-keeper");
	leave_terminal(r);
	r->detached = detached;
	run_spawn(r); /* a failure comes again, when there is somebody to tell */
	process_close_inherited(3);
	_exit(keeper_run(r, KEEPER_STDIO_STREAM, client, detached));
}

int keeper_fork(struct run *r, bool detached, pid_t *pid)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return complain(-1, "cannot make a socket for the sandbox: %s", strerror(errno));
	*pid = fork();
	if (*pid < 0) {
		close(ends[0]);
		close(ends[1]);
		return complain(-1, "cannot start the sandbox's keeper: %s", strerror(errno));
	}
	if (*pid == 0) {
		close(ends[0]);
		be_keeper(r, ends[1], detached);
	}
	close(ends[1]);
	return ends[0];
}
