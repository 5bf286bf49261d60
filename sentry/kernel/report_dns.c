/* SPDX-License-Identifier: MIT */
/*
 * Names of addresses, out of answers of name servers (RFC 1035) as the guest receives them. Whoever answers is a stranger, and the guest may
 * talk to itself: the data is bounded, names have letters of host names alone, and no more is believed than "this is the name it asked for".
 */
#include "kernel/report_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define DNS_PORT 53
#define HEADER 12u
#define JUMPS_MAX 16
#define ANSWERS_MAX 64u
#define TYPE_A 1u
#define TYPE_AAAA 28u
#define CLASS_IN 1u

struct dns {
	const uint8_t *data;
	size_t size, at;
};

static unsigned u16_at(const struct dns *d, size_t at)
{
	return (unsigned)d->data[at] << 8 | d->data[at + 1];
}

/* Read the name at d->at and step behind it; *out* (REPORT_DNS_NAME bytes) may be NULL. False: it is no name. */
static bool take_name(struct dns *d, char *out)
{
	size_t at = d->at, len = 0;
	unsigned jumps = 0;
	bool jumped = false;

	for (;;) {
		unsigned n;

		if (at >= d->size)
			return false;
		n = d->data[at++];
		if (n == 0)
			break;
		if ((n & 0xc0) == 0xc0) {
			if (at >= d->size || ++jumps > JUMPS_MAX)
				return false;
			if (!jumped)
				d->at = at + 1;
			jumped = true;
			at = (size_t)(n & 0x3f) << 8 | d->data[at];
			continue;
		}
		if (n > 63 || d->size - at < n || len + n + 2 > REPORT_DNS_NAME)
			return false;
		for (unsigned i = 0; i < n; i++) {
			uint8_t c = d->data[at + i];
			bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';

			if (out)
				out[len] = fine ? (char)c : '?';
			len++;
		}
		if (out)
			out[len] = '.';
		len++;
		at += n;
	}
	if (out)
		out[len ? len - 1 : 0] = 0;
	if (!jumped)
		d->at = at;
	return true;
}

/* One record of the answer section. */
static bool take_answer(struct kernel *k, struct dns *d, const char *asked)
{
	char address[INET6_ADDRSTRLEN];
	unsigned type, class, len;

	if (!take_name(d, NULL) || d->size < d->at || d->size - d->at < 10)
		return false;
	type = u16_at(d, d->at);
	class = u16_at(d, d->at + 2);
	len = u16_at(d, d->at + 8);
	d->at += 10;
	if (d->size - d->at < len)
		return false;
	if (class == CLASS_IN && ((type == TYPE_A && len == 4) || (type == TYPE_AAAA && len == 16)) &&
	    inet_ntop(type == TYPE_A ? AF_INET : AF_INET6, d->data + d->at, address, sizeof(address)))
		report_learn(k, address, asked);
	d->at += len;
	return true;
}

static bool from_name_server(const struct sockaddr *from, socklen_t len)
{
	struct sockaddr_in in;

	/* The port stands in the same place in both families. */
	if (len < sizeof(in) || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
		return false;
	memcpy(&in, from, sizeof(in));
	return in.sin_port == htons(DNS_PORT);
}

void report_datagram(struct kernel *k, const struct sockaddr *from, socklen_t len, const uint8_t *data, size_t size)
{
	struct dns d = {.data = data, .size = size, .at = HEADER};
	char asked[REPORT_DNS_NAME];
	unsigned answers;

	/* One question, an answer, no error. */
	if (!from_name_server(from, len) || size < HEADER || !(data[2] & 0x80) || (data[3] & 0x0f) || u16_at(&d, 4) != 1)
		return;
	answers = u16_at(&d, 6);
	if (!take_name(&d, asked) || !*asked || d.size - d.at < 4)
		return;
	d.at += 4;
	for (unsigned i = 0; i < answers && i < ANSWERS_MAX; i++)
		if (!take_answer(k, &d, asked))
			break;
}
