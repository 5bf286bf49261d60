/* SPDX-License-Identifier: MIT */
/* The guest of mini: one subcommand for each thing the platform does. Prints OK or what is wrong. */
#include <asm/unistd.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int fail(const char *what)
{
	printf("FAIL %s errno %d\n", what, errno);
	return 1;
}

static int n_arg(int argc, char **argv, int def)
{
	return argc > 2 ? atoi(argv[2]) : def;
}

static int cmd_hello(int argc, char **argv)
{
	printf("OK hello %d\n", argc);
	return 0;
}

static int cmd_light(int argc, char **argv)
{
	int n = n_arg(argc, argv, 20000);
	double t = now();

	for (int i = 0; i < n; i++)
		syscall(__NR_getppid);
	printf("OK light %.2f us\n", (now() - t) / n);
	return 0;
}

static uint64_t fast_entry;

/* A rewritten call site: rcx is the address of the system call instruction, which is behind the jump. */
static long fast(long nr, long a0, long a1, long a2)
{
	register long r10 __asm__("r10") = 8;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n jmp *%[f]\n1: syscall"
			 : "+a"(nr)
			 : "D"(a0), "S"(a1), "d"(a2), "r"(r10), [f] "m"(fast_entry)
			 : "rcx", "r11", "memory");
	return nr;
}

static int cmd_fast(int argc, char **argv)
{
	int n = n_arg(argc, argv, 200000);
	double t = now();

	fast_entry = getauxval(0x70696b65);
	if (!fast_entry) {
		printf("OK no fast entry\n");
		return 0;
	}
	for (int i = 0; i < n; i++)
		if (fast(__NR_times, 0, 0, 0) != -ENOSYS)
			return fail("fast times");
	printf("OK fast %.3f us\n", (now() - t) / n);
	t = now();
	for (int i = 0; i < n; i++)
		if (fast(__NR_getuid, 0, 0, 0) != 7)
			return fail("fast getuid");
	printf("OK answer %.4f us\n", (now() - t) / n);
	if (argc > 3)
		syscall(1001);
	if (fast(__NR_shmdt, 0, 0, 0) != -ENOSYS || fast(__NR_getpid, 0, 0, 0) != 1)
		return fail("fast calls");
	return 0;
}

static int cmd_full(int argc, char **argv)
{
	int n = n_arg(argc, argv, 20000);
	double t = now();

	for (int i = 0; i < n; i++)
		syscall(__NR_shmdt, 0);
	printf("OK full %.2f us\n", (now() - t) / n);
	return 0;
}

static int cmd_fork(int argc, char **argv)
{
	int n = n_arg(argc, argv, 200), st;
	double t = now();

	for (int i = 0; i < n; i++) {
		pid_t p = fork();

		if (p < 0)
			return fail("fork");
		if (p == 0)
			_exit(i & 0x7f);
		if (waitpid(p, &st, 0) != p || !WIFEXITED(st) || WEXITSTATUS(st) != (i & 0x7f)) {
			printf("status %x at %d\n", st, i);
			return fail("wait");
		}
	}
	printf("OK fork %.1f us\n", (now() - t) / n);
	return 0;
}

static int cmd_exec(int argc, char **argv)
{
	char self[] = "@", sub[] = "exec", num[16];
	char *av[] = {self, sub, num, NULL};
	int n = n_arg(argc, argv, 100);

	if (n == 0) {
		printf("OK exec\n");
		return 0;
	}
	snprintf(num, sizeof(num), "%d", n - 1);
	execve(self, av, NULL);
	return fail("execve");
}

static int cmd_spawn(int argc, char **argv)
{
	char self[] = "@", sub[] = "true";
	char *av[] = {self, sub, NULL};
	int n = n_arg(argc, argv, 100), st;
	double t = now();

	for (int i = 0; i < n; i++) {
		pid_t p = fork();

		if (p == 0) {
			execve(self, av, NULL);
			_exit(9);
		}
		if (waitpid(p, &st, 0) != p || st != 0) {
			printf("status %x at %d\n", st, i);
			return fail("spawn");
		}
	}
	printf("OK fork+exec+wait %.1f us\n", (now() - t) / n);
	return 0;
}

static atomic_int counter;

static void *adder(void *arg)
{
	for (int i = 0; i < 200; i++) {
		atomic_fetch_add(&counter, 1);
		syscall(__NR_getppid);
	}
	return arg;
}

