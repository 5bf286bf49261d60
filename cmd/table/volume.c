/* SPDX-License-Identifier: MIT */
/* Named volumes: commands and options. */
#include "cmd/table/table_rows.h"

#define VOLUME(field) offsetof(struct volume_options, field)

static const struct opt_spec create_opts[] = {
	{"label", 0, OPT_LIST, VOLUME(labels), "NAME=VALUE", "note something about it", COMPLETE_FREE},
	{"driver", 'd', OPT_STRING, VOLUME(driver), "DRIVER", "local is the one there is", COMPLETE_WORDS, "local", true},
};

static const struct opt_spec ls_opts[] = {
	{"filter", 'f', OPT_LIST, VOLUME(filters), "NAME=VALUE", "only some: dangling driver label name", COMPLETE_FREE},
	{"format", 0, OPT_STRING, VOLUME(format), "FORMAT", "table, json, a template, or table and a template",
		COMPLETE_TEMPLATE},
	{"quiet", 'q', OPT_FLAG, VOLUME(quiet), NULL, "print names only"},
};

static const struct opt_spec rm_opts[] = {
	{"force", 'f', OPT_FLAG, VOLUME(force), NULL, "what is not there is no failure"},
};

static const struct opt_spec inspect_opts[] = {
	{"format", 'f', OPT_STRING, VOLUME(format), "FORMAT", "json, or a template: {{.Mountpoint}}", COMPLETE_TEMPLATE},
};

static const struct opt_spec prune_opts[] = {
	{"all", 'a', OPT_FLAG, VOLUME(all), NULL, "those with a name, too"},
	{"filter", 0, OPT_LIST, VOLUME(filters), "NAME=VALUE", "only some: label", COMPLETE_FREE},
	{"force", 'f', OPT_FLAG, VOLUME(force), NULL, "do not ask"},
};

static const struct cmd_spec commands[] = {
	{"volume create", "[OPTIONS] [NAME]", "make a volume, which sandboxes can share one after another",
		"A volume keeps files of any owner and mode beyond the life of a sandbox; run -v NAME:/place shows it inside, and makes "
		"it if it is not there. An empty one gets what the image has at that place. One sandbox that runs can have it at a time.",
		OPTS(create_opts, volume_options), 0, 1, .complete = COMPLETE_FREE, .failure = EXIT_FAILED, .run = cmd_volume_create,
		.examples = "volume create data # then: picket run -v data:/var/lib/data …"},
	{"volume ls", "[OPTIONS]", "list volumes", NULL, OPTS(ls_opts, volume_options), 0, 0, .failure = EXIT_FAILED,
		.run = cmd_volume_ls, .examples = "volume ls -f dangling=true # those that no sandbox uses"},
	{"volume inspect", "[OPTIONS] VOLUME…", "show what is known of volumes", NULL, OPTS(inspect_opts, volume_options), 1, -1,
		.complete = COMPLETE_VOLUME, .failure = EXIT_FAILED, .run = cmd_volume_inspect,
		.examples = "volume inspect -f '{{.Mountpoint}}' data # where its files are"},
	{"volume rm", "[OPTIONS] VOLUME…", "remove volumes that no sandbox uses", NULL, OPTS(rm_opts, volume_options), 1, -1,
		.complete = COMPLETE_VOLUME, .failure = EXIT_FAILED, .run = cmd_volume_rm, .examples = "volume rm data # with all that is in it"},
	{"volume prune", "[OPTIONS]", "remove volumes without a name that no sandbox uses", NULL, OPTS(prune_opts, volume_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_volume_prune, .examples = "volume prune -af # all that no sandbox uses, without asking"},
};

static const struct cmd_alias aliases[] = {
	{"volume", "list", "volume ls"},
	{"volume", "remove", "volume rm"},
};

const struct cmd_group volume_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
