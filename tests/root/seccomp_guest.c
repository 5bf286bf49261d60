/* SPDX-License-Identifier: MIT */
/*
 * What the seccomp filter in force says to each call: the test's profiles answer with errors that nothing else gives (FILTER_ERRNO and up).
 * Each is tried in a process of its own. "passed" is whatever else comes of it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILTER_ERRNO 1000

static char line[64];
static int future; /* calls that are newer than the profile are told from others */

static const char *attempt(long nr, const long *a)
{
	int p[2], status, n;
	pid_t pid;

	if (pipe(p))
		exit(2);
	pid = fork();
	if (pid == 0) {
		long r;

		alarm(5);
		r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		n = r == -1 && errno >= FILTER_ERRNO ? snprintf(line, sizeof(line), "errno %d", errno)
						     : snprintf(line, sizeof(line), "%s", r == -1 && errno == ENOSYS && future && nr > 448 ? "ENOSYS" : "passed");
		/* Without write or exit the parent sees how it ends. */
		if (write(p[1], line, (size_t)n) != n)
			abort();
		syscall(SYS_exit_group, 0);
	}
	close(p[1]);
	n = (int)read(p[0], line, sizeof(line) - 1);
	close(p[0]);
	line[n < 0 ? 0 : n] = 0;
	waitpid(pid, &status, 0);
	if (n <= 0)
		snprintf(line, sizeof(line), WIFSIGNALED(status) ? "signal %d" : "exit %d",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return line;
}

static void on_sigsys(int sig, siginfo_t *i, void *u)
{
	(void)sig, (void)u;
	printf("SIGSYS code %d call %d arch %x\n", i->si_code, i->si_syscall, i->si_arch);
}

/* Calls that never come back, or only by a signal; they are not asked about with senseless arguments. */
static int skip(long nr)
{
	static const short list[] = {SYS_fork, SYS_vfork, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_pause, SYS_kill, SYS_tkill, SYS_tgkill,
		SYS_reboot, SYS_vhangup, SYS_swapoff, SYS_swapon, SYS_munmap, SYS_brk, SYS_arch_prctl, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
		SYS_ptrace, SYS_sync, SYS_close_range, SYS_mremap, SYS_close, SYS_setsid, SYS_alarm, SYS_mprotect, SYS_munlockall, SYS_clone, 435,
		SYS_sethostname, SYS_setdomainname, SYS_iopl, SYS_acct, SYS_restart_syscall};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == nr)
			return 1;
	return 0;
}

static void each(void)
{
	const long none[6] = {-1, -1, -1, -1, -1, -1};

	for (long nr = 0; nr < 480; nr++)
		if (!skip(nr))
			printf("%ld %s\n", nr, attempt(nr, none));
	printf("x32 %s\n", attempt(0x40000000 | SYS_getpid, none));
}

static void arguments(void)
{
	static const struct {
		const char *what;
		long nr, a[6];
	} calls[] = {
		{"personality 0", SYS_personality, {0}},
		{"personality 8", SYS_personality, {8}},
		{"personality 0x20000", SYS_personality, {0x20000}},
		{"personality 0xffffffff", SYS_personality, {0xffffffff}},
		{"personality 1", SYS_personality, {1}},
		{"socket unix", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
		{"socket audit", SYS_socket, {AF_NETLINK, SOCK_RAW, 9}},
		{"socket route", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
		{"socket vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}},
		{"unshare user", SYS_unshare, {CLONE_NEWUSER}},
		{"clone uts", SYS_clone, {CLONE_NEWUTS | SIGCHLD, 1}},
		{"mprotect exec", SYS_mprotect, {0, 4096, PROT_EXEC}},
		{"mprotect none", SYS_mprotect, {1, 4096, PROT_NONE}},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		printf("%s: %s\n", calls[i].what, attempt(calls[i].nr, calls[i].a));
}

/* A filter of its own on top: the stricter of the two counts. */
static void nested(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1500),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = 4, .filter = f};
	const long none[6] = {-1, -1, -1, -1, -1, -1};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) {
		printf("nested: %s\n", strerror(errno));
		return;
	}
	printf("nested: getppid %s\n", attempt(SYS_getppid, none));
	printf("nested: getpid %s\n", attempt(SYS_getpid, none));
	printf("nested: mount %s\n", attempt(SYS_mount, none));
}

static void status(void)
{
	char text[256];
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(text, sizeof(text), f))
		if (!strncmp(text, "Seccomp", 7) || !strncmp(text, "NoNewPrivs", 10))
			fputs(text, stdout);
	if (f)
		fclose(f);
}

/* What stubs do without the sentry, unless the filter has something against it. */
static void native(void)
{
	int word = 0;

	for (int i = 0; i < 100; i++) {
		void *m = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		munmap(m, 65536);
		syscall(SYS_futex, &word, 129, 1, NULL, NULL, 0);
		sched_yield();
		getpgid(0);
	}
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};

	if (argc > 1 && !strcmp(argv[1], "native")) {
		native();
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		alarm(60);
		pause();
	}
	if (argc > 1 && !strcmp(argv[1], "status")) {
		const long none[6] = {-1, -1, -1, -1, -1, -1};

		status();
		printf("symlink %s\n", attempt(SYS_symlink, none));
		printf("link %s\n", attempt(SYS_link, none));
		return 0;
	}
	future = argc > 1;
	setvbuf(stdout, NULL, _IONBF, 0);
	status();
	each();
	arguments();
	sigaction(SIGSYS, &sa, NULL);
	syscall(SYS_rename, "/nosuch", "/nosuch2");
	nested();
	return 0;
}
