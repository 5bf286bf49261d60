/* SPDX-License-Identifier: MIT */
/*
 * picket apply: what a run with --share-cow has changed in the shared directory is chosen, shown, and done to the directory
 * itself. What was changed there since the sandbox was made is not overwritten unless --force says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/escape.h"
#include "cmd/lib/message.h"
#include "cmd/run/own.h"
#include "cmd/sandbox/apply_fs.h"
#include "cmd/sandbox/layers.h"

struct apply {
	const struct apply_options *o;
	const struct layer_view *view;
	struct apply_target target;
	struct str_list wanted; /* absolute paths; none: all */
	bool *found;		/* of each of them: something was there */
	bool asked_all, quit;
	size_t done, left_out;
};

static char *printable(const char *path)
{
	char *s = xstrdup(path);

	make_printable(s, "");
	return s;
}

/* ---- Choosing ---- */

enum wanted { NOT_WANTED, LEADS_TO_WANTED, WANTED, NAMED };

static bool is_named(const char *path)
{
	const char *last = strrchr(path, '/');

	return strcasestr(path, "/.git") || (last && strcasecmp(last, "/HEAD") == 0);
}

static enum wanted is_wanted(struct apply *a, const char *path)
{
	enum wanted w = a->wanted.count ? NOT_WANTED : WANTED;

	for (size_t i = 0; i < a->wanted.count; i++) {
		if (path_within(path, a->wanted.items[i])) {
			a->found[i] = true;
			/* Named is what is not meant by a name far above it. */
			w = is_named(a->wanted.items[i]) ? NAMED : w > WANTED ? w : WANTED;
		} else if (path_within(a->wanted.items[i], path) && w < LEADS_TO_WANTED) {
			w = LEADS_TO_WANTED;
		}
	}
	return w;
}

/*
 * What git itself runs, or is led to it by: a script's way out of the sandbox, if it comes along unseen. Beside hooks and
 * configuration in .git these are a .git that is a file or a link to a directory made elsewhere, what leads from one
 * repository to another, commands that a rebase goes on with, and the HEAD of a bare repository, which makes git take any
 * directory for one. Some file systems do not tell case.
 */
static bool is_run_by_git(const char *path, const struct upper_meta *meta)
{
	static const char *const begin[] = {"hooks", "config"}, *const names[] = {"commondir", "gitdir", "git-rebase-todo"};
	const char *last = strrchr(path, '/');

	last = last ? last + 1 : path;
	if (strcasecmp(last, ".git") == 0 && meta && !S_ISDIR(meta->mode))
		return true;
	if (strcasecmp(last, "HEAD") == 0 && !strcasestr(path, "/.git/"))
		return true;
	for (const char *p = strcasestr(path, "/.git/"); p; p = strcasestr(p + 1, "/.git/")) {
		const char *rest = p + strlen("/.git");

		for (; (rest = strchr(rest, '/')); rest++) {
			for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++)
				if (strncasecmp(rest + 1, begin[i], strlen(begin[i])) == 0)
					return true;
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
				if (strcasecmp(rest + 1, names[i]) == 0)
					return true;
		}
	}
	return false;
}

/* Picket's own are nobody's to write; .picket.json is read by it too. */
static bool is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcasecmp(slash ? slash + 1 : path, ".picket.json") == 0;
}

static bool confirmed(struct apply *a, char letter, const char *path)
{
	char line[16];

	if (!a->o->interactive || a->asked_all)
		return true;
	fprintf(stderr, "%c %s  apply? [y, n, a: all that follow, q] ", letter, path);
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin) || line[0] == 'q') {
		a->quit = true;
		return false;
	}
	a->asked_all = line[0] == 'a';
	return line[0] == 'y' || line[0] == 'a';
}

/* ---- Doing ---- */

static void left_out(struct apply *a, const char *path, const char *why)
{
	complain(EXIT_FAILED, "%s is left out: %s", path, why);
	a->left_out++;
}

static void tell(struct apply *a, enum apply_result r, char letter, const char *path)
{
	switch (r) {
	case APPLY_DONE:
		a->done++;
		printf("%c %s\n", letter, path);
		break;
	case APPLY_SAME:
		break;
	case APPLY_CONFLICT:
		left_out(a, path, "it was changed there since the sandbox was made; --force takes the sandbox's");
		break;
	case APPLY_KIND:
		left_out(a, path, "it is a device, a socket or a fifo");
		break;
	case APPLY_OUTSIDE:
		left_out(a, path, "it is a symbolic link that leads out of the directory; --force takes it");
		break;
	case APPLY_FAILED:
		left_out(a, path, strerror(errno));
		break;
	}
}

