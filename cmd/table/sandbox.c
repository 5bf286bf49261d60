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

static const struct opt_spec cp_opts[] = {
	{"archive", 'a', OPT_FLAG, CP(archive), NULL, "keep the numbers of owners and extended attributes (into a sandbox)"},
	{"follow-link", 'L', OPT_FLAG, CP(follow), NULL, "copy what SRC leads to if it is a symbolic link"},
	{"quiet", 'q', OPT_FLAG, CP(quiet), NULL, "show no progress"},
};

static const struct opt_spec export_opts[] = {
	{"output", 'o', OPT_STRING, offsetof(struct export_options, output), "FILE", "write to a file, not to standard output",
		COMPLETE_FILE},
};

static const char cp_text[] =
	"Copies files and directories between a sandbox, running or not, and this machine. SRC/. means what the directory "
	"holds. A DST that is a directory gets SRC into it, another name is SRC's new one; the directory it lies in must exist. - is "
	"a tar archive on standard input or output. What comes out is yours, without set-user-ID bits and device nodes; what goes in "
	"is root's, or with -a of the same numbers as here.";

static const char exec_text[] =
	"Starts a process in a running sandbox, with the sandbox's variables, user and working directory, and waits for its end. "
	"The exit status is the process's; 128+n after signal n; 125 if Picket failed, 126 if the program cannot be "
	"executed, 127 if it is not found. Without -t signals are passed on to the process; if picket is killed the process goes "
	"on, but for one with a terminal, which is hung up.";

static const char exec_examples[] =
	"exec -it web sh # a shell in the running sandbox web\n"
	"exec -u postgres db psql -c 'select 1' # a command as another user\n"
	"exec -d -e LEVEL=3 web /work.sh # in the background";

static const struct opt_spec stats_opts[] = {
	{"all", 'a', OPT_FLAG, STATS(all), NULL, "those that do not run too"},
	{"no-stream", 0, OPT_FLAG, STATS(no_stream), NULL, "once, not again and again"},
	{"no-trunc", 0, OPT_FLAG, STATS(no_trunc), NULL, "whole ids"},
	{"format", 0, OPT_STRING, STATS(format), "FORMAT", "table, json, or a template of Go's", COMPLETE_TEMPLATE},
};

static const struct opt_spec update_opts[] = {
	{"memory", 'm', OPT_SIZE, UPDATE(memory), "BYTES", "limit of memory: 512m, 2g", COMPLETE_FREE},
	{"memory-swap", 0, OPT_STRING, UPDATE(limits.memory_swap), "BYTES", "limit of memory and swap together; -1: none",
		COMPLETE_FREE},
	{"memory-reservation", 0, OPT_SIZE, UPDATE(limits.memory_reservation), "BYTES", "memory that is kept for it",
		COMPLETE_FREE},
	{"cpus", 0, OPT_STRING, UPDATE(limits.cpus), "N", "limit of processors: 1.5; 0: none", COMPLETE_FREE},
	{"cpu-shares", 'c', OPT_NUMBER, UPDATE(limits.cpu_shares), "N", "weight beside others; 1024 is usual", COMPLETE_FREE},
	{"cpu-period", 0, OPT_NUMBER, UPDATE(limits.cpu_period), "MICROSECONDS", "see --cpu-quota", COMPLETE_FREE},
	{"cpu-quota", 0, OPT_NUMBER, UPDATE(limits.cpu_quota), "MICROSECONDS", "processor time in each --cpu-period", COMPLETE_FREE},
	{"pids-limit", 0, OPT_NUMBER, UPDATE(pids), "N", "limit of processes and threads; -1: the highest there is",
		COMPLETE_FREE},
	{"restart", 0, OPT_STRING, UPDATE(restart), "POLICY", "no, on-failure[:N], always, unless-stopped", COMPLETE_FREE},
};

static const char pause_text[] =
	"Stops all processes of a sandbox where they are. Time goes on: what expired meanwhile and signals that came are seen "
	"when picket unpause lets the sandbox go on.";

static const char stats_text[] =
	"Shows the processor time, memory, network and disk traffic and number of processes of running sandboxes, anew each second; "
	"100 % are one processor. The numbers are those that the limits are held by.";

static const char update_text[] =
	"Changes limits and the restart policy, at once where the sandbox runs, and for later starts. Memory below what is in use ends the "
	"largest process.";

static const struct cmd_spec commands[] = {
	{"cp", "[OPTIONS] SANDBOX:SRC DST|- or SRC|- SANDBOX:DST", "copy files out of a sandbox or into one", cp_text,
		OPTS(cp_opts, cp_options), 2, 2, .complete = COMPLETE_COPY, .failure = EXIT_FAILED, .run = cmd_cp,
		.then = COMPLETE_COPY,
		.examples = "cp web:/var/log/app.log . # a file out\ncp ./site/. web:/srv # what a directory holds\n"
			    "cp web:/etc - | tar t # as an archive"},
	{"export", "[-o FILE] SANDBOX", "write the whole tree of a sandbox as a tar archive",
		"What is mounted in it (volumes, /proc, /dev and the like) is left out.", OPTS(export_opts, export_options), 1, 1,
		.complete = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_export,
		.examples = "export -o tree.tar web # into a file\nexport web | tar t # what is in it"},
	{"pause", "SANDBOX…", "stop all processes of sandboxes for a while", pause_text, NO_OPTS, 1, -1,
		.complete = COMPLETE_ACTIVE, .then = COMPLETE_ACTIVE, .failure = EXIT_FAILED, .run = cmd_pause,
		.examples = "pause web # until picket unpause web"},
	{"port", "SANDBOX [PORT[/udp]]", "show where ports of a sandbox are published", NULL, NO_OPTS, 1, 2,
		.complete = COMPLETE_RUNNING, .then = COMPLETE_FREE, .failure = EXIT_FAILED, .run = cmd_port,
		.examples = "port web 80 # 0.0.0.0:8080"},
	{"stats", "[OPTIONS] [SANDBOX…]", "show what sandboxes use", stats_text, OPTS(stats_opts, stats_options), 0, -1,
		.complete = COMPLETE_RUNNING, .then = COMPLETE_RUNNING, .failure = EXIT_FAILED, .run = cmd_stats,
		.examples = "stats --no-stream # once\nstats --format '{{.Name}} {{.MemUsage}}' web # of one, again and again"},
	{"unpause", "SANDBOX…", "let paused sandboxes go on", NULL, NO_OPTS, 1, -1, .complete = COMPLETE_PAUSED,
		.then = COMPLETE_PAUSED, .failure = EXIT_FAILED, .run = cmd_unpause, .examples = "unpause web # it goes on"},
	{"update", "OPTIONS SANDBOX…", "change limits of sandboxes", update_text, OPTS(update_opts, update_options), 1, -1,
		.complete = COMPLETE_SANDBOX, .then = COMPLETE_SANDBOX, .failure = EXIT_FAILED, .run = cmd_update,
		.examples = "update --memory 1g --cpus 2 web # from now on\nupdate --restart on-failure:3 web # another restart policy"},
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
	{"container", "cp", "cp"},
	{"container", "pause", "pause"},
	{"container", "port", "port"},
	{"container", "stats", "stats"},
	{"container", "unpause", "unpause"},
	{"container", "update", "update"},
	{"container", "exec", "exec"},
	{"container", "export", "export"},
	{"container", "top", "top"},
};

const struct cmd_group sandbox_group = {commands, COUNT(commands), aliases, COUNT(aliases)};
