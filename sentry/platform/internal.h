/* SPDX-License-Identifier: MIT */
/*
 * The platform's own structures.
 *
 * Locks, in the order they are taken: listener.lock, aspace.lock, platform.lock. None is held while the client is
 * called or a host call blocks. gthread_interrupt() takes listener.lock and may be called under any of the client's
 * locks.
 *
 * Who receives: per listener at most one worker sits in RECV, the *receiver*. It serves the entry that it received
 * itself, inline, and gives the role up before. Whoever ends an entry and finds the role free takes it. A worker that
 * goes to sleep in an entry while the role is free and guest threads are out wakes an idle worker for it, unless another worker is
 * awake in an entry (or has been woken, though it may not run yet): that one will see to it. A worker that
 * waits for an ordered call takes the role if it is free; entries that it receives go to idle workers. So the role is
 * never held by somebody who waits for another guest thread, a client's lock, or the disk.
 */
#pragma once

#include "lib/list.h"
#include "lib/lock.h"
#include "lib/refs.h"
#include "platform/platform.h"
#include "platform/signals.h"
#include "platform/stub/layout.h"
#include "platform/window.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sched.h>
#include <stdatomic.h>

/* Newer than the headers this is compiled against. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define TID_BUCKETS 64u
#define LIGHT_MAP 8	     /* words of a map of system call numbers */
#define POLL_MAX 16u /* guest threads a poller looks at */

struct worker;
struct listener;

enum job_kind {
	JOB_NONE,
	JOB_RECEIVE, /* be the receiver of job.l (already set as such); a reference to l goes with it */
	JOB_SERVE,   /* serve the entry in job.n of job.th; a reference to l goes with it */
	JOB_GONE,    /* report the death of job.th */
	JOB_POLL,    /* be the poller */
	JOB_QUIT,
};

struct job {
	enum job_kind kind;
	struct listener *l;
	struct gthread *th;
	struct seccomp_notif n;
};

struct worker {
	struct platform *p;
	struct list_head idle_link; /* in platform.idle; guarded by platform.lock */
	_Atomic uint32_t go;	    /* futex: a job is there */
	struct job job;
	_Atomic pid_t tid;	 /* 0 until it runs; cancel is looked at before it waits */
	_Atomic int cancel;	 /* leave RECV */
	struct gthread *current; /* whose entry is being served, or NULL */
	struct listener *home;	 /* the listener of current */
	unsigned blocked;	 /* depth of host calls that may block */
	bool polling;		 /* is platform.poller */
	bool gave_up;		 /* the poller's entry would sleep: its call shall come by a bell */
	unsigned hops;		 /* the poller's: entries given up so, and sleepers woken */
	struct gthread *keep;	 /* a reference of the polled set's that goes after the entry */
	struct listener *adopt;	 /* referenced: started by this worker, to be received after the entry */
};

/* One waiting for something that the receiver will bring. Guarded by listener.lock. */
struct wait_point {
	struct list_head link; /* in listener.waiters while asleep */
	struct worker *_Atomic worker;
	_Atomic uint32_t word; /* futex: look again */
	bool done;
	_Atomic bool *abort; /* or NULL: stop waiting when it is set */
};

struct listener {
	struct refs refs;
	struct platform *p;
	int fd;
	struct lock lock; /* RANK_PLATFORM; guards what follows and the marked fields of gthreads */
	struct worker *receiver;
	_Atomic unsigned n_active; /* workers that serve an entry and do not sleep: at its end each sees to the role */
	unsigned n_out;		  /* threads in the guest: they may ring at any time */
	unsigned n_aspaces;	  /* processes alive */
	bool dead;		  /* nobody can ring any more */
	struct list_head waiters; /* of wait_point */
	struct list_head births;  /* of struct birth */
	struct list_head *tids; /* of gthread, by number: n_buckets lists, a power of two that grows with n_threads */
	unsigned n_buckets, n_threads;
	struct list_head first_tids[TID_BUCKETS];
};

/* Affinities to be restored; stay.c. */
struct stay {
	bool stub, worker;
	cpu_set_t before, own;
};

