/* SPDX-License-Identifier: MIT */
/* Private to run*.c: see run_guest() in run.h. */
#ifndef PICKET_CMD_RUN_GUEST_H
#define PICKET_CMD_RUN_GUEST_H

#include "cmd/lib/str.h"

struct run;

/* Run picket-guest with *words* in the loaded run. Its status, or one after a complaint. */
int guest_run(struct run *r, const struct str_list *words);

#endif
