/* SPDX-License-Identifier: MIT */
/* Tables for people: columns as wide as their widest cell; headings bold on a terminal. */
#ifndef PICKET_CMD_TABLE_OUT_H
#define PICKET_CMD_TABLE_OUT_H

#include "cmd/lib/str.h"

struct table_out {
	struct str_list cells; /* headings first, row by row */
	size_t columns;
};

void table_begin(struct table_out *t, const char *const *heads, size_t columns);
void table_cell(struct table_out *t, const char *text);

/* Print to stdout and free. */
void table_end(struct table_out *t);

#endif
