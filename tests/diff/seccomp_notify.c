/* SPDX-License-Identifier: MIT */
/* seccomp_unotify(2): a supervisor answers calls. */
#include "seccomp_util.h"
#include <poll.h>
#include <sys/stat.h>

#define NOTIF_ADDFD SECCOMP_IOCTL_NOTIF_ADDFD
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV 32
#endif

static struct sock_filter ask[] = {LOAD(nr), WHEN(SYS_getuid, SECCOMP_RET_USER_NOTIF), WHEN(SYS_dup, SECCOMP_RET_USER_NOTIF),
	RET(SECCOMP_RET_ALLOW)};

static void send_fd(int s, int fd)
{
	char b = 0, c[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec v = {&b, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &fd, sizeof(int));
	sendmsg(s, &m, 0);
}

static int recv_fd(int s)
{
	char b, c[CMSG_SPACE(sizeof(int))];
	struct iovec v = {&b, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = c, .msg_controllen = sizeof(c)};
	int fd = -1;

	if (recvmsg(s, &m, 0) > 0 && CMSG_FIRSTHDR(&m))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	return fd;
}

/* A child that runs *body* under the filter; the listener's descriptor. */
static pid_t child;
static int start(void (*body)(void), unsigned flags)
{
	int s[2], fd;

	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	child = fork();
	if (!child) {
		fd = SET_FILTER(SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, ask);
		send_fd(s[1], fd);
		close(fd);
		close(s[0]);
		close(s[1]);
		body();
		_exit(0);
	}
	fd = recv_fd(s[0]);
	close(s[0]);
	close(s[1]);
	return fd;
}

static int receive(int fd, struct seccomp_notif *n)
{
	memset(n, 0, sizeof(*n));
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, n);
}

