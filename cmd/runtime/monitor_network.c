/* SPDX-License-Identifier: MIT */
/* The network of a container: the namespace that its monitor is in, and what the sentry is told of it. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/low_port.h"
#include "cmd/runtime/monitor_priv.h"
#include "cmd/runtime/spec/spec.h"

static bool of_network(const char *name)
{
	return strncmp(name, "net.", 4) == 0 || strncmp(name, "net/", 4) == 0;
}

int monitor_network_enter(struct monitor *m, struct sandbox_options *so)
{
	const struct spec *s = m->o->spec;
	const struct spec_namespace *ns = &s->ns[SPEC_NS_NETWORK];
	struct netns_sysctl *sysctls = xcalloc(s->n_sysctls + 1, sizeof(*sysctls));
	struct netns_request r = {.kind = !ns->given ? NETNS_CALLER : ns->path ? NETNS_PATH : NETNS_NEW, .path = ns->path, .sysctls = sysctls};
	char *err = NULL;

	for (size_t i = 0; i < s->n_sysctls; i++)
		if (of_network(s->sysctls[i].name))
			sysctls[r.n_sysctls++] = (struct netns_sysctl){s->sysctls[i].name, s->sysctls[i].value};
	m->sysctls = sysctls;
	m->network = netns_enter(&r, &err);
	if (m->network == NETNS_FAILED) {
		fail("%s", err ? err : "out of memory");
		free(err);
		return -1;
	}
	so->host_network = m->network != NETNS_REFUSED && !s->network_none;
	if (m->network == NETNS_REFUSED) { /* they are set where the namespace is made */
		so->sysctls = sysctls;
		so->n_sysctls = r.n_sysctls;
	}
	return 0;
}

/* --- low ports in the host's network -------------------------------------------------------------------------------- */

#define ANSWER_SECONDS 5 /* that the sentry waits at most */

static void ports_ready(void *arg, short revents)
{
	struct monitor *m = arg;
	char message[sizeof(struct sockaddr_in6)];
	int fds[ASK_FDS_MAX];
	size_t count = 0;
	ssize_t n = packet_receive(m->ports.fd, message, sizeof(message), fds, &count, MSG_DONTWAIT);
	int32_t answer;

	(void)revents;
	if (n == -EAGAIN || n == -EINTR)
		return;
	answer = n > 0 && count == 1 ? low_port_bind(fds[0], message, (size_t)n) : -EACCES;
	while (count > 0)
		close(fds[--count]);
	if ((n <= 0 && n != -EMSGSIZE) || send(m->ports.fd, &answer, sizeof(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
		loop_unwatch(&m->loop, &m->ports);
		close(m->ports.fd);
		m->ports.fd = -1;
	}
}

void monitor_network_watch(struct monitor *m)
{
	if (m->ports.fd < 0)
		return;
	m->ports = (struct watch){.fd = m->ports.fd, .events = POLLIN, .fn = ports_ready, .arg = m};
	loop_watch(&m->loop, &m->ports);
}

/* Root's program in the host's network may have ports that the sentry, being nobody, may not. */
static int offer_ports(struct monitor *m)
{
	const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
	int ends[2];

	m->ports.fd = -1;
	if (m->network != NETNS_HOST || m->o->spec->network_none || geteuid() != 0 ||
	    !(m->o->spec->process.caps.bounding >> spec_capability("CAP_NET_BIND_SERVICE") & 1))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return fail("cannot make a socket for the sentry: %s", strerror(errno));
	setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	m->ports.fd = ends[0];
	launch_record(&m->launch, CONFIG_PORTS, launch_give(&m->launch, ends[1]));
	return 0;
}

int monitor_network_records(struct monitor *m)
{
	const struct spec *s = m->o->spec;
	char *name;

	launch_record(&m->launch, CONFIG_NETWORK, s->network_none ? "none" : m->network == NETNS_HOST ? "host" : "given");
	for (size_t i = 0; i < s->n_sysctls; i++) {
		if (!netns_is_guests(s->sysctls[i].name))
			continue;
		name = xstrdup(s->sysctls[i].name);
		for (char *c = name; *c; c++)
			*c = *c == '/' ? '.' : *c;
		launch_record(&m->launch, CONFIG_SYSCTL, name, s->sysctls[i].value);
		free(name);
	}
	return offer_ports(m);
}
