/* SPDX-License-Identifier: MIT */
/* How alike two words are. */
#include "fuse-snap/distance.h"

#include <string.h>

size_t word_distance(const char *a, const char *b, size_t limit)
{
	size_t la = strlen(a), lb = strlen(b), row[64];

	if (lb >= sizeof(row) / sizeof(row[0]) || la > lb + limit || lb > la + limit)
		return limit + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t insert = row[j - 1] + 1, drop = row[j] + 1;

			diagonal = row[j];
			row[j] = change < insert ? change : insert;
			if (drop < row[j])
				row[j] = drop;
		}
	}
	return row[lb] > limit ? limit + 1 : row[lb];
}

const char *word_nearer(const char *word, const char *name, const char *near, size_t *best)
{
	size_t len = strlen(word), limit = len < 3 ? 0 : len < 6 ? 1 : 2, d;

	if (near && *best <= limit)
		limit = *best ? *best - 1 : 0;
	d = limit ? word_distance(word, name, limit) : 1;
	if (d > limit)
		return near;
	*best = d;
	return name;
}
