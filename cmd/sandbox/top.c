/* SPDX-License-Identifier: MIT */
/*
 * picket top: the processes of a sandbox, in ps's columns. What ps knows of a process by the host (its processor, its
 * wait channel) is not known of a guest's; such columns are refused by name. Names of users are the sandbox's affair:
 * root, else the number.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/keep/ask.h"
#include "cmd/lib/escape.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/sandbox/session.h"

#define COLUMNS_MAX 32
#define BOOT_MAX (INT64_C(1) << 40)
#define TEXT_MAX (64 << 20) /* of the sentry's answer, in bytes: more than its tasks can make */
#define HZ 100 /* ticks of the times in stat */

struct process {
	unsigned int uid, euid, gid, egid;
	int pid, ppid, pgid, sid, tty, tpgid, threads, priority, nice;
	unsigned long utime, stime, start, vsize, rss, min_flt, maj_flt;
	char state;
	const char *comm, *command;
};

struct listing {
	char *text;
	time_t boot, now;
	struct process *items;
	size_t count;
};

/* ---- What the sentry said ---- */

static bool parse_stat(char *stat, struct process *p)
{
	char *open = strchr(stat, '('), *close = strrchr(stat, ')');

	if (!open || !close || close < open || sscanf(stat, "%d", &p->pid) != 1)
		return false;
	*close = '\0';
	p->comm = open + 1;
	return sscanf(close + 1, " %c %d %d %d %d %d %*u %lu %*u %lu %*u %lu %lu %*d %*d %d %d %d %*d %lu %lu %lu",
		       &p->state, &p->ppid, &p->pgid, &p->sid, &p->tty, &p->tpgid, &p->min_flt, &p->maj_flt, &p->utime,
		       &p->stime, &p->priority, &p->nice, &p->threads, &p->start, &p->vsize, &p->rss) == 16;
}

static bool parse_line(char *line, struct process *p)
{
	char *stat = line, *command;
	int at = 0;

	*p = (struct process){0};
	if (sscanf(line, "%u\t%u\t%u\t%u\t%n", &p->uid, &p->euid, &p->gid, &p->egid, &at) != 4 || !at)
		return false;
	stat += at;
	command = strchr(stat, '\t');
	if (!command)
		return false;
	*command++ = '\0';
	p->command = command;
	return parse_stat(stat, p);
}

static int parse_all(struct listing *l)
{
	char *save = NULL, *line;
	int64_t boot;

	make_printable(l->text, "\t\n"); /* whatever the sentry's own cleaning was worth */
	line = strtok_r(l->text, "\n", &save);
	if (!line)
		return -1;
	if (parse_number(line, 0, BOOT_MAX, &boot) < 0)
		return -1;
	l->boot = (time_t)boot;
	while ((line = strtok_r(NULL, "\n", &save))) {
		l->items = xrealloc(l->items, (l->count + 1) * sizeof(*l->items));
		l->count += parse_line(line, &l->items[l->count]);
	}
	return 0;
}

static int ask(const struct entry *e, struct listing *l)
{
	int fd = memfd_create("picket-top", MFD_CLOEXEC), r;
	json_t *answer = NULL;
	off_t len;

	if (fd < 0)
		return complain(EXIT_FAILED, "cannot ask for the processes: %s", strerror(errno));
	r = keeper_ask(e, json_pack("{s:s, s:s}", "do", "ask", "text", "top"), &fd, 1, &answer);
	if (r < 0)
		complain(EXIT_FAILED, "cannot ask the sandbox %s for its processes: %s", e->config.name,
			keeper_error(r, answer));
	json_decref(answer);
	len = r < 0 ? 0 : lseek(fd, 0, SEEK_END);
	if (r == 0 && (len < 0 || len > TEXT_MAX))
		r = complain(EXIT_FAILED, "the sandbox %s does not tell its processes", e->config.name);
	if (r == 0) {
		l->text = xcalloc(1, (size_t)len + 1);
		if (pread(fd, l->text, (size_t)len, 0) != len || parse_all(l) < 0)
			r = complain(EXIT_FAILED, "the sandbox %s does not tell its processes", e->config.name);
	}
	close(fd);
	return r ? EXIT_FAILED : 0;
}

/* ---- Columns ---- */

#define CELL 64

static void user(unsigned int uid, char *ret)
{
	if (uid)
		snprintf(ret, CELL, "%u", uid);
	else
		strcpy(ret, "root");
}

