/* SPDX-License-Identifier: MIT */
/* `checkpoint` and `restore`: refused. What callers pass along is not even read. */
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"

static int run_refused(const struct runtime *rt, int argc, char **argv)
{
	return fail("%s is not supported: the processes of a container live in its sentry, which cannot be saved", argv[0]);
}

const struct verb verb_checkpoint = {"checkpoint", "ID", "not supported", run_refused, NULL};
const struct verb verb_restore = {"restore", "ID", "not supported", run_refused, NULL};
