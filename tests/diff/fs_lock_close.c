/* SPDX-License-Identifier: MIT */
/* A record lock that comes when its descriptor has been closed is not kept. fcntl(2). */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;
static volatile pid_t waiter;

static int set(int f, int cmd, short type)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET};

	return fcntl(f, cmd, &fl);
}

static void *wait_for_lock(void *arg)
{
	int r;

	waiter = (pid_t)syscall(SYS_gettid);
	r = set(fd, F_SETLKW, F_WRLCK);
	printf("lock: %d %s\n", r, r ? strerror(errno) : "");
	return NULL;
}

static void until_asleep(pid_t tid)
{
	char path[64], text[256], *p;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	for (int i = 0; i < 1000; i++) {
		int f = open(path, O_RDONLY);
		ssize_t n = read(f, text, sizeof(text) - 1);

		close(f);
		text[n > 0 ? n : 0] = 0;
		p = strrchr(text, ')');
		if (p && p[2] == 'S')
			return;
		usleep(1000);
	}
}

int main(void)
{
	char name[] = "/tmp/lock-close-XXXXXX", c;
	int ready[2], go[2], other, status;
	pthread_t th;
	pid_t pid;

	alarm(30);
	fd = mkstemp(name);
	if (fd < 0 || pipe(ready) || pipe(go))
		return 1;
	pid = fork();
	if (!pid) {
		int mine = open(name, O_RDWR);

		if (set(mine, F_SETLK, F_WRLCK) || write(ready[1], "x", 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(1);
		_exit(0);
	}
	if (read(ready[0], &c, 1) != 1)
		return 1;
	pthread_create(&th, NULL, wait_for_lock, NULL);
	while (!waiter)
		usleep(1000);
	until_asleep(waiter);
	close(fd);
	if (write(go[1], "x", 1) != 1)
		return 1;
	waitpid(pid, &status, 0);
	pthread_join(th, NULL);
	fflush(stdout);
	/* Nobody has it now. */
	pid = fork();
	if (!pid) {
		other = open(name, O_RDWR);
		printf("another process: %d\n", set(other, F_SETLK, F_WRLCK));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	unlink(name);
	return 0;
}
