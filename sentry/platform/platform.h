/* SPDX-License-Identifier: MIT */
/*
 * The platform: how guest code runs. One *aspace* per guest address space, one *gthread* per guest thread. The first
 * implementation is stubs (sentry/platform/stub): an aspace is a host process, a gthread a host thread in it.
 *
 * A guest thread *enters* the sentry by a system call, a fault or an interrupt. The platform calls client->entry() for it on
 * one of its worker threads, and resumes the guest when entry() returns. Between entry and return the guest thread stands
 * still, so its state belongs to the callee. entry() may sleep, but only in platform_sleep(), or in host calls inside
 * platform_host_block_begin()/end(): these hand the worker's other duties (receiving, polling) to another worker.
 *
 * Entries are *light* (a plain system call: number and arguments only, only a return value goes back) or *full* (all
 * registers known and settable, orders possible). Always full: clone, clone3, fork, vfork, execve, execveat, exit,
 * exit_group, rt_sigreturn, brk, mmap that is not private anonymous, mremap/munmap/mprotect/madvise outside what the filter
 * lets the guest do natively, msync, shmat, shmdt, arch_prctl on the bases but ARCH_SET_FS (native), vsyscalls, faults,
 * interrupts. To turn a light entry into a full one, call gthread_reenter(): the guest thread then enters again, before it
 * runs one more instruction of its own, with ENTRY_INTERRUPT and full registers (rax as replied).
 */
#pragma once

#include "arch/arch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct platform;
struct aspace;
struct gthread;

enum entry_kind {
	ENTRY_SYSCALL,	 /* entry.call is set; full says whether registers are known */
	ENTRY_FAULT,	 /* entry.fault is set; always full */
	ENTRY_INTERRUPT, /* gthread_interrupt() or gthread_reenter(); always full */
	ENTRY_FAILED,	 /* the last act of the entry before, which was to be told if it failed, has failed: full */
	ENTRY_START,	 /* the first entry of a new gthread (exec, fork child, thread): full; registers are as given */
};

struct guest_fault {
	int signo;	/* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP */
	int code;	/* si_code of the host's siginfo */
	uint64_t addr;	/* si_addr */
	uint64_t trapno, error_code; /* for the guest's sigcontext */
};

struct guest_entry {
	enum entry_kind kind;
	bool full;
	bool after_syscall; /* ENTRY_INTERRUPT caused by gthread_reenter() */
	bool polled;	    /* served by the poller: one of many short ones */
	struct guest_syscall call;
	struct guest_fault fault;
};

struct platform_client {
	/*
	 * Serve one entry of *th*, whose owner (gthread_owner()) is the guest task. For a light system call the return value
	 * is what the guest gets in rax. For full entries the registers as left by gthread_set_regs() are loaded; for a full
	 * *system call* entry the return value is stored to rax too, unless gthread_set_regs() was called after the entry.
	 */
	int64_t (*entry)(struct gthread *th, const struct guest_entry *e);
	/*
	 * The host thread of *th* is gone: ordered exit, or death of the stub (killed by the host, out of memory, a breach of
	 * protocol). Called once per gthread, from a worker, never during its entry(). The client drops its pointer.
	 */
	void (*thread_gone)(struct gthread *th, bool unexpected);
	/*
	 * The stub of *th* has died while its entry() runs: make entry() return soon, as SIGKILL would (thread_gone() follows
	 * then). Called from a platform thread, perhaps while entry() sleeps; *th* stays valid during the call. May be NULL.
	 */
	void (*thread_dying)(struct gthread *th);
};

struct platform_options {
	int proc_fd;	    /* /proc of the stubs' pid namespace, or -1 */
	unsigned pool_size; /* ready stubs kept */
	bool poller;	    /* allow the poller */
	int names_fd;	    /* the table of names that stubs map (stub/names.h; vfs/names_table.h), or -1; platform_start() closes it */
	bool no_waitv;	    /* nobody may call futex_waitv(2): it is not native, but comes as a full entry */
};

