/* SPDX-License-Identifier: MIT */
/* What the programs about terminals share. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* What was read, in quotes: bytes that cannot be printed in octal; n < 0: the error. */
static inline void bytes(const char *b, ssize_t n)
{
	if (n < 0) {
		printf(" <%s>", strerror(errno));
		return;
	}
	printf(" \"");
	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)b[i];

		if (c < 32 || c > 126 || c == '"' || c == '\\')
			printf("\\%03o", c);
		else
			putchar(c);
	}
	printf("\"");
}
