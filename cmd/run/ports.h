/* SPDX-License-Identifier: MIT */
/* Published ports: what -p and -P ask for, and what came of it. */
#ifndef PICKET_CMD_PORTS_H
#define PICKET_CMD_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/lib/str.h"

struct port {
	char ip[16];	    /* of this machine: 0.0.0.0 is all of them */
	uint16_t host;	    /* 0: one of host_last possible ones, or any */
	uint16_t from, to;  /* a free one of these is to be chosen; 0: of all */
	uint16_t guest;
	bool udp;
};

struct port_list {
	struct port *items;
	size_t count;
};

/*
 * Read docker's [[IP:][HOST[-LAST]]:]GUEST[-LAST][/tcp|udp] and append what it names. 0, or -1 with a sentence in *err (to be
 * freed).
 */
int ports_parse(const char *text, struct port_list *ret, char **err);

/* -P: an image's exposed ports ("80/tcp", a range) that are not published yet, each at a free port. Odd ones are left out. */
void ports_add_exposed(char *const *exposed, struct port_list *ret);

void ports_free(struct port_list *list);

/* Can they be had at all? Said before anything is started. 0, or -1 with *err. */
int ports_check(const struct port_list *list, char **err);

/*
 * Let slirp4netns, whose api socket this is, take connections at each and pass them on. Chosen ports are filled in. 0, or -1
 * with *err: those that are published already stay until it ends.
 */
int ports_publish(struct port_list *list, const char *api_socket, char **err);

/*
 * RUNTIME/ID12/ports says what is published, one a line: PROTOCOL IP HOST GUEST. Reading a file that is not there gives an empty
 * list. 0 or a negative errno.
 */
int ports_write(const struct port_list *list, const char *path);
int ports_read(const char *path, struct port_list *ret);

/* "0.0.0.0:8080->80/tcp, …": docker's column; allocated. */
char *ports_text(const struct port_list *list);

#endif
