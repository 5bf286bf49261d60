/* SPDX-License-Identifier: MIT */
/* ioctl_tty(2), ioctl_console(2)'s absence, pty(7). */
#include "fs/tty_internal.h"

#include "kernel/pid_ns.h"
#include "kernel/task.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/sysmacros.h>

#define TERMIOS_BYTES 36 /* struct termios of the kernel: termios2 without the speeds */

_Static_assert(sizeof(struct termios) == TERMIOS_BYTES, "layout of TCGETS");
_Static_assert(sizeof(struct termios2) == 44, "layout of TCGETS2");
_Static_assert(sizeof(struct winsize) == 8, "layout of TIOCGWINSZ");

static int put_int(struct task *t, uint64_t arg, int v)
{
	return copy_out(t, arg, &v, sizeof(v));
}

/* --- termios ---------------------------------------------------------------------------------------------------------------- */

static const struct {
	tcflag_t code;
	speed_t speed;
} speeds[] = {
	{B0, 0},	    {B50, 50},	      {B75, 75},	{B110, 110},	  {B134, 134},	    {B150, 150},
	{B200, 200},	    {B300, 300},      {B600, 600},	{B1200, 1200},	  {B1800, 1800},    {B2400, 2400},
	{B4800, 4800},	    {B9600, 9600},    {B19200, 19200},	{B38400, 38400},  {B57600, 57600},  {B115200, 115200},
	{B230400, 230400},  {B460800, 460800}, {B500000, 500000}, {B576000, 576000}, {B921600, 921600}, {B1000000, 1000000},
	{B1152000, 1152000}, {B1500000, 1500000}, {B2000000, 2000000}, {B2500000, 2500000}, {B3000000, 3000000},
	{B3500000, 3500000}, {B4000000, 4000000},
};

static speed_t speed_of(tcflag_t code, speed_t other)
{
	for (size_t i = 0; i < ARRAY_SIZE(speeds); i++)
		if (speeds[i].code == code)
			return speeds[i].speed;
	return code == BOTHER ? other : 0;
}

static int get_termios(struct task *t, struct tty *tty, uint64_t arg, size_t size)
{
	struct termios2 tio;

	lock_acquire(&tty->lock);
	tio = tty->ld.tio;
	lock_release(&tty->lock);
	return copy_out(t, arg, &tio, size);
}

/* What TIOCSLCKTRMIOS locked stays as it was. */
static void keep_locked(struct termios2 *tio, const struct termios2 *old, const struct termios2 *locked)
{
	tio->c_iflag = (tio->c_iflag & ~locked->c_iflag) | (old->c_iflag & locked->c_iflag);
	tio->c_oflag = (tio->c_oflag & ~locked->c_oflag) | (old->c_oflag & locked->c_oflag);
	tio->c_cflag = (tio->c_cflag & ~locked->c_cflag) | (old->c_cflag & locked->c_cflag);
	tio->c_lflag = (tio->c_lflag & ~locked->c_lflag) | (old->c_lflag & locked->c_lflag);
	if (locked->c_line)
		tio->c_line = old->c_line;
	for (int i = 0; i < NCCS; i++)
		if (locked->c_cc[i])
			tio->c_cc[i] = old->c_cc[i];
}

