/* SPDX-License-Identifier: MIT */
/* Pid namespaces: numbers, the first process, signals over the border, what its end does, unshare and setns. */
#include "cred_util.h"
#include <linux/sched.h>
#include <sys/un.h>
#include <sys/socket.h>

static int child(void (*fn)(void), int flags)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		fn();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0) {
		printf("clone: %s\n", name_of(errno));
		return -1;
	}
	waitpid(pid, &status, 0);
	printf("status %x\n", status);
	return status;
}

static volatile int got;
static volatile pid_t from;

static void handler(int sig, siginfo_t *si, void *uc)
{
	got = sig;
	from = si->si_pid;
}

static void catch(int sig)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigaction(sig, &sa, NULL);
}

static void numbers(void)
{
	pid_t c;
	int st;

	printf("pid %d ppid %d pgid %d sid %d tid %ld\n", getpid(), getppid(), getpgrp(), getsid(0), syscall(SYS_gettid));
	T(getpgid(0));
	T(setsid());
	T(getsid(0));
	c = fork();
	if (!c) {
		printf("  grandchild pid %d ppid %d pgid %d sid %d\n", getpid(), getppid(), getpgrp(), getsid(0));
		setpgid(0, 0);
		printf("  own group %d\n", getpgrp());
		fflush(stdout);
		_exit(7);
	}
	printf("forked %d\n", c);
	fflush(stdout);
	T(waitpid(c, &st, 0));
	T(kill(4000, 0));
	T(kill(c, 0));
	T(getpgid(c));
	T(setpgid(0, 4000));
	T(kill(-1, 0));
}

static void safe_init(void)
{
	got = 0;
	T(kill(1, SIGTERM));
	T(kill(1, SIGKILL));
	T(kill(1, SIGSTOP));
	T(raise(SIGUSR1));
	catch(SIGUSR2);
	T(kill(1, SIGUSR2));
	printf("got %d from %d\n", got, from);
	fflush(stdout);
	if (!fork()) {
		kill(1, SIGKILL);
		kill(1, SIGUSR2);
		_exit(0);
	}
	wait(NULL);
	printf("got %d from %d\n", got, from);
	printf("alive\n");
}

static void faults(void)
{
	fflush(stdout);
	*(volatile int *)8 = 1;
}

static void wait_for_kill(void)
{
	catch(SIGUSR1);
	for (;;) {
		pause();
		printf("from %d\n", from);
		fflush(stdout);
	}
}

static void orphans(void)
{
	int p[2];
	char c;

	pipe(p);
	if (!fork()) {
		if (!fork()) {
			close(p[0]);
			while (getppid() != 1)
				usleep(1000);
			printf("orphan's parent %d\n", getppid());
			fflush(stdout);
			_exit(3);
		}
		_exit(2);
	}
	close(p[1]);
	read(p[0], &c, 1);
	int n = 0, st;
	while (wait(&st) > 0)
		n++;
	printf("waited for %d\n", n);
}

static void leaves_others(void)
{
	for (int i = 0; i < 3; i++)
		if (!fork()) {
			signal(SIGTERM, SIG_IGN);
			for (;;)
				pause();
		}
	printf("the end\n");
}

int main(void)
{
	int st;
	pid_t pid;

	T(syscall(SYS_clone, CLONE_NEWPID | CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL, NULL, NULL, NULL));
	child(numbers, CLONE_NEWPID);
	child(safe_init, CLONE_NEWPID);
	child(faults, CLONE_NEWPID);
	child(orphans, CLONE_NEWPID);
	child(leaves_others, CLONE_NEWPID);
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
	if (!pid)
		wait_for_kill();
	usleep(20000);
	T(kill(pid, SIGTERM));
	T(kill(pid, SIGUSR1));
	usleep(50000);
	T(kill(pid, SIGKILL));
	T(waitpid(pid, &st, 0) == pid);
	printf("status %x\n", st);
	CHILD {
		int fd = open("/proc/self/ns/pid", O_RDONLY);

		OK(unshare(CLONE_NEWPID));
		OK(unshare(CLONE_NEWPID));
		printf("readlink %d\n", (int)readlink("/proc/self/ns/pid_for_children", (char[64]){0}, 64));
		T(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL, NULL, NULL, NULL));
		fflush(stdout);
		if (!fork()) {
			printf("first %d\n", getpid());
			if (!fork()) {
				printf("second %d of %d\n", getpid(), getppid());
				fflush(stdout);
				_exit(0);
			}
			wait(NULL);
			fflush(stdout);
			_exit(0);
		}
		wait(NULL);
		/* It is dead: nobody is born there any more. */
		T(fork());
		OK(setns(fd, CLONE_NEWPID));
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(0);
		OK(pid);
		waitpid(pid, NULL, 0);
		OK(setns(fd, CLONE_NEWUTS));
	}
	CHILD {
		/* Numbers in messages between namespaces. */
		struct ucred u;
		socklen_t len = sizeof(u);
		int sv[2];

		OK(unshare(CLONE_NEWPID));
		fflush(stdout);
		if (!fork()) {
			char b[64];
			struct iovec iov = {b, 1};
			char cb[CMSG_SPACE(sizeof(u))];
			struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = cb, .msg_controllen = sizeof(cb)};
			int on = 1;

			socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
			getsockopt(sv[0], SOL_SOCKET, SO_PEERCRED, &u, &len);
			printf("peer %d\n", u.pid);
			setsockopt(sv[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
			write(sv[1], "x", 1);
			recvmsg(sv[0], &m, 0);
			memcpy(&u, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(u));
			printf("creds %d %d %d\n", u.pid, u.uid, u.gid);
			fflush(stdout);
			_exit(0);
		}
		wait(NULL);
	}
	return 0;
}
