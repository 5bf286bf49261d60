/* SPDX-License-Identifier: MIT */
/*
 * Finding or starting the picket-snapd of an image.
 *
 * The socket is made by the client, which hands the listening end to the server it starts: connecting then needs no
 * waiting for the server to come up. A lock file, held from here until the answer has come, and taken by a server that
 * wants to leave, keeps the two from missing each other.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "proto.h"
#include "store_priv.h"

#ifndef PICKET_LIBEXEC
#define PICKET_LIBEXEC "/usr/local/libexec/picket"
#endif

#define ANSWER_MS 5000

struct attempt {
	struct store *store;
	const struct digest *chain;
	const char *snapd; /* program */
	struct snap_image *img;
	int dir_fd;
	int lock_fd;
	char name[48]; /* of the socket in the directory */
};

static int give_up(struct attempt *a, int err, const char *what)
{
	snprintf(a->img->why, sizeof(a->img->why), "%s: %s", what, strerror(err));
	return -err;
}

/* ---- The program ---- */

/* Beside the running program, beside its directory (the build tree, an unpacked release), or where it is installed. */
static bool find_snapd(char *buf, size_t len)
{
	static const char *const places[] = {"", "/../fuse-snap", "/../libexec/picket"};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash = NULL;

	if (n > 0) {
		self[n] = 0;
		slash = strrchr(self, '/');
	}
	for (size_t i = 0; slash && i < sizeof(places) / sizeof(*places); i++) {
		snprintf(buf, len, "%.*s%s/picket-snapd", (int)(slash - self), self, places[i]);
		if (!access(buf, X_OK))
			return true;
	}
	snprintf(buf, len, "%s/picket-snapd", PICKET_LIBEXEC);
	return !access(buf, X_OK);
}

/* ---- Starting it ---- */

static void lock_name(const struct attempt *a, char *buf, size_t len)
{
	snprintf(buf, len, "%s.lock", a->name);
}

/* Give @fd the number @to; it must have been moved away from the low numbers. */
static bool place_fd(int fd, int to)
{
	return fd > SNAPD_DIR && dup2(fd, to) == to;
}

static void exec_snapd(const struct attempt *a, const char *program, int listen_fd)
{
	char chain[DIGEST_HEX_LEN + 1], lock[64];
	const char *argv[] = {"picket-snapd", "--serve", "--store", a->store->path, "--chain",
		digest_hex(a->chain, chain), "--socket", a->name, NULL};
	char *const envp[] = {NULL};
	int null, fds[3];

	lock_name(a, lock, sizeof(lock));
	null = fcntl(open("/dev/null", O_RDWR), F_DUPFD_CLOEXEC, 16);
	fds[0] = fcntl(listen_fd, F_DUPFD_CLOEXEC, 16);
	fds[1] = fcntl(openat(a->dir_fd, lock, O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 16);
	fds[2] = fcntl(a->dir_fd, F_DUPFD_CLOEXEC, 16);
	for (int i = 0; i < 3; i++)
		if (!place_fd(null, i) || !place_fd(fds[i], SNAPD_LISTEN + i))
			return;
	close_range(SNAPD_DIR + 1, ~0u, 0);
	execve(program, (char *const *)(uintptr_t)argv, envp);
}

static void clean_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Forked twice: the server is nobody's child, in a session of its own. */
static int start_snapd(const struct attempt *a, const char *program, int listen_fd)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid) {
		setsid();
		clean_signals();
		pid = fork();
		if (!pid)
			exec_snapd(a, program, listen_fd);
		_exit(pid <= 0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return 0;
}

/* ---- The socket ---- */

/* Sockets are reached through the directory's descriptor: the path of the directory may be longer than sun_path. */
static void address(const struct attempt *a, struct sockaddr_un *sun)
{
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(sun->sun_path, sizeof(sun->sun_path), "/proc/self/fd/%d/%s", a->dir_fd, a->name);
}

static int connect_once(const struct attempt *a)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	address(a, &sun);
	if (!connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

static int listen_at(const struct attempt *a)
{
	struct sockaddr_un sun;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	address(a, &sun);
	unlinkat(a->dir_fd, a->name, 0); /* a dead server's */
	if (!bind(fd, (struct sockaddr *)&sun, sizeof(sun)) && !listen(fd, 128))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Nobody listens: start a server, and connect to the socket it was given. */
static int connect_fresh(struct attempt *a)
{
	char program[4096];
	int listen_fd, r;

	if (a->snapd)
		snprintf(program, sizeof(program), "%s", a->snapd);
	else if (!find_snapd(program, sizeof(program)))
		return give_up(a, ENOENT, "picket-snapd was not found");
	listen_fd = listen_at(a);
	if (listen_fd < 0)
		return give_up(a, -listen_fd, "cannot make a socket in the runtime directory");
	r = connect_once(a);
	if (r >= 0) {
		int started = start_snapd(a, program, listen_fd);

		if (started) {
			close(r);
			r = started;
		}
	}
	close(listen_fd); /* if the server fails to start, the connection breaks */
	return r < 0 ? give_up(a, -r, "cannot start picket-snapd") : r;
}

static int take_fds(struct msghdr *mh, int *fds, uint32_t max)
{
	uint32_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const unsigned char *p = CMSG_DATA(c);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, p + i * sizeof(fd), sizeof(fd));
			if (n < max)
				fds[n++] = fd;
			else
				close(fd);
		}
	}
	return (int)n;
}

