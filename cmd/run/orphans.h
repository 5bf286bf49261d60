/* SPDX-License-Identifier: MIT */
/*
 * Without a pid namespace nothing of the kernel's ends the sentry's children with it. picket then adopts whatever the
 * sentry leaves behind, and kills it.
 */
#ifndef PICKET_CMD_ORPHANS_H
#define PICKET_CMD_ORPHANS_H

/* Become the one to whom orphaned descendants fall. */
void adopt_orphans(void);

/* SIGKILL and reap all children that are left. */
void kill_orphans(void);

#endif
