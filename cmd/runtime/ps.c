/* SPDX-License-Identifier: MIT */
/* `ps`: the host's processes of a container: its monitors, its sentry, the stubs that run the guest's programs. */
#include <ctype.h>
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/groups.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

struct arguments {
	const char *format;
};

static const struct option_row options[] = {
	{OPTION_TEXT, "format", 'f', offsetof(struct arguments, format), "table or json: an array of process numbers"},
	{OPTION_END},
};

struct process {
	pid_t pid, parent;
};

struct pids {
	pid_t *items;
	size_t count;
};

/* The parent of a process; 0: it is gone. */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *behind;
	FILE *f;
	size_t n;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f)
		fclose(f);
	text[n] = '\0';
	behind = strrchr(text, ')');
	return behind && sscanf(behind + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static size_t all_processes(struct process **ret)
{
	DIR *d = opendir("/proc");
	struct process *list = NULL;
	struct dirent *e;
	size_t n = 0;

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		list = xrealloc(list, (n + 1) * sizeof(*list));
		list[n].pid = atoi(e->d_name);
		list[n].parent = parent_of(list[n].pid);
		n++;
	}
	if (d)
		closedir(d);
	*ret = list;
	return n;
}

static bool among(const struct pids *p, pid_t pid)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i] == pid)
			return true;
	return false;
}

/* Without a group: the monitor and all that descends from it. */
static void descendants(pid_t monitor, struct pids *ret)
{
	struct process *list;
	size_t n = all_processes(&list), before;

	ret->items = xrealloc(NULL, (n + 1) * sizeof(*ret->items));
	ret->items[0] = monitor;
	ret->count = 1;
	do {
		before = ret->count;
		for (size_t i = 0; i < n && ret->count <= n; i++)
			if (among(ret, list[i].parent) && !among(ret, list[i].pid))
				ret->items[ret->count++] = list[i].pid;
	} while (ret->count != before);
	free(list);
}

static int find_pids(const struct container *c, struct pids *ret)
{
	char *err = NULL;
	struct cg g;
	int r = 0;

	*ret = (struct pids){0};
	if (!container_lives(c))
		return 0;
	group_of(c, &g);
	if (g.version == CG_NONE)
		descendants(c->pid, ret);
	else if (cg_pids(&g, &ret->items, &ret->count, &err) < 0)
		r = fail("%s", err);
	cg_free(&g);
	free(err);
	return r;
}

/* The place of the column PID in ps's first line; -1: there is none. */
static int pid_column(const char *title)
{
	int column = 0;

	for (const char *c = title + strspn(title, " "); *c && *c != '\n'; column++) {
		size_t n = strcspn(c, " \n");

		if (n == 3 && strncmp(c, "PID", 3) == 0)
			return column;
		c += n;
		c += strspn(c, " ");
	}
	return -1;
}

static pid_t pid_at(const char *line, int column)
{
	const char *c = line + strspn(line, " ");

	for (int i = 0; i < column; i++) {
		c += strcspn(c, " ");
		c += strspn(c, " ");
	}
	return atoi(c);
}

/* Pass on the title, and the lines of processes that are the container's. */
static int filter(FILE *in, const struct pids *p)
{
	char *line = NULL;
	size_t len = 0;
	int column = getline(&line, &len, in) > 0 ? pid_column(line) : -1, r = 0;

	if (column >= 0)
		fputs(line, stdout);
	else
		r = fail("couldn't find PID field in ps output");
	while (r == 0 && getline(&line, &len, in) > 0)
		if (among(p, pid_at(line, column)))
			fputs(line, stdout);
	free(line);
	return r;
}

/* The host's ps, with the words behind the id, or -ef. */
static int table(const struct pids *p, int argc, char **argv)
{
	char *words[] = {(char *)(uintptr_t)"ps", (char *)(uintptr_t)"-ef", NULL};
	int pipes[2], status = 0, r;
	FILE *in;
	pid_t pid;

	if (argc > 1)
		argv[1] = words[0];
	if (pipe(pipes) < 0 || (pid = fork()) < 0)
		return fail("ps cannot be run: no processes or descriptors left");
	if (pid == 0) {
		dup2(pipes[1], 1);
		close(pipes[0]);
		close(pipes[1]);
		execvp("ps", argc > 2 ? argv + 1 : words);
		_exit(127);
	}
	close(pipes[1]);
	in = fdopen(pipes[0], "r");
	r = in ? filter(in, p) : -1;
	if (in)
		fclose(in);
	while (waitpid(pid, &status, 0) < 0)
		;
	return r < 0 || status ? fail("ps ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128) : 0;
}

static int run_ps(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {.format = "table"};
	struct container c;
	struct pids p;
	int words, r;

	/* The id may stand before or behind options of ours; what is behind it and not ours is for ps. */
	words = options_read(options, &a, true, argc, argv);
	if (words < 0)
		return 1;
	if (words < 1)
		return fail("\"ps\" requires a minimum of 1 argument"), 1;
	if (strcmp(a.format, "json") && strcmp(a.format, "table"))
		return fail("invalid format option"), 1;
	if (container_open(rt, argv[1], &c) < 0)
		return 1;
	r = find_pids(&c, &p);
	if (r == 0 && strcmp(a.format, "json") == 0) {
		putchar('[');
		for (size_t i = 0; i < p.count; i++)
			printf("%s%d", i ? "," : "", (int)p.items[i]);
		puts("]");
	} else if (r == 0) {
		r = table(&p, words + 1, argv);
	}
	free(p.items);
	container_close(&c);
	return r < 0;
}

const struct verb verb_ps = {"ps", "[OPTIONS] ID [PS OPTIONS]", "show the host's processes of a container", run_ps, options};
