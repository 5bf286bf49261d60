/* SPDX-License-Identifier: MIT */
/* A report for people. Its strings are the guest's: what could speak to the terminal is shown as '?'. */
#include "cmd/run/report.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/lib/escape.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

#define SHOWN 40 /* of each list */

static void put(FILE *out, const char *s)
{
	char *shown = xstrdup(s);

	make_printable(shown, "");
	fputs(shown, out);
	free(shown);
}

static const char *string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static unsigned long long number(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

static void put_count(FILE *out, const json_t *o)
{
	if (number(o, "count") > 1)
		fprintf(out, "  %s%llu times%s", tint(out, TINT_DIM), number(o, "count"), tint(out, TINT_END));
	fputc('\n', out);
}

static void put_program(FILE *out, const json_t *o)
{
	fprintf(out, "  ");
	put(out, string(o, "path"));
	put_count(out, o);
}

static void put_host(FILE *out, const json_t *o)
{
	const char *name = string(o, "name"), *error = string(o, "error");

	fprintf(out, "  ");
	put(out, *name ? name : string(o, "address"));
	fprintf(out, ":%llu/", number(o, "port"));
	put(out, string(o, "protocol"));
	if (*name) {
		fprintf(out, "  (");
		put(out, string(o, "address"));
		fputc(')', out);
	}
	if (*error) {
		fprintf(out, "  %s", tint(out, TINT_RED));
		put(out, error);
		fprintf(out, "%s", tint(out, TINT_END));
	}
	put_count(out, o);
}

static void put_call(FILE *out, const json_t *o)
{
	fprintf(out, "  ");
	put(out, string(o, "name"));
	fputc(' ', out);
	put(out, string(o, "error"));
	if (*string(o, "path")) {
		fprintf(out, "  e.g. ");
		put(out, string(o, "path"));
	}
	if (*string(o, "reason")) {
		fprintf(out, "  ");
		put(out, string(o, "reason"));
	}
	put_count(out, o);
}

static void put_file(FILE *out, const json_t *o)
{
	const char *change = string(o, "change");
	char letter = strcmp(change, "made") == 0 ? 'A' : strcmp(change, "removed") == 0 ? 'D' : 'C';

	fprintf(out, "  %s%c%s ", tint(out, letter == 'A' ? TINT_GREEN : letter == 'D' ? TINT_RED : TINT_YELLOW), letter,
		tint(out, TINT_END));
	put(out, string(o, "path"));
	fputc('\n', out);
}

static bool is_temporary(const json_t *o)
{
	return strcmp(string(o, "change"), "temporary") == 0;
}

static void put_list(FILE *out, const json_t *r, const char *key, const char *title, const char *none,
	void (*one)(FILE *out, const json_t *o))
{
	const json_t *list = json_object_get(r, key), *o;
	unsigned long long lost = number(json_object_get(r, "lost"), key);
	size_t i, shown = 0, count = 0;

	json_array_foreach(list, i, o)
		count += !is_temporary(o);
	if (count + lost == 0) {
		fprintf(out, "%s\n", none);
		return;
	}
	fprintf(out, "%s%s%s (%zu%s)\n", tint(out, TINT_BOLD), title, tint(out, TINT_END), count, lost ? " and more" : "");
	json_array_foreach(list, i, o)
		if (!is_temporary(o) && shown++ < SHOWN)
			one(out, o);
	if (count > SHOWN)
		fprintf(out, "  and %zu more (--report=json lists them)\n", count - SHOWN);
	if (lost)
		fprintf(out, "  and some that found no room in the report\n");
}

static void put_resources(FILE *out, const json_t *r)
{
	const json_t *u = json_object_get(r, "resources");
	char text[5][32];

	fprintf(out, "%sUsed%s %.2f s, %.2f s of processor time in %llu processes, %s of memory at most; read %s, wrote %s; "
		     "received %s, sent %s; exit status %lld\n",
		tint(out, TINT_BOLD), tint(out, TINT_END), (double)number(u, "wall_ns") / 1e9,
		(double)(number(u, "user_ns") + number(u, "system_ns")) / 1e9, number(u, "processes"),
		human_size(number(u, "memory_peak"), text[0], sizeof(text[0])),
		human_size(number(u, "read"), text[1], sizeof(text[1])),
		human_size(number(u, "written"), text[2], sizeof(text[2])),
		human_size(number(u, "received"), text[3], sizeof(text[3])),
		human_size(number(u, "sent"), text[4], sizeof(text[4])),
		(long long)json_integer_value(json_object_get(r, "exit_status")));
}

void report_text(FILE *out, const json_t *r)
{
	put_list(out, r, "files", "Files changed", "No file outside the sandbox was changed", put_file);
	put_list(out, r, "inside", "Changed in the sandbox itself", "Nothing of the sandbox itself was changed", put_file);
	put_list(out, r, "hosts", "Hosts contacted", "No host was contacted", put_host);
	put_list(out, r, "calls", "Calls refused", "No call was refused", put_call);
	put_list(out, r, "programs", "Programs executed", "No program was executed", put_program);
	put_resources(out, r);
}
