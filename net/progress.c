/* SPDX-License-Identifier: MIT */
/* Progress bars: a thread redraws them ten times a second; the workers only store numbers. */
#include "progress.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NAME_WIDTH 12
#define REDRAW_MS 100

struct bar {
	char name[NAME_WIDTH + 1];
	uint64_t total;
	_Atomic uint64_t done;
	_Atomic int state;
	struct progress *progress;
	struct bar *next;
	/* of the drawing thread */
	double rate;
	uint64_t last;
};

struct progress {
	enum progress_mode mode;
	struct bar *bars, **tail;
	unsigned int count;
	struct timespec begin;
	double last_time;
	unsigned int lines; /* on the screen now */

	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* guards stop, and a plain line's wholeness */
	pthread_cond_t wake;
	bool stop;
};

static const char *const state_words[] = {
	[BAR_WAITING] = "waiting",
	[BAR_SHARED] = "waiting for another pull",
	[BAR_LOADING] = "",
	[BAR_UNPACKING] = "unpacking",
	[BAR_DONE] = "done",
	[BAR_EXISTS] = "already here",
	[BAR_FAILED] = "failed",
};

int progress_mode_parse(const char *text, enum progress_mode *out)
{
	static const char *const words[] = {"auto", "none", "plain", "tty"};

	for (int i = 0; i < 4; i++) {
		if (strcmp(text, words[i]))
			continue;
		*out = (enum progress_mode)i;
		return 0;
	}
	return -1;
}

static double seconds_since(const struct timespec *t)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - t->tv_sec) + (double)(now.tv_nsec - t->tv_nsec) / 1e9;
}

struct progress *progress_new(enum progress_mode mode)
{
	struct progress *p = calloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	if (!p)
		return NULL;
	if (mode == PROGRESS_AUTO)
		mode = isatty(2) && term && strcmp(term, "dumb") ? PROGRESS_TTY : PROGRESS_PLAIN;
	p->mode = mode;
	p->tail = &p->bars;
	clock_gettime(CLOCK_MONOTONIC, &p->begin);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	return p;
}

void progress_title(struct progress *p, const char *text)
{
	if (p && p->mode != PROGRESS_NONE)
		fprintf(stderr, "%s\n", text);
}

struct bar *progress_add(struct progress *p, const char *name, uint64_t total)
{
	struct bar *b = p ? calloc(1, sizeof(*b)) : NULL;

	if (!b)
		return NULL;
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->total = total;
	b->progress = p;
	*p->tail = b;
	p->tail = &b->next;
	p->count++;
	return b;
}

