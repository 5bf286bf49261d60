/* SPDX-License-Identifier: MIT */
/*
 * Which arguments of a system call are memory, and where they lie in the slot's window: one table for the stub, which
 * copies, and for the sentry, which computes the same from number and arguments and takes nothing of it from the slot. A
 * number that is not here never goes by the slot. Freestanding; layout.h is included before.
 */
#pragma once

#include <asm/unistd.h>
#include <stdint.h>

#define MARSHAL_SEGS 4
#ifndef MARSHAL_NR
#define MARSHAL_NR 464 /* numbers from here on are made plainly */
#endif

#define MARSHAL_IN 1u
#define MARSHAL_OUT 2u

/* One argument: its size (or the size of one element), which argument it is, which one counts the elements. */
#define M_SIZE(d) ((d) & 0xffff)
#define M_ARG(d) ((d) >> 16 & 7)
#define M_COUNT(d) ((d) >> 19 & 7)
#define M_DIR(d) ((d) >> 22 & 3)
#define M_COUNTED (1u << 24)
#define M_STRING (1u << 25)
#define M_SLOT (1u << 31) /* in the first: the number goes by the slot */

#define M_FIXED(dir, arg, size) (M_SLOT | (uint32_t)(dir) << 22 | (uint32_t)(arg) << 16 | (size))
#define M_ARRAY(dir, arg, count, size) (M_FIXED(dir, arg, size) | (uint32_t)(count) << 19 | M_COUNTED)
#define IN(arg, size) M_FIXED(MARSHAL_IN, arg, size)
#define OUT(arg, size) M_FIXED(MARSHAL_OUT, arg, size)
#define INOUT(arg, size) M_FIXED(MARSHAL_IN | MARSHAL_OUT, arg, size)
#define INS(arg, count, size) M_ARRAY(MARSHAL_IN, arg, count, size)
#define OUTS(arg, count, size) M_ARRAY(MARSHAL_OUT, arg, count, size)
#define INOUTS(arg, count, size) M_ARRAY(MARSHAL_IN | MARSHAL_OUT, arg, count, size)
#define STR(arg) (M_FIXED(MARSHAL_IN, arg, 0) | M_STRING)
#define REGS M_SLOT /* all arguments are numbers, or memory that the sentry gets at by itself */

#define M_STAT 144
#define M_STATFS 120
#define M_RUSAGE 144
#define M_TIME 16
#define M_ITIMER 32
#define M_RLIMIT 16
#define M_SIGINFO 128
#define M_FLOCK 32
#define M_MSGHDR 56

