/* SPDX-License-Identifier: MIT */
/* Probes of the host. */
#include "rootless/cgroup.h"
#include "rootless/probe.h"
#include "rootless/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Run fn in a child; its return value (0 or a negative errno above -256) is ours. */
static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-fn());
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

static int install(unsigned long flags)
{
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	struct sock_fprog prog = {.len = 1, .filter = allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) < 0 ? -errno : 0;
}

static int try_notify(void)
{
	return install(SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static int try_killable(void)
{
	return install(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
}

int probe_seccomp_notify(void)
{
	return in_child(try_notify);
}

int probe_seccomp_killable(void)
{
	return in_child(try_killable);
}

int probe_child_memory(void)
{
	static int value = 42;
	int copy = 0, r;
	struct iovec local = {.iov_base = &copy, .iov_len = sizeof(copy)};
	struct iovec remote = {.iov_base = &value, .iov_len = sizeof(value)};
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	r = process_vm_readv(pid, &local, 1, &remote, 1, 0) < 0 ? -errno : copy == value ? 0 : -EIO;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int probe_device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int64_t probe_number(const char *path)
{
	char buf[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0 ? strtoll(buf, NULL, 10) : -1;
}

uint64_t probe_meminfo(const char *name)
{
	char line[256];
	uint64_t value = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtoull(line + strlen(name) + 1, NULL, 10) * 1024;
	if (f)
		fclose(f);
	return value;
}

bool probe_cgroup(char *buf, unsigned long len)
{
	return cgroup_place(NULL, NULL, buf, len) != 0;
}

bool probe_scope(char *dir, unsigned long len, char *why, unsigned long why_len)
{
	const struct cgroup_limits limits = {0};
	struct cgroup g = {0};
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	r = pid < 0 ? -errno : scope_group(&g, pid, "probe", &limits, why, why_len);
	if (pid < 0)
		snprintf(why, why_len, "cannot start a process: %s", strerror(-r));
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (r == 0 && (size_t)snprintf(dir, len, "%s", g.dir) < len)
		for (int i = 0; i < 2 && strrchr(dir, '/'); i++) /* the group, the scope */
			*strrchr(dir, '/') = '\0';
	cgroup_remove(&g);
	return r == 0;
}