/* A clone that was ordered and whose child has not rung. On the stack of the worker that ordered it. */
struct birth {
	struct list_head link;	   /* in listener.births; guarded by listener.lock */
	struct list_head all_link; /* in platform.births; guarded by platform.lock */
	struct listener *l;
	_Atomic bool died; /* some child died unknown since we last looked */
	uint32_t nonce;
	bool fork;
	uint64_t fd; /* fork: the descriptor argument of the child's first mmap */
	struct gthread *th;
	struct wait_point wp;
};

struct ready_stub { /* what the pool holds */
	struct list_head link;
	pid_t pid;
	int listener;
	uint8_t *slots;
	struct seccomp_notif first; /* the bell it waits in */
};

/*
 * Counted for each address space: a word that every worker writes at every entry is a cache line that goes from processor to processor. Two
 * workers that serve threads of one may lose a count.
 */
struct entry_counts {
	_Atomic uint64_t light, full, polled, interrupts, faults, orders;
};

static inline void count_entry(_Atomic uint64_t *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n, memory_order_relaxed);
}

struct aspace {
	struct refs refs;
	struct platform *p;
	struct listener *l;
	struct usage_final *final;
	uint8_t *slots;		   /* our mapping of all slots */
	pid_t pid;		   /* of the stub; 0 until known, or when reaped */
	struct list_head pid_link; /* in platform.pids; guarded by platform.lock */
	struct list_head threads;  /* of gthread; guarded by l->lock */
	bool segv;		   /* the host has ended it by SIGSEGV; set before dead */
	_Atomic bool dead;	   /* the process is gone; set under l->lock */
	bool killed;		   /* by aspace_kill(); guarded by l->lock */
	bool fresh;		   /* from the pool, and nothing has run in it: what its thread does is what was ordered */
	_Atomic bool watched;	   /* the watching filter is in force in all its threads */
	struct lock lock;	   /* guards the slot and descriptor numbers */
	uint64_t slot_used[SLOT_COUNT / 64];
	uint64_t slot_leaving[SLOT_COUNT / 64]; /* exit was ordered: free when ctid is 0 */
	struct entry_counts counts;
	unsigned fd_next_whole, fd_next, fd_next_far;
	_Atomic unsigned n_tail_fds; /* numbers of descriptors that threads in the guest still hold: gthread.tail_stub_fd */
	uint64_t fd_used[(STUB_FD_LAST - STUB_FD_FIRST + 64) / 64];
};

enum gthread_state {
	TH_HELD,  /* not started */
	TH_OUT,	  /* in the guest */
	TH_LIGHT, /* in the sentry */
	TH_FULL,
	TH_GONE,
};

/* A call that the filter shows us and that must be exactly this. */
struct expected_call {
	bool armed;
	uint64_t nr;
	uint64_t args[6];
};

struct gthread {
	struct refs refs;
	struct aspace *as;
	_Atomic(void *) owner;
	pid_t tid;
	unsigned slot_nr;
	struct slot *slot;
	struct list_head tid_link; /* in listener.tids; guarded by listener.lock */
	struct list_head as_link;  /* in aspace.threads; guarded by listener.lock */

	/* guarded by listener.lock */
	enum gthread_state state;
	bool dead;	   /* its process is gone */
	bool told_dead;	   /* aspace_died() has dealt with it */
	bool telling;	   /* thread_dying() runs: whoever wants to report it gone leaves that to the caller of thread_dying() */
	bool gone_deferred, gone_unexpected;
	bool gone_queued;  /* thread_gone() is on its way */
	bool rung;	   /* held: it stands in the bell (notif_id) */
	bool start_wanted; /* gthread_start() came before it rang */
	bool interrupted;  /* interrupt asked for while inside or held */
	bool ordered;	   /* BELL_DONE is expected */
	bool signal_sent;  /* an interrupt is on its way through the host */
	bool fast;	   /* TH_LIGHT: served by the poller; still counted in n_out */
	bool fast_rang;	   /* and its bell has come (notif_id) */
	bool fast_owed;	   /* the poller has answered one that rings, or is about to, with fast_ret */
	int64_t fast_ret;
	struct expected_call expect;
	struct wait_point ring;

