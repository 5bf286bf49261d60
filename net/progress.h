/* SPDX-License-Identifier: MIT */
/* What a person sees on standard error while layers come: bars on a terminal, lines elsewhere. */
#ifndef PICKET_NET_PROGRESS_H
#define PICKET_NET_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_mode { PROGRESS_AUTO, PROGRESS_NONE, PROGRESS_PLAIN, PROGRESS_TTY };

enum bar_state {
	BAR_WAITING,
	BAR_SHARED, /* another process fetches it */
	BAR_LOADING,
	BAR_UNPACKING,
	BAR_DONE,
	BAR_EXISTS,
	BAR_FAILED,
};

struct progress;
struct bar;

/* "auto", "none", "plain" or "tty"; -1 if it is another word. */
int progress_mode_parse(const char *text, enum progress_mode *out);

struct progress *progress_new(enum progress_mode mode);

/* Draw the last state, stop the drawing thread, free. NULL is allowed. */
void progress_free(struct progress *p);

/* A headline before the bars. */
void progress_title(struct progress *p, const char *text);

/* Add a bar; call before progress_start. name: a few characters; it is cut. Bars live as long as the progress. */
struct bar *progress_add(struct progress *p, const char *name, uint64_t total);
void progress_start(struct progress *p);

/* From any thread. NULL is allowed. */
void bar_set_state(struct bar *b, enum bar_state state);
void bar_set(struct bar *b, uint64_t done);
void bar_add(struct bar *b, uint64_t more);

#endif
