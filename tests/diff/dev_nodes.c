/* SPDX-License-Identifier: MIT */
/* /dev: null, zero, full, random, urandom, links; what reading, writing, seeking, mapping and polling them does. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

static void device(const char *path)
{
	char buf[64];
	struct stat st;
	int fd = open(path, O_RDWR);

	printf("%s:", path);
	if (fd < 0) {
		printf(" %s\n", strerror(errno));
		return;
	}
	fstat(fd, &st);
	printf(" %o %u:%u", st.st_mode & S_IFMT, major(st.st_rdev), minor(st.st_rdev));
	memset(buf, 'x', sizeof(buf));
	printf(" read %zd", read(fd, buf, 16));
	printf(" zeros %d", !memcmp(buf, (char[16]){0}, 16));
	errno = 0;
	printf(" write %zd", write(fd, "abc", 3));
	printf(" %d", errno);
	errno = 0;
	printf(" seek %ld", (long)lseek(fd, 100, SEEK_SET));
	printf(" %d", errno);
	printf(" pread %zd", pread(fd, buf, 8, 50));
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	printf(" poll %d %x", poll(&p, 1, 0), p.revents);
	errno = 0;
	printf(" ioctl %d", ioctl(fd, 0x5401, buf));
	printf(" %d", errno);
	errno = 0;
	printf(" truncate %d", ftruncate(fd, 0));
	printf(" %d\n", errno);
	close(fd);
}

static void zero_map(void)
{
	int fd = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), *q;

	printf("private map %d", p != MAP_FAILED);
	if (p != MAP_FAILED) {
		p[0] = 1;
		printf(" %d %d", p[0], p[8191]);
	}
	q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	printf(" shared map %d\n", q != MAP_FAILED);
	close(fd);
	fd = open("/dev/null", O_RDWR);
	errno = 0;
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	printf("null map %d %d\n", p != MAP_FAILED, errno);
	close(fd);
}

static void random_bytes(void)
{
	char a[32], b[32];
	int fd = open("/dev/urandom", O_RDONLY), ent = 0;
	static char big[1 << 20];

	read(fd, a, sizeof(a));
	read(fd, b, sizeof(b));
	printf("different %d big %zd\n", memcmp(a, b, sizeof(a)) != 0, read(fd, big, sizeof(big)));
	printf("entropy %d", ioctl(fd, 0x80045200, &ent));
	printf(" %d\n", ent == 256);
	close(fd);
}

static void links(void)
{
	static const char *const names[] = {"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"};
	char to[256];
	struct stat st;

	for (int i = 0; i < 4; i++) {
		ssize_t n = readlink(names[i], to, sizeof(to) - 1);

		printf("%s -> %.*s\n", names[i], (int)(n < 0 ? 0 : n), to);
	}
	printf("shm %o pts %d\n", stat("/dev/shm", &st) ? 0 : st.st_mode & 07777, stat("/dev/pts", &st));
	int p[2];
	if (pipe(p))
		return;
	dup2(p[0], 40);
	write(p[1], "via", 3);
	int fd = open("/dev/fd/40", O_RDONLY);
	printf("/dev/fd %zd\n", read(fd, to, sizeof(to)));
	close(fd);
}

static void misc(void)
{
	struct iovec v[2] = {{(char[4]){0}, 4}, {(char[4]){0}, 4}};
	int fd = open("/dev/zero", O_RDONLY), n = open("/dev/null", O_WRONLY | O_TRUNC | O_CREAT | O_APPEND, 0644);
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};

	printf("readv %zd\n", readv(fd, v, 2));
	printf("null created %d\n", n >= 0);
	errno = 0;
	printf("epoll %d", epoll_ctl(ep, EPOLL_CTL_ADD, n, &ev));
	printf(" %d\n", errno);
	errno = 0;
	printf("write to read-only %zd", write(fd, "x", 1));
	printf(" %d\n", errno);
	errno = 0;
	printf("no device %d", open("/dev/nothing", O_RDONLY));
	printf(" %d\n", errno);
	printf("bad buffer %zd", read(fd, (void *)8, 100));
	printf(" %d\n", errno);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	device("/dev/null");
	device("/dev/zero");
	device("/dev/full");
	zero_map();
	random_bytes();
	links();
	misc();
	return 0;
}
