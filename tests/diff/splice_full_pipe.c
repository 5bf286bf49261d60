/* SPDX-License-Identifier: MIT */
/* splice(2) from a socket to a pipe takes no more than the pipe holds: nothing is lost when it is full. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 1000000

static void feed(int fd)
{
	unsigned char b[5000];

	for (int i = 0; i < SIZE; i += 5000) {
		for (int j = 0; j < 5000; j++)
			b[j] = (unsigned char)((i + j) % 251);
		if (write(fd, b, sizeof(b)) != sizeof(b))
			_exit(1);
	}
	_exit(0);
}

/* Take the pipe's bytes, *max* at most. */
static int drain(int fd, int at, int max)
{
	static unsigned char b[65536];
	ssize_t n = read(fd, b, (size_t)max < sizeof(b) ? (size_t)max : sizeof(b));

	for (ssize_t i = 0; i < n; i++) {
		if (b[i] != (at + i) % 251) {
			printf("wrong byte at %d\n", (int)(at + i));
			exit(1);
		}
	}
	return n > 0 ? at + (int)n : at;
}

static void run(const char *what, unsigned flags, int sock_flags)
{
	int sv[2], p[2], at = 0, full = 0;
	ssize_t n;

	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	pipe2(p, 0);
	fcntl(p[1], F_SETPIPE_SZ, 8192);
	fflush(stdout);
	if (!fork())
		feed(sv[1]);
	close(sv[1]);
	fcntl(sv[0], F_SETFL, sock_flags);
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	for (;;) {
		n = splice(sv[0], NULL, p[1], NULL, 1 << 20, flags);
		if (n == 0)
			break;
		if (n < 0 && errno != EAGAIN) {
			printf("%s: %s\n", what, strerrorname_np(errno));
			break;
		}
		full += n < 0;
		/* Not all of it: the next one finds the pipe half full, or full. */
		if (!flags || at % 3 || n < 0)
			at = drain(p[0], at, 8192);
		else
			at = drain(p[0], at, 4000);
	}
	for (int was = -1; was != at;) {
		was = at;
		at = drain(p[0], at, 65536);
	}
	printf("%s: %d bytes\n", what, at);
	close(p[0]);
	close(p[1]);
	close(sv[0]);
	wait(NULL);
	(void)full;
}

int main(void)
{
	int sv[2], p[2];
	static char b[8192];

	run("blocking", 0, 0);
	run("not blocking", SPLICE_F_NONBLOCK, 0);
	run("nothing blocks", SPLICE_F_NONBLOCK, O_NONBLOCK);
	/* A full pipe: nothing is taken. */
	socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
	pipe2(p, 0);
	fcntl(p[1], F_SETPIPE_SZ, 4096);
	write(p[1], b, 4096);
	write(sv[1], "hello", 5);
	printf("%zd %s\n", splice(sv[0], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK), strerrorname_np(errno));
	printf("%zd\n", recv(sv[0], b, 100, MSG_DONTWAIT));
	return 0;
}
