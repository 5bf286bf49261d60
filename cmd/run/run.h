/* SPDX-License-Identifier: MIT */
/* One `picket run`: what was asked for, and what has been made of it so far. Private to run*.c. */
#ifndef PICKET_CMD_RUN_H
#define PICKET_CMD_RUN_H

#include "cmd/commands.h"
#include "cmd/run/launch.h"
#include "cmd/run/ports.h"
#include "cmd/keep/record.h"
#include "fuse-snap/client.h"
#include "net/slirp.h"
#include "rootless/sandbox.h"

enum target { ON_IMAGE, ON_HOST, ON_DIR };

struct run {
	const struct run_options *o;
	enum target target;
	const char *image; /* as the user wrote it; for messages and the note */
	char *stored;	   /* of minikube:IMAGE: what the store calls it, and then `image` */
	int argc;	   /* the command */
	char **argv;
	struct str_list command; /* with the entry point */
	bool guest;		 /* the command are words for picket-guest */
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
	struct cgroup group;	 /* dir "": none */
	int report_fd; /* 0: none; see cmd/run/report.h */
	struct port_list ports;	 /* of this start */
	pid_t udp_relay;	 /* 0: none */
	bool join;		 /* container:NAME: enter these namespaces first */
	int join_net, join_user;
	char *shared_id;	 /* short id of the sandbox whose network it is; NULL */
	bool shared_none;	 /* which has none */
	int control[2];
	int stdio[3]; /* the program's, where the keeper has the other ends; -1: the caller's own */
	int hold;     /* the store's lock, until the entry keeps the image; -1 */
	int trace_fd; /* the caller's standard error, where that is not 2 any more; -1 */
	bool detached;	   /* nobody is waiting for it */
	bool client_input; /* the client that starts it may send input */
	unsigned int rows, cols; /* of the terminal */
	bool utf8;
};

/* How a sandbox is started with a keeper of its own. */
struct run_how {
	bool attach; /* in the foreground: show the output, return the program's exit status */
	bool input;  /* and pass on standard input, where the sandbox has -i */
	bool sig_proxy;
	const char *detach_keys; /* NULL: the usual ones */
};

/* ---- For other commands ---- */

/*
 * Make an entry as `picket create` does: the arguments are those of run. 0, and the id, or the exit status after a
 * complaint.
 */
int run_create(const struct run_options *o, int argc, char **argv, char id[static ENTRY_ID_LEN + 1]);

/*
 * Start the sandbox of an entry that does not run. Its lock must be held; the entry is taken over (and freed, also after a
 * failure). Without `attach` returns when the program runs: 0, or the exit status after a complaint.
 */
int run_start(struct entry *e, const struct run_how *how);

/*
 * Run picket-guest with *words* (its part first) in the sandbox of an entry that does not run, whose lock must be held, on our own
 * standard descriptors; the entry is taken over (and freed). Its status, or one after a complaint.
 */
int run_guest(struct entry *e, const struct str_list *words);

/* ---- Between the files of run/ and the keeper ---- */

/* Whether nothing of it is to be left when it ends. */
bool run_is_dropped(const struct run *r);

/* Make the entry of what has been chosen; its lock is held. 0, or the exit status after a complaint. */
int run_make_entry(struct run *r, bool temporary, bool dropped);

/* Write --pid-file, if it is asked for. 0, or the exit status after a complaint. */
int run_write_pid(const struct run *r, pid_t pid);

/* Fill the run from its entry: options, command, image. 0, or the exit status after a complaint. */
int run_load(struct run *r);

/* Start with a keeper of its own; this process is its client. The exit status for the shell. */
int run_forked(struct run *r, const struct run_how *how);

/*
 * Begin the sandbox's process, which sets itself up while other work is done before run_launch(). 0, or the exit status
 * after a complaint.
 */
int run_spawn(struct run *r);

/* Start the sandbox. 0, or the exit status after a complaint; run_cleared() is to be called in either case. */
int run_launch(struct run *r);

/* End what is left of a start, so that there may be another. */
void run_cleared(struct run *r);

/* Open the image of this start: r->snap. 0, or the exit status after a complaint. */
int open_image(struct run *r);
/* Write the launch configuration into r->launch; opens the image if it is not. 0, or the exit status after a complaint. */
int write_config(struct run *r);

#endif
