/* SPDX-License-Identifier: MIT */
/*
 * Classic BPF programs of seccomp filters: checked as Linux checks them, decoded once, run. No state besides the program, so that tests
 * and fuzzers can link it alone.
 */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

struct seccomp_insn {
	uint8_t op;	 /* seccomp_bpf.c */
	uint8_t jt, jf;
	uint32_t k;
};

struct seccomp_prog {
	unsigned n;
	struct seccomp_insn insn[];
};

/* What Linux accepts for a filter: 0 or -EINVAL. A program that passes ends, and reads nothing but *data* and what it has stored. */
int seccomp_bpf_check(const struct sock_filter *f, unsigned n);
/*
 * How many instructions Linux makes of the program when it translates it: its limit is on those of a whole chain.
 */
unsigned seccomp_bpf_cost(const struct sock_filter *f, unsigned n);
/* Decode *n* instructions that have passed the check into *to*, which has room for them. */
void seccomp_bpf_decode(struct seccomp_prog *to, const struct sock_filter *f, unsigned n);
uint32_t seccomp_bpf_run(const struct seccomp_prog *p, const struct seccomp_data *data);
/* Is the program's answer to *nr* of *arch* the same whatever the arguments are? Then it is in *verdict*. */
bool seccomp_bpf_constant(const struct seccomp_prog *p, uint32_t arch, uint32_t nr, uint32_t *verdict);
/* Does the program allow *nr* of *arch*, or allow and log it (nobody writes that log), whatever the arguments are? */
bool seccomp_bpf_always_allows(const struct seccomp_prog *p, uint32_t arch, uint32_t nr);
