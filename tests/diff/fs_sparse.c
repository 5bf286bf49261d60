/* SPDX-License-Identifier: MIT */
/* Holes: SEEK_DATA and SEEK_HOLE, fallocate, truncate, appending, limits. */
#include "fs_util.h"

#include <linux/falloc.h>
#include <sys/resource.h>

static void sum(int fd)
{
	unsigned long s = 5381;
	struct stat st;
	char buf[65536];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			s = s * 33 + (unsigned char)buf[i];
	fstat(fd, &st);
	printf("size %ld sum %lx\n", (long)st.st_size, s);
}

static volatile int got_signal;

static void on_xfsz(int s)
{
	got_signal = s;
}

int main(void)
{
	struct rlimit rl = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
	int fd = open("f", O_CREAT | O_RDWR, 0600), app, big;
	char page[4096], buf[200] = {0};

	memset(page, 'p', sizeof(page));
	VALUE(pwrite(fd, page, 4096, 8192));
	VALUE(pwrite(fd, page, 4096, 40960));
	sum(fd);
	VALUE(lseek(fd, 0, SEEK_DATA));
	VALUE(lseek(fd, 8192, SEEK_HOLE));
	VALUE(lseek(fd, 12288, SEEK_DATA));
	VALUE(lseek(fd, 40960, SEEK_HOLE));
	SHOW(lseek(fd, 45056, SEEK_DATA));
	SHOW(lseek(fd, 45056, SEEK_HOLE));
	SHOW(lseek(fd, -1, SEEK_DATA));
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8000, 1000));
	sum(fd);
	SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 8000, 1000));
	SHOW(fallocate(fd, 0, 0, 0));
	SHOW(fallocate(fd, 0, -1, 10));
	SHOW(fallocate(fd, 0x4000, 0, 10));
	SHOW(fallocate(fd, 0, 0, 50000));
	sum(fd);
	SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 90000));
	sum(fd);
	SHOW(ftruncate(fd, 8193));
	SHOW(ftruncate(fd, 20000));
	sum(fd);
	SHOW(ftruncate(fd, -1));
	SHOW(truncate("f", 10));
	SHOW(truncate("nope", 10));
	SHOW(truncate(".", 10));
	SHOW(truncate("f/", 10));
	sum(fd);
	app = open("f", O_WRONLY | O_APPEND);
	VALUE(write(app, "end", 3));
	VALUE(lseek(app, 0, SEEK_CUR));
	VALUE(lseek(app, 0, SEEK_SET));
	VALUE(write(app, "end", 3));
	VALUE(pwrite(app, "pw", 2, 0));
	sum(fd);
	/* A file that outgrows any small-file representation, and comes back. */
	big = open("big", O_CREAT | O_RDWR, 0600);
	for (int i = 0; i < 300; i++)
		if (write(big, page, 4096) != 4096)
			puts("short write");
	VALUE(pwrite(big, "far", 3, 1l << 33));
	SHOW(ftruncate(big, 5000));
	sum(big);
	VALUE(pwrite(big, "x", 1, 9000));
	sum(big);
	signal(SIGXFSZ, on_xfsz);
	setrlimit(RLIMIT_FSIZE, &rl);
	close(fd);
	fd = open("lim", O_CREAT | O_RDWR, 0600);
	VALUE(write(fd, buf, 200));
	SHOW(write(fd, buf, 1));
	printf("signal %d\n", got_signal);
	got_signal = 0;
	SHOW(ftruncate(fd, 101));
	printf("signal %d\n", got_signal);
	SHOW(ftruncate(fd, 100));
	return 0;
}
