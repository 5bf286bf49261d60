/* SPDX-License-Identifier: MIT */
/*
 * Modes forced for tests, with PICKET_TEST_MODE: words parted by commas. Each makes picket behave as on a host that
 * lacks something; none makes a sandbox weaker than it would be on such a host.
 *
 *	nouserns    no user namespaces
 *	nofuse      no /dev/fuse
 *	nolandlock  no landlock
 *	noslirp     no slirp4netns
 *	nocgroup    no control groups
 *	noscope     no control groups by the user's systemd
 *	oneruntime  sandboxes of other runtime directories of this user are not seen
 */
#ifndef PICKET_CMD_MODE_H
#define PICKET_CMD_MODE_H

#include <stdbool.h>

bool test_mode(const char *word);

#endif
