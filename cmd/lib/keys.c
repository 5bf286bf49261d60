/* SPDX-License-Identifier: MIT */
/* The detach keys. What may become them is held back until it is clear that it is something else. */
#include "cmd/lib/keys.h"

#include <string.h>

#include "cmd/lib/message.h"

/* The byte *c* came behind k->matched keys and is not the next one: the longest beginning of the keys that the typed
 * end still is. */
static size_t fall_back(struct keys *k, char c, char *out, size_t *used)
{
	char held[DETACH_KEYS_MAX + 1];
	size_t n = k->matched;

	memcpy(held, k->keys, n);
	held[n++] = c;
	for (size_t skip = 1; skip <= n; skip++) {
		if (memcmp(held + skip, k->keys, n - skip) != 0)
			continue;
		memcpy(out + *used, held, skip);
		*used += skip;
		return n - skip;
	}
	return 0;
}

size_t keys_filter(struct keys *k, const char *typed, size_t len, char *out, bool *found)
{
	size_t used = 0;

	*found = false;
	if (!k->count) {
		memcpy(out, typed, len);
		return len;
	}
	for (size_t i = 0; i < len; i++) {
		if (typed[i] != k->keys[k->matched]) {
			k->matched = fall_back(k, typed[i], out, &used);
		} else if (++k->matched == k->count) {
			*found = true;
			k->matched = 0;
			return used;
		}
	}
	return used;
}

static int one_key(const char *word, size_t len, char *key)
{
	static const char controls[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
	const char *at;

	if (len == 1) {
		*key = word[0];
		return 0;
	}
	at = len == 6 && strncmp(word, "ctrl-", 5) == 0 ? strchr(controls, word[5]) : NULL;
	if (!at || !*at)
		return -1;
	*key = (char)(at - controls);
	return 0;
}

int detach_keys(const char *text, char *keys)
{
	const char *word = text && *text ? text : "ctrl-p,ctrl-q";
	int count = 0;

	for (;;) {
		size_t len = strcspn(word, ",");

		if (count == DETACH_KEYS_MAX || one_key(word, len, &keys[count]) < 0)
			return complain(-1,
				"--detach-keys \"%s\" are no keys: letters or ctrl-LETTER, parted by commas, %d at "
				"most",
				text, DETACH_KEYS_MAX);
		count++;
		if (!word[len])
			return count;
		word += len + 1;
	}
}
