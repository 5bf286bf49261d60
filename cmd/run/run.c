/* SPDX-License-Identifier: MIT */
/*
 * picket run. What takes time goes on side by side: the sandbox's process makes its namespaces and slirp4netns its
 * network while the image is opened and the configuration written.
 */
#include "cmd/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/image/fetch.h"
#include "cmd/keep/attach.h"
#include "cmd/keep/keeper.h"
#include "cmd/lib/message.h"
#include "cmd/lib/mode.h"
#include "cmd/options.h"
#include "cmd/run/orphans.h"
#include "cmd/lib/programs.h"
#include "cmd/lib/terminal.h"
#include "rootless/harden.h"

#define HOST_PLATFORM "linux/amd64"

/* ---- What to run, and on what ---- */

static int choose_target(struct run *r, int argc, char **argv)
{
	if (r->o->rootfs) {
		r->target = ON_DIR;
		r->image = r->o->rootfs;
	} else if (argc == 0) {
		return complain(
			EXIT_PICKET, "picket run needs an image, \"host\", or --rootfs DIR; see picket run --help");
	} else {
		r->target = strcmp(argv[0], "host") == 0 ? ON_HOST : ON_IMAGE;
		r->image = argv[0];
		argc--;
		argv++;
		if (argc && strcmp(argv[0], "--") == 0) {
			argc--;
			argv++;
		}
	}
	r->argc = argc;
	r->argv = argv;
	return 0;
}

static int pull(struct run *r)
{
	int status = fetch_pull(r->image, r->o->platform, NULL, r->o->quiet, false);

	return status == 0 ? 0 : status > 128 ? status : EXIT_PICKET; /* picket-fetch has said why */
}

/* Whether --platform asks for another image than the one found; linux/arm64 means linux/arm64/v8 too. */
static bool other_platform(const struct run *r)
{
	const char *wanted = r->o->platform;
	size_t len = wanted ? strlen(wanted) : 0;

	return wanted &&
	       !(strncmp(r->ref.platform, wanted, len) == 0 && (!r->ref.platform[len] || r->ref.platform[len] == '/'));
}