static int cmd_threads(int argc, char **argv)
{
	int rounds = n_arg(argc, argv, 20);
	pthread_t t[8];

	for (int r = 0; r < rounds; r++) {
		for (long i = 0; i < 8; i++)
			if (pthread_create(&t[i], NULL, adder, (void *)i))
				return fail("pthread_create");
		for (long i = 0; i < 8; i++) {
			void *v;

			pthread_join(t[i], &v);
			if (v != (void *)i)
				return fail("join value");
		}
	}
	if (counter != rounds * 1600)
		return fail("counter");
	printf("OK threads\n");
	return 0;
}

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t c = PTHREAD_COND_INITIALIZER;
static int turn;

static void *pong(void *arg)
{
	int n = *(int *)arg;

	pthread_mutex_lock(&m);
	for (int i = 0; i < n; i++) {
		while (turn != 1)
			pthread_cond_wait(&c, &m);
		turn = 0;
		syscall(__NR_getppid);
		pthread_cond_signal(&c);
	}
	pthread_mutex_unlock(&m);
	return NULL;
}

static int cmd_pingpong(int argc, char **argv)
{
	int n = n_arg(argc, argv, 5000);
	pthread_t t;
	double s = now();

	pthread_create(&t, NULL, pong, &n);
	pthread_mutex_lock(&m);
	for (int i = 0; i < n; i++) {
		turn = 1;
		pthread_cond_signal(&c);
		while (turn != 0)
			pthread_cond_wait(&c, &m);
	}
	pthread_mutex_unlock(&m);
	pthread_join(t, NULL);
	printf("OK pingpong %.2f us\n", (now() - s) / n);
	return 0;
}

static volatile sig_atomic_t hits;
static volatile uint64_t fault_addr;

static void on_signal(int sig, siginfo_t *si, void *uc)
{
	if (__builtin_cpu_supports("avx2")) /* spoil the extended registers */
		__asm__ volatile("vpxor %%ymm0,%%ymm0,%%ymm0" ::: "xmm0");
	hits++;
}

static void *sleeper(void *arg)
{
	for (;;)
		syscall(__NR_pause);
	return NULL;
}

static int cmd_signal(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	int n = n_arg(argc, argv, 1000);

	if (!__builtin_cpu_supports("avx2")) {
		printf("OK signal (no AVX2)\n");
		return 0;
	}
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < n; i++) {
		uint64_t in[4] = {1, 2, 3, (uint64_t)i}, out[4];
		long tid = syscall(__NR_gettid), rax = __NR_tkill;

		__asm__ volatile("vmovdqu %2, %%ymm0\n syscall\n vmovdqu %%ymm0, %1"
				 : "+a"(rax), "=m"(out)
				 : "m"(in), "D"(tid), "S"(SIGUSR1)
				 : "rcx", "r11", "xmm0", "memory");
		if (rax != 0 || memcmp(in, out, sizeof(in))) {
			printf("rax %ld, %lx %lx %lx %lx hits %d\n", rax, out[0], out[1], out[2], out[3], (int)hits);
			return fail("xstate over a signal");
		}
		if (hits != i + 1)
			return fail("signal not at once");
	}
	printf("OK signal\n");
	return 0;
}

/* Interrupt a thread that computes, one that sleeps in the sentry, and one in a native futex wait. */
static void *computer(void *arg)
{
	while (hits < 1000000)
		__asm__ volatile("pause");
	return NULL;
}

static int word;

static void *waiter(void *arg)
{
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) == 0)
		syscall(__NR_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	return NULL;
}

static int cmd_interrupt(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	int n = n_arg(argc, argv, 200), base = (int)syscall(__NR_gettid);
	pthread_t t, w;

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t, NULL, computer, NULL);
	pthread_create(&w, NULL, waiter, NULL);
	while (hits < n) {
		int before = hits;

		syscall(__NR_tkill, base + 1 + (hits & 1), SIGUSR1);
		for (double s = now(); hits == before;)
			if (now() - s > 1e7)
				return fail("interrupt lost");
	}
	hits = 1000000;
	__atomic_store_n(&word, 1, __ATOMIC_RELEASE);
	syscall(__NR_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
	pthread_join(t, NULL);
	pthread_join(w, NULL);
	printf("OK interrupt\n");
	return 0;
}

