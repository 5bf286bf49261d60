/* SPDX-License-Identifier: MIT */
/* Reading the log of a sandbox, across its rotated files and while it grows. */
#ifndef PICKET_CMD_LOGREAD_H
#define PICKET_CMD_LOGREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct log_reader;

/* What the program wrote: part of a line, or a whole one with its end. */
struct log_line {
	const char *data;
	size_t len;
	bool error;   /* standard error */
	int64_t time; /* ns since 1970 */
};

/* Open the log in the directory `dir`, at its last `tail` lines (-1: all). NULL with errno; ENOENT: there is none. */
struct log_reader *log_reader_open(const char *dir, int64_t tail);

/*
 * The next line that is there now. 1; 0 if there is none yet; the strings live until the next call. What is no line of a log
 * is left out.
 */
int log_reader_next(struct log_reader *r, struct log_line *line);
void log_reader_close(struct log_reader *r);

#endif
