/* SPDX-License-Identifier: MIT */
/*
 * The network namespace of a container whose process is in it before the sentry is made: picket-runtime's monitor enters it with
 * its caller's rights, and what it starts inherits it (sandbox_options.host_network). The sentry's user namespace is another than the
 * one that owns the network namespace, so the sentry has no rights over it: what root inside expects beyond that is set here.
 */
#ifndef PICKET_ROOTLESS_NETNS_H
#define PICKET_ROOTLESS_NETNS_H

#include <stdbool.h>
#include <stddef.h>

enum netns_kind {
	NETNS_CALLER, /* stay: the host's */
	NETNS_NEW,    /* a new one, with its loopback interface up */
	NETNS_PATH,   /* the one of this file: /proc/PID/ns/net, /run/netns/NAME */
};

struct netns_sysctl {
	const char *name, *value; /* net.ipv4.ip_forward, or net/ipv4/conf/eth0.1/forwarding */
};

struct netns_request {
	enum netns_kind kind;
	const char *path; /* NETNS_PATH */
	const struct netns_sysctl *sysctls;
	size_t n_sysctls;
};

enum netns_result {
	NETNS_FAILED = -1, /* *err is set */
	NETNS_PRIVATE,	   /* entered: it is not the host's */
	NETNS_HOST,	   /* the caller's own, or the one of process 1, also if a path led there: nothing is set in it */
	NETNS_REFUSED,	   /* NETNS_NEW needs a user namespace: let the sandbox make its own, with netns_configure() there */
};

/*
 * Enter the namespace with the calling process (of one thread), and configure it. Kernel parameters in the host's are an error. *err: a
 * sentence, to be freed.
 */
enum netns_result netns_enter(const struct netns_request *r, char **err);

/*
 * In a namespace that is the container's: ports below 1024 and echo requests for users without capabilities, then the parameters, whose
 * failure is an error; of those two parameters the namespace keeps its own values, and the sentry obeys what was asked for
 * (netns_is_guests()). 0, or -1 with *err.
 */
int netns_configure(const struct netns_sysctl *sysctls, size_t n, char **err);

/* Is it the sentry that obeys parameter *name*? It is then a record `sysctl` of the launch configuration. */
bool netns_is_guests(const char *name);

#endif
