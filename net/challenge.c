/* SPDX-License-Identifier: MIT */
/* Parsing of WWW-Authenticate: challenge ::= scheme [ param *( "," param ) ], param ::= token "=" ( token | quoted ).
 */
#include "challenge.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static size_t token_length(const char *s)
{
	return strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \t");
}

/* A value, quoted or not, into buf; "" if it does not fit or has control characters. Returns what follows. */
static const char *take_value(const char *s, char *buf, size_t size)
{
	bool quoted = *s == '"', bad = false;
	size_t n = 0;

	if (quoted)
		s++;
	while (*s && (quoted ? *s != '"' : !strchr(", \t", *s))) {
		if (quoted && *s == '\\' && s[1])
			s++;
		if (n + 1 >= size || (unsigned char)*s < 0x20 || *s == 0x7f)
			bad = true;
		else
			buf[n++] = *s;
		s++;
	}
	buf[bad ? 0 : n] = '\0';
	return quoted && *s ? s + 1 : s;
}

static const char *take_param(struct challenge *c, bool bearer, const char *s, size_t name_len)
{
	const char *name = s;
	char ignored[2048];

	s = skip_space(skip_space(s + name_len) + 1);
	if (bearer && name_len == 5 && !strncasecmp(name, "realm", 5))
		return take_value(s, c->realm, sizeof(c->realm));
	if (bearer && name_len == 7 && !strncasecmp(name, "service", 7))
		return take_value(s, c->service, sizeof(c->service));
	if (bearer && name_len == 5 && !strncasecmp(name, "scope", 5))
		return take_value(s, c->scope, sizeof(c->scope));
	return take_value(s, ignored, sizeof(ignored));
}

void challenge_parse(struct challenge *out, const char *header)
{
	const char *s = header;
	bool bearer = false;

	memset(out, 0, sizeof(*out));
	while (*s) {
		size_t n;

		s += strspn(s, " \t,");
		n = token_length(s);
		if (!n) {
			if (*s)
				s++;
			continue;
		}
		if (*skip_space(s + n) == '=') {
			s = take_param(out, bearer, s, n);
			continue;
		}
		bearer = n == 6 && !strncasecmp(s, "Bearer", 6);
		out->bearer = out->bearer || bearer;
		out->basic = out->basic || (n == 5 && !strncasecmp(s, "Basic", 5));
		s += n;
	}
}
