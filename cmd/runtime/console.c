/* SPDX-License-Identifier: MIT */
/* Making terminals of the host, and sending them. */
#include "cmd/runtime/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "cmd/lib/packet.h"
#include "cmd/lib/terminal.h"
#include "cmd/run/launch.h"
#include "cmd/runtime/log.h"

int console_connect(const char *path)
{
	struct sockaddr_un to;
	int dir = -1, sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r = sock < 0 ? -errno : 0;

	if (r == 0)
		r = socket_address(path, &to, &dir);
	while (r == 0 && connect(sock, (struct sockaddr *)&to, sizeof(to)) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (dir >= 0)
		close(dir);
	if (r == 0)
		return sock;
	if (sock >= 0)
		close(sock);
	return fail("cannot connect to the console socket %s: %s", path, strerror(-r));
}

/* The size that the sentry was told last, of the one terminal that a monitor has. */
static struct winsize told;

#define SIZE_TRIES 20
#define SIZE_TRY_US 500

/* Bytes pass as they are: the terminal that edits lines is inside. */
static int make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return -1;
	cfmakeraw(&t);
	return tcsetattr(fd, TCSANOW, &t);
}

static int set_size(int fd, unsigned int rows, unsigned int cols)
{
	struct winsize ws = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	return rows && cols ? ioctl(fd, TIOCSWINSZ, &ws) : 0;
}

void console_leave(int fd)
{
	if (fd < 0)
		return;
	signal(SIGHUP, SIG_IGN); /* which its foreground gets, and that is us */
	ioctl(fd, TIOCNOTTY);
}

int console_make(int sock, unsigned int rows, unsigned int cols)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), slave = -1, r;
	char name[64] = "";

	if (master < 0 || unlockpt(master) < 0)
		goto failed;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (slave < 0 || make_raw(slave) < 0 || set_size(slave, rows, cols) < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
		goto failed;
	/* The name helps nobody but who debugs; the receiver expects one. */
	if (ptsname_r(master, name, sizeof(name)) != 0)
		strcpy(name, "/dev/pts");
	r = packet_send(sock, name, strlen(name), &master, 1, 0);
	if (r < 0) {
		errno = -r;
		goto failed;
	}
	close(master);
	return slave;

failed:
	fail("cannot make a terminal: %s", strerror(errno));
	if (slave >= 0)
		close(slave);
	if (master >= 0)
		close(master);
	return -1;
}

void console_records(struct launch *l, int fd, unsigned int rows, unsigned int cols, bool made)
{
	/* Two descriptors: each direction is watched and closed by itself. */
	const char *in = launch_lend(l, fd), *out = launch_lend(l, fd);
	unsigned int has_rows, has_cols;
	char text[2][16];

	if (terminal_size(fd, &has_rows, &has_cols)) {
		rows = has_rows;
		cols = has_cols;
	}
	snprintf(text[0], sizeof(text[0]), "%u", rows);
	snprintf(text[1], sizeof(text[1]), "%u", cols);
	launch_record(l, CONFIG_STDIO, in, out, "-1");
	launch_record(l, CONFIG_TTY, text[0], text[1], terminal_is_utf8(fd) ? "1" : "0");
	ioctl(fd, TIOCGWINSZ, &told);
	if (made)
		launch_word(l, CONFIG_HANG_UP);
}

/*
 * The kernel sends SIGWINCH a moment before the new size can be read: wait for another one than was told last.
 * False: there is none any more.
 */
static bool size_text(int fd, char text[CONSOLE_TEXT])
{
	struct winsize ws;

	for (int i = 0; i < SIZE_TRIES; i++) {
		if (ioctl(fd, TIOCGWINSZ, &ws) < 0)
			return false;
		if (memcmp(&ws, &told, sizeof(ws)) != 0)
			break;
		usleep(SIZE_TRY_US);
	}
	told = ws;
	snprintf(text, CONSOLE_TEXT, "winsize %u %u", ws.ws_row, ws.ws_col);
	return true;
}

bool console_signal_text(int fd, int sig, char text[CONSOLE_TEXT])
{
	struct winsize ws;

	if (fd < 0)
		return false;
	if (sig == SIGWINCH)
		return size_text(fd, text);
	/* One that is hung up answers nothing; else somebody sent the signal. */
	if (sig != SIGHUP || ioctl(fd, TIOCGWINSZ, &ws) == 0 || errno != EIO)
		return false;
	strcpy(text, "hangup");
	return true;
}
