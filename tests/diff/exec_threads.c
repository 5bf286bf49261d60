/* SPDX-License-Identifier: MIT */
/* What execve(2) keeps and drops, from threads and after vfork: numbers, names, signals, timers, descriptors, personality, auxv. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char me[4096];
static pid_t old_pid;

static void handler(int s)
{
}

static void say_state(const char *what)
{
	struct sigaction sa;
	sigset_t set, pending;
	struct itimerval it;
	stack_t ss;
	char name[17] = "";
	unsigned long head = 0, len = 0;

	printf("%s: same pid %d tid %d threads ", what, getpid() == atoi(getenv("OLD")), gettid() == getpid());
	fflush(stdout);
	system("ls /proc/$PPID/task | wc -l");
	sigaction(SIGUSR1, NULL, &sa);
	printf("USR1 %s ", sa.sa_handler == SIG_DFL ? "default" : "other");
	sigaction(SIGUSR2, NULL, &sa);
	printf("USR2 %s ", sa.sa_handler == SIG_IGN ? "ignored" : "other");
	sigprocmask(SIG_BLOCK, NULL, &set);
	sigpending(&pending);
	printf("blocked %d pending %d ", sigismember(&set, SIGHUP), sigismember(&pending, SIGHUP));
	getitimer(ITIMER_REAL, &it);
	sigaltstack(NULL, &ss);
	printf("alarm %d altstack %d\n", it.it_value.tv_sec > 0, ss.ss_flags);
	prctl(PR_GET_NAME, name);
	syscall(SYS_get_robust_list, 0, &head, &len);
	printf("fd 50 %d fd 51 %d name %s robust %d personality %lx nice %d slack %ld\n", fcntl(50, F_GETFD), fcntl(51, F_GETFD), name,
	       (int)len, personality(0xffffffff), getpriority(PRIO_PROCESS, 0), (long)prctl(PR_GET_TIMERSLACK));
	fflush(stdout);
}

static void prepare(void)
{
	char b[20];
	struct itimerval it = {.it_value = {100, 0}};
	static char stack[16384];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	sigset_t set;

	snprintf(b, sizeof(b), "%d", getpid());
	setenv("OLD", b, 1);
	signal(SIGUSR1, handler);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGHUP);
	setitimer(ITIMER_REAL, &it, NULL);
	sigaltstack(&ss, NULL);
	dup2(1, 50);
	dup2(1, 51);
	fcntl(51, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, "before");
	prctl(PR_SET_TIMERSLACK, 77777);
	personality(ADDR_NO_RANDOMIZE | READ_IMPLIES_EXEC | UNAME26);
	nice(3);
}

static void *sleeper(void *arg)
{
	for (;;)
		pause();
}

static void *exec_from(void *arg)
{
	usleep(20000);
	execl(me, "x", "state", "from a thread", NULL);
	return NULL;
}

static void in_child(void (*fn)(void))
{
	int st;

	fflush(stdout);
	if (!fork()) {
		fn();
		_exit(99);
	}
	wait(&st);
	printf("status %x\n", st);
}

static void from_leader(void)
{
	pthread_t th;

	prepare();
	for (int i = 0; i < 3; i++)
		pthread_create(&th, NULL, sleeper, NULL);
	execl(me, "x", "state", "from the leader", NULL);
}

static void from_thread(void)
{
	pthread_t th;

	prepare();
	pthread_create(&th, NULL, sleeper, NULL);
	pthread_create(&th, NULL, exec_from, NULL);
	sleeper(NULL);
}

static void from_thread_leader_gone(void)
{
	pthread_t th;

	prepare();
	pthread_create(&th, NULL, exec_from, NULL);
	syscall(SYS_exit, 0);
}

static void from_vfork(void)
{
	pid_t pid;
	int st;

	pid = vfork();
	if (!pid) {
		execl(me, "x", "exit", NULL);
		_exit(1);
	}
	waitpid(pid, &st, 0);
	printf("vfork and exec %x\n", st);
	pid = vfork();
	if (!pid) {
		execl("/no/such", "x", NULL);
		_exit(errno == ENOENT ? 7 : 1);
	}
	waitpid(pid, &st, 0);
	printf("vfork and a failed exec %x\n", st);
}

/* Shared tables are the program's own after exec. */
static int shares(void *arg)
{
	execl(me, "x", "close50", NULL);
	return 1;
}