	/*
	 * of the worker that serves it; the next one sees what it left through the guest, which the language does not
	 * know: handed is released before an answer and acquired behind a notification
	 */
	_Atomic uint32_t handed;
	unsigned streak; /* its calls by the slot in quick succession, without a sleep or a wake-up in between; when the last one came */
	int64_t streak_ns;
	uint64_t notif_id;
	bool by_slot;	      /* the entry is a call by the slot, answered there */
	struct guest_syscall slot_call; /* our copy of its request */
	struct window window; /* of it */
	uint64_t uc_addr; /* of its signal frame, in the stub's addresses; inside its slot */
	struct guest_regs regs;
	bool regs_dirty, rax_set;
	uint64_t fs_loaded, gs_loaded; /* bases as the host thread has them */
	bool reenter, after_syscall;
	bool go_on; /* a light call that the host carries out */
	bool exiting;
	uint64_t clear_tid;
	struct gthread_rseq rseq;
	unsigned split; /* stay.c: answers with files for which it is kept on our processor */
	bool tail, tail_checked; /* checked: should it fail, the client is to know */
	struct stub_order tail_order;
	int tail_fd; /* our own duplicate, or -1 */
	unsigned tail_stub_fd;
};

struct platform {
	struct platform_options opt;
	const struct platform_client *client;
	pid_t self;
	pid_t zygote_pid;
	int zygote; /* socket */
	struct stub_hello hello;
	unsigned n_stub_fds; /* numbers from STUB_FD_FIRST on that a stub may have */
	uint32_t xstate_size;
	uint64_t xfeatures;
	uint32_t mxcsr_mask;
	struct x86_fx_sw_copy {
		uint8_t bytes[48];
	} fx_sw;

	struct lock lock;      /* RANK_PLATFORM_INNER; guards the lists and counts below */
	struct list_head idle; /* of worker */
	unsigned n_workers, n_idle;
	struct list_head pids[TID_BUCKETS]; /* of aspace */
	struct list_head births;	    /* of birth, by all_link */
	bool sweep_wanted;		    /* some ordered clone may have left a child that never rang */
	pid_t max_pid;			    /* the highest number of a stub so far */
	struct list_head pool;		    /* of ready_stub */
	unsigned n_pool;
	unsigned n_transit; /* stubs on the way into or out of the pool */
	unsigned n_aspaces;
	pthread_cond_t pool_cond;
	pthread_cond_t pool_up; /* the filler has made the first stub, or failed: */
	int pool_begun;		/* 0: not yet, 1, or a negative errno */
	const char *pool_why;
	pthread_mutex_t zygote_lock; /* one command at a time */
	pthread_t reaper, filler;
	_Atomic bool stopping;

	uint64_t light[LIGHT_MAP]; /* filter_light_map() */

	/* The poller (poller.c). */
	struct worker *_Atomic poller;
	pthread_mutex_t poll_lock;	  /* innermost; guards the set */
	struct gthread *polled[POLL_MAX]; /* referenced */
	unsigned n_polled;
	cpu_set_t cpus; /* where we may run */
	unsigned n_cpus, poll_cpu;
	_Atomic int64_t poll_not_before_ns;
	int64_t poll_pause_ns;
	unsigned poll_round, polled_at[POLL_MAX]; /* windows, and the last one in which it has asked; the poller's */
	_Atomic int poll_missed;		  /* 1 + the processor on which a thread that it looks at has rung */
	_Atomic unsigned poll_guest_cpu;	  /* where the guest ran that it was started for */

	_Atomic uint64_t stubs_made;
	struct entry_counts gone; /* of address spaces that are gone; guarded by lock */
};

/* filter.c: build the stub's filter; returns the number of instructions, at most STUB_FILTER_MAX. waitv: futex_waitv(2) is native. */
unsigned filter_build(struct sock_filter *prog, unsigned max, bool waitv);
/*
 * The filter that is put over it (gthread_watch_all()): TRAP for what the first one lets the guest do natively, but for futex calls
 * whose ip is *native_ip*; ALLOW for the rest, which the first one decides. At most STUB_WATCH_MAX instructions.
 */
