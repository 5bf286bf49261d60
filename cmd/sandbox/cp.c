/* SPDX-License-Identifier: MIT */
/*
 * picket cp: between a sandbox and the host, by docker's rules. Inside, picket-guest packs or unpacks; here the other
 * half is done, and what comes out of a sandbox is taken for hostile (cmd/copy/unpack.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/copy/pack.h"
#include "cmd/copy/rules.h"
#include "cmd/copy/unpack.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/inside.h"

#define PIECE (256u << 10)
#define PROBE_MAX (4u << 20) /* bytes in which the first entry must be told */

#define PROGRESS_AFTER 1000 /* ms */
#define PROGRESS_EVERY 200

struct copy {
	const struct cp_options *o;
	struct inside guest;
	char *sandbox, *inside; /* the path inside, cleaned */
	const char *asked;	/* as it was written */
	const char *local;	/* "-": our standard streams */
	bool show;		/* progress */
	int64_t began, shown;
	bool drawn;
	struct tar_out tar;
	struct unpack *unpack;
	int dirfd;
};

/* ---- Progress ---- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint64_t copied(const struct copy *c)
{
	return c->unpack ? unpack_bytes(c->unpack) : c->tar.total - c->tar.left;
}

static void size_text(uint64_t bytes, char *ret, size_t size)
{
	static const char units[] = "kMGTP";
	double v = (double)bytes;
	int unit = -1;

	while (v >= 1000 && units[unit + 1]) {
		v /= 1000;
		unit++;
	}
	if (unit < 0)
		snprintf(ret, size, "%lluB", (unsigned long long)bytes);
	else
		snprintf(ret, size, "%.3g%cB", v, units[unit]);
}

static void progress(void *arg)
{
	struct copy *c = arg;
	char size[32];
	int64_t now;

	if (!c->show)
		return;
	now = now_ms();
	if (now - c->began < PROGRESS_AFTER || now - c->shown < PROGRESS_EVERY)
		return;
	c->shown = now;
	c->drawn = true;
	size_text(copied(c), size, sizeof(size));
	fprintf(stderr, "\r\033[KCopying: %s", size);
}

static void end_progress(struct copy *c)
{
	if (c->drawn)
		fprintf(stderr, "\r\033[K");
	c->drawn = false;
}

static void warn_copy(void *arg, const char *text)
{
	end_progress(arg);
	warn("%s", text);
}

static int done(struct copy *c, const char *to)
{
	char size[32];

	end_progress(c);
	size_text(copied(c), size, sizeof(size));
	if (c->show)
		fprintf(stderr, "Successfully copied %s to %s\n", size, to);
	return 0;
}

/* ---- Out of a sandbox ---- */

static int read_failed(struct copy *c, const char *why)
{
	end_progress(c);
	return complain(EXIT_FAILED, "cannot copy %s:%s: %s", c->sandbox, c->asked, why);
}

static int to_stdout(struct copy *c, char *piece)
{
	ssize_t n;

	while ((n = inside_read(&c->guest, piece, PIECE)) > 0) {
		for (ssize_t at = 0; at < n;) {
			ssize_t w = write(STDOUT_FILENO, piece + at, (size_t)(n - at));

			if (w < 0 && errno != EINTR)
				return complain(EXIT_FAILED, "cannot write the archive: %s", strerror(errno));
			at += w > 0 ? w : 0;
		}
	}
	return n < 0 ? read_failed(c, strerror((int)-n)) : 0;
}

static int probe_entry(void *arg, const struct tar_entry *en, struct snap_error *e)
{
	*(char *)arg = en->type;
	return -ECANCELED;
}

static int probe_nothing(void *arg, const void *data, size_t len, struct snap_error *e)
{
	return 0;
}

static int probe_done(void *arg, struct snap_error *e)
{
	return 0;
}

/* Read until the first entry's type is known; what was read stays in *buf. The type, or 0 at the end, or -1 after a
 * complaint. */
static int probe(struct copy *c, char **buf, size_t *len)
{
	static const struct tar_ops ops = {.entry = probe_entry, .data = probe_nothing, .done = probe_done};
	char type = 0;
	struct tar *tar = tar_new(&ops, &type);
	struct snap_error e = {0};
	ssize_t n = 1;
	int r = tar ? 0 : -ENOMEM;

	*len = 0;
	while (!type && !r && n > 0 && *len < PROBE_MAX) {
		*buf = xrealloc(*buf, *len + PIECE);
		n = inside_read(&c->guest, *buf + *len, PIECE);
		if (n > 0)
			r = tar_feed(tar, *buf + *len, (size_t)n, &e);
		*len += n > 0 ? (size_t)n : 0;
	}
	tar_free(tar);
	if (type)
		return type;
	if (r || n < 0 || *len >= PROBE_MAX)
		return read_failed(c, r ? e.text : "the sandbox sends no archive"), -1;
	return 0;
}

