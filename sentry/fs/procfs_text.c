/* SPDX-License-Identifier: MIT */
/* The smaller files of /proc/PID. proc(5). */
#include "fs/procfs_internal.h"

#include "kernel/time.h"
#include "lib/list.h"
#include "mm/vma.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define GUEST_TEXT_MAX (1u << 20) /* of cmdline and environ */

struct fd_table *proc_fds(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);
	if (t->fds)
		refs_get(&t->fds->refs);
	return t->fds;
}

struct fs_context *proc_fs(struct task *t)
{
	LOCK_SCOPE(&t->cred_lock);
	if (t->fs)
		refs_get(&t->fs->refs);
	return t->fs;
}

/* --- memory of the guest ------------------------------------------------------------------------------------------------------- */

/* Append [from, to) of the guest's memory, as far as it can be read. */
static void seq_guest(struct seq *s, struct mm *mm, uint64_t from, uint64_t to)
{
	char chunk[4096];

	if (to > from && to - from > GUEST_TEXT_MAX)
		to = from + GUEST_TEXT_MAX;
	while (from < to) {
		size_t n = to - from < sizeof(chunk) ? to - from : sizeof(chunk), done = 0;

		aspace_read(mm->as, from, chunk, n, &done);
		seq_write(s, chunk, done);
		if (done < n)
			return;
		from += n;
	}
}

/*
 * The arguments; when the program has written over the end of them (setproctitle), the text goes on into the environment up to
 * the first NUL.
 */
int proc_show_cmdline(struct task *v, const struct kobj *o, struct seq *s)
{
	struct mm *mm = task_mm_get(o->task);
	size_t start = s->len, len;

	if (!mm)
		return 0;
	seq_guest(s, mm, mm->arg_start, mm->arg_end);
	len = s->len - start;
	if (!s->failed && len && s->buf[s->len - 1] && mm->env_start == mm->arg_end) {
		char *nul = memchr(s->buf + start, 0, len);

		if (!nul) {
			seq_guest(s, mm, mm->env_start, mm->env_end);
			nul = s->failed ? NULL : memchr(s->buf + start, 0, s->len - start);
		}
		if (nul)
			s->len = (size_t)(nul - s->buf);
	}
	mm_put(mm);
	return 0;
}

int proc_show_environ(struct task *v, const struct kobj *o, struct seq *s)
{
	struct mm *mm = task_mm_get(o->task);

	if (!mm)
		return 0;
	seq_guest(s, mm, mm->env_start, mm->env_end);
	mm_put(mm);
	return 0;
}

int proc_show_auxv(struct task *v, const struct kobj *o, struct seq *s)
{
	struct mm *mm = task_mm_get(o->task);

	if (!mm)
		return 0;
	seq_write(s, mm->auxv, mm->auxv_len < sizeof(mm->auxv) ? mm->auxv_len : sizeof(mm->auxv));
	mm_put(mm);
	return 0;
}

static int show_maps(struct task *v, const struct kobj *o, struct seq *s, bool smaps)
{
	struct mm *mm = task_mm_get(o->task);
	char *text = NULL;
	ssize_t n;

	if (!mm)
		return 0;
	n = mm_show_maps(v, mm, smaps, &text);
	mm_put(mm);
	if (n < 0)
		return (int)n;
	seq_write(s, text, (size_t)n);
	free(text);
	return 0;
}

int proc_show_maps(struct task *v, const struct kobj *o, struct seq *s)
{
	return show_maps(v, o, s, false);
}

int proc_show_smaps(struct task *v, const struct kobj *o, struct seq *s)
{
	return show_maps(v, o, s, true);
}

static const char *const rollup_names[] = {
	"Rss", "Pss", "Pss_Dirty", "Pss_Anon", "Pss_File", "Pss_Shmem", "Shared_Clean", "Shared_Dirty", "Private_Clean",
	"Private_Dirty", "Referenced", "Anonymous", "KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped", "FilePmdMapped",
	"Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss", "Locked",
};

