/* SPDX-License-Identifier: MIT */
/* Files of the image that are read at offsets again and again: what is read is what is there, whatever becomes of the descriptor. */
#define _GNU_SOURCE
#include "fast_util.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_A "/bin/sh"
#define FILE_B "/usr/bin/env"

static char *a, *b;
static size_t size_a, size_b;
static char buf[200000];

static char *load(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *p;

	if (fd < 0 || fstat(fd, &st))
		exit(2);
	*size = (size_t)st.st_size;
	p = malloc(*size);
	if (!p || read(fd, p, *size) != st.st_size)
		exit(2);
	close(fd);
	return p;
}

/* Bytes that are not as in *want*, over many reads. */
static int wrong(int fd, const char *want, size_t size)
{
	static const size_t lens[] = {1, 64, 4096, 5000, 16384};
	int n = 0;

	for (int i = 0; i < 150; i++) {
		size_t len = lens[i % 5], off = (size_t)i * 7919 % size, have = size - off < len ? size - off : len;
		long r;

		memset(buf, 0x55, sizeof(buf));
		r = fast(SYS_pread64, fd, buf, len, off);
		n += r != (long)have || memcmp(buf, want + off, have) || buf[have] != 0x55;
	}
	return n;
}

static void *reader(void *arg)
{
	return (void *)(long)wrong((int)(long)arg, a, size_a);
}

static void ends(int fd)
{
	char *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(edge + 4096, 4096);
	printf("at the end %ld, beyond %ld, far %ld\n", fast(SYS_pread64, fd, buf, 64, size_a), fast(SYS_pread64, fd, buf, 64, size_a + 5000),
	       fast(SYS_pread64, fd, buf, 64, 1l << 62));
	printf("across %ld\n", fast(SYS_pread64, fd, buf, 4096, size_a - 100));
	printf("negative %ld, none %ld, all %d\n", fast(SYS_pread64, fd, buf, 64, -1), fast(SYS_pread64, fd, buf, 0, 0),
	       fast(SYS_pread64, fd, buf, sizeof(buf), 0) == (long)(size_a < sizeof(buf) ? size_a : sizeof(buf)));
	printf("bad buffer %ld %ld %ld\n", fast(SYS_pread64, fd, 8, 64, 0), fast(SYS_pread64, fd, ro, 64, 0),
	       fast(SYS_pread64, fd, edge + 4096, 64, 0));
	printf("position %ld\n", (long)lseek(fd, 0, SEEK_CUR));
}

int main(void)
{
	int fa = open(FILE_A, O_RDONLY), fb = open(FILE_B, O_RDONLY), p[2], st, in, n;
	pthread_t t;
	void *r;
	pid_t pid;

	fast_begin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	a = load(FILE_A, &size_a);
	b = load(FILE_B, &size_b);
	printf("first %d\n", wrong(fa, a, size_a));
	ends(fa);
	printf("two %d %d\n", wrong(fb, b, size_b), wrong(fa, a, size_a));
	dup2(fb, fa);
	printf("dup2 %d\n", wrong(fa, b, size_b));
	close(fa);
	printf("closed %ld\n", fast(SYS_pread64, fa, buf, 64, 0));
	fa = open(FILE_A, O_RDONLY);
	printf("opened %d\n", wrong(fa, a, size_a));
	syscall(SYS_close_range, fa, fa, 0);
	printf("range %ld\n", fast(SYS_pread64, fa, buf, 64, 0));
	if (pipe(p))
		return 1;
	dup2(p[0], fb);
	printf("pipe %ld\n", fast(SYS_pread64, fb, buf, 64, 0));
	fa = open(FILE_A, O_RDONLY);
	printf("again %d\n", wrong(fa, a, size_a));
	pid = fork();
	if (pid == 0) {
		int bad = wrong(fa, a, size_a);

		close(fa);
		_exit(bad || fast(SYS_pread64, fa, buf, 64, 0) != -EBADF);
	}
	waitpid(pid, &st, 0);
	printf("child %d, parent %d\n", WEXITSTATUS(st), wrong(fa, a, size_a));
	pid = vfork();
	if (pid == 0) {
		int bad = wrong(fa, a, size_a);

		close(fa);
		_exit(bad || fast(SYS_pread64, fa, buf, 64, 0) != -EBADF);
	}
	waitpid(pid, &st, 0);
	printf("vfork %d, parent %d\n", WEXITSTATUS(st), wrong(fa, a, size_a));
	pthread_create(&t, NULL, reader, (void *)(long)fa);
	pthread_join(t, &r);
	printf("thread %ld, first %d\n", (long)r, wrong(fa, a, size_a));
	in = inotify_init1(IN_NONBLOCK);
	inotify_add_watch(in, FILE_A, IN_ACCESS);
	n = (int)fast(SYS_pread64, fa, buf, 64, 0);
	printf("watched %d: %d\n", n, read(in, buf, sizeof(buf)) > 0);
	close(in);
	printf("last %d\n", wrong(fa, a, size_a));
	return 0;
}
