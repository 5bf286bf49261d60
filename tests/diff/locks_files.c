/* SPDX-License-Identifier: MIT */
/* Record locks, open file description locks and flock between processes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

static int lk(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock fl = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &fl);
}

static void show(int fd, off_t start, off_t len, pid_t owner)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	int r = fcntl(fd, F_GETLK, &fl);

	if (r < 0 || fl.l_type == F_UNLCK)
		say("free", r);
	else
		printf("held: %s %ld+%ld owner %s\n", fl.l_type == F_RDLCK ? "read" : "write", (long)fl.l_start, (long)fl.l_len,
			fl.l_pid == owner ? "parent" : fl.l_pid == -1 ? "file" : "other");
}

/* Run *fn* in a child and wait for it. */
static void child(void (*fn)(int fd, pid_t parent))
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (!pid) {
		int fd = open("f", O_RDWR);

		fn(fd, parent);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (status)
		printf("child status %x\n", status);
}

static void probe(int fd, pid_t parent)
{
	show(fd, 0, 0, parent);
	show(fd, 50, 10, parent);
	say("try", lk(fd, F_SETLK, F_WRLCK, 20, 1));
	say("try read", lk(fd, F_SETLK, F_RDLCK, 60, 1));
}

static void probe_flock(int fd, pid_t parent)
{
	say("flock ex", flock(fd, LOCK_EX | LOCK_NB));
	say("flock sh", flock(fd, LOCK_SH | LOCK_NB));
}

static void probe_whole(int fd, pid_t parent)
{
	show(fd, 0, 0, parent);
}

static void on_alarm(int s)
{
}

static void wait_interrupted(int fd, pid_t parent)
{
	struct sigaction sa = {.sa_handler = on_alarm};

	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	say("wait interrupted", lk(fd, F_SETLKW, F_WRLCK, 0, 1));
	alarm(1);
	say("flock interrupted", flock(fd, LOCK_EX));
}

static void deadlock(int fd)
{
	int p[2], status;
	char c;
	pid_t pid;

	if (pipe(p))
		exit(1);
	lk(fd, F_SETLK, F_WRLCK, 0, 1);
	pid = fork();
	if (!pid) {
		int mine = open("f", O_RDWR);

		lk(mine, F_SETLK, F_WRLCK, 1, 1);
		if (write(p[1], "x", 1) != 1)
			_exit(1);
		_exit(lk(mine, F_SETLKW, F_WRLCK, 0, 1) ? 1 : 0);
	}
	if (read(p[0], &c, 1) != 1)
		exit(1);
	usleep(300000);
	say("deadlock", lk(fd, F_SETLKW, F_WRLCK, 1, 1));
	say("unlock", lk(fd, F_SETLK, F_UNLCK, 0, 1));
	waitpid(pid, &status, 0);
	printf("child got it: %x\n", status);
}

int main(void)
{
	int fd = open("f", O_RDWR | O_CREAT, 0644), fd2 = open("f", O_RDWR), ro = open("f", O_RDONLY), d;
	struct flock bad = {.l_type = F_WRLCK, .l_whence = 7}, ofd = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 5};

	setvbuf(stdout, NULL, _IONBF, 0);
	say("set", lk(fd, F_SETLK, F_WRLCK, 0, 100));
	say("read part", lk(fd, F_SETLK, F_RDLCK, 40, 30));
	child(probe);
	say("same process", lk(fd2, F_SETLK, F_WRLCK, 0, 1));
	say("write on read-only", lk(ro, F_SETLK, F_WRLCK, 500, 1));
	say("read on read-only", lk(ro, F_SETLK, F_RDLCK, 500, 1));
	say("whence", fcntl(fd, F_SETLK, &bad));
	say("negative start", lk(fd, F_SETLK, F_WRLCK, -5, 1));
	say("negative length", lk(fd, F_SETLK, F_WRLCK, 300, -10));
	say("getlk unlock", lk(fd, F_GETLK, F_UNLCK, 0, 1));
	close(fd2); /* drops them all */
	child(probe_whole);
	say("ofd set", fcntl(fd, F_OFD_SETLK, &ofd));
	child(probe_whole);
	ofd.l_pid = 5;
	say("ofd pid", fcntl(fd, F_OFD_SETLK, &ofd));
	fd2 = open("f", O_RDWR);
	ofd.l_pid = 0;
	say("ofd conflict", fcntl(fd2, F_OFD_SETLK, &ofd));
	ofd.l_type = F_UNLCK;
	say("ofd unlock", fcntl(fd, F_OFD_SETLK, &ofd));
	say("flock sh", flock(fd, LOCK_SH));
	child(probe_flock);
	say("flock other open", flock(fd2, LOCK_EX | LOCK_NB));
	d = dup(fd);
	say("flock through dup", flock(d, LOCK_EX | LOCK_NB));
	child(probe_flock);
	close(fd);
	child(probe_flock);
	close(d);
	child(probe_flock);
	say("flock bad", flock(fd2, 3));
	fd = fd2;
	lk(fd, F_SETLK, F_WRLCK, 0, 1);
	flock(fd, LOCK_SH);
	child(wait_interrupted);
	deadlock(fd);
	return 0;
}
