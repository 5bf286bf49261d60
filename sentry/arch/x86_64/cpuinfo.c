/* SPDX-License-Identifier: MIT */
/* /proc/cpuinfo from CPUID: nothing that the guest could not ask the processor itself. */
#include "arch/cpuinfo.h"

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum reg { EAX, EBX, ECX, EDX };

/* Features that user programs can use; names of Linux. */
static const struct {
	uint32_t leaf, subleaf;
	enum reg reg;
	unsigned char bit;
	const char *name;
} features[] = {
	{1, 0, EDX, 0, "fpu"},
	{1, 0, EDX, 2, "de"},
	{1, 0, EDX, 4, "tsc"},
	{1, 0, EDX, 5, "msr"},
	{1, 0, EDX, 6, "pae"},
	{1, 0, EDX, 8, "cx8"},
	{1, 0, EDX, 9, "apic"},
	{1, 0, EDX, 11, "sep"},
	{1, 0, EDX, 13, "pge"},
	{1, 0, EDX, 15, "cmov"},
	{1, 0, EDX, 16, "pat"},
	{1, 0, EDX, 19, "clflush"},
	{1, 0, EDX, 23, "mmx"},
	{1, 0, EDX, 24, "fxsr"},
	{1, 0, EDX, 25, "sse"},
	{1, 0, EDX, 26, "sse2"},
	{1, 0, EDX, 28, "ht"},
	{0x80000001, 0, EDX, 11, "syscall"},
	{0x80000001, 0, EDX, 20, "nx"},
	{0x80000001, 0, EDX, 26, "pdpe1gb"},
	{0x80000001, 0, EDX, 27, "rdtscp"},
	{0x80000001, 0, EDX, 29, "lm"},
	{0x80000007, 0, EDX, 8, "constant_tsc"},
	{1, 0, ECX, 0, "pni"},
	{1, 0, ECX, 1, "pclmulqdq"},
	{1, 0, ECX, 9, "ssse3"},
	{1, 0, ECX, 12, "fma"},
	{1, 0, ECX, 13, "cx16"},
	{1, 0, ECX, 19, "sse4_1"},
	{1, 0, ECX, 20, "sse4_2"},
	{1, 0, ECX, 22, "movbe"},
	{1, 0, ECX, 23, "popcnt"},
	{1, 0, ECX, 25, "aes"},
	{1, 0, ECX, 26, "xsave"},
	{1, 0, ECX, 28, "avx"},
	{1, 0, ECX, 29, "f16c"},
	{1, 0, ECX, 30, "rdrand"},
	{1, 0, ECX, 31, "hypervisor"},
	{0x80000001, 0, ECX, 0, "lahf_lm"},
	{0x80000001, 0, ECX, 5, "abm"},
	{0x80000001, 0, ECX, 6, "sse4a"},
	{0x80000001, 0, ECX, 8, "3dnowprefetch"},
	{7, 0, EBX, 0, "fsgsbase"},
	{7, 0, EBX, 3, "bmi1"},
	{7, 0, EBX, 5, "avx2"},
	{7, 0, EBX, 8, "bmi2"},
	{7, 0, EBX, 9, "erms"},
	{7, 0, EBX, 16, "avx512f"},
	{7, 0, EBX, 17, "avx512dq"},
	{7, 0, EBX, 18, "rdseed"},
	{7, 0, EBX, 19, "adx"},
	{7, 0, EBX, 21, "avx512ifma"},
	{7, 0, EBX, 23, "clflushopt"},
	{7, 0, EBX, 24, "clwb"},
	{7, 0, EBX, 28, "avx512cd"},
	{7, 0, EBX, 29, "sha_ni"},
	{7, 0, EBX, 30, "avx512bw"},
	{7, 0, EBX, 31, "avx512vl"},
	{0xd, 1, EAX, 0, "xsaveopt"},
	{0xd, 1, EAX, 1, "xsavec"},
	{0xd, 1, EAX, 2, "xgetbv1"},
	{7, 1, EAX, 4, "avx_vnni"},
	{7, 1, EAX, 5, "avx512_bf16"},
	{7, 0, ECX, 1, "avx512vbmi"},
	{7, 0, ECX, 2, "umip"},
	{7, 0, ECX, 3, "pku"},
	{7, 0, ECX, 4, "ospke"},
	{7, 0, ECX, 6, "avx512_vbmi2"},
	{7, 0, ECX, 8, "gfni"},
	{7, 0, ECX, 9, "vaes"},
	{7, 0, ECX, 10, "vpclmulqdq"},
	{7, 0, ECX, 11, "avx512_vnni"},
	{7, 0, ECX, 12, "avx512_bitalg"},
	{7, 0, ECX, 14, "avx512_vpopcntdq"},
	{7, 0, ECX, 22, "rdpid"},
	{7, 0, EDX, 4, "fsrm"},
	{7, 0, EDX, 22, "amx_bf16"},
	{7, 0, EDX, 23, "avx512_fp16"},
	{7, 0, EDX, 24, "amx_tile"},
	{7, 0, EDX, 25, "amx_int8"},
};

