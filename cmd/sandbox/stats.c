/* SPDX-License-Identifier: MIT */
/* picket stats: what sandboxes use, as docker shows it, once or again and again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/keep/record.h"
#include "cmd/lib/columns.h"
#include "cmd/lib/message.h"

#define INTERVAL_MS 1000

static const struct list_column columns[] = {
	{"Container", "CONTAINER", 0},
	{"ID", "CONTAINER ID", COLUMN_SHOWN},
	{"Name", "NAME", COLUMN_SHOWN | COLUMN_SHRINK},
	{"CPUPerc", "CPU %", COLUMN_SHOWN},
	{"MemUsage", "MEM USAGE / LIMIT", COLUMN_SHOWN},
	{"MemPerc", "MEM %", COLUMN_SHOWN},
	{"NetIO", "NET I/O", COLUMN_SHOWN},
	{"BlockIO", "BLOCK I/O", COLUMN_SHOWN},
	{"PIDs", "PIDS", COLUMN_SHOWN},
};

struct sample {
	bool known;
	int64_t at; /* ns */
	uint64_t memory, limit, cpu, rx, tx, in, out, pids;
};

struct subject { /* a line */
	char *asked; /* as it was named, or its short id */
	struct entry e;
	bool live;
	struct sample last, now;
};

struct subjects {
	struct subject *items;
	size_t count;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* ---- Asking ---- */

/* The number behind " NAME=" in the sentry's words; 0 if it is not there. */
static uint64_t number(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *s = text; (s = strstr(s, name)); s += len)
		if ((s == text || s[-1] == ' ') && s[len] == '=')
			return strtoull(s + len + 1, NULL, 10);
	return 0;
}

static void ask(struct subject *s)
{
	json_t *answer = NULL;
	const char *text;

	s->last = s->now;
	s->now = (struct sample){.at = now_ns()};
	if (!s->live || keeper_ask(&s->e, json_pack("{s:s, s:s}", "do", "ask", "text", "stats"), NULL, 0, &answer) < 0) {
		json_decref(answer);
		return;
	}
	text = json_string_value(json_object_get(answer, "text"));
	if (text) {
		s->now.at = now_ns();
		s->now.memory = number(text, "memory");
		s->now.limit = number(text, "memory_limit");
		if (!s->now.limit || s->now.limit > number(text, "memory_total"))
			s->now.limit = number(text, "memory_total");
		s->now.cpu = number(text, "cpu_ns");
		s->now.rx = number(text, "rx");
		s->now.tx = number(text, "tx");
		s->now.in = number(text, "read");
		s->now.out = number(text, "written");
		s->now.pids = number(text, "pids");
		s->now.known = true;
	}
	json_decref(answer);
}

/* ---- Words ---- */

/* docker's: four digits, powers of 1024 with "KiB", or three digits, powers of 1000 with "kB". */
static char *size_text(uint64_t bytes, bool binary)
{
	static const char *const units[2][7] = {
		{"B", "kB", "MB", "GB", "TB", "PB", "EB"}, {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}};
	double v = (double)bytes, base = binary ? 1024 : 1000;
	int u = 0;

	while (v >= base && u < 6) {
		v /= base;
		u++;
	}
	return xasprintf(binary ? "%.4g%s" : "%.3g%s", v, units[binary][u]);
}

static void set(json_t *row, const char *key, char *text)
{
	json_object_set_new(row, key, json_string(text));
	free(text);
}

static void set_pair(json_t *row, const char *key, const struct subject *s, uint64_t a, uint64_t b, bool binary)
{
	char *first = size_text(a, binary), *second = size_text(b, binary);

	set(row, key, s->live && !s->now.known ? xstrdup("-- / --") : xasprintf("%s / %s", first, second));
	free(first);
	free(second);
}

static double cpu_percent(const struct subject *s)
{
	if (!s->last.known || !s->now.known || s->now.at <= s->last.at || s->now.cpu < s->last.cpu)
		return 0;
	return 100.0 * (double)(s->now.cpu - s->last.cpu) / (double)(s->now.at - s->last.at);
}

