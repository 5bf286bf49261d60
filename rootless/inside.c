/* SPDX-License-Identifier: MIT */
/*
 * The child's side of the launcher: what happens between clone and the execution of the sentry. The order matters:
 * first what binds the process's life to its parent's, then the namespaces' contents, at last the capabilities.
 */
#include "rootless/sandbox.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rootless/harden.h"
#include "rootless/ids.h"
#include "rootless/root.h"

struct child {
	const struct sandbox_options *opt;
	int sock;
	int sentry;
	int proc; /* -1: none */
	int sysnet; /* -1: none, or in proc */
	int root; /* the empty root to be entered; -1: none */
};

/* Tell the parent and end. `err` is a positive errno. */
static void __attribute__((noreturn, format(printf, 4, 5)))
give_up(struct child *c, bool mode_missing, int err, const char *fmt, ...)
{
	char msg[SANDBOX_MSG_MAX] = {SANDBOX_MSG_ERROR, mode_missing ? 'm' : 'f'};
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(msg + 2, sizeof(msg) - 2, fmt, ap);
	va_end(ap);
	len = strlen(msg);
	snprintf(msg + len, sizeof(msg) - len, ": %s", strerror(err));
	send(c->sock, msg, strlen(msg), MSG_NOSIGNAL);
	_exit(125);
}

/*
 * A step of the set-up in the new namespaces failed with -r. Ubuntu's AppArmor rule lets user namespaces be made but
 * gives them no capability, and container profiles refuse mount(2): both show as a refused step.
 */
static void check(struct child *c, int r, const char *what)
{
	if (r < 0)
		give_up(c, r == -EPERM || r == -EACCES || r == -ENOSYS, -r, "cannot %s", what);
}

/*
 * Die with the parent. getppid() is 0 across pid namespaces, so a parent that died before the prctl is found by its
 * pidfd, which polls readable then.
 */
static void bind_life(struct child *c, int parent_pidfd)
{
	struct pollfd pfd = {.fd = parent_pidfd, .events = POLLIN};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(c, false, errno, "cannot tie the sandbox to its parent");
	if (parent_pidfd >= 0 && poll(&pfd, 1, 0) != 0)
		_exit(125);
	/* A session of its own: no controlling terminal, so neither its signals nor TIOCSTI reach across. */
	setsid();
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/*
 * The caller is user 0 of the namespace: slirp4netns will join it only as that, and a volume's files are root's inside,
 * as with other rootless tools. Being 0 gives nothing: SECBIT_NOROOT is locked and the bounding set empty before
 * execve.
 */
static void map_ids(struct child *c)
{
	uid_t uid = c->opt->uid;
	gid_t gid = c->opt->gid;
	char line[64];
	int r = write_file("/proc/self/setgroups", "deny");

	if (r < 0 && r != -ENOENT)
		check(c, r, "forbid setgroups in the sandbox's user namespace");
	snprintf(line, sizeof(line), "0 %u 1\n", uid);
	check(c, write_file("/proc/self/uid_map", line), "map the user into the sandbox's user namespace");
	snprintf(line, sizeof(line), "0 %u 1\n", gid);
	check(c, write_file("/proc/self/gid_map", line), "map the group into the sandbox's user namespace");
}

/* A program with an interpreter needs the system's libraries under its root. */
static bool is_dynamic(int fd)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;

	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return false;
	for (unsigned int i = 0; i < eh.e_phnum; i++) {
		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + i * sizeof(ph))) != sizeof(ph))
			return false;
		if (ph.p_type == PT_INTERP)
			return true;
	}
	return false;
}

/*
 * The guest's root binds any port and pings, as root does everywhere: in a network namespace of our own, ports below
 * 1024 and ICMP echo sockets are opened to its users.
 */
static void configure_network(struct child *c)
{
	char msg[SANDBOX_MSG_MAX] = {SANDBOX_MSG_ERROR, 'f'}, *err = NULL;

	check(c, root_loopback_up(), "bring up the loopback interface");
	if (netns_configure(c->opt->sysctls, c->opt->n_sysctls, &err) == 0)
		return;
	snprintf(msg + 2, sizeof(msg) - 2, "%s", err ? err : "out of memory");
	send(c->sock, msg, strlen(msg), MSG_NOSIGNAL);
	_exit(125);
}

