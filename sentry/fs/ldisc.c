/* SPDX-License-Identifier: MIT */
/* The line discipline: input, editing and what the program reads. Output is in ldisc_output.c, echo in ldisc_echo.c. */
#include "fs/ldisc_internal.h"

#include <asm/ioctls.h>
#include <signal.h>
#include <string.h>

#define DISABLED 0 /* _POSIX_VDISABLE; also stored for end of file */

static void reset_termios(struct ldisc *ld)
{
	static const uint8_t cc[] = {
		[VINTR] = 003, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 004, [VMIN] = 1, [VSTART] = 021,
		[VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022, [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026,
		[VEOL2] = 0};

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

void ldisc_init(struct ldisc *ld)
{
	memset(ld, 0, sizeof(*ld));
	reset_termios(ld);
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
	ld->erasing = false;
	ld->pkt_status |= TIOCPKT_FLUSHREAD;
}

void ldisc_hang_up(struct ldisc *ld)
{
	ldisc_flush_input(ld);
	ld->literal_next = false;
	echo_clear(ld);
	ld->column = ld->line_column = 0;
	ld->stopped = ld->held = false;
	ld->pkt_status = 0;
	reset_termios(ld);
}

/* --- editing ------------------------------------------------------------------------------------------------------------------ */

static bool in_words(uint8_t c)
{
	return (c >= '0' && c <= '9') || c == '_' || ldisc_is_upper(c) || ldisc_is_lower(c);
}

static void finish_erasing(struct ldisc *ld)
{
	if (!ld->erasing)
		return;
	echo_raw(ld, '/');
	ld->erasing = false;
}

/* Columns taken by the bytes before a tab at the head, back to the line's start or the tab before. */
static void rub_out_tab(struct ldisc *ld)
{
	uint32_t n = 0;

	for (uint32_t pos = ld->head; pos != ld->canon;) {
		uint8_t c = ld->in[at(--pos)];

		if (c == '\t') {
			echo_erase_tab(ld, n, true);
			return;
		}
		if (ldisc_is_control(c))
			n += ld->tio.c_lflag & ECHOCTL ? 2 : 0;
		else if (!ldisc_is_continuation(ld, c))
			n++;
	}
	echo_erase_tab(ld, n, false);
}

static void rub_out(struct ldisc *ld, uint8_t c)
{
	uint32_t n;

	if (c == '\t') {
		rub_out_tab(ld);
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
		for (uint32_t p = ld->head + 1; p != end; p++) {
			echo_raw(ld, ld->in[at(p)]);
			echo_move_back(ld);
		}
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
		if (in_words(c))
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

/* Echo a byte of the line; the first one marks where the line begins. */
static void echo_typed(struct ldisc *ld, uint8_t c)
{
	if (ld->head == ld->canon)
		echo_set_line_column(ld);
	echo_char(ld, c);
	echo_commit(ld);
}

/* *newline*: a return that became a line feed, and shows as one. */
static void receive_plain(struct ldisc *ld, uint8_t c, bool newline)
{
	if (ld->tio.c_lflag & ECHO) {
		finish_erasing(ld);
		if (newline) {
			echo_raw(ld, c);
			echo_commit(ld);
		} else {
			echo_typed(ld, c);
		}
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

static void go_on(struct ldisc *ld)
{
	ldisc_start(ld);
	ldisc_process_echoes(ld);
}

static void receive_signal(struct ldisc *ld, int signo, uint8_t c)
{
	ld->signals |= 1u << (signo - 1);
	if (!(ld->tio.c_lflag & NOFLSH)) {
		echo_clear(ld);
		/* What was echoed in the same breath has not reached the other side. */
		if ((int32_t)(ld->out_batch - ld->out_tail) >= 0)
			ld->out_head = ld->out_batch;
		ldisc_flush_output(ld);
		ldisc_flush_input(ld);
	}
	if (ld->tio.c_iflag & IXON)
		ldisc_start(ld);
	if (ld->tio.c_lflag & ECHO) {
		echo_char(ld, c);
		echo_commit(ld);
	} else {
		ldisc_process_echoes(ld);
	}
}

/* START and STOP. True: the byte was one of them. *seen*: it took effect when it was looked at ahead. */
static bool receive_flow(struct ldisc *ld, uint8_t c, bool seen)
{
	bool start = is_cc(ld, VSTART, c);

	if (!(ld->tio.c_iflag & IXON) || (!start && !is_cc(ld, VSTOP, c)))
		return false;
	if (!seen && start)
		go_on(ld);
	else if (!seen)
		ldisc_stop(ld);
	return true;
}

static void receive_literal_next(struct ldisc *ld)
{
	tcflag_t l = ld->tio.c_lflag;

	ld->literal_next = true;
	if (!(l & ECHO))
		return;
	finish_erasing(ld);
	if (l & ECHOCTL) {
		echo_raw(ld, '^');
		echo_raw(ld, '\b');
		echo_commit(ld);
	}
}

/* Bytes that end a line. True: dealt with. */
static bool receive_line_end(struct ldisc *ld, uint8_t c)
{
	tcflag_t l = ld->tio.c_lflag;

	if (c == '\n') {
		if (l & (ECHO | ECHONL)) {
			echo_raw(ld, '\n');
			echo_commit(ld);
		}
		put_line_end(ld, c);
	} else if (is_cc(ld, VEOF, c)) {
		put_line_end(ld, DISABLED);
	} else if (is_cc(ld, VEOL, c) || (l & IEXTEN && is_cc(ld, VEOL2, c))) {
		if (l & ECHO)
			echo_typed(ld, c);
		if (c == 0xff && ld->tio.c_iflag & PARMRK)
			put(ld, c);
		put_line_end(ld, c);
	} else {
		return false;
	}
	return true;
}

/* Bytes that edit the line or end it. True: dealt with. */
static bool receive_canonical(struct ldisc *ld, uint8_t c)
{
	tcflag_t l = ld->tio.c_lflag;
	bool ext = l & IEXTEN;

	if (is_cc(ld, VERASE, c))
		erase(ld, ERASE_CHAR);
	else if (is_cc(ld, VKILL, c))
		erase(ld, ERASE_LINE);
	else if (ext && is_cc(ld, VWERASE, c))
		erase(ld, ERASE_WORD);
	else if (ext && is_cc(ld, VLNEXT, c))
		receive_literal_next(ld);
	else if (ext && l & ECHO && is_cc(ld, VREPRINT, c))
		reprint(ld);
	else
		return receive_line_end(ld, c);
	echo_commit(ld);
	return true;
}

/* Returns and line feeds by the rules for them. False: the byte is dropped. *newline*: see receive_plain(). */
static bool map_newline(const struct ldisc *ld, uint8_t *c, bool *newline)
{
	tcflag_t i = ld->tio.c_iflag;

	if (*c == '\r') {
		if (i & IGNCR)
			return false;
		if (i & ICRNL) {
			*c = '\n';
			*newline = true;
		}
	} else if (*c == '\n' && i & INLCR) {
		*c = '\r';
	}
	return true;
}

static void receive(struct ldisc *ld, uint8_t c, bool seen)
{
	tcflag_t i = ld->tio.c_iflag, l = ld->tio.c_lflag;
	bool newline = false;
	int signo;

	if (i & ISTRIP)
		c &= 0x7f;
	if (i & IUCLC && l & IEXTEN)
		c = ldisc_lower(c);
	if (l & EXTPROC && !ld->literal_next) {
		put(ld, c);
		return;
	}
	if (ld->literal_next) {
		ld->literal_next = false;
		receive_plain(ld, c, false);
		return;
	}
	if (receive_flow(ld, c, seen))
		return;
	signo = signal_of(ld, c);
	if (signo) {
		receive_signal(ld, signo, c);
		return;
	}
	if (ld->stopped && !ld->held && i & IXON && i & IXANY)
		go_on(ld);
	if (!map_newline(ld, &c, &newline))
		return;
	if (l & ICANON && receive_canonical(ld, c))
		return;
	receive_plain(ld, c, newline);
}

/*
 * How many bytes may be received before one looks again. A full buffer without a whole line in it would never be read:
 * there the last byte is replaced, so that the line can still be ended or edited.
 */
static uint32_t receive_room(struct ldisc *ld)
{
	uint32_t left = LDISC_INPUT - (ld->head - ld->tail);

	if (ld->tio.c_iflag & PARMRK)
		left = (left + 2) / 3;
	if (left > 1)
		return left - 1;
	if (!(ld->tio.c_lflag & ICANON) || ld->canon != ld->tail)
		return 0;
	if (!left)
		ld->head--;
	return 1;
}

/* Does input lead to output at all? Where none can come of it, what waits from before goes on waiting. */
static bool echoes_now(const struct ldisc *ld)
{
	tcflag_t i = ld->tio.c_iflag, l = ld->tio.c_lflag;
	bool plain = !(i & (ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK)) && !(l & (ICANON | ISIG | ECHO));

	if (plain || !(l & (ECHO | ECHONL)))
		return false;
	return !(l & EXTPROC) || i & ISTRIP || (i & IUCLC && l & IEXTEN);
}

static size_t receive_all(struct ldisc *ld, const uint8_t *data, size_t len, bool seen)
{
	size_t n = 0;

	ld->out_batch = ld->out_head;
	while (n < len) {
		uint32_t room = receive_room(ld);

		if (!room)
			break;
		for (; room && n < len; room--)
			receive(ld, data[n++], seen);
	}
	if (echoes_now(ld))
		ldisc_process_echoes(ld);
	return n;
}

size_t ldisc_receive(struct ldisc *ld, const uint8_t *data, size_t len)
{
	return receive_all(ld, data, len, false);
}

size_t ldisc_receive_seen(struct ldisc *ld, const uint8_t *data, size_t len)
{
	return receive_all(ld, data, len, true);
}

void ldisc_look_ahead(struct ldisc *ld, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		receive_flow(ld, data[i], false);
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
	/* Lines that the other side edits: the end of file comes as its key alone. */
	if (n == 1 && ld->tail == ld->head && ld->tio.c_lflag & ICANON && is_cc(ld, VEOF, buf[0])) {
		*eof = true;
		n = 0;
	}
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
	if ((old.c_lflag ^ tio->c_lflag) & (ICANON | EXTPROC)) {
		memset(ld->line_end, 0, sizeof(ld->line_end));
		ld->literal_next = ld->erasing = false;
		ld->canon = ld->tail;
		if (tio->c_lflag & ICANON && ld->head != ld->tail) { /* what was typed before can be read as it is */
			mark_line_end(ld, ld->head - 1, true);
			ld->canon = ld->head;
		}
	}
	if (old.c_iflag & IXON && !(tio->c_iflag & IXON))
		go_on(ld);
	if (usual_flow(&old) != usual_flow(tio)) {
		ld->pkt_status &= (uint8_t) ~(TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
		ld->pkt_status |= usual_flow(tio) ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
	}
	if ((old.c_lflag | tio->c_lflag) & EXTPROC)
		ld->pkt_status |= TIOCPKT_IOCTL;
}
