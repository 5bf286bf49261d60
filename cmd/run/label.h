/* SPDX-License-Identifier: MIT */
/* What an entry gets beside what runs: labels, and a file that its id is written to. */
#ifndef PICKET_CMD_LABEL_H
#define PICKET_CMD_LABEL_H

#include "cmd/commands.h"

/*
 * The labels of a sandbox as NAME=VALUE: the image's (NULL-terminated, may be NULL), then those of --label-file and --label.
 * 0, or EXIT_PICKET after a complaint.
 */
int collect_labels(const struct run_options *o, char *const *image, struct str_list *labels);

/* Make the new file of --cidfile. Its descriptor; -1 if `path` is NULL, -2 after a complaint. */
int open_cidfile(const char *path);

#endif
