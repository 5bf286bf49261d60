/* SPDX-License-Identifier: MIT */
/* What of a run's options and its image is the keeper's business. */
#ifndef PICKET_CMD_SETTINGS_H
#define PICKET_CMD_SETTINGS_H

#include <stdint.h>

#include "cmd/commands.h"
#include "cmd/keep/health.h"
#include "cmd/keep/log.h"
#include "cmd/keep/policy.h"

struct run_record;

struct keep_settings {
	struct policy policy;
	struct log_options log;
	struct health_settings health;
	int stop_signal;
	int64_t stop_timeout; /* s */
	int64_t timeout;      /* ns; 0: none */
};

/* Read them; `image` may be NULL. 0, or -1 after a complaint. */
int keep_settings_read(const struct run_options *o, const struct run_record *image, struct keep_settings *ret);

#endif
