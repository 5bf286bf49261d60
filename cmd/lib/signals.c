/* SPDX-License-Identifier: MIT */
/* Signals by name. */
#include "cmd/lib/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "cmd/lib/str.h"

/* The kernel's, as a program inside sees them: glibc's SIGRTMIN is 34, for it keeps two to itself. */
#define RTMIN 34
#define RTMAX 64

static int real_time(const char *text)
{
	int64_t n = 0;

	if (strncasecmp(text, "RTMIN", 5) == 0 && (!text[5] || (text[5] == '+' && !parse_number(text + 6, 0, 30, &n))))
		return RTMIN + (int)n;
	if (strncasecmp(text, "RTMAX", 5) == 0 && (!text[5] || (text[5] == '-' && !parse_number(text + 6, 0, 30, &n))))
		return RTMAX - (int)n;
	return -EINVAL;
}

int parse_signal(const char *text)
{
	int64_t n;

	if (parse_number(text, 1, RTMAX, &n) == 0)
		return (int)n;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int sig = 1; sig < 32; sig++)
		if (sigabbrev_np(sig) && strcasecmp(sigabbrev_np(sig), text) == 0)
			return sig;
	if (strcasecmp(text, "IOT") == 0)
		return SIGABRT;
	if (strcasecmp(text, "CLD") == 0)
		return SIGCHLD;
	if (strcasecmp(text, "POLL") == 0)
		return SIGPOLL;
	return real_time(text);
}
