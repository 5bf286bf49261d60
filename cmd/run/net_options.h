/* SPDX-License-Identifier: MIT */
/* The network of a sandbox: options, ports, and the files that name hosts. docs/network.md. */
#ifndef PICKET_CMD_NET_OPTIONS_H
#define PICKET_CMD_NET_OPTIONS_H

#include <stdbool.h>

#include "cmd/lib/str.h"

struct net_options {
	struct str_list publish;
	bool publish_all;
	struct str_list expose;
	struct str_list add_host;
	struct str_list dns, dns_search, dns_option;
	const char *mac;
};

struct run;
struct run_options;

/* "slirp", "none", "host" or "container" for docker's and podman's words too; NULL: none of them. */
const char *network_mode(const struct run_options *o);

/* Is it all understood? 0, or the exit status after a complaint. */
int net_check(const struct run_options *o);

/* What a start needs: r->ports, if they may be had; with container:NAME the namespaces. 0, or the exit status after a complaint. */
int net_begin(struct run *r);
void net_end(struct run *r);

/* Path of slirp4netns' api socket, allocated; NULL where no ports are published. */
char *net_api_socket(const struct run *r);

/* slirp4netns is up: publish the ports and note them for `picket port`. 0, or -1 with *err. */
int net_publish(struct run *r, char **err);

/* The records of /etc/hosts, /etc/hostname and /etc/resolv.conf. */
void net_write_files(struct run *r, const char *hostname);

#endif
