/* SPDX-License-Identifier: MIT */
/* Timers: overruns, one signal in the queue for each, deletion by another thread, exec and fork, interval timers. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t n_handled, first_overrun, value_ok;
static int timer_no;

static void handler(int s, siginfo_t *si, void *uc)
{
	n_handled++;
	if (si->si_code == SI_TIMER) {
		if (first_overrun < 0)
			first_overrun = si->si_overrun;
		value_ok = si->si_value.sival_int == 4711;
	}
}

static void catch(int sig)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};

	sigaction(sig, &sa, NULL);
}

static void block(int how, int sig)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, sig);
	sigprocmask(how, &s, NULL);
}

static int raw_create(clockid_t clock, int sig)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig, .sigev_value.sival_int = 4711};
	int id = -1;

	syscall(SYS_timer_create, clock, &ev, &id);
	return id;
}

static void overruns(int sig, const char *name)
{
	struct itimerspec it = {{0, 2000000}, {0, 2000000}};
	int id = raw_create(CLOCK_MONOTONIC, sig), over;

	catch(sig);
	block(SIG_BLOCK, sig);
	n_handled = 0;
	syscall(SYS_timer_settime, id, 0, &it, NULL);
	usleep(200000);
	first_overrun = -1;
	block(SIG_UNBLOCK, sig);
	syscall(SYS_timer_delete, id);
	over = (int)syscall(SYS_timer_getoverrun, id);
	printf("%s: handled %s, overrun %s, value %s, deleted %d\n", name, n_handled > 0 && n_handled < 50 ? "once or so" : "often",
	       first_overrun > 20 ? "many" : "few", value_ok ? "ok" : "bad", over);
}

static void *meddle(void *arg)
{
	struct itimerspec it = {{0, 0}, {0, 100000}}, cur;

	for (int i = 0; i < 1000; i++) {
		int id = *(volatile int *)&timer_no;

		switch ((i + (int)(long)arg) % 4) {
		case 0:
			syscall(SYS_timer_settime, id, 0, &it, &cur);
			break;
		case 1:
			syscall(SYS_timer_gettime, id, &cur);
			break;
		case 2:
			syscall(SYS_timer_getoverrun, id);
			break;
		default:
			syscall(SYS_timer_delete, id);
			timer_no = raw_create(CLOCK_MONOTONIC, SIGUSR2);
		}
	}
	return NULL;
}

static void interval(int which, int sig, const char *name)
{
	struct itimerval it = {{0, 10000}, {0, 10000}}, off = {0}, old;
	volatile unsigned x = 0;

	catch(sig);
	n_handled = 0;
	setitimer(which, &it, NULL);
	while (n_handled < 3)
		x++;
	setitimer(which, &off, &old);
	printf("%s: fired, interval %ld, left %s\n", name, (long)old.it_interval.tv_usec, old.it_value.tv_usec <= 10000 ? "ok" : "bad");
}

int main(int argc, char **argv)
{
	struct itimerval it = {{0, 0}, {0, 300000}}, cur;
	struct itimerspec its = {{0, 0}, {0, 100000000}};
	pthread_t th[4];
	int st, id;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1) { /* after exec: the interval timer goes on, POSIX timers are gone */
		getitimer(ITIMER_REAL, &cur);
		printf("after exec: itimer %s, timer_gettime %ld\n", cur.it_value.tv_usec ? "runs" : "gone",
		       syscall(SYS_timer_gettime, 0, &its));
		pause();
		return 1;
	}
	overruns(SIGRTMIN + 1, "real-time signal");
	overruns(SIGUSR1, "legacy signal");
	interval(ITIMER_REAL, SIGALRM, "real");
	interval(ITIMER_VIRTUAL, SIGVTALRM, "virtual");
	interval(ITIMER_PROF, SIGPROF, "prof");
	/* Sequence numbers of timers that do not exist. */
	errno = 0;
	printf("bad id %ld", syscall(SYS_timer_settime, 12345, 0, &its, NULL));
	printf(" %s\n", strerrorname_np(errno));
	printf("bad clock %d", raw_create(99, SIGUSR1));
	printf(" %s\n", strerrorname_np(errno));
	printf("bad signal %d", raw_create(CLOCK_MONOTONIC, 99));
	printf(" %s\n", strerrorname_np(errno));

	/* A child has no timers, and no pending alarm. */
	setitimer(ITIMER_REAL, &it, NULL);
	id = raw_create(CLOCK_REALTIME, SIGUSR2);
	if (!fork()) {
		getitimer(ITIMER_REAL, &cur);
		printf("child: itimer %ld, timer_gettime %ld\n", (long)cur.it_value.tv_usec, syscall(SYS_timer_gettime, id, &its));
		fflush(stdout);
		_exit(0);
	}
	wait(&st);
	syscall(SYS_timer_delete, id);
	catch(SIGUSR2);
	if (!fork()) {
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(SIGALRM, &dfl, NULL);
		setitimer(ITIMER_REAL, &it, NULL);
		raw_create(CLOCK_REALTIME, SIGUSR2);
		execl("/proc/self/exe", "x", "exec", NULL);
		_exit(1);
	}
	wait(&st);
	printf("after exec: signal %d\n", WIFSIGNALED(st) ? WTERMSIG(st) : 0);
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	/* Threads that set and delete one timer as they like. */
	timer_no = raw_create(CLOCK_MONOTONIC, SIGUSR2);
	for (long i = 0; i < 4; i++)
		pthread_create(&th[i], NULL, meddle, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(th[i], NULL);
	printf("meddlers are done\n");
	return 0;
}
