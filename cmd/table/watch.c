/* SPDX-License-Identifier: MIT */
/* What sandboxes write and do: commands and options. */
#include "cmd/table/table_rows.h"

#define LOGS(field) offsetof(struct logs_options, field)
#define EVENTS(field) offsetof(struct events_options, field)
#define ATTACH(field) offsetof(struct attach_options, field)

static const struct opt_spec logs_opts[] = {
	{"follow", 'f', OPT_FLAG, LOGS(follow), NULL, "go on until the sandbox ends"},
	{"since", 0, OPT_STRING, LOGS(since), "TIME", "from then on: 10m (ago), 2024-01-31T10:00:00Z", COMPLETE_FREE},
	{"until", 0, OPT_STRING, LOGS(until), "TIME", "up to then", COMPLETE_FREE},
	{"tail", 'n', OPT_STRING, LOGS(tail), "N", "the last N lines (default all)", COMPLETE_FREE},
	{"timestamps", 't', OPT_FLAG, LOGS(timestamps), NULL, "say when each line was written"},
	{"details", 0, OPT_FLAG, LOGS(details), NULL, "accepted: there is no more to a line than docker's labels",
		.hidden = true},
};

static const char logs_examples[] =
	"logs web # all that it has written\n"
	"logs -f --tail 20 web # the last 20 lines, and what comes\n"
	"logs --since 10m -t web # of the last ten minutes, with times";

static const struct opt_spec attach_opts[] = {
	{"no-stdin", 0, OPT_FLAG, ATTACH(no_stdin), NULL, "do not pass on standard input"},
	{"sig-proxy", 0, OPT_CHOICE, ATTACH(sig_proxy), "BOOL", "false: do not pass signals on to the program",
		COMPLETE_WORDS, "true false"},
	{"detach-keys", 0, OPT_STRING, ATTACH(detach_keys), "KEYS", "what to type to leave it (default ctrl-p,ctrl-q)",
		COMPLETE_FREE},
};

static const char attach_examples[] =
	"attach web # Ctrl-P Ctrl-Q leaves it running, if it has a terminal\n"
	"attach --no-stdin --sig-proxy=false web # look on; Ctrl-C leaves";

static const struct opt_spec events_opts[] = {
	{"filter", 'f', OPT_LIST, EVENTS(filters), "NAME=VALUE", "only those of a container, event, image, label, type, volume",
		COMPLETE_FILTER, "container event image label type volume"},
	{"format", 0, OPT_STRING, EVENTS(format), "FORMAT", "json, or a template: '{{.Action}} {{.Actor.ID}}'",
		COMPLETE_TEMPLATE},
	{"since", 0, OPT_STRING, EVENTS(since), "TIME", "what happened from then on: 10m (ago), 2024-01-31T10:00:00Z",
		COMPLETE_FREE},
	{"until", 0, OPT_STRING, EVENTS(until), "TIME", "up to then, and end", COMPLETE_FREE},
};

static const char events_examples[] =
	"events # what happens from now on, until Ctrl-C\n"
	"events --since 1h --until 0s -f event=die # what ended in the last hour\n"
	"events -f container=web --format '{{.Action}}'";

static const struct cmd_spec commands[] = {
	{"logs", "[OPTIONS] SANDBOX", "show what a sandbox has written",
		"Standard output goes to standard output, and error output to error output. A sandbox that has ended keeps its "
		"log until it is removed.",
		OPTS(logs_opts, logs_options), 1, 1, .complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED,
		.run = cmd_logs, .examples = logs_examples},
	{"attach", "[OPTIONS] SANDBOX", "connect this terminal with a running sandbox's program",
		"Shows what the program writes from now on, and passes on what is typed where the sandbox was started with -i. "
		"Returns the program's exit status when it ends.",
		OPTS(attach_opts, attach_options), 1, 1, .complete = COMPLETE_ACTIVE, .failure = EXIT_FAILED,
		.run = cmd_attach, .examples = attach_examples},
	{"events", "[OPTIONS]", "show what happens to sandboxes and images",
		"The last few thousand events of this user are kept, until the machine is restarted.",
		OPTS(events_opts, events_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_events,
		.examples = events_examples},
};

static const struct cmd_alias aliases[] = {
	{"container", "logs", "logs"},
	{"container", "attach", "attach"},
	{"system", "events", "events"},
};

const struct cmd_group watch_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
