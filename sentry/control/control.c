/* SPDX-License-Identifier: MIT */
/* The control socket: one text message a datagram. */
#include "control/control.h"
#include "control/ask.h"
#include "control/config.h"
#include "fs/tty.h"
#include "host/loop.h"
#include "kernel/kernel.h"
#include "kernel/signal.h"
#include "kernel/task.h"
#include "net/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/futex.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Who waits in hold() looks again. */
static void wake_held(struct kernel *k, uint32_t how)
{
	if (how)
		atomic_fetch_or(&k->go, how);
	else
		atomic_fetch_add(&k->go, HOLD_STEP);
	syscall(SYS_futex, &k->go, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* From outside: SIGKILL and SIGSTOP reach the first process too. */
static int send_outside(struct thread_group *tg, void *arg)
{
	struct ksiginfo info = {.signo = *(int *)arg, .code = SI_KERNEL};

	signal_send_group(tg, &info);
	return 0;
}

static void handle(struct kernel *k, const char *msg, const int *fds, unsigned n_fds)
{
	unsigned rows, cols;
	int sig;

	if (!strncmp(msg, "ask ", 4)) {
		ask_received(k, msg + 4, fds, n_fds);
		return;
	}
	for (unsigned i = 0; i < n_fds; i++)
		close(fds[i]);
	if (sscanf(msg, "winsize %u %u", &rows, &cols) == 2) {
		if (k->console && rows < 65536 && cols < 65536)
			console_winsize(k->console, rows, cols);
	} else if (!strcmp(msg, "hangup")) {
		if (k->console)
			console_hangup(k->console);
	} else if (sscanf(msg, "signal %d", &sig) == 1 && sig > 0 && sig <= KSIG_MAX) {
		struct thread_group *tg = tg_find(k, 1);

		if (tg) {
			send_outside(tg, &sig);
			tg_put(tg);
		}
		wake_held(k, 0);
	} else if (sscanf(msg, "signal-all %d", &sig) == 1 && sig > 0 && sig <= KSIG_MAX) {
		tg_for_each(k, send_outside, &sig);
		wake_held(k, 0);
	} else if (!strcmp(msg, "go")) {
		wake_held(k, HOLD_GO);
	} else if (!strcmp(msg, "network up") || !strcmp(msg, "network none")) {
		net_settled(k);
	}
}

/* The descriptors of a message; those of one that was cut are closed. */
static unsigned take_fds(struct msghdr *m, int *fds)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < len / sizeof(int) && n < ASK_FDS_MAX; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	if (!(m->msg_flags & (MSG_CTRUNC | MSG_TRUNC)))
		return n;
	while (n > 0)
		close(fds[--n]);
	return 0;
}

static ssize_t receive(int fd, char *buf, int *fds, unsigned *n_fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(ASK_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {buf, CONFIG_MESSAGE_MAX};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*n_fds = 0;
	if (n < 0)
		return n;
	*n_fds = take_fds(&m, fds);
	buf[n] = 0;
	return n;
}

static void control_event(struct host_event *he, uint32_t events)
{
	struct kernel *k = he->data;
	char buf[CONFIG_MESSAGE_MAX + 1];
	int fds[ASK_FDS_MAX];
	unsigned n_fds;

	for (;;) {
		ssize_t n = receive(he->fd, buf, fds, &n_fds);

		if (n > 0) {
			handle(k, buf, fds, n_fds);
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* picket is gone: nobody waits for this sandbox any more. All its processes die with us. */
		_exit(0);
	}
}

int control_create(struct kernel *k)
{
	struct host_event *he;

	if (k->control_fd < 0)
		return 0;
	he = calloc(1, sizeof(*he));
	if (!he)
		return -ENOMEM;
	he->fd = k->control_fd;
	he->fn = control_event;
	he->data = k;
	return host_loop_add(k->loop, he);
}

static void send_text(int fd, const char *text)
{
	if (fd >= 0 && send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return; /* picket is gone; the loop will see it */
}

void control_send_text(struct kernel *k, const char *text)
{
	send_text(k->control_fd, text);
}

void control_send_started(struct kernel *k)
{
	send_text(k->control_fd, "started");
}

void control_send_exit(struct kernel *k, int status)
{
	char buf[32];

	snprintf(buf, sizeof(buf), "exit %d", status);
	send_text(k->control_fd, buf);
}

void control_send_error(int fd, int code, const char *text)
{
	char buf[CONFIG_MESSAGE_MAX];

	snprintf(buf, sizeof(buf), "error %d %s", code, text);
	if (fd >= 0)
		send_text(fd, buf);
	else
		fprintf(stderr, "picket: %s\n", text);
}
