/* SPDX-License-Identifier: MIT */
/*
 * What the caller hears. Callers show the last error of the log, or parse all of it as one JSON value: so exactly one error is
 * written, at the end, and warnings only if there is none. Without --log all goes to standard error, with it the error as well.
 */
#ifndef PICKET_RUNTIME_LOG_H
#define PICKET_RUNTIME_LOG_H

#include <stdbool.h>

struct runtime;

/* From now on complain() and warn() are the log's. 0, or -1 after saying why the file cannot be opened. */
int log_open(const struct runtime *rt);

/* Note what failed: the first one counts, which is nearest to the cause. Returns -1. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* As fail(), in front of what has been noted, if something has: "ABOUT: REASON". Returns -1. */
int fail_about(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What has been noted; NULL: nothing. Forgetting it is for who has another way. */
const char *log_error(void);
void log_forget(void);

/* For --debug; log_debug() is as if that had been given. */
void log_debug(void);
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Write what has been noted. Returns `status`, or 1 in place of 0 if there was an error. */
int log_end(int status);

/* In a process that was forked and speaks for itself: forget the file, let `fn` have each sentence. */
void log_to(void (*fn)(void *arg, bool warning, const char *text), void *arg);

#endif
