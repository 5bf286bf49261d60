/* SPDX-License-Identifier: MIT */
/* What is done with sandboxes that are there: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec exec_opts[] = {
	{"interactive", 'i', OPT_FLAG, EXEC(interactive), NULL, "connect standard input"},
	{"tty", 't', OPT_FLAG, EXEC(tty), NULL, "give the process a terminal"},
	{"detach", 'd', OPT_FLAG, EXEC(detach), NULL, "start it and leave it alone"},
	{"env", 'e', OPT_LIST, EXEC(env), "NAME[=VALUE]", "set a variable inside; NAME alone copies yours",
		COMPLETE_VARIABLE},
	{"env-file", 0, OPT_LIST, EXEC(env_files), "FILE", "set the variables of a file, one NAME=VALUE a line",
		COMPLETE_FILE},
	{"workdir", 'w', OPT_STRING, EXEC(workdir), "DIR", "working directory inside (default: the sandbox's)",
		COMPLETE_INSIDE},
	{"user", 'u', OPT_STRING, EXEC(user), "USER[:GROUP]", "user inside (default: the sandbox's)", COMPLETE_USER},
	{"detach-keys", 0, OPT_STRING, EXEC(detach_keys), "KEYS", "keys that leave the process (ctrl-p,ctrl-q)",
		COMPLETE_FREE},
	{"privileged", 0, OPT_REFUSED, 0, NULL, "a sandbox has no privileges to be had", .hidden = true},
};

static const char exec_text[] =
	"Starts a process in a running sandbox, with the sandbox's variables, user and working directory, and waits for its end. "
	"The exit status is the process's; 128+n after signal n; 125 if Picket failed, 126 if the program cannot be "
	"executed, 127 if it is not found. Without -t signals are passed on to the process; if picket is killed the process goes "
	"on, but for one with a terminal, which is hung up.";

static const char exec_examples[] =
	"exec -it web sh # a shell in the running sandbox web\n"
	"exec -u postgres db psql -c 'select 1' # a command as another user\n"
	"exec -d -e LEVEL=3 web /work.sh # in the background";

static const struct cmd_spec commands[] = {
	{"top", "SANDBOX [PS OPTIONS]", "list the processes of a sandbox",
		"Without options as ps -ef; -e, -f, aux and -o COLUMNS choose other columns. The processes are always all of the "
		"sandbox's, and their numbers those they have inside.", NO_OPTS, 1, -1, true, COMPLETE_RUNNING,
		.failure = EXIT_FAILED, .run = cmd_top,
		.examples = "top web # as ps -ef\ntop web aux # with memory and processor\ntop web -o pid,etime,args # these columns"},
	{"exec", "[OPTIONS] SANDBOX CMD [ARG…]", "run a command in a running sandbox", exec_text, OPTS(exec_opts, exec_options), 2,
		-1, true, COMPLETE_ACTIVE, .failure = EXIT_PICKET, .run = cmd_exec, .then = COMPLETE_PROGRAM,
		.examples = exec_examples},
};

static const struct cmd_alias aliases[] = {
	{"container", "exec", "exec"},
	{"container", "top", "top"},
};

const struct cmd_group sandbox_group = {"Sandboxes", commands, COUNT(commands), aliases, COUNT(aliases)};
