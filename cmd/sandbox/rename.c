/* SPDX-License-Identifier: MIT */
/* picket rename. */
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/keep/record.h"
#include "cmd/lib/message.h"

int cmd_rename(const void *opts, int argc, char **argv)
{
	struct entry e;
	char *err = NULL;
	int r = entry_find(argv[0], &e, &err);

	if (r == 0) {
		r = entry_lock(&e, true, &err);
		r = r ? r : entry_rename(&e, argv[1], &err);
		entry_free(&e);
	}
	if (r)
		complain(EXIT_FAILED, "%s", err);
	free(err);
	return r ? EXIT_FAILED : EXIT_OK;
}