/*
 * Begin to make the platform: load the stub into a sealed memfd, start the zygote; a thread of its own prepares the pool. Call before the sentry locks
 * itself down by seccomp, but after it has restricted itself by landlock (the stubs must be in the same domain or a nested
 * one, or their memory cannot be read), and before other threads exist. All children of the process are reaped by the
 * platform from then on. Returns 0 or a negative errno, and a sentence in *err (static text) on failure.
 */
int platform_start(const struct platform_options *opt, const struct platform_client *client, struct platform **ret_p,
		   const char **err);
/* Wait until there is a stub, before anything else is asked of the platform. Returns 0, or a negative errno and a sentence in *err. */
int platform_await(struct platform *p, const char **err);
/* Both. */
int platform_create(const struct platform_options *opt, const struct platform_client *client, struct platform **ret_p,
		    const char **err);
/* Kill every stub and wait until they are gone. */
void platform_destroy(struct platform *p);

/* --- sleeping ---------------------------------------------------------------------------------------------------- */

/* Where a guest task's worker sleeps; one per task, embedded. Woken from anywhere, any thread, also under wait-queue locks. */
struct listener;
struct platform_waker {
	_Atomic uint32_t word;
	struct listener *home; /* the platform's: whom the sleeper works for */
};

/*
 * Sleep until platform_wake() has been called since the last platform_sleep() returned, or until CLOCK_MONOTONIC reaches
 * *deadline_ns* (-1: for ever). Returns 0 when woken, -ETIMEDOUT. Spurious returns of 0 are allowed.
 */
int platform_sleep(struct platform *p, struct platform_waker *w, int64_t deadline_ns);
void platform_wake(struct platform_waker *w);
/*
 * The entry that the calling thread serves is about to sleep on *w* for the first time and has done nothing that doing it again would
 * do twice. True: it had better not sleep, but come to its end as if it were interrupted; its result is dropped, unless it is not
 * negative, and the call comes once more (docs/fastpath.md). False: sleep.
 */
bool platform_give_up(struct platform *p, const struct platform_waker *w);
/* Has the present entry been told so? */
bool platform_gave_up(struct platform *p);
/* The owner of the guest thread whose entry the calling thread serves, or NULL. */
void *platform_current(struct platform *p);
/* Bracket a host call that may take long (disk, fsync, connect) so that other guests are served meanwhile. Cheap when nobody else is there. */
void platform_host_block_begin(struct platform *p);
void platform_host_block_end(struct platform *p);

/* --- address spaces ----------------------------------------------------------------------------------------------- */

/*
 * Take a ready stub: an empty address space. *owner* is the client's cookie for its first thread (see gthread_owner()).
 * The first gthread is returned *held*: it starts when gthread_start() is called.
 */
int aspace_create(struct platform *p, void *owner, struct aspace **ret_as, struct gthread **ret_th);
void aspace_get(struct aspace *as);
void aspace_put(struct aspace *as);
/* SIGKILL the stub; thread_gone() follows for each gthread. Idempotent. */
void aspace_kill(struct aspace *as);
/* The host's limit RLIMIT_AS or RLIMIT_DATA of the stub itself, in bytes (RLIM_INFINITY: none). 0 or a negative errno. */
int aspace_limit(struct aspace *as, int resource, uint64_t bytes);
/*
 * What the guest of a stub that has died by itself is said to have died of: SIGSEGV where the host could not go on with its memory (an
 * unmapped rseq area), else SIGKILL.
 */
int aspace_death_signal(struct aspace *as);
/* Has the stub ended? */
bool aspace_is_dead(struct aspace *as);
/*
 * What the host counted for a stub, told when it has been reaped: a moment after its death. Asking and reading need no lock; sizes in
 * KiB.
 */
