/* SPDX-License-Identifier: MIT */
/*
 * Lists: a table whose columns are as wide as what is in them, and docker's --format on rows of any list. A row is a JSON
 * object with docker's keys and strings as values. Keys that begin with "_" are for {{.Label "name"}} and the like and are
 * not shown by --format json.
 */
#ifndef PICKET_CMD_COLUMNS_H
#define PICKET_CMD_COLUMNS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* ---- A table ---- */

struct columns; /* rows are collected, and printed by columns_end */

/** columns_begin - a table with these heads; NULL heads: none are printed. */
struct columns *columns_begin(const char *const *heads, size_t count);

/** columns_shrink - a column that is cut, with "…", where a terminal is too narrow for the lines. */
void columns_shrink(struct columns *c, size_t column);

/** columns_cell - the next cell, from left to right; rows begin by themselves. Control characters become '?'. */
void columns_cell(struct columns *c, const char *text);

/** columns_end - print and free. */
void columns_end(struct columns *c, FILE *out);

/* ---- A list with --format ---- */

enum {
	COLUMN_SHOWN = 1,  /* in the table without --format */
	COLUMN_SHRINK = 2, /* cut where a terminal is too narrow */
};

struct list_column {
	const char *key;  /* of the row, as docker names it: "ID" */
	const char *head; /* "CONTAINER ID" */
	unsigned int flags;
};

/**
 * print_list - print rows as --format says
 * @format: NULL or "" or "table": the shown columns; "json": an object a line; "table TEMPLATE": a table of a template's
 *	parts, which tabs part; else a template, a line a row
 * @columns: all keys that rows have, in the order of the table
 * @rows: array of objects
 *
 * Returns an exit status, after a complaint.
 */
int print_list(const char *format, const struct list_column *columns, size_t count, const json_t *rows, FILE *out);

/** check_list_format - complain about a wrong --format before anything is gathered; 0 or an exit status. */
int check_list_format(const char *format);

#endif
