/* SPDX-License-Identifier: MIT */
/* Robust lists: whoever ends with a lock, by whatever way, leaves word of it; and futex_waitv(2). */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t *m;
static volatile int *held;

static void make(void)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(m, &a);
	*held = 0;
}

static void *thread_holds(void *arg)
{
	pthread_mutex_lock(m);
	*held = 1;
	for (;;)
		pause();
}

static void die(int how)
{
	pthread_t t;

	if (how == 5) {
		pthread_create(&t, NULL, thread_holds, NULL);
		while (!*held)
			usleep(1000);
		execl("/bin/sleep", "sleep", "0.2", NULL);
	}
	pthread_mutex_lock(m);
	*held = 1;
	switch (how) {
	case 0:
		_exit(0);
	case 1:
		usleep(30000); /* there is a waiter by then */
		raise(SIGKILL);
	case 2:
		pause(); /* killed from outside */
	case 3:
		for (;;)
			; /* killed while it runs */
	case 4:
		execl("/bin/sleep", "sleep", "0.2", NULL);
	case 6:
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)8 = 1;
	case 7:
		pthread_create(&t, NULL, (void *(*)(void *))pause, NULL);
		usleep(10000);
		syscall(SYS_exit_group, 0);
	}
	_exit(1);
}

static void killed(int how, const char *name)
{
	int st, r, r2, r3;
	pid_t pid;

	make();
	pid = fork();
	if (!pid)
		die(how);
	while (!*held)
		usleep(1000);
	if (how == 2 || how == 3) {
		if (!fork()) {
			usleep(30000);
			kill(pid, SIGKILL);
			_exit(0);
		}
	}
	r = pthread_mutex_lock(m);
	r2 = pthread_mutex_consistent(m);
	r3 = pthread_mutex_unlock(m);
	printf("%s: %s %d %d, lock %d\n", name, r ? strerrorname_np(r) : "ok", r2, r3, pthread_mutex_lock(m));
	pthread_mutex_unlock(m);
	while (wait(&st) > 0)
		;
}

/* Locks and unlocks all the time until it is killed: whatever the instant, the next one gets the lock. */
static void hammered(void)
{
	int bad = 0, st;

	for (int i = 0; i < 12; i++) {
		struct timespec ts;
		pid_t pid;
		int r;

		make();
		pid = fork();
		if (!pid)
			for (;;) {
				pthread_mutex_lock(m);
				*held = 1;
				pthread_mutex_unlock(m);
			}
		while (!*held)
			usleep(500);
		usleep(1000 + 700 * (unsigned)i);
		kill(pid, SIGKILL);
		clock_gettime(CLOCK_REALTIME, &ts);
		ts.tv_sec += 5;
		r = pthread_mutex_timedlock(m, &ts);
		bad += r != 0 && r != EOWNERDEAD;
		waitpid(pid, &st, 0);
		bad += !WIFSIGNALED(st);
	}
	printf("hammered: bad %d\n", bad);
}

/* --- futex_waitv --- */

struct waitv {
	uint64_t val, addr;
	uint32_t flags, reserved;
};

static uint32_t words[4];

static void show(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
}

static void *wake_third(void *arg)
{
	usleep(20000);
	words[2] = 1;
	syscall(SYS_futex, &words[2], FUTEX_WAKE | (arg ? 0 : FUTEX_PRIVATE_FLAG), 1);
	return NULL;
}

static void waitv(void)
{
	struct waitv v[4];
	struct timespec ts;
	pthread_t t;

	for (int i = 0; i < 4; i++)
		v[i] = (struct waitv){0, (uint64_t)&words[i], 2 | FUTEX_PRIVATE_FLAG, 0};
	pthread_create(&t, NULL, wake_third, NULL);
	show("third", syscall(449, v, 4, 0, NULL, 0));
	pthread_join(t, NULL);
	show("changed", syscall(449, v, 4, 0, NULL, 0));
	words[2] = 0;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	show("late", syscall(449, v, 4, 0, &ts, CLOCK_MONOTONIC));
	clock_gettime(CLOCK_REALTIME, &ts);
	show("late, real", syscall(449, v, 4, 0, &ts, CLOCK_REALTIME));
	show("bad clock", syscall(449, v, 4, 0, &ts, CLOCK_BOOTTIME));
	show("flags", syscall(449, v, 4, 1, NULL, 0));
	show("none", syscall(449, v, 0, 0, NULL, 0));
	show("many", syscall(449, v, 129, 0, NULL, 0));
	show("NULL", syscall(449, NULL, 1, 0, NULL, 0));
	v[1].flags = 1;
	show("size", syscall(449, v, 4, 0, NULL, 0));
	v[1].flags = 2;
	v[1].addr++;
	show("aligned", syscall(449, v, 4, 0, NULL, 0));
	v[1].addr = 8192;
	show("fault", syscall(449, v, 4, 0, NULL, 0));
}

int main(void)
{
	static const char *const names[] = {"_exit", "raise", "kill asleep", "kill running", "exec", "thread at exec", "fault",
					    "exit_group"};

	setvbuf(stdout, NULL, _IONBF, 0);
	alarm(40);
	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	held = (int *)((char *)m + 1024);
	for (int i = 0; i < 8; i++)
		killed(i, names[i]);
	hammered();
	waitv();
	return 0;
}
