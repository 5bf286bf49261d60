/* SPDX-License-Identifier: MIT */
/* Between the two files of the line discipline. */
#pragma once

#include "fs/ldisc.h"

/* Output processing of one byte; false: there is no room for what it becomes. */
bool ldisc_output_char(struct ldisc *ld, uint8_t c);

/* ldisc_echo.c: nothing is output before ldisc_process_echoes(), or echo_commit() finds much noted. */
void echo_char(struct ldisc *ld, uint8_t c); /* control characters as ^X where ECHOCTL says so */
void echo_raw(struct ldisc *ld, uint8_t c);
void echo_move_back(struct ldisc *ld);	     /* the cursor, by one column, with no output */
void echo_set_line_column(struct ldisc *ld); /* the line being typed begins here */
/* Back over a tab; *columns*: taken since the tab before, or since the line's start. */
void echo_erase_tab(struct ldisc *ld, uint32_t columns, bool after_tab);
void echo_commit(struct ldisc *ld);
void echo_clear(struct ldisc *ld);

static inline bool ldisc_is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/* A byte of a UTF-8 character that is not its first. */
static inline bool ldisc_is_continuation(const struct ldisc *ld, uint8_t c)
{
	return ld->tio.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}

/* Letters as ISO 8859-1 has them: Linux's tables. */
static inline bool ldisc_is_upper(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);
}

static inline bool ldisc_is_lower(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);
}

static inline uint8_t ldisc_upper(uint8_t c)
{
	return ldisc_is_lower(c) ? c - 0x20 : c;
}

static inline uint8_t ldisc_lower(uint8_t c)
{
	return ldisc_is_upper(c) ? c + 0x20 : c;
}