static json_t *row_of(const struct subject *s, bool whole)
{
	json_t *row = json_object();
	const struct sample *n = &s->now;
	bool unknown = s->live && !n->known;

	set(row, "Container", xstrdup(s->asked));
	set(row, "ID", xasprintf("%.*s", whole ? ENTRY_ID_LEN : ENTRY_SHORT_LEN, s->e.id));
	set(row, "Name", xstrdup(s->e.config.name));
	set(row, "CPUPerc", unknown ? xstrdup("--") : xasprintf("%.2f%%", cpu_percent(s)));
	set_pair(row, "MemUsage", s, n->memory, n->limit, true);
	set(row, "MemPerc",
		unknown ? xstrdup("--") : xasprintf("%.2f%%", n->limit ? 100.0 * (double)n->memory / (double)n->limit : 0.0));
	set_pair(row, "NetIO", s, n->rx, n->tx, false);
	set_pair(row, "BlockIO", s, n->in, n->out, false);
	set(row, "PIDs", unknown ? xstrdup("--") : xasprintf("%llu", (unsigned long long)n->pids));
	return row;
}

/* ---- Which ---- */

static bool is_live(const struct entry *e)
{
	return e->state.status == ENTRY_RUNNING || e->state.status == ENTRY_PAUSED || e->state.status == ENTRY_RESTARTING;
}

/* Takes the entry over. */
static void add(struct subjects *all, struct entry *e, const char *asked)
{
	all->items = xrealloc(all->items, (all->count + 1) * sizeof(*all->items));
	all->items[all->count++] =
		(struct subject){.asked = xstrdup(asked ? asked : e->short_id), .e = *e, .live = is_live(e)};
	*e = (struct entry){.lock = -1};
}

static int named(struct subjects *all, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char *err = NULL;
		struct entry e;

		if (entry_find(argv[i], &e, &err) < 0) {
			complain(EXIT_FAILED, "%s", err);
			free(err);
			return EXIT_FAILED;
		}
		add(all, &e, argv[i]);
	}
	return 0;
}

static int listed(struct subjects *all, bool stopped)
{
	struct entry_list list;
	char *err = NULL;

	if (entries_list(stopped ? 0 : ENTRIES_LIVE, &list, &err) < 0) {
		complain(EXIT_FAILED, "%s", err);
		free(err);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < list.count; i++)
		if (stopped || is_live(&list.items[i]))
			add(all, &list.items[i], NULL);
	entry_list_free(&list);
	return 0;
}

static void forget(struct subjects *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free(all->items[i].asked);
		entry_free(&all->items[i].e);
	}
	free(all->items);
	*all = (struct subjects){0};
}

/* The list as it is now; what was asked before of those that are still there is kept. */
static int renew(struct subjects *all, const struct stats_options *o, int argc, char **argv)
{
	struct subjects fresh = {0};
	int status = argc ? named(&fresh, argc, argv) : listed(&fresh, o->all);

	if (status) {
		forget(&fresh);
		return status;
	}
	for (size_t i = 0; i < fresh.count; i++)
		for (size_t j = 0; j < all->count; j++)
			if (strcmp(fresh.items[i].e.id, all->items[j].e.id) == 0)
				fresh.items[i].now = all->items[j].now;
	forget(all);
	*all = fresh;
	for (size_t i = 0; i < all->count; i++)
		ask(&all->items[i]);
	return 0;
}

static int show(const struct subjects *all, const struct stats_options *o, bool again)
{
	json_t *rows = json_array();
	int status;

	for (size_t i = 0; i < all->count; i++)
		json_array_append_new(rows, row_of(&all->items[i], o->no_trunc));
	if (again)
		fputs("\033[H\033[J", stdout);
	status = print_list(o->format, columns, sizeof(columns) / sizeof(columns[0]), rows, stdout);
	json_decref(rows);
	return fflush(stdout) || ferror(stdout) ? finish_output() : status;
}

static void wait_ms(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l};

	nanosleep(&ts, NULL);
}

int cmd_stats(const void *opts, int argc, char **argv)
{
	const struct stats_options *o = opts;
	struct subjects all = {0};
	bool again = !o->no_stream && isatty(STDOUT_FILENO) && (!o->format || strncmp(o->format, "table", 5) == 0);
	int status = check_list_format(o->format);

	status = status ? status : renew(&all, o, argc, argv);
	while (!status) {
		/* A share of the processors is known from two looks. */
		if (all.count || !o->no_stream)
			wait_ms(INTERVAL_MS);
		status = renew(&all, o, argc, argv);
		status = status ? status : show(&all, o, again);
		if (o->no_stream)
			break;
	}
	forget(&all);
	return status;
}
