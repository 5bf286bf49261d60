/* SPDX-License-Identifier: MIT */
/* /proc/self/fdinfo of every kind of descriptor: which lines there are, and what they say. proc_pid_fdinfo(5). */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int skip(const char *line)
{
	/* Later kernels', or numbers of their own. */
	static const char *const names[] = {"mnt_id:", "ino:", "eventfd-id:", "eventfd-semaphore:", "scm_fds:", "it_value:", "Pid:",
		"NSpid:", "tty-index:"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		if (strncmp(line, names[i], n))
			continue;
		if (strncmp(names[i], "scm_fds", 7) && strncmp(names[i], "eventfd", 7))
			printf("%s #\n", names[i]);
		return 1;
	}
	return 0;
}

/* "ino:40e sdev:10" and the like: replaced by "ino:# sdev:#". */
static void show_line(char *line)
{
	char *at;

	if (skip(line))
		return;
	if ((at = strstr(line, "ino:")))
		strcpy(at, strstr(line, "mask") ? "ino:# sdev:# mask" : "ino:# sdev:#");
	if (!strncmp(line, "lock:", 5)) {
		char kind[16], adv[16], type[16], dev[64], end[32];
		int n, pid;
		long start;

		sscanf(line, "lock:\t%d: %s %s %s %d %s %ld %s", &n, kind, adv, type, &pid, dev, &start, end);
		printf("lock %d %s %s %s %s %ld %s\n", n, kind, adv, type, pid == getpid() ? "own" : pid == -1 ? "-1" : "?", start, end);
		return;
	}
	puts(line);
}

static void show(const char *what, int fd)
{
	char path[64], line[512];
	struct stat st;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	printf("== %s\n", what);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		show_line(line);
	}
	if (f)
		fclose(f);
	stat(path, &st);
	printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
}

static long number(const char *path, const char *key)
{
	char line[256];
	long v = -1;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			v = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return v;
}

static void show_events(void)
{
	struct epoll_event e = {EPOLLIN | EPOLLET, {.u64 = 0x1234}};
	struct itimerspec it = {{1, 5}, {1000, 0}};
	int ev = eventfd(7, EFD_SEMAPHORE), ep = epoll_create1(EPOLL_CLOEXEC), in = inotify_init1(IN_NONBLOCK), tf;
	sigset_t s;

	show("eventfd", ev);
	epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
	show("epoll", ep);
	inotify_add_watch(in, "/tmp", IN_CREATE | IN_ONESHOT);
	show("inotify", in);
	sigemptyset(&s);
	sigaddset(&s, SIGINT);
	sigaddset(&s, SIGRTMIN);
	show("signalfd", signalfd(-1, &s, 0));
	tf = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(tf, 0, &it, 0);
	show("timerfd", tf);
}

static void show_files(void)
{
	int f = open("fdinfo-file", O_RDWR | O_CREAT | O_APPEND, 0600), p[2];
	struct flock a = {F_WRLCK, SEEK_SET, 2, 10}, b = {F_RDLCK, SEEK_SET, 100, 0};
	char path[64];
	struct stat st;

	pipe2(p, O_DIRECT);
	show("pipe", p[1]);
	show("memfd", memfd_create("x", MFD_ALLOW_SEALING));
	show("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	write(f, "hello", 5);
	fcntl(f, F_SETLK, &a);
	show("record lock", f);
	flock(f, LOCK_SH);
	fcntl(f, F_OFD_SETLK, &b);
	show("all locks", f);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", f);
	fstat(f, &st);
	printf("inode number agrees %d\n", number(path, "ino:") == (long)st.st_ino);
	lseek(f, 3, SEEK_SET);
	printf("position %ld\n", number(path, "pos:"));
	show("path", open("/", O_PATH));
	show("read only", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	show("nonblock", open("/dev/null", O_WRONLY | O_NONBLOCK | O_SYNC));
	unlink("fdinfo-file");
}

static void show_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	char path[64];

	show("pidfd", fd);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	printf("Pid is own %d\n", number(path, "Pid:") == getpid());
	show("ptmx", posix_openpt(O_RDWR | O_NOCTTY));
}

int main(void)
{
	show_events();
	show_files();
	show_pidfd();
	return 0;
}
