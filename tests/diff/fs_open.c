/* SPDX-License-Identifier: MIT */
/* open(2): flags against kinds of objects. */
#include "fs_util.h"

int main(void)
{
	char longname[258];

	umask(022);
	SHOW(mkdir("d", 0755));
	make_file("f", "hello", 0644);
	SHOW(symlink("f", "lf"));
	SHOW(symlink("d", "ld"));
	SHOW(symlink("new", "dangling"));
	SHOW(symlink("loop", "loop"));
	SHOW(mkfifo("fifo", 0644));

	OPEN("", O_RDONLY);
	OPEN("nope", O_RDONLY);
	OPEN("nope/x", O_RDONLY);
	OPEN("f/x", O_RDONLY);
	OPEN("f/", O_RDONLY);
	OPEN("d/", O_RDONLY);
	OPEN("d/.", O_RDONLY);
	OPEN("d/../f", O_RDONLY);
	OPEN("d", O_WRONLY);
	OPEN("d", O_RDWR);
	OPEN("d", O_RDONLY | O_TRUNC);
	OPEN("d", O_CREAT | O_RDONLY, 0600);
	OPEN("d", O_CREAT | O_EXCL | O_RDONLY, 0600);
	OPEN("f", O_CREAT | O_EXCL | O_RDONLY, 0600);
	OPEN("f", O_DIRECTORY | O_RDONLY);
	OPEN("lf", O_NOFOLLOW | O_RDONLY);
	OPEN("ld", O_NOFOLLOW | O_RDONLY);
	OPEN("ld/", O_NOFOLLOW | O_RDONLY);
	OPEN("ld", O_NOFOLLOW | O_DIRECTORY | O_RDONLY);
	OPEN("lf/", O_RDONLY);
	OPEN("loop", O_RDONLY);
	OPEN("loop", O_CREAT | O_RDONLY, 0600);
	OPEN("loop", O_CREAT | O_EXCL | O_RDONLY, 0600);
	OPEN("dangling", O_RDONLY);
	OPEN("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600);
	OPEN("dangling", O_CREAT | O_NOFOLLOW | O_WRONLY, 0600);
	OPEN("dangling", O_CREAT | O_WRONLY, 0600);
	show_stat("new");
	OPEN("create/", O_CREAT | O_WRONLY, 0600);
	OPEN("f/", O_CREAT | O_WRONLY, 0600);
	OPEN("d/.", O_CREAT | O_WRONLY, 0600);
	OPEN("d/..", O_CREAT | O_EXCL | O_WRONLY, 0600);
	OPEN("/", O_CREAT | O_WRONLY, 0600);
	OPEN("nope/new", O_CREAT | O_WRONLY, 0600);
	OPEN("f/new", O_CREAT | O_WRONLY, 0600);
	OPEN("fifo", O_WRONLY | O_NONBLOCK);
	OPEN("fifo", O_RDONLY | O_NONBLOCK);
	OPEN("fifo", O_RDWR);
	OPEN("fifo", O_DIRECTORY | O_RDONLY);
	OPEN("lf", O_PATH | O_NOFOLLOW);
	OPEN("lf", O_PATH);
	OPEN("f", O_PATH | O_DIRECTORY);
	OPEN("f", 3);
	OPEN(".", O_TMPFILE | O_RDWR, 0600);
	OPEN(".", O_TMPFILE | O_RDONLY, 0600);
	OPEN("f", O_TMPFILE | O_RDWR, 0600);
	OPEN("nope", O_TMPFILE | O_RDWR, 0600);
	memset(longname, 'a', 256);
	longname[256] = 0;
	SHOW(open(longname, O_RDONLY));
	SHOW(open(longname, O_CREAT | O_WRONLY, 0600));
	longname[255] = 0;
	OPEN(longname, O_CREAT | O_WRONLY, 0600);
	SHOW(openat(-1, "f", O_RDONLY));
	SHOW(openat(12345, "f", O_RDONLY));
	{
		int fd = open("f", O_RDONLY), dir = open("d", O_RDONLY), p = open("f", O_PATH);
		char buf[4];

		SHOW(openat(fd, "x", O_RDONLY));
		SHOW(openat(dir, "../f", O_RDONLY));
		SHOW(read(dir, buf, 4));
		SHOW(write(fd, buf, 4));
		SHOW(read(p, buf, 4));
		SHOW(fchmod(p, 0600));
		SHOW(fcntl(p, F_GETFL));
		SHOW(fstat(p, &(struct stat){0}));
		SHOW(fchdir(fd));
		SHOW(ftruncate(fd, 1));
		SHOW(lseek(fd, -1, SEEK_SET));
		SHOW(lseek(fd, 0, 99));
		VALUE(lseek(fd, 100, SEEK_END));
		VALUE(read(fd, buf, 4));
		SHOW(read(fd, (void *)16, 4));
		VALUE(lseek(fd, 0, SEEK_SET));
		SHOW(read(fd, (void *)16, 4));
		VALUE(pread(fd, buf, 4, 3));
		SHOW(pread(fd, buf, 4, -1));
	}
	for (int mode = 0; mode <= 07777; mode += 01111) {
		int fd;

		unlink("m");
		fd = open("m", O_CREAT | O_WRONLY, mode);
		close(fd);
		show_stat("m");
	}
	return 0;
}
