/* SPDX-License-Identifier: MIT */
/* Linux's internal restart codes; they never reach the guest. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#define ERESTARTSYS 512	   /* restart if the handler has SA_RESTART, or there is no handler */
#define ERESTARTNOINTR 513 /* always restart */
#define ERESTARTNOHAND 514 /* restart only if no handler runs */
#define ERESTART_RESTARTBLOCK 516 /* restart through restart_syscall: time-outs that count on */

/* Is this the result of a call that is to be made again, or to end with EINTR, as signals decide? */
static inline bool errno_is_restart(int64_t ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}
