/* SPDX-License-Identifier: MIT */
/* The memory limit where no cgroup enforces it. */
#pragma once

struct kernel;

/*
 * With a limit set: look at what the stubs hold, several times a second; over the limit, the largest process is
 * killed, as the host's out-of-memory killer would. Again whenever the limit has been changed. 0, or a negative errno.
 */
int memory_watch_start(struct kernel *k);
