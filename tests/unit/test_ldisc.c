/* SPDX-License-Identifier: MIT */
/* The line discipline against tables: what is typed, what is echoed, what is read. */
#include "fs/ldisc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <asm/ioctls.h>
#include <signal.h>
#include <stdio.h>

#define ON(flag) flag, 0
#define OFF(flag) 0, flag

struct row {
	const char *name;
	tcflag_t lon, loff, ion, ioff; /* changes of c_lflag and c_iflag */
	const char *typed, *echo, *read;
};

static const struct row rows[] = {
	{"a line", 0, 0, 0, 0, "abc\n", "abc\r\n", "abc\n"},
	{"carriage return", 0, 0, 0, 0, "abc\r", "abc\r\n", "abc\n"},
	{"unfinished", 0, 0, 0, 0, "abc", "abc", ""},
	{"end of file in a line", 0, 0, 0, 0, "abc\004", "abc", "abc"},
	{"erase", 0, 0, 0, 0, "ab\177c\n", "ab\b \bc\r\n", "ac\n"},
	{"erase nothing", 0, 0, 0, 0, "\177a\n", "a\r\n", "a\n"},
	{"erase a control character", 0, 0, 0, 0, "\001\177a\n", "^A\b \b\b \ba\r\n", "a\n"},
	{"erase a tab", 0, 0, 0, 0, "ab\t\177c\n", "ab\t\b\b\b\b\b\bc\r\n", "abc\n"},
	{"kill", 0, 0, 0, 0, "ab\025c\n", "ab\b \b\b \bc\r\n", "c\n"},
	{"kill without ECHOKE", OFF(ECHOKE), 0, 0, "ab\025c\n", "ab^U\r\nc\r\n", "c\n"},
	{"word", 0, 0, 0, 0, "a bc \027d\n", "a bc \b \b\b \b\b \bd\r\n", "a d\n"},
	{"literal next", 0, 0, 0, 0, "\026\003\n", "^\b^C\r\n", "\003\n"},
	{"reprint", 0, 0, 0, 0, "ab\022\n", "ab^R\r\nab\r\n", "ab\n"},
	{"no echo", OFF(ECHO), 0, 0, "abc\n", "", "abc\n"},
	{"ECHONL alone", ON(ECHONL), 0, 0, "a\n", "a\r\n", "a\n"},
	{"no ECHOCTL", OFF(ECHOCTL), 0, 0, "\001\n", "\001\r\n", "\001\n"},
	{"no IEXTEN", OFF(IEXTEN), 0, 0, "a\027\n", "a^W\r\n", "a\027\n"},
	{"ISTRIP", 0, 0, ON(ISTRIP), "\341\n", "a\r\n", "a\n"},
	{"IGNCR", 0, 0, ON(IGNCR), "a\rb\n", "ab\r\n", "ab\n"},
	{"IUTF8", 0, 0, ON(IUTF8), "\303\244\177x\n", "\303\244\b \bx\r\n", "x\n"},
	{"raw", OFF(ICANON | ECHO | ISIG), OFF(ICRNL | IXON), "a\r\003", "", "a\r\003"},
	{"flow control is swallowed", 0, 0, 0, 0, "a\023\021b\n", "ab\r\n", "ab\n"},
};

static void give(struct ldisc *ld, const char *text)
{
	assert_int_equal(ldisc_receive(ld, (const uint8_t *)text, strlen(text)), strlen(text));
}

static void expect_output(struct ldisc *ld, const char *want)
{
	uint8_t buf[512];
	size_t n = ldisc_output_peek(ld, buf, sizeof(buf));

	ldisc_output_consume(ld, n);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
}

static void expect_read(struct ldisc *ld, const char *want, bool want_eof)
{
	uint8_t buf[512];
	bool eof;
	size_t n = ldisc_read(ld, buf, sizeof(buf), &eof);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(buf, want, n);
	assert_int_equal(eof, want_eof);
}

static void tables(void **state)
{
	static struct ldisc ld;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		ldisc_init(&ld);
		ld.tio.c_lflag = (ld.tio.c_lflag | r->lon) & ~r->loff;
		ld.tio.c_iflag = (ld.tio.c_iflag | r->ion) & ~r->ioff;
		print_message("%s\n", r->name);
		give(&ld, r->typed);
		expect_output(&ld, r->echo);
		expect_read(&ld, r->read, strchr(r->typed, 4) != NULL);
	}
}

