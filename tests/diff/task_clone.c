/* SPDX-License-Identifier: MIT */
/* clone(2), clone3(2), fork(2), vfork(2): flags that go together and that do not; who the parent is; CLONE_VFORK in its forms. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared;

static void show(const char *what, long r)
{
	printf("%s: %s\n", what, r < 0 ? strerrorname_np(errno) : r ? "yes" : "0");
	fflush(stdout);
}

/* A child that exits at once; shows how the call went and what wait tells. */
static void try(const char *what, unsigned long flags, int options)
{
	int st = -1;
	long r = syscall(SYS_clone, flags, 0, 0, 0, 0);

	if (!r)
		_exit(3);
	show(what, r);
	if (r > 0) {
		r = waitpid(-1, &st, options);
		printf("  wait %s status %x\n", r > 0 ? "child" : strerrorname_np(errno), st);
	}
	fflush(stdout);
}

static void try3(const char *what, struct clone_args c, size_t size)
{
	long r = syscall(SYS_clone3, &c, size);

	if (!r)
		_exit(4);
	show(what, r);
	if (r > 0)
		waitpid(-1, NULL, __WALL);
}

static void flags(void)
{
	int pidfd = -1;

	try("plain", SIGCHLD, 0);
	try("no signal", 0, __WALL);
	try("no signal, WCLONE", 0, __WCLONE);
	try("no signal, not waited for as usual", 0, WNOHANG);
	waitpid(-1, NULL, __WALL);
	signal(SIGUSR1, SIG_IGN);
	try("SIGUSR1", SIGUSR1, __WALL);
	try("signal 200", 200, __WALL);
	try("SIGHAND without VM", CLONE_SIGHAND | SIGCHLD, 0);
	try("THREAD without SIGHAND", CLONE_THREAD | CLONE_VM | SIGCHLD, 0);
	try("FS with NEWNS", CLONE_FS | CLONE_NEWNS | SIGCHLD, 0);
	try("FS with NEWUSER", CLONE_FS | CLONE_NEWUSER | SIGCHLD, 0);
	try("THREAD with NEWPID", CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_NEWPID, 0);
	try("FS", CLONE_FS | SIGCHLD, 0);
	try("FILES", CLONE_FILES | SIGCHLD, 0);
	try("SYSVSEM, IO, UNTRACED, PTRACE", CLONE_SYSVSEM | CLONE_IO | CLONE_UNTRACED | CLONE_PTRACE | SIGCHLD, 0);
	try("DETACHED", CLONE_DETACHED | SIGCHLD, 0);
	show("PIDFD with PARENT_SETTID", syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &pidfd, 0, 0));
	show("PIDFD with DETACHED", syscall(SYS_clone, CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, 0, &pidfd, 0, 0));
	show("PIDFD fault", syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, 8, 0, 0));
}

static void clone3s(void)
{
	struct {
		struct clone_args c;
		char more[16];
	} longer = {.c = {.exit_signal = SIGCHLD}};
	pid_t tids[40];
	int fd = -1, tid = 0;

	try3("plain", (struct clone_args){.exit_signal = SIGCHLD}, 64);
	try3("v1", (struct clone_args){.exit_signal = SIGCHLD}, 80);
	try3("v2", (struct clone_args){.exit_signal = SIGCHLD}, 88);
	try3("too short", (struct clone_args){.exit_signal = SIGCHLD}, 56);
	show("too long", syscall(SYS_clone3, &longer, 5000));
	longer.more[3] = 1;
	show("longer, not zero", syscall(SYS_clone3, &longer, sizeof(longer)));
	show("fault", syscall(SYS_clone3, 8, 64));
	try3("exit signal 65", (struct clone_args){.exit_signal = 65}, 88);
	try3("exit signal huge", (struct clone_args){.exit_signal = 0x100000000 | SIGCHLD}, 88);
	try3("signal in flags", (struct clone_args){.flags = SIGCHLD}, 88);
	try3("DETACHED", (struct clone_args){.flags = CLONE_DETACHED, .exit_signal = SIGCHLD}, 88);
	try3("unknown flag", (struct clone_args){.flags = 1ull << 40, .exit_signal = SIGCHLD}, 88);
	try3("SIGHAND, CLEAR_SIGHAND", (struct clone_args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND}, 88);
	try3("CLEAR_SIGHAND", (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD}, 88);
	try3("THREAD with signal",
	     (struct clone_args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, .exit_signal = SIGCHLD}, 88);
	try3("PARENT with signal", (struct clone_args){.flags = CLONE_PARENT, .exit_signal = SIGCHLD}, 88);
	try3("stack without size", (struct clone_args){.stack = (uintptr_t)stack, .exit_signal = SIGCHLD}, 88);
	try3("size without stack", (struct clone_args){.stack_size = 4096, .exit_signal = SIGCHLD}, 88);
	try3("stack far away", (struct clone_args){.stack = 0x7fffffffe000, .stack_size = 1ull << 46, .exit_signal = SIGCHLD}, 88);
	try3("set_tid without size", (struct clone_args){.set_tid = (uintptr_t)tids, .exit_signal = SIGCHLD}, 88);
	try3("set_tid size without it", (struct clone_args){.set_tid_size = 1, .exit_signal = SIGCHLD}, 88);
	try3("set_tid too many", (struct clone_args){.set_tid = (uintptr_t)tids, .set_tid_size = 33, .exit_signal = SIGCHLD}, 88);
	try3("set_tid fault", (struct clone_args){.set_tid = 8, .set_tid_size = 1, .exit_signal = SIGCHLD}, 88);
	tids[0] = 0;
	try3("set_tid 0", (struct clone_args){.set_tid = (uintptr_t)tids, .set_tid_size = 1, .exit_signal = SIGCHLD}, 88);
	try3("cgroup, short", (struct clone_args){.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD}, 80);
	try3("cgroup too big",
	     (struct clone_args){.flags = CLONE_INTO_CGROUP, .cgroup = 1ull << 31, .exit_signal = SIGCHLD}, 88);
	try3("PIDFD and PARENT_SETTID in one place",
	     (struct clone_args){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&fd,
				 .exit_signal = SIGCHLD}, 88);
	try3("PIDFD and PARENT_SETTID",
	     (struct clone_args){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd,
				 .parent_tid = (uintptr_t)&tid, .exit_signal = SIGCHLD}, 88);
	printf("pidfd %d tid %d cloexec %d\n", fd >= 0, tid > 0, fcntl(fd, F_GETFD));
	close(fd);
}