struct aspace_usage {
	uint64_t max_rss, min_flt, maj_flt, nvcsw, nivcsw;
};
struct usage_final;
struct usage_final *aspace_usage_get(struct aspace *as); /* a reference */
struct usage_final *usage_final_ref(struct usage_final *f);
void usage_final_put(struct usage_final *f);		   /* NULL allowed */
bool usage_final_read(struct usage_final *f, struct aspace_usage *ret); /* false: it has not been reaped */
/* Lowest and highest (exclusive) guest address; the vdso's base as mapped by the host (AT_SYSINFO_EHDR), 0 if none. */
uint64_t aspace_min(struct aspace *as);
uint64_t aspace_max(struct aspace *as);
uint64_t aspace_vdso(struct aspace *as);
/*
 * stub_site, where rewritten call sites jump to (docs/fastpath.md), or 0 where the processor lacks what it needs; the value of the
 * private auxiliary vector entry AT_PICKET_FASTCALL.
 */
#define AT_PICKET_FASTCALL 0x70696b65
uint64_t aspace_fast_entry(struct aspace *as);
/* Host pid of the stub in the sandbox's pid namespace, for the proc_fd directory. */
pid_t aspace_host_pid(struct aspace *as);

/*
 * Copy from/to guest memory, honouring page protection. Return 0, or -EFAULT when not all bytes could be copied
 * (*done, if not NULL, tells how many were). Any address is allowed as input; the stub's own range is refused.
 */
int aspace_read(struct aspace *as, uint64_t addr, void *buf, size_t len, size_t *done);
int aspace_write(struct aspace *as, uint64_t addr, const void *buf, size_t len, size_t *done);
/*
 * Of what the window of the call that is being served holds from *addr* on, at most *max* bytes; 0: nothing. For strings, whose length nobody
 * knows before.
 */
size_t aspace_read_window(struct aspace *as, uint64_t addr, void *buf, size_t max);
/* Vectored forms for read/write calls: guest ranges on one side, sentry memory on the other; return bytes or -EFAULT. */
struct guest_iovec {
	uint64_t base;
	uint64_t len;
};
ssize_t aspace_readv(struct aspace *as, const struct guest_iovec *giov, size_t n, void *buf, size_t len);
ssize_t aspace_writev(struct aspace *as, const struct guest_iovec *giov, size_t n, const void *buf, size_t len);

/* --- guest threads -------------------------------------------------------------------------------------------------- */

void *gthread_owner(struct gthread *th);
/* Another task takes the thread over (vfork's child plays on its parent's host thread, and gives it back). */
void gthread_set_owner(struct gthread *th, void *owner);
struct aspace *gthread_aspace(struct gthread *th);
pid_t gthread_host_tid(struct gthread *th);

/* Registers; only inside a full entry or before gthread_start(). */
void gthread_get_regs(struct gthread *th, struct guest_regs *regs);
/* Flags, segments and a non-canonical rip are sanitised. fs_base/gs_base are loaded only if changed. */
void gthread_set_regs(struct gthread *th, const struct guest_regs *regs);
int gthread_get_xstate(struct gthread *th, struct guest_xstate *xs);
int gthread_set_xstate(struct gthread *th, const struct guest_xstate *xs); /* -EINVAL: not loadable */

/* Let a held gthread run: it loads its registers and goes on in the guest (no ENTRY_START is reported for it). */
int gthread_start(struct gthread *th);
/* Make the guest thread enter soon with ENTRY_INTERRUPT; any thread may call it, also when it is already inside. */
void gthread_interrupt(struct gthread *th);
/* Whether *th* is inside a full entry; its own worker asks. */
bool gthread_full(const struct gthread *th);
/* Inside a light entry: come back with full registers right behind this system call. */
void gthread_reenter(struct gthread *th);

/*
 * Orders: host calls that the stub thread makes for us inside its own address space, synchronous, inside a full entry.
 * Return the host's result (a negative errno on failure). Addresses and lengths must lie in [aspace_min, aspace_max). mmap
 * refuses MAP_LOCKED, MAP_GROWSDOWN and MAP_HUGETLB with -EINVAL: the filter knows no such mappings.
 */
