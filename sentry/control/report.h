/* SPDX-License-Identifier: MIT */
/* The report of a run (kernel/report.h) towards the keeper: at the end, and when it asks. */
#pragma once

struct ask;
struct kernel;

/* Where a report is made: look at the memory in use from time to time. 0 or a negative errno. Before the first program. */
int control_report_start(struct kernel *k);
/* At the end: write it to the descriptor of record `report`. Does nothing where none was asked for. */
void control_report_end(struct kernel *k);
/* Verb: the report up to now to the one descriptor that came along. */
int ask_report(struct ask *a);