static const uint32_t marshal_table[MARSHAL_NR][MARSHAL_SEGS] = {
	[__NR_read] = {OUTS(1, 2, 1)},
	[__NR_write] = {INS(1, 2, 1)},
	[__NR_open] = {STR(0)},
	[__NR_close] = {REGS},
	[__NR_stat] = {OUT(1, M_STAT), STR(0)},
	[__NR_fstat] = {OUT(1, M_STAT)},
	[__NR_lstat] = {OUT(1, M_STAT), STR(0)},
	[__NR_poll] = {INOUTS(0, 1, 8)},
	[__NR_lseek] = {REGS},
	[__NR_rt_sigaction] = {IN(1, 32), OUT(2, 32)},
	[__NR_rt_sigprocmask] = {IN(1, 8), OUT(2, 8)},
	[__NR_ioctl] = {REGS}, /* and marshal_ioctl() */
	[__NR_pread64] = {OUTS(1, 2, 1)},
	[__NR_pwrite64] = {INS(1, 2, 1)},
	[__NR_readv] = {INS(1, 2, 16)},
	[__NR_writev] = {INS(1, 2, 16)},
	[__NR_access] = {STR(0)},
	[__NR_pipe] = {OUT(0, 8)},
	[__NR_select] = {REGS},
	[__NR_dup] = {REGS},
	[__NR_dup2] = {REGS},
	[__NR_shmget] = {REGS},
	[__NR_shmctl] = {REGS},
	[__NR_pause] = {REGS},
	[__NR_nanosleep] = {IN(0, M_TIME), OUT(1, M_TIME)},
	[__NR_getitimer] = {OUT(1, M_ITIMER)},
	[__NR_alarm] = {REGS},
	[__NR_setitimer] = {IN(1, M_ITIMER), OUT(2, M_ITIMER)},
	[__NR_getpid] = {REGS},
	[__NR_sendfile] = {INOUT(2, 8)},
	[__NR_connect] = {INS(1, 2, 1)},
	[__NR_accept] = {REGS},
	[__NR_sendto] = {INS(1, 2, 1), INS(4, 5, 1)},
	[__NR_recvfrom] = {OUTS(1, 2, 1)},
	[__NR_sendmsg] = {IN(1, M_MSGHDR)},
	[__NR_recvmsg] = {INOUT(1, M_MSGHDR)},
	[__NR_shutdown] = {REGS},
	[__NR_bind] = {INS(1, 2, 1)},
	[__NR_listen] = {REGS},
	[__NR_getsockname] = {REGS},
	[__NR_getpeername] = {REGS},
	[__NR_setsockopt] = {INS(3, 4, 1)},
	[__NR_getsockopt] = {INOUT(4, 4)},
	[__NR_wait4] = {OUT(1, 4), OUT(3, M_RUSAGE)},
	[__NR_kill] = {REGS},
	[__NR_uname] = {OUT(0, 390)},
	[__NR_semget] = {REGS},
	[__NR_semop] = {INS(1, 2, 6)},
	[__NR_semctl] = {REGS},
	[__NR_msgget] = {REGS},
	[__NR_msgsnd] = {REGS},
	[__NR_msgrcv] = {REGS},
	[__NR_msgctl] = {REGS},
	[__NR_fcntl] = {REGS},
	[__NR_flock] = {REGS},
	[__NR_fsync] = {REGS},
	[__NR_fdatasync] = {REGS},
	[__NR_truncate] = {STR(0)},
	[__NR_ftruncate] = {REGS},
	[__NR_getdents] = {OUTS(1, 2, 1)},
	[__NR_getcwd] = {OUTS(0, 1, 1)},
	[__NR_chdir] = {STR(0)},
	[__NR_fchdir] = {REGS},
	[__NR_rename] = {STR(0), STR(1)},
	[__NR_mkdir] = {STR(0)},
	[__NR_rmdir] = {STR(0)},
	[__NR_creat] = {STR(0)},
	[__NR_link] = {STR(0), STR(1)},
	[__NR_unlink] = {STR(0)},
	[__NR_symlink] = {STR(0), STR(1)},
	[__NR_readlink] = {OUTS(1, 2, 1), STR(0)},
	[__NR_chmod] = {STR(0)},
	[__NR_fchmod] = {REGS},
	[__NR_chown] = {STR(0)},
	[__NR_fchown] = {REGS},
	[__NR_lchown] = {STR(0)},
	[__NR_umask] = {REGS},
	[__NR_gettimeofday] = {OUT(0, 16), OUT(1, 8)},
	[__NR_getrlimit] = {OUT(1, M_RLIMIT)},
	[__NR_getrusage] = {OUT(1, M_RUSAGE)},
	[__NR_sysinfo] = {OUT(0, 112)},
	[__NR_times] = {OUT(0, 32)},
	[__NR_getuid] = {REGS},
	[__NR_getgid] = {REGS},
	[__NR_setuid] = {REGS},
	[__NR_setgid] = {REGS},
	[__NR_geteuid] = {REGS},
	[__NR_getegid] = {REGS},
	[__NR_setpgid] = {REGS},
	[__NR_getppid] = {REGS},
	[__NR_getpgrp] = {REGS},
	[__NR_setsid] = {REGS},
	[__NR_setreuid] = {REGS},
	[__NR_setregid] = {REGS},
	[__NR_getgroups] = {REGS},
	[__NR_setgroups] = {REGS},
	[__NR_setresuid] = {REGS},
	[__NR_getresuid] = {OUT(0, 4), OUT(1, 4), OUT(2, 4)},
	[__NR_setresgid] = {REGS},
	[__NR_getresgid] = {OUT(0, 4), OUT(1, 4), OUT(2, 4)},
	[__NR_getpgid] = {REGS},
	[__NR_getsid] = {REGS},
	[__NR_rt_sigpending] = {OUT(0, 8)},
	[__NR_rt_sigtimedwait] = {IN(0, 8), OUT(1, M_SIGINFO), IN(2, M_TIME)},
	[__NR_rt_sigqueueinfo] = {REGS},
	[__NR_rt_sigsuspend] = {IN(0, 8)},
	[__NR_utime] = {IN(1, 16), STR(0)},
	[__NR_mknod] = {STR(0)},
	[__NR_statfs] = {OUT(1, M_STATFS), STR(0)},
	[__NR_fstatfs] = {OUT(1, M_STATFS)},
	[__NR_getpriority] = {REGS},
	[__NR_setpriority] = {REGS},
	[__NR_sched_getparam] = {OUT(1, 4)},
	[__NR_sched_setparam] = {IN(1, 4)},
	[__NR_sched_setscheduler] = {IN(2, 4)},
	[__NR_sched_getscheduler] = {REGS},
	[__NR_sched_get_priority_max] = {REGS},
	[__NR_sched_get_priority_min] = {REGS},
	[__NR_prctl] = {REGS},
	[__NR_setrlimit] = {IN(1, M_RLIMIT)},
	[__NR_sync] = {REGS},
	[__NR_gettid] = {REGS},
	[__NR_readahead] = {REGS},
	[__NR_getxattr] = {STR(0), STR(1)},
	[__NR_lgetxattr] = {STR(0), STR(1)},
	[__NR_fgetxattr] = {STR(1)},
	[__NR_listxattr] = {STR(0)},
	[__NR_llistxattr] = {STR(0)},
	[__NR_flistxattr] = {REGS},
	[__NR_tkill] = {REGS},
	[__NR_time] = {OUT(0, 8)},
	[__NR_sched_setaffinity] = {INS(2, 1, 1)},
	[__NR_sched_getaffinity] = {OUTS(2, 1, 1)},
	[__NR_epoll_create] = {REGS},
	[__NR_getdents64] = {OUTS(1, 2, 1)},
	[__NR_set_tid_address] = {REGS},
	[__NR_fadvise64] = {REGS},
	[__NR_timer_settime] = {IN(2, M_ITIMER), OUT(3, M_ITIMER)},
	[__NR_timer_gettime] = {OUT(1, M_ITIMER)},
	[__NR_timer_getoverrun] = {REGS},
	[__NR_timer_create] = {REGS},
	[__NR_timer_delete] = {REGS},
	[__NR_clock_gettime] = {OUT(1, M_TIME)},
	[__NR_clock_getres] = {OUT(1, M_TIME)},
	[__NR_clock_nanosleep] = {IN(2, M_TIME), OUT(3, M_TIME)},
	[__NR_epoll_wait] = {OUTS(1, 2, 12)},
	[__NR_epoll_ctl] = {IN(3, 12)},
	[__NR_tgkill] = {REGS},
	[__NR_utimes] = {STR(0), IN(1, 32)},
	[__NR_waitid] = {OUT(4, M_RUSAGE)}, /* not the siginfo: what is between its fields stays as it was */
	[__NR_inotify_init] = {REGS},
	[__NR_inotify_add_watch] = {STR(1)},
	[__NR_inotify_rm_watch] = {REGS},
	[__NR_openat] = {STR(1)},
	[__NR_mkdirat] = {STR(1)},
	[__NR_mknodat] = {STR(1)},
	[__NR_fchownat] = {STR(1)},
	[__NR_newfstatat] = {OUT(2, M_STAT), STR(1)},
	[__NR_unlinkat] = {STR(1)},
	[__NR_renameat] = {STR(1), STR(3)},
	[__NR_linkat] = {STR(1), STR(3)},
	[__NR_symlinkat] = {STR(0), STR(2)},
	[__NR_readlinkat] = {OUTS(2, 3, 1), STR(1)},
	[__NR_fchmodat] = {STR(1)},
	[__NR_faccessat] = {STR(1)},
	[__NR_pselect6] = {REGS},
	[__NR_ppoll] = {INOUTS(0, 1, 8), INOUT(2, M_TIME), IN(3, 8)},
	[__NR_set_robust_list] = {REGS},
	[__NR_splice] = {REGS},
	[__NR_tee] = {REGS},
	[__NR_sync_file_range] = {REGS},
	[__NR_utimensat] = {IN(2, 32), STR(1)},
	[__NR_epoll_pwait] = {OUTS(1, 2, 12), IN(4, 8)},
	[__NR_timerfd_create] = {REGS},
	[__NR_eventfd] = {REGS},
	[__NR_fallocate] = {REGS},
	[__NR_timerfd_settime] = {IN(2, M_ITIMER), OUT(3, M_ITIMER)},
	[__NR_timerfd_gettime] = {OUT(1, M_ITIMER)},
	[__NR_signalfd4] = {IN(1, 8)},
	[__NR_rt_tgsigqueueinfo] = {REGS},
	[__NR_recvmmsg] = {REGS},
	[__NR_sendmmsg] = {REGS},
	[__NR_accept4] = {REGS},
	[__NR_eventfd2] = {REGS},
	[__NR_epoll_create1] = {REGS},
	[__NR_dup3] = {REGS},
	[__NR_pipe2] = {OUT(0, 8)},
	[__NR_inotify_init1] = {REGS},
	[__NR_preadv] = {INS(1, 2, 16)},
	[__NR_pwritev] = {INS(1, 2, 16)},
	[__NR_prlimit64] = {IN(2, M_RLIMIT), OUT(3, M_RLIMIT)},
	[__NR_getcpu] = {OUT(0, 4), OUT(1, 4)},
	[__NR_renameat2] = {STR(1), STR(3)},
	[__NR_getrandom] = {OUTS(0, 1, 1)},
	[__NR_memfd_create] = {STR(0)},
	[__NR_copy_file_range] = {INOUT(1, 8), INOUT(3, 8)},
	[__NR_preadv2] = {INS(1, 2, 16)},
	[__NR_pwritev2] = {INS(1, 2, 16)},
	[__NR_statx] = {OUT(4, 256), STR(1)},
	[434 /* pidfd_open */] = {REGS},
	[424 /* pidfd_send_signal */] = {REGS},
	[436 /* close_range */] = {REGS},
	[437 /* openat2 */] = {IN(2, 24), STR(1)},
	[439 /* faccessat2 */] = {STR(1)},
	[441 /* epoll_pwait2 */] = {OUTS(1, 2, 12), IN(3, M_TIME), IN(4, 8)},
	[452 /* fchmodat2 */] = {STR(1)},
};

