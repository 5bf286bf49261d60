/* SPDX-License-Identifier: MIT */
/* The life of sandboxes: commands and options. */
#include "cmd/sandbox/filter.h"
#include "cmd/table/table_rows.h"

#define PS(field) offsetof(struct ps_options, field)
#define STOP(field) offsetof(struct stop_options, field)
#define START(field) offsetof(struct start_options, field)
#define RM(field) offsetof(struct rm_options, field)
#define INSPECT(field) offsetof(struct inspect_options, field)
#define PRUNE(field) offsetof(struct prune_options, field)

static const struct opt_spec ps_opts[] = {
	{"all", 'a', OPT_FLAG, PS(all), NULL, "those that do not run, too"},
	{"filter", 'f', OPT_LIST, PS(filters), "NAME=VALUE", "only some: " PS_FILTERS, COMPLETE_FILTER, PS_FILTERS},
	{"format", 0, OPT_STRING, PS(format), "FORMAT", "table, json, a template, or table and a template",
		COMPLETE_TEMPLATE},
	{"last", 'n', OPT_NUMBER, PS(last), "N", "the N newest, in any state", COMPLETE_FREE},
	{"latest", 'l', OPT_FLAG, PS(latest), NULL, "the newest, in any state"},
	{"no-trunc", 0, OPT_FLAG, PS(no_trunc), NULL, "print whole ids and commands"},
	{"quiet", 'q', OPT_FLAG, PS(quiet), NULL, "print ids only"},
	{"size", 's', OPT_FLAG, PS(size), NULL, "print what they have written"},
};

static const struct opt_spec start_opts[] = {
	{"attach", 'a', OPT_FLAG, START(attach), NULL, "show the output and return the program's exit status"},
	{"interactive", 'i', OPT_FLAG, START(interactive), NULL, "pass on standard input, too"},
	{"detach-keys", 0, OPT_STRING, START(detach_keys), "KEYS", "what to type to leave it (default ctrl-p,ctrl-q)",
		COMPLETE_FREE},
	{"sig-proxy", 0, OPT_CHOICE, START(sig_proxy), "BOOL", "false: with -a, do not pass signals on", COMPLETE_WORDS,
		"true false"},
};

static const struct opt_spec stop_opts[] = {
	{"time", 't', OPT_STRING, STOP(time), "SECONDS", "how long to wait before it is killed (default 10; -1: for ever)",
		COMPLETE_FREE},
	{"timeout", 0, OPT_STRING, STOP(time), "SECONDS", "as --time", COMPLETE_FREE, NULL, true},
	{"signal", 's', OPT_STRING, STOP(signal), "SIGNAL", "the signal that asks it to end", COMPLETE_SIGNAL},
};

static const struct opt_spec kill_opts[] = {
	{"signal", 's', OPT_STRING, STOP(signal), "SIGNAL", "another signal than KILL", COMPLETE_SIGNAL},
};

static const struct opt_spec rm_opts[] = {
	{"force", 'f', OPT_FLAG, RM(force), NULL, "end it first if it runs; what is not there is no failure"},
	{"volumes", 'v', OPT_FLAG, RM(volumes), NULL, "remove its volumes that have no name, too"},
	{"link", 'l', OPT_REFUSED, 0, NULL, "there are no links between sandboxes", .hidden = true},
};

static const struct opt_spec inspect_opts[] = {
	{"format", 'f', OPT_STRING, INSPECT(format), "FORMAT", "json, or a template: {{.State.Status}}",
		COMPLETE_TEMPLATE},
	{"size", 's', OPT_FLAG, INSPECT(size), NULL, "say how much a sandbox has written (SizeRw)"},
	{"type", 0, OPT_STRING, INSPECT(type), "TYPE", "look for a sandbox, a container (the same) or an image only",
		COMPLETE_WORDS, "sandbox container image"},
};

static const struct opt_spec prune_opts[] = {
	{"force", 'f', OPT_FLAG, PRUNE(force), NULL, "do not ask"},
	{"filter", 0, OPT_LIST, PRUNE(filters), "NAME=VALUE", "only some: until=24h, label=NAME, label!=NAME",
		COMPLETE_FILTER, PRUNE_FILTERS},
};

static const struct opt_spec image_prune_opts[] = {
	{"all", 'a', OPT_FLAG, PRUNE(all), NULL, "all images that no sandbox uses, not only those without a name"},
	{"force", 'f', OPT_FLAG, PRUNE(force), NULL, "do not ask"},
};

static const struct opt_spec df_opts[] = {
	{"format", 0, OPT_STRING, LIST(format), "FORMAT", "table, json, a template, or table and a template",
		COMPLETE_TEMPLATE},
	{"verbose", 'v', OPT_REFUSED, 0, NULL, "picket images, ps -as and volume ls list each", .hidden = true},
};

static const struct opt_spec system_prune_opts[] = {
	{"all", 'a', OPT_FLAG, PRUNE(all), NULL, "all images that no sandbox uses, not only those without a name"},
	{"force", 'f', OPT_FLAG, PRUNE(force), NULL, "do not ask"},
	{"filter", 0, OPT_LIST, PRUNE(filters), "NAME=VALUE", "only sandboxes that fit: until=24h, label=NAME, label!=NAME",
		COMPLETE_FILTER, PRUNE_FILTERS},
	{"volumes", 0, OPT_FLAG, PRUNE(volumes), NULL, "volumes that no sandbox uses and that have no name, too"},
};