/* Find the image in the store, pulling it as --pull says. */
static int resolve_image(struct run *r)
{
	const char *when = r->o->pull ? r->o->pull : "missing";
	struct snap_error e;
	int status, found;

	if (store_open(NULL, &r->store, &e) < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	if (strcmp(when, "always") == 0) {
		status = pull(r);
		if (status)
			return status;
	}
	found = store_resolve(r->store, r->image, &r->ref, &e);
	if ((found == -ENOENT || (found == 0 && other_platform(r))) && strcmp(when, "missing") == 0) {
		status = pull(r);
		if (status)
			return status;
		found = store_resolve(r->store, r->image, &r->ref, &e);
	}
	if (found < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	if (other_platform(r))
		return complain(EXIT_PICKET, "%s is here for %s, not for %s; picket pull --platform %s %s fetches that",
			r->image, r->ref.platform, r->o->platform, r->o->platform, r->image);
	if (strncmp(r->ref.platform, HOST_PLATFORM, strlen(HOST_PLATFORM)) != 0)
		warn("%s is for %s, this machine is %s", r->image, r->ref.platform, HOST_PLATFORM);
	if (store_get_record(r->store, &r->ref.config, &r->record, &e) < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	return 0;
}

static void add_all(struct str_list *list, char *const *words)
{
	for (; words && *words; words++)
		str_list_add(list, xstrdup(*words));
}

/* Docker's rule: the command replaces CMD and follows ENTRYPOINT; --entrypoint replaces ENTRYPOINT and drops CMD. */
static int choose_command(struct run *r)
{
	const char *entry = r->o->entrypoint;

	if (entry && *entry)
		str_list_add(&r->command, xstrdup(entry));
	else if (!entry)
		add_all(&r->command, r->record.entrypoint);
	for (int i = 0; i < r->argc; i++)
		str_list_add(&r->command, xstrdup(r->argv[i]));
	if (r->argc == 0 && !entry)
		add_all(&r->command, r->record.cmd);
	if (r->command.count == 0 && r->target == ON_HOST)
		str_list_add(&r->command, xstrdup(access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh"));
	if (r->command.count == 0)
		return complain(EXIT_PICKET, "%s names no command; say what to run: picket run %s%s CMD", r->image,
			r->target == ON_DIR ? "--rootfs " : "", r->image);
	return 0;
}

static int check_options(const struct run *r)
{
	const struct run_options *o = r->o;

	if (o->detach)
		; /* nobody is there to see it */
	else if (o->tty && o->interactive && !isatty(STDIN_FILENO))
		return complain(EXIT_PICKET, "the input is not a terminal: leave out -t");
	else if (o->tty && !o->interactive && !isatty(STDOUT_FILENO) && !isatty(STDERR_FILENO))
		return complain(EXIT_PICKET, "the output is not a terminal: leave out -t");
	if (o->workdir && o->workdir[0] != '/')
		return complain(
			EXIT_PICKET, "the working directory inside must be an absolute path, not \"%s\"", o->workdir);
	if (o->hostname && (strlen(o->hostname) > 63 || !*o->hostname || strpbrk(o->hostname, " /\n\t")))
		return complain(EXIT_PICKET, "\"%s\" is no host name", o->hostname);
	if (o->memory && o->memory < 6 << 20)
		return complain(EXIT_PICKET, "--memory must be at least 6m");
	if (strcmp(r->network, "host") == 0)
		warn("--network host is unsafe: the sandbox can reach everything this machine can, its own services "
		     "included");
	return 0;
}

/* ---- The sandbox's process and its network ---- */

static int spawn(struct run *r, char **err)
{
	struct sandbox_options so = {
		.no_namespaces = r->no_namespaces,
		.host_network = strcmp(r->network, "host") == 0,
		.uid = geteuid(),
		.gid = getegid(),
	};
	char *sentry = find_program("picket-sentry");
	int result;

	if (!sentry)
		return -1;
	so.sentry = sentry;
	result = sandbox_spawn(&so, &r->sandbox, err);
	free(sentry);
	return result;
}

/* No namespaces: the sentry's own filter and landlock must hold alone, so landlock has to be there. */
static int fall_back(struct run *r, const char *why)
{
	if (r->o->userns && strcmp(r->o->userns, "auto") == 0)
		return complain(EXIT_PICKET, "%s; picket doctor says how to mend it", why);
	if (landlock_abi() < 1 || test_mode("nolandlock"))
		return complain(EXIT_PICKET,
			"this host gives neither user namespaces (%s) nor landlock: a sandbox would not be safe; "
			"picket doctor says how to mend it",
			why);
	if (strcmp(r->network, "host") == 0)
		return complain(
			EXIT_PICKET, "--network host needs user namespaces, which this host does not give: %s", why);
	if (strcmp(r->network, "slirp") == 0 && r->network_asked)
		return complain(EXIT_PICKET,
			"--network slirp needs user namespaces, which this host does not give (%s); use --network none",
			why);
	if (strcmp(r->network, "slirp") == 0)
		warn("this host gives no user namespaces (%s): the sandbox has no network; picket doctor says how to "
		     "mend it",
			why);
	r->network = "none";
	r->no_namespaces = true;
	return 0;
}

/* Start the process; without namespaces if it must be. r->sandbox is ready afterwards. */
static int start_process(struct run *r)
{
	char *err = NULL;
	int status;

	if (test_mode("nouserns") || (r->o->userns && strcmp(r->o->userns, "none") == 0)) {
		status = fall_back(r, "switched off");
		if (status)
			return status;
	}
	for (;;) {
		if (r->no_namespaces)
			adopt_orphans();
		if (spawn(r, &err) == 0 && sandbox_ready(&r->sandbox, &err) == 0)
			return 0;
		if (!err)
			return EXIT_PICKET; /* the sentry is not installed: said */
		if (r->no_namespaces || !r->sandbox.mode_missing)
			break;
		status = fall_back(r, err);
		free(err);
		err = NULL;
		if (status)
			return status;
	}
	status = complain(EXIT_PICKET, "%s", err);
	free(err);
	return status;
}

/* Slirp was asked for: its absence is a failure. It was only the default: go on without. */
static int no_network(struct run *r, char *err)
{
	int status = 0;

	if (r->network_asked)
		status = complain(EXIT_PICKET, "%s; --network none runs without", err);
	else
		warn("%s; the sandbox has no network", err);
	free(err);
	r->network = "none";
	return status;
}

/* Start slirp4netns; the session hears how it comes out. What can be told at once is told before the sentry starts. */
static int start_network(struct run *r)
{
	struct slirp_options so = {.pid = r->sandbox.pid, .exit_fd = -1};
	char *err = NULL, *program;
	int status;

	if (strcmp(r->network, "slirp") != 0)
		return 0;
	program = test_mode("noslirp") ? NULL : find_in_path("slirp4netns");
	so.program = program;
	if (!program)
		return no_network(r, xstrdup("slirp4netns is not installed, which makes the sandbox's network"));
	if (access("/dev/net/tun", R_OK | W_OK) < 0)
		status = no_network(r, xasprintf("cannot open /dev/net/tun: %s; no network can be made for the sandbox",
					       strerror(errno)));
	else
		status = slirp_spawn(&so, &r->slirp, &err) < 0 ? no_network(r, err) : 0;
	free(program);
	return status;
}

/* ---- The run ---- */

static int hand_over(struct run *r)
{
	char *err = NULL;
	int config, status = 0;

	if (r->launch.len > CONFIG_SIZE_MAX)
		return complain(EXIT_PICKET, "the arguments and variables are too long: %zu bytes, %u are possible",
			r->launch.len, CONFIG_SIZE_MAX);
	config = launch_finish(&r->launch);
	if (config < 0)
		return complain(EXIT_PICKET, "cannot write the sandbox's configuration: %s", strerror(errno));
	if (sandbox_exec(&r->sandbox, config, r->launch.fds, r->launch.fd_kinds, r->launch.fd_count, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	free(err);
	close(config);
	close(r->control[1]); /* ours is the sentry's only peer: its end of file means that the sentry is gone */
	r->control[1] = -1;
	launch_free(&r->launch); /* the program's ends of pipes among them: their end of file must be seen */
	return status;
}

/* Before the sentry runs: a background job stops here and not with a sandbox that reads its terminal. */
static int take_terminal(const struct run *r)
{
	if (r->o->interactive && isatty(STDIN_FILENO))
		while (tcgetpgrp(STDIN_FILENO) > 0 && tcgetpgrp(STDIN_FILENO) != getpgrp())
			if (raise(SIGTTIN) != 0)
				break;
	return 0;
}

static void copy_words(struct str_list *to, char *const *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		str_list_add(to, xstrdup(from[i]));
}

/* Whether nothing of it is to be left when it ends. */
static bool is_dropped(const struct run *r)
{
	if (r->o->rm || r->o->keep)
		return r->o->rm;
	return r->target != ON_IMAGE && !r->o->detach && !r->o->name;
}

/* The entry, while there is something to tell about this run. */
static int make_entry(struct run *r)
{
	struct entry_config config = {
		.name = r->o->name ? xstrdup(r->o->name) : NULL, .image = xstrdup(r->image), .dropped = is_dropped(r)};
	char text[DIGEST_TEXT_LEN + 1], *err = NULL;
	int status = 0;

	if (r->target == ON_IMAGE) {
		config.image_id = xstrdup(digest_text(&r->ref.config, text));
		config.chain = xstrdup(digest_text(&r->ref.chain, text));
		config.platform = xstrdup(r->ref.platform);
	}
	dump_options(find_command("run"), r->o, &config.options);
	copy_words(&config.arguments, r->argv, (size_t)r->argc);
	copy_words(&config.command, r->command.items, r->command.count);
	if (entry_create(&config, config.dropped, &r->entry, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	entry_config_free(&config);
	free(err);
	return status;
}

int run_launch(struct run *r)
{
	int status;

	r->network = r->o->network ? r->o->network : "slirp";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->control) < 0)
		return complain(EXIT_PICKET, "cannot make a socket for the sandbox: %s", strerror(errno));
	status = start_process(r);
	status = status ? status : start_network(r);
	status = status ? status : write_config(r);
	return status ? status : hand_over(r);
}

void run_cleared(struct run *r)
{
	sandbox_kill(&r->sandbox);
	slirp_stop(&r->slirp);
	if (r->no_namespaces)
		kill_orphans();
	if (r->snap_open)
		snap_close_image(&r->snap);
	r->snap_open = false;
	launch_free(&r->launch);
	for (int i = 0; i < 2; i++) {
		if (r->control[i] >= 0)
			close(r->control[i]);
		r->control[i] = -1;
	}
}

static void clean_up(struct run *r)
{
	terminal_restore();
	run_cleared(r);
	entry_free(&r->entry);
	run_record_free(&r->record);
	store_close(r->store);
	str_list_free(&r->command);
}

static void look_at_terminal(struct run *r)
{
	int fd = r->o->interactive ? STDIN_FILENO : STDOUT_FILENO;

	r->utf8 = terminal_is_utf8(fd);
	terminal_size(fd, &r->rows, &r->cols);
}

/* A keeper of its own: this process only passes on what is typed and written. */
static int run_forked(struct run *r)
{
	char keys[DETACH_KEYS_MAX];
	struct attach a = {.tty = r->o->tty, .input = r->o->interactive, .sig_proxy = true, .foreground = true, .keys = keys};
	int count = detach_keys(r->o->detach_keys, keys), status;
	pid_t pid;

	if (count < 0)
		return EXIT_PICKET;
	a.key_count = (size_t)count;
	look_at_terminal(r);
	a.sock = keeper_fork(r, r->o->detach, &pid);
	entry_unlock(&r->entry); /* the keeper holds it on */
	if (a.sock < 0)
		return EXIT_PICKET;
	if (!r->o->detach) {
		status = attach_run(&a);
		close(a.sock);
		while (!a.detached && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return status;
	}
	status = attach_started(a.sock);
	if (status == 0) {
		printf("%s\n", r->entry.id);
		status = finish_output();
	}
	return status;
}

static int run_target(struct run *r)
{
	int status = r->target == ON_IMAGE ? resolve_image(r) : 0;

	status = status ? status : choose_command(r);
	status = status ? status : make_entry(r);
	if (status)
		return status;
	if (!r->entry.config.dropped || r->o->detach || r->o->tty)
		return run_forked(r);
	status = take_terminal(r);
	return status ? status : keeper_run(r, KEEPER_STDIO_OWN, -1, false);
}

int cmd_run(const void *opts, int argc, char **argv)
{
	struct run r = {.o = opts,
		.control = {-1, -1},
		.stdio = {-1, -1, -1},
		.trace_fd = -1,
		.sandbox = {.pidfd = -1, .setup_sock = -1},
		.entry = {.lock = -1}};
	int status;

	r.network = r.o->network ? r.o->network : "slirp";
	r.network_asked = r.o->network != NULL;
	status = choose_target(&r, argc, argv);
	status = status ? status : check_options(&r);
	status = status ? status : run_target(&r);
	clean_up(&r);
	return status;
}
