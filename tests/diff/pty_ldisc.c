/* SPDX-License-Identifier: MIT */
/* The line discipline, table by table: bytes typed at the master, what is echoed, what the slave reads. termios(3). */
#define _GNU_SOURCE
#include "tty_util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int m, s;

/* Everything that can be read now; each read shown by itself. */
static void drain(int fd, size_t size)
{
	char buf[8192];
	ssize_t n;

	for (int i = 0; i < 20; i++) {
		n = read(fd, buf, size);
		if (n < 0)
			break;
		bytes(buf, n);
		if (!n)
			break;
	}
	if (n < 0 && errno != EAGAIN)
		printf(" <%s>", strerror(errno));
}

/* Linux's terminals work asynchronously: wait for a first effect, and a little for the rest of it. */
static void settle(void)
{
	struct pollfd p[2] = {{m, POLLIN, 0}, {s, POLLIN, 0}};

	poll(p, 2, 150);
	usleep(8000);
}

static void type(const char *what, const char *in, size_t len)
{
	int avail = -1;

	printf("%s:", what);
	if (write(m, in, len) != (ssize_t)len)
		printf(" short");
	settle();
	printf(" echo");
	drain(m, 8192);
	ioctl(s, FIONREAD, &avail);
	printf(" n=%d read", avail);
	drain(s, 8192);
	printf("\n");
}
#define T(what, in) type(what, in, sizeof(in) - 1)

static void out(const char *what, const char *text)
{
	printf("%s:", what);
	write(s, text, strlen(text));
	settle();
	drain(m, 8192);
	printf("\n");
}

static struct termios base;

static void set(void (*change)(struct termios *t))
{
	struct termios t = base;

	if (change)
		change(&t);
	tcsetattr(s, TCSAFLUSH, &t);
}

static void editing(void)
{
	T("line", "abc\n");
	T("return", "abc\r");
	T("two lines", "one\ntwo\n");
	T("unfinished", "abc");
	T("rest", "def\n");
	T("erase", "abcd\177\177X\n");
	T("erase empty", "\177\177ok\n");
	T("erase control", "a\001b\177\177c\n");
	T("kill", "wrong\025right\n");
	T("word", "foo bar  \027baz\n");
	T("word punctuation", "foo.bar-baz\027\027x\n");
	T("tab erased", "ab\tcd\177\177\177x\n");
	T("two tabs erased", "\t\t\177\177x\n");
	T("reprint", "abc\022def\n");
	T("literal", "a\026\003b\026\177c\n");
	T("literal newline", "a\026\nb\n");
	T("eof at start", "\004");
	T("eof in line", "abc\004");
	T("eof twice", "abc\004\004");
	T("high", "\303\244\377\n");
	T("nul", "a\0b\n");
	T("bell", "a\007b\n");
}

static void short_reads(void)
{
	write(m, "abcdef\nxyz\004", 11);
	settle();
	drain(m, 8192);
	printf("\npieces:");
	drain(s, 4);
	write(m, "abcd\004", 5);
	settle();
	drain(m, 8192);
	printf(" exact:");
	drain(s, 4);
	printf("\n");
}

static void no_echo(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ECHO;
}
static void echo_nl(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ECHO;
	t->c_lflag |= ECHONL;
}
static void no_echoctl(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ECHOCTL;
}
static void no_echoe(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)(ECHOE | ECHOKE);
}
static void no_echok(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)(ECHOK | ECHOKE);
}
static void echoprt(struct termios *t)
{
	t->c_lflag |= ECHOPRT;
}
static void inlcr(struct termios *t)
{
	t->c_iflag = (t->c_iflag & ~(tcflag_t)ICRNL) | INLCR;
}
static void igncr(struct termios *t)
{
	t->c_iflag |= IGNCR;
}
static void istrip(struct termios *t)
{
	t->c_iflag |= ISTRIP;
}
static void iutf8(struct termios *t)
{
	t->c_iflag |= IUTF8;
}
static void parmrk(struct termios *t)
{
	t->c_iflag |= PARMRK;
}
static void eols(struct termios *t)
{
	t->c_cc[VEOL] = ':';
	t->c_cc[VEOL2] = ';';
}
static void no_iexten(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)IEXTEN;
}
static void raw(struct termios *t)
{
	cfmakeraw(t);
}
static void raw_echo(struct termios *t)
{
	cfmakeraw(t);
	t->c_lflag |= ECHO;
}
static void no_isig(struct termios *t)
{
	t->c_lflag &= ~(tcflag_t)ISIG;
}
static void iuclc(struct termios *t)
{
	t->c_iflag |= IUCLC;
}