/* One message: stores its descriptors at their place in the table. Returns how many came, negative errno. */
static int recv_packs(struct attempt *a, int conn, uint32_t have)
{
	struct snap_image *img = a->img;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(SNAPD_FDS_MAX * sizeof(int))];
	} control;
	struct snapd_msg msg = {0};
	struct iovec iov = {&msg, sizeof(msg)};
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = conn, .events = POLLIN};
	ssize_t n;
	int got;

	if (poll(&p, 1, ANSWER_MS) <= 0)
		return give_up(a, ETIMEDOUT, "picket-snapd does not answer");
	n = recvmsg(conn, &mh, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return give_up(a, errno, "picket-snapd does not answer");
	got = take_fds(&mh, img->pack_fds + have, img->pack_count - have);
	for (int i = 0; i < got; i++)
		if (n != sizeof(msg) || msg.magic != SNAPD_MAGIC || msg.err) {
			close(img->pack_fds[have + (uint32_t)i]);
			img->pack_fds[have + (uint32_t)i] = -1;
		}
	if (!n)
		return give_up(a, EPIPE, "picket-snapd could not start");
	if (n != sizeof(msg) || msg.magic != SNAPD_MAGIC)
		return give_up(a, EPROTO, "picket-snapd is of another version");
	msg.why[sizeof(msg.why) - 1] = 0;
	if (msg.err) {
		snprintf(img->why, sizeof(img->why), "%s", msg.why);
		return -(int)msg.err;
	}
	if (msg.total != img->pack_count || msg.first != have || (uint32_t)got != msg.count)
		return give_up(a, EPROTO, "picket-snapd answers nonsense");
	return got;
}

static int check_peer(struct attempt *a, int conn)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return give_up(a, errno, "cannot tell whose picket-snapd this is");
	return cred.uid == geteuid() ? 0 : give_up(a, EPERM, "the picket-snapd there is another user's");
}

static int converse(struct attempt *a, int conn)
{
	uint32_t have = 0;
	int r = check_peer(a, conn);

	while (!r && have < a->img->pack_count) {
		int n = recv_packs(a, conn, have);

		if (n <= 0)
			r = n ? n : -EPROTO;
		else
			have += (uint32_t)n;
	}
	return r;
}

/* ---- The whole attempt ---- */

static int name_socket(struct attempt *a)
{
	char text[DIGEST_TEXT_LEN + 1];
	struct digest d;
	struct sha256 h;
	struct stat st;

	/* The same image in another store is another server. */
	if (fstat(a->store->dirfd, &st))
		return -errno;
	sha256_init(&h);
	sha256_update(&h, &st.st_dev, sizeof(st.st_dev));
	sha256_update(&h, &st.st_ino, sizeof(st.st_ino));
	sha256_update(&h, a->chain, sizeof(*a->chain));
	sha256_final(&h, &d);
	snprintf(a->name, sizeof(a->name), "snap-%.24s", digest_hex(&d, text));
	return 0;
}

