/* SPDX-License-Identifier: MIT */
/* --report: what a run has touched, as the sentry tells it (docs/scripts.md). */
#ifndef PICKET_CMD_REPORT_H
#define PICKET_CMD_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cmd/run/launch.h"

/* The most that is read of a report, in bytes: as REPORT_SIZE_MAX of the sentry. */
#define REPORT_READ_MAX (4u << 20)

/* Check the option's value: "", "text", "json", or one of them and ":FILE". 0, or EXIT_PICKET after a complaint. */
int report_check(const char *option, bool detach);

/*
 * A memory file for the sentry to write to, where a report is asked for and *fd is 0; shared by the keeper and the caller who waits for the end.
 * 0, or EXIT_PICKET after a complaint.
 */
int report_open(const char *option, int *fd);

/* Write the record of a start; what an earlier one has left is dropped. 0, or EXIT_PICKET after a complaint. */
int report_prepare(struct launch *l, const char *option, int *fd);

/*
 * After the end: show the report that is in fd (0: none), with the run's exit status: the caller on standard error, the keeper in the option's
 * file; the other one does nothing. 0, or -1 after a complaint.
 */
enum report_teller { REPORT_OF_CALLER, REPORT_OF_KEEPER };
int report_show(int fd, const char *option, enum report_teller teller, int status);

/* One report for people. `r` is checked: an object of arrays of objects. report_text.c */
void report_text(FILE *out, const json_t *r);

#endif
