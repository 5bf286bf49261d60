/* SPDX-License-Identifier: MIT */
/* One slirp4netns process: the user-mode network of one sandbox. See docs/network.md. */
#ifndef PICKET_NET_SLIRP_H
#define PICKET_NET_SLIRP_H

#include <stdbool.h>
#include <sys/types.h>

#define SLIRP_GUEST_ADDRESS "10.0.2.100"
#define SLIRP_GATEWAY "10.0.2.2"
#define SLIRP_DNS "10.0.2.3"
#define SLIRP_MTU 65520

/* What /etc/resolv.conf inside says (the host's search list is not told to the guest). */
#define SLIRP_RESOLV_CONF "nameserver " SLIRP_DNS "\n"

/* Zero is the default of each field; a descriptor of 0 or -1 is none. */
struct slirp_options {
	const char *program; /* NULL: slirp4netns, looked up in $PATH */
	pid_t pid;	     /* process in the user and network namespace to serve, as the caller sees it */
	int exit_fd;	     /* read end of a pipe: slirp4netns ends when its write ends are closed; none: make one */
	unsigned int mtu;    /* 0: SLIRP_MTU */
	bool ipv6;
	bool host_loopback;	/* let the guest reach the host's 127.0.0.1 as 10.0.2.2 */
	const char *mac;	/* of the guest's interface; NULL: any */
	const char *api_socket; /* path of a socket for port forwarding; NULL: none */
	int timeout_ms;		/* how long slirp_wait_ready waits; 0: 10 s */
};

struct slirp {
	pid_t pid;	/* child of the caller; to be reaped by slirp_stop or the caller */
	int exit_fd;	/* write end of the pipe, close-on-exec; -1 if the caller brought its own */
	int ready_fd;	/* private */
	int message_fd; /* private */
};

/*
 * Start slirp4netns on an existing network namespace without waiting. On success fills *out and returns 0; the process
 * ends when out->exit_fd (and every duplicate of it) is closed, by whatever death. On failure returns -1 with a
 * sentence in *err (to be freed); nothing is left running.
 */
int slirp_spawn(const struct slirp_options *opt, struct slirp *out, char **err);

/* Wait until the interface tap0 is up and configured. 0, or -1 with *err; after a failure the process is gone. */
int slirp_wait_ready(struct slirp *s, const struct slirp_options *opt, char **err);

/* slirp_spawn and slirp_wait_ready in one. */
int slirp_start(const struct slirp_options *opt, struct slirp *out, char **err);

/* End it and reap it. Safe on a struct that was never started if its pid is 0. */
void slirp_stop(struct slirp *s);

#endif
