/* SPDX-License-Identifier: MIT */
/* The processes that `exec` started in a sandbox, as its keeper knows them. */
#ifndef PICKET_CMD_EXECS_H
#define PICKET_CMD_EXECS_H

#include <jansson.h>
#include <stdbool.h>

struct keeper;

/* One is asked of the sentry, by the question with this number; `command` is taken over, and may be NULL. */
void execs_add(struct keeper *k, unsigned int number, char *command);
/* The answer: there is one, or there is none. */
void execs_answered(struct keeper *k, unsigned int number, bool ok);
/* What the sentry says of one: `N started PID`, `N exit STATUS`. */
void execs_said(struct keeper *k, const char *text);
/* The sandbox has ended, and all of them. */
void execs_end(struct keeper *k);
/* The ids of those that run. */
json_t *execs_ids(const struct keeper *k);

#endif