static int cmd_sleepers(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	pthread_t t;
	int base = (int)syscall(__NR_gettid), n = n_arg(argc, argv, 20);

	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < n; i++)
		pthread_create(&t, NULL, sleeper, NULL);
	for (int r = 0; r < 20; r++)
		for (int i = 1; i <= n; i++) {
			int before = hits;

			syscall(__NR_tkill, base + i, SIGUSR1);
			for (double s = now(); hits == before;)
				if (now() - s > 1e7)
					return fail("sleeper not woken");
		}
	printf("OK sleepers\n");
	fflush(stdout);
	_exit(0);
}

static void on_fault(int sig, siginfo_t *si, void *ucp)
{
	ucontext_t *uc = ucp;

	fault_addr = (uint64_t)si->si_addr;
	hits++;
	uc->uc_mcontext.gregs[REG_RIP] += sig == SIGILL ? 2 : sig == SIGTRAP ? 0 : 3; /* the instructions below */
}

static int cmd_fault(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int n = n_arg(argc, argv, 200);

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	for (int i = 0; i < n; i++) {
		hits = 0;
		__asm__ volatile("mov (%0), %0" : : "r"(0x1234ul) : "memory");
		if (hits != 1 || fault_addr != 0x1234)
			return fail("segv");
		__asm__ volatile("ud2");
		__asm__ volatile("int3");
		if (hits != 3)
			return fail("ill or trap");
	}
	printf("OK fault\n");
	return 0;
}

/* Signals into the fast entry, and calls in it that sleep. */
static void *fast_caller(void *arg)
{
	while (hits < 600)
		if (fast(__NR_times, 0, 0, 0) != -ENOSYS)
			return (void *)1;
	return NULL;
}

static int cmd_fastsignal(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	int base = (int)syscall(__NR_gettid);
	pthread_t t;
	void *r;

	fast_entry = getauxval(0x70696b65);
	if (!fast_entry)
		return 0;
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < 300; i++) {
		int before = hits;

		if (fast(__NR_tkill, base, SIGUSR1, 0) != 0 || hits != before + 1)
			return fail("fast tkill");
	}
	pthread_create(&t, NULL, fast_caller, NULL);
	while (hits < 600) {
		int before = hits;

		syscall(__NR_tkill, base + 1, SIGUSR1);
		for (double s = now(); hits == before && hits < 600;)
			if (now() - s > 1e7)
				return fail("interrupt lost");
	}
	pthread_join(t, &r);
	if (r)
		return fail("fast result");
	for (int i = 0; i < 50; i++) {
		struct timespec ts = {0, 100000};

		fast(__NR_times, 0, 0, 0);
		if (fast(__NR_nanosleep, (long)&ts, 0, 0) != 0)
			return fail("fast nanosleep");
	}
	printf("OK fastsignal\n");
	return 0;
}

/*
 * A storm of interrupts and deaths against calls by the slot in every phase: answered at once, by a poller or a bell, refused because they
 * would sleep, asleep, waking another.
 */
static _Atomic int storm_over, storm_tid[4];

static void *storm_thread(void *arg)
{
	const long me = (long)arg;
	unsigned r = (unsigned)me * 7919 + 1;

	storm_tid[me] = (int)syscall(__NR_gettid);
	while (!storm_over) {
		struct timespec ts = {0, (long)(r >> 8) % 60000};
		long v;

		r = r * 1103515245 + 12345;
		switch (r >> 16 & 7) {
		case 0:
			v = fast(__NR_nanosleep, (long)&ts, 0, 0);
			if (v != 0 && v != -EINTR)
				return (void *)1;
			break;
		case 1:
			v = fast(__NR_tkill, storm_tid[r >> 20 & 3], SIGUSR1, 0);
			if (v != 0 && v != -ESRCH)
				return (void *)2;
			break;
		default:
			for (unsigned i = 0; i < (r >> 20 & 31); i++)
				if (fast(__NR_times, me, i, r) != -ENOSYS)
					return (void *)3;
		}
	}
	return NULL;
}

static int cmd_faststorm(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	const double end = now() + 400000;
	pthread_t t[4];
	int st;

	fast_entry = getauxval(0x70696b65);
	if (!fast_entry)
		return 0;
	sigaction(SIGUSR1, &sa, NULL);
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, storm_thread, (void *)i);
	while (now() < end)
		for (int i = 0; i < 4; i++)
			if (storm_tid[i])
				fast(__NR_tkill, storm_tid[i], SIGUSR1, 0);
	storm_over = 1;
	for (int i = 0; i < 4; i++) {
		void *r;

		pthread_join(t[i], &r);
		if (r) {
			printf("thread %d: %ld\n", i, (long)r);
			return fail("storm");
		}
	}
	if (!hits)
		return fail("no signals");
	storm_over = 0;
	for (int i = 0; i < 60; i++) {
		struct timespec ts = {0, i * 50000};
		pid_t p = fork();

		if (p == 0) {
			for (long k = 0; k < 2; k++)
				pthread_create(&t[k], NULL, storm_thread, (void *)k);
			storm_thread((void *)2);
			_exit(1);
		}
		if (p < 0)
			return fail("fork");
		nanosleep(&ts, NULL);
		fast(__NR_tkill, p, SIGKILL, 0);
		if (wait4(p, &st, 0, NULL) != p || !WIFSIGNALED(st))
			return fail("death");
	}
	if (argc > 2)
		syscall(1001);
	printf("OK faststorm\n");
	return 0;
}

