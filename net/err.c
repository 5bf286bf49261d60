/* SPDX-License-Identifier: MIT */
/* Error sentences of net/: formatting, and the removal of what could drive a terminal. */
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int err_set(char **err, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	if (!err)
		return -1;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	for (char *p = text; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	free(*err);
	*err = text;
	return -1;
}
