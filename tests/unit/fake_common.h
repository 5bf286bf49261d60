/* SPDX-License-Identifier: MIT */
/* For the stand-ins of the kernel in unit tests. */
#pragma once

#define WEAK __attribute__((weak)) /* where a test pulls the real thing in, that is used */
