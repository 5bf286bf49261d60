/* SPDX-License-Identifier: MIT */
/* The line discipline: output processing, echo, flow control. */
#include "fs/ldisc_internal.h"

#include <asm/ioctls.h>

static size_t used(const struct ldisc *ld)
{
	return ld->out_head - ld->out_tail;
}

/* Echoes find room behind LDISC_OUTPUT; when that is full too they are lost. */
static void emit(struct ldisc *ld, uint8_t c)
{
	if (used(ld) < LDISC_RING)
		ld->out[ld->out_head++ % LDISC_RING] = c;
}

static void emit_newline(struct ldisc *ld)
{
	if (ld->tio.c_oflag & ONLRET)
		ld->column = 0;
	if (ld->tio.c_oflag & ONLCR) {
		emit(ld, '\r');
		ld->column = 0;
	}
	ld->line_column = ld->column;
	emit(ld, '\n');
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

static void emit_tab(struct ldisc *ld)
{
	uint32_t n = 8 - ld->column % 8;

	ld->column += n;
	if ((ld->tio.c_oflag & TABDLY) != XTABS) {
		emit(ld, '\t');
		return;
	}
	for (; n; n--)
		emit(ld, ' ');
}

/* Output processing of one byte. */
static void process(struct ldisc *ld, uint8_t c)
{
	if (!(ld->tio.c_oflag & OPOST)) {
		emit(ld, c);
		return;
	}
	switch (c) {
	case '\n':
		emit_newline(ld);
		return;
	case '\r':
		emit_return(ld);
		return;
	case '\t':
		emit_tab(ld);
		return;
	case '\b':
		if (ld->column)
			ld->column--;
		break;
	default:
		if (ldisc_is_control(c))
			break;
		if (ld->tio.c_oflag & OLCUC && c >= 'a' && c <= 'z')
			c -= 'a' - 'A';
		if (!ldisc_is_continuation(ld, c))
			ld->column++;
	}
	emit(ld, c);
}

void echo_raw(struct ldisc *ld, uint8_t c)
{
	process(ld, c);
}

void echo_char(struct ldisc *ld, uint8_t c)
{
	if (ld->tio.c_lflag & ECHOCTL && ldisc_is_control(c) && c != '\t') {
		emit(ld, '^');
		emit(ld, c ^ 0100);
		ld->column += 2;
		return;
	}
	process(ld, c);
}

void echo_back(struct ldisc *ld)
{
	emit(ld, '\b');
	if (ld->column)
		ld->column--;
}

size_t ldisc_write_room(const struct ldisc *ld)
{
	return ld->stopped || used(ld) >= LDISC_OUTPUT ? 0 : LDISC_OUTPUT - used(ld);
}

size_t ldisc_write(struct ldisc *ld, const uint8_t *data, size_t len)
{
	size_t n;

	for (n = 0; n < len && ldisc_write_room(ld); n++)
		process(ld, data[n]);
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
		buf[i] = ld->out[(ld->out_tail + i) % LDISC_RING];
	return n;
}

void ldisc_output_consume(struct ldisc *ld, size_t len)
{
	ld->out_tail += (uint32_t)(len < used(ld) ? len : used(ld));
}

void ldisc_output_raw(struct ldisc *ld, uint8_t c)
{
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

void ldisc_stop(struct ldisc *ld)
{
	if (ld->stopped)
		return;
	ld->stopped = true;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_START) | TIOCPKT_STOP);
}

void ldisc_start(struct ldisc *ld)
{
	if (!ld->stopped)
		return;
	ld->stopped = false;
	ld->pkt_status = (uint8_t)((ld->pkt_status & ~TIOCPKT_STOP) | TIOCPKT_START);
}
