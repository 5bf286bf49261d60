/* SPDX-License-Identifier: MIT */
/* Between the two files of the line discipline. */
#pragma once

#include "fs/ldisc.h"

/* Echo: through output processing; control characters as ^X where ECHOCTL says so. */
void echo_char(struct ldisc *ld, uint8_t c);
/* Through output processing, as it is. */
void echo_raw(struct ldisc *ld, uint8_t c);
/* A backspace, the cursor moving back over a tab's columns. */
void echo_back(struct ldisc *ld);

static inline bool ldisc_is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/* A byte of a UTF-8 character that is not its first. */
static inline bool ldisc_is_continuation(const struct ldisc *ld, uint8_t c)
{
	return ld->tio.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}
