/* SPDX-License-Identifier: MIT */
/* Asks for a scope for a child and says how it went: result, milliseconds, the last part of the child's group, the
 * reason. For scope.py. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rootless/scope.h"

int main(void)
{
	char why[256] = "", name[32], dir[CGROUP_PATH_MAX], *last;
	struct timespec a, b;
	pid_t pid = fork();
	int r;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	snprintf(name, sizeof(name), "picket-try-%d", (int)pid);
	clock_gettime(CLOCK_MONOTONIC, &a);
	r = scope_start(pid, name, why, sizeof(why));
	clock_gettime(CLOCK_MONOTONIC, &b);
	last = cgroup_dir(pid, dir, sizeof(dir)) ? strrchr(dir, '/') : NULL;
	printf("%d %ld %d %s %s\n", r, (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, (int)pid,
		last && last[1] ? last + 1 : "-", why);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
