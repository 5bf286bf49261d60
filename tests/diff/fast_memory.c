/* SPDX-License-Identifier: MIT */
/* Arguments in memory through a rewritten call site: buffers and strings at the ends of pages, read-only, overlapping, gone. */
#define _GNU_SOURCE
#include "fast_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char *page; /* readable and writable; what is behind it is not there */
static int p[2];

static char *at_end(const char *s, size_t n)
{
	return memcpy(page + 4096 - n, s, n);
}

static void strings(void)
{
	char dir[] = "/tmp/fast_memory.XXXXXX", name[300], longest[5000];
	struct stat st;
	int fd;

	if (!mkdtemp(dir) || chdir(dir))
		exit(1);
	printf("creat %d\n", (fd = (int)fast(SYS_openat, AT_FDCWD, at_end("file", 5), O_CREAT | O_RDWR, 0640)) >= 0);
	printf("no end %ld\n", fast(SYS_openat, AT_FDCWD, at_end("file", 4), O_RDONLY));
	printf("nowhere %ld\n", fast(SYS_openat, AT_FDCWD, page + 4096, O_RDONLY));
	printf("null %ld\n", fast(SYS_openat, AT_FDCWD, NULL, O_RDONLY));
	printf("empty %ld\n", fast(SYS_openat, AT_FDCWD, "", O_RDONLY));
	printf("stat %ld %lo\n", fast(SYS_newfstatat, AT_FDCWD, at_end("file", 5), &st, 0), (long)st.st_mode);
	printf("fstat by name %ld\n", fast(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH));
	printf("stat to nowhere %ld\n", fast(SYS_newfstatat, AT_FDCWD, "file", page + 4000, 0));
	printf("stat over the name %ld\n", fast(SYS_stat, strcpy(page, "file"), page));
	printf("size there %d\n", ((struct stat *)page)->st_size == 0);
	printf("lstat missing %ld\n", fast(SYS_lstat, "missing", &st));
	printf("symlink %ld\n", fast(SYS_symlink, "target-of-it", at_end("link", 5)));
	memset(name, '#', sizeof(name));
	printf("readlink %ld", fast(SYS_readlink, "link", name, 6));
	printf(" %.8s\n", name);
	printf("readlink nowhere %ld\n", fast(SYS_readlink, "link", page + 4096 - 4, 12));
	printf("rename %ld\n", fast(SYS_rename, at_end("file", 5), "other"));
	printf("access %ld %ld\n", fast(SYS_access, "other", R_OK), fast(SYS_faccessat, AT_FDCWD, "file", R_OK));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	printf("too long %ld\n", fast(SYS_access, longest, R_OK));
	longest[4095] = 0;
	printf("nearly %ld\n", fast(SYS_access, longest, R_OK));
	for (int i = 0; i < 4090; i += 2)
		memcpy(longest + i, "./", 2);
	strcpy(longest + 4088, "other");
	printf("long %ld\n", fast(SYS_access, longest, R_OK));
	printf("two long %ld\n", fast(SYS_rename, longest, "file"));
	strcpy(page, "one");
	printf("same name twice %ld\n", fast(SYS_link, "file", page) | fast(SYS_unlink, page));
	printf("tail of a name %ld\n", fast(SYS_rename, strcpy(page, "file"), page + 2));
	printf("cwd %d\n", fast(SYS_getcwd, name, 300) == (long)strlen(dir) + 1 && !strcmp(name, dir));
	printf("cwd short %ld\n", fast(SYS_getcwd, name, 3));
	fast(SYS_unlink, "link"), fast(SYS_unlink, "le");
	fast(SYS_close, fd);
	printf("rmdir %ld\n", fast(SYS_chdir, "/") | fast(SYS_rmdir, dir));
}

