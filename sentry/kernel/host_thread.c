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

/* The file *path* of the host's /proc: up to *room* - 1 bytes, and a NUL. False: it is not there, or the host hides it. */
static bool read_path(struct kernel *k, const char *path, char *text, size_t room)
{
	ssize_t n;
	int fd;

	if (k->proc_fd < 0)
		return false;
	fd = host_open_beneath(k->proc_fd, path, O_RDONLY, 0);
	if (fd < 0)
		return false;
	n = host_pread(fd, text, room - 1, 0);
	host_close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	return true;
}

/* The same for the file *name* of the host thread of *t*, or of its whole process. */
static bool read_file(struct task *t, bool process, const char *name, char *text, size_t room)
{
	char path[64];
	pid_t pid = 0, tid = 0;

	lock_acquire(&t->tg->siglock);
	if (t->th) {
		tid = gthread_host_tid(t->th);
		pid = aspace_host_pid(gthread_aspace(t->th));
	}
	lock_release(&t->tg->siglock);
	if (!tid)
		return false;
	if (process)
		snprintf(path, sizeof(path), "%d/%s", (int)pid, name);
	else
		snprintf(path, sizeof(path), "%d/task/%d/%s", (int)pid, (int)tid, name);
	return read_path(t->kernel, path, text, room);
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

static long peak_in(const char *status)
{
	const char *p = strstr(status, "VmHWM:");

	return p ? strtol(p + 6, NULL, 10) : 0;
}

long host_peak_rss(struct task *t)
{
	char text[4096];

	return read_file(t, true, "status", text, sizeof(text)) ? peak_in(text) : 0;
}

long aspace_peak_rss(struct kernel *k, struct aspace *as)
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "%d/status", (int)aspace_host_pid(as));
	return read_path(k, path, text, sizeof(text)) ? peak_in(text) : 0;
}
