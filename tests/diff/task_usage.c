/* SPDX-License-Identifier: MIT */
/* getrusage(2), times(2), wait4(2)'s rusage, CPU clocks of processes and threads, RLIMIT_CPU: who has used what, roughly. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double sec(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static double clock_of(clockid_t c)
{
	struct timespec ts;

	clock_gettime(c, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static volatile unsigned long sink;

static void burn_user(double s)
{
	double end = clock_of(CLOCK_THREAD_CPUTIME_ID) + s;

	while (clock_of(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 2000000; i++)
			sink += (unsigned long)i;
}

static void burn_system(double s)
{
	double end = clock_of(CLOCK_PROCESS_CPUTIME_ID) + s;

	while (clock_of(CLOCK_PROCESS_CPUTIME_ID) < end)
		for (int i = 0; i < 2000; i++)
			sched_yield(); /* the kernel's work inside too: other calls may be answered in the program itself */
}

static void is(const char *what, int ok)
{
	printf("%s: %s\n", what, ok ? "yes" : "no");
}

static void *burner(void *arg)
{
	struct rusage ru;

	burn_user(0.1);
	getrusage(RUSAGE_THREAD, &ru);
	is("a thread's own", sec(ru.ru_utime) + sec(ru.ru_stime) >= 0.09 && sec(ru.ru_utime) + sec(ru.ru_stime) < 0.25);
	return arg;
}

static void threads(void)
{
	struct rusage before, ru, all;
	pthread_t th;
	clockid_t c;
	double mine, mine2;

	getrusage(RUSAGE_THREAD, &before);
	mine = clock_of(CLOCK_THREAD_CPUTIME_ID);
	pthread_create(&th, NULL, burner, NULL);
	pthread_join(th, NULL);
	getrusage(RUSAGE_THREAD, &ru);
	getrusage(RUSAGE_SELF, &all);
	mine2 = clock_of(CLOCK_THREAD_CPUTIME_ID);
	is("not the waiting thread's", sec(ru.ru_utime) + sec(ru.ru_stime) - sec(before.ru_utime) - sec(before.ru_stime) < 0.05);
	is("nor its clock's", mine2 - mine < 0.05);
	is("the process's", sec(all.ru_utime) + sec(all.ru_stime) >= sec(ru.ru_utime) + sec(ru.ru_stime) + 0.09);
	clock_getcpuclockid(0, &c);
	is("its clock", clock_of(c) >= 0.09);
}

static void split(void)
{
	struct rusage a, b;

	getrusage(RUSAGE_SELF, &a);
	burn_user(0.2);
	getrusage(RUSAGE_SELF, &b);
	is("user time", sec(b.ru_utime) - sec(a.ru_utime) > 0.12);
	is("little system time", sec(b.ru_stime) - sec(a.ru_stime) < 0.08);
	burn_system(0.2);
	getrusage(RUSAGE_SELF, &a);
	is("system time", sec(a.ru_stime) - sec(b.ru_stime) > 0.08);
}

static void children(void)
{
	struct rusage ru, ch;
	struct tms t;
	pid_t pid;
	int st;

	pid = fork();
	if (!pid) {
		char *p = malloc(32 << 20);

		memset(p, 1, 32 << 20);
		burn_user(0.1);
		_exit(p[5]);
	}
	wait4(pid, &st, 0, &ru);
	is("status", WEXITSTATUS(st) == 1);
	is("a child's time", sec(ru.ru_utime) + sec(ru.ru_stime) >= 0.09);
	is("its memory", ru.ru_maxrss >= 32 << 10 && ru.ru_maxrss < 64 << 10);
	is("its faults", ru.ru_minflt >= 32 << 8 || ru.ru_minflt >= 16);
	getrusage(RUSAGE_CHILDREN, &ch);
	is("the children's", sec(ch.ru_utime) + sec(ch.ru_stime) >= 0.09 && ch.ru_maxrss >= 32 << 10 && ch.ru_minflt >= 16);
	times(&t);
	is("times", t.tms_cutime + t.tms_cstime >= 8);
	pid = fork();
	if (!pid) {
		if (!fork()) {
			burn_user(0.1);
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait4(pid, &st, 0, &ru);
	is("a grandchild's", sec(ru.ru_utime) + sec(ru.ru_stime) >= 0.09);
	pid = fork();
	if (!pid) {
		signal(SIGCHLD, SIG_IGN);
		if (!fork()) {
			burn_user(0.1);
			_exit(0);
		}
		wait(NULL);
		getrusage(RUSAGE_CHILDREN, &ru);
		_exit(sec(ru.ru_utime) == 0);
	}
	wait4(pid, &st, 0, &ru);
	is("not of who was not waited for", WEXITSTATUS(st) == 1);
}

static void self(void)
{
	struct rusage a, b;
	char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, 16 << 20, MADV_NOHUGEPAGE);
	getrusage(RUSAGE_SELF, &a);
	memset(p, 1, 16 << 20);
	getrusage(RUSAGE_SELF, &b);
	is("faults", b.ru_minflt - a.ru_minflt >= 4000 && b.ru_minflt - a.ru_minflt < 6000);
	is("memory", b.ru_maxrss >= 16 << 10);
	usleep(1000);
	getrusage(RUSAGE_SELF, &a);
	is("switches", a.ru_nvcsw > b.ru_nvcsw);
	is("who", getrusage(5, &a) < 0 && errno == EINVAL);
	is("fault", syscall(SYS_getrusage, 0, 8) < 0 && errno == EFAULT);
}

static void limits(void)
{
	struct rlimit hard = {1, 1}, soft = {1, RLIM_INFINITY};
	pid_t a, b;
	int st;

	a = fork();
	if (!a) {
		setrlimit(RLIMIT_CPU, &hard);
		if (fork()) { /* it is inherited */
			wait(&st);
			_exit(WIFSIGNALED(st) ? WTERMSIG(st) : 1);
		}
		for (;;)
			sink++;
	}
	b = fork();
	if (!b) {
		setrlimit(RLIMIT_CPU, &soft);
		for (;;)
			sink++;
	}
	waitpid(a, &st, 0);
	printf("hard limit %d\n", WEXITSTATUS(st));
	waitpid(b, &st, 0);
	printf("soft limit %d\n", WTERMSIG(st));
}

int main(void)
{
	children();
	split();
	threads();
	self();
	limits();
	return 0;
}
