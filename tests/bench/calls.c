/* SPDX-License-Identifier: MIT */
/* Prints "NAME microseconds" for the calls that users feel; the same program natively and in sandboxes. */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AT_PICKET_FASTCALL 0x70696b65

static const char *self;
static int fd, pfd[2];
static char buf[4096];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of nine batches. */
static void measure(const char *name, void (*fn)(void), int n)
{
	double t[9];

	fn();
	for (int b = 0; b < 9; b++) {
		double start = now();

		for (int i = 0; i < n; i++)
			fn();
		t[b] = (now() - start) / n;
	}
	qsort(t, 9, sizeof(t[0]), compare);
	printf("%s %.3f\n", name, t[4]);
	fflush(stdout);
}

static void call_getppid(void) { syscall(SYS_getppid); }
static void call_pread(void) { if (pread(fd, buf, 64, 0) < 0) abort(); }
static void call_stat(void) { struct stat st; stat(self, &st); }
static void call_open(void) { close(open(self, O_RDONLY)); }
static void call_pipe(void) { if (write(pfd[1], buf, 1) + read(pfd[0], buf, 1) != 2) abort(); }
static void call_mmap(void) { char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); p[0] = 1; munmap(p, 65536); }
static void *thread(void *arg) { return arg; }
static void call_thread(void) { pthread_t t; pthread_create(&t, NULL, thread, NULL); pthread_join(t, NULL); }

static void call_fork(void)
{
	pid_t p = fork();

	if (p == 0)
		_exit(0);
	waitpid(p, NULL, 0);
}

static void call_exec(void)
{
	pid_t p = vfork();

	if (p == 0) {
		execl(self, self, "exit", (char *)NULL);
		_exit(1);
	}
	waitpid(p, NULL, 0);
}

static void run(const char *const argv[])
{
	pid_t p = vfork();

	if (p == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(1);
	}
	waitpid(p, NULL, 0);
}

static void call_python(void) { run((const char *const[]){"/usr/bin/python3", "-c", "pass", NULL}); }
static void call_bash(void) { run((const char *const[]){"/bin/bash", "-c", ":", NULL}); }

static uint64_t fast_entry;

static void call_fast(void)
{
	long nr = SYS_getppid;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n jmp *%[f]\n1: syscall"
			 : "+a"(nr)
			 : [f] "m"(fast_entry)
			 : "rcx", "r11", "memory");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	self = argv[0];
	fd = open(self, O_RDONLY);
	if (fd < 0 || pipe(pfd))
		return 1;
	measure("getppid", call_getppid, 2000);
	measure("pread-64", call_pread, 2000);
	measure("stat", call_stat, 1000);
	measure("open+close", call_open, 1000);
	measure("pipe-write+read", call_pipe, 1000);
	measure("mmap+touch+munmap", call_mmap, 1000);
	measure("thread-create+join", call_thread, 100);
	measure("fork+exit+wait", call_fork, 50);
	measure("vfork+exec+exit+wait", call_exec, 30);
	measure("bash-c-:", call_bash, 5);
	measure("python3-c-pass", call_python, 3);
	fast_entry = getauxval(AT_PICKET_FASTCALL);
	if (fast_entry)
		measure("fast-entry-getppid", call_fast, 20000);
	return 0;
}