#undef IN
#undef OUT
#undef INOUT
#undef INS
#undef OUTS
#undef INOUTS
#undef STR
#undef REGS

struct marshal_seg {
	uint64_t addr;
	uint32_t len;	/* of a string: its room, with the terminator */
	uint16_t off;	/* in the window; a multiple of 16 */
	uint8_t dir;	/* MARSHAL_IN, MARSHAL_OUT */
	uint8_t string;
};

struct marshal {
	unsigned n;
	struct marshal_seg seg[MARSHAL_SEGS];
};

/* What a terminal's requests point at; 0: nothing that would pay. */
static inline uint32_t marshal_ioctl(uint64_t cmd)
{
	switch ((uint32_t)cmd) {
	case 0x5401: /* TCGETS */
		return M_FIXED(MARSHAL_OUT, 2, 36);
	case 0x5413: /* TIOCGWINSZ */
		return M_FIXED(MARSHAL_OUT, 2, 8);
	case 0x540f: /* TIOCGPGRP */
	case 0x541b: /* FIONREAD */
		return M_FIXED(MARSHAL_OUT, 2, 4);
	case 0x5410: /* TIOCSPGRP */
	case 0x5421: /* FIONBIO */
		return M_FIXED(MARSHAL_IN, 2, 4);
	default:
		return 0;
	}
}