static void clock_time(unsigned long ticks, char *ret)
{
	unsigned long s = ticks / HZ;

	if (s >= 86400)
		snprintf(ret, CELL, "%lu-%02lu:%02lu:%02lu", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
	else
		snprintf(ret, CELL, "%02lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
}

static time_t started(const struct listing *l, const struct process *p)
{
	return l->boot + (p->start / HZ < BOOT_MAX ? (time_t)(p->start / HZ) : BOOT_MAX);
}

static unsigned long seconds_since(const struct listing *l, const struct process *p)
{
	time_t t = started(l, p);

	return l->now > t ? (unsigned long)(l->now - t) : 0;
}

static void start_time(const struct listing *l, const struct process *p, char *ret)
{
	time_t t = started(l, p);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(ret, CELL, l->now - t < 86400 ? "%H:%M" : "%b%d", &tm);
}

static void terminal(const struct process *p, char *ret)
{
	unsigned int major = (unsigned int)p->tty >> 8 & 0xfff,
		     minor = ((unsigned int)p->tty & 0xff) | ((unsigned int)p->tty >> 12 & 0xfff00);

	if (!p->tty)
		strcpy(ret, "?");
	else if (major == 136)
		snprintf(ret, CELL, "pts/%u", minor);
	else
		snprintf(ret, CELL, "%u:%u", major, minor);
}

static double cpu_share(const struct listing *l, const struct process *p)
{
	unsigned long s = seconds_since(l, p);

	return s ? (double)(p->utime + p->stime) / HZ * 100 / (double)s : 0;
}

static double memory_share(const struct process *p)
{
	double pages = (double)sysconf(_SC_PHYS_PAGES);

	return pages > 0 ? (double)p->rss * 100 / pages : 0;
}

static void state(const struct process *p, char *ret)
{
	snprintf(ret, CELL, "%c%s%s%s%s", p->state,
		p->nice < 0   ? "<"
		: p->nice > 0 ? "N"
			      : "",
		p->sid == p->pid ? "s" : "", p->threads > 1 ? "l" : "", p->tpgid > 0 && p->tpgid == p->pgid ? "+" : "");
}

#define NUMBER(name, fmt, value)                                                                                       \
	static void name(const struct listing *l, const struct process *p, char *ret)                                  \
	{                                                                                                              \
		snprintf(ret, CELL, fmt, value);                                                                       \
	}
#define TEXT(name, call)                                                                                               \
	static void name(const struct listing *l, const struct process *p, char *ret)                                  \
	{                                                                                                              \
		call;                                                                                                  \
	}

NUMBER(show_pid, "%d", p->pid)
NUMBER(show_ppid, "%d", p->ppid)
NUMBER(show_pgid, "%d", p->pgid)
NUMBER(show_sid, "%d", p->sid)
NUMBER(show_tpgid, "%d", p->tpgid)
NUMBER(show_uid, "%u", p->uid)
NUMBER(show_euid, "%u", p->euid)
NUMBER(show_gid, "%u", p->gid)
NUMBER(show_egid, "%u", p->egid)
NUMBER(show_threads, "%d", p->threads)
NUMBER(show_priority, "%d", p->priority)
NUMBER(show_nice, "%d", p->nice)
NUMBER(show_vsize, "%lu", p->vsize / 1024)
NUMBER(show_rss, "%lu", p->rss * 4)
NUMBER(show_minflt, "%lu", p->min_flt)
NUMBER(show_majflt, "%lu", p->maj_flt)
NUMBER(show_c, "%.0f", cpu_share(l, p))
NUMBER(show_cpu, "%.1f", cpu_share(l, p))
NUMBER(show_memory, "%.1f", memory_share(p))
NUMBER(show_s, "%c", p->state)
NUMBER(show_etimes, "%lu", seconds_since(l, p))
NUMBER(show_cputimes, "%lu", (p->utime + p->stime) / HZ)
TEXT(show_user, user(p->uid, ret))
TEXT(show_euser, user(p->euid, ret))
TEXT(show_group, user(p->gid, ret))
TEXT(show_time, clock_time(p->utime + p->stime, ret))
TEXT(show_etime, clock_time(seconds_since(l, p) * HZ, ret))
TEXT(show_start, start_time(l, p, ret))
TEXT(show_tty, terminal(p, ret))
TEXT(show_state, state(p, ret))

static void show_bsd_time(const struct listing *l, const struct process *p, char *ret)
{
	unsigned long s = (p->utime + p->stime) / HZ;

	snprintf(ret, CELL, "%lu:%02lu", s / 60, s % 60);
}

static void show_lstart(const struct listing *l, const struct process *p, char *ret)
{
	time_t t = started(l, p);
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(ret, CELL, "%a %b %e %H:%M:%S %Y", &tm);
}

struct column {
	const char *name, *title;
	void (*show)(const struct listing *l, const struct process *p, char *ret); /* NULL: the command, or its name */
	bool right, name_only;
};

static const struct column known[] = {
	{"pid", "PID", show_pid, true},
	{"tgid", "TGID", show_pid, true},
	{"ppid", "PPID", show_ppid, true},
	{"pgid", "PGID", show_pgid, true},
	{"pgrp", "PGRP", show_pgid, true},
	{"sid", "SID", show_sid, true},
	{"sess", "SESS", show_sid, true},
	{"tpgid", "TPGID", show_tpgid, true},
	{"user", "USER", show_user, false},
	{"uname", "USER", show_user, false},
	{"ruser", "RUSER", show_user, false},
	{"euser", "EUSER", show_euser, false},
	{"uid", "UID", show_euid, true},
	{"euid", "EUID", show_euid, true},
	{"ruid", "RUID", show_uid, true},
	{"group", "GROUP", show_group, false},
	{"gid", "GID", show_egid, true},
	{"egid", "EGID", show_egid, true},
	{"rgid", "RGID", show_gid, true},
	{"nlwp", "NLWP", show_threads, true},
	{"thcount", "THCNT", show_threads, true},
	{"pri", "PRI", show_priority, true},
	{"ni", "NI", show_nice, true},
	{"nice", "NI", show_nice, true},
	{"vsz", "VSZ", show_vsize, true},
	{"vsize", "VSZ", show_vsize, true},
	{"rss", "RSS", show_rss, true},
	{"rssize", "RSS", show_rss, true},
	{"rsz", "RSZ", show_rss, true},
	{"min_flt", "MINFL", show_minflt, true},
	{"maj_flt", "MAJFL", show_majflt, true},
	{"c", "C", show_c, true},
	{"pcpu", "%CPU", show_cpu, true},
	{"%cpu", "%CPU", show_cpu, true},
	{"pmem", "%MEM", show_memory, true},
	{"%mem", "%MEM", show_memory, true},
	{"s", "S", show_s, false},
	{"state", "S", show_s, false},
	{"stat", "STAT", show_state, false},
	{"time", "TIME", show_time, true},
	{"cputime", "TIME", show_time, true},
	{"cputimes", "TIME", show_cputimes, true},
	{"etime", "ELAPSED", show_etime, true},
	{"etimes", "ELAPSED", show_etimes, true},
	{"stime", "STIME", show_start, false},
	{"start", "START", show_start, false},
	{"start_time", "START", show_start, false},
	{"lstart", "STARTED", show_lstart, false},
	{"tty", "TT", show_tty, false},
	{"tname", "TTY", show_tty, false},
	{"tt", "TT", show_tty, false},
	{"comm", "COMMAND", NULL, false, true},
	{"ucmd", "CMD", NULL, false, true},
	{"ucomm", "COMMAND", NULL, false, true},
	{"cmd", "CMD", NULL, false},
	{"args", "COMMAND", NULL, false},
	{"command", "COMMAND", NULL, false},
};

static const struct column full[] = {{"", "UID", show_user, false}, {"", "PID", show_pid, true},
	{"", "PPID", show_ppid, true}, {"", "C", show_c, true}, {"", "STIME", show_start, false},
	{"", "TTY", show_tty, false}, {"", "TIME", show_time, true}, {"", "CMD", NULL, false}};
static const struct column bsd[] = {{"", "USER", show_user, false}, {"", "PID", show_pid, true},
	{"", "%CPU", show_cpu, true}, {"", "%MEM", show_memory, true}, {"", "VSZ", show_vsize, true},
	{"", "RSS", show_rss, true}, {"", "TTY", show_tty, false}, {"", "STAT", show_state, false},
	{"", "START", show_start, false}, {"", "TIME", show_bsd_time, true}, {"", "COMMAND", NULL, false}};
static const struct column plain[] = {{"", "PID", show_pid, true}, {"", "TTY", show_tty, false},
	{"", "TIME", show_time, true}, {"", "CMD", NULL, false, true}};
static const struct column bsd_x[] = {{"", "PID", show_pid, true}, {"", "TTY", show_tty, false},
	{"", "STAT", show_state, false}, {"", "TIME", show_bsd_time, true}, {"", "COMMAND", NULL, false}};

struct layout {
	struct column columns[COLUMNS_MAX];
	char titles[COLUMNS_MAX][64];
	size_t count;
};

/* One column by name, with its own title behind a "=". */
static int add_column(struct layout *y, char *word)
{
	char *title = strchr(word, '=');

	if (title)
		*title++ = '\0';
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasecmp(known[i].name, word) != 0)
			continue;
		if (y->count == COLUMNS_MAX)
			return complain(EXIT_FAILED, "more than %d columns", COLUMNS_MAX);
		y->columns[y->count] = known[i];
		if (title) {
			snprintf(y->titles[y->count], sizeof(y->titles[0]), "%s", title);
			y->columns[y->count].title = y->titles[y->count];
		}
		y->count++;
		return 0;
	}
	return complain(EXIT_FAILED, "the column \"%s\" of ps is not known of a sandbox's processes", word);
}

