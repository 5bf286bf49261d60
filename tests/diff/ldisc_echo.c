/* SPDX-License-Identifier: MIT */
/* The line discipline: echoes that wait, flow control, letters of other tables, EXTPROC, full buffers. termios(3). */
#define _GNU_SOURCE
#include "tty_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifndef EXTPROC
#define EXTPROC 0200000
#endif
#ifndef IUCLC
#define IUCLC 01000
#endif

static int m, s;
static struct termios base;

static size_t get(int fd, char *buf, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size && (n = read(fd, buf + got, size - got)) > 0)
		got += (size_t)n;
	return got;
}

static void drain(int fd)
{
	char buf[8192];

	bytes(buf, (ssize_t)get(fd, buf, sizeof(buf)));
}

static void settle(void)
{
	usleep(15000);
}

static void show(const char *what)
{
	settle();
	printf("%s: echo", what);
	drain(m);
	printf(" read");
	drain(s);
	printf("\n");
}

static void typed(const char *in, size_t len)
{
	write(m, in, len);
	settle();
}
#define T(in) typed(in, sizeof(in) - 1)

static void set(tcflag_t i_on, tcflag_t i_off, tcflag_t o_on, tcflag_t l_on, tcflag_t l_off)
{
	struct termios t = base;

	t.c_iflag = (t.c_iflag | i_on) & ~i_off;
	t.c_oflag |= o_on;
	t.c_lflag = (t.c_lflag | l_on) & ~l_off;
	tcsetattr(s, TCSAFLUSH, &t);
}

static void stopped(void)
{
	set(0, 0, 0, 0, 0);
	T("ab\023cd");
	printf("stopped: echo");
	drain(m);
	T("ef");
	printf(" later");
	drain(m);
	T("\021");
	printf(" after start");
	drain(m);
	T("g\tx\177\177y\n");
	show("line");
	T("\023");
	T("one\ttwo\177\177\177\177Z");
	printf("edited while stopped:");
	drain(m);
	T("\021\n");
	show("then");
	/* What the program has written comes in its turn. */
	T("\023typed");
	printf("write while stopped %zd", write(s, "out", 3));
	printf(" %s\n", strerror(errno));
	T("\021");
	show("both");
	write(s, "more", 4);
	T("\n");
	show("more");
	set(IXANY, 0, 0, 0, 0);
	T("\023ab");
	show("ixany");
	T("\n");
	show("end");
	set(0, 0, 0, 0, 0);
	T("\023x\003");
	show("interrupt starts");
	set(0, 0, 0, NOFLSH, 0);
	T("\023x\003y\n");
	show("interrupt starts, no flush");
	set(0, 0, 0, 0, 0);
	tcflow(s, TCOOFF);
	T("ab\021c");
	show("held by the program");
	tcflow(s, TCOON);
	show("let go");
	T("d\n");
	show("then");
	T("\023q");
	tcflow(s, TCOON);
	show("TCOON after Ctrl-S");
	tcflow(s, TCOOFF);
	tcflow(s, TCOON);
	T("\n");
	show("TCOOFF, TCOON after Ctrl-S");
	T("\023r");
	set(0, IXON, 0, 0, 0);
	show("IXON off starts");
	set(0, 0, 0, 0, 0);
}

static void many_while_stopped(void)
{
	char buf[10000];
	size_t n;

	set(0, 0, 0, 0, 0);
	T("\023");
	for (int i = 0; i < 20; i++) {
		memset(buf, 'a' + i, 299);
		buf[299] = '\n';
		write(m, buf, 300);
		settle();
		get(s, buf, sizeof(buf));
	}
	T("\021");
	settle();
	n = get(m, buf, sizeof(buf));
	printf("echo of 6000 while stopped: some lost %d, first %c, last line kept %d\n", n < 5000, n ? buf[0] : '?',
		n > 300 && buf[n - 3] == 'a' + 19);
}

static void letters(void)
{
	set(IUCLC, 0, 0, 0, 0);
	T("ABCxyz\304\326\327\337\n");
	show("iuclc");
	set(0, 0, OLCUC, 0, 0);
	write(s, "abc\344\366\367\337\377", 8);
	show("olcuc");
	set(0, 0, 0, 0, 0);
	T("caf\351 \367x\027.\n");
	show("latin words");
	T("a\377\177b\n");
	show("ff erased");
	set(IUTF8, 0, 0, 0, 0);
	T("\303\244\t\342\202\254\tx\177\177\177\177y\n");
	show("utf-8 tabs");
	T("\303\244\303\266 \303\274x\027\027z\n");
	show("utf-8 words");
	T("\244\177x\n");
	show("utf-8 stray");
	set(IUTF8, 0, 0, ECHOPRT, 0);
	T("a\303\244\342\202\254\177\177b\tc\177\177\n");
	show("utf-8 echoprt");
	set(0, 0, 0, 0, ECHOCTL);
	T("a\001\177b\t\001\tc\177\177\177\177d\n");
	show("no echoctl");
}

