/* SPDX-License-Identifier: MIT */
/* RLIMIT_FSIZE: writes, truncations and allocations beyond it; SIGXFSZ. setrlimit(2). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile int signals;

static void count(int s)
{
	(void)s;
	signals++;
}

static void say(const char *what, long r)
{
	printf("%s: %ld%s%s, signals %d\n", what, r < 0 ? -1 : r, r < 0 ? " " : "", r < 0 ? strerror(errno) : "", signals);
	signals = 0;
}

int main(void)
{
	struct rlimit rl = {8192, 65536};
	char buf[4096];
	int fd;

	memset(buf, 'x', sizeof(buf));
	signal(SIGXFSZ, count);
	fd = open("/tmp/fsize", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, 20000))
		return 1;
	setrlimit(RLIMIT_FSIZE, &rl);
	say("shrink, still above the limit", ftruncate(fd, 16384));
	say("grow", ftruncate(fd, 16385));
	say("shrink below", ftruncate(fd, 100));
	say("grow to the limit", ftruncate(fd, 8192));
	say("grow beyond", ftruncate(fd, 8193));
	say("truncate(2) beyond", truncate("/tmp/fsize", 8193));
	say("write across", pwrite(fd, buf, sizeof(buf), 8000));
	say("write at the limit", pwrite(fd, buf, sizeof(buf), 8192));
	say("nothing written beyond", pwrite(fd, buf, 0, 9000));
	say("allocate to the limit", fallocate(fd, 0, 4096, 4096));
	say("allocate beyond", fallocate(fd, 0, 8192, 1));
	say("allocate far beyond", fallocate(fd, 0, 1l << 40, 1));
	say("allocate beyond, keeping the size", fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 4096));
	say("punch", fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 0, 4096));
	rl.rlim_cur = 0;
	setrlimit(RLIMIT_FSIZE, &rl);
	say("write with a limit of nothing", write(fd, buf, 1));
	say("to a pipe or device", write(open("/dev/null", O_WRONLY), buf, 10));
	signal(SIGXFSZ, SIG_IGN);
	say("ignored", write(fd, buf, 1));
	unlink("/tmp/fsize");
	return 0;
}