static const struct cmd_spec commands[] = {
	{"ps", "[OPTIONS]", "list the sandboxes that run, or all", NULL, OPTS(ps_opts, ps_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_ps,
		.examples = "ps -a # all, with those that have ended\n"
			    "ps -aq -f status=exited # the ids of those that have ended\n"
			    "ps --format '{{.Names}}\\t{{.Status}}' # two columns for a script"},
	{"start", "[OPTIONS] SANDBOX…", "start sandboxes that do not run",
		"What the program wrote before is there again. One that runs already is left as it is.",
		OPTS(start_opts, start_options), 1, -1, .complete = COMPLETE_STOPPED, .failure = EXIT_FAILED,
		.run = cmd_start,
		.examples = "start web # in the background\n"
			    "start -ai work # in the foreground, at its terminal"},
	{"stop", "[OPTIONS] SANDBOX…", "ask sandboxes to end, and kill those that do not",
		"The signal is the one that the image names, or SIGTERM.", OPTS(stop_opts, stop_options), 1, -1,
		.complete = COMPLETE_RUNNING, .failure = EXIT_FAILED, .run = cmd_stop,
		.examples = "stop web db # both at once\n"
			    "stop -t 1 web # killed after a second"},
	{"kill", "[OPTIONS] SANDBOX…", "send sandboxes a signal", NULL, OPTS(kill_opts, stop_options), 1, -1,
		.complete = COMPLETE_RUNNING, .failure = EXIT_FAILED, .run = cmd_kill,
		.examples = "kill web # at once\n"
			    "kill -s HUP web # another signal"},
	{"restart", "[OPTIONS] SANDBOX…", "stop sandboxes and start them again",
		"One that does not run is started.", OPTS(stop_opts, stop_options), 1, -1,
		.complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_restart,
		.examples = "restart web # stop and start"},
	{"wait", "SANDBOX…", "wait until sandboxes have ended, and print their exit statuses", NULL, NO_OPTS, 1, -1,
		.complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_wait,
		.examples = "wait build # prints 0 when it went well"},
	{"rm", "[OPTIONS] SANDBOX…", "remove sandboxes, with what they wrote", NULL, OPTS(rm_opts, rm_options), 1, -1,
		.complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_rm,
		.examples = "rm work # one that does not run\n"
			    "rm -f web # one that runs"},
	{"rename", "SANDBOX NAME", "give a sandbox another name", NULL, NO_OPTS, 2, 2, .complete = COMPLETE_SANDBOX,
		.failure = EXIT_FAILED, .run = cmd_rename, .then = COMPLETE_FREE,
		.examples = "rename web old-web # before another takes the name"},
	{"inspect", "[OPTIONS] SANDBOX|IMAGE…", "show all that is known of sandboxes and images",
		"A JSON array in docker's shape, or with -f what a template makes of each.",
		OPTS(inspect_opts, inspect_options), 1, -1, .complete = COMPLETE_OBJECT, .failure = EXIT_FAILED,
		.run = cmd_inspect,
		.examples = "inspect web # as JSON\n"
			    "inspect -f '{{.State.ExitCode}}' build # one value\n"
			    "inspect -f '{{json .Config.Env}}' alpine # of an image"},
	{"container prune", "[OPTIONS]", "remove all sandboxes that do not run", NULL, OPTS(prune_opts, prune_options), 0,
		0, .failure = EXIT_FAILED, .run = cmd_container_prune,
		.examples = "container prune # asks first\n"
			    "container prune -f --filter until=24h # those older than a day"},
	{"image prune", "[OPTIONS]", "remove images without a name, or all that no sandbox uses", NULL,
		OPTS(image_prune_opts, prune_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_image_prune,
		.examples = "image prune -a # all that no sandbox uses; asks first"},
	{"system df", "[OPTIONS]", "show what images, sandboxes and volumes take",
		"RECLAIMABLE is what those take that nothing uses. Layers that images share count in each of them.",
		OPTS(df_opts, list_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_system_df,
		.examples = "system df # in a table"},
	{"system prune", "[OPTIONS]", "remove sandboxes that do not run, and images that nobody uses", NULL,
		OPTS(system_prune_opts, prune_options), 0, 0, .failure = EXIT_FAILED, .run = cmd_system_prune,
		.examples = "system prune # asks first\n"
			    "system prune -af # all that no sandbox uses"},
};

static const struct cmd_alias aliases[] = {
	{"container", "ls", "ps"},
	{"container", "list", "ps"},
	{"container", "ps", "ps"},
	{"container", "start", "start"},
	{"container", "stop", "stop"},
	{"container", "kill", "kill"},
	{"container", "restart", "restart"},
	{"container", "wait", "wait"},
	{"container", "rm", "rm"},
	{"container", "rename", "rename"},
	{"container", "inspect", "inspect", "--type=container"},
};

const struct cmd_group life_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
