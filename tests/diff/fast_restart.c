/* SPDX-License-Identifier: MIT */
/* Signals with SA_RESTART at any moment of reads that sometimes sleep, between calls that never do: nothing ever says EINTR. */
#include "fast_util.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void on_signal(int sig)
{
	handled++;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(void)
{
	struct itimerspec often = {{0, 60000}, {0, 60000}}, signals = {{0, 67000}, {0, 67000}};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int tfd = timerfd_create(CLOCK_MONOTONIC, 0);
	unsigned broken = 0, wrong = 0;
	double end = now() + 1.5;
	uint64_t times, ticks = 0;
	timer_t timer;

	fast_begin();
	sigaction(SIGUSR1, &sa, NULL);
	if (tfd < 0 || timerfd_settime(tfd, 0, &often, NULL) || timer_create(CLOCK_MONOTONIC, &ev, &timer) ||
		timer_settime(timer, 0, &signals, NULL))
		return 1;
	while (now() < end) {
		for (unsigned i = 0; i < 16; i++)
			broken += fast(SYS_lseek, 0, 0, SEEK_CUR) == -EINTR;
		switch (fast(SYS_read, tfd, &times, sizeof(times))) {
		case sizeof(times):
			ticks += times;
			break;
		case -EINTR:
			broken++;
			break;
		default:
			wrong++;
		}
	}
	timer_delete(timer);
	printf("signals: %s, reads: %s, broken %u, wrong %u\n", handled ? "yes" : "no", ticks ? "yes" : "no", broken, wrong);
	return 0;
}