static void raw_echo(void)
{
	set(0, 0, 0, 0, ICANON);
	T("a\r\n\033b\177\004");
	show("raw icrnl");
	set(INLCR, ICRNL, 0, 0, ICANON);
	T("a\r\nb");
	show("raw inlcr");
	set(0, ICRNL, 0, 0, ICANON);
	T("a\r\nb");
	show("raw nothing");
	set(IGNCR | INLCR, 0, 0, 0, ICANON);
	T("a\r\nb");
	show("raw igncr inlcr");
	set(ISTRIP | PARMRK, 0, 0, 0, ICANON);
	T("a\377\300b");
	show("istrip parmrk");
	set(PARMRK, 0, 0, 0, ICANON);
	T("a\377\300b");
	show("parmrk");
	set(0, 0, 0, ECHONL, ECHO);
	T("a\r\nb\n");
	show("echonl");
	set(0, 0, 0, ECHONL, ECHO | ICANON);
	T("a\r\nb\n");
	show("echonl raw");
	T("\026");
	set(0, 0, 0, 0, ICANON);
	T("\026\003x");
	show("no literal in raw");
}

/* Linux works through what was typed in a thread of its own. */
static void awaited(void)
{
	struct pollfd pfd = {.fd = m, .events = POLLIN | POLLPRI};

	poll(&pfd, 1, 2000);
}

static void extproc(void)
{
	char buf[100];
	int on = 1;
	ssize_t n;

	set(0, 0, 0, EXTPROC, 0);
	T("a\177b\003\004c\r\n");
	show("extproc");
	T("x");
	show("extproc no line");
	set(IUCLC | ISTRIP, 0, 0, EXTPROC, 0);
	T("AB\301\003\n");
	show("extproc iuclc istrip");
	set(0, 0, 0, 0, 0);
	ioctl(m, TIOCPKT, &on);
	set(0, 0, 0, EXTPROC, 0);
	n = read(m, buf, sizeof(buf));
	printf("packet on %zd %o", n, buf[0]);
	struct termios t;
	tcgetattr(s, &t);
	tcsetattr(s, TCSANOW, &t);
	n = read(m, buf, sizeof(buf));
	printf(", again %zd %o", n, buf[0]);
	t.c_lflag &= ~(tcflag_t)EXTPROC;
	tcsetattr(s, TCSANOW, &t);
	n = read(m, buf, sizeof(buf));
	printf(", off %zd %o", n, buf[0]);
	tcsetattr(s, TCSANOW, &t);
	n = read(m, buf, sizeof(buf));
	printf(", none %zd\n", n);
	tcflush(s, TCIOFLUSH);
	n = read(m, buf, sizeof(buf));
	printf("flush %zd %o", n, buf[0]);
	T("\023");
	awaited();
	n = read(m, buf, sizeof(buf));
	printf(", stop %zd %o", n, buf[0]);
	T("\021");
	awaited();
	n = read(m, buf, sizeof(buf));
	printf(", start %zd %o", n, buf[0]);
	T("\003");
	awaited();
	n = read(m, buf, sizeof(buf));
	printf(", intr %zd %o", n, buf[0]);
	awaited();
	n = read(m, buf, sizeof(buf));
	printf(" then");
	bytes(buf, n);
	write(s, "abc", 3);
	settle();
	n = read(m, buf, 1);
	printf(", one byte %zd %o", n, buf[0]);
	n = read(m, buf, 3);
	printf(", three");
	bytes(buf, n);
	n = read(m, buf, 3);
	printf(", rest");
	bytes(buf, n);
	ioctl(m, TIOCGPKT, &on);
	printf(", is on %d\n", on);
	on = 0;
	ioctl(m, TIOCPKT, &on);
	T("\023\021");
	show("packet off");
}

static int input_left(void)
{
	int n = -1;

	ioctl(s, FIONREAD, &n);
	return n;
}

