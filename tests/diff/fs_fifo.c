/* SPDX-License-Identifier: MIT */
/* fifo(7): who waits for whom. */
#include "fs_util.h"

#include <poll.h>

static int events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	poll(&p, 1, 0);
	return p.revents;
}

static void on_alarm(int s)
{
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_alarm};
	char buf[64];
	int r, w, rw, status;
	pid_t pid;

	SHOW(mkfifo("f", 0600));
	SHOW(mkfifo("f", 0600));
	SHOW(open("f", O_WRONLY | O_NONBLOCK));
	r = open("f", O_RDONLY | O_NONBLOCK);
	VALUE(events(r));
	VALUE(read(r, buf, 10));
	w = open("f", O_WRONLY | O_NONBLOCK);
	SHOW(w);
	SHOW(read(r, buf, 10));
	VALUE(write(w, "hi", 2));
	VALUE(events(r));
	close(w);
	VALUE(events(r));
	VALUE(read(r, buf, 10));
	VALUE(read(r, buf, 10));
	VALUE(events(r));
	close(r);
	rw = open("f", O_RDWR);
	VALUE(write(rw, "self", 4));
	VALUE(read(rw, buf, 10));
	close(rw);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		w = open("f", O_WRONLY); /* waits for the reader */
		write(w, "from child", 10);
		_exit(0);
	}
	usleep(50000);
	r = open("f", O_RDONLY);
	VALUE(read(r, buf, 64));
	waitpid(pid, &status, 0);
	VALUE(read(r, buf, 64));
	close(r);
	pid = fork();
	if (!pid) {
		r = open("f", O_RDONLY);
		_exit(read(r, buf, 64));
	}
	usleep(50000);
	w = open("f", O_WRONLY);
	VALUE(write(w, "12345", 5));
	close(w);
	waitpid(pid, &status, 0);
	printf("child read %d\n", WEXITSTATUS(status));
	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	SHOW(open("f", O_RDONLY));
	SHOW(unlink("f"));
	return 0;
}
