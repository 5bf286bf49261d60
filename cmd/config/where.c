/* SPDX-License-Identifier: MIT */
/* Where in a file a key stands: the parser of JSON tells lines of mistakes in the grammar alone. */
#include <string.h>

#include "cmd/config/config.h"

struct scan {
	const char *at;
	size_t line;
	size_t depth;
};

/* Pass the string that begins at s->at; false if it does not end. */
static bool pass_string(struct scan *s, const char **begin, size_t *len)
{
	*begin = ++s->at;
	for (; *s->at && *s->at != '"'; s->at++) {
		if (*s->at == '\\' && s->at[1])
			s->at++;
		s->line += *s->at == '\n';
	}
	*len = (size_t)(s->at - *begin);
	return *s->at == '"';
}

static bool is_word(const char *begin, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(begin, word, len) == 0;
}

size_t config_line(const char *text, const char *key, const char *inner)
{
	struct scan s = {.at = text, .line = 1};
	bool inside = false; /* of the object under `key` */

	for (; *s.at; s.at++) {
		const char *begin, *after;
		size_t len;

		s.line += *s.at == '\n';
		s.depth += *s.at == '{' || *s.at == '[';
		s.depth -= (*s.at == '}' || *s.at == ']') && s.depth > 0;
		if (*s.at != '"')
			continue;
		if (!pass_string(&s, &begin, &len))
			return 0;
		after = s.at + 1 + strspn(s.at + 1, " \t\r\n");
		if (*after != ':')
			continue;
		if (s.depth == 1) {
			inside = is_word(begin, len, key);
			if (inside && !inner)
				return s.line;
		} else if (s.depth == 2 && inside && is_word(begin, len, inner)) {
			return s.line;
		}
	}
	return 0;
}
