/* SPDX-License-Identifier: MIT */
/* The parent's side of the launcher. */
#include "rootless/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/err.h"
#include "rootless/ids.h"
#include "rootless/procpid.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * What the process is born into: a user namespace that has no rights is refused here, where the caller can fall back. The others it makes
 * itself (sandbox_child), beside the caller: a network namespace takes longer than all the rest.
 */
static unsigned long namespace_flags(const struct sandbox_options *opt)
{
	if (opt->no_namespaces)
		return 0;
	return CLONE_NEWPID | CLONE_NEWCGROUP | (opt->ids == SANDBOX_IDS_IN_PLACE ? 0 : CLONE_NEWUSER);
}

bool sandbox_mode_error(int err)
{
	return err == EPERM || err == EACCES || err == ENOSPC || err == EUSERS || err == EINVAL || err == ENOSYS;
}

/* In a process of its own: enter the other sandbox's namespaces, and clone from there a child of our parent's. */
static long clone_inside(const struct sandbox_options *opt, int *sv, int parent)
{
	struct sandbox_options inside = *opt;
	long pid;

	if (setns(opt->join_user, CLONE_NEWUSER) < 0 || setns(opt->join_net, CLONE_NEWNET) < 0)
		return -errno;
	inside.uid = geteuid();
	inside.gid = getegid();
	pid = syscall(SYS_clone, namespace_flags(opt) | CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0) {
		close(sv[0]);
		sandbox_child(&inside, sv[1], parent);
	}
	return pid < 0 ? -errno : pid;
}