unsigned filter_build_watch(struct sock_filter *prog, unsigned max, uint64_t native_ip);

/* notify.c: the listener's ioctls. 0 or a negative errno. */
int notify_recv(struct worker *w, struct listener *l, struct seccomp_notif *n);
int notify_reply(struct listener *l, uint64_t id, int64_t val);
int notify_continue(struct listener *l, uint64_t id);
/* Put *src_fd* into the stub, which stands in the bell, as *fd*. */
int notify_add_fd(struct listener *l, uint64_t id, int src_fd, unsigned fd);
/* The same, and answer the bell with that number. */
bool notify_valid(struct listener *l, uint64_t id);
bool notify_in_stub(const struct seccomp_notif *n);

/* What is in a platform_waker's word. */
enum waker_word { WAKER_IDLE, WAKER_WOKEN, WAKER_ASLEEP, WAKER_WAKING };

/* worker.c */
struct worker *worker_self(struct platform *p);
/* The guest thread whose entry the calling thread serves, or NULL. */
struct gthread *worker_serving(void);
int worker_init(struct platform *p);
/* Give a job to an idle worker, or to a new one. -EAGAIN: no thread could be made. */
int worker_assign(struct platform *p, const struct job *job);
/* Have another worker serve the entry *n* of *th*. Where none can be had the process is killed. */
void worker_serves(struct gthread *th, const struct seccomp_notif *n);
/* The role is free: give it to one that waits for an order, if there is one. l->lock is held. */
void listener_promote(struct listener *l);

/* route.c */
/*
 * Act on a notification. Returns the thread whose entry the caller has to serve, or NULL. With *nested* the caller
 * waits for something else: entries go to other workers.
 */
struct gthread *worker_dispatch(struct worker *w, struct listener *l, const struct seccomp_notif *n, bool nested);
/* Wait until wp->done; 0, or -ESRCH when *th*'s process has died. l->lock is held, and dropped in between. */
int worker_wait(struct listener *l, struct wait_point *wp, const struct gthread *th);
/* Wake whoever waits at *wp*; l->lock is held. */
void wait_point_wake(struct wait_point *wp);
/* Make the receiver look again; l->lock is held. */
void listener_kick(struct listener *l);
/* A held thread of *l* starts and may ring: somebody must receive. l->lock is held. */
void worker_started(struct worker *w, struct listener *l);
/* Make a worker leave RECV and look again. */
void worker_nudge(struct worker *w);
void workers_quit(struct platform *p);
/* Before the calling worker blocks: see to it that somebody receives. False: nobody could be found, try again soon. */
bool worker_release_role(struct worker *w);

/* listener and aspace.c */
struct listener *listener_new(struct platform *p, int fd);
void listener_put(struct listener *l);
void listener_add(struct listener *l, struct gthread *th); /* l->lock is held */
struct gthread *listener_find(struct listener *l, pid_t tid);
struct aspace *aspace_alloc(struct platform *p, struct listener *l, uint8_t *slots);
void aspace_publish(struct aspace *as, pid_t pid);
struct aspace *aspace_by_pid(struct platform *p, pid_t pid);
int aspace_slot_alloc(struct aspace *as);
void aspace_slot_free(struct aspace *as, unsigned nr, bool leaving);
/* A number for a descriptor in the stub. whole: of a file of which the guest may see all, so that the stub maps it unasked. */
int aspace_fd_alloc(struct aspace *as, bool whole);
void aspace_fd_free(struct aspace *as, unsigned fd);
struct rusage;
/* The host's account of it, when it has been reaped. */
void aspace_set_usage(struct aspace *as, const struct rusage *ru);
/* The process of *as* is gone (reaper). */
void aspace_died(struct aspace *as);
int slots_new(uint8_t **ret_map); /* returns the memfd */