static int cmd_segv(int argc, char **argv)
{
	__asm__ volatile("movl $1, 8" ::: "memory");
	return 0;
}

static int cmd_mmap(int argc, char **argv)
{
	int n = n_arg(argc, argv, 100);
	double t = now();

	for (int i = 0; i < n; i++) {
		char *p = mmap(i & 1 ? (void *)1 : NULL, 8192, PROT_READ, MAP_PRIVATE, 100, 8192);

		if (p == MAP_FAILED || memcmp(p, "picket", 6) != 0)
			return fail("mmap");
		munmap(p, 8192);
	}
	printf("OK mmap %.1f us\n", (now() - t) / n);
	return 0;
}

static int cmd_native(int argc, char **argv)
{
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || (uint64_t)p >= 0x7e0000000000ull)
		return fail("native mmap");
	memset(p, 1, 1 << 20);
	if (mprotect(p, 4096, PROT_READ) || madvise(p + 4096, 4096, MADV_DONTNEED) || p[4096] != 0 ||
		munmap(p, 1 << 20))
		return fail("native calls");
	if (mmap((void *)0x7f8000000000ul, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		MAP_FAILED)
		return fail("mapped over the stub");
	if (munmap((void *)0x7f8000000000ul, 4096) == 0)
		return fail("unmapped the stub");
	printf("OK native\n");
	return 0;
}

static int watched; /* 1: go on, 2: the other thread has seen what it should */

/* What a watched guest makes natively otherwise comes to the sentry, which knows no such calls here. */
static int is_watched(void)
{
	return syscall(__NR_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == -1 && errno == EBADF &&
	       syscall(__NR_sched_yield) == -1 && errno == ENOSYS &&
	       syscall(__NR_futex, &watched, FUTEX_WAKE, 1, NULL, NULL, 0) == -1 && errno == ENOSYS;
}

static void *watched_waiter(void *arg)
{
	syscall(__NR_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
	while (__atomic_load_n(&watched, __ATOMIC_ACQUIRE) == 0)
		__asm__ volatile("pause");
	__atomic_store_n(&watched, is_watched() ? 2 : 3, __ATOMIC_RELEASE);
	for (;;)
		pause();
	return NULL;
}

static int cmd_watch(int argc, char **argv)
{
	pthread_t t;
	int status = 0;

	if (is_watched())
		return fail("watched before it was asked for");
	pthread_create(&t, NULL, watched_waiter, NULL);
	while (syscall(__NR_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) != 1)
		;
	if (syscall(__NR_msync, 0, 0, 0) || syscall(__NR_msync, 0, 0, 0))
		return fail("watch");
	if (!is_watched())
		return fail("a native call after it");
	__atomic_store_n(&watched, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&watched, __ATOMIC_ACQUIRE) == 1)
		__asm__ volatile("pause");
	if (watched != 2)
		return fail("the other thread");
	if (syscall(__NR_fork) == 0)
		syscall(__NR_exit_group, is_watched() ? 0 : 1);
	syscall(__NR_wait4, -1, &status, 0, NULL);
	if (status)
		return fail("the child");
	printf("OK watch\n");
	return 0;
}

static int cmd_vsyscall(int argc, char **argv)
{
	time_t (*f)(time_t *) = (time_t(*)(time_t *))0xffffffffff600400ul;

	if (f(NULL) < 1000000)
		return fail("vsyscall time");
	printf("OK vsyscall\n");
	return 0;
}

/* Fork from several threads at once. */
static void *forker(void *arg)
{
	for (int i = 0; i < 20; i++) {
		pid_t p = (pid_t)syscall(__NR_fork);

		if (p == 0)
			syscall(__NR_exit_group, 0);
		if (p < 0)
			atomic_fetch_add(&counter, 1);
	}
	return NULL;
}

static int cmd_forkmix(int argc, char **argv)
{
	pthread_t t[4];
	int n = 0, st;

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, forker, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	while (wait4(-1, &st, 0, NULL) > 0)
		n++;
	if (n != 80 || counter)
		return fail("children");
	printf("OK forkmix\n");
	return 0;
}

static int cmd_loop(int argc, char **argv);

/* --- hostile ----------------------------------------------------------------------------------- */

#define STUB 0x7f8000000000ul
#define SLOTS 0x7f9000000000ul

static void *scribbler(void *arg)
{
	unsigned seed = 1;

	for (;;) {
		volatile uint64_t *p = (volatile uint64_t *)(SLOTS + (seed >> 8) % 0x2000 / 8 * 8);

		seed = seed * 1103515245 + 12345;
		*p = seed * 0x100000001ul;
	}
	return NULL;
}

static int cmd_scribble(int argc, char **argv)
{
	pthread_t t;

	pthread_create(&t, NULL, scribbler, NULL);
	for (int i = 0; i < 2000; i++) {
		syscall(__NR_shmdt, 0);
		mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 100, 8192);
		if (i % 10 == 0 && syscall(__NR_fork) == 0)
			syscall(__NR_exit_group, 0);
	}
	return 0;
}

