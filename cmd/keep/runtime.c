/* SPDX-License-Identifier: MIT */
/* The runtime directory of this user. */
#include "cmd/keep/runtime.h"

#include "cmd/lib/message.h"
#include "fuse-snap/client.h"

const char *runtime_dir(void)
{
	static char path[4096];
	struct snap_error e;

	if (path[0] == '\0' && snap_runtime_dir(path, sizeof(path), &e) < 0) {
		path[0] = '\0';
		complain(EXIT_PICKET, "%s", e.text);
		return NULL;
	}
	return path;
}
