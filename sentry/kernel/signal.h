/* SPDX-License-Identifier: MIT */
/* Signals: queues, dispositions, delivery. signal(7). */
#pragma once

#include "lib/list.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct task;
struct thread_group;
struct kernel;

#define KSIG_MAX 64

typedef uint64_t ksigset; /* bit signo-1 */
#define KSIG(s) (1ull << ((s)-1))
#define KSIG_UNBLOCKABLE (KSIG(SIGKILL) | KSIG(SIGSTOP))

struct ksigaction { /* layout of the kernel's struct sigaction on x86-64 */
	uint64_t handler; /* 0 SIG_DFL, 1 SIG_IGN */
	uint64_t flags;
	uint64_t restorer;
	ksigset mask;
};

struct ksiginfo { /* exactly the 128 bytes of Linux's siginfo_t */
	int32_t signo, err, code, pad_;
	union {
		struct {
			int32_t pid;
			uint32_t uid;
			union {
				uint64_t value;	      /* sigqueue, timers' sival is in timer.value */
				struct {
					int32_t status;
					int32_t pad;
					int64_t utime, stime;
				} chld;
			};
		};
		struct {
			int32_t tid, overrun;
			uint64_t value;
		} timer;
		struct {
			uint64_t addr;
			int16_t addr_lsb;
		} fault;
		struct {
			int64_t band;
			int32_t fd;
		} poll;
		struct {
			uint64_t call_addr;
			int32_t syscall;
			uint32_t arch;
		} sys;
		uint8_t bytes[112];
	};
};
_Static_assert(sizeof(struct ksiginfo) == 128, "siginfo_t is 128 bytes");

struct sigqueue {
	struct list_head link;
	struct kernel *kernel; /* charged for it; NULL: nobody */
	struct ksiginfo info;
};

struct sigpending {
	struct list_head queue; /* of struct sigqueue */
	ksigset set;
};

/*
 * Send *info* to one task (tgkill, faults) or to a thread group (kill; any thread that does not block it takes it).
 * Callers have checked permission. No lock may be held but those ranked below RANK_SIGHAND. Wakes or interrupts the receiver.
 */
int signal_send_task(struct task *t, const struct ksiginfo *info);
int signal_send_group(struct thread_group *tg, const struct ksiginfo *info);
/* The same, but *near*, a thread of the group, handles it if it can. */
int signal_send_group_near(struct thread_group *tg, struct task *near, const struct ksiginfo *info);
/*
 * To every process that *may* says 1 to (0: it is not meant, or why it must not be sent to; tasklist_lock is held), at
 * one instant: of a fork that goes on meanwhile either the parent finds the signal, and there is no child, or the child
 * is among them. info->signo 0: only look. 0: sent to one at least, else -ESRCH or an error.
 */
int signal_send_many(
	struct kernel *k, const struct ksiginfo *info, int (*may)(struct thread_group *tg, void *arg), void *arg);
/* To every process of a group (pgid). -ESRCH: no such group. Takes tasklist_lock. */
int signal_send_pgrp(struct kernel *k, int pgid, const struct ksiginfo *info);
/* A signal from the kernel itself: SI_KERNEL, no sender. */
void signal_kernel_task(struct task *t, int signo);
void signal_kernel_pgrp(struct kernel *k, int pgid, int signo);
/* SIGKILL that nothing holds back, not even being the first process. */
void signal_kill_group(struct thread_group *tg);

/* Is there an unblocked signal, a stop, or a kill for this task? Cheap; no locks. Blocking calls end with -ERESTARTSYS then. */
bool signal_pending(const struct task *t);
/* Take the first pending signal that *mask* (the blocked ones) does not hold back. 0: none. siglock held. */
int signal_dequeue(struct task *t, ksigset mask, struct ksiginfo *info);
/* The group's action for *signo* (1 … KSIG_MAX), a copy. siglock held: exec may exchange the table. */
struct ksigaction sigaction_get(const struct thread_group *tg, int signo);
/* The signals whose action is as it is at first, nothing of it set. siglock held. */
ksigset sigactions_untouched(const struct thread_group *tg);
/* Exchange it for *act*. siglock held. Returns the old one. */
struct ksigaction sigaction_set(struct thread_group *tg, int signo, const struct ksigaction *act);
/* Replace the blocked set of *t*, the caller's own; what became deliverable is noticed. */
void signal_set_mask(struct task *t, ksigset mask);
/* Is *signo* blocked or ignored by the task (tty rules)? */
bool signal_ignored_or_blocked(struct task *t, int signo);