/*
 * Beside mmap's flags: the guest may see all of the file by *host_fd* (it has it open for reading, and what it has open is the whole
 * host file). A private mapping is then made by the stub without a question.
 */
#define GTHREAD_MAP_WHOLE 0x40000000u
int64_t gthread_mmap(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags, int host_fd, uint64_t off);
int64_t gthread_munmap(struct gthread *th, uint64_t addr, uint64_t len);
/* Map *len* bytes of a file read-only where only the stub looks (kernel/views.h), in place *i* of the thread. Its address, or 0. */
uint64_t gthread_map_view(struct gthread *th, unsigned i, uint64_t len, int host_fd, uint64_t off);
/* Shrinks and moves; *new_len* above *old_len* is -EINVAL. */
int64_t gthread_mremap(struct gthread *th, uint64_t addr, uint64_t old_len, uint64_t new_len, int flags, uint64_t new_addr);
int64_t gthread_mprotect(struct gthread *th, uint64_t addr, uint64_t len, int prot);
int64_t gthread_madvise(struct gthread *th, uint64_t addr, uint64_t len, int advice);
int64_t gthread_msync(struct gthread *th, uint64_t addr, uint64_t len, int flags);
/* remap_file_pages(2): another window of a shared mapping's file; such a file is the guest's as a whole. */
int64_t gthread_remap_pages(struct gthread *th, uint64_t addr, uint64_t len, uint64_t pgoff, int flags);
/* mincore(2) of at most MINCORE_MAX pages: their bytes go to *vec*. 0 or a negative errno. */
#define MINCORE_MAX 1024u
int64_t gthread_mincore(struct gthread *th, uint64_t addr, unsigned pages, uint8_t *vec);
/* FUTEX_WAKE (shared and private are tried both) at *addr* in the guest. */
int64_t gthread_futex_wake(struct gthread *th, uint64_t addr, int count);

/*
 * Several mappings at once, in an address space whose first thread has not been started. MAP_AT: at *addr*. MAP_BASE: the same, and its
 * result is the base of the following ones. MAP_FROM_BASE: at the base plus *addr*. MAP_HOLE: what was mapped there goes. Where one with
 * a base fails the later ones of these kinds are not made, but for MAP_TRY: as MAP_FROM_BASE, if it can be had. A file is mapped privately. Returns 0 when all results are known,
 * or a negative errno.
 */
struct gthread_map {
	enum { MAP_AT, MAP_BASE, MAP_FROM_BASE, MAP_HOLE, MAP_TRY } kind;
	int prot, flags;
	int host_fd; /* -1: none */
	uint64_t addr, len, off;
	int64_t result; /* the address, or a negative errno */
};
#define GTHREAD_MAPS_MAX 60u
int gthread_map_list(struct gthread *th, struct gthread_map *m, unsigned n);
/*
 * Inside a full entry: two private mappings of one file of which the guest may see all (GTHREAD_MAP_WHOLE), at fixed places; the second is made only where
 * the first succeeded. 0 and both results, or a negative errno; -EMFILE: by gthread_mmap() instead.
 */
int gthread_map_two(struct gthread *th, struct gthread_map m[2]);

/*
 * See every system call of the address space from now on: also those that the guest makes natively otherwise (private anonymous mmap,
 * munmap, mprotect, madvise, mremap, futex, sched_yield, ARCH_SET_FS) come as full entries. For all its threads and for what
 * they fork; it stays until the address space goes. Idempotent. Inside a full entry, or before gthread_start(). Returns 0 or a
 * negative errno (-EIO: the stub did not do it).
 */
