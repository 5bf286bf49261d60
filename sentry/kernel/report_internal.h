/* SPDX-License-Identifier: MIT */
/* The tables of a report. Private to report*.c. */
#pragma once

#include "kernel/report.h"
#include "lib/lock.h"

#define REPORT_BUCKETS 512
#define REPORT_SAMPLE 256 /* bytes of a path that is shown with a refused call */
#define REPORT_DNS_NAME 256

enum report_kind { REPORT_FILES, REPORT_HOSTS, REPORT_CALLS, REPORT_PROGRAMS, REPORT_INSIDE, REPORT_NAMES, REPORT_TABLES };

struct report_entry {
	struct report_entry *chain, *next; /* of the bucket; in the order they came */
	uint64_t count, number;
	const struct syscall_desc *desc;
	char *extra; /* a name of a host, a path of a call; malloc'ed or NULL */
	uint32_t bits; /* enum touched */
	int err;
	bool there_before, there; /* files; there: a host that was reached */
	size_t len;
	char key[];
};

struct report_table {
	struct lock lock; /* RANK_LEAF: all below */
	struct report_entry *buckets[REPORT_BUCKETS], *first, **last;
	unsigned n, max;
	size_t text;
	uint64_t lost; /* entries that found no room */
};

struct report {
	struct report_table tables[REPORT_TABLES];
	_Atomic uint64_t memory_peak;
	bool host_network; /* loopback is the host's */
};

/* *name*, sanitized by the caller, is what the guest asked for when it was given *address*. */
void report_learn(struct kernel *k, const char *address, const char *name);