/* gthread.c */
struct gthread *gthread_alloc(struct aspace *as, void *owner, unsigned slot_nr);
void gthread_attach(struct gthread *th, pid_t tid); /* l->lock held */
void gthread_detach(struct gthread *th);	    /* l->lock held */
/* Remember the frame named by a bell; -EPROTO if it is not in the thread's slot. */
int gthread_take_frame(struct gthread *th, const struct seccomp_notif *n);
void gthread_take_bases(struct gthread *th, const struct seccomp_notif *n);
/* Copy the registers from the frame. */
void gthread_load_regs(struct gthread *th);
/* Serve the entry *n* brought, call the client, answer. The thread's state is TH_LIGHT or TH_FULL already. */
void gthread_serve(struct worker *w, struct gthread *th, const struct seccomp_notif *n);
/* The last order of an entry has been executed. */
void gthread_drop_tail(struct gthread *th);
/* Answer the bell of a thread that shall go on, exit, or execute its last order. */
void gthread_answer(struct gthread *th);
void gthread_report_gone(struct gthread *th, bool unexpected);
void gthread_signal(struct gthread *th);
struct x86_ucontext *gthread_frame(struct gthread *th);
/* Our mapping of *len* bytes at *addr* of the stub, if they are in the thread's own stack; else NULL. */
void *gthread_in_stack(struct gthread *th, uint64_t addr, uint64_t len);
/* The gs base to load: the slot's address where the guest has none of its own. */
uint64_t gthread_gs_wanted(const struct gthread *th);
uint64_t gthread_slot_addr(const struct gthread *th); /* in the stub */
void gthread_store_regs(const struct gthread *th, struct x86_ucontext *uc);
/* From the first frame of the first stub: sizes and features of the extended state. */
int gthread_learn_xstate(struct platform *p, const uint8_t *slot, uint64_t uc_addr);

/*
 * orders.c: execute *n* orders; the descriptors are the stub's meanwhile. Returns 0 when they have been executed: the results are in
 * orders[].result, as the stub tells them.
 */
struct order_fd {
	int src;
	unsigned fd;
};
int orders_run(struct gthread *th, struct stub_order *orders, unsigned n, const struct order_fd *fds, unsigned n_fds);

/* stay.c: keep the thread in its entry, and with *both* the calling worker, on this processor; and let them go again, a child of its too. */
void stay_here(const struct gthread *th, bool both, struct stay *st);
void stay_no_more(const struct gthread *th, const struct gthread *child, const struct stay *st);
/* Answer the bell *id* of *th*: these files are put at their numbers, then its orders begin. 0 or a negative errno. */
int stay_and_give(struct gthread *th, uint64_t id, const struct order_fd *fds, unsigned n);

/* A call of *th* that NOTIF will show and that fits th->expect. l->lock is held. */
bool order_expected(struct gthread *th, const struct seccomp_notif *n);

/* poller.c */
void poller_init(struct platform *p);
/* *th* has rung for a call by the slot: is it time to poll? */
void poller_consider(struct gthread *th);
/* *th* starts: if there is a poller it looks at it from the first call on. */
void poller_join(struct gthread *th);
void poller_run(struct worker *w);
/* The poller goes to sleep in an entry: stop polling. */
void poller_stop(struct worker *w);
/* Serve the request in the slot of *th*; the poller's part of gthread_serve(). */
void gthread_serve_fast(struct worker *w, struct gthread *th);
/* Copy the request in the slot of *th*; false: it is none that comes by the slot. */
bool gthread_take_call(struct gthread *th);
/* A bit for each number below 64 * LIGHT_MAP that may come by the slot. */
void filter_light_map(uint64_t map[LIGHT_MAP]);
bool filter_may_continue(uint32_t nr);

/* platform.c: kill children that no address space knows, once no clone is under way. */
void platform_sweep(struct platform *p);

/* pool.c */
int pool_start_zygote(struct platform *p, const char **err);
/* Wait for the first stub. Returns 0 or a negative errno and a sentence in *err. */
int pool_await(struct platform *p, const char **err);
int pool_start_filler(struct platform *p);
/* A ready stub, made at once if there is none; NULL: none can be made. The caller frees it. */
struct ready_stub *pool_take(struct platform *p);
void pool_refill(struct platform *p);
void ready_stub_free(struct ready_stub *r);
void pool_transit(struct platform *p, int change);
void pool_stop(struct platform *p);

long futex_wait_word(_Atomic uint32_t *word, uint32_t value, int64_t deadline_ns);
void futex_wake_word(_Atomic uint32_t *word);