static void end_of_file(void **state)
{
	static struct ldisc ld;
	uint8_t buf[8];
	bool eof;

	ldisc_init(&ld);
	give(&ld, "\004ab\004cd\n");
	expect_read(&ld, "", true);
	/* A buffer of just the line takes the mark with it. */
	assert_int_equal(ldisc_read(&ld, buf, 2, &eof), 2);
	assert_true(eof);
	assert_int_equal(ldisc_read(&ld, buf, 1, &eof), 1);
	assert_int_equal(ldisc_pending(&ld), 2);
	expect_read(&ld, "d\n", false);
	assert_false(ldisc_readable(&ld, false));
}

static void signals(void **state)
{
	static struct ldisc ld;

	ldisc_init(&ld);
	give(&ld, "abc\003");
	assert_int_equal(ld.signals, 1u << (SIGINT - 1));
	expect_output(&ld, "^C"); /* the key flushed the echo of what was typed in the same breath */
	assert_int_equal(ldisc_pending(&ld), 0);
	ld.signals = 0;
	give(&ld, "\034\032");
	assert_int_equal(ld.signals, 1u << (SIGQUIT - 1) | 1u << (SIGTSTP - 1));
}

static void full(void **state)
{
	static struct ldisc ld;
	static uint8_t text[2 * LDISC_INPUT];
	uint8_t got[LDISC_INPUT + 1];
	bool eof;

	memset(text, 'x', sizeof(text));
	ldisc_init(&ld);
	ld.tio.c_lflag &= ~(tcflag_t)ECHO;
	/* An endless line is taken and cut, and can be ended. */
	assert_int_equal(ldisc_receive(&ld, text, sizeof(text)), sizeof(text));
	give(&ld, "\n");
	assert_int_equal(ldisc_read(&ld, got, sizeof(got), &eof), LDISC_INPUT);
	assert_int_equal(got[LDISC_INPUT - 1], '\n');
	/* With a line to be read the rest waits, the keys of signals too; STOP alone is seen at once. */
	give(&ld, "line\n");
	assert_true(ldisc_receive(&ld, text, sizeof(text)) < LDISC_INPUT);
	assert_int_equal(ldisc_receive(&ld, (const uint8_t *)"\003", 1), 0);
	ldisc_look_ahead(&ld, (const uint8_t *)"a\023", 2);
	assert_true(ld.stopped);
	ldisc_read(&ld, got, sizeof(got), &eof);
	assert_int_equal(ldisc_receive_seen(&ld, (const uint8_t *)"\021\003", 2), 2);
	assert_int_equal(ld.signals, 1u << (SIGINT - 1));
}

static void output(void **state)
{
	static struct ldisc ld;

	ldisc_init(&ld);
	ldisc_write(&ld, (const uint8_t *)"a\tb\n", 4);
	expect_output(&ld, "a\tb\r\n");
	ld.tio.c_oflag |= XTABS;
	ldisc_write(&ld, (const uint8_t *)"abc\tx", 5);
	expect_output(&ld, "abc     x");
	ldisc_stop(&ld);
	assert_int_equal(ldisc_write_room(&ld), 0);
	assert_int_equal(ldisc_write(&ld, (const uint8_t *)"x", 1), 0);
	ldisc_start(&ld);
	assert_int_equal(ldisc_write_room(&ld), LDISC_OUTPUT);
}

static void switching(void **state)
{
	static struct ldisc ld;
	struct termios2 t;

	ldisc_init(&ld);
	give(&ld, "half");
	assert_false(ldisc_readable(&ld, false));
	t = ld.tio;
	t.c_lflag &= ~(tcflag_t)ICANON;
	t.c_cc[VMIN] = 3;
	ldisc_set_termios(&ld, &t);
	assert_true(ldisc_readable(&ld, true));
	expect_read(&ld, "half", false);
	give(&ld, "ab");
	assert_false(ldisc_readable(&ld, true));
	t.c_lflag |= ICANON;
	ldisc_set_termios(&ld, &t);
	expect_read(&ld, "ab", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables), cmocka_unit_test(end_of_file), cmocka_unit_test(signals),
		cmocka_unit_test(full),	  cmocka_unit_test(output),	 cmocka_unit_test(switching),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
