/* SPDX-License-Identifier: MIT */
/*
 * The system call trace. Calls that end write one line, "PID name(args) = result"; calls that may not come back (exit,
 * execve) are written when they begin.
 */
#include "kernel/trace.h"
#include "kernel/task.h"
#include "mm/mm.h"
#include "syscalls/syscalls.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_ 1024
#define STR_SHOWN 64

struct trace {
	int fd;
};

struct line {
	char buf[LINE_MAX_];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->buf + l->len, sizeof(l->buf) - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < sizeof(l->buf) - l->len ? (size_t)n : sizeof(l->buf) - l->len - 1;
}

static void flush(struct trace *tr, struct line *l)
{
	if (l->len == sizeof(l->buf) - 1)
		l->len--;
	l->buf[l->len++] = '\n';
	/* One write a line, so that lines of several workers do not mix; a full pipe loses trace, not the guest's time. */
	if (write(tr->fd, l->buf, l->len) < 0)
		return;
}

int trace_create(struct kernel *k, int fd)
{
	struct trace *tr = malloc(sizeof(*tr));

	if (!tr)
		return -ENOMEM;
	tr->fd = fd;
	k->trace = tr;
	k->observed = true;
	return 0;
}

/* A guest string, quoted; what is not printable is escaped, so that a guest cannot write into the user's terminal. */
static void put_str(struct line *l, struct task *t, uint64_t addr)
{
	char s[STR_SHOWN + 1];
	ssize_t n;

	if (!addr || !t->mm) {
		put(l, "NULL");
		return;
	}
	n = copy_in_str(t, s, addr, sizeof(s));
	if (n == -EFAULT) {
		put(l, "%#" PRIx64, addr);
		return;
	}
	put(l, "\"");
	for (ssize_t i = 0; i < (n < 0 ? STR_SHOWN : n); i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '"' || c == '\\')
			put(l, "\\%c", c);
		else if (isprint(c))
			put(l, "%c", c);
		else
			put(l, "\\x%02x", c);
	}
	put(l, n < 0 ? "\"..." : "\"");
}

static void put_arg(struct line *l, struct task *t, const char *kind, size_t n, uint64_t v)
{
#define IS(k) (n == sizeof(k) - 1 && !memcmp(kind, k, n))
	if (IS("str") || IS("path"))
		put_str(l, t, v);
	else if (IS("int") || IS("fd") || IS("pid") || IS("sig") || IS("clockid"))
		put(l, "%d", (int)v);
	else if (IS("dirfd"))
		put(l, (int)v == -100 ? "AT_FDCWD" : "%d", (int)v);
	else if (IS("uint"))
		put(l, "%u", (unsigned)v);
	else if (IS("mode"))
		put(l, "0%o", (unsigned)v);
	else if (IS("size") || IS("off") || IS("long"))
		put(l, "%" PRId64, (int64_t)v);
	else if (!v)
		put(l, IS("ptr") || IS("buf") || IS("timespec") || IS("sockaddr") || IS("iov") ? "NULL" : "0");
	else
		put(l, "%#" PRIx64, v);
#undef IS
}

static void put_call(struct line *l, struct task *t, const struct syscall_desc *d, const struct guest_syscall *c)
{
	const char *k = d ? d->args : "hex,hex,hex,hex,hex,hex";

	put(l, "%d ", t->tid);
	if (d)
		put(l, "%s(", d->name);
	else
		put(l, "syscall_%" PRIu64 "(", c->nr);
	for (int i = 0; i < 6 && *k; i++) {
		size_t n = strcspn(k, ", ");

		put_arg(l, t, k, n, c->args[i]);
		k += n;
		k += strspn(k, ", ");
		if (*k)
			put(l, ", ");
	}
	put(l, ")");
}

static bool may_not_return(const struct syscall_desc *d)
{
	return d && (!strncmp(d->name, "exit", 4) || !strncmp(d->name, "execve", 6) || !strcmp(d->name, "rt_sigreturn"));
}

void trace_enter(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c)
{
	struct line l = {.len = 0};

	if (!may_not_return(d))
		return;
	put_call(&l, t, d, c);
	flush(t->kernel->trace, &l);
}

void trace_leave(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c, int64_t ret)
{
	struct line l = {.len = 0};

	if (may_not_return(d) && ret >= 0)
		return;
	put_call(&l, t, d, c);
	if (errno_is_restart(ret))
		put(&l, " = ? (interrupted)");
	else if (ret < 0 && ret > -4096)
		put(&l, " = -1 %s (%s)", strerrorname_np((int)-ret) ? strerrorname_np((int)-ret) : "?", strerror((int)-ret));
	else if (ret >= 0 && ret < 1 << 20)
		put(&l, " = %" PRId64, ret);
	else
		put(&l, " = %#" PRIx64, (uint64_t)ret);
	if (!d)
		put(&l, " [unknown number]");
	else if (d->state == SYSCALL_NONE)
		put(&l, " [unsupported: %s]", d->reason);
	flush(t->kernel->trace, &l);
}

void trace_filter_kill(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c)
{
	struct line l = {.len = 0};

	put_call(&l, t, d, c);
	put(&l, " = ? (ended by its seccomp filter)");
	flush(t->kernel->trace, &l);
}

void trace_fault(struct task *t, const struct guest_fault *f)
{
	struct line l = {.len = 0};

	put(&l, "%d --- SIG%s code=%d addr=%#" PRIx64 " ---", t->tid, sigabbrev_np(f->signo) ? sigabbrev_np(f->signo) : "?",
	    f->code, f->addr);
	flush(t->kernel->trace, &l);
}