/* Jump to every byte of the stub's text in a child each. */
static int cmd_jump(int argc, char **argv)
{
	int n = n_arg(argc, argv, 64), st;

	for (int i = 0; i < n; i++) {
		pid_t p = fork();

		if (p == 0) {
			void (*f)(long, long, long, long, long, long) =
				(void (*)(long, long, long, long, long, long))(STUB + (unsigned)i * 7);

			f(i & 1 ? 57 : 1000, 0, 0, 0, 0, 0);
			_exit(0);
		}
		if (p < 0 || syscall(__NR_tkill, p, 0) < -1)
			return fail("fork");
		{
			struct timespec ts = {0, 3000000};

			nanosleep(&ts, NULL);
		}
		syscall(__NR_tkill, p, SIGKILL);
		if (waitpid(p, &st, 0) != p)
			return fail("wait");
	}
	printf("OK jump\n");
	return 0;
}

/* Raw system calls through the stub's own instruction. */
static int cmd_rawclone(int argc, char **argv)
{
	long (*stub_syscall)(long, long, long, long, long, long, long) =
		(long (*)(long, long, long, long, long, long, long))(STUB + 0x13);

	stub_syscall(__NR_clone, 0x11, 0, 0, 0, 0, 0);
	printf("FAIL survived\n");
	return 1;
}

static int cmd_int80(int argc, char **argv)
{
	long r = 20;

	__asm__ volatile("int $0x80" : "+a"(r)::"memory");
	printf("FAIL survived\n");
	return 1;
}

static long (*const stub_call)(
	long, long, long, long, long, long, long) = (long (*)(long, long, long, long, long, long, long))(STUB + 0x13);

/* Ring with made-up frames and signals. */
static int cmd_bell(int argc, char **argv)
{
	int st;

	for (int i = 0; i < 60; i++) {
		pid_t p = (pid_t)syscall(__NR_fork);

		if (p == 0) {
			uint64_t slot = SLOTS + 0x2000 + (unsigned)i * 64, kind = 1 + (unsigned)i % 5;

			stub_call(0x7fb, (long)(kind | (uint64_t)(i * 3) << 8), (long)slot, (long)slot + 512, 1, 2, 3);
			syscall(__NR_exit_group, 0);
		}
		if (p < 0)
			return fail("fork");
		{
			struct timespec ts = {0, 3000000};

			nanosleep(&ts, NULL); /* it may wait for an answer for ever */
		}
		syscall(__NR_tkill, p, SIGKILL);
		if (wait4(p, &st, 0, NULL) != p)
			return fail("bell");
	}
	printf("OK bell\n");
	return 0;
}