int gthread_watch_all(struct gthread *th);
/* Is *nr* one of these calls (whatever its arguments are)? */
bool platform_call_is_native(uint32_t nr);
bool aspace_watched(struct aspace *as);
/*
 * The address of a system call instruction from which futex(2) is native also in a watched address space, with a trap (SIGILL)
 * right behind it: a full entry may send its thread there and finds the result in rax when the trap comes.
 */
uint64_t aspace_native_call(struct aspace *as);

/*
 * Put *new* at *addr* if *old* is there, atomically; what was there goes to *ret_old*. 0 or -EFAULT (also where the guest may not
 * write). A guest that unmaps the word at the same time ends its own process.
 */
int gthread_cmpxchg32(struct gthread *th, uint64_t addr, uint32_t old, uint32_t new_value, uint32_t *ret_old);

/*
 * As gthread_mmap() & co. but as the *last* act of this entry: the guest's rax is the host's result, without coming
 * back. Use when the sentry keeps no record of the result (saves a round trip). entry()'s return value is then ignored.
 */
void gthread_tail_mmap(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags, int host_fd, uint64_t off);
/*
 * A last act whose result is not the guest's: entry()'s return value is, unless the host fails; then the thread enters again with
 * ENTRY_FAILED before it runs on, and that entry's return value is what the guest gets. Private anonymous memory; munmap.
 */
void gthread_tail_anon(struct gthread *th, uint64_t addr, uint64_t len, int prot, int flags);
void gthread_tail_munmap(struct gthread *th, uint64_t addr, uint64_t len);
/*
 * If a last act is pending, do it now, because the guest does not go on as was thought (a signal is delivered, a tracer looks): its
 * result goes to *ret.
 */
enum gthread_settled {
	SETTLED_NOTHING, /* there was none */
	SETTLED_RESULT,	 /* the result is the guest's */
	SETTLED_CHECK,	 /* the client's: of gthread_tail_anon(), gthread_tail_munmap() */
};
enum gthread_settled gthread_settle(struct gthread *th, int64_t *ret);

/*
 * rseq(2): the host registers the guest's area for this host thread. Last act of the entry, as above, or of a light entry of just this
 * call; the caller has checked that the area is the guest's and that none is registered. At its end the thread lets go of it before
 * clear_tid is written.
 */
struct gthread_rseq {
	uint64_t addr; /* 0: none */
	uint32_t len, sig;
};
void gthread_tail_rseq(struct gthread *th, const struct gthread_rseq *rs); /* addr 0: the present one goes */
const struct gthread_rseq *gthread_rseq(struct gthread *th);
/* membarrier(2) on the threads of this address space, with arguments that the caller knows. Last act, as above. */
void gthread_tail_membarrier(struct gthread *th, int cmd, unsigned flags, int cpu);

/*
 * fork without CLONE_VM: a copy of the address space with one thread, whose registers are those of *th* now (rax 0).
 * The child is held until gthread_start(). Only inside a full entry.
 */
int gthread_fork(struct gthread *th, void *owner, struct aspace **ret_as, struct gthread **ret_th);
/* A new thread in the same address space; registers and xstate are copies of *th*'s, fs_base set if set_fs. Held until started. */
int gthread_clone(struct gthread *th, void *owner, struct gthread **ret_th);
/*
 * gthread_fork() and gthread_clone() return the new thread with a reference of the caller's: it may be killed, and reported gone, before
 * it is started. Dropped with this, once the caller has started it and keeps no pointer that thread_gone() does not clear.
 */
void gthread_get(struct gthread *th);
void gthread_put(struct gthread *th);

/*
 * End the guest thread at the end of this full entry: the stub stores 0 at *clear_tid* (if not 0) and wakes its futex,
 * then exits. thread_gone() follows.
 */
void gthread_exit(struct gthread *th, uint64_t clear_tid);

/* Counters for stats, trace and the benchmarks. */
struct platform_stats {
	uint64_t light, full, polled, interrupts, faults, stubs_made, orders;
};
void platform_get_stats(struct platform *p, struct platform_stats *st);
