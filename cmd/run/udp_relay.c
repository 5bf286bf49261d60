/* SPDX-License-Identifier: MIT */
/* The relay of udp datagrams between this machine's loopback and a sandbox's network. */
#include "cmd/run/udp_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "net/err.h"
#include "net/slirp.h"
#include "rootless/harden.h"

#define RELAYS_MAX 256 /* ports */
#define CLIENTS_MAX 256 /* of all ports; the one that was silent for longest makes room */
#define SILENCE 120	/* s until a client is forgotten */
#define DATAGRAM_MAX 65536
#define BURST 64 /* datagrams of one socket before the next gets its turn */

struct client {
	int fd; /* inside, connected to the port; -1: none */
	int port;
	struct sockaddr_in from;
	time_t seen;
};

struct relay {
	size_t n_ports;
	int fds[RELAYS_MAX]; /* on this machine */
	uint16_t guest[RELAYS_MAX];
	struct client clients[CLIENTS_MAX];
	char buf[DATAGRAM_MAX];
};

bool is_loopback(const char *ip)
{
	return strncmp(ip, "127.", 4) == 0;
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void forget(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

/* The client's socket inside; a new one if it is not known. NULL: none could be made. */
static struct client *client_of(struct relay *r, size_t port, const struct sockaddr_in *from)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(r->guest[port])};
	struct client *c = &r->clients[0];

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *o = &r->clients[i];

		if (o->fd >= 0 && o->port == (int)port && o->from.sin_port == from->sin_port &&
			o->from.sin_addr.s_addr == from->sin_addr.s_addr)
			return o;
		if (c->fd >= 0 && (o->fd < 0 || o->seen < c->seen))
			c = o;
	}
	forget(c);
	inet_pton(AF_INET, SLIRP_GUEST_ADDRESS, &to.sin_addr);
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		forget(c);
	c->port = (int)port;
	c->from = *from;
	return c->fd >= 0 ? c : NULL;
}

static void inwards(struct relay *r, size_t port)
{
	for (int i = 0; i < BURST; i++) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(r->fds[port], r->buf, sizeof(r->buf), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		struct client *c;

		if (n < 0)
			return;
		c = len == sizeof(from) ? client_of(r, port, &from) : NULL;
		if (!c)
			continue;
		c->seen = now_s();
		send(c->fd, r->buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL); /* datagrams may be lost */
	}
}

static void outwards(struct relay *r, struct client *c)
{
	for (int i = 0; i < BURST; i++) {
		ssize_t n = recv(c->fd, r->buf, sizeof(r->buf), MSG_DONTWAIT);

		if (n < 0)
			return; /* nothing, or nobody listens inside (yet) */
		c->seen = now_s();
		sendto(r->fds[c->port], r->buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&c->from,
			sizeof(c->from));
	}
}

static void serve(struct relay *r)
{
	static struct pollfd fds[RELAYS_MAX + CLIENTS_MAX];

	for (;;) {
		for (size_t i = 0; i < r->n_ports; i++)
			fds[i] = (struct pollfd){.fd = r->fds[i], .events = POLLIN};
		for (size_t i = 0; i < CLIENTS_MAX; i++) {
			if (r->clients[i].fd >= 0 && r->clients[i].seen + SILENCE < now_s())
				forget(&r->clients[i]);
			fds[r->n_ports + i] = (struct pollfd){.fd = r->clients[i].fd, .events = POLLIN};
		}
		if (poll(fds, r->n_ports + CLIENTS_MAX, SILENCE * 1000) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < CLIENTS_MAX; i++)
			if (fds[r->n_ports + i].fd >= 0 && fds[r->n_ports + i].revents)
				outwards(r, &r->clients[i]);
		for (size_t i = 0; i < r->n_ports; i++)
			if (fds[i].revents)
				inwards(r, i);
	}
}

/* Into the sandbox's network for good, and without any capability there. Our sockets on this side stay what they are. */
static int enter(pid_t sentry)
{
	char path[64];
	int net, user;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)sentry);
	net = open(path, O_RDONLY | O_CLOEXEC);
	if (net < 0)
		return -errno;
	user = ioctl(net, NS_GET_USERNS);
	if (user < 0 || setns(user, CLONE_NEWUSER) < 0 || setns(net, CLONE_NEWNET) < 0)
		return -errno;
	close(user);
	close(net);
	return harden_drop_capabilities() < 0 || harden_no_new_privs() < 0 ? -EPERM : 0;
}

static int listen_at(const struct port *p)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(p->host)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, e;

	inet_pton(AF_INET, is_loopback(p->ip) ? p->ip : "127.0.0.1", &a.sin_addr);
	/* Beside slirp4netns, which has the port at all addresses: datagrams go to who names the address. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	e = -errno;
	if (fd >= 0)
		close(fd);
	return e;
}

static void close_all(struct relay *r)
{
	for (size_t i = 0; i < r->n_ports; i++)
		close(r->fds[i]);
	free(r);
}

static int listen_all(struct relay *r, const struct port_list *list, char **err)
{
	for (size_t i = 0; i < list->count && r->n_ports < RELAYS_MAX; i++) {
		const struct port *p = &list->items[i];
		int fd;

		if (!p->udp || (!is_loopback(p->ip) && strcmp(p->ip, "0.0.0.0") != 0))
			continue;
		fd = listen_at(p);
		if (fd < 0)
			return err_set(err, "cannot publish port %u at %s:%u/udp: %s", p->guest, p->ip, p->host, strerror(-fd));
		r->fds[r->n_ports] = fd;
		r->guest[r->n_ports++] = p->guest;
	}
	return 0;
}

static _Noreturn void child(struct relay *r, pid_t sentry, int ready, pid_t parent)
{
	int keep[RELAYS_MAX + 1];
	sigset_t none;
	char ok = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setpgid(0, 0);
	prctl(PR_SET_NAME, "picket-udp");
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (enter(sentry) < 0)
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* setns(2) takes it away */
	if (getppid() != parent || write(ready, &ok, 1) != 1)
		_exit(1);
	for (size_t i = 0; i < r->n_ports; i++)
		keep[i] = r->fds[i];
	harden_close_except(0, keep, (int)r->n_ports);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		r->clients[i].fd = -1;
	serve(r);
	_exit(1);
}

pid_t udp_relay_start(const struct port_list *list, pid_t sentry, char **err)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	pid_t self = getpid(), pid = -1;
	int ready[2];
	char ok;

	if (listen_all(r, list, err) < 0 || !r->n_ports) {
		pid = r->n_ports ? -1 : *err ? -1 : 0;
		close_all(r);
		return pid;
	}
	if (pipe2(ready, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		err_set(err, "cannot start the relay of udp ports: %s", strerror(errno));
		close_all(r);
		return -1;
	}
	if (pid == 0)
		child(r, sentry, ready[1], self);
	close(ready[1]);
	if (read(ready[0], &ok, 1) != 1)
		err_set(err, "the relay of udp ports cannot enter the sandbox's network");
	close(ready[0]);
	close_all(r);
	return *err ? -1 : pid;
}
