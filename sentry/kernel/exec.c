/* SPDX-License-Identifier: MIT */
/* Running a new program. execve(2). */
#include "arch/arch.h"
#include "host/entropy.h"
#include "kernel/aio.h"
#include "kernel/exec.h"
#include "kernel/exec_args.h"
#include "kernel/exec_cred.h"
#include "kernel/report.h"
#include "kernel/futex.h"
#include "kernel/pid.h"
#include "kernel/robust.h"
#include "kernel/seccomp.h"
#include "kernel/syscall_work.h"
#include "kernel/task_internal.h"
#include "kernel/time.h"
#include "mm/elf.h"
#include "mm/map.h"
#include "vfs/vfs.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/stat.h>

#define SCRIPT_DEPTH_MAX 5
#define BINPRM_SIZE 256
#define STACK_MAP_MAX (64ull << 20)
#define STACK_MAP_MIN (256ull << 10)
#define BRK_RANDOM_PAGES 0x2000

struct exec_image { /* the new program, before the point of no return */
	struct aspace *as;
	struct gthread *th;
	struct mm *mm;
	struct elf_file file, interp_file; /* headers */
	struct file *interp_exe;	   /* held, or NULL */
	struct elf_image elf, interp;
	uint64_t sp, stack_top;
	bool too_late; /* what fails now kills: on Linux the old program is gone */
};

