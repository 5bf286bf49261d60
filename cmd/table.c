/* SPDX-License-Identifier: MIT */
/* The commands and options of picket. Nothing else in the program names them. */
#include "cmd/table.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/message.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define RUN(field) offsetof(struct run_options, field)
#define FETCH(field) offsetof(struct fetch_options, field)
#define LIST(field) offsetof(struct list_options, field)

static const struct opt_spec run_opts[] = {
	{"interactive", 'i', OPT_FLAG, RUN(interactive), NULL, "connect standard input"},
	{"tty", 't', OPT_FLAG, RUN(tty), NULL, "give the program a terminal"},
	{"env", 'e', OPT_LIST, RUN(env), "NAME[=VALUE]", "set a variable inside; NAME alone copies yours",
		COMPLETE_VARIABLE},
	{"env-file", 0, OPT_LIST, RUN(env_files), "FILE", "set the variables of a file, one NAME=VALUE a line",
		COMPLETE_FILE},
	{"volume", 'v', OPT_LIST, RUN(volumes), "SRC:DST[:ro]", "show a host directory or file inside", COMPLETE_FILE},
	{"mount", 0, OPT_LIST, RUN(mounts), "type=T,…",
		"the same in words: type=bind,src=…,dst=…[,ro] or type=tmpfs,dst=…"},
	{"tmpfs", 0, OPT_LIST, RUN(tmpfs), "DST[:OPTIONS]", "an empty file system in memory: size=, mode=, uid=, gid="},
	{"read-only", 0, OPT_FLAG, RUN(read_only), NULL, "make the root file system read only"},
	{"workdir", 'w', OPT_STRING, RUN(workdir), "DIR", "working directory inside"},
	{"user", 'u', OPT_STRING, RUN(user), "USER[:GROUP]", "user inside, by name or number"},
	{"hostname", 'h', OPT_STRING, RUN(hostname), "NAME", "host name inside"},
	{"entrypoint", 0, OPT_STRING, RUN(entrypoint), "PROGRAM", "run this instead of the image's entry point"},
	{"network", 0, OPT_CHOICE, RUN(network), "MODE",
		"slirp: own network, user-mode (default); none; host: yours, unsafe", COMPLETE_WORDS,
		"slirp none host"},
	{"net", 0, OPT_CHOICE, RUN(network), "MODE", "as --network", COMPLETE_WORDS, "slirp none host", true},
	{"name", 0, OPT_STRING, RUN(name), "NAME", "a name for the sandbox"},
	{"memory", 'm', OPT_SIZE, RUN(memory), "BYTES", "limit of memory: 512m, 2g"},
	{"pids-limit", 0, OPT_NUMBER, RUN(pids), "N", "limit of processes and threads; -1: the highest there is"},
	{"platform", 0, OPT_STRING, RUN(platform), "OS/ARCH", "platform of the image, if it has to be pulled"},
	{"pull", 0, OPT_CHOICE, RUN(pull), "WHEN", "pull the image when missing (default), always or never",
		COMPLETE_WORDS, "missing always never"},
	{"quiet", 'q', OPT_FLAG, RUN(quiet), NULL, "show no progress while pulling"},
	{"rm", 0, OPT_FLAG, RUN(rm), NULL, "accepted: what a sandbox writes is always dropped when it ends"},
	{"rootfs", 0, OPT_STRING, RUN(rootfs), "DIR", "run on a directory instead of an image; it is not written to",
		COMPLETE_DIR},
	{"trace", 0, OPT_OPTIONAL, RUN(trace), "FILE", "write the system calls to FILE, or to standard error",
		COMPLETE_FILE},
	{"userns", 0, OPT_CHOICE, RUN(userns), "MODE", "none: use no namespaces (for tests)", COMPLETE_WORDS,
		"auto none", true},
	{"detach", 'd', OPT_REFUSED, 0, NULL, "every sandbox runs in the foreground", .hidden = true},
	{"publish", 'p', OPT_REFUSED, 0, NULL, "ports of a sandbox cannot be published yet", .hidden = true},
	{"privileged", 0, OPT_REFUSED, 0, NULL, "a sandbox has no privileges to be had", .hidden = true},
};

static const struct opt_spec pull_opts[] = {
	{"platform", 0, OPT_STRING, FETCH(platform), "OS/ARCH",
		"the platform to take from a list (default linux/amd64)"},
	{"tls-verify", 0, OPT_CHOICE, FETCH(tls_verify), "BOOL", "false: do not check the registry's certificate",
		COMPLETE_WORDS, "true false"},
	{"quiet", 'q', OPT_FLAG, FETCH(quiet), NULL, "show no progress"},
};

static const struct opt_spec load_opts[] = {
	{"input", 'i', OPT_STRING, FETCH(input), "FILE", "the archive or directory, as in docker load -i",
		COMPLETE_FILE},
	{"quiet", 'q', OPT_FLAG, FETCH(quiet), NULL, "show no progress"},
};

static const struct opt_spec images_opts[] = {
	{"format", 0, OPT_CHOICE, LIST(format), "FORMAT", "table (default) or json", COMPLETE_WORDS, "table json"},
	{"quiet", 'q', OPT_FLAG, LIST(quiet), NULL, "print image IDs only"},
	{"no-trunc", 0, OPT_FLAG, LIST(no_trunc), NULL, "print whole image IDs"},
	{"all", 'a', OPT_FLAG, LIST(all), NULL, "accepted: all images are always listed", .hidden = true},
};

static const struct opt_spec rmi_opts[] = {
	{"force", 'f', OPT_FLAG, LIST(force), NULL, "do not complain about images that are not there"},
};