/* The parent maps the ids, and this process is user 0 of them until its namespaces stand. */
static void await_ids(struct child *c)
{
	char msg[SANDBOX_MSG_MAX];
	ssize_t n;

	do {
		n = recv(c->sock, msg, sizeof(msg), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 1 || msg[0] != SANDBOX_MSG_MAPPED)
		_exit(125);
}

/*
 * With capabilities over files the sentry could read and write what only root may of the host's /proc, which is beside the processes: it gets
 * nothing but those.
 */
static void mount_proc(struct child *c)
{
	if (c->opt->ids == SANDBOX_IDS_ONE) {
		c->proc = root_private_proc(false);
		return;
	}
	c->proc = root_private_proc(true);
	c->sysnet = root_network_parameters();
}

/* Those that it was not born into. In one call: each copies what all have in common. */
static void make_namespaces(struct child *c)
{
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;

	if (!c->opt->host_network && !c->opt->join)
		flags |= CLONE_NEWNET;
	if (unshare(flags) < 0)
		give_up(c, sandbox_mode_error(errno), errno, "cannot make the sandbox's namespaces");
}

static void enter_namespaces(struct child *c)
{
	make_namespaces(c);
	if (c->opt->ids == SANDBOX_IDS_ONE)
		map_ids(c);
	else if (c->opt->ids == SANDBOX_IDS_ALL)
		await_ids(c);
	check(c, sethostname("picket", 6) < 0 ? -errno : 0, "name the sandbox's uts namespace");
	/* A host that masks its own /proc (a container) allows no second one; the sentry can do without. */
	mount_proc(c);
	if (!c->opt->host_network && !c->opt->join)
		configure_network(c);
	c->root = root_prepare(is_dynamic(c->sentry));
	check(c, c->root, "make the sandbox's empty root");
}

/*
 * Without a pid namespace the stubs stand in the host's /proc. Landlock keeps the sentry to reading there, and from what is guarded in
 * other processes' directories (maps, mem, environ, fd): they are not of its domain. Where there is no landlock it does without.
 */
static void take_host_proc(struct child *c)
{
	if (landlock_abi() >= 1)
		c->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* The descriptors 0 and 1 are of no use to the sentry; 2 stays, unless it may not, for what it has to say before it is up. */
static void plain_stdio(struct child *c, bool no_stderr)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		give_up(c, false, errno, "cannot open /dev/null");
	if (no_stderr || fcntl(2, F_GETFD) < 0)
		dup2(null, 2);
	if (null > 2)
		close(null);
}

/* One message of the parent: up to SANDBOX_BATCH descriptors into fds, and what they are for. Returns how many. */
static size_t receive_batch(struct child *c, int *fds, struct sandbox_fds_msg *data)
{
	union {
		char buf[CMSG_SPACE(sizeof(int) * SANDBOX_BATCH)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(*data)};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg;
	ssize_t n;
	size_t count;

	do {
		n = recvmsg(c->sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(125); /* the parent is gone, or wants nothing any more */
	cmsg = n == (ssize_t)sizeof(*data) && !(msg.msg_flags & MSG_CTRUNC) ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		give_up(c, false, n < 0 ? errno : EMFILE, "cannot receive the sandbox's descriptors");
	count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(cmsg), count * sizeof(int));
	return count;
}

/* Move a descriptor up to `floor` or higher, close-on-exec. */
static int move_up(struct child *c, int fd, int floor)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, floor);

	if (high < 0)
		give_up(c, false, errno, "cannot place the sandbox's descriptors");
	close(fd);
	return high;
}

/* Put `fd` at `number`, open across execve. */
static void place(struct child *c, int fd, int number)
{
	if (dup2(fd, number) < 0)
		give_up(c, false, errno, "cannot place the sandbox's descriptors");
	close(fd);
}

/*
 * A directory of the host becomes a mount of its own, so that nothing leads out of it and a read-only one stays so even
 * if the sentry is taken over. Where that cannot be done (no namespaces, a file system that cannot be copied) landlock
 * holds.
 */
static int confine(struct child *c, int fd, unsigned char kind)
{
	int own;

	if (kind == SANDBOX_FD_PLAIN || c->root < 0)
		return fd;
	own = root_confine(fd, kind == SANDBOX_FD_DIR_RW);
	if (own < 0 && landlock_abi() < 1)
		give_up(c, false, -own, "cannot confine a directory of the host, and there is no landlock");
	if (own < 0)
		return fd;
	close(fd);
	return own;
}

/*
 * Receive the descriptors and give each its number. All are first moved above the numbers that will be in use, so
 * that none is overwritten. What is not named here is closed.
 */
static void take_descriptors(struct child *c)
{
	struct sandbox_fds_msg msg;
	int batch[SANDBOX_BATCH], config, *fds;
	size_t total, have = 0;
	int floor;

	if (receive_batch(c, &config, &msg) != 1 || msg.total > SANDBOX_FDS_MAX)
		give_up(c, false, EINVAL, "cannot receive the sandbox's descriptors");
	total = msg.total;
	floor = SANDBOX_FIRST_FD + (int)total;
	fds = calloc(total + 1, sizeof(*fds));
	if (!fds)
		give_up(c, false, ENOMEM, "cannot receive the sandbox's descriptors");
	config = move_up(c, config, floor);
	c->sock = move_up(c, c->sock, floor);
	c->sentry = move_up(c, c->sentry, floor);
	if (c->proc >= 0)
		c->proc = move_up(c, c->proc, floor);
	if (c->sysnet >= 0)
		c->sysnet = move_up(c, c->sysnet, floor);
	if (c->root >= 0)
		c->root = move_up(c, c->root, floor);
	while (have < total) {
		size_t n = receive_batch(c, batch, &msg);

		for (size_t i = 0; i < n && have < total; i++)
			fds[have++] = move_up(c, confine(c, batch[i], msg.kinds[i]), floor);
	}
	if (c->root >= 0)
		check(c, root_enter(c->root), "enter the sandbox's empty root");
	place(c, config, SANDBOX_CONFIG_FD);
	if (c->proc >= 0)
		place(c, c->proc, SANDBOX_PROC_FD);
	if (c->sysnet >= 0)
		place(c, c->sysnet, SANDBOX_SYSNET_FD);
	for (size_t i = 0; i < total; i++)
		place(c, fds[i], SANDBOX_FIRST_FD + (int)i);
	free(fds);
	harden_close_except(floor, c->sock < c->sentry ? (int[]){c->sock, c->sentry} : (int[]){c->sentry, c->sock}, 2);
}

static void say_ready(struct child *c)
{
	char msg[3] = {SANDBOX_MSG_READY, c->proc >= 0 ? '1' : '0', c->sysnet >= 0 ? '1' : '0'};

	if (send(c->sock, msg, sizeof(msg), MSG_NOSIGNAL) < 0)
		_exit(125);
}

/* When memory runs out on the host, a sandbox goes first, not the user's own programs. */
static void prefer_as_victim(const struct sandbox_options *opt)
{
	write_file("/proc/self/oom_score_adj", opt->oom_score_adj ? opt->oom_score_adj : "500");
}

/*
 * The sentry of files with real owners: no user of the guest's and not root, with the capabilities to give files the owners, modes and
 * capabilities that they have inside, and to reach them whatever these are. They count for files whose ids its user namespace has; which
 * files those can be at all is what it was given.
 */
static void become_owner(struct child *c)
{
	const uint64_t keep = (uint64_t)1 << CAP_CHOWN | (uint64_t)1 << CAP_DAC_OVERRIDE | (uint64_t)1 << CAP_FOWNER |
			      (uint64_t)1 << CAP_FSETID | (uint64_t)1 << CAP_SETFCAP;
	struct pollfd pfd = {.fd = c->sock};

	check(c, ids_become(c->opt->uid, c->opt->gid), "take the sentry's own user");
	check(c, harden_keep_capabilities(keep), "drop the sandbox's capabilities");
	/* Another user has no death signal any more. The parent's end of the socket tells whether it has died meanwhile. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		give_up(c, false, errno, "cannot tie the sandbox to its parent");
	if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP))
		_exit(125);
}

static void execute(struct child *c)
{
	static char name[] = "picket-sentry", option[] = "--config-fd", number[] = "3";
	char *argv[] = {name, option, number, NULL};
	/* An area for rseq would be written anew whenever one of its threads is switched to: at each call of a guest. */
	static char tunables[] = "GLIBC_TUNABLES=glibc.pthread.rseq=0";
	char *envp[] = {tunables, NULL, NULL};

	if (c->opt->ids == SANDBOX_IDS_ONE)
		check(c, harden_drop_capabilities(), "drop the sandbox's capabilities");
	else
		become_owner(c);
	check(c, harden_no_new_privs(), "set no_new_privs");
#ifdef PICKET_LOCKDEP
	static char lock_counts[] = "PICKET_LOCK_COUNTS=1";

	if (getenv("PICKET_LOCK_COUNTS"))
		envp[1] = lock_counts;
#endif
	syscall(SYS_execveat, c->sentry, "", argv, envp, AT_EMPTY_PATH);
	give_up(c, false, errno, "cannot execute %s", c->opt->sentry);
}

void sandbox_child(const struct sandbox_options *opt, int sock, int parent_pidfd)
{
	struct child c = {.opt = opt, .sock = sock, .sentry = -1, .proc = -1, .sysnet = -1, .root = -1};

	bind_life(&c, parent_pidfd);
	reset_signals();
	prefer_as_victim(c.opt);
	check(&c, harden_limits(), "set the sandbox's limits");
	c.sentry = open(opt->sentry, O_RDONLY | O_CLOEXEC);
	if (c.sentry < 0)
		give_up(&c, false, errno, "cannot open %s", opt->sentry);
	plain_stdio(&c, opt->no_stderr);
	harden_close_except(3, sock < c.sentry ? (int[]){sock, c.sentry} : (int[]){c.sentry, sock}, 2);
	if (!opt->no_namespaces)
		enter_namespaces(&c);
	else
		take_host_proc(&c);
	say_ready(&c);
	take_descriptors(&c);
	execute(&c);
	_exit(125);
}
