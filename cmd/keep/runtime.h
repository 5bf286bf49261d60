/* SPDX-License-Identifier: MIT */
/* Where keepers have their sockets, and dropped sandboxes their entries. */
#ifndef PICKET_CMD_KEEP_RUNTIME_H
#define PICKET_CMD_KEEP_RUNTIME_H

/* The runtime directory; NULL after a complaint. Static. */
const char *runtime_dir(void);

#endif
