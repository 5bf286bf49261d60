/* SPDX-License-Identifier: MIT */
/* picket-runtime: global options, and the verb. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

struct arguments {
	struct runtime rt;
	const char *root;
	bool help, version;
};

static const struct option_row options[] = {
	{OPTION_TEXT, "root", 0, offsetof(struct arguments, root), "directory of the containers' state"},
	{OPTION_TEXT, "log", 0, offsetof(struct arguments, rt.log), "file that errors and warnings are appended to"},
	{OPTION_TEXT, "log-format", 0, offsetof(struct arguments, rt.log_format), "text or json"},
	{OPTION_FLAG, "debug", 0, offsetof(struct arguments, rt.debug), "say what is done"},
	{OPTION_FLAG, "systemd-cgroup", 0, offsetof(struct arguments, rt.systemd_cgroup),
		"cgroupsPath is slice:prefix:name, made by systemd"},
	{OPTION_TEXT, "cgroup-manager", 0, offsetof(struct arguments, rt.cgroup_manager), "cgroupfs, systemd or disabled"},
	{OPTION_TEXT, "rootless", 0, offsetof(struct arguments, rt.rootless), "true, false or auto: it is found out in any case"},
	{OPTION_UNUSED, "criu", 0, 0, "accepted"},
	{OPTION_FLAG, "help", 'h', offsetof(struct arguments, help), "show this"},
	{OPTION_FLAG, "version", 'v', offsetof(struct arguments, version), "show the version"},
	{OPTION_END},
};

/* Under a heading, if there are any. */
static void print_options(const struct option_row *rows)
{
	if (rows && rows->kind != OPTION_END)
		puts("\nOptions:");
	for (; rows && rows->kind != OPTION_END; rows++) {
		const char *value = rows->kind == OPTION_FLAG || rows->kind == OPTION_IGNORED ? "" : " VALUE";
		char *name = rows->letter && rows->name ? xasprintf("-%c, --%s%s", rows->letter, rows->name, value)
			     : rows->name		? xasprintf("    --%s%s", rows->name, value)
							: xasprintf("-%c%s", rows->letter, value);

		printf("  %-28s %s\n", name, rows->help ? rows->help : "");
		free(name);
	}
}

static int print_help(void)
{
	puts("picket-runtime: containers under Picket's sentry, by the command line of the OCI runtime specification\n\n"
	     "Usage: picket-runtime [OPTIONS] VERB [ARGUMENTS]\n\nVerbs:");
	for (const struct verb *const *v = verbs; *v; v++)
		printf("  %-12s %s\n", (*v)->name, (*v)->help);
	print_options(options);
	puts("\nExamples:\n"
	     "  podman --runtime /usr/local/bin/picket-runtime run --rm debian:12 uname -r\n"
	     "  picket-runtime spec --rootless && picket-runtime run box      in a directory with rootfs/\n"
	     "  picket-runtime list\n\n"
	     "picket-runtime VERB --help explains a verb; man picket-runtime says how callers are set up.");
	return 0;
}

static int print_verb_help(const struct verb *v)
{
	printf("picket-runtime %s: %s\n\nUsage: picket-runtime [OPTIONS] %s%s%s\n", v->name, v->help, v->name, *v->usage ? " " : "",
		v->usage);
	print_options(v->options);
	return 0;
}

static int print_version(void)
{
	printf("picket-runtime version %s\nspec: %s\n", PICKET_VERSION, OCI_VERSION);
	return 0;
}

/* Where nobody said: a place of this user that does not outlive the boot. */
static char *default_root(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0 && access("/run", W_OK) == 0 && !(runtime && *runtime && getenv("_CONTAINERS_USERNS_CONFIGURED")))
		return xstrdup("/run/picket-runtime");
	if (runtime && *runtime == '/')
		return xasprintf("%s/picket-runtime", runtime);
	return xasprintf("/tmp/picket-runtime-%u", (unsigned int)geteuid());
}

static char *absolute(const char *path)
{
	char *cwd, *whole;

	if (*path == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	whole = xasprintf("%s/%s", cwd ? cwd : "", path);
	free(cwd);
	return whole;
}

static const struct verb *find_verb(const char *name)
{
	for (const struct verb *const *v = verbs; *v; v++)
		if (strcmp((*v)->name, name) == 0)
			return *v;
	return NULL;
}

/* What is asked for of a verb before its own options are read. */
static bool wants_help(int argc, char **argv)
{
	return argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
}

static int check_global(const struct runtime *rt)
{
	static const char *const managers[] = {"cgroupfs", "systemd", "disabled", NULL};

	if (strcmp(rt->log_format, "json") != 0 && strcmp(rt->log_format, "text") != 0)
		return fail("--log-format is text or json, not %s", rt->log_format);
	for (size_t i = 0; rt->cgroup_manager; i++) {
		if (!managers[i])
			return fail("--cgroup-manager is cgroupfs, systemd or disabled, not %s", rt->cgroup_manager);
		if (strcmp(managers[i], rt->cgroup_manager) == 0)
			break;
	}
	return 0;
}

static int unknown_verb(const char *name)
{
	fail("there is no verb %s; picket-runtime --help lists them", name);
	return 1;
}

/* `help`, and `help VERB`. */
static int help_of(int argc, char **argv)
{
	const struct verb *v = argc > 1 ? find_verb(argv[1]) : NULL;

	if (argc > 1 && !v)
		return unknown_verb(argv[1]);
	return v ? print_verb_help(v) : print_help();
}

static int run_verb(const struct runtime *rt, int argc, char **argv)
{
	const struct verb *v = find_verb(argv[0]);
	int status;

	if (!v)
		return unknown_verb(argv[0]);
	if (wants_help(argc, argv))
		return print_verb_help(v);
	status = v->run(rt, argc, argv);
	if (fflush(stdout) != 0 && status == 0)
		status = 1;
	return status < 0 ? 1 : status;
}

/* Descriptors 0, 1 and 2 are never ours: a file that is opened must not become somebody's standard output. */
static void hold_stdio(void)
{
	struct stat st;

	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) < 0 && open("/dev/null", O_RDWR) != fd)
			abort();
}

int main(int argc, char **argv)
{
	struct arguments a = {.rt.log_format = "text"};
	int words, status;

	hold_stdio();
	signal(SIGPIPE, SIG_IGN);
	words = options_read(options, &a, true, argc, argv);
	status = words < 0 ? -1 : 0;
	if (log_open(&a.rt) < 0)
		status = -1;
	if (status == 0 && a.version)
		return print_version();
	if (status == 0 && (a.help || words == 0))
		return print_help();
	if (status == 0 && strcmp(argv[1], "help") == 0)
		return log_end(help_of(words, argv + 1));
	if (status == 0)
		status = check_global(&a.rt);
	if (a.rt.cgroup_manager && strcmp(a.rt.cgroup_manager, "systemd") == 0)
		a.rt.systemd_cgroup = true;
	a.rt.root = a.root && *a.root ? absolute(a.root) : default_root();
	if (status == 0)
		status = run_verb(&a.rt, words, argv + 1);
	status = log_end(status < 0 ? 1 : status);
	free(a.rt.root);
	return status;
}
