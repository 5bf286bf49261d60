/* SPDX-License-Identifier: MIT */
/* _exit(2) of one thread, the last of its process or not: the status is that of the last to go. */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *outlive(void *arg)
{
	usleep(2000);
	syscall(SYS_exit, 9);
	return arg;
}

static void child(int n)
{
	pthread_t thread;

	if (n % 4 == 3)
		pthread_create(&thread, NULL, outlive, NULL);
	syscall(SYS_exit, n);
}

int main(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		int status = 0;

		if (!pid)
			child(i);
		if (waitpid(pid, &status, 0) != pid)
			return 1;
		if (WIFEXITED(status))
			printf("%d: exit %d\n", i, WEXITSTATUS(status));
		else
			printf("%d: signal %d\n", i, WTERMSIG(status));
	}
	return 0;
}