static void full(void)
{
	char buf[9000];
	size_t n;

	memset(buf, 'x', sizeof(buf));
	set(0, 0, 0, 0, ECHO);
	buf[99] = '\n';
	write(m, buf, 5000);
	settle();
	printf("line and too much: %d", input_left());
	T("\023");
	n = (size_t)write(s, "held", 4);
	printf(", Ctrl-S gets through %d", (int)n == -1 && errno == EAGAIN);
	T("\021");
	printf(", Ctrl-Q too %zd", write(s, "go", 2));
	n = get(s, buf, sizeof(buf));
	printf(", read %zu", n);
	T("\n");
	n = get(s, buf, sizeof(buf));
	printf(", then %zu\n", n);
	tcflush(s, TCIFLUSH);
	tcflush(m, TCIFLUSH);
	set(PARMRK, 0, 0, 0, ECHO);
	memset(buf, 'y', sizeof(buf));
	write(m, buf, 4094);
	settle();
	T("\n");
	n = get(s, buf, sizeof(buf));
	printf("parmrk %d %c\n", n > 4000, buf[n - 1] == '\n' ? 'n' : buf[n - 1]);
	set(0, 0, 0, 0, ECHO | ICANON);
	write(m, buf, 4094);
	settle();
	printf("raw full %d", input_left());
	T("a");
	printf(" %d", input_left());
	T("b");
	printf(" %d", input_left());
	n = get(s, buf, sizeof(buf));
	settle();
	n += get(s, buf, sizeof(buf));
	printf(" all %zu\n", n);
}

static void old_calls(void)
{
	struct termio {
		unsigned short i, o, c, l;
		unsigned char line, cc[8];
	} t;
	int v = -1;
	ssize_t n;

	set(0, 0, 0, 0, 0);
	n = ioctl(s, TCGETA, &t);
	printf("tcgeta %zd %o %o %o %o", n, t.i, t.o, t.c, t.l);
	t.l &= ~ECHO;
	printf(" tcseta %d", ioctl(s, TCSETA, &t));
	printf(" w %d f %d\n", ioctl(s, TCSETAW, &t), ioctl(s, TCSETAF, &t));
	T("quiet\n");
	show("tcseta");
	printf("softcar %d", ioctl(s, TIOCGSOFTCAR, &v));
	printf(" %d", v);
	v = 1;
	printf(" set %d", ioctl(s, TIOCSSOFTCAR, &v));
	v = -1;
	ioctl(s, TIOCGSOFTCAR, &v);
	printf(" %d\n", v);
	static const struct {
		const char *name;
		unsigned long cmd;
	} c[] = {{"TIOCMGET", TIOCMGET}, {"TIOCGICOUNT", 0x545d}, {"TIOCGSERIAL", TIOCGSERIAL}, {"TIOCSBRK", TIOCSBRK},
		{"TIOCCBRK", TIOCCBRK}, {"TCSBRK", TCSBRK}, {"TCSBRKP", TCSBRKP}, {"TIOCGPTPEER", TIOCGPTPEER},
		{"TIOCPKT", TIOCPKT}, {"TIOCSIG", 0x40045436}, {"KDGKBMODE", 0x4b44}, {"TIOCLINUX", TIOCLINUX},
		{"TIOCOUTQ", TIOCOUTQ}, {"TIOCGETD", TIOCGETD}, {"TIOCNOTTY", TIOCNOTTY}, {"TIOCGPGRP", TIOCGPGRP},
		{"TIOCGSID", TIOCGSID}, {"TIOCMIWAIT", TIOCMIWAIT}, {"VT_GETSTATE", 0x5603}};
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		v = 0;
		printf("%s:", c[i].name);
		for (int side = 0; side < 2; side++)
			printf(" %s", ioctl(side ? m : s, c[i].cmd, c[i].cmd == TIOCPKT || c[i].cmd >> 16 ? (void *)&v :
				c[i].cmd == TCSBRK || c[i].cmd == TCSBRKP ? (void *)1 : c[i].cmd == TIOCGPTPEER ? (void *)(O_RDWR | O_NOCTTY) : (void *)&v) < 0 ? strerror(errno) : "ok");
		printf("\n");
	}
	unsigned dev[2] = {0};
	ioctl(s, 0x80045432, &dev[0]);
	ioctl(m, 0x80045432, &dev[1]);
	printf("TIOCGDEV same %d\n", dev[0] == dev[1] && dev[0]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (fork()) { /* no leader of a session: it would get the terminal */
		int status;

		wait(&status);
		return WEXITSTATUS(status);
	}
	m = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);
	tcgetattr(s, &base);
	stopped();
	many_while_stopped();
	letters();
	raw_echo();
	extproc();
	full();
	old_calls();
	return 0;
}