static void unshared(void)
{
	static char stack[65536];
	int st;

	dup2(1, 50);
	signal(SIGUSR1, handler);
	clone(shares, stack + sizeof(stack), CLONE_FILES | CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
	wait(&st);
	struct sigaction sa;

	sigaction(SIGUSR1, NULL, &sa);
	printf("still open %d, handler kept %d\n", fcntl(50, F_GETFD) == 0, sa.sa_handler == handler);
}

/* Its exit signal is SIGCHLD after exec, whatever clone said. */
static void exit_signal(void)
{
	int st;
	pid_t pid = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);

	signal(SIGUSR1, SIG_IGN);
	if (!pid) {
		usleep(10000);
		execl(me, "x", "exit", NULL);
	}
	printf("not SIGCHLD: %d\n", waitpid(-1, &st, WNOHANG) < 0 && errno == ECHILD);
	usleep(300000);
	printf("after exec: %d\n", waitpid(pid, &st, 0) == pid);
}

static void vectors(void)
{
	static const int kinds[] = {AT_PAGESZ, AT_CLKTCK, AT_PHENT, AT_FLAGS, AT_UID, AT_EUID, AT_GID, AT_EGID, AT_SECURE, AT_HWCAP, AT_HWCAP2};

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("%d: %lx\n", kinds[i], kinds[i] == AT_UID || kinds[i] == AT_EUID || kinds[i] == AT_GID || kinds[i] == AT_EGID
						       ? getauxval(kinds[i]) == (kinds[i] < AT_GID ? getuid() : getgid())
						       : getauxval(kinds[i]));
	printf("execfn %s platform %s\n", strrchr((char *)getauxval(AT_EXECFN), (int)0x2f) + 1, (char *)getauxval(AT_PLATFORM));
	printf("random %d vdso %d base %d phdr %d phnum %d entry %d minsig %d\n", getauxval(AT_RANDOM) != 0,
	       getauxval(AT_SYSINFO_EHDR) != 0, getauxval(AT_BASE) != 0, getauxval(AT_PHDR) != 0, getauxval(AT_PHNUM) > 3,
	       getauxval(AT_ENTRY) != 0, getauxval(51) > 1000);
}

static void where(void)
{
	int on_stack;

	printf("%p %p %p\n", (void *)where, sbrk(0), (void *)&on_stack);
}

static void fixed(const char *what, int pers)
{
	char line[2][200] = {{0}};

	for (int i = 0; i < 2; i++) {
		int p[2];

		pipe(p);
		if (!fork()) {
			dup2(p[1], 1);
			personality(pers);
			execl(me, "x", "where", NULL);
			_exit(1);
		}
		close(p[1]);
		read(p[0], line[i], sizeof(line[i]) - 1);
		close(p[0]);
		wait(NULL);
	}
	printf("%s: %s\n", what, strcmp(line[0], line[1]) ? "differ" : "same");
}

static void personalities(void)
{
	struct utsname u;

	printf("%x\n", personality(0xffffffff));
	fixed("random", 0);
	fixed("fixed", ADDR_NO_RANDOMIZE);
	personality(UNAME26);
	uname(&u);
	printf("%.4s\n", u.release);
	personality(PER_LINUX32);
	uname(&u);
	printf("%s\n", u.machine);
	personality(0x12345678);
	printf("%x\n", personality(0));
}

int main(int argc, char **argv)
{
	readlink("/proc/self/exe", me, sizeof(me) - 1);
	if (argc > 2) {
		say_state(argv[2]);
		return 0;
	}
	if (argc > 1) {
		if (!strcmp(argv[1], "close50"))
			close(50);
		else if (!strcmp(argv[1], "where"))
			where();
		return !strcmp(argv[1], "exit") ? 21 : 0;
	}
	in_child(from_leader);
	in_child(from_thread);
	in_child(from_thread_leader_gone);
	from_vfork();
	unshared();
	exit_signal();
	vectors();
	personalities();
	return 0;
}