#define MARSHAL_STRINGS 4096u /* of the window is kept for strings, where there are any */

/*
 * Where the memory arguments of a call lie in the window. What does not fit, a null pointer and an empty range have no
 * segment: the sentry gets at them by itself; of a buffer that is too long the beginning is one, since most results are short.
 * Strings share what is left. False: the number does not go by the slot.
 */
static inline int marshal_plan(uint64_t nr, const uint64_t *args, struct marshal *m)
{
	const uint32_t *d;
	uint32_t io, used = 0, room = SLOT_WINDOW;
	unsigned strings = 0, n_desc = MARSHAL_SEGS;

	m->n = 0;
	if (nr >= (unsigned)MARSHAL_NR)
		return 0;
	d = marshal_table[nr];
	if (!(d[0] & M_SLOT))
		return 0;
	if (nr == __NR_ioctl) {
		io = marshal_ioctl(args[1]);
		d = &io;
		n_desc = 1;
	}
	for (unsigned i = 0; i < n_desc; i++)
		if (d[i] & M_STRING)
			room = SLOT_WINDOW - MARSHAL_STRINGS;
	for (unsigned i = 0; i < n_desc && M_DIR(d[i]); i++) {
		struct marshal_seg *g = &m->seg[m->n];
		uint64_t len = M_SIZE(d[i]);

		g->addr = args[M_ARG(d[i])];
		g->dir = (uint8_t)M_DIR(d[i]);
		g->string = (d[i] & M_STRING) != 0;
		if (!g->addr)
			continue;
		if (g->string) {
			strings++;
			m->n++;
			continue;
		}
		if (d[i] & M_COUNTED) {
			uint64_t count = args[M_COUNT(d[i])];

			len *= count > SLOT_WINDOW ? SLOT_WINDOW + 1 : count;
		}
		if (len > room - used && g->dir == MARSHAL_OUT)
			len = room - used;
		if (!len || len > room - used)
			continue;
		g->len = (uint32_t)len;
		g->off = (uint16_t)used;
		used += (uint32_t)(len + 15) & ~15u;
		m->n++;
	}
	if (!strings)
		return 1;
	room = ((SLOT_WINDOW - used) / strings) & ~15u;
	if (room > 4096)
		room = 4096;
	for (unsigned i = 0; i < m->n; i++) {
		if (!m->seg[i].string)
			continue;
		m->seg[i].off = (uint16_t)used;
		m->seg[i].len = room;
		used += room;
	}
	return 1;
}
