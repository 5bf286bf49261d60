/* SPDX-License-Identifier: MIT */
/*
 * What may go on inside while a sandbox is paused: each thread and process counts in shared memory (a file) what it does. Prints
 * "ready" and runs until it is told (a line on standard input) to check itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BUSY, FUTEX, PONG, CALLS, BIRTHS, VFORKS, TRACED, SLEEPER, ALARMS, FAULTS, COUNT };
static const char *const names[] = {"busy", "futex", "pong", "calls", "births", "vforks", "traced", "sleeper", "alarms", "faults"};

static struct shared {
	_Atomic uint64_t n[COUNT];
	_Atomic uint32_t ball;
	_Atomic int errors;
} *s;

static void *busy(void *arg)
{
	for (;;)
		s->n[BUSY]++;
	return NULL;
}

static void *futex_wait(void *arg) /* natively, with a time-out */
{
	static uint32_t word;
	struct timespec ts = {.tv_nsec = 3000000};

	for (;;) {
		long r = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0);

		if (r != -1 || (errno != ETIMEDOUT && errno != EINTR))
			s->errors++;
		s->n[FUTEX]++;
	}
	return NULL;
}

static void *pong(void *arg)
{
	uint32_t mine = arg ? 1 : 0;

	for (;;) {
		while (atomic_load(&s->ball) != mine)
			syscall(SYS_futex, &s->ball, FUTEX_WAIT, !mine, NULL, NULL, 0);
		s->n[PONG]++;
		atomic_store(&s->ball, !mine);
		syscall(SYS_futex, &s->ball, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	return NULL;
}

static void *calls(void *arg)
{
	int fd[2];
	char c = 0;

	if (pipe(fd))
		abort();
	for (;;) {
		if (write(fd[1], &c, 1) != 1 || read(fd[0], &c, 1) != 1)
			s->errors++;
		s->n[CALLS]++;
	}
	return NULL;
}

static void *sleeper(void *arg)
{
	for (;;) {
		if (poll(NULL, 0, 2))
			s->errors++;
		s->n[SLEEPER]++;
	}
	return NULL;
}

static void births(void)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			s->n[BIRTHS]++;
			_exit(0);
		}
		if (waitpid(pid, NULL, 0) != pid)
			s->errors++;
	}
}

static void vforks(void)
{
	for (;;) {
		volatile pid_t pid = vfork();

		if (!pid) {
			s->n[VFORKS]++;
			_exit(7);
		}
		int st = 0;

		if (waitpid(pid, &st, 0) != pid || st != 7 << 8)
			s->errors++;
	}
}

static void traced(void)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (;;)
			s->n[TRACED]++;
	}
	waitpid(pid, &st, 0);
	for (;;) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		if (waitpid(pid, &st, 0) != pid || !WIFSTOPPED(st))
			s->errors++;
	}
}

static void on_alarm(int sig)
{
	s->n[ALARMS]++;
}

static void alarms(void)
{
	struct itimerspec it = {.it_interval.tv_nsec = 5000000, .it_value.tv_nsec = 5000000};
	timer_t t;

	signal(SIGALRM, on_alarm);
	timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &t);
	timer_settime(t, 0, &it, NULL);
	for (;;)
		pause();
}

static void faults(void)
{
	for (;;) {
		char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		p[0] = p[8192] = 1;
		munmap(p, 16384);
		s->n[FAULTS]++;
	}
}

static void process(void (*fn)(void))
{
	if (!fork()) {
		fn();
		_exit(1);
	}
}

/* Everything has gone on since the last look. */
static void check(void)
{
	uint64_t before[COUNT];

	for (int i = 0; i < COUNT; i++)
		before[i] = s->n[i];
	for (int i = 0; i < COUNT; i++) {
		for (int tries = 0; s->n[i] == before[i] && tries < 2000; tries++)
			usleep(5000);
		if (s->n[i] == before[i])
			printf("%s stands still\n", names[i]);
	}
	printf("errors %d\n", s->errors);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static void *(*const threads[])(void *) = {busy, futex_wait, pong, calls, sleeper};
	int fd = open(argv[1], O_RDWR);
	char line[64];

	s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return 1;
	process(births);
	process(vforks);
	process(traced);
	process(alarms);
	process(faults);
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		pthread_t t;

		pthread_create(&t, NULL, threads[i], NULL);
	}
	pthread_t t;

	pthread_create(&t, NULL, pong, s);
	check();
	while (fgets(line, sizeof(line), stdin))
		check();
	return 0;
}
