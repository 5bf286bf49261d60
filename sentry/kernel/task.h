/* SPDX-License-Identifier: MIT */
/*
 * Tasks (guest threads) and thread groups (guest processes).
 *
 * "current" is passed explicitly as the first argument of system calls: fields marked [self] are touched by the task's own
 * worker only (it stands still otherwise), and need no lock.
 */
#pragma once

#include "kernel/cred.h"
#include "kernel/errno.h"
#include "kernel/kernel.h"
#include "kernel/ptrace.h"
#include "kernel/sched.h"
#include "kernel/signal.h"
#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "lib/wait.h"
#include "platform/platform.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

struct mm;
struct fd_table;
struct fs_context;
struct nsproxy;
struct pid_ns;
struct tty;
struct session;
struct itimer;
struct posix_timers;
struct sem_undo;
struct seccomp_filter;
struct vfork_saved;
struct vfork_done;
struct futex_pi;
struct kill_later;

#define NATIVE_NOT_AT 8
#define TASK_COMM_LEN 16
#define TASK_CPU_WORDS 16

enum task_state { TASK_RUNNING, TASK_SLEEPING, TASK_STOPPED, TASK_TRACED, TASK_ZOMBIE, TASK_DEAD };

struct restart_block { /* what restart_syscall(2) goes on with */
	int64_t (*fn)(struct task *t, struct restart_block *rb);
	uint64_t arg[5];
	int64_t deadline_ns; /* CLOCK_MONOTONIC, or the clock in arg */
};

struct fast_view { /* kernel/views.h; by views_lock */
	struct list_head link; /* kernel.views */
	struct fast_state *fast;
	struct gthread *th;   /* [self] held; NULL: none was made */
	const struct inode *inode; /* NULL: not in the list; else the file of fd holds it */
	int fd;		      /* [self] */
};

struct fast_state { /* kernel/fast.h */
	_Atomic uint32_t gen;	  /* grows when what the slot says is to be told anew */
	uint32_t told, work;	  /* [self] the gen and task.work that were told … */
	struct gthread *th;	  /* … and to whom; changed under siglock, NULL: nobody */
	ksigset mask;		  /* [self] what the slot's mask was last */
	_Atomic bool answer;	  /* the mask is in the slot while in_guest */
	bool pending;		  /* siglock: the slot says that signals are pending */
	ksigset defaults;	  /* siglock: whose actions it says are all zeros */
	struct fast_view views[2];	  /* SLOT_VIEWS */
	int view_fd;		  /* [self] what was read at an offset last, and how often in succession */
	unsigned view_reads, next_view;
	uint64_t view_calls, view_bytes; /* [self] what the slot said that its stub had read */
};

struct io_counts { /* /proc/PID/io: bytes and calls of read(2), write(2) and their families */
	_Atomic uint64_t rchar, wchar, syscr, syscw;
};

struct task {
	struct refs refs;
	struct kernel *kernel;
	struct thread_group *tg;	 /* held */
	int tid;
	struct gthread *th;		 /* NULL after the host thread is gone; guarded by siglock for interrupting */
	struct platform_waker waker;
	_Atomic unsigned lazy_waits; /* waiters of this task on queues fed by lazy watches (host/loop.h) */
	_Atomic bool lazy_sleep;     /* it sleeps on such, and has not been woken */

