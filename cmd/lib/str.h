/* SPDX-License-Identifier: MIT */
/* Strings of a short-lived command: allocation failure ends it with a sentence, nothing needs to be undone. */
#ifndef PICKET_CMD_STR_H
#define PICKET_CMD_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A growing list of strings; items has a NULL behind the last one once it is not empty. */
struct str_list {
	char **items;
	size_t count;
};

void *xrealloc(void *p, size_t size);
void *xcalloc(size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Append s itself, not a copy. */
void str_list_add(struct str_list *list, char *s);
void str_list_free(struct str_list *list);

/* Length of the NAME of NAME=VALUE, or of all of s. */
size_t env_name_len(const char *s);

/* The item of the list that sets the same variable as NAME[=VALUE]; NULL if there is none. */
char **env_find(const struct str_list *list, const char *s);

/* Set or replace NAME=VALUE; takes s over. */
void env_set(struct str_list *list, char *s);

/* "512", "64k", "1.5g": bytes, with docker's letters b k m g t (powers of 1024). 0, or -EINVAL, -ERANGE. */
int parse_size(const char *text, int64_t *ret);

/* A decimal number of nothing but digits, within [min, max]. 0, or -EINVAL, -ERANGE. */
int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "12.3 MB" as docker writes it (powers of 1000), into buf. */
const char *human_size(uint64_t bytes, char *buf, size_t len);

/* "3 hours ago" into buf; `when` in seconds since 1970, 0 is unknown. */
const char *human_age(int64_t when, int64_t now, char *buf, size_t len);

#endif
