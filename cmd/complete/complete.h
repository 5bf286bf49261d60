/* SPDX-License-Identifier: MIT */
/*
 * What the shells offer at a TAB. The shells' functions (scripts.c) are thin: they call `picket __complete SHELL --
 * WORDS…`, whose last word is the one being typed, and which answers for all three shells alike.
 *
 * The first line of the answer is `words`, or `files N` or `dirs N` if the shell is to add names of files for what the
 * current word has behind its first N bytes. Then a line for each candidate, which replaces the whole word, with a
 * description behind a tab. A candidate that ends in : = or / is to be typed on.
 */
#ifndef PICKET_CMD_COMPLETE_H
#define PICKET_CMD_COMPLETE_H

#include <stdio.h>

#include "cmd/lib/str.h"
#include "cmd/table.h"

struct completion {
	FILE *out;
	bool bash;	   /* quotes are ours to set */
	bool described;	   /* the shell shows descriptions */
	const char *word;  /* the current word */
	size_t fixed;	   /* bytes of it that are not part of the value: "--user=" */
	const char *value; /* word + fixed */
	const struct cmd_spec *cmd;
	struct str_list args; /* the arguments before the current word; borrowed */
	const char *rootfs;   /* value of --rootfs, if there was one */
	const char *profile;  /* value of --profile, if there was one */
	const char *files;    /* NULL, "files" or "dirs" */
	size_t files_at;
};

/* Offer a candidate for the value, if it begins like it; `text` describes it (may be NULL). */
void offer(struct completion *c, const char *candidate, const char *text);

/* Offer each of the words parted by spaces. */
void offer_words(struct completion *c, const char *words);

/* Offer what a kind stands for; `choices` as in the option's row. */
void offer_kind(struct completion *c, enum complete_kind kind, const char *choices);

/* ---- live names (live.c) ---- */

void offer_images(struct completion *c);
void offer_volumes(struct completion *c);
void offer_mounts(struct completion *c);

/* minikube:IMAGE, for what may be fetched from there; asks minikube once that much is typed (minikube.c). */
void offer_minikube_images(struct completion *c);
void offer_profiles(struct completion *c);
void offer_nodes(struct completion *c);

/* Sandboxes of a kind (COMPLETE_SANDBOX, _RUNNING …), each with `suffix` behind its name. */
void offer_sandboxes(struct completion *c, enum complete_kind kind, const char *suffix);

/* ---- what is in an image or a sandbox (inside.c) ---- */

/* Paths in `subject` (an image, a sandbox, `host`) that begin with `path`; the candidate is what stands before it and a
 * path. */
void offer_paths_inside(struct completion *c, const char *subject, const char *before, const char *path);
void offer_users_inside(struct completion *c, const char *subject);
void offer_programs_inside(struct completion *c, const char *subject);

/* ---- the shells' side (scripts.c) ---- */

void print_bash_completion(FILE *out);
void print_zsh_completion(FILE *out);
void print_fish_completion(FILE *out);

#endif