static void buffers(void)
{
	char *ro = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), buf[8192];
	struct iovec v[2] = {{buf, 3}, {buf + 100, 5}};
	struct pollfd pf = {p[0], POLLIN, 0x55};
	struct epoll_event ev = {EPOLLIN, {.u64 = 42}}, got[3];
	struct timespec ts, brief = {0, 1000}, wrong = {0, -1};
	struct timeval none = {0, 0};
	struct utsname un;
	struct winsize ws;
	struct rlimit rl;
	struct termios tio;
	fd_set set;
	int n, ep = epoll_create1(0);

	printf("write %ld\n", fast(SYS_write, p[1], "0123456789abcdef", 16));
	printf("into read-only %ld\n", fast(SYS_read, p[0], ro, 4));
	printf("nowhere %ld\n", fast(SYS_read, p[0], page + 4096, 4));
	printf("read %ld", fast(SYS_read, p[0], memset(buf, '.', 100), 10));
	printf(" %.12s\n", buf);
	printf("from nowhere %ld\n", fast(SYS_write, p[1], page + 4096, 4));
	printf("from the end %ld\n", fast(SYS_write, p[1], at_end("tail", 4), 4));
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	n = (int)fast(SYS_read, p[0], buf, sizeof(buf));
	printf("rest %d\n", n);
	printf("empty %ld\n", fast(SYS_read, p[0], ro, 4));
	printf("zero to nowhere %ld\n", fast(SYS_read, p[0], page + 4096, 0));
	for (int size = 1; size <= 8192; size = size * 3 + 1) {
		memset(buf, size, sizeof(buf));
		n = (int)fast(SYS_write, p[1], buf, size);
		memset(buf, 0, sizeof(buf));
		n += (int)fast(SYS_read, p[0], buf, sizeof(buf));
		printf("%d: %d %d %d\n", size, n, buf[size - 1] == (char)size, buf[size] == 0);
	}
	printf("writev %ld ", fast(SYS_writev, p[1], v, 2));
	printf("poll %ld %x ", fast(SYS_poll, &pf, 1, 0), pf.revents);
	printf("readv %ld\n", fast(SYS_readv, p[0], v, 2));
	printf("poll %ld %x\n", fast(SYS_poll, &pf, 1, 0), pf.revents);
	printf("poll ro %ld\n", fast(SYS_poll, ro, 1, 0));
	printf("poll many %ld\n", fast(SYS_poll, &pf, 1ul << 40, 0));
	printf("epoll %ld ", fast(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev));
	printf("%ld ", fast(SYS_epoll_wait, ep, got, 3, 0));
	fast(SYS_write, p[1], "x", 1);
	n = (int)fast(SYS_epoll_wait, ep, got, 3, 0);
	printf("%d %lu\n", n, got[0].data.u64);
	FD_ZERO(&set);
	FD_SET(p[0], &set);
	printf("select %ld %d\n", fast(SYS_select, p[0] + 1, &set, NULL, NULL, &none), FD_ISSET(p[0], &set) != 0);
	printf("ioctl %ld ", fast(SYS_ioctl, p[0], FIONREAD, &n));
	printf("%d %ld %ld\n", n, fast(SYS_ioctl, p[0], TCGETS, &tio), fast(SYS_ioctl, p[0], TIOCGWINSZ, &ws));
	printf("ioctl to ro %ld\n", fast(SYS_ioctl, p[0], FIONREAD, ro));
	printf("clock %ld %ld\n", fast(SYS_clock_gettime, CLOCK_MONOTONIC, &ts), fast(SYS_clock_gettime, CLOCK_MONOTONIC, ro));
	printf("uname %ld %s\n", fast(SYS_uname, &un), un.sysname);
	printf("uname nowhere %ld\n", fast(SYS_uname, page + 4096 - 389));
	printf("prlimit %ld %ld\n", fast(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &rl), fast(SYS_prlimit64, 0, RLIMIT_CORE, 8, &rl));
	printf("nanosleep %ld %ld\n", fast(SYS_nanosleep, &brief, NULL), fast(SYS_nanosleep, &wrong, 8));
	printf("pipe2 ro %ld\n", fast(SYS_pipe2, ro, 0));
	printf("bad number %ld %ld %ld\n", fast(5000), fast(-1), fast(0x40000000 | SYS_getpid));
	printf("close %ld %ld\n", fast(SYS_close, ep), fast(SYS_close, ep));
}

