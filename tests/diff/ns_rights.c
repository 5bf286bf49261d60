/* SPDX-License-Identifier: MIT */
/* Whose capabilities count: towards processes of nested user and pid namespaces, in setns by pidfd, in id maps; kills from outside. */
#include "cred_util.h"
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

struct kid {
	pid_t pid;
	int go;
};

/* A child in new namespaces; it waits until its pipe is closed. */
static struct kid born(int flags)
{
	struct kid k;
	int go[2], ready[2];
	char c;

	pipe(go);
	pipe(ready);
	k.pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (!k.pid) {
		close(go[1]);
		write(ready[1], "", 1);
		read(go[0], &c, 1);
		_exit(7);
	}
	close(go[0]);
	close(ready[1]);
	read(ready[0], &c, 1);
	close(ready[0]);
	k.go = go[1];
	return k;
}

static void bury(struct kid *k)
{
	int status = 0;

	close(k->go);
	waitpid(k->pid, &status, 0);
	printf("status %x\n", status);
}

static void put(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY);
	errno = 0;
	printf("%s of \"%.8s\": ", file, text);
	printf("%s\n", write(fd, text, strlen(text)) < 0 ? name_of(errno) : "ok");
	close(fd);
}

/* In a child, since it does not come back. */
#define APART(code)                                                                                                    \
	do {                                                                                                           \
		pid_t p_ = fork();                                                                                     \
		if (!p_) {                                                                                             \
			code;                                                                                          \
			_exit(0);                                                                                      \
		}                                                                                                      \
		waitpid(p_, NULL, 0);                                                                                  \
	} while (0)

static void by_pidfd(void)
{
	struct kid k = born(CLONE_NEWUSER);
	int fd = (int)syscall(SYS_pidfd_open, k.pid, 0);

	/* Its user namespace, and an uts namespace that is its parent's. */
	APART(OK(setns(fd, CLONE_NEWUSER | CLONE_NEWUTS)));
	APART(OK(setns(fd, CLONE_NEWUSER | CLONE_NEWNS)));
	APART(OK(setns(fd, CLONE_NEWUSER)); OK(setns(fd, CLONE_NEWUTS)));
	APART(OK(setns(fd, CLONE_NEWUTS)));
	close(fd);
	bury(&k);
}

static void settings(void)
{
	struct kid k = born(CLONE_NEWUSER);
	struct rlimit r;
	char slack[8] = "";

	/* From the parent, who owns the namespace. */
	OK(prlimit(k.pid, RLIMIT_CORE, NULL, &r));
	OK(setpriority(PRIO_PROCESS, k.pid, 3));
	put(k.pid, "timerslack_ns", "60000");
	bury(&k);
	/* And when both are inside another one. */
	if (!fork()) {
		OK(unshare(CLONE_NEWUSER));
		put(getpid(), "setgroups", "deny");
		put(getpid(), "uid_map", "0 0 1");
		put(getpid(), "gid_map", "0 0 1");
		k = born(CLONE_NEWUSER);
		OK(prlimit(k.pid, RLIMIT_CORE, NULL, &r));
		OK(setpriority(PRIO_PROCESS, k.pid, 4));
		put(k.pid, "timerslack_ns", "70000");
		bury(&k);
		_exit(0);
	}
	wait(NULL);
}

static int chosen(uint64_t flags, int nr)
{
	pid_t want = nr;
	struct clone_args c = {.flags = flags, .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&want, .set_tid_size = 1};
	int pid = (int)syscall(SYS_clone3, &c, sizeof(c));

	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid < 0 ? -1 : 0;
}

static void numbers(void)
{
	APART(OK(unshare(CLONE_NEWUSER)); OK(chosen(0, 30111)); OK(chosen(CLONE_NEWPID, 1)); OK(chosen(CLONE_NEWPID, 5)));
	APART(OK(chosen(CLONE_NEWPID | CLONE_NEWUSER, 1)));
	APART(OK(unshare(CLONE_NEWUSER | CLONE_NEWPID)); OK(chosen(0, 1)); OK(chosen(0, 9)));
}

