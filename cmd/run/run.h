/* SPDX-License-Identifier: MIT */
/* One `picket run`: what was asked for, and what has been made of it so far. Private to run*.c. */
#ifndef PICKET_CMD_RUN_H
#define PICKET_CMD_RUN_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"
#include "cmd/keep/record.h"
#include "fuse-snap/client.h"
#include "net/slirp.h"
#include "rootless/sandbox.h"

enum target { ON_IMAGE, ON_HOST, ON_DIR };

struct run {
	const struct run_options *o;
	enum target target;
	const char *image; /* as the user wrote it; for messages and the note */
	int argc;	   /* the command */
	char **argv;
	struct str_list command; /* with the entry point */
	const char *network;
	bool network_asked;
	bool no_namespaces;

	struct store *store;
	struct image_ref ref;
	struct run_record record;
	struct snap_image snap;
	bool snap_open;
	struct launch launch;
	struct entry entry;
	struct sandbox sandbox;
	struct slirp slirp;
	int control[2];
	int stdio[3]; /* the program's, where the keeper has the other ends; -1: the caller's own */
	int trace_fd; /* the caller's standard error, where that is not 2 any more; -1 */
	unsigned int rows, cols; /* of the terminal */
	bool utf8;
};

/* Start the sandbox. 0, or the exit status after a complaint; run_cleared() is to be called in either case. */
int run_launch(struct run *r);

/* End what is left of a start, so that there may be another. */
void run_cleared(struct run *r);

/* Write the launch configuration into r->launch; opens the image. 0, or the exit status after a complaint. */
int write_config(struct run *r);

#endif
