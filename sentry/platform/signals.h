/* SPDX-License-Identifier: MIT */
/* Host signals that the platform sends; nothing else in the sentry uses them. */
#pragma once

#include <signal.h>

#define PLATFORM_SIG_INTERRUPT SIGUSR2 /* to a stub thread: come in */
#define PLATFORM_SIG_CANCEL SIGURG     /* to one of our own threads: leave the wait and look again */