static int check_file(struct task *t, struct file *f)
{
	struct kstat st;
	int r = inode_getattr(f->inode, &st);

	if (r)
		return r;
	if (!S_ISREG(st.mode))
		return -EACCES;
	if (f->path.mnt && (f->path.mnt->flags & MS_NOEXEC))
		return -EACCES;
	r = inode_permission(t, f->inode, MAY_EXEC);
	return !r && f->inode->writers > 0 ? -ETXTBSY : r;
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

/* "#! interpreter [argument]": split in place. -ENOEXEC when malformed, as Linux. */
static int parse_shebang(char *line, char **interp, char **arg)
{
	char *nl = strchr(line, '\n'), *p, *e;

	if (nl)
		*nl = 0;
	else
		line[BINPRM_SIZE - 1] = 0;
	p = line + 2;
	p += strspn(p, " \t");
	if (!*p)
		return -ENOEXEC;
	e = p + strcspn(p, " \t");
	if (!nl && !*e && e - line >= BINPRM_SIZE - 1)
		return -ENOEXEC; /* the interpreter's name may have been cut off; at the end of a short file it is whole */
	*interp = p;
	*arg = NULL;
	if (!*e)
		return 0;
	*e++ = 0;
	e += strspn(e, " \t");
	if (!*e)
		return 0;
	*arg = e;
	for (p = e + strlen(e); p > e && (p[-1] == ' ' || p[-1] == '\t');)
		*--p = 0;
	return 0;
}

static int open_exec(struct task *t, const char *path, struct file **ret)
{
	struct open_how_args how = {.flags = O_RDONLY | VFS_O_EXEC};
	FILE_SCOPE f = NULL;
	int r = vfs_open(t, AT_FDCWD, path, &how, &f);

	if (!r)
		r = check_file(t, f);
	if (r)
		return r;
	*ret = f;
	f = NULL;
	return 0;
}

/* Follow "#!" lines until a binary stands in *f* (held, replaced). */
static int resolve_scripts(struct task *t, struct file **f, const char *path, struct exec_args *args)
{
	char buf[BINPRM_SIZE + 1], *interp, *arg;
	struct file *next;
	struct uio u;
	ssize_t n;
	int r;

	for (int depth = 0;; depth++) {
		memset(buf, 0, sizeof(buf));
		uio_init_kernel(&u, buf, BINPRM_SIZE);
		n = file_read(t, *f, &u, 0);
		if (n < 0)
			return (int)n;
		if (n < 2 || buf[0] != '#' || buf[1] != '!')
			return 0;
		if (depth == SCRIPT_DEPTH_MAX)
			return -ELOOP;
		r = parse_shebang(buf, &interp, &arg);
		if (!r && args->path_gone)
			r = -ENOENT;
		if (!r)
			r = exec_args_script(args, depth ? args->script_path : path, interp, arg);
		if (!r)
			r = open_exec(t, interp, &next);
		if (r)
			return r;
		file_put(*f);
		*f = next;
	}
}

/* --- the new address space ------------------------------------------------------------------------------------------ */

/* Where the stack goes: its place is random for each execve, and free but for bad luck. */
static void stack_item(struct task *t, struct exec_image *im, struct gthread_map *m)
{
	uint64_t limit = task_rlimit(t, RLIMIT_STACK), size = limit, top;
	uint32_t rnd = 0;

	if (size > STACK_MAP_MAX)
		size = limit == RLIM_INFINITY ? 8 << 20 : STACK_MAP_MAX;
	if (size < STACK_MAP_MIN)
		size = STACK_MAP_MIN;
	size = PAGE_UP(size);
	if (!(t->personality & ADDR_NO_RANDOMIZE))
		host_random(&rnd, sizeof(rnd));
	top = ((aspace_max(im->as) - (1ull << 20)) & PAGE_MASK_) - (uint64_t)(rnd % 0x10000) * PAGE_SIZE_;
	*m = (struct gthread_map){.kind = MAP_AT, .addr = top - size, .len = size, .host_fd = -1,
		.prot = PROT_READ | PROT_WRITE | (im->file.exec_stack ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_FIXED_NOREPLACE};
}

static int stack_mapped(struct exec_image *im, const struct gthread_map *m)
{
	im->stack_top = im->mm->stack_top = m->addr + m->len;
	im->mm->stack_low = m->addr;
	return mm_note_grows(im->mm, m->addr, im->stack_top);
}

static int map_stack(struct task *t, struct exec_image *im)
{
	struct gthread_map m;
	int64_t r = -ENOMEM;

	for (int i = 0; i < 16 && r < 0; i++) {
		stack_item(t, im, &m);
		r = gthread_mmap(im->th, m.addr, m.len, m.prot, m.flags, -1, 0);
	}
	return r < 0 ? (int)r : stack_mapped(im, &m);
}

struct auxv {
	uint64_t v[64];
	unsigned n;
};

static void aux(struct auxv *a, uint64_t type, uint64_t val)
{
	a->v[a->n++] = type;
	a->v[a->n++] = val;
}

static void fill_auxv(struct exec_image *im, const struct cred *c, bool secure, uint64_t random_at, uint64_t execfn,
		      uint64_t platform, struct auxv *a)
{
	if (aspace_vdso(im->as))
		aux(a, AT_SYSINFO_EHDR, aspace_vdso(im->as));
	if (aspace_fast_entry(im->as))
		aux(a, AT_PICKET_FASTCALL, aspace_fast_entry(im->as));
	aux(a, 51 /* AT_MINSIGSTKSZ */, getauxval(51) ? getauxval(51) : 2048);
	aux(a, AT_HWCAP, getauxval(AT_HWCAP));
	aux(a, AT_PAGESZ, PAGE_SIZE_);
	aux(a, AT_CLKTCK, 100);
	aux(a, AT_PHDR, im->elf.phdr);
	aux(a, AT_PHENT, sizeof(Elf64_Phdr));
	aux(a, AT_PHNUM, im->elf.phnum);
	aux(a, AT_BASE, im->interp_exe ? im->interp.base : 0);
	aux(a, AT_FLAGS, 0);
	aux(a, AT_ENTRY, im->elf.entry);
	aux(a, AT_UID, show_kuid(c->user_ns, c->uid));
	aux(a, AT_EUID, show_kuid(c->user_ns, c->euid));
	aux(a, AT_GID, show_kgid(c->user_ns, c->gid));
	aux(a, AT_EGID, show_kgid(c->user_ns, c->egid));
	aux(a, AT_SECURE, secure);
	aux(a, AT_RANDOM, random_at);
	aux(a, AT_HWCAP2, getauxval(AT_HWCAP2));
	aux(a, AT_EXECFN, execfn);
	aux(a, AT_PLATFORM, platform);
	aux(a, AT_NULL, 0);
}

#define WRITES_MAX (2 * ELF_ZERO_MAX + 1)

/* What is to be zeroed behind the segments; the number of bytes. */
static size_t image_zeros(const struct exec_image *im, struct guest_iovec *v, unsigned *n)
{
	size_t sum = 0;

	for (unsigned i = 0; i < im->elf.n_zero; i++)
		v[(*n)++] = (struct guest_iovec){im->elf.zero[i].addr, im->elf.zero[i].len};
	for (unsigned i = 0; im->interp_exe && i < im->interp.n_zero; i++)
		v[(*n)++] = (struct guest_iovec){im->interp.zero[i].addr, im->interp.zero[i].len};
	for (unsigned i = 0; i < *n; i++)
		sum += v[i].len;
	return sum;
}

/*
 * The initial stack, from the top: strings, random bytes, platform name; then auxv, envp, argv, argc at a 16-byte
 * boundary. Built in one buffer and written at once, with the zeros behind the segments.
 */
static int write_stack(struct exec_image *im, struct exec_args *args, const struct cred *c, bool secure)
{
	struct mm *mm = im->mm;
	uint64_t at, random_at, platform_at, strings_at = (im->stack_top - 16 - args->len) & ~15ull;
	size_t n_ptrs = 1 + args->argc + 1 + args->envc + 1, total;
	struct auxv a = {.n = 0};
	struct guest_iovec v[WRITES_MAX];
	unsigned n = 0;
	const size_t zeros = image_zeros(im, v, &n), pad = -zeros & 7;
	uint8_t *room, *buf;
	uint64_t *p;
	ssize_t r;

	random_at = strings_at - 16;
	platform_at = random_at - 16;
	fill_auxv(im, c, secure, random_at, strings_at + args->execfn_off, platform_at, &a);
	at = (platform_at - n_ptrs * 8 - a.n * 8) & ~15ull;
	total = strings_at + args->len - at;
	v[n++] = (struct guest_iovec){at, total};
	room = calloc(1, pad + zeros + total);
	if (!room)
		return -ENOMEM;
	buf = room + pad + zeros;
	p = (uint64_t *)(void *)buf;
	*p++ = args->argc;
	for (unsigned i = 0; i < args->argc; i++)
		*p++ = strings_at + args->argv[i];
	*p++ = 0;
	for (unsigned i = 0; i < args->envc; i++)
		*p++ = strings_at + args->envp[i];
	*p++ = 0;
	memcpy(p, a.v, a.n * 8);
	memcpy(mm->auxv, a.v, a.n * 8);
	mm->auxv_len = a.n * 8;
	memcpy(buf + (platform_at - at), ARCH_PLATFORM_NAME, sizeof(ARCH_PLATFORM_NAME));
	host_random(buf + (random_at - at), 16);
	memcpy(buf + (strings_at - at), args->buf, args->len);
	r = aspace_writev(im->as, v, n, buf - zeros, zeros + total);
	free(room);
	mm->arg_start = strings_at + args->arg_off;
	mm->arg_end = mm->env_start = strings_at + args->env_off;
	mm->env_end = strings_at + args->env_end_off;
	im->sp = at;
	mm->start_stack = at;
	return r == (ssize_t)(zeros + total) ? 0 : -EFAULT;
}

/* Everything about the files that the caller is told: nothing has been mapped, the old program can go on. */
static int read_files(struct task *t, struct file *f, struct exec_image *im)
{
	int r = elf_read(t, f, false, &im->file);

	if (r || !im->file.interp[0])
		return r;
	r = open_exec(t, im->file.interp, &im->interp_exe);
	if (r)
		return r;
	r = elf_read(t, im->interp_exe, true, &im->interp_file);
	return r == -ENOEXEC ? -ELIBBAD : r; /* a broken interpreter */
}

static int set_mm_ranges(struct task *t, struct exec_image *im, struct file *f)
{
	struct mm *mm = im->mm;
	uint32_t rnd = 0;
	int r = inode_deny_write(f->inode);

	if (r)
		return r;
	if (!(t->personality & ADDR_NO_RANDOMIZE))
		host_random(&rnd, sizeof(rnd));
	mm->start_code = im->elf.start_code;
	mm->end_code = im->elf.end_code;
	mm->start_data = im->elf.start_data;
	mm->end_data = im->elf.end_data;
	mm->start_brk = mm->brk = mm->brk_mapped = im->elf.end + (uint64_t)(rnd % BRK_RANDOM_PAGES) * PAGE_SIZE_;
	/*
	 * A static program at a fixed address that maps executable files is a translator (valgrind): it would take the jumps for the program's
	 * and not know what is where they lead.
	 */
	mm->own_text = im->file.h.e_type == ET_EXEC && !im->file.interp[0];
	mm->exe = f->path;
	path_get(&mm->exe);
	return 0;
}

/* Program, interpreter and stack in one list of orders. */
static int map_planned(struct task *t, struct exec_image *im, struct map_plan *p, unsigned interp)
{
	unsigned stack = p->n++;
	int r;

	stack_item(t, im, &p->m[stack]);
	r = gthread_map_list(im->th, p->m, p->n);
	for (unsigned i = 0; !r && i < stack; i++)
		r = p->m[i].result < 0 && p->m[i].kind != MAP_TRY ? (int)p->m[i].result : 0;
	if (!r)
		r = map_plan_twins(im->th, im->mm, p);
	if (!r)
		r = elf_planned(im->mm, &im->file, &p->m[0], &im->elf);
	if (!r && im->interp_exe)
		r = elf_planned(im->mm, &im->interp_file, &p->m[interp], &im->interp);
	if (r)
		return r;
	return p->m[stack].result < 0 ? map_stack(t, im) : stack_mapped(im, &p->m[stack]);
}

static int map_image(struct task *t, struct file *f, struct exec_image *im)
{
	struct map_plan *p = calloc(1, sizeof(*p));
	unsigned interp;
	int r;

	if (!p)
		return -ENOMEM;
	r = elf_plan(t, im->mm, f, &im->file, false, p);
	interp = p->n;
	if (!r && im->interp_exe)
		r = elf_plan(t, im->mm, im->interp_exe, &im->interp_file, true, p);
	if (!r)
		r = map_planned(t, im, p, interp);
	map_plan_end(p);
	free(p);
	if (r != -EAGAIN)
		return r;
	/* Not to be had by a list, nothing has been mapped yet: one by one. */
	r = elf_map(t, im->th, im->mm, f, &im->file, false, &im->elf);
	if (!r && im->interp_exe)
		r = elf_map(t, im->th, im->mm, im->interp_exe, &im->interp_file, true, &im->interp);
	return r ? r : map_stack(t, im);
}

static int build(struct task *t, struct file *f, struct exec_args *args, const struct exec_creds *ec,
		 struct exec_image *im)
{
	int r;

	im->too_late = true;
	r = map_image(t, f, im);
	if (!r)
		r = write_stack(im, args, ec->cred, ec->secure);
	if (!r)
		r = set_mm_ranges(t, im, f);
	if (r == -ETXTBSY)
		im->too_late = false; /* somebody has begun to write it meanwhile: as if that had been before */
	return r;
}

static void image_free(struct exec_image *im)
{
	elf_file_free(&im->file);
	elf_file_free(&im->interp_file);
	if (im->interp_exe)
		file_put(im->interp_exe);
	free(im);
}

static void discard(struct task *t, struct exec_image *im)
{
	if (im->th) {
		gthread_set_owner(im->th, NULL);
		aspace_kill(im->as);
		task_put(t);
	}
	if (im->mm)
		mm_put(im->mm);
	if (im->as)
		aspace_put(im->as);
}

/* --- the point of no return ------------------------------------------------------------------------------------------------ */

/* A thread that is not the leader becomes it: it takes over the process's number. */
static void become_leader(struct task *t)
{
	struct thread_group *tg = t->tg;
	struct kernel *k = t->kernel;
	struct thread_group *c;
	struct task *old;
	bool traced;

	lock_acquire(&k->tasklist_lock);
	old = tg->leader;
	if (old == t) {
		lock_release(&k->tasklist_lock);
		return;
	}
	pid_detach(k, t->tid);
	pid_replace(k, tg->pid, t);
	lock_acquire(&tg->siglock);
	io_counts_add(&t->tg->dead_io, &old->io);
	list_del(&old->tg_link);
	tg->leader = t;
	t->tid = tg->pid;
	traced = old->ptracer;
	list_for_each_entry(c, &tg->children, sibling)
		c->parent_tid = t->tid;
	t->made_children = true;
	t->exit_signal = old->exit_signal;
	old->state = TASK_DEAD;
	if (k->init == old)
		k->init = t;
	lock_release(&tg->siglock);
	if (traced)
		ptrace_forget_locked(old);
	lock_release(&k->tasklist_lock);
	task_put(old);
}

/* Another thread may be at the same place: only one of them gets further. */
static int unshare_sighand(struct thread_group *tg)
{
	struct sighand *s, *old;
	LOCK_SCOPE(&tg->siglock);

	old = tg->sighand;
	if (refs_read(&old->refs) == 1)
		return 0;
	s = sighand_copy(old);
	if (!s)
		return -ENOMEM;
	tg->sighand = s;
	sighand_put(old);
	return 0;
}

static int unshare_for_exec(struct task *t)
{
	struct thread_group *tg = t->tg;

	if (refs_read(&t->fds->refs) > 1) {
		struct fd_table *ft = fd_table_copy(t->fds), *shared = t->fds;

		if (!ft)
			return -ENOMEM;
		lock_acquire(&t->cred_lock);
		t->fds = ft;
		lock_release(&t->cred_lock);
		fd_table_put(t, shared);
	}
	return unshare_sighand(tg);
}

static void set_comm(struct task *t, const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	lock_acquire(&t->cred_lock);
	memset(t->comm, 0, sizeof(t->comm));
	strncpy(t->comm, base, sizeof(t->comm) - 1);
	lock_release(&t->cred_lock);
}

/* The task moves to its new address space; the old host thread goes back to a vfork parent, or dies with the old space. */
static void switch_mm(struct task *t, struct exec_image *im)
{
	struct mm *old = t->mm;
	struct gthread *old_th = t->th;

	if (old)
		usage_note_peak(t->kernel, old->as);
	tg_set_aspace(t->tg, im->as);
	lock_acquire(&t->tg->siglock);
	lock_acquire(&t->cred_lock);
	t->mm = im->mm;
	lock_release(&t->cred_lock);
	t->th = im->th;
	t->fast.th = NULL;
	lock_release(&t->tg->siglock);
	if (t->pinned)
		sched_apply_affinity(t);
	if (!old)
		return; /* the first program */
	vfork_complete(t);
	t->vfork_thread = old_th;
	if (vfork_give_back(t)) {
		atomic_fetch_sub(&old->n_groups, 1);
	} else {
		t->vfork_thread = NULL;
		gthread_set_owner(old_th, NULL);
		task_put(t);
		if (atomic_fetch_sub(&old->n_groups, 1) == 1)
			aspace_kill(old->as);
		else
			gthread_exit(old_th, 0);
	}
	mm_put(old);
}

static void start(struct task *t, struct exec_image *im)
{
	struct guest_regs regs = {0};

	regs.rip = im->interp_exe ? im->interp.entry : im->elf.entry;
	regs.rsp = im->sp;
	regs.eflags = 0x202;
	gthread_set_regs(im->th, &regs);
}

static int commit(struct task *t, struct file *f, const char *path, struct exec_image *im, struct exec_creds *ec)
{
	int r = unshare_for_exec(t);

	if (!r)
		r = group_kill_others(t);
	if (r)
		return r;
	cpu_exec(t);
	become_leader(t);
	start(t, im);
	im->mm->user_ns = ec->owner;
	user_ns_get(ec->owner);
	exec_creds_commit(t, ec);
	if (!ec->dumpable)
		t->tg->dumpable = false;
	t->personality &= ~ec->personality;
	if (ec->secure)
		t->pdeath_signal = 0;
	fd_table_close_on_exec(t, t->fds);
	signal_flush_handlers(t->tg);
	tg_posix_timers_free(t->tg);
	tg_aio_free(t->tg);
	robust_list_exit(t); /* in the old memory */
	futex_release_owned(t, false);
	t->sas_sp = t->sas_size = 0; /* said with the rest: it gets another host thread */
	t->clear_child_tid = 0;
	t->robust_list = 0;
	t->tg->exec_done = true;
	t->exit_signal = SIGCHLD;
	t->personality &= ~(unsigned)READ_IMPLIES_EXEC;
	set_comm(t, path);
	switch_mm(t, im);
	t->tg->dumpable = ec->dumpable; /* now that the old memory, and files that were to be closed, are out of reach */
	return 0;
}

static int prepare(struct task *t, struct file *f, struct exec_args *args, struct exec_image *im, struct exec_creds *ec)
{
	int r = read_files(t, f, im);

	if (!r)
		r = exec_creds_prepare(t, f, ec);
	if (r)
		return r;
	task_get(t);
	r = aspace_create(t->kernel->platform, t, &im->as, &im->th);
	if (r) {
		task_put(t);
		return r;
	}
	r = task_watch_exec(t, im->th);
	if (r)
		return r;
	im->mm = mm_alloc(t->kernel, im->as);
	if (!im->mm)
		return -ENOMEM;
	r = build(t, f, args, ec, im);
	if (!r) {
		im->too_late = false;
		mm_apply_limits(im->mm, t->tg);
	}
	return r;
}

/* Runs *f* in *t*. The caller's reference to f is replaced while "#!" lines are followed. */
static int64_t exec_file(struct task *t, struct file **f, const char *path, struct exec_args *args)
{
	struct exec_image *im = calloc(1, sizeof(*im));
	struct exec_creds ec = {0};
	struct file *script = *f;
	int r, old_tid = t->tid;

	if (!im)
		return -ENOMEM;
	file_get(script); /* what was asked for, not its interpreter */
	r = resolve_scripts(t, f, path, args);
	if (!r)
		r = exec_args_finish(args, path);
	if (!r)
		r = prepare(t, *f, args, im, &ec);
	if (!r)
		r = commit(t, *f, path, im, &ec);
	if (!r && t->kernel->report)
		report_program(t, script);
	file_put(script);
	if (r) {
		cred_put(ec.cred);
		discard(t, im);
		if (im->too_late && t->mm)
			group_exit_begin(t, SIGSEGV);
		image_free(im);
		return r;
	}
	ptrace_exec(t, old_tid);
	cpu_charge(t);
	r = task_start(t);
	aspace_put(im->as);
	image_free(im);
	return r;
}

int64_t do_execve(struct task *t, struct file *exe, const char *path, bool path_gone, uint64_t argv, uint64_t envp)
{
	struct exec_args args;
	struct file *f = exe;
	int64_t r = check_file(t, exe);

	if (r)
		return r;
	exec_args_init(&args, task_rlimit(t, RLIMIT_STACK));
	args.path_gone = path_gone;
	r = exec_args_from_guest(&args, t, argv, envp);
	file_get(f);
	if (!r)
		r = exec_file(t, &f, path, &args);
	file_put(f);
	exec_args_free(&args);
	return r;
}

int kernel_exec_file(struct task *t, struct file *f, const char *path, char *const *argv, char *const *envp)
{
	struct exec_args args;
	int64_t r = check_file(t, f);

	if (r)
		return (int)r;
	exec_args_init(&args, task_rlimit(t, RLIMIT_STACK));
	r = exec_args_from_strings(&args, argv, envp);
	file_get(f);
	if (!r)
		r = exec_file(t, &f, path, &args);
	file_put(f);
	exec_args_free(&args);
	return (int)r;
}

int kernel_exec_check(struct task *t, const char *path)
{
	struct file *f;
	int r = open_exec(t, path, &f);

	if (!r)
		file_put(f);
	return r;
}

int kernel_exec_first(struct task *t, const char *path, char *const *argv, char *const *envp)
{
	struct file *f;
	int r = open_exec(t, path, &f);

	if (r)
		return r;
	r = seccomp_begin(t);
	if (!r)
		r = kernel_exec_file(t, f, path, argv, envp);
	file_put(f);
	return r;
}
