/* SPDX-License-Identifier: MIT */
/* The sentry's own filter: what it needs works, what it does not need fails, what nobody of ours does is deadly. */
#include "host/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void *nothing(void *arg)
{
	return arg;
}

static int can_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}

static int no_exec_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static int can_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int no_open(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0 || errno != ENOSYS;
}

/* No open at the working directory or by way of an absolute path: the directory has to be a given one. */
static int no_openat2_cwd(void)
{
	uint64_t how[3] = {O_RDONLY, 0, 0};

	return syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", how, sizeof(how)) >= 0;
}

static int no_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP) >= 0;
}

static int no_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_TCP) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static int no_signal(void)
{
	return kill(getppid(), SIGTERM) == 0;
}

static int do_fork(void)
{
	syscall(SYS_fork);
	return 0;
}

static int do_exec(void)
{
	char *argv[] = {NULL};

	execve("/bin/true", argv, argv);
	return 0;
}

static int do_ptrace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return 0;
}

/* Run *fn* locked down in a process of its own; its wait status. */
static int locked(int (*fn)(void), bool network)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		const char *err;

		(void)host_restrict_files(NULL, 0); /* there may be no landlock */
		if (host_lockdown(network, &err) < 0)
			_exit(99);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_allowed(void **state)
{
	assert_int_equal(locked(can_thread, false), 0);
	assert_int_equal(locked(can_memory, false), 0);
}

static void test_refused(void **state)
{
	assert_int_equal(locked(no_exec_memory, false), 0);
	assert_int_equal(locked(no_open, false), 0);
	assert_int_equal(locked(no_openat2_cwd, false), 0);
	assert_int_equal(locked(no_socket, false), 0);
	assert_int_equal(locked(no_signal, false), 0);
	assert_int_equal(locked(no_signal, true), 0);
	assert_int_not_equal(locked(no_socket, true), 0);
	assert_int_equal(locked(no_raw_socket, true), 0);
}

static void test_deadly(void **state)
{
	int (*const deadly[])(void) = {do_fork, do_exec, do_ptrace};

	for (unsigned i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
		int status = locked(deadly[i], true);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deadly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
