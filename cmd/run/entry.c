/* SPDX-License-Identifier: MIT */
/* From a command line to an entry, and from an entry to a run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/keep/attach.h"
#include "cmd/keep/events.h"
#include "cmd/keep/keeper.h"
#include "cmd/lib/message.h"
#include "cmd/lib/terminal.h"
#include "cmd/options.h"
#include "cmd/run/label.h"
#include "cmd/run/resolve.h"
#include "cmd/run/run.h"
#include "cmd/run/report.h"

/* ---- To an entry ---- */

static void copy_words(struct str_list *to, char *const *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		str_list_add(to, xstrdup(from[i]));
}

bool run_is_dropped(const struct run *r)
{
	if (r->o->rm || r->o->keep)
		return r->o->rm;
	return r->target != ON_IMAGE && !r->o->detach && !r->o->name && !r->o->shares_cow.count;
}

static int make_entry(struct run *r, bool temporary, bool dropped)
{
	struct entry_config config = {
		.name = r->o->name ? xstrdup(r->o->name) : NULL, .image = xstrdup(r->image), .dropped = dropped};
	char text[DIGEST_TEXT_LEN + 1], *err = NULL;
	int status = 0;

	if (r->target == ON_IMAGE) {
		config.image_id = xstrdup(digest_text(&r->ref.config, text));
		config.chain = xstrdup(digest_text(&r->ref.chain, text));
		config.platform = xstrdup(r->ref.platform);
	}
	status = collect_labels(r->o, r->record.labels, &config.labels);
	if (!temporary || r->o->detach || r->o->tty) { /* there may be another start */
		r->o = resolve_options(r->o);
		if (!r->o)
			return EXIT_PICKET;
	}
	dump_options(find_command("run"), r->o, &config.options);
	copy_words(&config.arguments, r->argv, (size_t)r->argc);
	copy_words(&config.command, r->command.items, r->command.count);
	if (status == 0 && entry_create(&config, temporary, &r->entry, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	else
		event_of(&r->entry, "create", NULL);
	entry_config_free(&config);
	free(err);
	return status;
}

int run_make_entry(struct run *r, bool temporary, bool dropped)
{
	const char *path = r->o->cidfile;
	int cid = open_cidfile(path), status = cid == -2 ? EXIT_PICKET : make_entry(r, temporary, dropped);
	char *err = NULL;

	if (status == 0 && cid >= 0 && write(cid, r->entry.id, ENTRY_ID_LEN) != ENTRY_ID_LEN) {
		status = complain(EXIT_PICKET, "cannot write the id to --cidfile %s: %s", path, strerror(errno));
		entry_remove(&r->entry, &err);
	}
	if (cid >= 0) {
		close(cid);
		if (status)
			unlink(path);
	}
	if (r->hold >= 0)
		close(r->hold); /* the entry keeps the image now */
	r->hold = -1;
	free(err);
	return status;
}

/* --pid-file: the process to watch or to end, which is the keeper. */
int run_write_pid(const struct run *r, pid_t pid)
{
	const char *path = r->o->pid_file;
	FILE *f = path ? fopen(path, "we") : NULL;
	bool good;

	if (!path)
		return 0;
	good = f && fprintf(f, "%d\n", (int)pid) > 0;
	if (f && fclose(f) != 0)
		good = false;
	return good ? 0 : complain(EXIT_PICKET, "cannot write the pid to --pid-file %s: %s", path, strerror(errno));
}

/* ---- From an entry ---- */

/* The image is the one that the entry was made with, whatever its name means today. */
static int load_image(struct run *r)
{
	const struct entry_config *c = &r->entry.config;
	struct snap_error e;

	if (digest_parse(c->image_id, &r->ref.config) < 0 || digest_parse(c->chain, &r->ref.chain) < 0)
		return complain(EXIT_PICKET, "the entry of the sandbox %s names no image", c->name);
	snprintf(r->ref.platform, sizeof(r->ref.platform), "%s", c->platform);
	if (!r->store && store_open(NULL, &r->store, &e) < 0)
		return complain(EXIT_PICKET, "%s", e.text);
	run_record_free(&r->record);
	r->record = (struct run_record){0};
	if (store_get_record(r->store, &r->ref.config, &r->record, &e) < 0)
		return complain(EXIT_PICKET, "the image of the sandbox %s (%s) cannot be read: %s", c->name, c->image, e.text);
	return 0;
}

int run_load(struct run *r)
{
	const struct cmd_spec *spec = find_command("run");
	const struct entry_config *c = &r->entry.config;
	struct str_list words = {0};
	struct parsed p;
	int status;

	/* What is parsed lives as long as the process: options point into the words. */
	copy_words(&words, c->options.items, c->options.count);
	status = parse_options(spec, (int)words.count, words.items, &p);
	if (status)
		return status;
	((struct run_options *)p.opts)->resolved = true;
	r->o = p.opts;
	str_list_free(&r->command);
	copy_words(&r->command, c->command.items, c->command.count);
	r->image = xstrdup(c->image);
	r->network = r->o->network ? r->o->network : "slirp";
	r->network_asked = r->o->network != NULL;
	r->target = r->o->rootfs ? ON_DIR : strcmp(c->image, "host") == 0 && !*c->image_id ? ON_HOST : ON_IMAGE;
	return r->target == ON_IMAGE ? load_image(r) : 0;
}

/* ---- The client ---- */

static void look_at_terminal(struct run *r)
{
	int fd = r->o->interactive ? STDIN_FILENO : STDOUT_FILENO;

	r->utf8 = terminal_is_utf8(fd);
	terminal_size(fd, &r->rows, &r->cols);
}

int run_forked(struct run *r, const struct run_how *how)
{
	char keys[DETACH_KEYS_MAX];
	bool input = r->o->interactive && how->input;
	struct attach a = {.tty = r->o->tty, .input = input, .sig_proxy = how->sig_proxy, .foreground = true, .keys = keys};
	int count = detach_keys(how->detach_keys, keys), status;
	char *err = NULL;
	pid_t pid;

	if (count < 0 || report_open(r->o->report, &r->report_fd))
		return EXIT_PICKET;
	a.key_count = (size_t)count;
	if (how->attach)
		look_at_terminal(r);
	r->client_input = input;
	a.sock = keeper_fork(r, !how->attach, &pid);
	entry_unlock(&r->entry); /* the keeper holds it on */
	if (a.sock < 0)
		return EXIT_PICKET;
	if (run_write_pid(r, pid)) {
		close(a.sock); /* its client is gone: the keeper ends it */
		return EXIT_PICKET;
	}
	status = how->attach ? attach_run(&a) : attach_started(a.sock);
	close(a.sock);
	/* A keeper that has said the end is about to go. */
	while ((how->attach ? !a.detached : status != 0) && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (how->attach && !a.detached && r->o->shares_cow.count && isatty(STDERR_FILENO) && entry_reload(&r->entry, &err) == 0)
		fprintf(stderr, "What it has changed is kept: picket diff %s, picket apply %s, picket rm %s\n", r->entry.config.name,
			r->entry.config.name, r->entry.config.name);
	free(err);
	if (how->attach && !a.detached)
		report_show(r->report_fd, r->o->report, REPORT_OF_CALLER, status);
	return status;
}