static const struct opt_spec inspect_opts[] = {
	{"format", 'f', OPT_CHOICE, LIST(format), "FORMAT", "json (default) or text", COMPLETE_WORDS, "json text"},
};

static const struct opt_spec prune_opts[] = {
	{"force", 'f', OPT_FLAG, LIST(force), NULL, "accepted: picket prune asks nothing", .hidden = true},
	{"all", 'a', OPT_FLAG, LIST(all), NULL, "forget every image first, named or not"},
};

static const struct opt_spec format_opts[] = {
	{"format", 0, OPT_CHOICE, LIST(format), "FORMAT", "text (default) or json", COMPLETE_WORDS, "text json"},
};

static const char run_text[] =
	"Runs a program in a sandbox: on an image, on the tools of this machine (host: /usr, /bin, /lib, /opt and "
	"/etc without its secrets, an empty home, none of your data), or with --rootfs on a directory. What the "
	"program writes goes to memory and is dropped at the end, but for what -v names. The environment inside is "
	"the image's and what -e names. The exit status is the program's; 128+n after signal n; 125 if Picket failed, "
	"126 if the program cannot be executed, 127 if it is not found.";

#define OPTS(list, type) .opts = (list), .opt_count = COUNT(list), .opts_size = sizeof(struct type)
#define NO_OPTS .opts_size = 1

const struct cmd_spec commands[] = {
	{"run", "[OPTIONS] IMAGE|host|--rootfs DIR [--] [CMD ARG…]", "run a program in a sandbox", run_text,
		OPTS(run_opts, run_options), 0, -1, true, COMPLETE_RUNNABLE, .failure = EXIT_PICKET, .run = cmd_run},
	{"pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "fetch an image from a registry",
		"Names are docker's: busybox is docker.io/library/busybox:latest. Credentials are those of docker "
		"login or podman login (~/.docker/config.json). Layers that are there already are not fetched again.",
		OPTS(pull_opts, fetch_options), 1, 1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED,
		.run = cmd_pull},
	{"load", "[OPTIONS] [FILE|DIR|-]", "take images from an archive or a directory",
		"Reads what docker save and podman save write, and OCI layouts as a directory or a tar archive. "
		"Without an argument, and with -, from standard input.",
		OPTS(load_opts, fetch_options), 0, 1, .complete = COMPLETE_FILE, .failure = EXIT_FAILED,
		.run = cmd_load},
	{"images", "[OPTIONS] [NAME]", "list the images in the store", NULL, OPTS(images_opts, list_options), 0, 1,
		.complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_images},
	{"inspect", "[OPTIONS] IMAGE…", "show what an image says of itself", NULL, OPTS(inspect_opts, list_options), 1,
		-1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_inspect},
	{"rmi", "[OPTIONS] IMAGE…", "remove images",
		"Forgets the names and frees what no other image and no running sandbox uses.",
		OPTS(rmi_opts, list_options), 1, -1, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED,
		.run = cmd_rmi},
	{"mount", "IMAGE [DIR]", "show an image as a directory",
		"Mounts the image's tree, read only, on DIR, which must exist and be empty, or on a new directory; "
		"prints the directory.",
		NO_OPTS, 1, 2, .complete = COMPLETE_IMAGE, .failure = EXIT_FAILED, .run = cmd_mount},
	{"umount", "DIR|IMAGE…", "end a picket mount", NULL, NO_OPTS, 1, -1, .complete = COMPLETE_MOUNTED,
		.failure = EXIT_FAILED, .run = cmd_umount},
	{"prune", "[OPTIONS]", "free what no image uses any more", NULL, OPTS(prune_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_prune},
	{"verify", "", "check every byte of the store", NULL, NO_OPTS, 0, 0, .failure = EXIT_FAILED, .run = cmd_verify},
	{"doctor", "[OPTIONS]", "say what this host gives, and how to mend what it does not",
		"The exit status is 0 when sandboxes can run.", OPTS(format_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_doctor},
	{"info", "[OPTIONS]", "say where things are and which ways are used", NULL, OPTS(format_opts, list_options), 0,
		0, .failure = EXIT_FAILED, .run = cmd_info},
	{"version", "[OPTIONS]", "print the version", NULL, OPTS(format_opts, list_options), 0, 0,
		.failure = EXIT_FAILED, .run = cmd_version},
	{"completion", "bash|zsh|fish", "print a completion script for a shell", NULL, NO_OPTS, 1, 1,
		.failure = EXIT_FAILED, .run = cmd_completion},
	{"help", "[COMMAND]", "explain a command", NULL, NO_OPTS, 0, 2, .complete = COMPLETE_COMMAND,
		.failure = EXIT_FAILED, .run = cmd_help},
	{"__man", "", "print the manual page", NULL, NO_OPTS, 0, 0, .hidden = true, .failure = EXIT_FAILED,
		.run = cmd_man},
	{"__complete", "KIND", "print live names for the completions", NULL, NO_OPTS, 1, 1, .hidden = true,
		.failure = EXIT_FAILED, .run = cmd_complete},
};

const size_t command_count = COUNT(commands);

const struct cmd_alias command_aliases[] = {
	{"image", "ls", "images"},
	{"image", "list", "images"},
	{"image", "pull", "pull"},
	{"image", "load", "load"},
	{"image", "rm", "rmi"},
	{"image", "inspect", "inspect"},
	{"image", "mount", "mount"},
	{"image", "umount", "umount"},
	{"image", "unmount", "umount"},
	{"image", "prune", "prune"},
	{"container", "run", "run"},
	{"system", "info", "info"},
	{"system", "prune", "prune"},
	{NULL, "unmount", "umount"},
};

const size_t command_alias_count = COUNT(command_aliases);

const struct cmd_spec *find_command(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}
