/* SPDX-License-Identifier: MIT */
/*
 * The line discipline: echoes. An echo is not output at once but noted, as a byte or as an operation, and becomes output
 * when there is room for it: what is typed while output is stopped shows when it goes on, at the column where the cursor
 * is then.
 *
 * The notes are bytes; OP introduces an operation: OP OP the byte OP itself, OP and one of enum op what it says, OP and
 * a control character that character as ^X.
 */
#include "fs/ldisc_internal.h"

#define OP 0xff
#define COMMIT_AT 256  /* so many notes are tried without waiting for the end of the input at hand */
#define BLOCK 256
#define DISCARD_AT (LDISC_ECHO - BLOCK - 32)
#define AFTER_TAB 0x80 /* argument of OP_ERASE_TAB: columns are counted from the tab before, not from the line's start */

/* No control character, and not OP. */
enum op { OP_MOVE_BACK = 0x80, OP_SET_LINE_COLUMN = 0x81, OP_ERASE_TAB = 0x82 };

static uint8_t note_at(const struct ldisc *ld, uint32_t pos)
{
	return ld->echo[pos % LDISC_ECHO];
}

static void note(struct ldisc *ld, uint8_t c)
{
	ld->echo[ld->echo_head++ % LDISC_ECHO] = c;
}

/* --- noting ------------------------------------------------------------------------------------------------------------------- */

void echo_raw(struct ldisc *ld, uint8_t c)
{
	if (c == OP)
		note(ld, OP);
	note(ld, c);
}

void echo_char(struct ldisc *ld, uint8_t c)
{
	if (c == OP || (ld->tio.c_lflag & ECHOCTL && ldisc_is_control(c) && c != '\t'))
		note(ld, OP);
	note(ld, c);
}

void echo_move_back(struct ldisc *ld)
{
	note(ld, OP);
	note(ld, OP_MOVE_BACK);
}

void echo_set_line_column(struct ldisc *ld)
{
	note(ld, OP);
	note(ld, OP_SET_LINE_COLUMN);
}

void echo_erase_tab(struct ldisc *ld, uint32_t columns, bool after_tab)
{
	note(ld, OP);
	note(ld, OP_ERASE_TAB);
	note(ld, (uint8_t)(columns % 8 | (after_tab ? AFTER_TAB : 0)));
}

void echo_clear(struct ldisc *ld)
{
	ld->echo_head = ld->echo_tail = ld->echo_commit = 0;
}

/* --- putting out --------------------------------------------------------------------------------------------------------------- */

static void put_plainly(struct ldisc *ld, uint8_t c)
{
	ldisc_output_raw(ld, c);
}

/* Back over a tab. False: no room. */
static bool erase_tab(struct ldisc *ld, uint8_t arg)
{
	uint32_t n = arg & AFTER_TAB ? arg & 7 : arg + ld->line_column;

	n = 8 - n % 8;
	if (ldisc_write_room(ld) < n)
		return false;
	for (; n; n--) {
		put_plainly(ld, '\b');
		if (ld->column)
			ld->column--;
	}
	return true;
}

/* One operation at the tail: how many notes it took, 0 when there is no room. */
static uint32_t run_op(struct ldisc *ld)
{
	uint8_t op = note_at(ld, ld->echo_tail + 1);

	switch (op) {
	case OP_ERASE_TAB:
		return erase_tab(ld, note_at(ld, ld->echo_tail + 2)) ? 3 : 0;
	case OP_SET_LINE_COLUMN:
		ld->line_column = ld->column;
		return 2;
	case OP_MOVE_BACK:
		if (ld->column)
			ld->column--;
		return 2;
	case OP:
		if (!ldisc_write_room(ld))
			return 0;
		put_plainly(ld, OP);
		ld->column++;
		return 2;
	default:
		if (ldisc_write_room(ld) < 2)
			return 0;
		put_plainly(ld, '^');
		put_plainly(ld, op ^ 0100);
		ld->column += 2;
		return 2;
	}
}

/* Whoever types without end into a stopped terminal loses what he typed first. */
static void discard(struct ldisc *ld)
{
	while ((int32_t)(ld->echo_commit - ld->echo_tail) >= DISCARD_AT) {
		uint32_t n = 1;

		if (note_at(ld, ld->echo_tail) == OP)
			n = note_at(ld, ld->echo_tail + 1) == OP_ERASE_TAB ? 3 : 2;
		ld->echo_tail += n;
	}
}

void ldisc_process_echoes(struct ldisc *ld)
{
	ld->echo_commit = ld->echo_head;
	while (ld->echo_tail != ld->echo_commit) {
		uint32_t n = 1;

		if (note_at(ld, ld->echo_tail) == OP)
			n = run_op(ld);
		else if (!ldisc_output_char(ld, note_at(ld, ld->echo_tail)))
			n = 0;
		if (!n)
			break;
		ld->echo_tail += n;
	}
	discard(ld);
}

void echo_commit(struct ldisc *ld)
{
	uint32_t now = ld->echo_head - ld->echo_tail, before = ld->echo_commit - ld->echo_tail;

	if (now < COMMIT_AT || now % BLOCK > before % BLOCK)
		return;
	ldisc_process_echoes(ld);
}
