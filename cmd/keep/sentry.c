/* SPDX-License-Identifier: MIT */
/*
 * The keeper's conversation with the sentry on the control socket (docs/launch.md, docs/sandboxes.md). The sentry is the
 * guest's prisoner as much as its guard: what it says is checked.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/keep/execs.h"
#include "cmd/keep/keeper_priv.h"
#include "cmd/lib/message.h"

/* Nobody sees a reason in 137 alone. */
bool keeper_ran_out(struct keeper *k)
{
	const struct run_options *o = k->run->o;
	char limit[32];

	if (!k->entry->state.oom_killed && cgroup_oom_kills(&k->run->group))
		keeper_out_of_memory(k, "");
	if (!k->entry->state.oom_killed || !o->memory)
		return false;
	if (o->memory % (1 << 20) == 0)
		snprintf(limit, sizeof(limit), "%lldm", (long long)(o->memory >> 20));
	else
		snprintf(limit, sizeof(limit), "%lld bytes", (long long)o->memory);
	complain(0, "%s ran out of memory: limit %s; --memory sets it", k->entry->config.name, limit);
	return true;
}

/* Behind "./install.sh: not found": who runs `host` may expect the directory he is in. */
static const char *what_is_there(const struct keeper *k)
{
	const struct entry_config *c = &k->entry->config;
	const char *name = c->command.count ? c->command.items[0] : "";

	if (strcmp(c->image, "host") == 0 && (strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0 ||
							strncmp(name, "/home/", 6) == 0))
		return "; of your directories only those are there that --share or -v names";
	return "";
}

void keeper_hear(void *owner, char *text)
{
	struct keeper *k = owner;
	int status, at = 0;

	/* What is told once is heard once: a sentry that was taken over may say it for ever. */
	if (k->done)
		return;
	if (strcmp(text, "started") == 0) {
		if (!k->told_started)
			keeper_started(k);
		k->told_started = true;
	} else if (strncmp(text, "session ", 8) == 0) {
		execs_said(k, text + 8);
	} else if (strncmp(text, "oom ", 4) == 0) {
		keeper_out_of_memory(k, text + 4);
	} else if (sscanf(text, "exit %d%n", &status, &at) == 1 && text[at] == '\0') {
		if (shell_status(status) == 128 + SIGKILL)
			keeper_ran_out(k);
		keeper_finish(k, shell_status(status));
	} else if (sscanf(text, "error %d %n", &status, &at) == 1 && at && status >= EXIT_PICKET &&
		   status <= EXIT_NOT_FOUND) {
		keeper_finish(k, complain(status, "%s%s", text + at, status == EXIT_NOT_FOUND ? what_is_there(k) : ""));
	}
}
