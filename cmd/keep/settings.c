/* SPDX-License-Identifier: MIT */
/* Reading the keeper's options. */
#include "cmd/keep/settings.h"

#include <signal.h>
#include <string.h>

#include "cmd/lib/message.h"
#include "cmd/lib/signals.h"
#include "cmd/lib/when.h"
#include "fuse-snap/store.h"

#define STOP_TIMEOUT 10 /* s, as docker's */

/* The option's; else the image's, where that makes sense; else SIGTERM. */
static int stop_signal(const struct run_options *o, const struct run_record *image, int *ret)
{
	*ret = SIGTERM;
	if (o->stop_signal) {
		*ret = parse_signal(o->stop_signal);
		if (*ret < 0)
			return complain(-1, "--stop-signal \"%s\" is no signal", o->stop_signal);
	} else if (image && image->stop_signal && *image->stop_signal && parse_signal(image->stop_signal) > 0) {
		*ret = parse_signal(image->stop_signal);
	}
	return 0;
}

int keep_settings_read(const struct run_options *o, const struct run_record *image, struct keep_settings *ret)
{
	*ret = (struct keep_settings){.stop_timeout = STOP_TIMEOUT};
	if (policy_parse(&ret->policy, o->restart) < 0 || log_options_parse(o->log_driver, &o->log_opts, &ret->log) < 0 ||
		stop_signal(o, image, &ret->stop_signal) < 0 || health_settings_read(o, image, &ret->health) < 0)
		return -1;
	if (o->stop_timeout && strcmp(o->stop_timeout, "-1") == 0)
		ret->stop_timeout = -1; /* for ever */
	else if (o->stop_timeout && parse_number(o->stop_timeout, 0, INT32_MAX, &ret->stop_timeout) < 0)
		return complain(-1, "--stop-timeout \"%s\" is no number of seconds", o->stop_timeout);
	if (o->timeout && (parse_duration(o->timeout, 1, &ret->timeout) < 0 || ret->timeout <= 0))
		return complain(-1, "--timeout \"%s\" is no length of time: 30s, 5m, 1h30m", o->timeout);
	return 0;
}
