/* SPDX-License-Identifier: MIT */
/* What the tests of credentials and namespaces share: one line for each result. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <grp.h>

static inline const char *name_of(int e)
{
	return e ? strerrorname_np(e) : "0";
}

/* Print the result of a call that returns -1 with errno, or a value that is the same everywhere. */
#define T(call)                                                                                                        \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long r_ = (long)(call);                                                                                \
		printf("%s = %ld %s\n", #call, r_, r_ < 0 ? name_of(errno) : "");                                      \
	} while (0)

/* The same with only success or the errno. */
#define OK(call)                                                                                                       \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long r_ = (long)(call);                                                                                \
		printf("%s: %s\n", #call, r_ < 0 ? name_of(errno) : "ok");                                             \
	} while (0)

static inline void caps_get(uint64_t *e, uint64_t *p, uint64_t *i)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	syscall(SYS_capget, &h, d);
	*e = d[0].effective | (uint64_t)d[1].effective << 32;
	*p = d[0].permitted | (uint64_t)d[1].permitted << 32;
	*i = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
}

static inline int caps_set(uint64_t e, uint64_t p, uint64_t i)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
		{(uint32_t)e, (uint32_t)p, (uint32_t)i}, {(uint32_t)(e >> 32), (uint32_t)(p >> 32), (uint32_t)(i >> 32)}};

	return (int)syscall(SYS_capset, &h, d);
}

static inline uint64_t ambient_get(void)
{
	uint64_t m = 0;

	for (int c = 0; c <= CAP_LAST_CAP; c++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, c, 0, 0) == 1)
			m |= 1ull << c;
	return m;
}

static inline void show_ids(const char *what)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;
	uint64_t ce, cp, ci;

	getresuid(&r, &e, &s);
	getresgid(&rg, &eg, &sg);
	caps_get(&ce, &cp, &ci);
	printf("  %s: uid %d %d %d fs %d gid %d %d %d fs %d caps %llx %llx %llx %llx dump %d sb %x\n", what, r, e, s,
	       setfsuid(-1), rg, eg, sg, setfsgid(-1), (unsigned long long)ce, (unsigned long long)cp,
	       (unsigned long long)ci, (unsigned long long)ambient_get(), prctl(PR_GET_DUMPABLE), prctl(PR_GET_SECUREBITS));
}

/* Run the following block in a child of its own. */
static inline int in_child(void)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		return 1;
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("child: signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		printf("child: exit %d\n", WEXITSTATUS(status));
	return 0;
}

#define CHILD for (int c_ = in_child(); c_; fflush(stdout), _exit(0))

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), r, e;

	if (fd < 0)
		return -1;
	r = (int)write(fd, text, strlen(text));
	e = errno;
	close(fd);
	errno = e;
	return r;
}

static inline void show_file(const char *path)
{
	char buf[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0) {
		printf("%s: %s\n", path, name_of(errno));
	} else {
		buf[n] = 0;
		printf("%s: %s%s", path, buf, n && buf[n - 1] == '\n' ? "" : "\n");
	}
	if (fd >= 0)
		close(fd);
}