/* The sums of smaps' lines. */
int proc_show_smaps_rollup(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t sums[ARRAY_SIZE(rollup_names)] = {0};
	struct seq all = {0};
	uint64_t from = UINT64_MAX, to = 0;
	char *line, *save = NULL;
	int err = show_maps(v, o, &all, true);

	if (err || all.failed) {
		seq_free(&all);
		return err ? err : -ENOMEM;
	}
	for (line = all.buf ? strtok_r(all.buf, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');
		struct mm_vma vma;

		if (mm_vma_parse(line, &vma)) {
			from = vma.start < from ? vma.start : from;
			to = vma.kind == MM_VMA_VSYSCALL ? to : vma.end;
			continue;
		}
		for (size_t i = 0; colon && i < ARRAY_SIZE(rollup_names); i++)
			if ((size_t)(colon - line) == strlen(rollup_names[i]) &&
				!memcmp(line, rollup_names[i], (size_t)(colon - line)))
				sums[i] += strtoull(colon + 1, NULL, 10);
	}
	seq_free(&all);
	if (!to)
		return 0;
	seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0                          [rollup]\n", from, to);
	for (size_t i = 0; i < ARRAY_SIZE(rollup_names); i++)
		seq_printf(s, "%s:%*s%8lu kB\n", rollup_names[i], (int)(15 - strlen(rollup_names[i])), "", sums[i]);
	return 0;
}

/* --- names and numbers ------------------------------------------------------------------------------------------------------------ */

int proc_show_comm(struct task *v, const struct kobj *o, struct seq *s)
{
	char comm[TASK_COMM_LEN];

	lock_acquire(&o->task->cred_lock);
	memcpy(comm, o->task->comm, sizeof(comm));
	lock_release(&o->task->cred_lock);
	comm[TASK_COMM_LEN - 1] = 0;
	seq_printf(s, "%s\n", comm);
	return 0;
}

int proc_store_comm(struct task *v, const struct kobj *o, char *text, size_t len)
{
	if (v->tg != o->task->tg)
		return -EINVAL;
	LOCK_SCOPE(&o->task->cred_lock);
	memset(o->task->comm, 0, TASK_COMM_LEN);
	memcpy(o->task->comm, text, strnlen(text, len < TASK_COMM_LEN - 1 ? len : TASK_COMM_LEN - 1));
	return 0;
}

static const struct {
	const char *name, *unit;
} limits[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = {"Max cpu time", "seconds"},
	[RLIMIT_FSIZE] = {"Max file size", "bytes"},
	[RLIMIT_DATA] = {"Max data size", "bytes"},
	[RLIMIT_STACK] = {"Max stack size", "bytes"},
	[RLIMIT_CORE] = {"Max core file size", "bytes"},
	[RLIMIT_RSS] = {"Max resident set", "bytes"},
	[RLIMIT_NPROC] = {"Max processes", "processes"},
	[RLIMIT_NOFILE] = {"Max open files", "files"},
	[RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
	[RLIMIT_AS] = {"Max address space", "bytes"},
	[RLIMIT_LOCKS] = {"Max file locks", "locks"},
	[RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
	[RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	[RLIMIT_NICE] = {"Max nice priority", NULL},
	[RLIMIT_RTPRIO] = {"Max realtime priority", NULL},
	[RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void seq_limit(struct seq *s, uint64_t v)
{
	if (v == RLIM_INFINITY)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", v);
}

int proc_show_limits(struct task *v, const struct kobj *o, struct seq *s)
{
	struct rlimit_pair rl[RLIM_NLIMITS];

	lock_acquire(&o->task->tg->limits_lock);
	memcpy(rl, o->task->tg->rlim, sizeof(rl));
	lock_release(&o->task->tg->limits_lock);
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		seq_printf(s, "%-25s ", limits[i].name);
		seq_limit(s, rl[i].cur);
		seq_limit(s, rl[i].max);
		if (limits[i].unit)
			seq_printf(s, "%-10s", limits[i].unit);
		seq_puts(s, "\n");
	}
	return 0;
}

/* No block device is ever asked: the last three are zero. */
int proc_show_io(struct task *v, const struct kobj *o, struct seq *s)
{
	struct io_counts sum = {0};
	struct task *t;

	if (v && !task_may_inspect(v, o->task))
		return -EACCES;
	lock_acquire(&o->kernel->tasklist_lock);
	if (o->n == PROC_PROCESS) {
		io_counts_add(&sum, &o->task->tg->dead_io);
		list_for_each_entry(t, &o->task->tg->threads, tg_link)
			io_counts_add(&sum, &t->io);
	} else {
		io_counts_add(&sum, &o->task->io);
	}
	lock_release(&o->kernel->tasklist_lock);
	seq_printf(s, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", sum.rchar, sum.wchar, sum.syscr, sum.syscw);
	seq_puts(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}

int proc_show_wchan(struct task *v, const struct kobj *o, struct seq *s)
{
	const char *why = v && !task_may_inspect(v, o->task) ? NULL : o->task->block_reason;

	seq_puts(s, why && o->task->state == TASK_SLEEPING ? why : "0");
	return 0;
}

/* The host's stacks are nobody's business; Linux asks for CAP_SYS_ADMIN in the first user namespace, which is not the sandbox's. */
int proc_show_stack(struct task *v, const struct kobj *o, struct seq *s)
{
	return -EACCES;
}

int proc_show_personality(struct task *v, const struct kobj *o, struct seq *s)
{
	if (v && !task_may_inspect(v, o->task))
		return -EPERM;
	seq_printf(s, "%08x\n", o->task->personality);
	return 0;
}

int proc_show_schedstat(struct task *v, const struct kobj *o, struct seq *s)
{
	seq_printf(s, "%lu 0 %lu\n", task_cpu_ns(o->task), o->task->nvcsw + 1);
	return 0;
}

int proc_show_syscall(struct task *v, const struct kobj *o, struct seq *s)
{
	uint64_t nr = o->task->syscall_nr;

	if (v && !task_may_inspect(v, o->task))
		return -EPERM;
	if (nr == UINT64_MAX)
		seq_puts(s, "running\n");
	else
		seq_printf(s, "%lu 0x0 0x0 0x0 0x0 0x0 0x0 0x0 0x0\n", nr);
	return 0;
}
