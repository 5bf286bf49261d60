/* SPDX-License-Identifier: MIT */
/* --filter of ps and prune. */
#ifndef PICKET_CMD_FILTER_H
#define PICKET_CMD_FILTER_H

#include "cmd/keep/record.h"

/* The names, for help and completion. */
#define PS_FILTERS "id name status label ancestor exited health before since volume network"
#define PRUNE_FILTERS "until label label!"

struct filter {
	const char *name; /* one of the words above */
	const char *value;
	struct entry other; /* before, since */
	int64_t time;	    /* until: ns since 1970 */
	int64_t number;	    /* exited */
};

struct filters {
	struct filter *items;
	size_t count;
};

/**
 * filters_parse - read "NAME=VALUE" words; `names` are those that are known here
 *
 * 0, or EXIT_FAILED after a complaint. filters_free in both cases. The words must live on.
 */
int filters_parse(const struct str_list *words, const char *names, struct filters *ret);
void filters_free(struct filters *f);

/* Whether an entry passes: of one name any value will do (of labels all must), of all names one. */
bool filters_pass(const struct filters *f, const struct entry *e);

/* Whether one of the filters has this name. */
bool filters_have(const struct filters *f, const char *name);

/* "10m", "24h", a time of RFC 3339 or seconds since 1970: ns since 1970. 0 or -EINVAL. */
int parse_moment(const char *text, int64_t now, int64_t *ret);

#endif
