/* SPDX-License-Identifier: MIT */
/* Health checks, as docker has them: a command inside, now and then, whose status says how the sandbox is. */
#ifndef PICKET_CMD_HEALTH_H
#define PICKET_CMD_HEALTH_H

#include <stdint.h>

#include "cmd/lib/str.h"

#define HEALTH_NAME "health.json" /* in the entry: docker's State.Health */

struct run_options;
struct run_record;
struct keeper;

struct health_settings {
	struct str_list command; /* none: there is no check */
	int64_t interval, timeout, start_period, start_interval; /* ns */
	int64_t retries;
};

/* Read the options, and the image's check (may be NULL). 0, or -1 after a complaint. */
int health_settings_read(const struct run_options *o, const struct run_record *image, struct health_settings *ret);

struct health;

/* The program runs: begin to look after its health, if it has a check. And: it has ended. */
void health_begin(struct keeper *k);
void health_end(struct keeper *k);

#endif