/* 12.3 MB, in decimal units as docker prints them. */
static const char *size_text(double bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	int unit = 0;

	while (bytes >= 1000 && unit < 4) {
		bytes /= 1000;
		unit++;
	}
	snprintf(buf, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return buf;
}

static void draw_line(
	const char *name, uint64_t done, uint64_t total, double rate, const char *word, unsigned int columns)
{
	char have[24], all[24], speed[24], gauge[64];
	unsigned int width = columns > 100 ? 40 : columns > 70 ? 20 : 8, full;

	if (columns < 62) {
		fprintf(stderr, "\r\033[2K%-*s %3.0f%%  %.*s\n", NAME_WIDTH, name,
			total ? 100.0 * (double)done / (double)total : 100.0, columns > 40 ? 16 : 0, word ? word : "");
		return;
	}
	full = total ? (unsigned int)((double)width * (double)(done > total ? total : done) / (double)total) : width;
	for (unsigned int i = 0; i < width; i++)
		gauge[i] = i < full ? '=' : i == full ? '>' : ' ';
	gauge[width] = '\0';
	size_text((double)done, have, sizeof(have));
	size_text((double)total, all, sizeof(all));
	size_text(rate, speed, sizeof(speed));
	fprintf(stderr, "\r\033[2K%-*s [%s] %9s / %-9s ", NAME_WIDTH, name, gauge, have, all);
	if (word && *word)
		fprintf(stderr, "%.*s\n", columns > 60 ? 24 : 8, word);
	else
		fprintf(stderr, "%s/s\n", speed);
}

static void terminal_size(unsigned int *rows, unsigned int *columns)
{
	struct winsize ws = {0};

	ioctl(2, TIOCGWINSZ, &ws);
	*rows = ws.ws_row ? ws.ws_row : 24;
	*columns = ws.ws_col ? ws.ws_col : 80;
}

/* Which bars are shown if the screen is too low: those at work first. */
static bool bar_shown(const struct bar *b, bool scarce)
{
	int state = atomic_load(&((struct bar *)(uintptr_t)b)->state);

	return !scarce || state == BAR_LOADING || state == BAR_UNPACKING || state == BAR_FAILED;
}

static void draw(struct progress *p)
{
	unsigned int rows, columns, lines = 0;
	uint64_t done = 0, total = 0;
	double now = seconds_since(&p->begin), span = now - p->last_time, rate = 0;
	bool scarce;

	terminal_size(&rows, &columns);
	scarce = p->count + 2 > rows;
	if (p->lines)
		fprintf(stderr, "\033[%uA", p->lines);
	for (struct bar *b = p->bars; b; b = b->next) {
		uint64_t have = atomic_load(&b->done);
		int state = atomic_load(&b->state);

		if (span > 0.01)
			b->rate += ((double)(have - b->last) / span - b->rate) * (span > 1 ? 1 : 0.2);
		b->last = have;
		rate += b->rate;
		done += state == BAR_EXISTS ? b->total : have;
		total += b->total;
		if (!bar_shown(b, scarce) || lines + 2 >= rows)
			continue;
		draw_line(
			b->name, state == BAR_EXISTS ? b->total : have, b->total, b->rate, state_words[state], columns);
		lines++;
	}
	if (p->count > 1) {
		char took[32];

		snprintf(took, sizeof(took), "%.1f s", now);
		draw_line("total", done, total, rate, done == total ? took : "", columns);
		lines++;
	}
	for (unsigned int i = lines; i < p->lines; i++)
		fputs("\r\033[2K\n", stderr);
	if (lines < p->lines)
		fprintf(stderr, "\033[%uA", p->lines - lines);
	p->lines = lines;
	p->last_time = now;
	fflush(stderr);
}

static void *draw_thread(void *arg)
{
	struct progress *p = arg;
	struct timespec until;

	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		draw(p);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p->wake, &p->lock, &until);
	}
	draw(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

void progress_start(struct progress *p)
{
	if (p && p->mode == PROGRESS_TTY && p->count)
		p->running = !pthread_create(&p->thread, NULL, draw_thread, p);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	if (p->running) {
		pthread_mutex_lock(&p->lock);
		p->stop = true;
		pthread_cond_signal(&p->wake);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
	}
	for (struct bar *b = p->bars, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(p);
}

void bar_set_state(struct bar *b, enum bar_state state)
{
	struct progress *p = b ? b->progress : NULL;
	char size[24];

	if (!b || atomic_exchange(&b->state, (int)state) == (int)state || p->mode != PROGRESS_PLAIN)
		return;
	pthread_mutex_lock(&p->lock);
	if (state == BAR_LOADING)
		fprintf(stderr, "%s: %s\n", b->name, size_text((double)b->total, size, sizeof(size)));
	else if (state != BAR_UNPACKING)
		fprintf(stderr, "%s: %s\n", b->name, state_words[state]);
	pthread_mutex_unlock(&p->lock);
}

void bar_set(struct bar *b, uint64_t done)
{
	if (b)
		atomic_store(&b->done, done);
}

void bar_add(struct bar *b, uint64_t more)
{
	if (b)
		atomic_fetch_add(&b->done, more);
}
