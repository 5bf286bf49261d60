/* SPDX-License-Identifier: MIT */
/* Hostile seccomp filters: whatever passes the check must end and touch nothing but its data. */
#include "kernel/seccomp_bpf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seccomp_data d = {0};
	struct sock_filter *f;
	struct seccomp_prog *p;
	unsigned n;

	if (size < sizeof(d))
		return 0;
	memcpy(&d, data, sizeof(d));
	n = (unsigned)((size - sizeof(d)) / sizeof(*f));
	f = malloc(n * sizeof(*f) + 1);
	if (!f)
		return 0;
	memcpy(f, data + sizeof(d), n * sizeof(*f));
	if (!seccomp_bpf_check(f, n)) {
		p = malloc(sizeof(*p) + n * sizeof(p->insn[0]));
		if (p) {
			uint32_t verdict;

			seccomp_bpf_decode(p, f, n);
			verdict = seccomp_bpf_run(p, &d);
			/* What is allowed always is allowed now. */
			if (seccomp_bpf_always_allows(p, d.arch, (uint32_t)d.nr) && verdict != SECCOMP_RET_ALLOW)
				abort();
			if (seccomp_bpf_cost(f, n) < n)
				abort();
			free(p);
		}
	}
	free(f);
	return 0;
}