static int answer(int fd, uint64_t id, int error, long val, unsigned flags)
{
	struct seccomp_notif_resp r = {.id = id, .error = error, .val = val, .flags = flags};

	return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

static void uid(void)
{
	VALUE("child's uid", syscall(SYS_getuid));
}

static void uid_twice(void)
{
	int first = syscall(SYS_getuid) >= 0;

	_exit(first << 1 | (syscall(SYS_getuid) == 4711)); /* no words: the supervisor speaks meanwhile */
}

static void simple(void)
{
	struct seccomp_notif n;
	int fd = start(uid_twice, 0);
	struct pollfd p = {fd, POLLIN | POLLOUT, 0};
	uint64_t id;

	printf("poll %d", poll(&p, 1, 5000));
	printf(" %x\n", p.revents);
	n.id = 1;
	SHOW("dirty buffer", ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &n));
	SHOW("fault", ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, 8));
	SHOW("receive", receive(fd, &n));
	printf("from the child %d nr %d arch %x flags %u\n", n.pid == child, n.data.nr == SYS_getuid, n.data.arch, n.flags);
	poll(&p, 1, 0);
	printf("poll %x\n", p.revents);
	id = n.id;
	SHOW("valid", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	id++;
	SHOW("not valid", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	SHOW("answer to another", answer(fd, n.id + 1, 0, 0, 0));
	SHOW("flags", answer(fd, n.id, 0, 0, 2));
	SHOW("continue with a value", answer(fd, n.id, 0, 1, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	SHOW("continue", answer(fd, n.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	SHOW("receive", receive(fd, &n));
	SHOW("value", answer(fd, n.id, 0, 4711, 0));
	printf("end %d\n", reap(child));
	p.events = POLLIN;
	printf("poll %d", poll(&p, 1, 5000));
	printf(" %x\n", p.revents);
	SHOW("bad command", ioctl(fd, _IO('!', 77), 0));
	SHOW("not a terminal", ioctl(fd, TIOCGWINSZ, &n));
	SHOW("flags", ioctl(fd, SECCOMP_IOW(4, __u64), 1));
	SHOW("flags", ioctl(fd, SECCOMP_IOW(4, __u64), 2));
	close(fd);
}

static void errors(void)
{
	struct seccomp_notif n;
	int fd = start(uid, 0);

	receive(fd, &n);
	answer(fd, n.id, -EXDEV, 0, 0);
	reap(child);
	close(fd);
	fd = start(uid, 0);
	receive(fd, &n);
	close(fd);
	printf("closed under the question: %d\n", reap(child));
	fd = start(uid, 0);
	close(fd);
	printf("closed before: %d\n", reap(child));
	CHILD("two listeners", {
		SHOW("one", SET_FILTER(SECCOMP_FILTER_FLAG_NEW_LISTENER, ask) >= 0 ? 0 : -1);
		SHOW("two", SET_FILTER(SECCOMP_FILTER_FLAG_NEW_LISTENER, ask));
		SHOW("cloexec", fcntl(3, F_GETFD) == FD_CLOEXEC ? 0 : -1);
	});
}

static void dup_call(void)
{
	char buf[20] = "";
	int r = syscall(SYS_dup, 0);

	printf("dup gave %d", r);
	printf(" and reads %ld '%s' cloexec %d\n", pread(r, buf, 5, 0), buf, fcntl(r, F_GETFD));
}

static void files(void)
{
	struct seccomp_notif_addfd a = {0};
	struct seccomp_notif n;
	int fd = start(dup_call, 0), f = memfd_create("x", 0), added;

	write(f, "hello", 5);
	receive(fd, &n);
	a.id = n.id;
	a.srcfd = f;
	a.newfd_flags = O_APPEND;
	SHOW("flags", ioctl(fd, NOTIF_ADDFD, &a));
	a.newfd_flags = O_CLOEXEC;
	a.newfd = 5;
	SHOW("number without SETFD", ioctl(fd, NOTIF_ADDFD, &a));
	a.newfd = 0;
	a.srcfd = 99;
	SHOW("bad descriptor", ioctl(fd, NOTIF_ADDFD, &a));
	a.srcfd = f;
	a.id++;
	SHOW("bad id", ioctl(fd, NOTIF_ADDFD, &a));
	a.id--;
	a.flags = 4;
	SHOW("unknown flag", ioctl(fd, NOTIF_ADDFD, &a));
	a.flags = SECCOMP_ADDFD_FLAG_SETFD;
	a.newfd = 17;
	VALUE("added as", ioctl(fd, NOTIF_ADDFD, &a));
	a.newfd = 1 << 30;
	SHOW("out of range", ioctl(fd, NOTIF_ADDFD, &a));
	SHOW("fault", ioctl(fd, NOTIF_ADDFD, 8));
	answer(fd, n.id, 0, 17, 0);
	reap(child);
	close(fd);
	fd = start(dup_call, 0);
	receive(fd, &n);
	a = (struct seccomp_notif_addfd){.id = n.id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = f};
	added = ioctl(fd, NOTIF_ADDFD, &a);
	reap(child); /* it speaks first: both run from here on */
	VALUE("added and answered", added > 2);
	close(fd);
}

static void with_signal(void)
{
	long r;

	handle(SIGUSR1, 0);
	r = syscall(SYS_getuid);
	printf("uid: %s, handler ran %d\n", r < 0 ? strerrorname_np(errno) : "answered", n_sig);
}

static void with_restart(void)
{
	handle(SIGUSR1, SA_RESTART);
	VALUE("uid", syscall(SYS_getuid));
	printf("handler ran %d\n", n_sig);
}

static void signals(void)
{
	struct seccomp_notif n;
	int fd = start(with_signal, 0);
	uint64_t id;

	receive(fd, &n);
	id = n.id;
	kill(child, SIGUSR1);
	reap(child);
	SHOW("the id is gone", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	SHOW("nobody there", answer(fd, id, 0, 0, 0));
	close(fd);
	fd = start(with_restart, 0);
	receive(fd, &n);
	id = n.id;
	kill(child, SIGUSR1);
	receive(fd, &n);
	printf("a new question %d\n", n.id != id);
	answer(fd, n.id, 0, 5, 0);
	reap(child);
	close(fd);
	fd = start(with_signal, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	receive(fd, &n);
	kill(child, SIGUSR1);
	nap(5);
	id = n.id;
	SHOW("still valid", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	answer(fd, n.id, 0, 6, 0);
	reap(child);
	close(fd);
	fd = start(uid, 0);
	receive(fd, &n);
	kill(child, SIGKILL);
	printf("killed %d\n", reap(child));
	id = n.id;
	SHOW("gone", ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &id));
	close(fd);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	simple();
	errors();
	files();
	signals();
	return 0;
}