static int open_destination(struct copy *c, enum copy_source what, struct unpack_options *opt, struct copy_place *place)
{
	char err[4352];

	if (copy_destination(c->local, what, place, err) < 0)
		return complain(EXIT_FAILED, "%s", err);
	opt->to = place->name[0] ? place->name : NULL;
	c->dirfd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->dirfd < 0 ? complain(EXIT_FAILED, "cannot open the directory %s: %s", place->dir, strerror(errno))
			    : 0;
}

static int to_files(struct copy *c, char *piece)
{
	struct unpack_options opt = {.owner = UNPACK_OWNER_KEEP, .progress = progress, .warn = warn_copy, .arg = c};
	struct copy_place place;
	struct snap_error e = {0};
	char base[NAME_MAX + 1], *first = NULL;
	bool contents = copy_says_contents(c->inside);
	size_t len;
	ssize_t n = 0;
	int type = probe(c, &first, &len), r = 0, status = 0;

	copy_base(c->inside, base, sizeof(base));
	opt.from = contents ? "." : base;
	if (type > 0)
		status = open_destination(c,
			contents      ? COPY_CONTENTS
			: type == '5' ? COPY_DIR
				      : COPY_FILE,
			&opt, &place);
	if (type > 0 && !status) {
		c->unpack = unpack_new(c->dirfd, &opt);
		if (!c->unpack)
			r = snap_fail_errno(&e, ENOMEM, "cannot unpack");
		else
			r = unpack_feed(c->unpack, first, len, &e);
		while (!r && (n = inside_read(&c->guest, piece, PIECE)) > 0)
			r = unpack_feed(c->unpack, piece, (size_t)n, &e);
		if (!r && n < 0)
			r = snap_fail_errno(&e, (int)-n, "cannot read");
	}
	free(first);
	if (type < 0 || status)
		return EXIT_FAILED;
	return r ? read_failed(c, e.text) : 0;
}

/* What it says goes before what we make of a stream that broke off. */
static int copy_out(struct copy *c)
{
	struct str_list words = {0};
	struct snap_error e = {0};
	char *piece = xrealloc(NULL, PIECE);
	int status, ended;

	str_list_add(&words, xstrdup("pack"));
	if (c->o->follow)
		str_list_add(&words, xstrdup("-L"));
	str_list_add(&words, xstrdup("--"));
	str_list_add(&words, xstrdup(c->inside));
	status = inside_start(&c->guest, c->sandbox, &words, false);
	str_list_free(&words);
	if (!status) {
		status = strcmp(c->local, "-") == 0 ? to_stdout(c, piece) : to_files(c, piece);
		ended = status ? status : inside_finish(&c->guest);
		if (!status && ended)
			status = read_failed(c, c->guest.said);
		if (!status && c->unpack && unpack_finish(c->unpack, &e) < 0)
			status = read_failed(c, e.text);
		if (!status && c->unpack)
			done(c, c->local);
	}
	free(piece);
	return status;
}

/* ---- Into a sandbox ---- */

static int write_guest(void *arg, const void *data, size_t len)
{
	struct copy *c = arg;

	return inside_write(&c->guest, data, len);
}

static int from_stdin(struct copy *c)
{
	char *piece = xrealloc(NULL, PIECE);
	ssize_t n;
	int r = 0;

	while (!r && ((n = read(STDIN_FILENO, piece, PIECE)) > 0 || (n < 0 && errno == EINTR)))
		r = n > 0 ? inside_write(&c->guest, piece, (size_t)n) : 0;
	free(piece);
	if (!r && n < 0)
		return complain(EXIT_FAILED, "cannot read the archive: %s", strerror(errno));
	return 0; /* one that reads no more says why */
}

struct source {
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	bool contents, follow, dir;
};

/* What the local path means. */
static int look_at(const struct copy *c, struct source *s)
{
	struct stat st;
	const char *slash;

	if (strlen(c->local) >= sizeof(s->path))
		return complain(EXIT_FAILED, "the path %.100s… is too long", c->local);
	strcpy(s->path, c->local);
	slash = strrchr(s->path, '/');
	/* What ".." is called is not in the path. */
	if (strcmp(slash ? slash + 1 : s->path, "..") == 0 && !realpath(c->local, s->path))
		return complain(EXIT_FAILED, "cannot copy %s: %s", c->local, strerror(errno));
	s->contents = copy_says_contents(s->path);
	s->follow = c->o->follow || copy_says_dir(s->path);
	if ((s->follow ? stat : lstat)(s->path, &st) < 0)
		return complain(EXIT_FAILED, "cannot copy %s: %s", c->local, strerror(errno));
	s->dir = S_ISDIR(st.st_mode);
	if (copy_says_dir(s->path) && !s->dir)
		return complain(EXIT_FAILED, "cannot copy %s: it is not a directory", c->local);
	copy_base(s->path, s->name, sizeof(s->name));
	return 0;
}

