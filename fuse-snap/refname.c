/* SPDX-License-Identifier: MIT */
/* Image names, with docker's rules: https://github.com/distribution/reference describes the grammar. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "refname.h"

#define HUB "docker.io"
#define HUB_LIBRARY "library/"

static int invalid(struct snap_error *e, const char *text, const char *why)
{
	return snap_fail(e, EINVAL, "'%.200s' is not an image name: %s", text, why);
}

static bool lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Length of a separator inside a path component: '.', '_', '__' or any number of '-'; 0 if there is none. */
static size_t separator(const char *p, const char *end)
{
	size_t n = 0;

	if (p < end && *p == '.')
		return 1;
	while (p + n < end && p[n] == '_' && n < 2)
		n++;
	if (n)
		return n;
	while (p + n < end && p[n] == '-')
		n++;
	return n;
}

static bool repository_ok(const char *p, const char *end)
{
	while (p < end) {
		size_t n;

		if (!lower_alnum(*p))
			return false;
		while (p < end && lower_alnum(*p))
			p++;
		if (p == end)
			return true;
		n = *p == '/' ? 1 : separator(p, end);
		if (!n || p + n == end)
			return false;
		p += n;
	}
	return false;
}

static bool tag_ok(const char *p, size_t len)
{
	if (!len || len > 128 || *p == '.' || *p == '-')
		return false;
	for (; len; len--, p++)
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	return true;
}

static bool port_ok(const char *p, size_t len)
{
	if (!len || len > 5)
		return false;
	for (; len; len--, p++)
		if (!isdigit((unsigned char)*p))
			return false;
	return true;
}

/* NAME[.NAME...][:PORT] or [IPv6][:PORT]; a NAME is of letters, digits and inner hyphens. */
static bool registry_ok(const char *p, size_t len)
{
	const char *end = p + len;
	const char *name = p;

	if (len && *p == '[') {
		struct in6_addr addr;
		char text[INET6_ADDRSTRLEN];
		size_t n;

		p = memchr(p, ']', len);
		if (!p || p - name > INET6_ADDRSTRLEN)
			return false;
		n = (size_t)(p - name) - 1;
		memcpy(text, name + 1, n);
		text[n] = 0;
		p++;
		return inet_pton(AF_INET6, text, &addr) == 1 &&
		       (p == end || (*p == ':' && port_ok(p + 1, (size_t)(end - p) - 1)));
	}
	for (; p < end && *p != ':'; p++) {
		if (*p == '.' || *p == '-') {
			if (p == name || p + 1 == end || p[1] == ':' || p[1] == '.' || (*p == '.' && p[1] == '-'))
				return false;
		} else if (!isalnum((unsigned char)*p)) {
			return false;
		}
	}
	return p > name && (p == end || port_ok(p + 1, (size_t)(end - p) - 1));
}

/* The first component is a registry if it could not be a name on the hub. */
static bool names_registry(const char *p, size_t len)
{
	if (len == 9 && !memcmp(p, "localhost", 9))
		return true;
	for (size_t i = 0; i < len; i++)
		if (p[i] == '.' || p[i] == ':' || isupper((unsigned char)p[i]))
			return true;
	return false;
}

static int parse_digest(const char *text, const char *at, struct ref_name *r, struct snap_error *e)
{
	if (strncmp(at + 1, "sha256:", 7) || digest_parse(at + 1, &r->digest))
		return invalid(e, text, "the part after @ must be sha256: and 64 lower-case hexadecimal digits");
	r->has_digest = true;
	return 0;
}

/* The tag: what follows the last colon, if no slash follows it. Moves *end to the colon. */
static int parse_tag(const char *text, const char **end, struct ref_name *r, struct snap_error *e)
{
	const char *p = *end;

	while (p > text && p[-1] != ':' && p[-1] != '/')
		p--;
	if (p > text && p[-1] == ':') {
		if (!tag_ok(p, (size_t)(*end - p)))
			return invalid(e, text, "a tag is up to 128 letters, digits, '_', '.' and '-'");
		memcpy(r->tag, p, (size_t)(*end - p));
		r->explicit_tag = true;
		*end = p - 1;
	} else if (!r->has_digest) {
		strcpy(r->tag, "latest");
	}
	return 0;
}

static int parse_repository(const char *text, const char *p, const char *end, struct ref_name *r, struct snap_error *e)
{
	const char *slash = memchr(p, '/', (size_t)(end - p));
	const char *prefix = "";
	size_t len;

	strcpy(r->registry, HUB);
	if (slash && names_registry(p, (size_t)(slash - p))) {
		len = (size_t)(slash - p);
		if (len >= sizeof(r->registry) || !registry_ok(p, len))
			return invalid(e, text, "the registry is not a host name");
		memcpy(r->registry, p, len);
		r->registry[len] = 0;
		if (!strcmp(r->registry, "index.docker.io"))
			strcpy(r->registry, HUB);
		p = slash + 1;
		slash = memchr(p, '/', (size_t)(end - p));
	}
	if (!strcmp(r->registry, HUB) && !slash)
		prefix = HUB_LIBRARY;
	len = (size_t)(end - p);
	/* The whole name, with the registry, has at most 255 characters. */
	if (len + strlen(prefix) + strlen(r->registry) + 1 > 255)
		return invalid(e, text, "it is too long");
	if (!repository_ok(p, end))
		return invalid(e, text,
			"a repository is made of lower-case letters, digits and single '.', '_', '-', '/' between "
			"them");
	snprintf(r->repository, sizeof(r->repository), "%s%.*s", prefix, (int)len, p);
	return 0;
}

int ref_parse(const char *text, struct ref_name *ret, struct snap_error *e)
{
	struct ref_name r = {0};
	const char *at = strchr(text, '@');
	const char *end = at ? at : text + strlen(text);
	int err;

	if (!*text)
		return snap_fail(e, EINVAL, "an image name is missing");
	if (end - text == 64 && strspn(text, "0123456789abcdef") == 64)
		return invalid(e, text, "64 hexadecimal digits are an ID, not a name");
	err = at ? parse_digest(text, at, &r, e) : 0;
	if (!err)
		err = parse_tag(text, &end, &r, e);
	if (!err)
		err = parse_repository(text, text, end, &r, e);
	if (!err)
		*ret = r;
	return err;
}

char *ref_canonical(const struct ref_name *r, char out[static REF_NAME_MAX + 1])
{
	int n = snprintf(out, REF_NAME_MAX + 1, "%s/%s", r->registry, r->repository);

	if (*r->tag && n <= REF_NAME_MAX)
		snprintf(out + n, (size_t)(REF_NAME_MAX + 1 - n), ":%s", r->tag);
	return out;
}

const char *ref_familiar(const char *canonical)
{
	const char *p = canonical;
	const char *rest;

	if (strncmp(p, HUB "/", strlen(HUB "/")))
		return canonical;
	p += strlen(HUB "/");
	if (strncmp(p, HUB_LIBRARY, strlen(HUB_LIBRARY))) {
		const char *slash = strchr(p, '/');

		/* user/name may be shortened unless its first part would be taken for a registry. */
		return slash && !names_registry(p, (size_t)(slash - p)) ? p : canonical;
	}
	rest = p + strlen(HUB_LIBRARY);
	return strchr(rest, '/') ? p : rest;
}
