/* SPDX-License-Identifier: MIT */
/*
 * Two containers and one file: "wait" maps it and waits for the other's byte, and answers; "tell" maps it, writes and waits for the answer; "hold" locks
 * it and stays; "try" says whether it can lock it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd = argc == 3 ? open(argv[2], O_RDWR | O_CREAT, 0666) : -1;
	volatile char *p;
	int tell, i;

	if (fd >= 0 && (strcmp(argv[1], "hold") == 0 || strcmp(argv[1], "try") == 0)) {
		int r = flock(fd, LOCK_EX | LOCK_NB);

		puts(r == 0 ? "locked" : errno == EWOULDBLOCK ? "held by another" : "error");
		fflush(stdout);
		if (argv[1][0] == 'h')
			pause();
		return 0;
	}
	if (fd < 0 || ftruncate(fd, 4096) < 0)
		return 2;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 3;
	tell = strcmp(argv[1], "tell") == 0;
	if (tell)
		p[0] = 'a';
	for (i = 0; i < 1000 && p[tell] != 'a' + tell; i++)
		usleep(10000);
	if (!tell)
		p[1] = 'b';
	puts(i < 1000 ? "heard" : "heard nothing");
	return i == 1000;
}
