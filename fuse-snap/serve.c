/* SPDX-License-Identifier: MIT */
/*
 * Serving descriptors. The FUSE mount is made in a user and mount namespace of this process's own and is never attached
 * to any directory: when the process dies, however that happens, the mount is gone with it.
 *
 * Two threads: this one talks to clients, the other to the kernel.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto.h"

#define MAX_CLIENTS 1000u
#define FIRST_MS 10000 /* a server nobody comes to leaves after this */
#define LINGER_MS 1000 /* after the last client: the next run of the image finds a server, and its pages in memory */
#define RETRY_MS 20    /* a client is just arriving: look again */

struct server {
	struct snapshot *snap;
	struct snapfuse fs;
	struct fuse_session *session;
	int mount_fd;
	int *fds;      /* the packs, opened through FUSE */
	char why[236]; /* of a failed start */
	int err;
	struct pollfd polls[MAX_CLIENTS + 1]; /* the listening socket, then clients */
	nfds_t clients;
};

static int fail(struct server *s, const char *what)
{
	s->err = errno ? errno : EIO;
	snprintf(s->why, sizeof(s->why), "%s: %s", what,
		s->err == EDQUOT ? "their number is limited (user.max_user_namespaces)" : strerror(s->err));
	return -1;
}

/* ---- Namespaces and mount ---- */

static int write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	close(fd);
	return n < 0 ? -1 : 0;
}

static int enter_namespaces(struct server *s)
{
	unsigned int uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
		if (errno == ENOSPC) /* not the disk's */
			errno = EDQUOT;
		return fail(s, "no user namespace can be made here");
	}
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	if (write_proc("/proc/self/uid_map", map))
		return fail(s, "no user namespace can be used here");
	write_proc("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	if (write_proc("/proc/self/gid_map", map))
		return fail(s, "no user namespace can be used here");
	return 0;
}

static int set_string(int fs, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static int configure(int fs, int fuse_fd)
{
	char fd[16], uid[16], gid[16];

	snprintf(fd, sizeof(fd), "%d", fuse_fd);
	snprintf(uid, sizeof(uid), "%u", geteuid());
	snprintf(gid, sizeof(gid), "%u", getegid());
	if (set_string(fs, "source", "picket") || set_string(fs, "fd", fd) || set_string(fs, "rootmode", "40000") ||
		set_string(fs, "user_id", uid) || set_string(fs, "group_id", gid))
		return -1;
	return (int)syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int mount_fuse(struct server *s, int fuse_fd)
{
	unsigned int attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME;
	int fs = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);

	if (fs < 0)
		return fail(s, "this kernel cannot mount FUSE in a user namespace");
	if (configure(fs, fuse_fd)) {
		close(fs);
		return fail(s, "FUSE cannot be mounted");
	}
	s->mount_fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attr);
	close(fs);
	return s->mount_fd < 0 ? fail(s, "FUSE cannot be mounted") : 0;
}

static int start_session(struct server *s)
{
	char program[] = "picket-snapd", path[32];
	char *argv[] = {program, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fuse_fd < 0)
		return fail(s, "/dev/fuse cannot be opened");
	s->session = fuse_session_new(&args, &snapfuse_pack_ops, sizeof(snapfuse_pack_ops), &s->fs);
	if (!s->session)
		return fail(s, "no FUSE session can be made");
	if (mount_fuse(s, fuse_fd))
		return -1;
	snprintf(path, sizeof(path), "/dev/fd/%d", fuse_fd); /* how libfuse is given an open descriptor */
	return fuse_session_mount(s->session, path) ? fail(s, "no FUSE session can be started") : 0;
}

static void *session_thread(void *arg)
{
	struct server *s = arg;

	fuse_session_loop(s->session);
	_exit(1); /* the connection was cut: without it there is nothing to serve */
}

static int start_thread(struct server *s)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256u << 10);
	r = pthread_create(&thread, &attr, session_thread, s);
	pthread_attr_destroy(&attr);
	errno = r;
	return r ? fail(s, "no thread can be started") : 0;
}

/*
 * Closing a file asks the server to flush, and the asking cannot be interrupted. A server killed with files of its own
 * mount open would wait for itself in exit, before its /dev/fuse is let go. So have one flush answered now: the answer,
 * ENOSYS, means that none is ever asked for again.
 */
static int stop_flushes(struct server *s)
{
	int fd = s->snap->ix.pack_count ? dup(s->fds[0]) : -1;

	return fd >= 0 ? close(fd) : 0;
}

static int open_packs(struct server *s)
{
	uint32_t n = s->snap->ix.pack_count;

	s->fds = calloc(n ? n : 1, sizeof(*s->fds));
	if (!s->fds)
		return fail(s, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", i);
		s->fds[i] = openat(s->mount_fd, name, O_RDONLY | O_CLOEXEC);
		if (s->fds[i] < 0)
			return fail(s, "the packs cannot be opened through FUSE");
	}
	return stop_flushes(s);
}

