/* SPDX-License-Identifier: MIT */
/*
 * Inside of terminals. A pseudo terminal is one struct tty: its slave side has the line discipline, its master side reads
 * the discipline's output and writes its input.
 *
 * Locks: tty.lock (RANK_TTY) guards the tty; devpts.lock (RANK_LEAF) the table of indices. Signals are sent and queues woken
 * with tty.lock held; console.lock is taken before it.
 */
#pragma once

#include "fs/ldisc.h"
#include "fs/tty.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "lib/wait.h"
#include "vfs/vfs.h"

#include <asm/ioctls.h>
#include <stdbool.h>
#include <sys/ioctl.h>

#define TTY_PENDING 16384 /* written to the master, not yet received by the discipline */

struct console;

struct tty {
	struct refs refs;
	struct kernel *kernel;
	unsigned index;
	struct inode *inode; /* of /dev/pts/INDEX, held until the master closes */
	struct super_block *devpts; /* the instance, as long as inode is set */
	struct console *console; /* whose relay is the master; NULL: a file is */
	struct wait_queue master_wait, slave_wait;

	struct lock lock; /* RANK_TTY; guards what follows */
	struct ldisc ld;
	struct winsize win;
	uint8_t *pending; /* TTY_PENDING bytes, allocated at first need */
	size_t n_pending;
	int pgrp, sid;	  /* foreground group and session; 0: none */
	unsigned slaves;  /* open files of the slave side */
	bool slave_closed; /* it was open and is not any more: the master reads EIO */
	bool master_closed;
	bool locked;	  /* TIOCSPTLCK */
	bool packet;
	bool exclusive, master_exclusive;
	bool master_stopped; /* TCOOFF by the master itself */
	struct termios2 lock_mask; /* TIOCSLCKTRMIOS: set bits cannot be changed */
	unsigned hangups; /* files of the slave side opened before the last one are dead */
	uint8_t pkt_status;
};

struct tty_file { /* of the slave side */
	struct tty *tty; /* held */
	unsigned hangups;
};

/* tty.c */
struct tty *tty_alloc(struct kernel *k);
bool tty_file_dead(const struct file *f); /* hung up; tty->lock held */
/* Bytes of the terminal side: returns how many were taken. Sends signals, wakes both sides. tty->lock held. */
size_t tty_input(struct tty *tty, const uint8_t *data, size_t len);
/* The discipline has room again: give it what is pending. tty->lock held. */
void tty_pump_pending(struct tty *tty);
/* Act on what the discipline left to do: signals, packet status. tty->lock held. */
void tty_settle(struct tty *tty);
/* After tty->lock was dropped: let the console move bytes. */
void tty_kick_console(struct tty *tty);

/* tty_job.c */
/* May *t* read (SIGTTIN), or write and change settings (SIGTTOU)? 0, -EIO, -ERESTARTSYS. No locks held. */
int tty_check_background(struct task *t, struct tty *tty, int signo);
/* Opening without O_NOCTTY by a session leader without a terminal. */
void tty_maybe_acquire(struct task *t, struct tty *tty);
int tty_acquire(struct task *t, struct tty *tty, bool steal, bool readable); /* TIOCSCTTY */
int tty_give_up(struct task *t, struct tty *tty);			      /* TIOCNOTTY */
/* TIOCSPGRP of a process that may: the group, or, as Linux has it, any process of the session. */
int tty_set_foreground(struct task *t, struct tty *tty, int pgrp);

/* tty_ioctl.c */
int64_t tty_ioctl(struct task *t, struct file *f, struct tty *tty, bool master, uint32_t cmd, uint64_t arg);
void tty_set_winsize(struct tty *tty, const struct winsize *ws); /* tty->lock held */

/* pty.c */
/* Make *f* a file of the slave side. */
int pty_open_slave(struct task *t, struct tty *tty, struct file *f);
/* A file of the slave side that is not opened through a path. */
int pty_slave_file(struct tty *tty, int flags, struct file **ret);
struct tty *tty_of_file(const struct file *f, bool *master); /* NULL: no terminal */

/* devpts.c */
/* A new terminal of the instance; owned by *uid* and *gid* where the mount does not say. -ENOSPC, -ENOMEM. */
int devpts_new(struct super_block *sb, uint32_t uid, uint32_t gid, struct tty **ret);
struct tty *devpts_tty(const struct inode *inode); /* whose node it is, held; NULL: nobody's any more, or no node of devpts */
void devpts_remove(struct tty *tty); /* the master is gone; once */
/* The instance for an open(2) of a ptmx, held. -ENODEV. */
int devpts_of_ptmx(struct task *t, const struct file *f, struct super_block **ret);

/* console.c */
void console_free(struct console *c); /* NULL allowed; with the terminal */
void console_pump(struct console *c); /* no locks held */
void console_pump_out(struct console *c); /* only what the program has written */
struct tty *console_tty(struct kernel *k); /* not held, or NULL */
