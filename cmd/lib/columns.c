/* SPDX-License-Identifier: MIT */
/* Tables and lists. */
#include "cmd/lib/columns.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/lib/json.h"
#include "cmd/lib/jtext.h"
#include "cmd/lib/message.h"
#include "cmd/lib/str.h"
#include "cmd/lib/template.h"

#define GAP 3	     /* spaces between two columns, as docker */
#define NARROWEST 10 /* a column is not cut below this */

struct columns {
	size_t count;
	bool heads;
	bool *shrinks;
	struct str_list cells;
};

/* ---- Text on a terminal ---- */

/* Printable as it stands: no control characters, of C1 neither, and valid UTF-8. Allocated. */
static char *printable(const char *text)
{
	char *s = xcalloc(1, strlen(text) + 1), *out = s;

	while (*text) {
		const unsigned char *u = (const unsigned char *)text;
		size_t len = utf8_len(u);

		if (len == 0 || *u < 0x20 || *u == 0x7f || (len == 2 && u[0] == 0xc2 && u[1] < 0xa0)) {
			*out++ = '?';
		} else {
			memcpy(out, text, len);
			out += len;
		}
		text += len ? len : 1;
	}
	return s;
}

static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* Cut to `max` letters, the last of which is then "…". */
static char *cut(char *s, size_t max)
{
	size_t at = 0, letters = 0;
	char *short_one;

	if (width(s) <= max)
		return s;
	while (s[at] && letters < max - 1) {
		for (at++; (s[at] & 0xc0) == 0x80;)
			at++;
		letters++;
	}
	short_one = xasprintf("%.*s…", (int)at, s);
	free(s);
	return short_one;
}

/* Columns of the terminal; 0: no terminal. */
static size_t terminal_columns(FILE *out)
{
	struct winsize w;

	if (isatty(fileno(out)) <= 0 || ioctl(fileno(out), TIOCGWINSZ, &w) < 0)
		return 0;
	return w.ws_col;
}

/* ---- A table ---- */

struct columns *columns_begin(const char *const *heads, size_t count)
{
	struct columns *c = xcalloc(1, sizeof(*c));

	c->count = count;
	c->heads = heads;
	c->shrinks = xcalloc(count, sizeof(*c->shrinks));
	for (size_t i = 0; heads && i < count; i++)
		columns_cell(c, heads[i]);
	return c;
}

void columns_shrink(struct columns *c, size_t column)
{
	c->shrinks[column] = true;
}

void columns_cell(struct columns *c, const char *text)
{
	struct str_list *l = &c->cells;

	if ((l->count & (l->count + 1)) == 0)
		l->items = xrealloc(l->items, (2 * l->count + 2) * sizeof(*l->items));
	l->items[l->count++] = printable(text ? text : "");
}

/* The widest column that may be cut; count if there is none. */
static size_t widest(const struct columns *c, const size_t *widths)
{
	size_t best = c->count;

	for (size_t i = 0; i < c->count; i++)
		if (c->shrinks[i] && widths[i] > NARROWEST && (best == c->count || widths[i] > widths[best]))
			best = i;
	return best;
}

static void fit(const struct columns *c, size_t *widths, size_t available)
{
	size_t total = 0, i;

	for (i = 0; i < c->count; i++)
		total += widths[i] + (i + 1 < c->count ? GAP : 0);
	while (total > available && (i = widest(c, widths)) < c->count) {
		widths[i]--;
		total--;
	}
}

void columns_end(struct columns *c, FILE *out)
{
	size_t *widths = xcalloc(c->count, sizeof(*widths)), available = terminal_columns(out);

	for (size_t i = 0; i < c->cells.count; i++) {
		size_t w = width(c->cells.items[i]);

		if (w > widths[i % c->count])
			widths[i % c->count] = w;
	}
	if (available)
		fit(c, widths, available);
	for (size_t i = 0; i < c->cells.count; i++) {
		size_t column = i % c->count;
		char *text = available ? cut(c->cells.items[i], widths[column]) : c->cells.items[i];
		bool head = c->heads && i < c->count, last = column + 1 == c->count;

		fprintf(out, "%s%s%s%*s%s", head ? tint(out, TINT_BOLD) : "", text, head ? tint(out, TINT_END) : "",
			last ? 0 : (int)(widths[column] - width(text) + GAP), "", last ? "\n" : "");
		free(text);
	}
	free(c->cells.items);
	free(c->shrinks);
	free(widths);
	free(c);
}

/* ---- A list with --format ---- */

/* Docker takes \t and \n in a format for what they stand for. */
static char *unescape(const char *s)
{
	char *text = xcalloc(1, strlen(s) + 1), *out = text;

	for (; *s; s++) {
		if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n'))
			*out++ = *++s == 't' ? '\t' : '\n';
		else
			*out++ = *s;
	}
	return text;
}

static bool is_table(const char *format)
{
	return !format || !*format || strcmp(format, "table") == 0;
}

