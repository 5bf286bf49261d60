/* SPDX-License-Identifier: MIT */
/* Starting sandboxes: commands and options. */
#include "cmd/table/table_rows.h"

static const struct opt_spec run_opts[] = {
	{"interactive", 'i', OPT_FLAG, RUN(interactive), NULL, "connect standard input"},
	{"tty", 't', OPT_FLAG, RUN(tty), NULL, "give the program a terminal"},
	{"env", 'e', OPT_LIST, RUN(env), "NAME[=VALUE]", "set a variable inside; NAME alone copies yours",
		COMPLETE_VARIABLE},
	{"env-file", 0, OPT_LIST, RUN(env_files), "FILE", "set the variables of a file, one NAME=VALUE a line",
		COMPLETE_FILE},
	{"volume", 'v', OPT_LIST, RUN(volumes), "SRC:DST[:ro]", "show a host directory or file inside", COMPLETE_SHARE},
	{"mount", 0, OPT_LIST, RUN(mounts), "type=T,…",
		"the same in words: type=bind,src=…,dst=…[,ro] or type=tmpfs,dst=…", COMPLETE_FREE},
	{"share", 0, OPT_LIST, RUN(shares), "DIR", "show a directory at its own place, to read and write",
		COMPLETE_DIR},
	{"share-ro", 0, OPT_LIST, RUN(shares_ro), "DIR", "show a directory at its own place, read only", COMPLETE_DIR},
	{"secret", 0, OPT_LIST, RUN(secrets), "NAME=FILE|env:VAR", "give a secret as the file /run/secrets/NAME",
		COMPLETE_FREE},
	{"allow-env", 0, OPT_LIST, RUN(allow_env), "NAME", "let a variable of yours in, if it is set; * is any text",
		COMPLETE_VARIABLE},
	{"init", 0, OPT_FLAG, RUN(init), NULL, "run the program below a small init that passes signals on and reaps"},
	{"tmpfs", 0, OPT_LIST, RUN(tmpfs), "DST[:OPTIONS]",
		"an empty file system in memory: size=, mode=, uid=, gid=", COMPLETE_FREE},
	{"read-only", 0, OPT_FLAG, RUN(read_only), NULL, "make the root file system read only"},
	{"workdir", 'w', OPT_STRING, RUN(workdir), "DIR", "working directory inside", COMPLETE_INSIDE},
	{"user", 'u', OPT_STRING, RUN(user), "USER[:GROUP]", "user inside, by name or number", COMPLETE_USER},
	{"hostname", 'h', OPT_STRING, RUN(hostname), "NAME", "host name inside", COMPLETE_FREE},
	{"entrypoint", 0, OPT_STRING, RUN(entrypoint), "PROGRAM", "run this instead of the image's entry point",
		COMPLETE_PROGRAM},
	{"network", 0, OPT_CHOICE, RUN(network), "MODE",
		"slirp: own network, user-mode (default); none; host: yours, unsafe", COMPLETE_WORDS,
		"slirp none host"},
	{"net", 0, OPT_CHOICE, RUN(network), "MODE", "as --network", COMPLETE_WORDS, "slirp none host", true},
	{"name", 0, OPT_STRING, RUN(name), "NAME", "a name for the sandbox", COMPLETE_FREE},
	{"memory", 'm', OPT_SIZE, RUN(memory), "BYTES", "limit of memory: 512m, 2g", COMPLETE_FREE},
	{"pids-limit", 0, OPT_NUMBER, RUN(pids), "N", "limit of processes and threads; -1: the highest there is",
		COMPLETE_FREE},
	{"platform", 0, OPT_STRING, RUN(platform), "OS/ARCH", "platform of the image, if it has to be pulled",
		COMPLETE_PLATFORM},
	{"pull", 0, OPT_CHOICE, RUN(pull), "WHEN", "pull the image when missing (default), always or never",
		COMPLETE_WORDS, "missing always never"},
	{"quiet", 'q', OPT_FLAG, RUN(quiet), NULL, "show no progress while pulling"},
	{"rm", 0, OPT_FLAG, RUN(rm), NULL, "remove the sandbox when it ends"},
	{"rootfs", 0, OPT_STRING, RUN(rootfs), "DIR", "run on a directory instead of an image; it is not written to",
		COMPLETE_DIR},
	{"trace", 0, OPT_OPTIONAL, RUN(trace), "FILE", "write the system calls to FILE, or to standard error",
		COMPLETE_FILE},
	{"report", 0, OPT_OPTIONAL, RUN(report), "text|json[:FILE]",
		"say at the end what was touched: files, hosts, refused calls, programs, resources", COMPLETE_FREE},
	{"userns", 0, OPT_CHOICE, RUN(userns), "MODE", "none: use no namespaces (for tests)", COMPLETE_WORDS,
		"auto none", true},
	{"detach", 'd', OPT_FLAG, RUN(detach), NULL, "leave it running in the background, and print its id"},
	{"detach-keys", 0, OPT_STRING, RUN(detach_keys), "KEYS", "what to type to leave it (default ctrl-p,ctrl-q)",
		COMPLETE_FREE},
	{"sig-proxy", 0, OPT_CHOICE, RUN(sig_proxy), "BOOL", "false: do not pass signals on to the program",
		COMPLETE_WORDS, "true false"},
	{"keep", 0, OPT_FLAG, RUN(keep), NULL, "keep the sandbox when it ends, as runs of images are"},
	{"restart", 0, OPT_STRING, RUN(restart), "POLICY",
		"start it again when it ends: no, on-failure[:N], always, unless-stopped", COMPLETE_FREE},
	{"publish", 'p', OPT_REFUSED, 0, NULL, "ports of a sandbox cannot be published yet", .hidden = true},
	{"privileged", 0, OPT_REFUSED, 0, NULL, "a sandbox has no privileges to be had", .hidden = true},
};

static const char run_text[] =
	"Runs a program in a sandbox: on an image, on the tools of this machine (host: /usr, /bin, /lib, /opt and "
	"/etc without its secrets, an empty home, none of your data), or with --rootfs on a directory. What the "
	"program writes goes to memory and is dropped at the end, but for what -v names. The environment inside is "
	"the image's and what -e names. The exit status is the program's; 128+n after signal n; 125 if Picket failed, "
	"126 if the program cannot be executed, 127 if it is not found.";

static const char run_examples[] =
	"run -it alpine sh # a shell in a terminal\n"
	"run -v .:/src:ro -w /src host -- ./install.sh # this machine's tools; of its data this directory, to read\n"
	"run --network none --memory 512m --pids-limit 200 host -- make # with limits\n"
	"run --rootfs ./tree -- ./a.out # a directory as the root";

static const struct cmd_spec commands[] = {
	{"run", "[OPTIONS] IMAGE|host|--rootfs DIR [--] [CMD ARG…]", "run a program in a sandbox", run_text,
		OPTS(run_opts, run_options), 0, -1, true, COMPLETE_RUNNABLE, .failure = EXIT_PICKET, .run = cmd_run,
		.then = COMPLETE_PROGRAM, .examples = run_examples},
};

static const struct cmd_alias aliases[] = {
	{"container", "run", "run"},
};

const struct cmd_group run_group = {"Run", commands, COUNT(commands), aliases, COUNT(aliases)};