/* tty->lock held. */
static void apply_termios(struct tty *tty, struct termios2 *tio)
{
	keep_locked(tio, &tty->ld.tio, &tty->lock_mask);
	ldisc_set_termios(&tty->ld, tio);
	tty_settle(tty);
	tty_pump_pending(tty);
	wait_queue_wake(&tty->slave_wait, EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
	wait_queue_wake(&tty->master_wait, EPOLLIN | EPOLLRDNORM); /* echoes that had waited */
}

static void normalize(struct termios2 *tio)
{
	tio->c_ospeed = speed_of(tio->c_cflag & CBAUD, tio->c_ospeed);
	tio->c_ispeed = speed_of(tio->c_cflag >> IBSHIFT & CBAUD, tio->c_ispeed);
	if (!(tio->c_cflag >> IBSHIFT & CBAUD))
		tio->c_ispeed = tio->c_ospeed;
	/* A pseudo terminal has no line: eight bits, no parity. */
	tio->c_cflag = (tio->c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD;
}

static int set_termios(struct task *t, struct tty *tty, uint64_t arg, size_t size, bool flush)
{
	struct termios2 tio;
	int err;

	lock_acquire(&tty->lock);
	tio = tty->ld.tio;
	lock_release(&tty->lock);
	err = copy_in(t, &tio, arg, size);
	if (err)
		return err;
	normalize(&tio);
	LOCK_SCOPE(&tty->lock);
	if (flush)
		ldisc_flush_input(&tty->ld);
	apply_termios(tty, &tio);
	return 0;
}

/* struct termio of System V: the low halves. */
static int get_termio(struct task *t, struct tty *tty, uint64_t arg)
{
	struct termio old = {0};

	lock_acquire(&tty->lock);
	old.c_iflag = (unsigned short)tty->ld.tio.c_iflag;
	old.c_oflag = (unsigned short)tty->ld.tio.c_oflag;
	old.c_cflag = (unsigned short)tty->ld.tio.c_cflag;
	old.c_lflag = (unsigned short)tty->ld.tio.c_lflag;
	old.c_line = tty->ld.tio.c_line;
	memcpy(old.c_cc, tty->ld.tio.c_cc, sizeof(old.c_cc));
	lock_release(&tty->lock);
	return copy_out(t, arg, &old, sizeof(old));
}

static tcflag_t low_half(tcflag_t now, unsigned short half)
{
	return (now & ~(tcflag_t)0xffff) | half;
}

static int set_termio(struct task *t, struct tty *tty, uint64_t arg, bool flush)
{
	struct termios2 tio;
	struct termio half;
	int err = copy_in(t, &half, arg, sizeof(half));

	if (err)
		return err;
	LOCK_SCOPE(&tty->lock);
	tio = tty->ld.tio;
	tio.c_iflag = low_half(tio.c_iflag, half.c_iflag);
	tio.c_oflag = low_half(tio.c_oflag, half.c_oflag);
	tio.c_cflag = low_half(tio.c_cflag, half.c_cflag);
	tio.c_lflag = low_half(tio.c_lflag, half.c_lflag);
	tio.c_line = half.c_line;
	memcpy(tio.c_cc, half.c_cc, sizeof(half.c_cc));
	normalize(&tio);
	if (flush)
		ldisc_flush_input(&tty->ld);
	apply_termios(tty, &tio);
	return 0;
}

/* TIOCGLCKTRMIOS, TIOCSLCKTRMIOS: the mask of what nobody may change. */
static int locked_termios(struct task *t, struct tty *tty, uint64_t arg, bool set)
{
	struct termios2 mask;
	int err;

	if (set && !task_capable(t, CAP_SYS_ADMIN))
		return -EPERM;
	lock_acquire(&tty->lock);
	mask = tty->lock_mask;
	lock_release(&tty->lock);
	if (!set)
		return copy_out(t, arg, &mask, TERMIOS_BYTES);
	err = copy_in(t, &mask, arg, TERMIOS_BYTES);
	if (err)
		return err;
	LOCK_SCOPE(&tty->lock);
	tty->lock_mask = mask;
	return 0;
}

static int soft_carrier(struct task *t, struct tty *tty, uint64_t arg, bool set)
{
	int on, err;

	if (!set) {
		lock_acquire(&tty->lock);
		on = tty->ld.tio.c_cflag & CLOCAL ? 1 : 0;
		lock_release(&tty->lock);
		return put_int(t, arg, on);
	}
	err = copy_in(t, &on, arg, sizeof(on));
	if (err)
		return err;
	LOCK_SCOPE(&tty->lock);
	tty->ld.tio.c_cflag = (tty->ld.tio.c_cflag & ~(tcflag_t)CLOCAL) | (on ? CLOCAL : 0);
	return 0;
}

/* --- window size --------------------------------------------------------------------------------------------------------------- */

void tty_set_winsize(struct tty *tty, const struct winsize *ws)
{
	if (!memcmp(&tty->win, ws, sizeof(*ws)))
		return;
	tty->win = *ws;
	if (tty->pgrp)
		signal_kernel_pgrp(tty->kernel, tty->pgrp, SIGWINCH);
}

static int winsize(struct task *t, struct tty *tty, uint64_t arg, bool set)
{
	struct winsize ws;
	int err;

	if (set) {
		err = copy_in(t, &ws, arg, sizeof(ws));
		if (err)
			return err;
		LOCK_SCOPE(&tty->lock);
		tty_set_winsize(tty, &ws);
		return 0;
	}
	lock_acquire(&tty->lock);
	ws = tty->win;
	lock_release(&tty->lock);
	return copy_out(t, arg, &ws, sizeof(ws));
}

/* --- queues and flow ------------------------------------------------------------------------------------------------------------ */

static int flush_queues(struct tty *tty, bool master, int which)
{
	bool input = which == TCIFLUSH || which == TCIOFLUSH, output = which == TCOFLUSH || which == TCIOFLUSH;

	if (!input && !output)
		return -EINVAL;
	LOCK_SCOPE(&tty->lock);
	/* What the master calls input is the slave's output; what the slave's discipline has received stays. */
	if (master ? output : input)
		tty->n_pending = 0;
	if (!master && input)
		ldisc_flush_input(&tty->ld);
	if (!master && output)
		ldisc_flush_output(&tty->ld);
	if (master && input)
		ldisc_output_consume(&tty->ld, LDISC_OUTPUT);
	tty_settle(tty);
	wait_queue_wake(&tty->slave_wait, EPOLLOUT | EPOLLWRNORM);
	wait_queue_wake(&tty->master_wait, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* The master's own flow: TCOOFF holds what it writes, TCIOFF and TCION send a byte to the program. */
static int master_flow(struct tty *tty, int what)
{
	const uint8_t stop = 023, start = 021;

	LOCK_SCOPE(&tty->lock);
	switch (what) {
	case TCOOFF:
	case TCOON:
		tty->master_stopped = what == TCOOFF;
		wait_queue_wake(&tty->master_wait, EPOLLOUT | EPOLLWRNORM);
		return 0;
	case TCIOFF:
	case TCION:
		tty_input(tty, what == TCIOFF ? &stop : &start, 1);
		return 0;
	default:
		return -EINVAL;
	}
}

static int flow(struct tty *tty, int what)
{
	LOCK_SCOPE(&tty->lock);
	switch (what) {
	case TCOOFF:
	case TCOON:
		ldisc_hold(&tty->ld, what == TCOOFF);
		break;
	case TCIOFF:
	case TCION:
		if (tty->ld.tio.c_cc[what == TCIOFF ? VSTOP : VSTART] && !tty->ld.held)
			ldisc_output_raw(&tty->ld, tty->ld.tio.c_cc[what == TCIOFF ? VSTOP : VSTART]);
		wait_queue_wake(&tty->master_wait, EPOLLIN | EPOLLRDNORM);
		break;
	default:
		return -EINVAL;
	}
	tty_settle(tty);
	wait_queue_wake(&tty->slave_wait, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

static int pending(struct task *t, struct tty *tty, bool master, uint64_t arg)
{
	size_t n;

	lock_acquire(&tty->lock);
	n = master ? ldisc_output_pending(&tty->ld) : ldisc_pending(&tty->ld);
	lock_release(&tty->lock);
	return put_int(t, arg, (int)n);
}

/* --- sessions --------------------------------------------------------------------------------------------------------------------- */

static int get_group(struct task *t, struct tty *tty, bool master, uint64_t arg, bool session)
{
	struct tty *mine = tty_of_session(t);
	int v;

	if (mine)
		tty_put(mine);
	if (!master && mine != tty)
		return -ENOTTY;
	lock_acquire(&tty->lock);
	v = session ? tty->sid : tty->pgrp;
	lock_release(&tty->lock);
	if (session && !v)
		return -ENOTTY;
	return put_int(t, arg, pid_vnr(t, v));
}

static int set_group(struct task *t, struct tty *tty, uint64_t arg)
{
	int pgrp, err = tty_check_background(t, tty, SIGTTOU);

	if (err)
		return err == -EIO ? -ENOTTY : err;
	err = copy_in(t, &pgrp, arg, sizeof(pgrp));
	if (err || pgrp < 0)
		return err ? err : -EINVAL;
	return tty_set_foreground(t, tty, pid_from_vnr(t, pgrp));
}

/* --- the master ------------------------------------------------------------------------------------------------------------------ */

static int get_peer(struct task *t, struct tty *tty, int flags)
{
	struct file *f;
	int err, fd;

	/* Other flags mean nothing here, and are not refused. */
	err = pty_slave_file(tty, flags & (O_ACCMODE | O_NONBLOCK | O_APPEND), &f);
	if (err)
		return err;
	if (!(flags & O_NOCTTY) && (flags & O_ACCMODE) != O_WRONLY)
		tty_maybe_acquire(t, tty);
	fd = fd_install(t, f, flags & O_CLOEXEC, 0);
	if (fd < 0)
		file_put(f);
	return fd;
}

static int get_flag(struct task *t, struct tty *tty, const bool *flag, uint64_t arg)
{
	bool v;

	lock_acquire(&tty->lock);
	v = *flag;
	lock_release(&tty->lock);
	return put_int(t, arg, v);
}

static int set_packet(struct task *t, struct tty *tty, uint64_t arg)
{
	int on, err = copy_in(t, &on, arg, sizeof(on));

	if (err)
		return err;
	LOCK_SCOPE(&tty->lock);
	if (on && !tty->packet)
		tty->pkt_status = 0;
	tty->packet = on;
	return 0;
}

static int set_lock(struct task *t, struct tty *tty, uint64_t arg)
{
	int on, err = copy_in(t, &on, arg, sizeof(on));

	if (err)
		return err;
	LOCK_SCOPE(&tty->lock);
	tty->locked = on;
	return 0;
}

static int signal_group(struct tty *tty, uint64_t signo)
{
	if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP)
		return -EINVAL;
	LOCK_SCOPE(&tty->lock);
	if (tty->pgrp)
		signal_kernel_pgrp(tty->kernel, tty->pgrp, (int)signo);
	return 0;
}

/* -ENOIOCTLCMD's stand-in: the master has no such call of its own. */
#define NOT_MINE 1

static int64_t master_ioctl(struct task *t, struct tty *tty, uint32_t cmd, uint64_t arg)
{
	switch (cmd) {
	case TIOCGPTN:
		return put_int(t, arg, (int)tty->index);
	case TIOCSPTLCK:
		return set_lock(t, tty, arg);
	case TIOCGPTLCK:
		return get_flag(t, tty, &tty->locked, arg);
	case TIOCPKT:
		return set_packet(t, tty, arg);
	case TIOCGPKT:
		return get_flag(t, tty, &tty->packet, arg);
	case TIOCSIG:
		return signal_group(tty, arg);
	case TIOCGPTPEER:
		return get_peer(t, tty, (int)arg);
	default:
		return NOT_MINE;
	}
}

static int set_exclusive(struct tty *tty, bool *which, bool on)
{
	LOCK_SCOPE(&tty->lock);
	*which = on;
	return 0;
}

static int set_discipline(struct task *t, uint64_t arg)
{
	int n, err = copy_in(t, &n, arg, sizeof(n));

	return err ? err : n == N_TTY ? 0 : -EINVAL;
}

/* Calls that change the terminal: a background process gets SIGTTOU. Through the master only settings are the terminal's. */
static bool is_change(uint32_t cmd, bool master)
{
	switch (cmd) {
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return true;
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
	case TCXONC:
	case TCFLSH:
	case TIOCSETD:
		return !master;
	default:
		return false;
	}
}

static int64_t common_ioctl(struct task *t, struct file *f, struct tty *tty, bool master, uint32_t cmd, uint64_t arg)
{
	switch (cmd) {
	case TCGETS:
		return get_termios(t, tty, arg, TERMIOS_BYTES);
	case TCGETS2:
		return get_termios(t, tty, arg, sizeof(struct termios2));
	case TCGETA:
		return get_termio(t, tty, arg);
	case TCSETS:
	case TCSETSW: /* what was written is with the master already: nothing to wait for */
	case TCSETSF:
		return set_termios(t, tty, arg, TERMIOS_BYTES, cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, tty, arg, sizeof(struct termios2), cmd == TCSETSF2);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termio(t, tty, arg, cmd == TCSETAF);
	case TIOCGLCKTRMIOS:
	case TIOCSLCKTRMIOS:
		return locked_termios(t, tty, arg, cmd == TIOCSLCKTRMIOS);
	case TIOCGSOFTCAR:
	case TIOCSSOFTCAR:
		return soft_carrier(t, tty, arg, cmd == TIOCSSOFTCAR);
	case TIOCGWINSZ:
	case TIOCSWINSZ:
		return winsize(t, tty, arg, cmd == TIOCSWINSZ);
	case TCSBRK: /* there is no line to break */
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return 0;
	case TCXONC:
		return master ? master_flow(tty, (int)arg) : flow(tty, (int)arg);
	case TCFLSH:
		return flush_queues(tty, master, (int)arg);
	case FIONREAD:
		return pending(t, tty, master, arg);
	case TIOCOUTQ:
		return put_int(t, arg, 0);
	case TIOCGPGRP:
		return get_group(t, tty, master, arg, false);
	case TIOCGSID:
		return get_group(t, tty, master, arg, true);
	case TIOCSPGRP:
		return set_group(t, tty, arg);
	case TIOCSCTTY:
		return tty_acquire(t, tty, arg == 1, (f->flags & O_ACCMODE) != O_WRONLY);
	case TIOCNOTTY:
		return master ? -ENOTTY : tty_give_up(t, tty);
	case TIOCGETD:
		return put_int(t, arg, N_TTY);
	case TIOCSETD:
		return set_discipline(t, arg);
	case TIOCEXCL:
	case TIOCNXCL:
		return set_exclusive(tty, master ? &tty->master_exclusive : &tty->exclusive, cmd == TIOCEXCL);
	case TIOCGEXCL:
		return get_flag(t, tty, master ? &tty->master_exclusive : &tty->exclusive, arg);
	case TIOCGDEV:
		return put_int(t, arg, (int)tty_rdev(tty));
	case TIOCGPTPEER: /* the master's only */
		return -EIO;
	case TIOCVHANGUP:
		if (!task_capable(t, CAP_SYS_ADMIN))
			return -EPERM;
		tty_hangup(tty);
		return 0;
	case TIOCSTI: /* typing for others: refused to everybody */
		return -EIO;
	case TIOCCONS:
		return -EPERM;
	default:
		return -ENOTTY;
	}
}

int64_t tty_ioctl(struct task *t, struct file *f, struct tty *tty, bool master, uint32_t cmd, uint64_t arg)
{
	int64_t r;

	if (master) {
		r = master_ioctl(t, tty, cmd, arg);
		if (r != NOT_MINE)
			return r;
	}
	if (is_change(cmd, master)) {
		r = tty_check_background(t, tty, SIGTTOU);
		if (r)
			return r;
	}
	r = common_ioctl(t, f, tty, master, cmd, arg);
	tty_kick_console(tty);
	return r;
}
