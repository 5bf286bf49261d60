/* SPDX-License-Identifier: MIT */
/* What the files of the keeper share. */
#ifndef PICKET_CMD_KEEPER_PRIV_H
#define PICKET_CMD_KEEPER_PRIV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cmd/keep/keeper.h"
#include "cmd/keep/log.h"
#include "cmd/lib/link.h"
#include "cmd/lib/loop.h"
#include "cmd/lib/server.h"
#include "cmd/keep/record.h"
#include "cmd/keep/settings.h"
#include "cmd/keep/stream.h"
#include "cmd/run/run.h"

struct keeper;

/* What a request waits for: a program's end, that of the keeper's work, that it runs again. */
enum until { UNTIL_NOTHING, UNTIL_END, UNTIL_OVER, UNTIL_RUNNING };

/* A connection to the control socket: a request that is read, one that waits for its answer, or a stream. */
struct client {
	struct peer peer;
	bool stream;
	enum until until; /* of one that waits */
	struct timer timer;
	/* of a stream */
	bool foreground; /* its slowness stops the program, its end ends the sandbox */
	bool input;	 /* it may send input */
	bool input_ends; /* the end of its input is the program's */
	struct packet *queue, **tail;
	size_t queued;
};

enum life {
	LIFE_STARTING,
	LIFE_RUNNING,
	LIFE_WAITING, /* for the next try of the restart policy */
	LIFE_OVER,
};

struct keeper {
	struct run *run;
	struct entry *entry;
	enum keeper_stdio stdio;
	struct loop loop;
	enum life life;
	struct server server; /* its peers are struct client */

	struct watch signals, control, sentry, snapd, network;
	struct timer network_timer, kill_timer, timeout;

	/* of this start */
	bool done;	    /* a status is known */
	bool gone;	    /* the sentry has ended */
	bool forced;	    /* it is not waited for */
	unsigned int ooms;  /* processes ended for want of memory */
	bool told_started;  /* the sentry has said so */
	bool stopped;	    /* by a stop or restart */
	bool timed_out;	    /* --timeout */
	int status;	    /* for the shell */
	int interrupts;	    /* SIGINT and SIGTERM from the foreground */
	int64_t since;	    /* ns of loop_now() */
	bool paused;
	struct health *health; /* NULL: none is looked after */
	struct sentry_link link;
	struct exec_process *execs; /* that run (execs.c) */

	/* across starts */
	bool stopping;	    /* somebody asked for its end: no restart policy */
	bool again;	    /* somebody asked for a restart */
	bool detached;
	unsigned int starts;
	bool failed;	    /* the last start did not succeed */
	bool dropped;	    /* its entry is gone already */
	bool waited;	    /* the restart policy's pause is over */
	pid_t old_network;  /* slirp4netns of an earlier start: killed, not reaped yet; 0: none */
	struct keep_settings set;
	char *error;	    /* the last complaint */

	/* KEEPER_STDIO_STREAM */
	struct output {
		struct keeper *k;
		struct watch watch;
		char kind; /* 'o', 'e' */
	} out[2];
	struct watch in;
	struct packet *input, **input_tail;
	size_t input_queued;
	bool input_ended;
	struct log *log; /* NULL: none */
};

/* ---- serve.c: the control socket ---- */

int serve_open(struct keeper *k);
void serve_close(struct keeper *k);
struct client *client_add(struct keeper *k, int fd);
void client_drop(struct client *c);
void client_dropped(struct peer *p); /* k->server.dropped */
/* The client that is or was this one; NULL: it has gone. */
struct client *client_find(struct keeper *k, uint64_t serial);
/* All of them: NULL behind the last. */
struct client *client_first(const struct keeper *k);
struct client *client_next(struct client *c);
struct keeper *client_keeper(const struct client *c);
/* Answer those who wait for `until`, with the exit status. */
void serve_tell(struct keeper *k, enum until until);

/* ---- sentry.c: what the sentry says ---- */

/* k->link.said */
void keeper_hear(void *keeper, char *text);

/* ---- watching.c ---- */

/* Look after the sandbox of this start, and end that. */
void keeper_watch(struct keeper *k);
void keeper_unwatch(struct keeper *k);
void keeper_watch_signals(struct keeper *k, int fd);

/* ---- wishes.c ---- */

/* Write state.json. Failures are ignored: a full disk must not end what runs. */
void keeper_note(struct keeper *k);

/* A signal for the program from the foreground; the third SIGINT or SIGTERM ends the sandbox by force. */
void keeper_interrupted(struct keeper *k, int sig);
/* Begin to stop it: signal 0 is its own. Nothing restarts it. */
void keeper_stop(struct keeper *k, int sig);
/* End the sandbox at once; or if the sentry does not do so by itself soon. */
void keeper_kill(struct keeper *k);
void keeper_kill_soon(struct keeper *k);
void keeper_kill_later(struct keeper *k, int64_t ms);
/* --timeout is over; a timer's function. */
void keeper_timed_out(void *keeper);
/* This start has ended with this status, unless another is known. */
void keeper_finish(struct keeper *k, int status);
/* The foreground's job is stopped, or goes on: so does the whole sandbox. */
void keeper_pause_job(struct keeper *k, bool stop);
void keeper_winsize(struct keeper *k, unsigned int rows, unsigned int cols);
/* The sentry has said that the program runs, or that one was ended for want of memory. */
void keeper_started(struct keeper *k);
/* It has ended by SIGKILL: say so if it was for want of memory. Returns whether it was. */
bool keeper_ran_out(struct keeper *k);
void keeper_out_of_memory(struct keeper *k, const char *what);
void keeper_paused(struct keeper *k, bool paused);
void keeper_unpaused(void *keeper, void *arg, bool ok, int error, const char *text);
/* Read config.json again. 0, or a negative errno with a sentence. */
int keeper_reload(struct keeper *k, char **err);
/* Note what happened; with an attribute if key is not NULL. */
void keeper_event(struct keeper *k, const char *action, const char *key, int value);
/* The foreground client has left it to itself. */
void keeper_detached(struct keeper *k);

/* ---- output.c: program's standard input, output and error ---- */

int stdio_open(struct keeper *k);
/* Pass on what is left in the pipes of a program that has ended, and wait for who has to get it. */
void stdio_drain(struct keeper *k);
/* Stop or go on reading output, as the foreground clients can take it. */
void stdio_flow(struct keeper *k);
void input_add(struct keeper *k, const struct client *c, const char *data, size_t len);
void input_end(struct keeper *k);
void stdio_close(struct keeper *k);

#endif