/* A range that begins and ends in ranges of the parent, with others' ids between them. */
static void gaps(void)
{
	struct kid k;

	k = born(CLONE_NEWUSER);
	put(k.pid, "uid_map", "0 1 10\n20 21 10\n40 51 10\n");
	put(k.pid, "gid_map", "0 1 10\n");
	if (!fork()) {
		char path[64];
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/ns/user", k.pid);
		fd = open(path, O_RDONLY);
		OK(setns(fd, 0));
		OK(setresgid(0, 0, 0));
		OK(setresuid(0, 0, 0));
		prctl(PR_SET_DUMPABLE, 1);
		k = born(CLONE_NEWUSER);
		put(k.pid, "uid_map", "0 0 30\n");
		put(k.pid, "uid_map", "0 5 20\n");
		put(k.pid, "uid_map", "0 41 10\n");
		put(k.pid, "uid_map", "0 0 11\n");
		put(k.pid, "uid_map", "0 5 5\n9 41 9\n");
		put(k.pid, "uid_map", "0 5 5\n");
		bury(&k);
		_exit(0);
	}
	wait(NULL);
	bury(&k);
}

static void kills(void)
{
	siginfo_t si = {.si_code = SI_QUEUE};
	struct kid k = born(CLONE_NEWPID);

	si.si_signo = SIGTERM;
	OK(syscall(SYS_rt_sigqueueinfo, k.pid, SIGTERM, &si));
	OK(syscall(SYS_rt_tgsigqueueinfo, k.pid, k.pid, SIGUSR1, &si));
	si.si_signo = SIGKILL;
	OK(syscall(SYS_rt_sigqueueinfo, k.pid, SIGKILL, &si));
	{
		int status = 0;

		waitpid(k.pid, &status, 0);
		printf("status %x\n", status);
		close(k.go);
	}
	k = born(CLONE_NEWPID);
	OK(syscall(SYS_rt_tgsigqueueinfo, k.pid, k.pid, SIGKILL, &si));
	{
		int status = 0;

		waitpid(k.pid, &status, 0);
		printf("status %x\n", status);
		close(k.go);
	}
}

static void show_info(int fd)
{
	char path[64], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "Pid:", 4) || !strncmp(line, "NSpid:", 6)) {
			int n = 0, first = -2, last = -2;

			for (char *s = strtok(line, "\t\n"); (s = strtok(NULL, "\t\n")); n++) {
				first = n ? first : atoi(s);
				last = atoi(s);
			}
			printf(" %s first %s, last %d, %d of them\n", line, first > 1 ? "some" : first == 1 ? "one" : first ? "-1" : "0",
				n > 1 ? last : 0, n);
		}
	if (f)
		fclose(f);
}

static void fdinfo(void)
{
	struct kid k = born(CLONE_NEWPID);
	int fd = (int)syscall(SYS_pidfd_open, k.pid, 0);

	show_info(fd);
	bury(&k);
	show_info(fd);
	close(fd);
}

/* Credentials with another's number need the capability where one's pid namespace belongs. */
static int claim(int pid)
{
	char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct ucred u = {.pid = pid, .uid = getuid(), .gid = getgid()};
	int s[2];

	socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(u));
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	return sendmsg(s[0], &m, 0) < 0 ? -1 : 0;
}

static void credentials(void)
{
	int pid;

	OK(claim(getppid()));
	if (!fork()) {
		OK(unshare(CLONE_NEWUSER | CLONE_NEWPID));
		put(getpid(), "setgroups", "deny");
		put(getpid(), "uid_map", "0 0 1");
		put(getpid(), "gid_map", "0 0 1");
		OK(claim(getppid()));
		pid = fork();
		if (!pid) {
			pid = fork();
			if (!pid)
				pause();
			OK(claim(pid));
			kill(pid, SIGKILL);
			wait(NULL);
			OK(claim(pid));
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	wait(NULL);
}

/* An accepted socket is of its listener's network. */
static void accepted(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0picket-accepted"};
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), a, b;

	OK(bind(l, (void *)&un, sizeof(un)));
	OK(listen(l, 1));
	OK(connect(c, (void *)&un, sizeof(un)));
	a = accept(l, NULL, NULL);
	un.sun_path[1] = 'P';
	b = socket(AF_UNIX, SOCK_STREAM, 0);
	OK(bind(c, (void *)&un, sizeof(un)));
	OK(bind(b, (void *)&un, sizeof(un)));
	close(c);
	un.sun_path[1] = 'Q';
	OK(bind(a, (void *)&un, sizeof(un)));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	by_pidfd();
	settings();
	numbers();
	gaps();
	kills();
	fdinfo();
	credentials();
	accepted();
	return 0;
}
