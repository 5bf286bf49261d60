/* SPDX-License-Identifier: MIT */
/*
 * Threads that call at the same time while signals come: each result is right, and what handlers see as the interrupted place lies in
 * the text of the program or a library of it.
 */
#include "rewrite_util.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

static atomic_int outside, handled, wrong, stop;
static int zero;

static void handler(int sig, siginfo_t *si, void *uc)
{
	const ucontext_t *u = uc;
	uintptr_t ip = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];

	(void)sig, (void)si;
	handled++;
	if (!text_of(ip))
		outside++;
	errno = 0;
}

static void calls(pid_t pid, pid_t tid, int pair[2])
{
	char c = 'x', buf[16];
	sigset_t set;
	struct timespec ts;

	wrong += getpid() != pid || syscall(SYS_gettid) != tid || getppid() < 0;
	wrong += write(pair[1], &c, 1) != 1 || read(pair[0], &c, 1) != 1;
	wrong += pread(zero, buf, sizeof(buf), 0) != sizeof(buf) || buf[7] != 0;
	wrong += lseek(zero, 0, SEEK_CUR) != 0 || access("/", F_OK) != 0 || access("/nonexistent", F_OK) != -1;
	wrong += sigprocmask(SIG_BLOCK, NULL, &set) != 0 || sigismember(&set, SIGUSR2);
	wrong += syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts) != 0 || read(-1, buf, 1) != -1 || close(-1) != -1;
	sched_yield();
}

static void *thread(void *arg)
{
	pid_t pid = getpid(), tid = (pid_t)syscall(SYS_gettid);
	int pair[2];

	(void)arg;
	if (pipe(pair)) {
		wrong++;
		return NULL;
	}
	while (!stop)
		calls(pid, tid, pair);
	close(pair[0]);
	close(pair[1]);
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval it = {{0, 1000}, {0, 1000}};
	pthread_t th[3];
	time_t end;

	find_texts();
	zero = open("/dev/zero", O_RDONLY);
	sigaction(SIGALRM, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&th[i], NULL, thread, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	for (end = time(NULL) + 1; time(NULL) <= end;) {
		for (int i = 0; i < 3; i++)
			pthread_kill(th[i], SIGUSR1);
		calls(getpid(), getpid(), (int[2]){-1, -1});
		wrong -= 1; /* its pipe is none */
	}
	memset(&it, 0, sizeof(it));
	setitimer(ITIMER_REAL, &it, NULL);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(th[i], NULL);
	printf("handled %s, wrong results %d, interrupted outside of the text %d\n", handled > 50 ? "many" : "few", wrong, outside);
	return 0;
}
