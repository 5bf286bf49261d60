/* SPDX-License-Identifier: MIT */
/* Deaths where a tracer, an odd exit signal or exec is in the way. ptrace(2), pid_namespaces(7). */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int pid_pipe[2];

/* A grandchild dies while it is traced from aside; its parent goes, and the new one ignores SIGCHLD. */
static void zombie_of_tracer(void)
{
	siginfo_t si;
	pid_t parent, child, w;
	int go[2], status;
	char c;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (pipe(pid_pipe) || pipe(go))
		exit(1);
	parent = fork();
	if (!parent) {
		child = fork();
		if (!child) {
			if (read(go[0], &c, 1) != 1)
				_exit(9);
			_exit(7);
		}
		if (write(pid_pipe[1], &child, sizeof(child)) != sizeof(child))
			_exit(9);
		pause();
	}
	if (read(pid_pipe[0], &child, sizeof(child)) != sizeof(child))
		exit(1);
	printf("seize %d\n", (int)ptrace(PTRACE_SEIZE, child, 0, 0));
	if (write(go[1], "x", 1) != 1)
		exit(1);
	printf("peek %d\n", waitid(P_PID, (id_t)child, &si, WEXITED | WNOWAIT));
	signal(SIGCHLD, SIG_IGN);
	kill(parent, SIGKILL);
	for (int i = 0; i < 400 && kill(parent, 0) == 0; i++)
		usleep(5000);
	signal(SIGCHLD, SIG_DFL);
	w = waitpid(child, &status, 0);
	printf("zombie %d status %x\n", w == child, w == child ? status : 0);
	w = waitpid(-1, &status, 0);
	printf("then %d %s\n", (int)w, strerror(errno));
}

static int go_on(void *arg)
{
	for (;;)
		pause();
	return 0;
}

/* The first process of a pid namespace ends; one of its children would not tell it of its end. */
static void silent_child_of_init(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status = -1;
	pid_t init, w;

	if (unshare(CLONE_NEWPID)) {
		printf("no namespace: %s\n", strerror(errno));
		return;
	}
	init = fork();
	if (!init) {
		int r = clone(go_on, stack + sizeof(stack), 0, NULL);

		_exit(r > 0 ? 3 : 4);
	}
	w = -1;
	for (int i = 0; i < 1000 && !(w = waitpid(init, &status, WNOHANG)); i++)
		usleep(5000);
	printf("init of the namespace: %d %x\n", w == init, status);
	if (w != init)
		kill(init, SIGKILL);
}

static int tid_pipe[2];

static void *traced_thread(void *arg)
{
	pid_t tid = (pid_t)syscall(SYS_gettid);

	if (write(tid_pipe[1], &tid, sizeof(tid)) != sizeof(tid))
		_exit(9);
	for (;;)
		pause();
	return NULL;
}

/* exec does not wait for a thread that its tracer holds stopped. */
static void exec_with_stopped_thread(void)
{
	pid_t child, tid, w = 0;
	int status = -1, go[2], saw = 0, ended = 0, code = -1;
	char c;

	if (pipe(tid_pipe) || pipe(go))
		exit(1);
	child = fork();
	if (!child) {
		pthread_t th;

		pthread_create(&th, NULL, traced_thread, NULL);
		if (read(go[0], &c, 1) != 1)
			_exit(9);
		execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
		_exit(8);
	}
	if (read(tid_pipe[0], &tid, sizeof(tid)) != sizeof(tid))
		exit(1);
	printf("seize %d\n", (int)ptrace(PTRACE_SEIZE, tid, 0, 0));
	printf("interrupt %d\n", (int)ptrace(PTRACE_INTERRUPT, tid, 0, 0));
	printf("stopped %d\n", waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status));
	if (write(go[1], "x", 1) != 1)
		exit(1);
	/* Either may come first. */
	for (int i = 0; i < 1000 && saw < 2; i++) {
		w = waitpid(-1, &status, WNOHANG | __WALL);
		if (w == tid)
			ended = WIFEXITED(status) || WIFSIGNALED(status);
		else if (w == child)
			code = status;
		else
			usleep(5000);
		saw += w > 0;
	}
	printf("saw %d: thread ended %d, program %x\n", saw, ended, code);
	if (saw < 2)
		kill(child, SIGKILL);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	alarm(30);
	zombie_of_tracer();
	exec_with_stopped_thread();
	silent_child_of_init();
	return 0;
}