static int store(void *arg)
{
	usleep(30000);
	shared = (int)(intptr_t)arg;
	return 0;
}

static void vforks(void)
{
	int st, p[2];
	char c = 0;
	pid_t pid;

	/* Without CLONE_VM the child has a copy, and the parent waits all the same. */
	pipe(p);
	pid = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		shared = 77;
		usleep(30000);
		write(p[1], "x", 1);
		_exit(5);
	}
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	printf("VFORK alone: waited %ld, copy %d\n", (long)read(p[0], &c, 1), shared == 0);
	waitpid(pid, &st, 0);
	pid = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		char arg[16];

		snprintf(arg, sizeof(arg), "%d", p[1]);
		usleep(20000);
		write(p[1], "y", 1);
		execl("/proc/self/exe", "x", "sleep", NULL);
		_exit(6);
	}
	printf("VFORK and exec: %ld\n", (long)read(p[0], &c, 1));
	kill(pid, SIGKILL);
	waitpid(pid, &st, 0);
	printf("killed %d\n", WTERMSIG(st));
	clone(store, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)8);
	printf("VM and VFORK: %d\n", shared);
	waitpid(-1, &st, 0);
	clone(store, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | SIGCHLD, (void *)9);
	printf("and SIGHAND: %d\n", shared);
	waitpid(-1, &st, 0);
	clone(store, stack + sizeof(stack), CLONE_VM | SIGCHLD, (void *)10);
	waitpid(-1, &st, 0);
	printf("VM alone: %d\n", shared);
	close(p[0]);
	close(p[1]);
}

/* CLONE_PARENT: a brother, with the parent's own exit signal. */
static void parents(void)
{
	int st, p[2];
	pid_t pid;

	pipe(p);
	pid = fork();
	if (!pid) {
		pid_t me = getppid();
		long r = syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);

		if (!r) {
			char same = getppid() == me ? 'y' : 'n';

			write(p[1], &same, 1);
			_exit(8);
		}
		_exit(waitpid((pid_t)r, NULL, __WALL) < 0 && errno == ECHILD ? 7 : 1);
	}
	waitpid(pid, &st, 0);
	printf("first %d\n", WEXITSTATUS(st));
	pid = waitpid(-1, &st, 0);
	printf("brother %d status %d\n", pid > 0, WEXITSTATUS(st));
	read(p[0], &st, 1);
	printf("same parent %c\n", (char)st);
	close(p[0]);
	close(p[1]);
}

/* What is shared by CLONE_FS and CLONE_FILES, and what is not. */
static int change(void *arg)
{
	umask(0123);
	chdir("/proc");
	dup2(1, 55);
	return 0;
}

static void sharing(void)
{
	char cwd[100];
	mode_t old = umask(022);

	clone(change, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	wait(NULL);
	printf("nothing shared: umask %o fd %d cwd %d\n", umask(022), fcntl(55, F_GETFD), strcmp(getcwd(cwd, 100), "/proc") == 0);
	clone(change, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
	wait(NULL);
	printf("shared: umask %o fd %d cwd %d\n", umask(022), fcntl(55, F_GETFD), strcmp(getcwd(cwd, 100), "/proc") == 0);
	close(55);
	umask(old);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		sleep(10);
		return 0;
	}
	flags();
	clone3s();
	vforks();
	parents();
	sharing();
	return 0;
}
