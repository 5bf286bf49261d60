/* SPDX-License-Identifier: MIT */
/* A parent that is killed while its vfork child runs dies at once; the child goes on, exits, or runs another program. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int p[2];

static void *sleeper(void *arg)
{
	for (;;)
		pause();
}

static void try(const char *what, int exec, int threads)
{
	pid_t pid, orphan;
	char c = 0;
	int st;

	pipe(p);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		pthread_t th;

		for (int i = 0; i < threads; i++)
			pthread_create(&th, NULL, sleeper, NULL);
		if (!vfork()) {
			write(p[1], "a", 1);
			usleep(300000);
			write(p[1], "b", 1);
			if (exec)
				execl("/bin/sh", "sh", "-c", "exit 6", NULL);
			_exit(5);
		}
		_exit(1);
	}
	read(p[0], &c, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	printf("%s: killed %d, before the child went on %d\n", what, WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL,
	       read(p[0], &c, 1) < 0 && errno == EAGAIN);
	orphan = waitpid(-1, &st, 0);
	printf("  orphan %d status %d, wrote %ld\n", orphan > 0, WEXITSTATUS(st), (long)read(p[0], &c, 1));
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	try("exit", 0, 0);
	try("exec", 1, 0);
	try("exit, threads", 0, 3);
	try("exec, threads", 1, 3);
	return 0;
}
