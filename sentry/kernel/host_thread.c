/* SPDX-License-Identifier: MIT */
/* Files of the host's /proc about the host threads and processes of guests. */
#include "kernel/host_thread.h"
#include "host/file.h"
#include "kernel/task.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The file *name* of the host thread of *t*, or of its whole process: up to *room* - 1 bytes, and a NUL. False: there is none, or
 * the host hides it.
 */
static bool read_file(struct task *t, bool process, const char *name, char *text, size_t room)
{
	char path[64];
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
		snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	else
		snprintf(path, sizeof(path), "%d/task/%d/%s", (int)pid, (int)tid, name);
	fd = host_open_beneath(t->kernel->proc_fd, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	n = host_pread(fd, text, room - 1, 0);
	host_close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return true;
}

static bool parse_stat(char *text, struct host_thread *ret)
{
	char *p = strrchr(text, ')'); /* the name may hold anything */

	return p && sscanf(p + 1,
			   " %c %*d %*d %*d %*d %*d %*u %" SCNu64 " %*u %" SCNu64 " %*u %" SCNu64 " %" SCNu64 " %*d %*d %*d %*d %*d %*d %*u %*u %*d %*u "
			   "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %u",
			   &ret->state, &ret->min_flt, &ret->maj_flt, &ret->utime, &ret->stime, &ret->cpu) == 6;
}

bool host_thread_stat(struct task *t, bool process, struct host_thread *ret)
{
	char text[1024];

	return read_file(t, process, "stat", text, sizeof(text)) && parse_stat(text, ret);
}

/* A live thread's clock is not to be had from outside its process. */
uint64_t host_thread_ns(struct task *t)
{
	char text[64];

	return read_file(t, false, "schedstat", text, sizeof(text)) ? strtoull(text, NULL, 10) : 0;
}

long host_peak_rss(struct task *t)
{
	char text[4096], *p;

	if (!read_file(t, true, "status", text, sizeof(text)))
		return 0;
	p = strstr(text, "VmHWM:");
	return p ? strtol(p + 6, NULL, 10) : 0;
}
