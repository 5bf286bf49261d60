/* SPDX-License-Identifier: MIT */
/*
 * The line discipline of a terminal (N_TTY): what happens to bytes between the terminal and the program. It knows neither
 * tasks nor files; the caller holds the lock of the terminal around every call. termios(3).
 */
#pragma once

#include <asm/termbits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LDISC_INPUT 4096 /* what is typed ahead; one line at most, less one */
#define LDISC_OUTPUT 16384 /* what may have been written that nobody has read yet; a power of two */
#define LDISC_ECHO 4096	   /* echoes that wait for room in the output; a power of two */

struct ldisc {
	struct termios2 tio;

	/* Input: free-running positions in in[]; [tail, canon) are whole lines, [canon, head) the line being typed. */
	uint8_t in[LDISC_INPUT];
	uint8_t line_end[LDISC_INPUT / 8]; /* bit set: this byte ends a line; a zero byte with it is end of file */
	uint32_t head, canon, tail;
	bool literal_next, erasing;

	/* Output and echo, for the other side to read. */
	uint8_t out[LDISC_OUTPUT];
	uint32_t out_head, out_tail;
	uint32_t out_batch; /* out_head when the input at hand began to be received */
	uint8_t echo[LDISC_ECHO]; /* see ldisc_echo.c */
	uint32_t echo_head, echo_commit, echo_tail; /* noted; to be tried; put out */
	uint32_t column, line_column; /* of the cursor; where the line being typed began */
	bool stopped;		      /* by STOP or TCOOFF */
	bool held;		      /* by TCOOFF: START does not help */

	/* What receiving led to, for the caller to act on and clear. */
	uint32_t signals;   /* bit signo-1, for the foreground group */
	uint8_t pkt_status; /* TIOCPKT_* bits */
};

void ldisc_init(struct ldisc *ld);
/* The line is gone: settings as at first, nothing typed; what was output can still be read. */
void ldisc_hang_up(struct ldisc *ld);

/* Bytes from the terminal: returns how many were taken; fewer when there is no room until the program reads. */
size_t ldisc_receive(struct ldisc *ld, const uint8_t *data, size_t len);
/* As ldisc_receive(), of bytes that ldisc_look_ahead() has seen. */
size_t ldisc_receive_seen(struct ldisc *ld, const uint8_t *data, size_t len);
/* Bytes that wait for room: START and STOP among them take effect at once. */
void ldisc_look_ahead(struct ldisc *ld, const uint8_t *data, size_t len);
/* Is there something for a reader? for_poll: as much as poll(2) asks for (VMIN). */
bool ldisc_readable(const struct ldisc *ld, bool for_poll);
/* Take what one step of read(2) gives: a line or a part of it in canonical mode, what is there otherwise. *eof: end of file was met. */
size_t ldisc_read(struct ldisc *ld, uint8_t *buf, size_t len, bool *eof);
/* Bytes a reader could get now (FIONREAD). */
size_t ldisc_pending(const struct ldisc *ld);

/* Bytes from the program: returns how many were taken. */
size_t ldisc_write(struct ldisc *ld, const uint8_t *data, size_t len);
size_t ldisc_write_room(const struct ldisc *ld);
/* The terminal's side of the output. */
size_t ldisc_output_pending(const struct ldisc *ld);
size_t ldisc_output_peek(const struct ldisc *ld, uint8_t *buf, size_t len);
void ldisc_output_consume(struct ldisc *ld, size_t len);
/* One byte straight to the terminal (TCIOFF, TCION). */
void ldisc_output_raw(struct ldisc *ld, uint8_t c);

void ldisc_set_termios(struct ldisc *ld, const struct termios2 *tio);
void ldisc_flush_input(struct ldisc *ld);
void ldisc_flush_output(struct ldisc *ld);
void ldisc_stop(struct ldisc *ld);
void ldisc_start(struct ldisc *ld); /* nothing while it is held */
void ldisc_hold(struct ldisc *ld, bool on); /* TCOOFF, TCOON */
/* Put out echoes for which there is room now. */
void ldisc_process_echoes(struct ldisc *ld);

/* Does a reader get lines? With EXTPROC the other side edits them: what comes is read as it is. */
static inline bool ldisc_canonical(const struct ldisc *ld)
{
	return (ld->tio.c_lflag & (ICANON | EXTPROC)) == ICANON;
}