static int add_columns(struct layout *y, const char *list)
{
	char *text = xstrdup(list), *save = NULL;
	int r = 0;

	/* The last one's title may hold anything. */
	for (char *w = strtok_r(text, ", ", &save); w && !r; w = strtok_r(NULL, ", ", &save))
		r = add_column(y, w);
	free(text);
	return r;
}

static int use(struct layout *y, const struct column *columns, size_t count)
{
	memcpy(y->columns, columns, count * sizeof(*columns));
	y->count = count;
	return 0;
}

#define USE(y, columns) use(y, columns, sizeof(columns) / sizeof((columns)[0]))

/* Letters of ps that choose the columns; which processes there are is said already, all of the sandbox's. */
static int one_word(struct layout *y, const char *word)
{
	bool dash = word[0] == '-';
	const char *letters = word + dash;

	if (!*letters || strspn(letters, dash ? "eAfFlwdaxHy" : "auxwefg") != strlen(letters))
		return complain(EXIT_FAILED,
			"\"%s\" of ps is not known here: there are -e -f -A -a -x -w, aux and its parts, and -o or o "
			"with columns",
			word);
	if (!dash && strchr(letters, 'u'))
		return USE(y, bsd);
	if (dash && (strchr(letters, 'f') || strchr(letters, 'F') || strchr(letters, 'l')))
		return USE(y, full);
	return y->count ? 0 : dash ? USE(y, plain) : USE(y, bsd_x);
}

