/* SPDX-License-Identifier: MIT */
/*
 * What users feel of system calls, measured by the same program natively and in sandboxes.
 *
 *   calls [ROW…]   "ROW microseconds" for each row, or for all
 *   calls serve    commands on standard input, one a line, TAB between words: MODE DIRECTORY PROGRAM ARG…
 *                  (MODE q: output dropped, o: output shown); answers "= STATUS MICROSECONDS" behind the output.
 *                  So the start of the sandbox is in no figure, and one caller can let several systems take turns.
 *   calls exit     ends at once
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <time.h>
#include <unistd.h>

#define AT_PICKET_FASTCALL 0x70696b65
#define BATCHES 7
#define BATCH_US 8000.0
#define ROOM (64u << 20)

static const char *self;
static int fd, wfd, pfd[2], ping[2], pong[2], sp[2], efd, epfd;
static pid_t echo;
static char buf[65536];
static int word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

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

static void must(int ok)
{
	if (!ok)
		abort();
}

/* The median of the batches, each of as many calls as take some milliseconds. */
static void measure(const char *name, void (*fn)(void), int per)
{
	double t[BATCHES], start = now(), one;
	int n = 0;

	do {
		fn();
		n++;
	} while (now() - start < BATCH_US / 2);
	one = (now() - start) / n;
	n = one < 1 ? (int)BATCH_US : (int)(BATCH_US / one) + 1;
	for (int b = 0; b < BATCHES; b++) {
		start = now();
		for (int i = 0; i < n; i++)
			fn();
		t[b] = (now() - start) / n / per;
	}
	qsort(t, BATCHES, sizeof(t[0]), compare);
	printf("%s %.4f\n", name, t[BATCHES / 2]);
	fflush(stdout);
}

static void call_getpid(void) { getpid(); }
static void call_getppid(void) { getppid(); }
static void call_gettid(void) { gettid(); }
static void call_geteuid(void) { geteuid(); }
static void call_yield(void) { sched_yield(); }
static void call_altstack(void) { stack_t s; sigaltstack(NULL, &s); }
static void call_pread(void) { must(pread(fd, buf, 64, 0) == 64); }
static void call_pread_16k(void) { must(pread(fd, buf, 16384, 0) == 16384); }
static void call_pwrite(void) { must(pwrite(wfd, buf, 64, 0) == 64); }
static void call_write_64k(void) { must(pwrite(wfd, buf, sizeof(buf), 0) == sizeof(buf)); }
static void call_lseek(void) { must(lseek(fd, 0, SEEK_CUR) == 0); }
static void call_stat(void) { struct stat st; must(stat(self, &st) == 0); }
static void call_fstat(void) { struct stat st; must(fstat(fd, &st) == 0); }
static void call_access(void) { must(access("/usr/no/such/file", R_OK) < 0); }
static void call_open(void) { must(close(open(self, O_RDONLY)) == 0); }
static void call_pipe(void) { must(write(pfd[1], buf, 1) + read(pfd[0], buf, 1) == 2); }
static void call_socketpair(void) { must(write(sp[1], buf, 64) + read(sp[0], buf, 64) == 128); }
static void call_eventfd(void) { uint64_t v = 1; must(write(efd, &v, 8) + read(efd, &v, 8) == 16); }
static void call_poll(void) { struct pollfd p[2] = {{efd, POLLIN, 0}, {pfd[0], POLLIN, 0}}; must(poll(p, 2, 0) == 0); }
static void call_epoll(void) { struct epoll_event e; must(epoll_wait(epfd, &e, 1, 0) == 0); }
static void call_ping(void) { must(write(ping[1], buf, 1) + read(pong[0], buf, 1) == 2); }
static void call_mmap(void) { char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); p[0] = 1; munmap(p, 65536); }
static void call_mmap_file(void) { volatile char *p = mmap(NULL, 16384, PROT_READ, MAP_PRIVATE, fd, 0); (void)p[0]; munmap((void *)(uintptr_t)p, 16384); }
static void *thread(void *arg) { return arg; }
static void call_thread(void) { pthread_t t; must(pthread_create(&t, NULL, thread, NULL) == 0); pthread_join(t, NULL); }
static void call_mutex(void) { pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex); }
static void call_futex_wake(void) { must(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0); }

