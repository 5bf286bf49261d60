/* SPDX-License-Identifier: MIT */
/* Differential tests of file systems: each call is printed with its result, by name of the error. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static inline const char *err_name(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

/* Success or the error's name; descriptors and sizes are not shown. */
#define SHOW(call)                                                                                                     \
	do {                                                                                                           \
		long show_r_;                                                                                          \
		errno = 0;                                                                                             \
		show_r_ = (long)(call);                                                                                \
		printf("%s = %s\n", #call, err_name(show_r_));                                                         \
		fflush(stdout);                                                                                        \
	} while (0)

/* As SHOW(), with the value. */
#define VALUE(call)                                                                                                    \
	do {                                                                                                           \
		long show_r_;                                                                                          \
		errno = 0;                                                                                             \
		show_r_ = (long)(call);                                                                                \
		if (show_r_ < 0)                                                                                       \
			printf("%s = %s\n", #call, err_name(show_r_));                                                 \
		else                                                                                                   \
			printf("%s = %ld\n", #call, show_r_);                                                          \
		fflush(stdout);                                                                                        \
	} while (0)

/* Open, show, close. */
#define OPEN(...)                                                                                                      \
	do {                                                                                                           \
		int open_fd_;                                                                                          \
		errno = 0;                                                                                             \
		open_fd_ = open(__VA_ARGS__);                                                                          \
		printf("open(%s) = %s\n", #__VA_ARGS__, err_name(open_fd_));                                           \
		fflush(stdout);                                                                                        \
		if (open_fd_ >= 0)                                                                                     \
			close(open_fd_);                                                                               \
	} while (0)

static inline void make_file(const char *name, const char *text, int mode)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, mode);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(name);
	close(fd);
}

static inline void show_stat(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else if (S_ISDIR(st.st_mode))
		printf("%s: mode %o\n", name, st.st_mode);
	else
		printf("%s: mode %o links %ld size %ld\n", name, st.st_mode, (long)st.st_nlink, (long)st.st_size);
}
