/* SPDX-License-Identifier: MIT */
/* picket-guest at work in a sandbox, running or not, with its standard streams as pipes of ours: cp and export. */
#ifndef PICKET_CMD_INSIDE_H
#define PICKET_CMD_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cmd/keep/record.h"
#include "cmd/lib/str.h"

struct inside {
	struct entry entry;
	int sock;	/* the session; -1: a run of its own */
	pid_t run;	/* our child that runs it in a stopped sandbox; 0: none */
	int run_fd;	/* its pidfd; -1 */
	int in, out, err; /* our ends; -1: none, or ended */
	char said[4096];  /* what it wrote on its standard error */
	size_t said_len;
};

/*
 * Start picket-guest with *words* (the first is its part) in the sandbox *name*. *to*: we write to it, else we read from it. 0, or an
 * exit status after a complaint. SIGPIPE is ignored from here on.
 */
int inside_start(struct inside *g, const char *name, const struct str_list *words, bool to);

/* Write all of it. 0; -EPIPE: it reads no more, and has said why. */
int inside_write(struct inside *g, const void *data, size_t len);

/* Read some: bytes, 0 at the end, a negative errno. */
ssize_t inside_read(struct inside *g, void *data, size_t len);

/* Close what we write to, wait for the end, show its warnings. Its status; what it said is in g->said, without warnings. */
int inside_finish(struct inside *g);

void inside_free(struct inside *g);

#endif