/* Load registers and a signal mask of one's own through the stub's signal return; then only a kill helps. */
static int cmd_sigreturn(int argc, char **argv)
{
	static uint64_t frame[128] __attribute__((aligned(64)));
	int st;
	pid_t p = fork();

	if (p == 0) {
		frame[21] = (uint64_t)cmd_loop;	   /* rip: uc_mcontext is at 40, rip the 17th word */
		frame[20] = (uint64_t)&frame[100]; /* rsp */
		frame[23] = 0x002b000000000033ull; /* cs, gs, fs, ss */
		frame[37] = ~0ull;		   /* uc_sigmask */
		__asm__ volatile("mov %0, %%rsp\n jmp *%1" : : "r"(frame), "r"(STUB + 0x3b) : "memory");
	}
	{
		struct timespec ts = {0, 50000000};

		nanosleep(&ts, NULL);
	}
	syscall(__NR_tkill, p, SIGUSR1); /* cannot be delivered */
	syscall(__NR_tkill, p, SIGKILL);
	if (waitpid(p, &st, 0) != p || !WIFSIGNALED(st))
		return fail("sigreturn");
	printf("OK sigreturn\n");
	return 0;
}

/* Close whatever descriptor the sentry puts in, while it is mapped. */
static void *closer(void *arg)
{
	for (int fd = 8;; fd = fd < 40 ? fd + 1 : 8)
		stub_call(__NR_close, fd, 0, 0, 0, 0, 0);
	return NULL;
}

static int cmd_closer(int argc, char **argv)
{
	pthread_t t;
	int bad = 0;

	pthread_create(&t, NULL, closer, NULL);
	for (int i = 0; i < 300; i++) {
		char *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 100, 8192);

		if (p == MAP_FAILED)
			bad++;
		else if (memcmp(p, "picket", 6) != 0)
			return fail("another file");
	}
	printf("OK closer %s\n", bad ? "(some failed)" : "");
	fflush(stdout);
	_exit(0);
}

/* Stand in the way of an order: the slot's orders are replaced by ones that never come back. */
static void *replacer(void *arg)
{
	volatile uint32_t *then = (volatile uint32_t *)(SLOTS + 260);

	for (;;)
		*then = 3; /* THEN_EXIT */
	return NULL;
}

static int cmd_replace(int argc, char **argv)
{
	pthread_t t;
	int st;
	pid_t p = fork();

	if (p == 0) {
		pthread_create(&t, NULL, replacer, NULL);
		for (;;)
			mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 100, 8192);
	}
	{
		struct timespec ts = {0, 50000000};

		nanosleep(&ts, NULL);
	}
	syscall(__NR_tkill, p, SIGKILL);
	if (waitpid(p, &st, 0) != p || !WIFSIGNALED(st))
		return fail("replace");
	printf("OK replace\n");
	return 0;
}

static int cmd_loop(int argc, char **argv)
{
	for (;;)
		;
	return 0;
}

static int cmd_killloop(int argc, char **argv)
{
	int st;

	for (int i = 0; i < 20; i++) {
		pid_t p = fork();

		if (p == 0)
			cmd_loop(0, NULL);
		syscall(__NR_tkill, p, SIGKILL);
		if (waitpid(p, &st, 0) != p || !WIFSIGNALED(st))
			return fail("wait");
	}
	printf("OK killloop\n");
	return 0;
}

static int cmd_true(int argc, char **argv)
{
	return 0;
}

static int cmd_stats(int argc, char **argv)
{
	return (int)syscall(1001);
}

static const struct {
	const char *name;
	int (*fn)(int, char **);
} cmds[] = {
	{"hello", cmd_hello},
	{"light", cmd_light},
	{"fast", cmd_fast},
	{"fastsignal", cmd_fastsignal},
	{"faststorm", cmd_faststorm},
	{"full", cmd_full},
	{"fork", cmd_fork},
	{"exec", cmd_exec},
	{"spawn", cmd_spawn},
	{"threads", cmd_threads},
	{"pingpong", cmd_pingpong},
	{"signal", cmd_signal},
	{"interrupt", cmd_interrupt},
	{"sleepers", cmd_sleepers},
	{"fault", cmd_fault},
	{"segv", cmd_segv},
	{"mmap", cmd_mmap},
	{"native", cmd_native},
	{"watch", cmd_watch},
	{"vsyscall", cmd_vsyscall},
	{"forkmix", cmd_forkmix},
	{"scribble", cmd_scribble},
	{"jump", cmd_jump},
	{"rawclone", cmd_rawclone},
	{"int80", cmd_int80},
	{"loop", cmd_loop},
	{"bell", cmd_bell},
	{"sigreturn", cmd_sigreturn},
	{"closer", cmd_closer},
	{"replace", cmd_replace},
	{"killloop", cmd_killloop},
	{"true", cmd_true},
	{"stats", cmd_stats},
};

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < sizeof(cmds) / sizeof(cmds[0]); i++)
		if (strcmp(argv[1], cmds[i].name) == 0)
			return cmds[i].fn(argc, argv);
	return 99;
}
