/* SPDX-License-Identifier: MIT */
/* The line discipline under random settings and random keys, the same ones each time: argument 1 is a seed. */
#define _GNU_SOURCE
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

#define STEPS 150

static int m, s;
static unsigned long long seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 33) % n;
}

static void bytes(const unsigned char *b, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		if (b[i] < 32 || b[i] > 126 || b[i] == '\\')
			printf("\\%03o", b[i]);
		else
			putchar(b[i]);
	}
}

static void drain(int fd, int marks)
{
	unsigned char buf[4096];
	ssize_t n;

	for (int zeros = 0; zeros < 4;) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			break;
		if (!n) {
			zeros++;
			if (!marks)
				break;
		}
		bytes(buf, n);
		if (marks)
			printf("|");
	}
}

static tcflag_t some(const tcflag_t *of, size_t n, tcflag_t usual)
{
	for (size_t i = 0; i < n; i++)
		if (!rnd(6))
			usual ^= of[i];
	return usual;
}

static int canonical(void)
{
	struct termios t;

	tcgetattr(s, &t);
	return (t.c_lflag & ICANON) && !(t.c_lflag & 0200000);
}

static void settings(int signals)
{
	static const tcflag_t i[] = {ICRNL, INLCR, IGNCR, ISTRIP, 01000 /* IUCLC */, IXON, IXANY, IXOFF, IMAXBEL, IUTF8, IUTF8, PARMRK,
		INPCK, BRKINT, IGNBRK, IGNPAR};
	static const tcflag_t o[] = {OPOST, ONLCR, OCRNL, ONOCR, ONLRET, OLCUC, XTABS};
	static const tcflag_t l[] = {ICANON, ECHO, ECHOE, ECHOK, ECHONL, ECHOCTL, ECHOPRT, ECHOKE, NOFLSH, IEXTEN, 0200000 /* EXTPROC */};
	static const int cc[] = {VEOF, VEOL, VEOL2, VERASE, VWERASE, VKILL, VREPRINT, VLNEXT, VSTART, VSTOP};
	struct termios t;

	tcgetattr(s, &t);
	t.c_iflag = some(i, sizeof(i) / sizeof(*i), ICRNL | IXON);
	t.c_oflag = some(o, sizeof(o) / sizeof(*o), OPOST | ONLCR);
	t.c_lflag = some(l, sizeof(l) / sizeof(*l), ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	if (signals)
		t.c_lflag |= ISIG;
	if (!rnd(3))
		t.c_cc[cc[rnd(sizeof(cc) / sizeof(*cc))]] = (cc_t)(rnd(4) ? "\004\000\000\177\027\025\022\026\021\023,;"[rnd(12)] : rnd(256));
	t.c_cc[VMIN] = (cc_t)(t.c_lflag & ICANON ? t.c_cc[VMIN] : 1);
	t.c_cc[VTIME] = 0;
	tcsetattr(s, rnd(2) ? TCSANOW : rnd(2) ? TCSADRAIN : TCSAFLUSH, &t);
	printf("set %o %o %o\n", t.c_iflag, t.c_oflag, t.c_lflag);
}

static size_t keys(char *buf, int signals)
{
	static const char *const pieces[] = {"a", "foo", " ", "bar.baz", "\t", "\n", "\r", "\177", "\177\177", "\027", "\025", "\004", "\022",
		"\026", "\026\177", "\026\n", "\001", "\033[A", "\303\244", "\342\202\254", "\360\237\230\200", "\377", "\200", "ABC",
		"\021", "\023", "\023\021", ",", ";", "\b", "\007", "\0", "x\tyy\t", "\317\200\317\201"};
	static const char *const sigs[] = {"\003", "\034", "\032"};
	size_t n = 0;

	for (unsigned k = 1 + rnd(6); k; k--) {
		unsigned i = rnd(sizeof(pieces) / sizeof(*pieces));
		const char *p = signals && !rnd(12) ? sigs[rnd(3)] : pieces[i];
		size_t len = *p ? strlen(p) : 1;

		memcpy(buf + n, p, len);
		n += len;
	}
	return n;
}

/* All that was typed has been received when a read finds nothing more. */
static void settle(void)
{
	struct pollfd p = {s, POLLIN, 0};

	usleep(2500);
	poll(&p, 1, 0);
	p.fd = m;
	poll(&p, 1, 0);
}

static void run(int signals)
{
	char buf[200];

	for (int i = 0; i < STEPS; i++) {
		unsigned what = rnd(10);
		size_t n;

		if (what == 0) {
			settings(signals);
		} else if (what == 1) {
			static const char *const texts[] = {"out\n", "tab\there\tx\n", "\r", "b\bc", "gr\303\274n\t.", "\033[1m"};
			const char *text = texts[rnd(6)];
			ssize_t w = write(s, text, strlen(text));

			printf("wrote %zd\n", w);
			if (w < 0)
				tcflow(s, TCOON);
		} else if (what == 2 && !rnd(4)) {
			static const int flows[] = {TCOOFF, TCOON, TCIOFF, TCION};
			int f = flows[rnd(4)];

			printf("flow %d %d\n", f, tcflow(s, f));
		} else {
			int left = -1;

			n = keys(buf, signals);
			printf("type ");
			bytes((unsigned char *)buf, (ssize_t)n);
			write(m, buf, n);
			settle();
			ioctl(s, FIONREAD, &left);
			if (canonical())
				printf("\n  left %d", left);
			/* All of it: behind what can be read Linux may still be receiving. */
			printf(" read ");
			drain(s, canonical());
			printf(" echo ");
			drain(m, 0);
			printf("\n");
		}
	}
}

int main(int argc, char **argv)
{
	int st;

	if (fork()) { /* no leader of a session */
		wait(&st);
		return WEXITSTATUS(st);
	}
	for (int round = 0; round < (argc > 2 ? atoi(argv[2]) : 4); round++) {
		seed = (argc > 1 ? strtoull(argv[1], NULL, 10) : 1) * 1000 + (unsigned)round;
		m = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
		grantpt(m);
		unlockpt(m);
		s = open(ptsname(m), O_RDWR | O_NOCTTY | O_NONBLOCK);
		run(round & 1);
		close(m);
		close(s);
	}
	return 0;
}
