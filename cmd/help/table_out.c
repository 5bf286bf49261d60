/* SPDX-License-Identifier: MIT */
/* Tables for people. */
#include "cmd/help/table_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/lib/message.h"

void table_begin(struct table_out *t, const char *const *heads, size_t columns)
{
	*t = (struct table_out){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		str_list_add(&t->cells, xstrdup(heads[i]));
}

void table_cell(struct table_out *t, const char *text)
{
	char *cell = xstrdup(text);

	for (char *p = cell; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	str_list_add(&t->cells, cell);
}

static size_t width_of(const struct table_out *t, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < t->cells.count; i += t->columns)
		if (strlen(t->cells.items[i]) > width)
			width = strlen(t->cells.items[i]);
	return width;
}

void table_end(struct table_out *t)
{
	size_t *widths = xcalloc(t->columns, sizeof(*widths));

	for (size_t c = 0; c < t->columns; c++)
		widths[c] = width_of(t, c);
	fputs(tint(stdout, TINT_BOLD), stdout);
	for (size_t i = 0; i < t->cells.count; i++) {
		size_t c = i % t->columns;
		bool last = c + 1 == t->columns;

		printf("%-*s%s", last ? 0 : (int)widths[c], t->cells.items[i], last ? "" : "   ");
		if (last)
			printf("%s\n", i < t->columns ? tint(stdout, TINT_END) : "");
	}
	free(widths);
	str_list_free(&t->cells);
}