	/* [self], except where another task is the exec'ing or exiting leader and this one is stopped */
	struct mm *mm;			 /* held; NULL once exited */
	struct fd_table *fds;		 /* held; this, mm and fs are exchanged under cred_lock, for /proc */
	struct fs_context *fs;		 /* held */
	struct nsproxy *nsproxy;	 /* held; exchanged under cred_lock; NULL once exited */
	uint64_t clear_child_tid;
	_Atomic uint64_t robust_list;	 /* others ask for it: get_robust_list(2) */
	uint64_t sas_sp, sas_size;	 /* sigaltstack */
	uint32_t sas_flags;
	struct restart_block restart;
	int64_t syscall_ret;		 /* of the call being left; restart codes are resolved at delivery */
	uint64_t syscall_nr;		 /* UINT64_MAX: not in a call */
	bool in_syscall;		 /* a call is being left: its result may need a restart */
	uint64_t fault_addr, fault_trapno, fault_error; /* of the last fault, for the frame */
	bool restore_mask;		 /*  saved_mask comes back after delivery (sigsuspend, ppoll …) */
	ksigset saved_mask;
	uint64_t eintr_ip[NATIVE_NOT_AT]; /* kernel/native_wait.c */
	unsigned n_eintr_ip;
	uint64_t native_wait_addr, native_wait_ip; /* the last relative wait that was interrupted */
	int64_t native_wait_end;
	_Atomic int exit_signal;	 /* sent to the parent; -1 for threads; changed under tasklist_lock */
	unsigned personality;
	uint64_t timer_slack, default_timer_slack;
	uint64_t memory_from, memory_to; /* what memory_bring_in() has seen last … */
	uint32_t memory_look;		 /* … since this look */
	uint8_t mce_policy;		 /* PR_MCE_KILL_*: reported, the host has none of the guest's */
	bool io_flusher;
	uint32_t mempolicy;		 /* set_mempolicy(2); syscalls/mempolicy.c */
	_Atomic int pdeath_signal;	 /* read by the parent that ends */
	_Atomic bool exited;		 /* task_exit() has begun; set under siglock */
	struct fast_state fast;
	bool deferred;			 /* the call syscall_nr came light and is to be served now that all registers are known */
	bool native_active;		 /* its thread makes a futex call natively; native_regs are the guest's */
	struct guest_regs native_regs;
	_Atomic bool in_guest;		 /* runs, or is about to run, guest code: a wake-up needs an interrupt */
	_Atomic bool in_freezer;	 /* stands, or is about to, in freezer_here() */
	bool made_children;		 /* some of the group's children are this thread's */
	struct vfork_done *vfork_done;	 /* of a child on a host thread of its own: who sleeps until exec or exit */
	_Atomic(struct task *) vfork_parent; /* held; in a vfork child until exec or exit: whose host thread it plays on */
	struct task *vfork_child;	 /* siglock: the other way; of a parent without a host thread */
	struct vfork_saved *vfork_saved; /* in the child: the parent's registers, to be given back */
	bool th_gone;			 /* siglock: thread_gone() has come; th must not be set any more */
	struct gthread *vfork_thread;	 /* in an exec'ing child: the old host thread, owed to the parent */
	int vfork_tid;			 /* what the parent gets */

	/* guarded by tg->siglock */
	ksigset blocked, real_blocked; /* real_blocked: mask under which a sigtimedwait sleeps; of others: task_blocked() */
	struct sigpending pending;
	_Atomic uint32_t flags;		 /* TIF_*; also read without the lock */
	_Atomic(struct seccomp_filter *) seccomp; /* kernel/seccomp.h; changed under siglock */
	_Atomic int seccomp_mode;	 /* SECCOMP_MODE_* */
	_Atomic bool no_new_privs;	 /* set by another thread's TSYNC; see task_no_new_privs() */
	_Atomic uint32_t work;		 /* SYSCALL_WORK_* (syscall_work.h); read without a lock at each call */
	_Atomic(enum task_state) state; /* also read without the lock, by /proc */
	int exit_code;			 /* wait(2) encoding */
	bool stop_taken;		 /* a stop signal is being acted on, and no SIGCONT has come since */

	/* guarded by futex_table.lock */
	struct list_head pi_owned;	 /* futex_pi.owned: locks with waiters that it owns */
	struct futex_pi *pi_blocked_on;
	_Atomic bool futex_dead;	 /* its locks have been given up: nobody may wait for it */

	/* guarded by cred_lock for others, read freely by self */
	struct lock cred_lock;		 /* RANK_LEAF */
	struct cred *cred;
	char comm[TASK_COMM_LEN];
	struct task_sched sched;
	uint64_t cpus[TASK_CPU_WORDS];	 /* sched_setaffinity(2); all zero: every CPU */
	bool pinned;			 /* cpus was set: a new host thread must be told */

	/* guarded by kernel->tasklist_lock */
	struct list_head tg_link;	 /* tg->threads */
	struct task *ptracer;		 /* held; NULL: not traced */
	struct ptrace_state pt;

	_Atomic uint64_t start_ns;
	_Atomic uint64_t sentry_ticks;	 /* of the processor's counter: what the sentry did for it (kernel/cputime.h) */
	uint64_t entered_ticks;		 /* [self] when the work that is not yet in sentry_ticks began; 0: it is not timed */
	uint64_t charged_ticks;		 /* [self] when it was last added */
	unsigned polled_calls;		 /* [self] one in CPU_SAMPLE is timed, and stands for all: */
	bool sampled;			 /* [self] this one */
	uint64_t cpu_before_ns;		 /* limits_lock: CPU time before its host thread was made */
	_Atomic uint64_t profiled_ns;	 /* CPU time when tg_busiest() last looked */
	_Atomic uint64_t min_flt, maj_flt, nvcsw, nivcsw;
	_Atomic uint64_t syscalls;
	struct io_counts io;
	void *sem_undo;
	char *block_reason;		 /* const text for /proc/PID/wchan and the trace, or NULL */
};

