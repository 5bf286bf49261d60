/* SPDX-License-Identifier: MIT */
/* Pids as /proc has them. */
#include "rootless/procpid.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

pid_t proc_pid_self(void)
{
	char text[24];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return n > 0 && atoi(text) > 0 ? atoi(text) : getpid();
}

pid_t proc_pid_of(int pidfd, pid_t otherwise)
{
	char path[48], line[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = pidfd >= 0 ? fopen(path, "re") : NULL;
	while (f && !pid && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) != 1)
			pid = 0;
	if (f)
		fclose(f);
	return pid > 0 ? pid : otherwise;
}