static int each(void *ctx, const struct upper_change *c)
{
	struct apply *a = ctx;
	char *path = layer_path(a->view, c->path), *shown = printable(path);
	char letter = c->kind == UPPER_ADDED ? 'A' : c->kind == UPPER_DELETED ? 'D' : 'C';
	enum wanted w = is_wanted(a, path);

	if (c->kind == UPPER_PARENT || w == LEADS_TO_WANTED) {
		if (c->kind != UPPER_DELETED && w == LEADS_TO_WANTED && S_ISDIR(c->meta->mode))
			apply_parent(&a->target, c);
	} else if (w == NOT_WANTED) {
		;
	} else if (is_ours(path)) {
		left_out(a, shown, "Picket reads that file, and no sandbox may write it");
	} else if (w != NAMED && !a->o->force && is_run_by_git(path, c->kind == UPPER_DELETED ? NULL : c->meta)) {
		left_out(a, shown, "git runs what stands there, or is led by it; name it to take it");
	} else if (confirmed(a, letter, shown)) {
		tell(a, apply_change(&a->target, c), letter, shown);
	}
	free(shown);
	free(path);
	return a->quit;
}

static int apply_view(struct apply *a, const struct layer_view *v, int64_t since)
{
	struct str_list own = {0};
	int status = 0;

	if (v->upper_fd < 0)
		return 0; /* nothing was changed */
	own_dirs(&own);
	for (size_t i = 0; status == 0 && i < own.count; i++)
		if (path_within(v->share, own.items[i]) || path_within(own.items[i], v->share))
			status = complain(EXIT_FAILED, "%s holds Picket's own directory %s: nothing is written there", v->share,
				own.items[i]);
	str_list_free(&own);
	if (status)
		return status;
	a->view = v;
	a->target = (struct apply_target){.dir_fd = v->dir_fd, .since = since, .force = a->o->force, .dry = a->o->dry_run};
	return layer_walk(v, each, a);
}

static int apply_layers(struct apply *a, const struct layers *l)
{
	int status = 0;

	if (l->count == 0)
		return complain(EXIT_FAILED, "the sandbox %s has no --share-cow: there is nothing to apply",
			l->run.entry.config.name);
	for (size_t i = 0; status == 0 && !a->quit && i < l->count; i++)
		status = apply_view(a, &l->views[i], l->run.entry.config.created);
	for (size_t i = 0; status == 0 && !a->quit && i < a->wanted.count; i++)
		if (!a->found[i])
			status = complain(EXIT_FAILED, "the sandbox %s has changed nothing at %s", l->run.entry.config.name,
				a->wanted.items[i]);
	if (status == 0 && a->done == 0 && a->left_out == 0 && !a->quit)
		fprintf(stderr, "Nothing to apply.\n");
	if (status == 0 && a->o->dry_run && a->done)
		fprintf(stderr, "Nothing was done: --dry-run.\n");
	return a->left_out ? EXIT_FAILED : status;
}

int cmd_apply(const void *opts, int argc, char **argv)
{
	struct apply a = {.o = opts};
	struct layers l = {0};
	char *err = NULL;
	struct entry e;
	int status;

	if (argc == 1 && !a.o->all && !a.o->interactive && !a.o->dry_run)
		return complain(EXIT_FAILED, "say what to apply: paths, --all, or --interactive; picket diff --share %s lists the "
					     "changes",
			argv[0]);
	for (int i = 1; i < argc; i++)
		str_list_add(&a.wanted, resolved_path(argv[i]));
	a.found = xcalloc(a.wanted.count + 1, sizeof(*a.found));
	status = entry_find(argv[0], &e, &err) < 0 ? complain(EXIT_FAILED, "%s", err) : 0;
	free(err);
	if (status == 0 && e.state.status != ENTRY_EXITED && e.state.status != ENTRY_CREATED && !a.o->dry_run && !a.o->force)
		status = complain(EXIT_FAILED, "the sandbox %s runs: stop it first, so that what is applied is what was looked at",
			e.config.name);
	else if (status == 0)
		status = layers_open(&e, LAYERS_SHARES, &l);
	status = status ? status : apply_layers(&a, &l);
	layers_close(&l);
	str_list_free(&a.wanted);
	free(a.found);
	return status ? status : finish_output();
}
