/* SPDX-License-Identifier: MIT */
/* Getting images into the store. */
#ifndef PICKET_CMD_FETCH_H
#define PICKET_CMD_FETCH_H

#include <stdbool.h>

/* Pull with picket-fetch; `to_stdout` lets its output (the reference) through. Returns its exit status. */
int fetch_pull(const char *name, const char *platform, const char *tls_verify, bool quiet, bool to_stdout);

#endif