/* A server that leaves removes the file; a lock on a file without a name is none. */
static int open_lock(struct attempt *a)
{
	char lock[64];
	struct stat st;
	int r;

	lock_name(a, lock, sizeof(lock));
	for (;;) {
		a->lock_fd = openat(a->dir_fd, lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		r = a->lock_fd < 0 ? -errno : store_flock(a->lock_fd, LOCK_EX);
		if (!r && fstat(a->lock_fd, &st))
			r = -errno;
		if (r)
			return give_up(a, -r, "cannot lock in the runtime directory");
		if (st.st_nlink)
			return 0;
		close(a->lock_fd);
	}
}

static void close_packs(struct snap_image *img)
{
	for (uint32_t i = 0; i < img->pack_count; i++) {
		if (img->pack_fds[i] >= 0)
			close(img->pack_fds[i]);
		img->pack_fds[i] = -1;
	}
}

/*
 * Ask whoever listens. A server that was just ending (killed, or idle long enough) may break the connection before its answer: then
 * a new one is started, once. The lock is held.
 */
static int ask(struct attempt *a)
{
	bool fresh = false;
	int conn = connect_once(a), r;

	for (;;) {
		if (conn < 0) {
			fresh = true;
			conn = connect_fresh(a);
		}
		if (conn < 0)
			return conn;
		r = converse(a, conn);
		if (!r) {
			a->img->why[0] = 0;
			return conn;
		}
		close(conn);
		if (fresh || (r != -ECONNRESET && r != -EPIPE))
			return r;
		close_packs(a->img);
		conn = -1;
	}
}

static int try_fuse(struct attempt *a)
{
	struct snap_error e;
	char dir[4096];
	int conn, r;

	if (access("/dev/fuse", R_OK | W_OK))
		return give_up(a, errno, "/dev/fuse cannot be opened");
	r = snap_runtime_dir(dir, sizeof(dir), &e);
	if (r) {
		snprintf(a->img->why, sizeof(a->img->why), "%.250s", e.text);
		return r;
	}
	a->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (a->dir_fd < 0)
		return give_up(a, errno, "cannot use the runtime directory");
	r = name_socket(a);
	if (!r)
		r = open_lock(a);
	if (r)
		return r;
	conn = ask(a);
	if (conn < 0)
		return conn;
	a->img->conn_fd = conn;
	return 0;
}

static int open_files(struct store *s, struct snap_image *img, const struct snap_index *ix, struct snap_error *e)
{
	for (uint32_t i = 0; i < img->pack_count; i++) {
		struct digest d;
		int r;

		memcpy(d.b, ix->packs[i].layer, sizeof(d.b));
		r = store_open_pack(s, &d, &img->pack_fds[i], e);
		if (r)
			return r;
	}
	return 0;
}

static int open_packs(struct store *s, const struct digest *chainid, const char *snapd, unsigned int flags,
	const struct snap_index *ix, struct snap_image *img, struct snap_error *e)
{
	struct attempt a = {.store = s, .chain = chainid, .snapd = snapd, .img = img, .dir_fd = -1, .lock_fd = -1};
	int r;

	if (!img->pack_count)
		return 0;
	if (flags & SNAP_OPEN_NO_FUSE) {
		snprintf(img->why, sizeof(img->why), "FUSE was not wanted");
		r = -ECANCELED;
	} else {
		r = try_fuse(&a);
	}
	if (a.lock_fd >= 0)
		close(a.lock_fd);
	if (a.dir_fd >= 0)
		close(a.dir_fd);
	if (!r) {
		img->via = SNAP_VIA_FUSE;
		return 0;
	}
	close_packs(img);
	return open_files(s, img, ix, e);
}

int snap_open_image(struct store *s, const struct digest *chainid, const char *snapd, unsigned int flags,
	struct snap_image *out, struct snap_error *e)
{
	struct snap_image img = {.index_fd = -1, .conn_fd = -1, .via = SNAP_VIA_FILES};
	struct mapped_index m;
	int r = store_open_image_index(s, chainid, &img.index_fd, e);

	if (r)
		return r;
	r = store_map_fd(img.index_fd, &m);
	if (r) {
		snap_fail_errno(e, -r, "the index of the image is damaged");
		close(img.index_fd);
		return r;
	}
	img.pack_count = m.ix.pack_count;
	img.pack_fds = malloc((img.pack_count + 1) * sizeof(*img.pack_fds));
	if (!img.pack_fds) {
		img.pack_count = 0;
		r = snap_fail_errno(e, ENOMEM, "cannot open the image");
	}
	for (uint32_t i = 0; i < img.pack_count; i++)
		img.pack_fds[i] = -1;
	if (!r)
		r = open_packs(s, chainid, snapd, flags, &m.ix, &img, e);
	store_unmap_index(&m);
	if (r)
		snap_close_image(&img);
	else
		*out = img;
	return r;
}

/* ---- Mounting the tree ---- */

/* Run a program and wait. Its standard error is ours: it says what is wrong. */
static int run(const char *program, const char *const *argv)
{
	pid_t pid;
	int status;
	int r = posix_spawnp(&pid, program, NULL, NULL, (char *const *)(uintptr_t)argv, environ);

	if (r)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

int snap_mount_image(struct store *s, const struct digest *chainid, const char *snapd, const char *name,
	const char *dir, struct snap_error *e)
{
	char program[4096], chain[DIGEST_HEX_LEN + 1];
	const char *argv[] = {"picket-snapd", "--mount", dir, "--store", s->path, "--chain", digest_hex(chainid, chain),
		"--name", name, NULL};
	int r;

	if (snapd)
		snprintf(program, sizeof(program), "%s", snapd);
	else if (!find_snapd(program, sizeof(program)))
		return snap_fail(e, ENOENT, "cannot mount on %s: picket-snapd was not found", dir);
	if (access("/dev/fuse", R_OK | W_OK))
		return snap_fail_errno(e, errno, "cannot mount on %s: /dev/fuse cannot be opened", dir);
	r = run(program, argv);
	return r ? snap_fail(e, -r, "cannot mount on %s", dir) : 0;
}

int snap_umount(const char *dir, struct snap_error *e)
{
	const char *argv[] = {"fusermount3", "-u", "--", dir, NULL};
	int r = run("fusermount3", argv);

	if (r == -ENOENT)
		return snap_fail(e, ENOENT, "cannot unmount %s: fusermount3 is not installed (package fuse3)", dir);
	return r ? snap_fail(e, -r, "cannot unmount %s", dir) : 0;
}

void snap_close_image(struct snap_image *img)
{
	close_packs(img);
	free(img->pack_fds);
	if (img->index_fd >= 0)
		close(img->index_fd);
	if (img->conn_fd >= 0)
		close(img->conn_fd);
	*img = (struct snap_image){.index_fd = -1, .conn_fd = -1};
}

/* The server of this lock is gone and nobody is about to start one, which is done with the lock held: its names go. */
static void clean_one(int dir_fd, const char *lock)
{
	struct attempt a = {.dir_fd = dir_fd};
	struct stat mine, now;
	int fd = openat(dir_fd, lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW), r;

	snprintf(a.name, sizeof(a.name), "%.*s", (int)(strlen(lock) - strlen(".lock")), lock);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &mine) == 0 && fstatat(dir_fd, lock, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    mine.st_ino == now.st_ino) {
		r = connect_once(&a);
		if (r == -ECONNREFUSED || r == -ENOENT) {
			unlinkat(dir_fd, a.name, 0);
			unlinkat(dir_fd, lock, 0);
		} else if (r >= 0) {
			close(r);
		}
	}
	close(fd);
}

void snap_clean_runtime(void)
{
	char dir[PATH_MAX];
	struct snap_error e;
	struct dirent *d;
	DIR *list;

	if (snap_runtime_dir(dir, sizeof(dir), &e))
		return;
	list = opendir(dir);
	while (list && (d = readdir(list))) {
		size_t len = strlen(d->d_name);

		if (strncmp(d->d_name, "snap-", 5) == 0 && len < sizeof(((struct attempt *)0)->name) && len > 5 && strcmp(d->d_name + len - 5, ".lock") == 0)
			clean_one(dirfd(list), d->d_name);
	}
	if (list)
		closedir(list);
}
