/* SPDX-License-Identifier: MIT */
/* ptrace(2): events of fork, exec and exit, what wait(2) says of tracees, deaths of both sides. */
#include "ptrace_util.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define FOLLOW (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

static pid_t start(void (*fn)(void), unsigned long options)
{
	pid_t p;

	fflush(stdout);
	p = fork();
	if (!p) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		fn();
		_exit(0);
	}
	wait_show("start", p);
	show("options", pt(PTRACE_SETOPTIONS, p, 0, options));
	pt(PTRACE_CONT, p, 0, 0);
	return p;
}

static void do_fork(void)
{
	pid_t p = fork();

	if (!p)
		_exit(4);
	waitpid(p, NULL, 0);
}

static void do_vfork(void)
{
	pid_t p = vfork();

	if (!p)
		_exit(5);
	waitpid(p, NULL, 0);
}

static void *thread(void *arg)
{
	return NULL;
}

static void do_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
}

static void follow(const char *name, void (*fn)(void))
{
	pid_t p, c;
	unsigned long msg = 0;

	printf("-- %s\n", name);
	p = start(fn, FOLLOW | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT);
	wait_show("event", p);
	show("message", pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg));
	c = (pid_t)msg;
	printf("a child %d\n", c > 0 && c != p);
	wait_show("the child's first stop", c);
	show("the child goes on", pt(PTRACE_CONT, c, 0, 0));
	wait_show("the child's exit", c);
	pt(PTRACE_GETEVENTMSG, c, 0, (unsigned long)&msg);
	printf("its code %lx\n", msg);
	pt(PTRACE_CONT, c, 0, 0);
	if (fn == do_vfork) {
		wait_show("the child", c);
		pt(PTRACE_CONT, p, 0, 0);
		wait_show("vfork done", p);
		pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
		printf("of the child %d\n", (pid_t)msg == c);
	} else {
		pt(PTRACE_CONT, p, 0, 0);
		wait_show("the child", c);
	}
	if (fn == do_vfork)
		pt(PTRACE_CONT, p, 0, 0);
	for (int st = -1; waitpid(p, &st, __WALL) == p; pt(PTRACE_CONT, p, 0, 0))
		if (!WIFSTOPPED(st) || WSTOPSIG(st) != SIGCHLD) /* which comes sooner or later */
			printf("parent: %s\n", describe(st));
}

static const char *self;

static void do_exec(void)
{
	execl(self, self, "child", NULL);
}

static void *exec_thread(void *arg)
{
	do_exec();
	return NULL;
}

static void do_thread_exec(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exec_thread, NULL);
	for (;;)
		pause();
}

static void execs(void)
{
	unsigned long msg;
	siginfo_t si;
	pid_t p;

	printf("-- exec, without the option\n");
	p = start(do_exec, 0);
	wait_show("exec", p);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("signo %d code %d\n", si.si_signo, si.si_code);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	printf("-- exec, with it\n");
	p = start(do_exec, PTRACE_O_TRACEEXEC);
	wait_show("exec", p);
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si);
	printf("former number its own %d, code %d\n", (pid_t)msg == p, si.si_code);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	printf("-- exec by another thread\n");
	p = start(do_thread_exec, PTRACE_O_TRACEEXEC | PTRACE_O_TRACECLONE);
	wait_show("clone", p);
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	pid_t tid = (pid_t)msg;
	wait_show("thread", tid);
	pt(PTRACE_CONT, tid, 0, 0);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("exec", p);
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	printf("former number the thread's %d\n", (pid_t)msg == tid);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	show("the thread is gone", pt(PTRACE_CONT, tid, 0, 0));
}

static void do_exit(void)
{
	_exit(9);
}

