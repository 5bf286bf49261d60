/* SPDX-License-Identifier: MIT */
/* What the programs about ptrace(2) share. */
#pragma once

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The system call itself: the C library's way with results of PTRACE_PEEK* is not wanted. */
static inline long pt(long req, pid_t pid, unsigned long addr, unsigned long data)
{
	errno = 0;
	return syscall(SYS_ptrace, req, pid, addr, data);
}

static inline void show(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static inline int wait_for(pid_t p)
{
	int st = -1;

	if (waitpid(p, &st, __WALL) != p)
		printf("wait failed: %s\n", strerror(errno));
	return st;
}

static inline const char *describe(int st)
{
	static char buf[64];

	if (WIFSTOPPED(st))
		snprintf(buf, sizeof(buf), "stopped %d event %d", WSTOPSIG(st), st >> 16);
	else if (WIFEXITED(st))
		snprintf(buf, sizeof(buf), "exited %d", WEXITSTATUS(st));
	else if (WIFSIGNALED(st))
		snprintf(buf, sizeof(buf), "killed %d", WTERMSIG(st));
	else
		snprintf(buf, sizeof(buf), "%x", (unsigned)st);
	return buf;
}

static inline void show_status(const char *what, int st)
{
	printf("%s: %s\n", what, describe(st));
}

static inline int wait_show(const char *what, pid_t p)
{
	int st = wait_for(p);

	show_status(what, st);
	return st;
}

/* A tracee that has stopped before it runs *fn* and exits with 0; *options* are set. */
static inline pid_t traced(void (*fn)(void), unsigned long options)
{
	pid_t p;

	fflush(stdout);
	p = fork();
	if (!p) {
		pt(PTRACE_TRACEME, 0, 0, 0);
		syscall(SYS_tkill, getpid(), SIGSTOP); /* no call before it: some watch every one */
		fn();
		_exit(0);
	}
	wait_for(p);
	if (options)
		pt(PTRACE_SETOPTIONS, p, 0, options);
	return p;
}