static void call_sigmask(void)
{
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void call_fork(void)
{
	pid_t p = fork();

	if (p == 0)
		_exit(0);
	must(waitpid(p, NULL, 0) == p);
}

static void run(const char *const argv[])
{
	pid_t p = vfork();

	if (p == 0) {
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(1);
	}
	must(waitpid(p, NULL, 0) == p);
}

static void call_exec(void) { run((const char *const[]){self, "exit", NULL}); }
static void call_python(void) { run((const char *const[]){"/usr/bin/python3", "-c", "pass", NULL}); }
static void call_bash(void) { run((const char *const[]){"/bin/bash", "-c", ":", NULL}); }

/* Touches 64 MiB of fresh memory: one page fault each page. */
static void call_faults(void)
{
	char *p = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	madvise(p, ROOM, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < ROOM; i += 4096)
		p[i] = 1;
	munmap(p, ROOM);
}

/* A program that lives by malloc: blocks of all sizes, freed in another order, some given back to the system. */
static void call_malloc(void)
{
	static void *block[1000];
	static uint32_t seed = 1;

	for (int i = 0; i < 20000; i++) {
		uint32_t r = seed = seed * 1664525u + 1013904223u;
		size_t k = (r >> 8) % 1000, size = (r >> 18) % 64 == 0 ? 262144 : 16 + (r >> 20);

		free(block[k]);
		block[k] = malloc(size);
		must(!!block[k]);
		memset(block[k], 1, size < 256 ? size : 256);
	}
	for (int k = 0; k < 1000; k++) {
		free(block[k]);
		block[k] = NULL;
	}
}

static void *contender(void *arg)
{
	volatile int *count = arg;

	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		(*count)++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

/* Two threads, one mutex. */
static void call_contended(void)
{
	static int count;
	pthread_t t;

	must(pthread_create(&t, NULL, contender, &count) == 0);
	contender(&count);
	pthread_join(t, NULL);
}

static void turn(int from, int to)
{
	while (__atomic_load_n(&word, __ATOMIC_ACQUIRE) != from)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, to, NULL, NULL, 0);
	__atomic_store_n(&word, to, __ATOMIC_RELEASE);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *other_side(void *arg)
{
	for (int i = 0; i < 1000; i++)
		turn(1, 0);
	return arg;
}

/* Two threads that wait for each other by futexes: 1000 turns there and back. */
static void call_futex_turns(void)
{
	pthread_t t;

	must(pthread_create(&t, NULL, other_side, NULL) == 0);
	for (int i = 0; i < 1000; i++)
		turn(0, 1);
	pthread_join(t, NULL);
	word = 0;
}

static uint64_t fast_entry;

static void call_fast(void)
{
	long nr = SYS_getppid;

	__asm__ volatile("lea 1f(%%rip), %%rcx\n jmp *%[f]\n1: syscall"
			 : "+a"(nr)
			 : [f] "m"(fast_entry)
			 : "rcx", "r11", "memory");
}

static const struct row {
	const char *name;
	void (*fn)(void);
	int per;	/* operations of one call of fn */
} rows[] = {
	{"getpid", call_getpid, 1},
	{"getppid", call_getppid, 1},
	{"gettid", call_gettid, 1},
	{"geteuid", call_geteuid, 1},
	{"sched_yield", call_yield, 1},
	{"sigaltstack", call_altstack, 1},
	{"sigprocmask", call_sigmask, 2},
	{"pread-64", call_pread, 1},
	{"pread-16k", call_pread_16k, 1},
	{"pwrite-64", call_pwrite, 1},
	{"pwrite-64k", call_write_64k, 1},
	{"lseek", call_lseek, 1},
	{"stat", call_stat, 1},
	{"fstat", call_fstat, 1},
	{"access-absent", call_access, 1},
	{"open+close", call_open, 1},
	{"pipe-write+read", call_pipe, 1},
	{"socketpair-write+read", call_socketpair, 1},
	{"eventfd-write+read", call_eventfd, 1},
	{"poll", call_poll, 1},
	{"epoll_wait", call_epoll, 1},
	{"pipe-ping-pong", call_ping, 1},
	{"fork+exit+wait", call_fork, 1},
	{"vfork+exec+exit+wait", call_exec, 1},
	{"thread-create+join", call_thread, 1},
	{"mmap+touch+munmap", call_mmap, 1},
	{"mmap-file", call_mmap_file, 1},
	{"malloc-heavy", call_malloc, 1},
	{"page-fault", call_faults, ROOM / 4096},
	{"mutex", call_mutex, 1},
	{"futex-wake", call_futex_wake, 1},
	{"mutex-contended", call_contended, 40000},
	{"futex-turns", call_futex_turns, 1000},
	{"bash-c-:", call_bash, 1},
	{"python3-c-pass", call_python, 1},
	{"fast-entry-getppid", call_fast, 1},
};

/* The other side of the ping-pong; made for its row only, since a second process changes others. */
static void start_echo(void)
{
	must(pipe(ping) == 0 && pipe(pong) == 0);
	echo = fork();
	if (echo == 0) {
		close(ping[1]);
		while (read(ping[0], buf, 1) == 1)
			must(write(pong[1], buf, 1) == 1);
		_exit(0);
	}
}

static void row(const struct row *r)
{
	if (r->fn == call_fast && !fast_entry)
		return;
	if (r->fn == call_ping)
		start_echo();
	measure(r->name, r->fn, r->per);
	if (echo > 0) {
		close(ping[1]);
		waitpid(echo, NULL, 0);
		echo = 0;
	}
}

static void prepare(void)
{
	char name[] = "bench-scratch-XXXXXX";
	struct epoll_event e = {.events = EPOLLIN};

	fd = open(self, O_RDONLY | O_CLOEXEC);
	wfd = mkstemp(name);
	if (wfd < 0) {
		char other[] = "/tmp/bench-scratch-XXXXXX";

		wfd = mkstemp(other);
		unlink(other);
	} else {
		unlink(name);
	}
	efd = eventfd(0, 0);
	epfd = epoll_create1(0);
	must(fd >= 0 && wfd >= 0 && pipe(pfd) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sp) == 0);
	must(epoll_ctl(epfd, EPOLL_CTL_ADD, efd, &e) == 0);
	fast_entry = getauxval(AT_PICKET_FASTCALL);
}

static char line[65536];

static int command(char *text)
{
	char *argv[64], *save = NULL;
	int argc = 0, status = 0;
	double start;
	pid_t p;

	for (char *w = strtok_r(text, "\t", &save); w && argc < 63; w = strtok_r(NULL, "\t", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	if (argc < 3 || chdir(argv[1]))
		return -1;
	start = now();
	p = vfork();
	if (p == 0) {
		if (argv[0][0] == 'q') {
			int null = open("/dev/null", O_RDWR);

			dup2(null, 0);
			dup2(null, 1);
			dup2(null, 2);
		}
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (p < 0 || waitpid(p, &status, 0) != p)
		return -1;
	printf("= %d %.1f\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), now() - start);
	fflush(stdout);
	return 0;
}

static int serve(void)
{
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("LC_ALL", "C", 1);
	printf("= 0 0\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (command(line))
			printf("= 255 0\n");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "exit"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	self = argv[0];
	prepare();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int k = 1; k < argc || argc == 1; k++) {
			if (argc == 1 || !strcmp(argv[k], rows[i].name)) {
				row(&rows[i]);
				break;
			}
		}
	}
	return 0;
}
