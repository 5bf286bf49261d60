/* SPDX-License-Identifier: MIT */
/* Shared by the tests of IPC: results as names, children that report, waiting for a sleeper. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *err(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

#define SHOW(what, call)                                                                                               \
	do {                                                                                                           \
		long r_ = (long)(call);                                                                                \
		printf("%s: %s\n", what, err(r_));                                                                     \
	} while (0)
#define VALUE(what, call)                                                                                              \
	do {                                                                                                           \
		long r_ = (long)(call);                                                                                \
		if (r_ < 0)                                                                                            \
			printf("%s: %s\n", what, err(r_));                                                             \
		else                                                                                                   \
			printf("%s: %ld\n", what, r_);                                                                 \
	} while (0)

static inline void nap(int ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000L};

	nanosleep(&ts, NULL);
}

/* Until *pid* (a thread, too) sleeps in a call. */
static inline void wait_asleep(pid_t pid)
{
	char path[64], buf[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 2000; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, buf, sizeof(buf) - 1);
		char *p;

		close(fd);
		buf[n > 0 ? n : 0] = 0;
		p = strrchr(buf, ')');
		if (p && p[2] == 'S')
			break;
		nap(1);
	}
	nap(2);
}

static inline int reap(pid_t pid)
{
	int st = 0;

	waitpid(pid, &st, 0);
	return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}

static volatile sig_atomic_t n_sig;
static inline void count_sig(int s)
{
	n_sig++;
}

static inline void handle(int sig, int flags)
{
	struct sigaction sa = {.sa_handler = count_sig, .sa_flags = flags};

	sigaction(sig, &sa, NULL);
}