static int from_files(struct copy *c, const struct source *s)
{
	struct pack_options opt = {.name = s->contents ? "." : s->name,
		.follow = s->follow,
		.xattrs = c->o->archive,
		.progress = progress,
		.progress_arg = c,
		.warn = warn_copy};
	struct snap_error e = {0};
	int r = tar_out_init(&c->tar, write_guest, c);

	if (r == 0)
		r = pack_tree(AT_FDCWD, s->path, &opt, &c->tar, &e);
	else
		snap_fail_errno(&e, ENOMEM, "cannot copy %s", s->path);
	if (r == 0)
		r = tar_out_finish(&c->tar);
	/* It reads no more: that is said by what it says. */
	return r && e.err != EPIPE && r != -EPIPE ? complain(EXIT_FAILED, "%s", e.text) : 0;
}

static void unpack_words(const struct copy *c, const struct source *s, struct str_list *words)
{
	str_list_add(words, xstrdup("unpack"));
	if (c->o->archive)
		str_list_add(words, xstrdup("-a"));
	if (s && s->contents) {
		str_list_add(words, xstrdup("-c"));
	} else if (s) {
		str_list_add(words, xstrdup(s->dir ? "-d" : "-f"));
		str_list_add(words, xstrdup(s->name));
	}
	str_list_add(words, xstrdup("--"));
	str_list_add(words, xstrdup(c->inside));
}

static int copy_in(struct copy *c)
{
	bool stream = strcmp(c->local, "-") == 0;
	struct str_list words = {0};
	struct source s;
	int status = stream ? 0 : look_at(c, &s), ended;
	char *to;

	if (status)
		return status;
	unpack_words(c, stream ? NULL : &s, &words);
	status = inside_start(&c->guest, c->sandbox, &words, true);
	str_list_free(&words);
	if (status)
		return status;
	status = stream ? from_stdin(c) : from_files(c, &s);
	ended = inside_finish(&c->guest);
	end_progress(c);
	if (!status && ended)
		status = complain(EXIT_FAILED, "cannot copy to %s:%s: %s", c->sandbox, c->asked, c->guest.said);
	if (!status && !stream) {
		to = xasprintf("%s:%s", c->sandbox, c->asked);
		done(c, to);
		free(to);
	}
	tar_out_free(&c->tar);
	return status;
}

/* ---- Arguments ---- */

/* SANDBOX:PATH, but not what begins as a local path does. The path, or NULL. */
static const char *path_inside(const char *arg)
{
	const char *colon = strchr(arg, ':');

	return colon && colon != arg && arg[0] != '/' && arg[0] != '.' && !memchr(arg, '/', (size_t)(colon - arg))
		       ? colon + 1
		       : NULL;
}

/* As docker: from the root, without "..", and a slash or "/." at the end stays. Allocated. */
static char *clean_inside(const char *path)
{
	bool contents = copy_says_contents(path), slash = !contents && copy_says_dir(path);
	char *ret = xcalloc(1, strlen(path) + 4), *end = ret;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !memcmp(p, "..", 2)) {
			while (end > ret && *--end != '/')
				;
			*end = '\0';
		} else if (len && !(len == 1 && *p == '.')) {
			*end++ = '/';
			memcpy(end, p, len);
			end += len;
			*end = '\0';
		}
		p += len;
		p += *p == '/';
	}
	strcpy(end, contents || end == ret ? "/." : slash ? "/" : "");
	return ret;
}

static int parse(struct copy *c, char **argv, bool *out)
{
	const char *from = path_inside(argv[0]), *to = path_inside(argv[1]), *arg = argv[from ? 0 : 1],
		   *inside = from ? from : to;

	if (from && to)
		return complain(
			EXIT_FAILED, "between two sandboxes nothing can be copied at once; copy to this machine first");
	if (!inside)
		return complain(EXIT_FAILED,
			"neither %s nor %s names a sandbox; write SANDBOX:PATH, and ./PATH for a local name "
			"with a colon",
			argv[0], argv[1]);
	*out = from;
	c->sandbox = xstrndup(arg, (size_t)(inside - arg) - 1);
	c->asked = inside;
	c->inside = clean_inside(inside);
	c->local = argv[from ? 1 : 0];
	return 0;
}

int cmd_cp(const void *opts, int argc, char **argv)
{
	struct copy c = {.o = opts,
		.dirfd = -1,
		.guest = {.sock = -1, .run_fd = -1, .in = -1, .out = -1, .err = -1, .entry = {.lock = -1}}};
	bool out = false;
	int status = parse(&c, argv, &out);

	c.show = !c.o->quiet && isatty(STDERR_FILENO);
	c.began = now_ms();
	if (!status)
		status = out ? copy_out(&c) : copy_in(&c);
	unpack_free(c.unpack);
	inside_free(&c.guest);
	if (c.dirfd >= 0)
		close(c.dirfd);
	free(c.sandbox);
	free(c.inside);
	return status;
}
