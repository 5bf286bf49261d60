/* SPDX-License-Identifier: MIT */
/*
 * Running sandboxes, noted in the runtime directory: ID/state.json. A note whose picket process is gone (its pid, or
 * the pid's start time, is another's) is left over from a crash and is removed by the next one who looks.
 */
#ifndef PICKET_CMD_STATE_H
#define PICKET_CMD_STATE_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SANDBOX_ID_LEN 12

struct sandbox_note {
	char id[SANDBOX_ID_LEN + 1];
	char name[64];	/* "" if none was given */
	pid_t pid;	/* of picket */
	uint64_t start; /* of that process, in ticks since boot */
};

struct sandbox_state {
	char id[SANDBOX_ID_LEN + 1];
	char *dir; /* NULL: nothing noted */
};

/*
 * Choose an id, clean what crashes left, check that `name` (may be NULL) is free, and make the directory with a note of
 * this process. 0, or -1 after a complaint. state_remove takes it away; a crash may leave it.
 */
int state_create(struct sandbox_state *s, const char *name, const char *image, char *const *command);

/* Add the sentry's pid to the note, once it is known. Failures are ignored: the note is for people. */
void state_running(struct sandbox_state *s, const char *name, const char *image, char *const *command, pid_t sentry);
void state_remove(struct sandbox_state *s);

/* Call fn for each running sandbox. */
void state_each(void (*fn)(void *arg, const struct sandbox_note *note), void *arg);

/* Start time of a process from /proc/PID/stat; 0 if there is no such process. */
uint64_t process_start(pid_t pid);

/* The runtime directory; NULL after a complaint. Static. */
const char *runtime_dir(void);

#endif
