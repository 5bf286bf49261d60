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
	int signals;
	int control[2];
};

/* Write the launch configuration into r->launch; opens the image. 0, or the exit status after a complaint. */
int write_config(struct run *r);

#endif
