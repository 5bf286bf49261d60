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
		"slirp: own network, user-mode (default); none; container:SANDBOX: that one's; host: yours, unsafe",
		COMPLETE_NETWORK, "slirp none host container: bridge default private"},
	{"net", 0, OPT_CHOICE, RUN(network), "MODE", "as --network", COMPLETE_NETWORK, "slirp none host container: bridge default private", true},
	{"publish", 'p', OPT_LIST, RUN(net.publish), "[IP:][PORT:]PORT[/udp]",
		"let a port of this machine lead to one inside; ranges too", COMPLETE_FREE},
	{"publish-all", 'P', OPT_FLAG, RUN(net.publish_all), NULL, "publish the ports that the image exposes, at free ones"},
	{"add-host", 0, OPT_LIST, RUN(net.add_host), "NAME:ADDRESS",
		"a line of /etc/hosts; host-gateway is this machine", COMPLETE_FREE},
	{"dns", 0, OPT_LIST, RUN(net.dns), "ADDRESS", "ask this name server", COMPLETE_FREE},
	{"dns-search", 0, OPT_LIST, RUN(net.dns_search), "DOMAIN", "a domain that names are looked for in", COMPLETE_FREE},
	{"dns-option", 0, OPT_LIST, RUN(net.dns_option), "OPTION", "an option of resolv.conf(5)", COMPLETE_FREE},
	{"dns-opt", 0, OPT_LIST, RUN(net.dns_option), "OPTION", "as --dns-option", COMPLETE_FREE, .hidden = true},
	{"mac-address", 0, OPT_STRING, RUN(net.mac), "ADDRESS", "of the network interface inside", COMPLETE_FREE},
	{"expose", 0, OPT_LIST, RUN(net.expose), "PORT[/udp]", "a port that -P publishes too", COMPLETE_FREE},
	{"name", 0, OPT_STRING, RUN(name), "NAME", "a name for the sandbox", COMPLETE_FREE},
	{"memory", 'm', OPT_SIZE, RUN(memory), "BYTES", "limit of memory: 512m, 2g", COMPLETE_FREE},
	{"memory-swap", 0, OPT_STRING, RUN(limits.memory_swap), "BYTES", "limit of memory and swap together; -1: none",
		COMPLETE_FREE},
	{"memory-reservation", 0, OPT_SIZE, RUN(limits.memory_reservation), "BYTES", "memory that is kept for it", COMPLETE_FREE},
	{"cpus", 0, OPT_STRING, RUN(limits.cpus), "N", "limit of processors: 1.5", COMPLETE_FREE},
	{"cpu-shares", 'c', OPT_NUMBER, RUN(limits.cpu_shares), "N", "weight beside others; 1024 is usual", COMPLETE_FREE},
	{"cpu-period", 0, OPT_NUMBER, RUN(limits.cpu_period), "MICROSECONDS", "see --cpu-quota", COMPLETE_FREE},
	{"cpu-quota", 0, OPT_NUMBER, RUN(limits.cpu_quota), "MICROSECONDS", "processor time in each --cpu-period; --cpus is simpler",
		COMPLETE_FREE},
	{"cpuset-cpus", 0, OPT_STRING, RUN(limits.cpuset), "LIST", "processors it may run on: 0-2,5", COMPLETE_FREE},
	{"pids-limit", 0, OPT_NUMBER, RUN(pids), "N", "limit of processes and threads; -1: the highest there is",
		COMPLETE_FREE},
	{"ulimit", 0, OPT_LIST, RUN(limits.ulimits), "NAME=SOFT[:HARD]", "a limit of each process: nofile=1024", COMPLETE_ULIMIT},
	{"shm-size", 0, OPT_SIZE, RUN(limits.shm_size), "BYTES", "size of /dev/shm", COMPLETE_FREE},
	{"oom-score-adj", 0, OPT_STRING, RUN(limits.oom_score_adj), "N", "-1000 to 1000: who ends first when memory runs out",
		COMPLETE_FREE},
	{"sysctl", 0, OPT_LIST, RUN(limits.sysctls), "NAME=VALUE", "set a kernel parameter inside", COMPLETE_FREE},
	{"cap-add", 0, OPT_LIST, RUN(limits.cap_add), "CAPABILITY", "leave it this capability behind --cap-drop",
		COMPLETE_CAPABILITY},
	{"cap-drop", 0, OPT_LIST, RUN(limits.cap_drop), "CAPABILITY", "take a capability from all inside; ALL",
		COMPLETE_CAPABILITY},
	{"security-opt", 0, OPT_LIST, RUN(limits.security), "OPTION", "no-new-privileges", COMPLETE_FREE},
	{"group-add", 0, OPT_LIST, RUN(limits.groups), "GROUP", "the user is in this group too", COMPLETE_FREE},
	{"domainname", 0, OPT_STRING, RUN(limits.domainname), "NAME", "NIS domain name inside", COMPLETE_FREE},
	{"ipc", 0, OPT_STRING, RUN(limits.ipc), "MODE", "private, as always", COMPLETE_FREE, .hidden = true},
	{"pid", 0, OPT_STRING, RUN(limits.pid), "MODE", "private, as always", COMPLETE_FREE, .hidden = true},
	{"uts", 0, OPT_STRING, RUN(limits.uts), "MODE", "private, as always", COMPLETE_FREE, .hidden = true},
	{"cgroupns", 0, OPT_STRING, RUN(limits.cgroupns), "MODE", "private, as always", COMPLETE_FREE, .hidden = true},
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
	{"device", 0, OPT_REFUSED, 0, NULL, "a sandbox has no devices of this machine; its system calls never reach the host's kernel",
		.hidden = true},
	{"gpus", 0, OPT_REFUSED, 0, NULL, "a sandbox has no devices of this machine", .hidden = true},
	{"ip", 0, OPT_REFUSED, 0, NULL, "each sandbox has a network of its own, with the address 10.0.2.100", .hidden = true},
	{"ip6", 0, OPT_REFUSED, 0, NULL, "the network of a sandbox is IPv4", .hidden = true},
	{"network-alias", 0, OPT_REFUSED, 0, NULL, "sandboxes share no network; --network container:SANDBOX joins one", .hidden = true},
	{"link", 0, OPT_REFUSED, 0, NULL, "sandboxes share no network; --network container:SANDBOX joins one", .hidden = true},
	{"oom-kill-disable", 0, OPT_REFUSED, 0, NULL, "a sandbox whose memory has run out could never go on", .hidden = true},
	{"memory-swappiness", 0, OPT_REFUSED, 0, NULL, "what is swapped out is the host's business", .hidden = true},
	{"kernel-memory", 0, OPT_REFUSED, 0, NULL, "the sentry's memory for the sandbox counts as --memory", .hidden = true},
	{"blkio-weight", 0, OPT_REFUSED, 0, NULL, "disks are shared as the host shares them", .hidden = true},
	{"cgroup-parent", 0, OPT_REFUSED, 0, NULL, "the control group is found by itself; picket info shows it", .hidden = true},
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