/* Results that are written field by field, with gaps that keep what was there. */
static void gaps(void)
{
	siginfo_t info;
	pid_t child = fork();
	unsigned sum = 0;
	long r;

	if (child == 0)
		_exit(7);
	memset(&info, 0x5a, sizeof(info));
	r = fast(SYS_waitid, P_PID, child, &info, WEXITED, NULL);
	printf("waitid %ld: %d %d %d %d %d\n", r, info.si_signo, info.si_code, info.si_pid == child, info.si_status, info.si_errno);
	memset(&info.si_pid, 0, sizeof(info.si_pid));
	for (size_t i = 0; i < sizeof(info); i++)
		sum = sum * 31 + ((unsigned char *)&info)[i];
	printf("all of it %x\n", sum);
}

/* Flags, and the direction flag, are kept: a copy must not run backwards. */
static void flags(void)
{
	char a[64] = "0123456789", b[64] = "";
	unsigned long f0, f1;
	int fd = (int)fast(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR);

	if (!fast_site) {
		printf("flags 1 1\n");
		return;
	}
	for (int df = 0; df < 2; df++) {
		long r = SYS_write;

		__asm__ volatile("lea -256(%%rsp), %%rsp\n\t"
				 "pushq %[f]\n\t popfq\n\t"
				 "lea 1f(%%rip), %%rcx\n\t jmp *%%rbx\n1: syscall\n\t"
				 "pushfq\n\t popq %%r11\n\t cld\n\t"
				 "lea 256(%%rsp), %%rsp"
				 : "+a"(r), "=&r"(f1)
				 : [f] "r"(df ? 0xcd7ul | 0x2 : 0x202ul), "b"(fast_site), "D"(fd), "S"(a), "d"(10ul)
				 : "rcx", "r11", "memory", "cc");
		__asm__ volatile("mov %%r11, %0" : "=r"(f0));
		(void)f0;
		if (r != 10)
			printf("write %ld\n", r);
	}
	memcpy(b, a, 11);
	printf("flags %d %d\n", !strcmp(a, b), fast(SYS_close, fd) == 0);
}

/* Interrupted calls: EINTR, restarted ones, and results that arrive with a signal. */
static volatile int hits;
static void on_alarm(int sig) { hits++; }

static void *writer(void *arg)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	usleep(20000);
	if (write(p[1], "later", 5) != 5)
		exit(1);
	return NULL;
}

static void interrupts(void)
{
	pthread_t self = pthread_self(), t;
	char buf[16] = "";
	long r;

	fcntl(p[0], F_SETFL, 0);
	while (hits < 2) {
		struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = hits ? SA_RESTART : 0};
		int was = hits;

		sigaction(SIGUSR1, &sa, NULL);
		pthread_create(&t, NULL, writer, &self);
		r = fast(SYS_read, p[0], buf, 16);
		printf("read %ld hits %d\n", r, hits - was);
		pthread_join(t, NULL);
		if (r < 0)
			printf("then %ld\n", fast(SYS_read, p[0], buf, 16));
	}
	printf("%.5s\n", buf);
	printf("kill self %ld hits %d\n", fast(SYS_kill, getpid(), SIGUSR1), hits);
}

static void *reader(void *arg)
{
	long n = 0;
	char c[40];

	for (int i = 0; i < 300; i++)
		n += fast(SYS_pread64, (long)arg, c, 40, 0) == 40 && !memcmp(c + 1, "ELF", 3) && fast(SYS_gettid) == syscall(SYS_gettid);
	return (void *)n;
}

static void threads(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	pthread_t t[4];
	void *r;
	long sum = 0;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, reader, (void *)(long)fd);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &r);
		sum += (long)r;
	}
	printf("threads %ld\n", sum);
}

int main(void)
{
	fast_begin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	if (page == MAP_FAILED || pipe(p))
		return 1;
	strings();
	buffers();
	gaps();
	flags();
	interrupts();
	threads();
	return 0;
}
