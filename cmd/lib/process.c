/* SPDX-License-Identifier: MIT */
/* Telling a process from a later one with its pid. */
#include "cmd/lib/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Read a small file of /proc into buf, with a NUL behind; false if there is none. */
static bool read_small(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

uint64_t process_start(pid_t pid)
{
	char path[64], buf[1024], *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_small(path, buf, sizeof(buf)))
		return 0;
	/* The name in parentheses may hold anything; the state follows it, the start time is the 20th field behind it. */
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	for (int field = 0; p && field < 20; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

const char *boot_id(void)
{
	static char id[40];

	if (id[0] == '\0' && read_small("/proc/sys/kernel/random/boot_id", id, 37))
		id[strcspn(id, "\n")] = '\0';
	return id;
}

bool process_end(pid_t pid, uint64_t start, const char *boot)
{
	/* The descriptor comes first: if the process lives after that, it is that one's, whoever gets the pid later. */
	int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	bool lives = process_lives(pid, start, boot);

	if (lives && fd >= 0)
		syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	if (fd >= 0)
		close(fd);
	return lives;
}

bool process_lives(pid_t pid, uint64_t start, const char *boot)
{
	return pid > 0 && start && strcmp(boot, boot_id()) == 0 && process_start(pid) == start;
}

void process_close_inherited(int from)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		int fd = atoi(e->d_name), flags = fd >= from ? fcntl(fd, F_GETFD) : -1;

		if (flags >= 0 && !(flags & FD_CLOEXEC))
			close(fd);
	}
	if (d)
		closedir(d);
}
