/* SPDX-License-Identifier: MIT */
/* What kept sandboxes have changed: commands and options. */
#include "cmd/table/table_rows.h"

#define DIFF(field) offsetof(struct diff_options, field)
#define APPLY(field) offsetof(struct apply_options, field)
#define COMMIT(field) offsetof(struct commit_options, field)

static const struct opt_spec diff_opts[] = {
	{"share", 0, OPT_FLAG, DIFF(share), NULL, "only what was changed in directories of --share-cow"},
	{"format", 0, OPT_CHOICE, DIFF(format), "FORMAT", "text (default) or json", COMPLETE_WORDS, "text json"},
};

static const struct opt_spec apply_opts[] = {
	{"all", 'a', OPT_FLAG, APPLY(all), NULL, "all that was changed"},
	{"dry-run", 'n', OPT_FLAG, APPLY(dry_run), NULL, "say what would be done, and do nothing"},
	{"interactive", 'i', OPT_FLAG, APPLY(interactive), NULL, "ask before each change"},
	{"force", 'f', OPT_FLAG, APPLY(force), NULL,
		"also over what was changed here meanwhile, links that lead out, and what git runs"},
};

static const struct opt_spec commit_opts[] = {
	{"author", 'a', OPT_STRING, COMMIT(author), "AUTHOR", "who made it", COMPLETE_FREE},
	{"message", 'm', OPT_STRING, COMMIT(message), "TEXT", "a comment, shown by picket history", COMPLETE_FREE},
	{"change", 'c', OPT_LIST, COMMIT(changes), "INSTRUCTION",
		"change the image's configuration: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR",
		COMPLETE_FREE},
	{"pause", 'p', OPT_CHOICE, COMMIT(pause), "BOOL", "pause the sandbox meanwhile (default true)", COMPLETE_WORDS,
		"true false"},
};

static const struct cmd_spec commands[] = {
	{"diff", "[OPTIONS] SANDBOX", "list what a sandbox has changed",
		"A line for each path: A added, C changed, D deleted. What was changed in a directory of --share-cow is listed under "
		"its own path.",
		OPTS(diff_opts, diff_options), 1, 1, .complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_diff,
		.examples = "diff web # what web has changed\n"
			    "diff --share build # what it would change in the shared directory"},
	{"apply", "[OPTIONS] SANDBOX [PATH…]", "do to the shared directory what a sandbox has changed in it",
		"After a run with --share-cow: the changes below each PATH, or all, are done to the directory itself. Files that were "
		"changed there since the sandbox was made are left as they are, and so are links that lead out of the directory and "
		"what git runs or is led by (hooks, configuration, a .git that is no directory, a HEAD of its own), unless they "
		"are named or --force is given. Set-user-ID bits, owners and devices stay in the sandbox.",
		OPTS(apply_opts, apply_options), 1, -1, .complete = COMPLETE_SANDBOX, .then = COMPLETE_FILE,
		.failure = EXIT_FAILED, .run = cmd_apply,
		.examples = "apply --dry-run build # what would be done\n"
			    "apply build src/ package.json # these alone\n"
			    "apply -i build # asks for each"},
	{"commit", "[OPTIONS] SANDBOX [IMAGE[:TAG]]", "make an image of a sandbox",
		"The image is the one the sandbox was made from, one layer with its changes, and its command, variables, user and "
		"labels. Volumes, shares and secrets are not in it. A sandbox that runs is paused meanwhile.",
		OPTS(commit_opts, commit_options), 1, 2, .complete = COMPLETE_SANDBOX, .then = COMPLETE_FREE,
		.failure = EXIT_FAILED, .run = cmd_commit,
		.examples = "commit web web:patched # an image of the sandbox as it is\n"
			    "commit -c 'CMD [\"nginx\"]' -m 'with nginx' web web:2 # with another command"},
};

static const struct cmd_alias aliases[] = {
	{"container", "diff", "diff"},
	{"container", "commit", "commit"},
};

const struct cmd_group changes_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
