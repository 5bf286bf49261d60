/* SPDX-License-Identifier: MIT */
/* Points in time and lengths of time as people write them: --since, --until, --timeout, intervals. */
#ifndef PICKET_CMD_WHEN_H
#define PICKET_CMD_WHEN_H

#include <stddef.h>
#include <stdint.h>

/* "90s", "1h30m", "250ms", "1.5h"; with `seconds` a bare number counts seconds. In ns. 0 or -EINVAL. */
int parse_duration(const char *text, int seconds, int64_t *ret);

/*
 * A time in ns since 1970: seconds since 1970 (1700000000.5), a date with or without a time (2024-01-31, 2024-01-31T10:00:00,
 * local time unless Z or +02:00 follows), or how long before `now` (10m). 0 or -EINVAL.
 */
int parse_when(const char *text, int64_t now, int64_t *ret);

/* 2024-01-31T10:00:00.123456789Z, always nine digits, into buf (at least 40 bytes). */
const char *format_when(int64_t ns, char *buf, size_t size);

/* Now, in ns since 1970. */
int64_t now_real(void);

#endif
