/* SPDX-License-Identifier: MIT */
/*
 * The log of a kept sandbox, in docker's json-file format: one object a line with what was written ("log", up to a line end
 * or 16 KiB), "stream" and "time". Files: log.json, and older ones log.json.1 (the newest of them), log.json.2 …
 */
#ifndef PICKET_CMD_LOG_H
#define PICKET_CMD_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/lib/str.h"

#define LOG_NAME "log.json"
#define LOG_LINE_MAX 16384 /* bytes of the program's in one line of the log */

struct log;

struct log_options {
	bool none;	  /* keep no log */
	int64_t max_size; /* a file that reaches it is rotated, bytes; 0: never */
	int64_t max_files; /* at least 1 */
};

/* Read --log-driver and --log-opt. 0, or -1 after a complaint. */
int log_options_parse(const char *driver, const struct str_list *words, struct log_options *ret);

/* Open the log in the directory `dir` for appending. NULL after a complaint. */
struct log *log_open(const char *dir, const struct log_options *o);

/* Append what the program wrote. A failure (a full disk) is warned of once; the program goes on. */
void log_write(struct log *l, bool error, const char *data, size_t len);

/* Write down the beginnings of lines whose ends have not come. */
void log_flush(struct log *l);
void log_close(struct log *l);

#endif
