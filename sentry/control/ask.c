/* SPDX-License-Identifier: MIT */
/* The keeper's questions: the frame, and the table of verbs. */
#include "control/ask.h"

#include "control/config.h"
#include "control/limits.h"
#include "control/report.h"
#include "control/control.h"
#include "kernel/kernel.h"
#include "lib/list.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW_STACK (512u << 10)

static const struct verb {
	const char *name;
	int (*fn)(struct ask *a);
	bool slow;		    /* it may wait: a thread of its own */
	unsigned min_fds, max_fds;
} verbs[] = {
	{"exec", ask_exec, .min_fds = 2, .max_fds = ASK_FDS_MAX},
	{"top", ask_top, .slow = true, .min_fds = 1, .max_fds = 1},
	{"pause", ask_pause, .slow = true},
	{"unpause", ask_unpause},
	{"stats", ask_stats, .slow = true},
	{"limits", ask_limits},
	{"report", ask_report, .slow = true, .min_fds = 1, .max_fds = 1},
};

struct work { /* of a slow verb's thread */
	struct ask ask;
	const struct verb *verb;
};

__attribute__((format(printf, 2, 0))) static void say(struct ask *a, const char *fmt, va_list ap)
{
	vsnprintf(a->text, sizeof(a->text), fmt, ap);
}

void ask_say(struct ask *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(a, fmt, ap);
	va_end(ap);
}

int ask_fail(struct ask *a, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(a, fmt, ap);
	va_end(ap);
	return err;
}

int ask_take_fd(struct ask *a, unsigned i)
{
	int fd;

	if (i >= a->n_fds)
		return -1;
	fd = a->fds[i];
	a->fds[i] = -1;
	return fd;
}

int ask_write(struct ask *a, unsigned i, const char *data, size_t len)
{
	while (i < a->n_fds && len) {
		ssize_t n = write(a->fds[i], data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static void close_fds(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void answer(struct ask *a, int r)
{
	char buf[CONFIG_MESSAGE_MAX];

	if (r < 0)
		snprintf(buf, sizeof(buf), "answer %lu error %d %s", a->number, -r, a->text[0] ? a->text : strerror(-r));
	else
		snprintf(buf, sizeof(buf), "answer %lu ok%s%s", a->number, a->text[0] ? " " : "", a->text);
	control_send_text(a->kernel, buf);
}

static void serve(struct work *w)
{
	struct ask *a = &w->ask;

	answer(a, w->verb->fn(a));
	close_fds(a->fds, a->n_fds);
	free(a->args);
	free(w);
}

static void *slow_thread(void *arg)
{
	serve(arg);
	return NULL;
}

int control_thread(void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, SLOW_STACK);
	/* Signals are blocked: we are on the host loop's thread, where all are. */
	r = pthread_create(&thread, &attr, fn, arg);
	pthread_attr_destroy(&attr);
	return -r;
}

static const struct verb *find_verb(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strlen(verbs[i].name) == len && !memcmp(verbs[i].name, name, len))
			return &verbs[i];
	return NULL;
}

static void refuse(struct kernel *k, unsigned long number, int r, const char *why)
{
	struct ask a = {.kernel = k, .number = number};

	ask_say(&a, "%s", why);
	answer(&a, r);
}

void ask_received(struct kernel *k, const char *text, const int *fds, unsigned n_fds)
{
	unsigned long number;
	const struct verb *v;
	struct work *w;
	int at = 0;
	size_t len;

	if (sscanf(text, "%lu %n", &number, &at) != 1 || !at) {
		close_fds(fds, n_fds);
		return;
	}
	text += at;
	len = strcspn(text, " ");
	v = find_verb(text, len);
	text += len + strspn(text + len, " ");
	if (!v || n_fds < v->min_fds || n_fds > v->max_fds) {
		refuse(k, number, v ? -EINVAL : -ENOSYS, v ? "wrong number of descriptors" : "unknown verb");
		close_fds(fds, n_fds);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (w)
		w->ask.args = strdup(text);
	if (!w || !w->ask.args) {
		free(w);
		refuse(k, number, -ENOMEM, "out of memory");
		close_fds(fds, n_fds);
		return;
	}
	w->verb = v;
	w->ask.kernel = k;
	w->ask.number = number;
	w->ask.n_fds = n_fds;
	memcpy(w->ask.fds, fds, n_fds * sizeof(*fds));
	if (!v->slow) {
		serve(w);
		return;
	}
	if (control_thread(slow_thread, w)) {
		refuse(k, number, -EAGAIN, "cannot make a thread");
		close_fds(w->ask.fds, n_fds);
		free(w->ask.args);
		free(w);
	}
}
