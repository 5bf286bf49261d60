/* SPDX-License-Identifier: MIT */
/*
 * What the host knows of a guest thread's host thread. Some futex waits and memory calls of a guest run without the sentry, so
 * whether a thread runs or sleeps there is the host's to say; likewise page faults.
 */
#include "fs/procfs_internal.h"

#include "host/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool parse(char *text, struct host_thread *ret)
{
	char *p = strrchr(text, ')'); /* the name may hold anything */

	return p && sscanf(p + 1,
			   " %c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %*d %*d %*u %*u %*d %*u "
			   "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %u",
			   &ret->state, &ret->min_flt, &ret->maj_flt, &ret->utime, &ret->stime, &ret->cpu) == 6;
}

bool proc_host_thread(struct task *t, bool process, struct host_thread *ret)
{
	char path[64], text[1024];
	pid_t pid = 0, tid = 0;
	ssize_t n;
	int fd;

	lock_acquire(&t->tg->siglock);
	if (t->th) {
		tid = gthread_host_tid(t->th);
		pid = aspace_host_pid(gthread_aspace(t->th));
	}
	lock_release(&t->tg->siglock);
	if (!tid || t->kernel->proc_fd < 0)
		return false;
	if (process)
		snprintf(path, sizeof(path), "%d/stat", (int)pid);
	else
		snprintf(path, sizeof(path), "%d/task/%d/stat", (int)pid, (int)tid);
	fd = host_open_beneath(t->kernel->proc_fd, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	n = host_pread(fd, text, sizeof(text) - 1, 0);
	host_close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return parse(text, ret);
}
