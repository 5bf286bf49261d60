/* SPDX-License-Identifier: MIT */
/* Words about an entry, as docker's lists have them. All returned strings are allocated. */
#ifndef PICKET_CMD_DESCRIBE_H
#define PICKET_CMD_DESCRIBE_H

#include <jansson.h>

#include "cmd/keep/record.h"
#include "cmd/options.h"

/* Now, in ns since 1970. */
int64_t time_now(void);

/* "3 minutes", "About an hour", of so many seconds. */
char *duration_text(int64_t seconds);

/* "2026-11-23T18:45:33.123456789Z", of ns since 1970; docker's zero time for 0. */
char *time_rfc3339(int64_t ns);

/* "2026-11-23 18:45:33 +0000 UTC", in the local zone. */
char *time_list(int64_t ns);

/* "Up 3 minutes (healthy)", "Exited (137) 2 hours ago". */
char *status_text(const struct entry *e, int64_t now);

/* The command in double quotes; at most `max` letters of it, "…" behind, with max 0 all. */
char *command_text(const struct entry *e, size_t max);

/* Labels as "a=b,c=d", and as an object. */
char *labels_text(const struct entry *e);
json_t *labels_object(const struct entry *e);

/* Read config.options back. The words they point into are in *words; free both. 0 or -EINVAL (damaged; nothing to free). */
int entry_options(const struct entry *e, struct parsed *ret, struct str_list *words);
void entry_options_free(struct parsed *p, struct str_list *words);

/* Bytes that the entry's upper layer and log take on disk. */
uint64_t entry_size(const struct entry *e);

/* A row of ps with docker's keys. `whole`: ids and commands are not cut; `sizes`: with Size. */
json_t *ps_row(const struct entry *e, int64_t now, bool whole, bool sizes);

/* What `inspect` shows of it. `sizes`: with SizeRw. */
json_t *inspect_entry(const struct entry *e, bool sizes);

#endif
