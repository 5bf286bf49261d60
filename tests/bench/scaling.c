/* SPDX-License-Identifier: MIT */
/*
 * How system calls of several threads or processes get along: scaling KIND threads|processes N. Each has files, pipes, futexes and sockets of its own, so
 * that nothing but the kernel below could make one wait for another. Prints calls a second of all together, over 300 ms.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LANES_MAX 64
#define RUN_MS 300

struct lane {
	int fd[2], word;
	char path[64];
	_Atomic unsigned long calls;
} __attribute__((aligned(256)));

struct shared {
	_Atomic int ready, go, stop;
	struct lane lanes[LANES_MAX];
};

static struct shared *sh;

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void open_file(struct lane *l)
{
	char text[64] = "sixty-four bytes of a file";

	l->fd[0] = open(l->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(l->fd[0] >= 0 && write(l->fd[0], text, sizeof(text)) == sizeof(text), l->path);
}

static void open_pipe(struct lane *l)
{
	must(pipe(l->fd) == 0, "pipe");
}

static void open_unix(struct lane *l)
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, l->fd) == 0, "socketpair");
}

static void open_inet(struct lane *l)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	must(s >= 0 && bind(s, (void *)&a, sizeof(a)) == 0 && listen(s, 1) == 0 && getsockname(s, (void *)&a, &len) == 0, "listen");
	l->fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(l->fd[0], (void *)&a, sizeof(a)) == 0, "connect");
	l->fd[1] = accept(s, NULL, NULL);
	must(l->fd[1] >= 0, "accept");
	close(s);
}

static void none(struct lane *l)
{
}

static unsigned long do_getppid(struct lane *l)
{
	return (unsigned long)syscall(SYS_getppid) ? 1 : 1;
}

static unsigned long do_pread(struct lane *l)
{
	char buf[64];

	return pread(l->fd[0], buf, sizeof(buf), 0) == sizeof(buf);
}

static unsigned long do_pwrite(struct lane *l)
{
	char buf[64] = "";

	return pwrite(l->fd[0], buf, sizeof(buf), 0) == sizeof(buf);
}

static unsigned long do_stat(struct lane *l)
{
	struct stat st;

	return stat(l->path, &st) == 0;
}

static unsigned long do_open(struct lane *l)
{
	int fd = open(l->path, O_RDONLY);

	return fd >= 0 && close(fd) == 0 ? 2 : 0;
}

static unsigned long do_pair(struct lane *l)
{
	char buf[64] = "";

	return write(l->fd[1], buf, sizeof(buf)) == sizeof(buf) && read(l->fd[0], buf, sizeof(buf)) == sizeof(buf) ? 2 : 0;
}

static unsigned long do_futex(struct lane *l)
{
	return syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0;
}

static unsigned long do_mmap(struct lane *l)
{
	char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, l->fd[0], 0);

	return p != MAP_FAILED && munmap(p, 65536) == 0 ? 2 : 0;
}

static unsigned long do_fork(struct lane *l)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static const struct kind {
	const char *name;
	void (*prepare)(struct lane *l);
	unsigned long (*step)(struct lane *l);
} kinds[] = {
	{"getppid", none, do_getppid},
	{"pread", open_file, do_pread},
	{"pwrite", open_file, do_pwrite},
	{"stat", open_file, do_stat},
	{"open", open_file, do_open},
	{"pipe", open_pipe, do_pair},
	{"unix", open_unix, do_pair},
	{"inet", open_inet, do_pair},
	{"futex", none, do_futex},
	{"mmap", open_file, do_mmap},
	{"fork", none, do_fork},
};

static const struct kind *kind;

static void *run_lane(void *arg)
{
	struct lane *l = arg;
	unsigned long n = 0, did;

	kind->prepare(l);
	sh->ready++;
	while (!sh->go)
		usleep(500);
	while (!sh->stop) {
		did = kind->step(l);
		must(did > 0, kind->name);
		n += did;
	}
	l->calls = n;
	return NULL;
}

static void start(struct lane *l, int threads, pthread_t *th)
{
	if (threads) {
		must(pthread_create(th, NULL, run_lane, l) == 0, "thread");
	} else if (fork() == 0) {
		run_lane(l);
		_exit(0);
	}
}

int main(int argc, char **argv)
{
	int threads = argc == 4 && strcmp(argv[2], "threads") == 0, n = argc == 4 ? atoi(argv[3]) : 0;
	pthread_t th[LANES_MAX];
	struct timespec a, b;
	unsigned long sum = 0;

	for (size_t i = 0; argc == 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			kind = &kinds[i];
	if (!kind || n < 1 || n > LANES_MAX) {
		fprintf(stderr, "usage: scaling KIND threads|processes N\n");
		return 2;
	}
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(sh != MAP_FAILED, "mmap");
	for (int i = 0; i < n; i++) {
		snprintf(sh->lanes[i].path, sizeof(sh->lanes[i].path), "/tmp/scaling.%d.%d", (int)getpid(), i);
		start(&sh->lanes[i], threads, &th[i]);
	}
	while (sh->ready < n)
		usleep(1000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	sh->go = 1;
	usleep(RUN_MS * 1000);
	sh->stop = 1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (int i = 0; i < n; i++)
		if (threads)
			pthread_join(th[i], NULL);
		else
			wait(NULL);
	for (int i = 0; i < n; i++) {
		sum += sh->lanes[i].calls;
		unlink(sh->lanes[i].path);
	}
	printf("%.0f\n", (double)sum / ((double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9));
	return 0;
}
