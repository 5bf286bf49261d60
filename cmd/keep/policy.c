/* SPDX-License-Identifier: MIT */
/* When a program that ended is started again. */
#include "cmd/keep/policy.h"

#include <string.h>

#include "cmd/lib/message.h"
#include "cmd/lib/str.h"

#define FIRST_PAUSE 100	   /* ms; each further one is twice as long */
#define LAST_PAUSE 60000   /* ms */
#define LONG_ENOUGH 10000000000 /* ns: who ran so long begins anew */

int policy_parse(struct policy *p, const char *text)
{
	*p = (struct policy){0};
	if (!text || !*text || strcmp(text, "no") == 0)
		return 0;
	p->when = RESTART_ALWAYS;
	if (strcmp(text, "always") == 0 || strcmp(text, "unless-stopped") == 0)
		return 0;
	p->when = RESTART_ON_FAILURE;
	if (strcmp(text, "on-failure") == 0 ||
		(strncmp(text, "on-failure:", 11) == 0 && parse_number(text + 11, 0, INT32_MAX, &p->max) == 0))
		return 0;
	return complain(-1, "--restart \"%s\" is no policy: no, on-failure[:N], always or unless-stopped", text);
}

int64_t policy_pause(struct policy *p, int status, int64_t ran)
{
	if (p->when == RESTART_NO || (p->when == RESTART_ON_FAILURE && status == 0))
		return -1;
	if (ran >= LONG_ENOUGH)
		p->pause = 0;
	if (p->when == RESTART_ON_FAILURE && p->max && p->count >= p->max)
		return -1;
	p->count++;
	p->pause = p->pause ? 2 * p->pause : FIRST_PAUSE;
	p->pause = p->pause < LAST_PAUSE ? p->pause : LAST_PAUSE;
	return p->pause;
}

void policy_reset(struct policy *p)
{
	p->count = p->pause = 0;
}
