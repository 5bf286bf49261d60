/* SPDX-License-Identifier: MIT */
/* The line discipline: input, editing and what the program reads. Output and echo are in ldisc_output.c. */
#include "fs/ldisc_internal.h"

#include <asm/ioctls.h>
#include <signal.h>
#include <string.h>

#define DISABLED 0 /* _POSIX_VDISABLE; also stored for end of file */

void ldisc_init(struct ldisc *ld)
{
	static const uint8_t cc[] = {
		[VINTR] = 003, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 004, [VMIN] = 1, [VSTART] = 021,
		[VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022, [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026,
		[VEOL2] = 0};

	memset(ld, 0, sizeof(*ld));
	ld->tio = (struct termios2){
		.c_iflag = ICRNL | IXON,
		.c_oflag = OPOST | ONLCR,
		.c_cflag = B38400 | CS8 | CREAD,
		.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
		.c_ispeed = 38400,
		.c_ospeed = 38400,
	};
	memcpy(ld->tio.c_cc, cc, sizeof(cc));
}

/* --- the input buffer ------------------------------------------------------------------------------------------------------- */

static uint32_t at(uint32_t pos)
{
	return pos % LDISC_INPUT;
}

static bool ends_line(const struct ldisc *ld, uint32_t pos)
{
	return ld->line_end[at(pos) / 8] >> (at(pos) % 8) & 1;
}

static void mark_line_end(struct ldisc *ld, uint32_t pos, bool on)
{
	uint8_t bit = (uint8_t)(1u << (at(pos) % 8)), *b = &ld->line_end[at(pos) / 8];

	*b = on ? *b | bit : *b & (uint8_t)~bit;
}

static void put(struct ldisc *ld, uint8_t c)
{
	mark_line_end(ld, ld->head, false);
	ld->in[at(ld->head++)] = c;
}

/* The byte that ends a line makes the line readable. */
static void put_line_end(struct ldisc *ld, uint8_t c)
{
	put(ld, c);
	mark_line_end(ld, ld->head - 1, true);
	ld->canon = ld->head;
}

/* Marked parity: a literal 0xff is doubled. */
static void put_marked(struct ldisc *ld, uint8_t c)
{
	if (c == 0xff && ld->tio.c_iflag & PARMRK)
		put(ld, c);
	put(ld, c);
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->head = ld->canon = ld->tail = 0;
	memset(ld->line_end, 0, sizeof(ld->line_end));
	ld->literal_next = ld->erasing = false;
	ld->pkt_status |= TIOCPKT_FLUSHREAD;
}

/*
 * Make room for one byte (two with PARMRK). A full buffer without a whole line in it would never be read: there the last
 * byte is replaced, so that the line can still be ended or edited.
 */
static bool make_room(struct ldisc *ld)
{
	uint32_t used = ld->head - ld->tail, want = ld->tio.c_iflag & PARMRK ? 3 : 1;

	if (used + want < LDISC_INPUT)
		return true;
	if (!ldisc_canonical(ld) || ld->canon != ld->tail)
		return false;
	if (used + want > LDISC_INPUT)
		ld->head = ld->tail + LDISC_INPUT - want;
	return true;
}

/* --- editing ------------------------------------------------------------------------------------------------------------------ */

static bool is_alnum(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static void finish_erasing(struct ldisc *ld)
{
	if (!ld->erasing)
		return;
	echo_raw(ld, '/');
	ld->erasing = false;
}

/* Columns taken by the bytes before a tab at *pos*, back to the line's start or the tab before. */
static uint32_t columns_before(const struct ldisc *ld, uint32_t pos)
{
	uint32_t n = 0;

	while (pos != ld->canon) {
		uint8_t c = ld->in[at(--pos)];

		if (c == '\t')
			return n;
		if (ldisc_is_control(c))
			n += ld->tio.c_lflag & ECHOCTL ? 2 : 0;
		else if (!ldisc_is_continuation(ld, c))
			n++;
	}
	return n + ld->line_column;
}

static void rub_out(struct ldisc *ld, uint8_t c)
{
	uint32_t n;

	if (c == '\t') {
		for (n = 8 - columns_before(ld, ld->head) % 8; n; n--)
			echo_back(ld);
		return;
	}
	n = ldisc_is_control(c) ? (ld->tio.c_lflag & ECHOCTL ? 2 : 0) : 1;
	for (; n; n--) {
		echo_raw(ld, '\b');
		echo_raw(ld, ' ');
		echo_raw(ld, '\b');
	}
}

/* Show on the terminal that the character *c* (the first byte of [head, end)) is gone. */
static void echo_erased(struct ldisc *ld, uint8_t c, uint32_t end, bool single)
{
	tcflag_t l = ld->tio.c_lflag;

	if (!(l & ECHO))
		return;
	if (l & ECHOPRT) {
		if (!ld->erasing) {
			echo_raw(ld, '\\');
			ld->erasing = true;
		}
		echo_char(ld, c);
		for (uint32_t p = ld->head + 1; p < end; p++)
			echo_raw(ld, ld->in[at(p)]);
	} else if (single && !(l & ECHOE)) {
		echo_char(ld, ld->tio.c_cc[VERASE]);
	} else {
		rub_out(ld, c);
	}
}

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

/* Take the last character off the line being typed; false: it is the end of the word before. */
static bool erase_one(struct ldisc *ld, enum erase what, bool *in_word)
{
	uint32_t pos = ld->head, end = ld->head;
	uint8_t c;

	do
		c = ld->in[at(--pos)];
	while (ldisc_is_continuation(ld, c) && pos != ld->canon);
	if (ldisc_is_continuation(ld, c)) /* half a character: it began before the line */
		return false;
	if (what == ERASE_WORD) {
		if (is_alnum(c))
			*in_word = true;
		else if (*in_word)
			return false;
	}
	ld->head = pos;
	echo_erased(ld, c, end, what == ERASE_CHAR);
	return true;
}

static void kill_line_plainly(struct ldisc *ld)
{
	tcflag_t l = ld->tio.c_lflag;

	ld->head = ld->canon;
	if (!(l & ECHO))
		return;
	finish_erasing(ld);
	echo_char(ld, ld->tio.c_cc[VKILL]);
	if (l & ECHOK)
		echo_raw(ld, '\n');
}

static void erase(struct ldisc *ld, enum erase what)
{
	tcflag_t l = ld->tio.c_lflag;
	bool in_word = false;

	if (ld->head == ld->canon)
		return;
	if (what == ERASE_LINE && (~l & (ECHO | ECHOK | ECHOKE | ECHOE))) {
		kill_line_plainly(ld);
		return;
	}
	while (ld->head != ld->canon && erase_one(ld, what, &in_word))
		if (what == ERASE_CHAR)
			break;
	if (ld->head == ld->canon && l & ECHO)
		finish_erasing(ld);
}

static void reprint(struct ldisc *ld)
{
	finish_erasing(ld);
	echo_char(ld, ld->tio.c_cc[VREPRINT]);
	echo_raw(ld, '\n');
	for (uint32_t p = ld->canon; p != ld->head; p++)
		echo_char(ld, ld->in[at(p)]);
}

/* --- receiving ------------------------------------------------------------------------------------------------------------------ */

static bool is_cc(const struct ldisc *ld, unsigned which, uint8_t c)
{
	return c != DISABLED && ld->tio.c_cc[which] == c;
}

static void receive_plain(struct ldisc *ld, uint8_t c)
{
	if (ld->tio.c_lflag & ECHO) {
		finish_erasing(ld);
		if (ld->head == ld->canon)
			ld->line_column = ld->column;
		echo_char(ld, c);
	}
	put_marked(ld, c);
}

static int signal_of(const struct ldisc *ld, uint8_t c)
{
	if (!(ld->tio.c_lflag & ISIG))
		return 0;
	if (is_cc(ld, VINTR, c))
		return SIGINT;
	if (is_cc(ld, VQUIT, c))
		return SIGQUIT;
	return is_cc(ld, VSUSP, c) ? SIGTSTP : 0;
}

static void receive_signal(struct ldisc *ld, int signo, uint8_t c)
{
	ld->signals |= 1u << (signo - 1);
	if (!(ld->tio.c_lflag & NOFLSH)) {
		ldisc_flush_input(ld);
		ldisc_flush_output(ld);
	}
	if (ld->tio.c_iflag & IXON)
		ldisc_start(ld);
	if (ld->tio.c_lflag & ECHO)
		echo_char(ld, c);
}

/* START and STOP. True: the byte was one of them. */
static bool receive_flow(struct ldisc *ld, uint8_t c)
{
	if (!(ld->tio.c_iflag & IXON))
		return false;
	if (is_cc(ld, VSTART, c)) {
		ldisc_start(ld);
		return true;
	}
	if (is_cc(ld, VSTOP, c)) {
		ldisc_stop(ld);
		return true;
	}
	if (ld->stopped && ld->tio.c_iflag & IXANY && !signal_of(ld, c))
		ldisc_start(ld);
	return false;
}

/* Bytes that edit the line or end it. True: dealt with. */
static bool receive_canonical(struct ldisc *ld, uint8_t c)
{
	tcflag_t l = ld->tio.c_lflag;
	bool ext = l & IEXTEN;

	if (is_cc(ld, VERASE, c)) {
		erase(ld, ERASE_CHAR);
	} else if (is_cc(ld, VKILL, c)) {
		erase(ld, ERASE_LINE);
	} else if (ext && is_cc(ld, VWERASE, c)) {
		erase(ld, ERASE_WORD);
	} else if (ext && is_cc(ld, VLNEXT, c)) {
		ld->literal_next = true;
		if (l & ECHO)
			finish_erasing(ld);
		if (l & ECHO && l & ECHOCTL) {
			echo_raw(ld, '^');
			echo_raw(ld, '\b');
		}
	} else if (ext && l & ECHO && is_cc(ld, VREPRINT, c)) {
		reprint(ld);
	} else if (c == '\n') {
		if (l & (ECHO | ECHONL))
			echo_raw(ld, '\n');
		put_line_end(ld, c);
	} else if (is_cc(ld, VEOF, c)) {
		put_line_end(ld, DISABLED);
	} else if (is_cc(ld, VEOL, c) || (ext && is_cc(ld, VEOL2, c))) {
		if (l & ECHO) {
			if (ld->head == ld->canon)
				ld->line_column = ld->column;
			echo_char(ld, c);
		}
		if (c == 0xff && ld->tio.c_iflag & PARMRK)
			put(ld, c);
		put_line_end(ld, c);
	} else {
		return false;
	}
	return true;
}

static void receive(struct ldisc *ld, uint8_t c)
{
	tcflag_t i = ld->tio.c_iflag;
	int signo;

	if (i & ISTRIP)
		c &= 0x7f;
	if (i & IUCLC && ld->tio.c_lflag & IEXTEN && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (ld->literal_next) {
		ld->literal_next = false;
		receive_plain(ld, c);
		return;
	}
	if (receive_flow(ld, c))
		return;
	signo = signal_of(ld, c);
	if (signo) {
		receive_signal(ld, signo, c);
		return;
	}
	if (c == '\r') {
		if (i & IGNCR)
			return;
		if (i & ICRNL)
			c = '\n';
	} else if (c == '\n' && i & INLCR) {
		c = '\r';
	}
	if (ldisc_canonical(ld) && receive_canonical(ld, c))
		return;
	receive_plain(ld, c);
}

size_t ldisc_receive(struct ldisc *ld, const uint8_t *data, size_t len)
{
	size_t n;

	for (n = 0; n < len; n++) {
		/* What makes no use of room must get through a full buffer: a program that does not read is interrupted. */
		if (!make_room(ld) && (ld->literal_next || !signal_of(ld, data[n])))
			break;
		receive(ld, data[n]);
	}
	return n;
}

/* --- reading -------------------------------------------------------------------------------------------------------------------- */

bool ldisc_readable(const struct ldisc *ld, bool for_poll)
{
	uint32_t want = 1;

	if (ldisc_canonical(ld))
		return ld->canon != ld->tail;
	if (for_poll && !ld->tio.c_cc[VTIME] && ld->tio.c_cc[VMIN])
		want = ld->tio.c_cc[VMIN];
	return ld->head - ld->tail >= want;
}

static size_t read_line(struct ldisc *ld, uint8_t *buf, size_t len, bool *eof)
{
	size_t n = 0;

	while (ld->tail != ld->canon) {
		uint8_t c = ld->in[at(ld->tail)];
		bool end = ends_line(ld, ld->tail);

		if (end && c == DISABLED) { /* taken also when the buffer is full just before it */
			ld->tail++;
			*eof = true;
			break;
		}
		if (n == len)
			break;
		buf[n++] = c;
		ld->tail++;
		if (end)
			break;
	}
	return n;
}

size_t ldisc_read(struct ldisc *ld, uint8_t *buf, size_t len, bool *eof)
{
	size_t n = 0;

	*eof = false;
	if (ldisc_canonical(ld))
		return read_line(ld, buf, len, eof);
	while (n < len && ld->tail != ld->head)
		buf[n++] = ld->in[at(ld->tail++)];
	ld->canon = ld->tail;
	return n;
}

size_t ldisc_pending(const struct ldisc *ld)
{
	size_t n = 0;

	if (!ldisc_canonical(ld))
		return ld->head - ld->tail;
	for (uint32_t p = ld->tail; p != ld->canon; p++)
		n += !(ends_line(ld, p) && ld->in[at(p)] == DISABLED);
	return n;
}

/* --- settings ------------------------------------------------------------------------------------------------------------------- */

static bool usual_flow(const struct termios2 *t)
{
	return t->c_iflag & IXON && t->c_cc[VSTOP] == 023 && t->c_cc[VSTART] == 021;
}

void ldisc_set_termios(struct ldisc *ld, const struct termios2 *tio)
{
	struct termios2 old = ld->tio;

	ld->tio = *tio;
	if ((old.c_lflag ^ tio->c_lflag) & ICANON) {
		memset(ld->line_end, 0, sizeof(ld->line_end));
		ld->literal_next = ld->erasing = false;
		ld->canon = ld->tail;
		if (ldisc_canonical(ld) && ld->head != ld->tail) { /* what was typed before can be read as it is */
			mark_line_end(ld, ld->head - 1, true);
			ld->canon = ld->head;
		}
	}
	if (ld->stopped && old.c_iflag & IXON && !(tio->c_iflag & IXON))
		ldisc_start(ld);
	if (usual_flow(&old) != usual_flow(tio)) {
		ld->pkt_status &= (uint8_t) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
		ld->pkt_status |= usual_flow(tio) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	}
}
