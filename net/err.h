/* SPDX-License-Identifier: MIT */
/* Error sentences of net/: a function that fails returns -1 and leaves one allocated sentence in *err. */
#ifndef PICKET_NET_ERR_H
#define PICKET_NET_ERR_H

/*
 * Store a formatted sentence in *err (replacing what is there; err may be NULL) and return -1.
 * Control characters are replaced: the text often quotes a registry, and ends on a terminal.
 */
int err_set(char **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