/* task.flags */
#define TIF_SIGPENDING 1u  /* look for signals before going back to the guest */
#define TIF_KILLED 2u	   /* the group is dying: every sleep ends with -EINTR, nothing more runs */
#define TIF_STOP 4u	   /* group stop pending */
#define TIF_TRAP 8u	   /* a stop for the tracer (ptrace_state.jobctl) */
#define TIF_WATCH 16u	   /* the second filter may be wanted: a full entry, then task_watch() */
#define TIF_VIEW 64u	   /* a file is to be mapped in the stub: a full entry, then view_make() */
#define TIF_FREEZE 32u	   /* back to the guest only when this has gone (kernel/freezer.h) */

#define USAGE_PENDING_MAX 16
struct usage_final;
struct cpu_limit;
struct usage_sum { /* what rusage tells beside times */
	uint64_t max_rss, min_flt, maj_flt, nvcsw, nivcsw;
};

struct rlimit_pair {
	uint64_t cur, max;
};

struct thread_group {
	struct refs refs;
	struct kernel *kernel;
	int pid;
	struct pid_ns *pid_ns; /* held; of its numbers; never changes */
	struct lock exec_lock; /* RANK_EXEC */

	/* guarded by siglock */
	struct lock siglock;   /* RANK_SIGHAND */
	struct sighand *sighand; /* shared with CLONE_SIGHAND without CLONE_THREAD too; held; which one: siglock */
	struct sigpending shared_pending;
	_Atomic bool group_exiting; /* set behind group_exit_code; both are also read without the lock */
	bool ns_dying; /* first process of a pid namespace that ends */
	bool ns_init;	 /* the first process of a nested pid namespace */
	bool unkillable; /* first of a nested pid namespace: what has no handler does nothing, from inside not even SIGKILL */
	_Atomic int group_exit_code;
	_Atomic bool stopped; /* also read without the lock */
	bool stop_reported, cont_pending;
	int stop_signo;
	struct wait_queue signal_wait; /* signalfd: woken when a signal is queued */
	_Atomic bool watch_all;	       /* the sentry must see every call (task_watch_group()) */

	/* guarded by kernel->tasklist_lock */
	struct list_head threads;   /* task.tg_link, leader first */
	struct task *leader;
	unsigned n_threads;
	_Atomic unsigned n_live;    /* threads that have not begun to exit; no lock */
	struct thread_group *parent; /* NULL for init */
	struct list_head children, sibling;
	int parent_tid;		    /* the thread of the parent whose child this is (__WNOTHREAD, PR_SET_PDEATHSIG) */
	_Atomic int pgid, sid;	    /* also read without the lock */
	bool ns_waiting; /* ns_dying, with no thread left: for the rest of the namespace to go */
	struct list_head ns_link; /* kernel->ended_ns */
	struct tty *ctty;	    /* controlling terminal of the session, held by tty code */
	struct session *session;    /* what `exec` started it for, or NULL; set before it is seen; ends with it */
	int tty_old_pgrp;	    /* of a leader whose terminal was hung up: the group that was in front; 0: none */
	unsigned n_unseen; /* zombie threads that their tracers have yet to wait for: the process is reported after them */
	bool told;	   /* a zombie whose parent has had its signal */
	/* also read without the lock; exec_done: setpgid gives EACCES */
	_Atomic bool zombie, reaped, child_subreaper, exec_done;
	struct wait_queue child_wait; /* wait4 sleeps here */
	struct wait_queue exit_wait;  /* pidfd polls here */

	struct lock limits_lock;    /* RANK_LEAF */
	struct rlimit_pair rlim[RLIM_NLIMITS];
	struct aspace *cpu_as;	    /* held; whose CPU time is the group's, by limits_lock; NULL: another group's (vfork) */

	_Atomic uint64_t cutime_ns, cstime_ns; /* of children that were waited for */
	_Atomic uint64_t sentry_ticks;	/* of all its threads, dead ones too */
	_Atomic bool had_threads;	/* more than one, since exec */
	struct cpu_limit *cpu_limit;	/* RLIMIT_CPU's timer, made when it is first finite */
	/* guarded by limits_lock */
	uint64_t dead_utime_ns, dead_stime_ns; /* in address spaces it has left */
	uint64_t others_ns;		/* of threads that ended before exec */
	struct {
		uint64_t utime_ns, stime_ns;
	} shown;			/* what was last told: it never goes back */
	struct usage_final *final;	/* held: the host's account of the last address space */
	struct usage_sum children_usage;
	struct usage_final *pending[USAGE_PENDING_MAX]; /* held: children's, not known yet */
	unsigned n_pending;
	uint64_t dead_nvcsw;	    /* by tasklist_lock: of threads that have ended */
	struct io_counts dead_io;   /* of threads that have ended and of children that were waited for */
	struct itimer *itimers;	    /* kernel/time */
	_Atomic(struct posix_timers *) timers; /* made under limits_lock, goes under siglock */
	struct list_head aio;	    /* contexts of kernel/aio.h; limits_lock */
	struct kill_later *kill_later; /* kernel/signal.c; siglock, until nobody has the group */
	uint64_t start_boot_ns;
	_Atomic uint64_t load_cpu_ns; /* CPU time when the load averages last looked */
	/* single values that others may set or read at any time */
	_Atomic int oom_score_adj;
	_Atomic uint32_t loginuid, sessionid; /* UINT32_MAX: none; of audit(8) */
	_Atomic unsigned coredump_filter;
	_Atomic bool dumpable, thp_disabled;
};

