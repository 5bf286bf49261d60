/* SPDX-License-Identifier: MIT */
/* Signals by name. */
#ifndef PICKET_CMD_SIGNALS_H
#define PICKET_CMD_SIGNALS_H

/* "TERM", "SIGTERM", "term", "15", "RTMIN+3": the number (Linux, generic numbering), or -EINVAL. */
int parse_signal(const char *text);

#endif
