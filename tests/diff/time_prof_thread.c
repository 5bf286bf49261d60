/* SPDX-License-Identifier: MIT */
/* The signal of a process's CPU timer comes to the thread that uses the CPU, not to one that sleeps. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_int hits, elsewhere;
static _Thread_local volatile sig_atomic_t hog;

static void handler(int sig)
{
	atomic_fetch_add(hog ? &hits : &elsewhere, 1);
}

static void *run(void *arg)
{
	hog = 1;
	while (atomic_load(&hits) + atomic_load(&elsewhere) < 20)
		;
	return NULL;
}

static void *idle(void *arg)
{
	for (;;)
		pause();
}

static void judge(const char *what)
{
	pthread_t th;

	hits = elsewhere = 0;
	pthread_create(&th, NULL, run, NULL);
	pthread_join(th, NULL);
	printf("%s: %s\n", what, hits >= 15 ? "to the one that runs" : "to others");
}

int main(void)
{
	struct itimerval it = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000}, off = {0};
	struct itimerspec ts = {.it_interval.tv_nsec = 10000000, .it_value.tv_nsec = 10000000};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t th;
	timer_t timer;

	sigaction(SIGPROF, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&th, NULL, idle, NULL);
	setitimer(ITIMER_PROF, &it, NULL);
	judge("ITIMER_PROF");
	setitimer(ITIMER_PROF, &off, NULL);
	timer_create(CLOCK_PROCESS_CPUTIME_ID, &ev, &timer);
	timer_settime(timer, 0, &ts, NULL);
	judge("CLOCK_PROCESS_CPUTIME_ID");
	timer_delete(timer);
	return 0;
}
