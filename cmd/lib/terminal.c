/* SPDX-License-Identifier: MIT */
/* Raw mode and back. */
#include "cmd/lib/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* What the signal handlers need; the only state of the program that is not passed around. */
static struct {
	struct termios before;
	int fd;
	volatile sig_atomic_t raw;
	bool known;
} terminal;

bool terminal_size(int fd, unsigned int *rows, unsigned int *cols)
{
	struct winsize ws;

	if (ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col) {
		*rows = ws.ws_row;
		*cols = ws.ws_col;
		return true;
	}
	*rows = 24;
	*cols = 80;
	return false;
}

bool terminal_is_utf8(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) == 0 && t.c_iflag & IUTF8;
}

int terminal_own(int fd)
{
	char path[32];
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0 || !isatty(fd))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, (mode & O_ACCMODE) | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

void terminal_restore(void)
{
	int saved = errno;
	sigset_t ttou, old;

	if (!terminal.raw)
		return;
	/* A background process may set the terminal if it ignores or blocks SIGTTOU. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &old);
	tcsetattr(terminal.fd, TCSADRAIN, &terminal.before);
	sigprocmask(SIG_SETMASK, &old, NULL);
	terminal.raw = 0;
	errno = saved;
}

static void restore_and_die(int sig)
{
	terminal_restore();
	signal(sig, SIG_DFL);
	raise(sig);
}

static void guard(void)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	struct sigaction sa = {.sa_handler = restore_and_die, .sa_flags = SA_NODEFER};

	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
	atexit(terminal_restore);
}

/* SIGTTOU must be able to stop us here: blocked, a background job would steal the terminal from the shell. */
static int set_raw(void)
{
	struct termios raw = terminal.before;
	sigset_t ttou, old;
	int r;

	cfmakeraw(&raw);
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_UNBLOCK, &ttou, &old);
	terminal.raw = 1;
	do {
		r = tcsetattr(terminal.fd, TCSADRAIN, &raw);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		terminal.raw = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

int terminal_raw(int fd)
{
	terminal.fd = fd;
	if (tcgetattr(fd, &terminal.before) < 0)
		return -1;
	if (!terminal.known)
		guard();
	terminal.known = true;
	return set_raw();
}

int terminal_raw_again(void)
{
	return terminal.known ? set_raw() : 0;
}