static void flags(void)
{
	set(no_echo);
	T("no echo", "abc\177\n");
	set(echo_nl);
	T("echonl", "abc\n");
	set(no_echoctl);
	T("no echoctl", "a\001b\177\177\n");
	set(no_echoe);
	T("no echoe", "abc\177\177x\n");
	T("no echoke", "abc\025x\n");
	set(no_echok);
	T("no echok", "abc\025x\n");
	set(echoprt);
	T("echoprt", "abcd\177\177x\n");
	T("echoprt kill", "abcd\025x\n");
	set(inlcr);
	T("inlcr", "a\nb\rc\004");
	set(igncr);
	T("igncr", "a\rb\n");
	set(istrip);
	T("istrip", "\341\342\n");
	set(iutf8);
	T("iutf8", "a\303\244\177b\n");
	T("iutf8 three", "\342\202\254\177x\n");
	T("iutf8 tab", "\303\244\t\177x\n");
	set(NULL);
	T("no iutf8", "a\303\244\177b\n");
	set(parmrk);
	T("parmrk", "a\377b\n");
	set(eols);
	T("eol", "a:b;c\n");
	set(no_iexten);
	T("no iexten", "a\027b\026c\n");
	set(no_isig);
	T("no isig", "a\003b\034\n");
	set(iuclc);
	T("iuclc", "AbC\n");
	set(raw_echo);
	T("raw echo", "a\n\001\003\177");
	set(raw);
	T("raw", "a\n\r\003\004");
}

static void flow(void)
{
	set(NULL);
	T("stop swallowed", "a\023b\021c\n");
	write(m, "\023", 1);
	settle();
	printf("stopped write: %zd", write(s, "x", 1));
	printf(" errno %d;", errno);
	struct pollfd p = {s, POLLOUT, 0};
	printf(" poll %d;", poll(&p, 1, 0));
	write(m, "\021", 1);
	settle();
	printf(" started %zd;", write(s, "y", 1));
	settle();
	drain(m, 100);
	printf("\n");
	printf("tcoff %d", tcflow(s, TCOOFF));
	printf(" write %zd", write(s, "x", 1));
	printf(" tcon %d", tcflow(s, TCOON));
	printf(" write %zd\n", write(s, "z", 1));
	settle();
	drain(m, 100);
	printf(" tcioff %d", tcflow(s, TCIOFF));
	settle();
	drain(m, 100);
	printf(" tcion %d", tcflow(s, TCION));
	settle();
	drain(m, 100);
	printf("\n");
}

static void tab3(struct termios *t)
{
	t->c_oflag |= XTABS;
}
static void ocrnl(struct termios *t)
{
	t->c_oflag |= OCRNL;
}
static void onocr(struct termios *t)
{
	t->c_oflag |= ONOCR;
}
static void onlret(struct termios *t)
{
	t->c_oflag |= ONLRET | XTABS;
}
static void olcuc(struct termios *t)
{
	t->c_oflag |= OLCUC;
}
static void no_opost(struct termios *t)
{
	t->c_oflag &= ~(tcflag_t)OPOST;
}

static void output(void)
{
	set(NULL);
	out("onlcr", "a\nb\r\n");
	set(tab3);
	out("tab3", "a\tbc\td\be\t\n\tx");
	set(ocrnl);
	out("ocrnl", "a\rb");
	set(onocr);
	out("onocr", "\r\ra\r\rb");
	set(onlret);
	out("onlret", "a\n\tb\n");
	set(olcuc);
	out("olcuc", "aBc1");
	set(no_opost);
	out("no opost", "a\nb\tc");
}

static void long_line(void)
{
	char buf[6000], got[8192];
	ssize_t n;

	set(no_echo);
	memset(buf, 'x', sizeof(buf));
	write(m, buf, 5000);
	settle();
	write(m, "END\n", 4);
	settle();
	n = read(s, got, sizeof(got));
	printf("long line: %zd, last", n);
	if (n > 3)
		bytes(got + n - 3, 3);
	printf("\n");
	set(raw);
	write(m, buf, 5000);
	settle();
	ssize_t total = 0;
	while ((n = read(s, got, sizeof(got))) > 0)
		total += n;
	printf("raw: %zd\n", total);
}

static void switching(void)
{
	set(no_echo);
	write(m, "abc\ndef", 7);
	settle();
	struct termios t = base;
	cfmakeraw(&t);
	tcsetattr(s, TCSANOW, &t);
	printf("canonical to raw:");
	drain(s, 100);
	write(m, "ghi", 3);
	settle();
	t = base;
	no_echo(&t);
	tcsetattr(s, TCSANOW, &t);
	printf(" raw to canonical:");
	drain(s, 100);
	printf("\n");
	write(m, "flush me\n", 9);
	settle();
	printf("flush %d:", tcflush(s, TCIFLUSH));
	drain(s, 100);
	write(s, "out", 3);
	settle();
	printf(" out flush %d:", tcflush(s, TCOFLUSH));
	settle();
	printf(" bad %d", tcflush(s, 17));
	printf(" %d\n", errno);
	drain(m, 100);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	m = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
	grantpt(m);
	unlockpt(m);
	s = open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);
	tcgetattr(s, &base);
	printf("iflag %o oflag %o cflag %o lflag %o\n", base.c_iflag, base.c_oflag, base.c_cflag, base.c_lflag);
	for (int i = 0; i < 17; i++)
		printf("%o ", base.c_cc[i]);
	printf("\n");
	editing();
	short_reads();
	flags();
	flow();
	output();
	long_line();
	switching();
	return 0;
}
