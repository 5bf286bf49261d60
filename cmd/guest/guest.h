/* SPDX-License-Identifier: MIT */
/*
 * picket-guest: what Picket itself runs inside a sandbox. It is a guest like any other: static, started from a
 * descriptor, so that it runs in an empty image too. Each part returns the exit status, and says what failed on
 * standard error.
 */
#ifndef PICKET_CMD_GUEST_H
#define PICKET_CMD_GUEST_H

/* init -- CMD [ARG…]: run CMD as a child, pass signals on to it, reap what is orphaned, end with its status. */
int guest_init(int argc, char **argv);
/* pack [-L] [-c] [-x] PATH: a tar of PATH on standard output. */
int guest_pack(int argc, char **argv);
/* unpack [-a] [-c | -d | -f NAME] PATH: make a tar on standard input into PATH. */
int guest_unpack(int argc, char **argv);

#endif
