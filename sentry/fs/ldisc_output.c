/* SPDX-License-Identifier: MIT */
/* The line discipline: output processing, flow control. Echoes are in ldisc_echo.c. */
#include "fs/ldisc_internal.h"

#include <asm/ioctls.h>

static size_t used(const struct ldisc *ld)
{
	return ld->out_head - ld->out_tail;
}

/* The caller has seen that there is room. */
static void emit(struct ldisc *ld, uint8_t c)
{
	ld->out[ld->out_head++ % LDISC_OUTPUT] = c;
}

static bool emit_newline(struct ldisc *ld, size_t room)
{
	tcflag_t o = ld->tio.c_oflag;

	if (o & ONLCR && room < 2)
		return false;
	if (o & (ONLRET | ONLCR))
		ld->column = 0;
	if (o & ONLCR)
		emit(ld, '\r');
	ld->line_column = ld->column;
	emit(ld, '\n');
	return true;
}

static void emit_return(struct ldisc *ld)
{
	tcflag_t o = ld->tio.c_oflag;

	if (o & ONOCR && !ld->column)
		return;
	if (!(o & OCRNL) || o & ONLRET)
		ld->column = ld->line_column = 0;
	emit(ld, o & OCRNL ? '\n' : '\r');
}

static bool emit_tab(struct ldisc *ld, size_t room)
{
	uint32_t n = 8 - ld->column % 8;
	bool spaces = (ld->tio.c_oflag & TABDLY) == XTABS;

	if (spaces && room < n)
		return false;
	ld->column += n;
	if (!spaces)
		emit(ld, '\t');
	for (; spaces && n; n--)
		emit(ld, ' ');
	return true;
}

bool ldisc_output_char(struct ldisc *ld, uint8_t c)
{
	size_t room = ldisc_write_room(ld);

	if (!room)
		return false;
	if (!(ld->tio.c_oflag & OPOST)) {
		emit(ld, c);
		return true;
	}
	switch (c) {
	case '\n':
		return emit_newline(ld, room);
	case '\r':
		emit_return(ld);
		return true;
	case '\t':
		return emit_tab(ld, room);
	case '\b':
		if (ld->column)
			ld->column--;
		break;
	default:
		if (ldisc_is_control(c))
			break;
		if (ld->tio.c_oflag & OLCUC)
			c = ldisc_upper(c);
		if (!ldisc_is_continuation(ld, c))
			ld->column++;
	}
	emit(ld, c);
	return true;
}

size_t ldisc_write_room(const struct ldisc *ld)
{
	return ld->stopped ? 0 : LDISC_OUTPUT - used(ld);
}

size_t ldisc_write(struct ldisc *ld, const uint8_t *data, size_t len)
{
	size_t n;

	ldisc_process_echoes(ld);
	for (n = 0; n < len; n++)
		if (!ldisc_output_char(ld, data[n]))
			break;
	return n;
}

size_t ldisc_output_pending(const struct ldisc *ld)
{
	return used(ld);
}

size_t ldisc_output_peek(const struct ldisc *ld, uint8_t *buf, size_t len)
{
	size_t n = used(ld) < len ? used(ld) : len;

	for (size_t i = 0; i < n; i++)
		buf[i] = ld->out[(ld->out_tail + i) % LDISC_OUTPUT];
	return n;
}

void ldisc_output_consume(struct ldisc *ld, size_t len)
{
	ld->out_tail += (uint32_t)(len < used(ld) ? len : used(ld));
	ldisc_process_echoes(ld);
}

void ldisc_output_raw(struct ldisc *ld, uint8_t c)
{
	if (used(ld) < LDISC_OUTPUT)
		emit(ld, c);
}

/* What was written first is with the reader already, as it were: Linux's other side has a buffer of this size. */
#define LDISC_DELIVERED 4095

void ldisc_flush_output(struct ldisc *ld)
{
	if (used(ld) > LDISC_DELIVERED)
		ld->out_head = ld->out_tail + LDISC_DELIVERED;
	ld->pkt_status |= TIOCPKT_FLUSHWRITE;
}

/* --- flow control ------------------------------------------------------------------------------------------------------------- */

void ldisc_stop(struct ldisc *ld)
{
	if (ld->stopped)
		return;
	ld->stopped = true;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_START) | TIOCPKT_STOP);
}

void ldisc_start(struct ldisc *ld)
{
	if (!ld->stopped || ld->held)
		return;
	ld->stopped = false;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_STOP) | TIOCPKT_START);
}

void ldisc_hold(struct ldisc *ld, bool on)
{
	if (ld->held == on)
		return;
	ld->held = on;
	if (on)
		ldisc_stop(ld);
	else
		ldisc_start(ld);
}