static void exits(void)
{
	unsigned long msg;
	int st;
	pid_t p;

	printf("-- exit event\n");
	p = start(do_exit, PTRACE_O_TRACEEXIT);
	wait_show("exit event", p);
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	printf("code %lx\n", msg);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	printf("-- exit event of a signal\n");
	p = start((void (*)(void))pause, PTRACE_O_TRACEEXIT);
	kill(p, SIGTERM);
	wait_show("signal", p);
	pt(PTRACE_CONT, p, 0, SIGTERM);
	wait_show("exit event", p);
	pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
	printf("code %lx\n", msg);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	printf("-- waiting\n");
	p = start((void (*)(void))pause, 0);
	kill(p, SIGUSR1);
	siginfo_t si = {0};

	show("waitid keeps", waitid(P_PID, (id_t)p, &si, WSTOPPED | WNOWAIT));
	printf("code %d status %d\n", si.si_code, si.si_status);
	show("waitid takes", waitid(P_PID, (id_t)p, &si, WSTOPPED));
	memset(&si, 0, sizeof(si));
	show("waitid again", waitid(P_PID, (id_t)p, &si, WSTOPPED | WNOHANG));
	printf("pid %d\n", si.si_pid);
	show("still there for requests", pt(PTRACE_GETSIGINFO, p, 0, (unsigned long)&si));
	kill(p, SIGKILL);
	show("wait without stops", waitpid(p, &st, 0) == p);
	printf("%s\n", describe(st));
	show("wait again", waitpid(p, &st, __WALL));
}

/* The tracer is another process than the parent: its tracee's end is its own first. */
static void third(void)
{
	int go[2], done[2], st;
	pid_t c, tracer;
	char x;

	printf("-- a tracer that is not the parent\n");
	fflush(stdout);
	if (pipe(go) || pipe(done))
		exit(1);
	c = fork();
	if (!c) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		for (;;)
			pause();
	}
	tracer = fork();
	if (!tracer) {
		show("seize", pt(PTRACE_SEIZE, c, 0, 0));
		fflush(stdout);
		if (write(done[1], "x", 1) != 1 || read(go[0], &x, 1) != 1)
			_exit(1);
		wait_show("tracer", c);
		fflush(stdout);
		_exit(0);
	}
	if (read(done[0], &x, 1) != 1)
		exit(1);
	show("attach to another's", pt(PTRACE_ATTACH, c, 0, 0));
	kill(c, SIGKILL);
	usleep(30000);
	show("the parent waits", waitpid(c, &st, WNOHANG));
	fflush(stdout);
	if (write(go[1], "x", 1) != 1)
		exit(1);
	waitpid(tracer, NULL, 0);
	wait_show("the parent", c);
}

static void tracer_dies(unsigned long options, const char *what)
{
	pid_t c, tracer;
	int st, r;

	printf("-- a tracer that dies, %s\n", what);
	fflush(stdout);
	c = fork();
	if (!c) {
		for (;;)
			pause();
	}
	tracer = fork();
	if (!tracer) {
		pt(PTRACE_SEIZE, c, 0, options);
		pt(PTRACE_INTERRUPT, c, 0, 0);
		wait_show("tracer", c);
		fflush(stdout);
		_exit(0);
	}
	waitpid(tracer, NULL, 0);
	r = options ? waitpid(c, &st, 0) : waitpid(c, &st, WNOHANG);
	printf("%d %s\n", r == c ? 1 : r, r == c ? describe(st) : "");
	kill(c, SIGKILL);
	if (r != c)
		wait_show("then", c);
}

static void sigchld(int s, siginfo_t *si, void *uc)
{
	printf("SIGCHLD code %d status %d\n", si->si_code, si->si_status);
}

static void tells(void)
{
	struct sigaction sa = {.sa_sigaction = sigchld, .sa_flags = SA_SIGINFO | SA_RESTART};
	pid_t p;

	printf("-- what the tracer is told\n");
	fflush(stdout);
	sigaction(SIGCHLD, &sa, NULL);
	p = start(do_exit, PTRACE_O_TRACEEXIT);
	wait_show("event", p);
	pt(PTRACE_CONT, p, 0, 0);
	wait_show("end", p);
	signal(SIGCHLD, SIG_DFL);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 11;
	self = argv[0];
	setvbuf(stdout, NULL, _IOFBF, 65536);
	follow("fork", do_fork);
	follow("vfork", do_vfork);
	follow("thread", do_thread);
	execs();
	exits();
	third();
	tracer_dies(0, "lets go");
	tracer_dies(PTRACE_O_EXITKILL, "takes it along");
	tells();
	return 0;
}