struct sighand {
	struct refs refs;
	struct lock lock; /* RANK_SIGACTION; below the siglock of each group that shares it */
	struct ksigaction action[KSIG_MAX]; /* by lock: sigaction_get() and sigaction_set() */
};

void task_get(struct task *t);
void task_put(struct task *t);
void tg_get(struct thread_group *tg);
void tg_put(struct thread_group *tg);

/* Look-ups by number; held references, NULL when absent. */
struct task *task_find(struct kernel *k, int tid);
struct thread_group *tg_find(struct kernel *k, int pid);

/* Call *fn* for each thread group with a snapshot of references (no locks held while in fn). Stops when fn returns non-zero. */
int tg_for_each(struct kernel *k, int (*fn)(struct thread_group *tg, void *arg), void *arg);

/* Credentials of another task, held. */
struct cred *task_cred_get(struct task *t);
/* The caller's own become *c*, whose reference is taken over. */
void task_cred_replace(struct task *t, struct cred *c);
/* Address space of another task, held; NULL once it has exited. */
struct mm *task_mm_get(struct task *t);
bool task_capable(const struct task *t, int cap);
/* PR_SET_NO_NEW_PRIVS, or another thread's filters came with it. */
bool task_no_new_privs(const struct task *t);
/* May *t* inspect *target* (PTRACE_MODE_READ_FSCREDS of /proc)? */
bool task_may_inspect(struct task *t, struct task *target);
/* The soft limit, without a lock. */
uint64_t task_rlimit(const struct task *t, int resource);
/* limits_lock held: the soft one is read by task_rlimit() meanwhile. */
static inline void task_set_rlimit(struct thread_group *tg, int resource, const struct rlimit_pair *p)
{
	__atomic_store_n(&tg->rlim[resource].cur, p->cur, __ATOMIC_RELAXED);
	tg->rlim[resource].max = p->max;
}
/* A read or write of *t*, the caller, has ended with *n*: bytes or a negative errno. */
void task_account_io(struct task *t, bool write, int64_t n);
void io_counts_add(struct io_counts *to, const struct io_counts *from);

/* --- the one blocking primitive ----------------------------------------------------------------------------------------- */

struct task_waiter { /* a waiter that wakes its task */
	struct waiter waiter;
	struct task *task;
};
void task_waiter_init(struct task_waiter *w, struct task *t, uint32_t mask);

/*
 * Sleep until woken, a signal, or *deadline_ns* (CLOCK_MONOTONIC; -1: none). Queue the waiter(s) first, then test the
 * condition, then block, and test again: a wake-up in between is not lost.
 * Returns 0 (test again), -ERESTARTSYS (signal pending), -ETIMEDOUT.
 */
int task_block(struct task *t, int64_t deadline_ns);
/*
 * The same where the call has done a part of its work already. The poller gives other calls up at their first sleep, which then come
 * once more (platform_give_up()).
 */
int task_block_midway(struct task *t, int64_t deadline_ns);
/* As task_block(), but only SIGKILL ends it. */
int task_block_killable(struct task *t, int64_t deadline_ns);
void task_wake(struct task *t);

/* --- guest memory of the caller ---------------------------------------------------------------------------------------------- */

int copy_in(struct task *t, void *dst, uint64_t src, size_t len);	     /* 0 or -EFAULT */
int copy_out(struct task *t, uint64_t dst, const void *src, size_t len);
/* A NUL-terminated string of at most max-1 bytes into dst; length, -ENAMETOOLONG or -EFAULT. */
ssize_t copy_in_str(struct task *t, char *dst, uint64_t src, size_t max);
/* A path: malloc'ed, NUL-terminated; -ENOENT when empty unless allow_empty; -ENAMETOOLONG. */
int copy_in_path(struct task *t, uint64_t src, bool allow_empty, char **ret);
/* iovec array, checked as Linux does (count, lengths, sum ≤ INT_MAX rounded); on_stack of n_stack entries is used when it fits. */
struct guest_iovec;
int copy_in_iov(struct task *t, uint64_t src, uint64_t n, struct guest_iovec **ret, size_t *total); /* free() *ret */
/* timespec in nanoseconds; -EINVAL for bad ones; NULL pointer gives -1 (for ever). */
int copy_in_timespec(struct task *t, uint64_t src, int64_t *ret_ns);
