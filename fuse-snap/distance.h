/* SPDX-License-Identifier: MIT */
/* How alike two words are: for "did you mean". */
#ifndef PICKET_DISTANCE_H
#define PICKET_DISTANCE_H

#include <stddef.h>

/* Number of single-letter changes between two words, at most `limit` + 1. */
size_t word_distance(const char *a, const char *b, size_t limit);

/*
 * Of what was meant by the mistyped `word`: `name` if it is more like it than `near` (NULL at first, with its distance in *best) and like
 * enough, else `near`.
 */
const char *word_nearer(const char *word, const char *name, const char *near, size_t *best);

#endif