/* The namespace's capabilities were for the mount. Before the thread starts: they are each thread's own. */
static int drop_capabilities(struct server *s)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_capset, &head, none))
		return fail(s, "capabilities cannot be dropped");
	return 0;
}

static int start(struct server *s)
{
	if (snapfuse_make_views(&s->fs)) {
		errno = ENOMEM;
		return fail(s, "the packs cannot be served");
	}
	if (enter_namespaces(s) || start_session(s) || drop_capabilities(s) || start_thread(s))
		return -1;
	return open_packs(s);
}

/* ---- Clients ---- */

static int send_message(int fd, struct snapd_msg *msg, const int *fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(SNAPD_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {msg, sizeof(*msg)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (msg->count) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(msg->count * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(msg->count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, msg->count * sizeof(int));
	}
	do
		n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/* The whole answer fits the socket's buffer: a client that does not read is dropped, not waited for. */
static int answer(struct server *s, int fd)
{
	uint32_t total = s->snap->ix.pack_count;
	struct snapd_msg msg = {.magic = SNAPD_MAGIC, .err = (uint32_t)s->err, .total = total};

	snprintf(msg.why, sizeof(msg.why), "%s", s->why);
	if (s->err)
		return send_message(fd, &msg, NULL);
	for (uint32_t at = 0; at < total; at += msg.count) {
		msg.first = at;
		msg.count = total - at < SNAPD_FDS_MAX ? total - at : SNAPD_FDS_MAX;
		if (send_message(fd, &msg, s->fds + at))
			return -1;
	}
	return 0;
}

static bool is_mine(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.uid == geteuid();
}

/*
 * With no client the index is not locked, so the image may be collected, and even pulled again with another layout of
 * its packs. Then this server is of no use any more.
 */
static void hold_image(struct server *s)
{
	struct stat st;

	if (s->err || s->clients)
		return;
	errno = ESTALE;
	if (flock(s->snap->index_fd, LOCK_SH) || fstat(s->snap->index_fd, &st) || !st.st_nlink)
		fail(s, "the image was just removed");
}

static void welcome(struct server *s)
{
	int fd = accept4(SNAPD_LISTEN, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	hold_image(s);
	if (s->clients == MAX_CLIENTS || !is_mine(fd) || answer(s, fd)) {
		close(fd);
		return;
	}
	s->polls[++s->clients] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Clients say nothing; what can be read is the end. */
static void farewell(struct server *s)
{
	for (nfds_t i = s->clients; i >= 1; i--) {
		if (!s->polls[i].revents)
			continue;
		close(s->polls[i].fd);
		s->polls[i] = s->polls[s->clients--];
	}
	if (!s->clients)
		flock(s->snap->index_fd, LOCK_UN);
}

/*
 * Nobody is connected. A client holds the lock from before it connects until it has its answer, so with the lock in
 * hand and nobody waiting, none is on the way, and the names can go.
 */
static bool may_leave(struct server *s)
{
	if (flock(SNAPD_LOCK, LOCK_EX | LOCK_NB))
		return false;
	if (poll(s->polls, 1, 0) > 0) {
		flock(SNAPD_LOCK, LOCK_UN);
		return false;
	}
	return true;
}

/* The socket first: whoever finds no lock file makes a new socket. */
static void remove_names(const char *name)
{
	char lock[64];

	if (!name)
		return;
	snprintf(lock, sizeof(lock), "%s.lock", name);
	unlinkat(SNAPD_DIR, name, 0);
	unlinkat(SNAPD_DIR, lock, 0);
}

int serve(struct snapshot *snap, const char *name)
{
	struct server *s = calloc(1, sizeof(*s));
	int timeout = FIRST_MS;

	if (!s)
		return 1;
	s->snap = snap;
	s->mount_fd = -1;
	s->fs = (struct snapfuse){.ix = &snap->ix, .pack_fds = snap->pack_fds};
	s->polls[0] = (struct pollfd){.fd = SNAPD_LISTEN, .events = POLLIN};
	if (chdir("/")) /* not to keep the client's directory busy */
		return 1;
	start(s); /* if it fails, whoever asks is told why */
	for (;;) {
		int n = poll(s->polls, s->clients + 1, s->clients ? -1 : timeout);

		if (n < 0 && errno != EINTR)
			return 1;
		if (n > 0) {
			short revents = s->polls[0].revents;

			farewell(s);
			if (revents)
				welcome(s);
			timeout = LINGER_MS;
		}
		if (s->clients && s->err) { /* told: the next one tries afresh */
			remove_names(name);
			return 1;
		}
		if (n || s->clients)
			continue;
		if (may_leave(s)) {
			remove_names(name);
			return 0;
		}
		timeout = RETRY_MS;
	}
}