static const char *table_template(const char *format)
{
	return strncmp(format, "table", 5) == 0 && (format[5] == ' ' || format[5] == '\t') ? format + 6 : NULL;
}

static char *cell_text(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);
	char *text = jtext_bytes(v, (size_t)1 << 20);

	return text ? text : xstrdup("");
}

static void print_table(const struct list_column *columns, size_t count, const json_t *rows, FILE *out)
{
	const char **heads = xcalloc(count, sizeof(*heads));
	struct columns *c;
	size_t shown = 0;

	for (size_t i = 0; i < count; i++)
		if (columns[i].flags & COLUMN_SHOWN)
			heads[shown++] = columns[i].head;
	c = columns_begin(heads, shown);
	for (size_t i = 0, at = 0; i < count; i++) {
		if ((columns[i].flags & COLUMN_SHOWN) && (columns[i].flags & COLUMN_SHRINK))
			columns_shrink(c, at);
		at += columns[i].flags & COLUMN_SHOWN;
	}
	for (size_t r = 0; r < json_array_size(rows); r++) {
		for (size_t i = 0; i < count; i++) {
			char *text;

			if (!(columns[i].flags & COLUMN_SHOWN))
				continue;
			text = cell_text(json_array_get(rows, r), columns[i].key);
			columns_cell(c, text);
			free(text);
		}
	}
	columns_end(c, out);
	free(heads);
}

static void print_json(const json_t *rows, FILE *out)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_copy(json_array_get(rows, i));
		const char *key;
		json_t *v;
		void *next;

		json_object_foreach_safe(row, next, key, v)
			if (key[0] == '_')
				json_object_del(row, key);
		json_dumpf(row, out, JSON_COMPACT);
		fputc('\n', out);
		json_decref(row);
	}
}

/* What a template makes of a row; allocated, NULL after a complaint. */
static char *row_text(const struct template *t, json_t *row)
{
	char *text = NULL, *err = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = f ? template_run(t, row, f, &err) : -1;

	if (f)
		fclose(f);
	if (r) {
		complain(EXIT_FAILED, "--format: %s", err ? err : "out of memory");
		free(text);
		text = NULL;
	}
	free(err);
	return text;
}

/* A row whose values are the heads. {{.Label "x"}} has the head X. */
static json_t *head_row(const struct list_column *columns, size_t count)
{
	json_t *row = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(row, columns[i].key, json_string(columns[i].head));
	json_object_set_new(row, "_Label", json_object());
	return row;
}

static void add_cells(struct columns *c, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++) {
		char *tab = strchr(text, '\t');

		/* More tabs in a row than in the heads stay in the last cell. */
		if (tab && i + 1 < count)
			*tab = '\0';
		columns_cell(c, text);
		text = tab && i + 1 < count ? tab + 1 : text + strlen(text);
	}
}

static int print_template_table(const struct template *t, const struct list_column *columns, size_t count,
	const json_t *rows, FILE *out)
{
	json_t *head = head_row(columns, count);
	char *text = row_text(t, head);
	struct columns *c;
	size_t cells = 1;
	int status = 0;

	json_decref(head);
	if (!text)
		return EXIT_FAILED;
	for (const char *p = text; *p; p++)
		cells += *p == '\t';
	c = columns_begin(NULL, cells);
	add_cells(c, cells, text);
	free(text);
	for (size_t i = 0; status == 0 && i < json_array_size(rows); i++) {
		text = row_text(t, json_array_get(rows, i));
		if (text)
			add_cells(c, cells, text);
		else
			status = EXIT_FAILED;
		free(text);
	}
	columns_end(c, out);
	return status;
}

static int print_lines(const struct template *t, const json_t *rows, FILE *out)
{
	char *err = NULL;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (template_run(t, json_array_get(rows, i), out, &err) < 0) {
			complain(0, "--format: %s", err);
			free(err);
			return EXIT_FAILED;
		}
		fputc('\n', out);
	}
	return 0;
}

static struct template *parse_format(const char *format)
{
	const char *table = table_template(format);
	char *text = unescape(table ? table : format), *err = NULL;
	struct template *t = template_parse(text, &err);

	if (!t)
		complain(EXIT_FAILED, "--format: %s", err);
	free(err);
	free(text);
	return t;
}

int check_list_format(const char *format)
{
	struct template *t;
	int status;

	if (is_table(format) || strcmp(format, "json") == 0)
		return 0;
	t = parse_format(format);
	status = t ? 0 : EXIT_FAILED;
	template_free(t);
	return status;
}

int print_list(const char *format, const struct list_column *columns, size_t count, const json_t *rows, FILE *out)
{
	struct template *t;
	int status;

	if (is_table(format)) {
		print_table(columns, count, rows, out);
		return EXIT_OK;
	}
	if (strcmp(format, "json") == 0) {
		print_json(rows, out);
		return EXIT_OK;
	}
	t = parse_format(format);
	if (!t)
		return EXIT_FAILED;
	status = table_template(format) ? print_template_table(t, columns, count, rows, out) : print_lines(t, rows, out);
	template_free(t);
	return status;
}
