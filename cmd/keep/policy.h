/* SPDX-License-Identifier: MIT */
/* Restart policies, as docker has them: no, on-failure[:N], always, unless-stopped. */
#ifndef PICKET_CMD_POLICY_H
#define PICKET_CMD_POLICY_H

#include <stdint.h>

struct policy {
	enum { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS } when;
	int64_t max; /* of on-failure; 0: any number */
	int64_t count; /* restarts in a row */
	int64_t pause; /* the last, in ms */
};

/* Parse the text of --restart (NULL: no). 0, or -1 after a complaint. */
int policy_parse(struct policy *p, const char *text);

/* The program ended with `status` after `ran` ns: how long to wait before the next start, in ms; -1: there is none. */
int64_t policy_pause(struct policy *p, int status, int64_t ran);

/* Somebody has started it anew by hand. */
void policy_reset(struct policy *p);

#endif
