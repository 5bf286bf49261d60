/* SPDX-License-Identifier: MIT */
/*
 * Starts and ends slirp4netns(1). Its life hangs on a pipe: it polls the read end (--exit-fd) and ends on hang-up, so
 * it dies with the last holder of the write end, also when that is killed with SIGKILL.
 */
#include "slirp.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLIRP_MESSAGE_MAX 4096
#define SLIRP_ARGS_MAX 24

/* Descriptor numbers in the child, known to slirp_build too; all above them is closed. */
enum { CHILD_READY_FD = 3, CHILD_EXIT_FD, CHILD_FDS_END };

struct slirp_command {
	const char *argv[SLIRP_ARGS_MAX];
	char mtu[32];
	char pid[16];
	char api[512];
	char mac[32];
};

static int slirp_build(struct slirp_command *c, const struct slirp_options *opt, char **err)
{
	int n = 0;

	snprintf(c->mtu, sizeof(c->mtu), "--mtu=%u", opt->mtu ? opt->mtu : SLIRP_MTU);
	snprintf(c->pid, sizeof(c->pid), "%d", (int)opt->pid);
	c->argv[n++] = opt->program ? opt->program : "slirp4netns";
	c->argv[n++] = "--configure";
	c->argv[n++] = c->mtu;
	if (!opt->host_loopback)
		c->argv[n++] = "--disable-host-loopback";
	c->argv[n++] = "--enable-sandbox";
	c->argv[n++] = "--enable-seccomp";
	c->argv[n++] = "--ready-fd=3";
	c->argv[n++] = "--exit-fd=4";
	if (opt->ipv6)
		c->argv[n++] = "--enable-ipv6";
	if (opt->api_socket) {
		if ((size_t)snprintf(c->api, sizeof(c->api), "--api-socket=%s", opt->api_socket) >= sizeof(c->api))
			return err_set(
				err, "the path of the network's control socket is too long: %s", opt->api_socket);
		c->argv[n++] = c->api;
	}
	if (opt->mac) {
		snprintf(c->mac, sizeof(c->mac), "--macaddress=%s", opt->mac);
		c->argv[n++] = c->mac;
	}
	c->argv[n++] = "--";
	c->argv[n++] = c->pid;
	c->argv[n++] = "tap0";
	c->argv[n] = NULL;
	return 0;
}

/*
 * What slirp4netns says is kept for an error message. The memfd cannot grow, so that a guest that provokes warnings for
 * ever costs nothing.
 */
static int slirp_message_fd(void)
{
	int fd = memfd_create("slirp4netns-messages", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, SLIRP_MESSAGE_MAX) || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Put descriptors to the numbers 0 … n-1. All are moved up first, so that no dup2 overwrites one that is still needed.
 */
static int slirp_child_fds(int *fds, int n)
{
	for (int i = 0; i < n; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 32)) < 0)
			return -1;
	for (int i = 0; i < n; i++)
		if (dup2(fds[i], i) < 0)
			return -1;
	return close_range((unsigned int)n, ~0U, 0);
}

static _Noreturn void slirp_child(const struct slirp_command *c, int *fds)
{
	union {
		const char *const *in;
		char *const *out;
	} argv = {.in = c->argv};
	sigset_t none;

	if (slirp_child_fds(fds, CHILD_FDS_END))
		_exit(126);
	/* Ctrl-C in the terminal is the guest's; the network ends with the sandbox, not before it. */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv.out[0], argv.out);
	dprintf(2, "exec: %s", strerror(errno));
	/* EACCES: it was not found, but some directory of $PATH could not be searched. */
	_exit(errno == ENOENT || errno == EACCES ? 127 : 126);
}

static void slirp_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int slirp_spawn(const struct slirp_options *opt, struct slirp *out, char **err)
{
	int ready[2] = {-1, -1}, life[2] = {-1, -1}, message = -1, null = -1;
	bool own_life = opt->exit_fd <= 0;
	struct slirp_command cmd;
	int fds[CHILD_FDS_END];
	pid_t pid;

	if (slirp_build(&cmd, opt, err))
		return -1;
	if (pipe2(ready, O_CLOEXEC) || (own_life && pipe2(life, O_CLOEXEC)) || (message = slirp_message_fd()) < 0 ||
		(null = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0) {
		err_set(err, "cannot make the pipes for slirp4netns: %s", strerror(errno));
		goto fail;
	}
	fds[0] = fds[1] = null;
	fds[2] = message;
	fds[CHILD_READY_FD] = ready[1];
	fds[CHILD_EXIT_FD] = own_life ? life[0] : opt->exit_fd;
	pid = fork();
	if (pid < 0) {
		err_set(err, "cannot start slirp4netns: %s", strerror(errno));
		goto fail;
	}
	if (!pid)
		slirp_child(&cmd, fds);
	slirp_close(&ready[1]);
	slirp_close(&life[0]);
	slirp_close(&null);
	*out = (struct slirp){.pid = pid, .exit_fd = life[1], .ready_fd = ready[0], .message_fd = message};
	return 0;
fail:
	slirp_close(&ready[0]);
	slirp_close(&ready[1]);
	slirp_close(&life[0]);
	slirp_close(&life[1]);
	slirp_close(&message);
	slirp_close(&null);
	return -1;
}

static void slirp_close_private(struct slirp *s)
{
	slirp_close(&s->ready_fd);
	slirp_close(&s->message_fd);
}

void slirp_stop(struct slirp *s)
{
	if (s->pid <= 0)
		return;
	slirp_close_private(s);
	slirp_close(&s->exit_fd);
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	*s = (struct slirp){.exit_fd = -1, .ready_fd = -1, .message_fd = -1};
}

/* The process ended before it was ready: say why, in its own words where it had any. */
static int slirp_explain(struct slirp *s, char **err)
{
	char text[SLIRP_MESSAGE_MAX + 1];
	ssize_t n = pread(s->message_fd, text, SLIRP_MESSAGE_MAX, 0);
	int status = 0;

	text[n > 0 ? n : 0] = '\0';
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	s->pid = 0;
	slirp_close_private(s);
	slirp_close(&s->exit_fd);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, "slirp4netns is not installed: no network can be given to the sandbox; "
				    "install the package slirp4netns or use --network none");
	if (strstr(text, "unrecognized option"))
		return err_set(err, "the installed slirp4netns is too old (%s); 0.4.2 or later is needed", text);
	for (char *p = text + strlen(text); p > text && p[-1] == '\n';)
		*--p = '\0';
	return err_set(err, "slirp4netns could not set up the sandbox's network: %s",
		text[0] ? text : "it ended without a message");
}

int slirp_wait_ready(struct slirp *s, const struct slirp_options *opt, char **err)
{
	int timeout = opt->timeout_ms ? opt->timeout_ms : 10000;
	struct timespec start, now;
	struct pollfd pfd = {.fd = s->ready_fd, .events = POLLIN};
	char c;
	int n;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		long spent;

		clock_gettime(CLOCK_MONOTONIC, &now);
		spent = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
		n = poll(&pfd, 1, spent < timeout ? timeout - (int)spent : 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0) {
		slirp_stop(s);
		return err_set(err, "slirp4netns did not set up the sandbox's network within %d ms", timeout);
	}
	if (n < 0 || read(s->ready_fd, &c, 1) != 1)
		return slirp_explain(s, err);
	slirp_close_private(s);
	return 0;
}

int slirp_start(const struct slirp_options *opt, struct slirp *out, char **err)
{
	if (slirp_spawn(opt, out, err))
		return -1;
	return slirp_wait_ready(out, opt, err);
}
