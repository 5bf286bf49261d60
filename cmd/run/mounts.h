/* SPDX-License-Identifier: MIT */
/* Images shown as directories. */
#ifndef PICKET_CMD_MOUNTS_H
#define PICKET_CMD_MOUNTS_H

/* Call fn with each directory that an image is mounted on. */
void mounts_each(void (*fn)(void *arg, const char *dir), void *arg);

#endif
