/* SPDX-License-Identifier: MIT */
/*
 * The verb `top`: all processes, from the sentry's tables. A line for each: user, effective user, group, effective
 * group, the text of /proc/PID/stat, the words of the command; parted by tabs. In front of them the second in which the
 * sandbox was started.
 */
#include "control/ask.h"

#include "fs/procfs_internal.h"

#include <errno.h>
#include <string.h>

#define COMMAND_MAX 4096

/* Guests choose these bytes: none may part columns or lines, or drive a terminal. */
static void make_plain(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = text[i] ? '?' : ' ';
}

static void show_stat(const struct kobj *o, struct seq *s)
{
	size_t from = s->len;

	proc_show_stat(NULL, o, s);
	if (s->failed)
		return;
	while (s->len > from && s->buf[s->len - 1] == '\n')
		s->len--;
	make_plain(s->buf + from, s->len - from);
}

static void show_command(const struct kobj *o, struct seq *s)
{
	struct seq c = {0};

	proc_show_cmdline(NULL, o, &c);
	if (!c.failed && c.len) {
		if (c.len > COMMAND_MAX)
			c.len = COMMAND_MAX;
		while (c.len && !c.buf[c.len - 1])
			c.len--;
		make_plain(c.buf, c.len);
		seq_write(s, c.buf, c.len);
	}
	seq_free(&c);
}

static int show_process(struct thread_group *tg, void *arg)
{
	struct kobj o = {.kernel = tg->kernel, .n = PROC_PROCESS, .pid_ns = tg->kernel->nsproxy->pid_for_children};
	struct seq *s = arg;
	struct cred *c;

	lock_acquire(&tg->kernel->tasklist_lock);
	o.task = tg->leader;
	if (o.task)
		task_get(o.task);
	lock_release(&tg->kernel->tasklist_lock);
	if (!o.task)
		return 0;
	c = task_cred_get(o.task);
	seq_printf(s, "%u\t%u\t%u\t%u\t", c->uid, c->euid, c->gid, c->egid);
	cred_put(c);
	show_stat(&o, s);
	seq_puts(s, "\t");
	show_command(&o, s);
	seq_puts(s, "\n");
	task_put(o.task);
	return s->failed ? -ENOMEM : 0;
}

int ask_top(struct ask *a)
{
	struct seq s = {0};
	int r;

	seq_printf(&s, "%lld\n", (long long)a->kernel->boot_realtime.tv_sec);
	tg_for_each(a->kernel, show_process, &s);
	r = s.failed ? -ENOMEM : ask_write(a, 0, s.buf, s.len);
	seq_free(&s);
	return r ? ask_fail(a, r, "cannot tell the processes: %s", strerror(-r)) : 0;
}
