/* SPDX-License-Identifier: MIT */
/* Mutexes with priority inheritance: the calls themselves with each errno, glibc's mutexes of that kind, across processes. */
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

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static uint32_t word, word2;

static int tid(void)
{
	return (int)syscall(SYS_gettid);
}

static long fx(uint32_t *a, int op, uint32_t val, void *to, uint32_t *b, uint32_t val3)
{
	return syscall(SYS_futex, a, op, val, to, b, val3);
}

static void show(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerrorname_np(errno) : "");
}

static const char *shape(uint32_t v)
{
	static char s[64];

	snprintf(s, sizeof(s), "%s%s%s", (v & FUTEX_TID_MASK) == 0 ? "free" : (int)(v & FUTEX_TID_MASK) == tid() ? "mine" : "other",
		 v & FUTEX_WAITERS ? " waiters" : "", v & FUTEX_OWNER_DIED ? " died" : "");
	return s;
}

static struct timespec in_ms(clockid_t c, int ms)
{
	struct timespec ts;

	clock_gettime(c, &ts);
	ts.tv_nsec += ms * 1000000l;
	ts.tv_sec += ts.tv_nsec / 1000000000;
	ts.tv_nsec %= 1000000000;
	return ts;
}

static void errors(void)
{
	struct timespec ts, bad = {0, 1000000000};
	uint32_t *ro = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	word = 0;
	show("lock free", fx(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	printf("word %s\n", shape(word));
	show("lock again", fx(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	show("trylock again", fx(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	show("unlock", fx(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	printf("word %s\n", shape(word));
	show("unlock free", fx(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	word = 0x3ffffff0;
	show("owner that is not there", fx(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	show("unlock another's", fx(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	word = FUTEX_WAITERS;
	show("waiters' bit alone", fx(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	printf("word %s\n", shape(word));
	word = FUTEX_OWNER_DIED;
	show("owner died", fx(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	printf("word %s\n", shape(word));
	show("unlock", fx(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	show("not aligned", fx((uint32_t *)((char *)&word + 1), FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	show("read only", fx(ro, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	show("no access", fx(none, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	show("nothing there", fx((uint32_t *)8192, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	word = 1;
	show("bad time", fx(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0));
	show("bad pointer", fx(&word, FUTEX_LOCK_PI, 0, (void *)8, NULL, 0));
	show("clock flag", fx(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	show("trylock clock flag", fx(&word, FUTEX_TRYLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
	show("FUTEX_FD", fx(&word, FUTEX_FD, 0, NULL, NULL, 0));
	show("unknown", fx(&word, 14, 0, NULL, NULL, 0));
	show("requeue_pi same", fx(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word, word));
	show("requeue_pi two", fx(&word, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &word2, word));
	show("requeue_pi changed", fx(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word2, word + 1));
	show("requeue_pi nobody", fx(&word, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &word2, word));
	show("wait_requeue same", fx(&word, FUTEX_WAIT_REQUEUE_PI, word, NULL, &word, 0));
	show("wait_requeue changed", fx(&word, FUTEX_WAIT_REQUEUE_PI, word + 1, NULL, &word2, 0));
	ts = in_ms(CLOCK_MONOTONIC, 20);
	show("wait_requeue late", fx(&word, FUTEX_WAIT_REQUEUE_PI, word, &ts, &word2, 0));
}

/* --- waiting --- */

static volatile int stage;
static uint32_t lockw, condw;
static volatile int order[16], n_order;

static void wait_stage(int s)
{
	while (stage < s)
		usleep(1000);
}

static void *holder(void *arg)
{
	fx(&lockw, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	stage = 1;
	wait_stage(2);
	if (!arg)
		fx(&lockw, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL; /* or dies with it */
}

static void wait_for_waiters(uint32_t *w)
{
	while (!(__atomic_load_n(w, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
		usleep(1000);
}

static void *nudge(void *arg)
{
	wait_for_waiters(&lockw);
	usleep(5000);
	stage = 2;
	return NULL;
}

static void waits(void)
{
	struct timespec ts;
	pthread_t h, n;

	stage = 0;
	lockw = 0;
	pthread_create(&h, NULL, holder, NULL);
	wait_stage(1);
	show("trylock held", fx(&lockw, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
	ts = in_ms(CLOCK_REALTIME, 20);
	show("real time-out", fx(&lockw, FUTEX_LOCK_PI, 0, &ts, NULL, 0));
	ts = in_ms(CLOCK_MONOTONIC, 20);
	show("monotonic time-out", fx(&lockw, FUTEX_LOCK_PI2, 0, &ts, NULL, 0));
	ts = in_ms(CLOCK_REALTIME, 20);
	show("real time-out 2", fx(&lockw, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, 0));
	printf("word %s\n", shape(lockw));
	pthread_create(&n, NULL, nudge, NULL);
	show("lock after wait", fx(&lockw, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	printf("word %d\n", (int)(lockw & FUTEX_TID_MASK) == tid());
	show("unlock", fx(&lockw, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	printf("word %x\n", lockw);
	pthread_join(h, NULL);
	pthread_join(n, NULL);

	stage = 0;
	pthread_create(&h, NULL, holder, (void *)1);
	wait_stage(1);
	pthread_create(&n, NULL, nudge, NULL);
	show("lock of a dying owner", fx(&lockw, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	printf("word %s\n", shape(lockw));
	pthread_join(h, NULL);
	pthread_join(n, NULL);
	lockw = 0;
}

/* Two locks, two owners, each wants the other's. */
static uint32_t la, lb;

static void *crossed(void *arg)
{
	fx(&lb, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	stage = 1;
	wait_stage(2);
	fx(&la, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	fx(&la, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	fx(&lb, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static void deadlock(void)
{
	pthread_t h;

	stage = 0;
	fx(&la, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	pthread_create(&h, NULL, crossed, NULL);
	wait_stage(1);
	stage = 2;
	wait_for_waiters(&la);
	usleep(20000);
	show("deadlock", fx(&lb, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	show("unlock", fx(&la, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
	pthread_join(h, NULL);
	printf("words %x %x\n", la, lb);
}

static void handler(int s)
{
}

static void *signaller(void *arg)
{
	wait_for_waiters(&lockw);
	usleep(10000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	usleep(10000);
	stage = 2;
	return NULL;
}

static void interrupted(void)
{
	struct sigaction sa = {.sa_handler = handler};
	pthread_t h, s, me = pthread_self();

	sigaction(SIGUSR1, &sa, NULL);
	stage = 0;
	lockw = 0;
	pthread_create(&h, NULL, holder, NULL);
	wait_stage(1);
	pthread_create(&s, NULL, signaller, &me);
	show("lock through a signal", fx(&lockw, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
	fx(&lockw, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	pthread_join(h, NULL);
	pthread_join(s, NULL);
}

/* --- requeue --- */

static volatile int woken;

static void *cond_waiter(void *arg)
{
	long r;

	__atomic_fetch_add(&stage, 1, __ATOMIC_SEQ_CST);
	r = fx(&condw, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &lockw, 0);
	if (r)
		show("wait_requeue", r);
	if ((int)(lockw & FUTEX_TID_MASK) != tid())
		printf("not mine\n");
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	fx(&lockw, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static void requeue(void)
{
	pthread_t t[3];
	long r;

	stage = woken = 0;
	lockw = condw = 0;
	fx(&lockw, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, cond_waiter, NULL);
	wait_stage(3);
	usleep(30000);
	show("plain wake", 0);
	show("wrong target", fx(&condw, FUTEX_CMP_REQUEUE_PI, 1, (void *)8, &word2, 0));
	r = fx(&condw, FUTEX_CMP_REQUEUE_PI, 1, (void *)8, &lockw, 0);
	show("requeued", r);
	printf("woken %d\n", woken);
	fx(&lockw, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("woken %d word %x\n", woken, lockw & FUTEX_TID_MASK);
}

/* --- glibc --- */

static pthread_mutex_t *make_mutex(void *at, int type, int shared, int robust)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
	pthread_mutexattr_settype(&a, type);
	pthread_mutexattr_setpshared(&a, shared ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE);
	pthread_mutexattr_setrobust(&a, robust ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED);
	pthread_mutex_init(at, &a);
	return at;
}

static int counter;

static void *count(void *m)
{
	for (int i = 0; i < 300; i++) {
		pthread_mutex_lock(m);
		counter++;
		if (i % 50 == 0)
			sched_yield();
		pthread_mutex_unlock(m);
	}
	return NULL;
}

static void *lock_and_die(void *m)
{
	pthread_mutex_lock(m);
	return NULL;
}

static void mutexes(void)
{
	static const int types[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK};
	pthread_mutex_t m, *sm = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *shared_counter = (int *)((char *)sm + 512), st;
	struct timespec ts;
	pthread_t t[4];

	for (int k = 0; k < 3; k++) {
		make_mutex(&m, types[k], 0, 0);
		counter = 0;
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, count, &m);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		printf("kind %d: %d\n", k, counter);
		pthread_mutex_lock(&m);
		if (k == 2)
			printf("relock %s\n", strerrorname_np(pthread_mutex_lock(&m)));
		pthread_mutex_unlock(&m);
		pthread_mutex_destroy(&m);
	}
	make_mutex(&m, PTHREAD_MUTEX_NORMAL, 0, 1);
	pthread_create(&t[0], NULL, lock_and_die, &m);
	pthread_join(t[0], NULL);
	printf("robust: %s", strerrorname_np(pthread_mutex_lock(&m)));
	printf(", consistent %d", pthread_mutex_consistent(&m));
	printf(", unlock %d", pthread_mutex_unlock(&m));
	printf(", lock %d\n", pthread_mutex_lock(&m));

	make_mutex(sm, PTHREAD_MUTEX_NORMAL, 1, 0);
	for (int i = 0; i < 3; i++)
		if (!fork()) {
			for (int j = 0; j < 100; j++) {
				pthread_mutex_lock(sm);
				++*shared_counter;
				pthread_mutex_unlock(sm);
			}
			_exit(0);
		}
	while (wait(&st) > 0)
		;
	printf("shared: %d\n", *shared_counter);

	/* A process is killed with the lock, while another waits. */
	make_mutex(sm, PTHREAD_MUTEX_NORMAL, 1, 1);
	pid_t pid = fork();
	if (!pid) {
		pthread_mutex_lock(sm);
		*shared_counter = -1;
		pause();
	}
	while (*(volatile int *)shared_counter != -1)
		usleep(1000);
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_nsec += 10000000;
	if (ts.tv_nsec >= 1000000000)
		ts.tv_sec++, ts.tv_nsec -= 1000000000;
	printf("timed: %s\n", strerrorname_np(pthread_mutex_timedlock(sm, &ts)));
	if (!fork()) {
		usleep(20000);
		kill(pid, SIGKILL);
		_exit(0);
	}
	printf("killed owner: %s\n", strerrorname_np(pthread_mutex_lock(sm)));
	pthread_mutex_consistent(sm);
	printf("unlock %d\n", pthread_mutex_unlock(sm));
	while (wait(&st) > 0)
		;
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	alarm(30);
	errors();
	waits();
	deadlock();
	interrupted();
	requeue();
	mutexes();
	return 0;
}
