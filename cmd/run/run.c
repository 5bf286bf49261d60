/* SPDX-License-Identifier: MIT */
/*
 * picket run. What takes time goes on side by side: the sandbox's process makes its namespaces and slirp4netns its
 * network while the image is opened and the configuration written.
 */
#include "cmd/run/guest.h"
#include "cmd/run/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/image/fetch.h"
#include "cmd/keep/keeper.h"
#include "cmd/keep/settings.h"
#include "cmd/lib/message.h"
#include "cmd/minikube/minikube.h"
#include "cmd/run/limit_options.h"
#include "cmd/run/net_options.h"
#include "cmd/run/report.h"
#include "cmd/lib/terminal.h"

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

/* docker's words, by which scripts know that a pull follows. */
static void say_missing(const struct run *r)
{
	const char *slash = strrchr(r->image, '/'), *last = slash ? slash : r->image;

	if (!r->o->quiet)
		fprintf(stderr, "Unable to find image '%s%s' locally\n", r->image, strpbrk(last, ":@") ? "" : ":latest");
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

/* Find it, and let nobody collect it until the entry names it. */
static int find_held(struct run *r, struct snap_error *e)
{
	int result;

	if (r->hold >= 0)
		close(r->hold);
	r->hold = -1;
	result = store_hold(r->store, &r->hold, e);
	return result < 0 ? result : store_resolve(r->store, r->image, &r->ref, e);
}

/* Find the image in the store, pulling it as --pull says. */
static int resolve_image(struct run *r)
{
	const char *when = r->o->pull ? r->o->pull : "missing", *there = mk_image_name(r->image);
	struct snap_error e;
	int status, found;

	/* Which image that is now is Minikube's to say. */
	if (there) {
		if (strcmp(when, "never") != 0 && mk_fetch_image(there, NULL, r->o->quiet, &r->stored))
			return EXIT_PICKET;
		r->image = r->stored ? r->stored : there;
		when = "never";
	}
	if (store_open(NULL, &r->store, &e) < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	if (strcmp(when, "always") == 0) {
		status = pull(r);
		if (status)
			return status;
	}
	found = find_held(r, &e);
	if ((found == -ENOENT || (found == 0 && other_platform(r))) && strcmp(when, "missing") == 0) {
		if (found == -ENOENT)
			say_missing(r);
		status = pull(r);
		if (status)
			return status;
		found = find_held(r, &e);
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

/* What the keeper will read again: said before anything is made. */
static int check_keeping(const struct run_options *o)
{
	struct keep_settings set;

	if (keep_settings_read(o, NULL, &set) < 0)
		return EXIT_PICKET;
	if (o->rm && set.policy.when != RESTART_NO)
		return complain(EXIT_PICKET, "--rm removes the sandbox when it ends, --restart starts it again: choose one");
	return 0;
}

static int check_options(const struct run *r)
{
	const struct run_options *o = r->o;
	int status;

	if (check_keeping(o))
		return EXIT_PICKET;

	if (report_check(o->report, o->detach))
		return EXIT_PICKET;
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
	status = limits_check(o);
	return status ? status : net_check(o);
}

/* ---- The run ---- */

/* Before the sentry runs: a background job stops here and not with a sandbox that reads its terminal. */
static int take_terminal(const struct run *r)
{
	if (r->o->interactive && isatty(STDIN_FILENO))
		while (tcgetpgrp(STDIN_FILENO) > 0 && tcgetpgrp(STDIN_FILENO) != getpgrp())
			if (raise(SIGTTIN) != 0)
				break;
	return 0;
}

static void run_init(struct run *r, const struct run_options *o)
{
	*r = (struct run){.o = o,
		.control = {-1, -1},
		.stdio = {-1, -1, -1},
		.trace_fd = -1,
		.hold = -1,
		.sandbox = {.pidfd = -1, .setup_sock = -1},
		.entry = {.lock = -1}};
	if (!o)
		return;
	r->network = network_mode(o);
	r->network_asked = o->network != NULL;
}

static void clean_up(struct run *r)
{
	terminal_restore();
	run_cleared(r);
	if (r->report_fd > 0)
		close(r->report_fd);
	entry_free(&r->entry);
	if (r->hold >= 0)
		close(r->hold);
	run_record_free(&r->record);
	store_close(r->store);
	str_list_free(&r->command);
	free(r->stored);
}

/* What to run, on what: all that can be said before an entry is made. */
static int choose(struct run *r, int argc, char **argv)
{
	int status = choose_target(r, argc, argv);

	status = status ? status : check_options(r);
	status = status ? status : r->target == ON_IMAGE ? resolve_image(r) : 0;
	return status ? status : choose_command(r);
}

static int run_target(struct run *r)
{
	struct run_how how = {.attach = !r->o->detach,
		.input = r->o->interactive,
		.sig_proxy = !r->o->sig_proxy || strcmp(r->o->sig_proxy, "true") == 0,
		.detach_keys = r->o->detach_keys};
	bool dropped = run_is_dropped(r), forked = !dropped || r->o->detach || r->o->tty;
	int status = 0, signals = forked ? -1 : keeper_signals();

	if (signals >= 0) {
		close(signals); /* blocked, that is: the keeper reads them */
		status = run_spawn(r);
	}
	status = status ? status : run_make_entry(r, dropped, dropped);
	if (status)
		return status;
	if (!forked) {
		status = take_terminal(r);
		status = status ? status : run_write_pid(r, getpid());
		if (status)
			return status;
		status = keeper_run(r, KEEPER_STDIO_OWN, -1, false);
		report_show(r->report_fd, r->o->report, REPORT_OF_CALLER, status);
		return status;
	}
	status = run_forked(r, &how);
	if (status == 0 && r->o->detach) {
		printf("%s\n", r->entry.id);
		status = finish_output();
	}
	return status;
}

int cmd_run(const void *opts, int argc, char **argv)
{
	struct run r;
	int status;

	run_init(&r, opts);
	status = choose(&r, argc, argv);
	status = status ? status : run_target(&r);
	clean_up(&r);
	return status;
}

int run_create(const struct run_options *o, int argc, char **argv, char id[static ENTRY_ID_LEN + 1])
{
	struct run r;
	char *err = NULL;
	int status;

	run_init(&r, o);
	status = choose(&r, argc, argv);
	status = status ? status : run_make_entry(&r, false, o->rm);
	if (status == 0 && entry_sync(&r.entry, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	free(err);
	if (status == 0)
		memcpy(id, r.entry.id, ENTRY_ID_LEN + 1);
	clean_up(&r);
	return status;
}

int run_start(struct entry *e, const struct run_how *how)
{
	struct run r;
	int status;

	run_init(&r, NULL);
	r.entry = *e;
	*e = (struct entry){.lock = -1};
	status = run_load(&r);
	status = status ? status : run_forked(&r, how);
	clean_up(&r);
	return status;
}

int run_guest(struct entry *e, const struct str_list *words)
{
	struct run r;
	int status;

	run_init(&r, NULL);
	r.entry = *e;
	*e = (struct entry){.lock = -1};
	status = run_load(&r);
	status = status ? status : guest_run(&r, words);
	clean_up(&r);
	return status;
}