static bool has(uint32_t leaf, uint32_t subleaf, enum reg reg, unsigned bit)
{
	unsigned r[4] = {0};

	if (!__get_cpuid_count(leaf, subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]))
		return false;
	return r[reg] >> bit & 1;
}

struct out {
	char *buf;
	size_t size, len;
};

static void add(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct out *o, const char *fmt, ...)
{
	__builtin_va_list ap;
	int n;

	__builtin_va_start(ap, fmt);
	n = vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
	__builtin_va_end(ap);
	if (n > 0)
		o->len = o->len + (size_t)n < o->size ? o->len + (size_t)n : o->size - 1;
}

static void add_model(struct out *o)
{
	unsigned a = 0, b = 0, c = 0, d = 0, family, model, brand[12] = {0};
	char vendor[13] = {0};

	__get_cpuid(0, &a, &b, &c, &d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	__get_cpuid(1, &a, &b, &c, &d);
	family = a >> 8 & 15;
	model = a >> 4 & 15;
	if (family == 15)
		family += a >> 20 & 0xff;
	if (family >= 6)
		model |= (a >> 16 & 15) << 4;
	for (unsigned i = 0; i < 3; i++)
		__get_cpuid(0x80000002 + i, &brand[i * 4], &brand[i * 4 + 1], &brand[i * 4 + 2], &brand[i * 4 + 3]);
	const char *name = (const char *)brand;

	while (*name == ' ')
		name++;
	add(o, "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %.47s\nstepping\t: %u\nmicrocode\t: 0x1\n",
		vendor, family, model, *name ? name : "unknown", a & 15);
}

static unsigned megahertz(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	if (__get_cpuid(0x16, &a, &b, &c, &d) && a & 0xffff)
		return a & 0xffff;
	return 2000; /* not said by the processor */
}

static void add_sizes(struct out *o)
{
	unsigned a = 0, b = 0, c = 0, d = 0, lines = 64;

	if (__get_cpuid(1, &a, &b, &c, &d) && b >> 8 & 0xff)
		lines = (b >> 8 & 0xff) * 8;
	add(o, "clflush size\t: %u\ncache_alignment\t: %u\n", lines, lines);
	if (__get_cpuid(0x80000008, &a, &b, &c, &d))
		add(o, "address sizes\t: %u bits physical, %u bits virtual\n", a & 0xff, a >> 8 & 0xff);
	add(o, "power management:\n\n");
}

int arch_cpu_describe(unsigned cpu, unsigned n_cpus, char *buf, size_t size)
{
	struct out o = {buf, size, 0};
	unsigned mhz = megahertz(), top = __get_cpuid_max(0, NULL);

	add_model(&o);
	add(&o, "cpu MHz\t\t: %u.000\ncache size\t: 1024 KB\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\n", mhz, n_cpus,
		cpu);
	add(&o, "cpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n", n_cpus, cpu, cpu);
	add(&o, "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", top);
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (has(features[i].leaf, features[i].subleaf, features[i].reg, features[i].bit))
			add(&o, " %s", features[i].name);
	add(&o, "\nbugs\t\t:\nbogomips\t: %u.00\n", mhz * 2);
	add_sizes(&o);
	return (int)o.len;
}
