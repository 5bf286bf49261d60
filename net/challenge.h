/* SPDX-License-Identifier: MIT */
/* The WWW-Authenticate header (RFC 9110, 11.6.1) as registries use it. */
#ifndef PICKET_NET_CHALLENGE_H
#define PICKET_NET_CHALLENGE_H

#include <stdbool.h>

struct challenge {
	bool basic;
	bool bearer;
	char realm[2048]; /* of the bearer challenge */
	char service[512];
	char scope[1024];
};

/* Parse a header, or several joined by commas; what is not understood is skipped. */
void challenge_parse(struct challenge *out, const char *header);

#endif
