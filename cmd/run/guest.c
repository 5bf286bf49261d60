/* SPDX-License-Identifier: MIT */
/*
 * picket-guest as the program of a sandbox that does not run: its tree and volumes as they are, but no network, none of
 * its limits and rights, and nothing of what its own program would get.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/guest.h"
#include "cmd/run/run.h"
#include "cmd/sandbox/session.h"

static const struct run_options *trim(const struct run_options *o)
{
	struct run_options *n = xcalloc(1, sizeof(*n));

	*n = (struct run_options){
		.interactive = true,
		.read_only = o->read_only,
		.rootfs = o->rootfs,
		.volumes = o->volumes,
		.mounts = o->mounts,
		.tmpfs = o->tmpfs,
		.shares = o->shares,
		.shares_ro = o->shares_ro,
		.storage_opts = o->storage_opts,
		.userns = o->userns,
		.workdir = "/",
		.user = "0",
		.hostname = o->hostname,
		.network = "none",
		.resolved = true,
	};
	return n;
}

static int wait_for_end(struct run *r)
{
	struct session_end end;

	for (;;) {
		switch (session_read(r->control[0], false, &end)) {
		case SESSION_ENDED:
			return end.status;
		case SESSION_FAILED:
			return complain(EXIT_FAILED, "%s", end.text);
		case SESSION_LOST:
			return complain(EXIT_FAILED, "the sandbox's sentry was ended");
		case SESSION_STARTED:
		case SESSION_NOTHING:
			break;
		}
	}
}

int guest_run(struct run *r, const struct str_list *words)
{
	int status;

	r->o = trim(r->o);
	r->network = r->o->network;
	r->network_asked = true;
	r->guest = true;
	str_list_free(&r->command);
	for (size_t i = 0; i < words->count; i++)
		str_list_add(&r->command, xstrdup(words->items[i]));
	status = run_launch(r);
	return status ? status : wait_for_end(r);
}