static int choose(struct layout *y, int argc, char **argv)
{
	bool named = false;
	int r = argc ? 0 : USE(y, full);

	for (int i = 0; i < argc && !r; i++) {
		const char *list = NULL;

		/* -o LIST, -oLIST, o LIST, -eo LIST, --format LIST, --format=LIST */
		if (strncmp(argv[i], "--format=", 9) == 0)
			list = argv[i] + 9;
		else if (strncmp(argv[i], "-o", 2) == 0 && argv[i][2])
			list = argv[i] + 2;
		else if (strcmp(argv[i], "--format") == 0 || strcmp(argv[i], "o") == 0 ||
			 (argv[i][0] == '-' && argv[i][1] != '-' && argv[i][strlen(argv[i]) - 1] == 'o'))
			list = ++i < argc ? argv[i] : "";
		if (!list) {
			r = named ? 0 : one_word(y, argv[i]);
			continue;
		}
		if (!*list)
			return complain(EXIT_FAILED, "-o wants columns: -o pid,user,args");
		if (!named)
			y->count = 0;
		named = true;
		r = add_columns(y, list);
	}
	return r;
}

/* ---- Output ---- */

static const char *value(const struct listing *l, const struct column *c, const struct process *p, char *ret)
{
	if (c->show) {
		c->show(l, p, ret);
		return ret;
	}
	if (!c->name_only && *p->command)
		return p->command;
	if (c->name_only)
		return p->comm;
	snprintf(ret, CELL, "[%.40s]%s", p->comm, p->state == 'Z' ? " <defunct>" : "");
	return ret;
}

static void print_row(const struct layout *y, const struct listing *l, const struct process *p, const int *widths)
{
	char buf[CELL];

	for (size_t i = 0; i < y->count; i++) {
		const struct column *c = &y->columns[i];
		const char *text = p ? value(l, c, p, buf) : c->title;

		if (i + 1 == y->count && !c->right)
			printf("%s", text);
		else
			printf("%*s", c->right ? widths[i] : -widths[i], text);
		if (i + 1 < y->count)
			putchar(' ');
	}
	putchar('\n');
}

static int print(const struct layout *y, const struct listing *l)
{
	int widths[COLUMNS_MAX];
	char buf[CELL];

	for (size_t i = 0; i < y->count; i++) {
		widths[i] = (int)strlen(y->columns[i].title);
		for (size_t j = 0; j < l->count; j++) {
			int n = (int)strlen(value(l, &y->columns[i], &l->items[j], buf));

			widths[i] = n > widths[i] ? n : widths[i];
		}
	}
	print_row(y, l, NULL, widths);
	for (size_t j = 0; j < l->count; j++)
		print_row(y, l, &l->items[j], widths);
	return finish_output();
}

int cmd_top(const void *opts, int argc, char **argv)
{
	struct listing l = {.now = time(NULL)};
	struct layout *y = xcalloc(1, sizeof(*y));
	struct entry e;
	int status = choose(y, argc - 1, argv + 1);

	status = status ? status : session_find(argv[0], true, &e);
	if (!status) {
		status = ask(&e, &l);
		status = status ? status : print(y, &l);
		entry_free(&e);
	}
	free(l.items);
	free(l.text);
	free(y);
	return status;
}