/* The sandbox's process in a network namespace that is not its caller's. Its pid; -1 with errno. */
static long spawn_joined(const struct sandbox_options *opt, int *sv, int parent, int *pidfd)
{
	int news[2];
	long pid = -EIO;
	pid_t helper;

	if (pipe2(news, O_CLOEXEC) < 0)
		return -1;
	helper = fork();
	if (helper == 0) {
		pid = clone_inside(opt, sv, parent);
		_exit(write(news[1], &pid, sizeof(pid)) == sizeof(pid) ? 0 : 1);
	}
	close(news[1]);
	if (helper < 0)
		pid = -errno;
	else if (read(news[0], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
		pid = -EIO;
	close(news[0]);
	while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	if (pid < 0) {
		errno = (int)-pid;
		return -1;
	}
	*pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	return pid;
}

/* The child waits for its ids, which only its parent's user namespace can give it. */
static int map_ids(const struct sandbox_options *opt, long pid, int sock, char **err)
{
	const char done[] = {SANDBOX_MSG_MAPPED};
	int r;

	if (opt->ids != SANDBOX_IDS_ALL)
		return 0;
	r = opt->uids ? ids_map_given((pid_t)pid, opt->uids, opt->n_uids, opt->gids, opt->n_gids) : ids_map_all((pid_t)pid);
	if (r < 0)
		return err_set(err, "cannot map the ids of the sandbox's user namespace: %s", strerror(-r));
	return send(sock, done, sizeof(done), MSG_NOSIGNAL) < 0 ? err_set(err, "the sandbox's first process died") : 0;
}

/* What the sentry will be; and whether the caller may be asked for a sentry in its own user namespace. */
static int prepare_ids(struct sandbox_options *opt, struct sandbox *out, char **err)
{
	int r;

	out->uid = opt->uid;
	out->gid = opt->gid;
	if (opt->ids == SANDBOX_IDS_ONE)
		return 0;
	if (opt->no_namespaces || opt->join || (opt->ids == SANDBOX_IDS_IN_PLACE && ids_first_namespace()))
		return err_set(err, "files with real owners need a user namespace of the sandbox's own");
	if (opt->uids) {
		ids_choose_given(opt->uids, opt->n_uids, &opt->uid, &out->uid);
		ids_choose_given(opt->gids, opt->n_gids, &opt->gid, &out->gid);
		return 0;
	}
	r = ids_choose(proc_pid_self(), &opt->uid, &opt->gid);
	out->uid = opt->uid;
	out->gid = opt->gid;
	return r < 0 ? err_set(err, "cannot choose the sentry's user: %s", strerror(-r)) : 0;
}

/* clone(2) and not clone3(2): container seccomp profiles answer the latter with ENOSYS. */
static long spawn_child(const struct sandbox_options *opt, int *sv, int parent, int *pidfd)
{
	long pid = syscall(SYS_clone, namespace_flags(opt) | CLONE_PIDFD | SIGCHLD, NULL, pidfd, NULL, NULL);

	if (pid == 0) {
		close(sv[0]);
		sandbox_child(opt, sv[1], parent);
	}
	return pid;
}

int sandbox_spawn(const struct sandbox_options *options, struct sandbox *out, char **err)
{
	struct sandbox_options own = *options, *opt = &own;
	int sv[2], parent, pidfd = -1;
	long pid;

	*out = (struct sandbox){.pidfd = -1, .setup_sock = -1};
	if (prepare_ids(opt, out, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_set(err, "cannot make a socket for the sandbox: %s", strerror(errno));
	parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (opt->join) {
		pid = spawn_joined(opt, sv, parent, &pidfd);
	} else {
		pid = spawn_child(opt, sv, parent, &pidfd);
		if (pid < 0 && opt->ids == SANDBOX_IDS_ALL && !opt->uids && sandbox_mode_error(errno) && !ids_first_namespace()) {
			opt->ids = SANDBOX_IDS_IN_PLACE;
			pid = spawn_child(opt, sv, parent, &pidfd);
		}
	}
	if (pid < 0)
		err_set(err, "cannot make the sandbox's namespaces: %s", strerror(errno));
	if (pid < 0 && !opt->no_namespaces)
		out->mode_missing = sandbox_mode_error(errno);
	close(sv[1]);
	if (parent >= 0)
		close(parent);
	if (pid < 0) {
		close(sv[0]);
		return -1;
	}
	out->pid = (pid_t)pid;
	out->pidfd = pidfd;
	out->setup_sock = sv[0];
	if (map_ids(opt, proc_pid_of(pidfd, (pid_t)pid), sv[0], err) < 0) {
		sandbox_kill(out);
		return -1;
	}
	return 0;
}

/* One set-up message into buf (NUL-terminated). Returns its length, 0 at end of file. */
static ssize_t receive(int sock, char *buf)
{
	ssize_t n;

	do {
		n = recv(sock, buf, SANDBOX_MSG_MAX - 1, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		n = 0; /* a reset: the child died with something unread */
	buf[n] = '\0';
	return n;
}

/* The child failed or died: say why, and clear it away. */
static int failed(struct sandbox *s, const char *msg, ssize_t len, char **err)
{
	if (len > 2 && msg[0] == SANDBOX_MSG_ERROR) {
		s->mode_missing = msg[1] == 'm';
		err_set(err, "%s", msg + 2);
	} else {
		err_set(err, "the sandbox's first process died while it was being set up");
	}
	sandbox_kill(s);
	return -1;
}

int sandbox_ready(struct sandbox *s, char **err)
{
	char msg[SANDBOX_MSG_MAX];
	ssize_t n = receive(s->setup_sock, msg);

	if (n < 3 || msg[0] != SANDBOX_MSG_READY)
		return failed(s, msg, n, err);
	s->proc = msg[1] == '1';
	s->sysnet = msg[2] == '1';
	return 0;
}

/* Send up to SANDBOX_BATCH descriptors. */
static int send_batch(int sock, size_t total, const int *fds, const unsigned char *kinds, size_t count)
{
	struct sandbox_fds_msg data = {.type = SANDBOX_MSG_FDS, .total = total};
	union {
		char buf[CMSG_SPACE(sizeof(int) * SANDBOX_BATCH)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = &data, .iov_len = sizeof(data)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(sizeof(int) * count),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	memcpy(data.kinds, kinds, count);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

int sandbox_exec(struct sandbox *s, int config, const int *fds, const unsigned char *kinds, size_t count, char **err)
{
	const unsigned char plain = SANDBOX_FD_PLAIN;
	char msg[SANDBOX_MSG_MAX];
	ssize_t n;

	if (count > SANDBOX_FDS_MAX) {
		sandbox_kill(s);
		return err_set(err, "too many descriptors for one sandbox: %zu", count);
	}
	/* A failed send means that the child is gone; the message it left, or end of file, says so below. */
	if (send_batch(s->setup_sock, count, &config, &plain, 1) == 0) {
		for (size_t done = 0; done < count;) {
			size_t part = count - done < SANDBOX_BATCH ? count - done : SANDBOX_BATCH;

			if (send_batch(s->setup_sock, count, fds + done, kinds + done, part) < 0)
				break;
			done += part;
		}
	}
	n = receive(s->setup_sock, msg);
	if (n > 0)
		return failed(s, msg, n, err);
	close_fd(&s->setup_sock); /* closed by execve, or by a death that the caller sees at once */
	return 0;
}

void sandbox_kill(struct sandbox *s)
{
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	s->pid = 0;
	close_fd(&s->pidfd);
	close_fd(&s->setup_sock);
}
