/* SPDX-License-Identifier: MIT */
/* Statistics, in the form and the order of runc's types/events. A member that is 0 is left out where runc leaves it out. */
#include "cmd/runtime/cgroup/stats.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/runtime/cgroup/files.h"

#define TICK 10000000 /* ns of cpuacct.stat's unit */

/* One line of JSON: members with a comma between. */
struct json_line {
	FILE *out;
	bool some;
};

static void key(struct json_line *j, const char *name)
{
	if (j->some)
		fputc(',', j->out);
	if (name)
		fprintf(j->out, "\"%s\":", name);
	j->some = true;
}

static void begin(struct json_line *j, const char *name, char bracket)
{
	key(j, name);
	fputc(bracket, j->out);
	j->some = false;
}

static void end(struct json_line *j, char bracket)
{
	fputc(bracket, j->out);
	j->some = true;
}

static void number(struct json_line *j, const char *name, uint64_t v)
{
	key(j, name);
	fprintf(j->out, "%" PRIu64, v);
}

/* Left out if it is 0. */
static void some(struct json_line *j, const char *name, uint64_t v)
{
	if (v)
		number(j, name, v);
}

/* The words of a file as numbers; column `nth` of each line but the first if `table`. */
static void numbers(struct json_line *j, const char *name, const char *text, bool table, int nth)
{
	const char *c = text;

	if (!text)
		return;
	begin(j, name, '[');
	if (table)
		c = strchr(c, '\n');
	while (c && *c) {
		char *stop;
		uint64_t v = strtoull(c, &stop, 10);

		for (int i = 0; i < nth && stop != c; i++)
			v = strtoull(stop, &stop, 10);
		if (stop == c)
			break;
		number(j, NULL, v);
		c = table ? strchr(stop, '\n') : stop;
	}
	end(j, ']');
}

static void cpu(struct json_line *j, const struct cg *g)
{
	bool v2 = g->version == CG_V2;
	char *stat = cg_read(g, "cpu", "cpu.stat"), *acct = v2 ? NULL : cg_read(g, "cpuacct", "cpuacct.stat");
	char *all = v2 ? NULL : cg_read(g, "cpuacct", "cpuacct.usage_all"), *each = v2 ? NULL : cg_read(g, "cpuacct", "cpuacct.usage_percpu");
	uint64_t total = 0;

	if (v2)
		total = cg_keyed(stat, "usage_usec") * 1000;
	else
		cg_read_number(g, "cpuacct", "cpuacct.usage", &total);
	begin(j, "cpu", '{');
	begin(j, "usage", '{');
	some(j, "total", total);
	numbers(j, "percpu", each, false, 0);
	numbers(j, "percpu_kernel", all, true, 2);
	numbers(j, "percpu_user", all, true, 1);
	number(j, "kernel", v2 ? cg_keyed(stat, "system_usec") * 1000 : cg_keyed(acct, "system") * TICK);
	number(j, "user", v2 ? cg_keyed(stat, "user_usec") * 1000 : cg_keyed(acct, "user") * TICK);
	end(j, '}');
	begin(j, "throttling", '{');
	some(j, "periods", cg_keyed(stat, "nr_periods"));
	some(j, "throttledPeriods", cg_keyed(stat, "nr_throttled"));
	some(j, "throttledTime", v2 ? cg_keyed(stat, "throttled_usec") * 1000 : cg_keyed(stat, "throttled_time"));
	end(j, '}');
	end(j, '}');
	free(stat);
	free(acct);
	free(all);
	free(each);
}

/* "0-2,5" as a list of numbers. */
static void cpu_list(struct json_line *j, const char *name, char *text)
{
	const char *c = text;

	if (text && isdigit((unsigned char)*text)) {
		begin(j, name, '[');
		while (c && isdigit((unsigned char)*c)) {
			char *stop;
			unsigned long first = strtoul(c, &stop, 10), last = *stop == '-' ? strtoul(stop + 1, &stop, 10) : first;

			for (unsigned long i = first; i <= last && i < 65536; i++)
				number(j, NULL, i);
			c = *stop == ',' ? stop + 1 : NULL;
		}
		end(j, ']');
	}
	free(text);
}

static void cpuset(struct json_line *j, const struct cg *g)
{
	static const char *const before[] = {"cpu_exclusive"};
	static const char *const after[] = {"mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab",
		"memory_pressure", "sched_load_balance", "sched_relax_domain_level"};
	const char *const *names = before;
	size_t count = 1;
	bool v1 = g->version == CG_V1;

	begin(j, "cpuset", '{');
	if (v1)
		cpu_list(j, "cpus", cg_read(g, "cpuset", "cpuset.cpus"));
	for (int part = 0; part < 2; part++) {
		for (size_t i = 0; i < count; i++) {
			char file[64], *text;

			snprintf(file, sizeof(file), "cpuset.%s", names[i]);
			text = v1 ? cg_read(g, "cpuset", file) : NULL;
			key(j, names[i]);
			fprintf(j->out, "%lld", text ? strtoll(text, NULL, 10) : 0);
			free(text);
		}
		if (part == 0 && v1)
			cpu_list(j, "mems", cg_read(g, "cpuset", "cpuset.mems"));
		names = after;
		count = sizeof(after) / sizeof(after[0]);
	}
	end(j, '}');
}

/* A limit without what is the sentry's; what is no limit stays what it is. */
static uint64_t without_headroom(const struct cg *g, uint64_t v)
{
	return v < (uint64_t)INT64_MAX / 2 && v > g->headroom ? v - g->headroom : v;
}

static void memory_entry(struct json_line *j, const char *name, uint64_t limit, uint64_t usage, uint64_t max, uint64_t fails)
{
	begin(j, name, '{');
	number(j, "limit", limit);
	some(j, "usage", usage);
	some(j, "max", max);
	number(j, "failcnt", fails);
	end(j, '}');
}

static uint64_t get(const struct cg *g, const char *file)
{
	uint64_t v = 0;

	cg_read_number(g, "memory", file, &v);
	return v;
}

static void v1_entry(struct json_line *j, const struct cg *g, const char *name, const char *prefix, bool ours)
{
	char limit[64], usage[64], max[64], fails[64];
	uint64_t v;

	snprintf(limit, sizeof(limit), "%s.limit_in_bytes", prefix);
	snprintf(usage, sizeof(usage), "%s.usage_in_bytes", prefix);
	snprintf(max, sizeof(max), "%s.max_usage_in_bytes", prefix);
	snprintf(fails, sizeof(fails), "%s.failcnt", prefix);
	v = get(g, limit);
	memory_entry(j, name, ours ? without_headroom(g, v) : v, get(g, usage), get(g, max), get(g, fails));
}

static void memory(struct json_line *j, const struct cg *g)
{
	bool v2 = g->version == CG_V2;
	char *stat = cg_read(g, "memory", "memory.stat"), *save = NULL;
	uint64_t limit, swap_limit, used;

	begin(j, "memory", '{');
	some(j, "cache", cg_keyed(stat, v2 ? "file" : "cache"));
	if (v2) {
		limit = without_headroom(g, get(g, "memory.max"));
		swap_limit = get(g, "memory.swap.max");
		used = get(g, "memory.current");
		memory_entry(j, "usage", limit, used, get(g, "memory.peak"), 0);
		/* Memory and swap together, as v1 says it. */
		if (__builtin_add_overflow(swap_limit, limit, &swap_limit))
			swap_limit = UINT64_MAX;
		memory_entry(j, "swap", swap_limit, get(g, "memory.swap.current") + used, 0, 0);
		memory_entry(j, "kernel", 0, 0, 0, 0);
		memory_entry(j, "kernelTCP", 0, 0, 0, 0);
	} else {
		v1_entry(j, g, "usage", "memory", true);
		v1_entry(j, g, "swap", "memory.memsw", true);
		v1_entry(j, g, "kernel", "memory.kmem", false);
		v1_entry(j, g, "kernelTCP", "memory.kmem.tcp", false);
	}
	if (stat && *stat) {
		begin(j, "raw", '{');
		for (char *l = strtok_r(stat, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			char *space = strchr(l, ' ');

			if (!space)
				continue;
			*space = '\0';
			number(j, l, strtoull(space + 1, NULL, 10));
		}
		end(j, '}');
	}
	end(j, '}');
	free(stat);
}

static void pids(struct json_line *j, const struct cg *g)
{
	uint64_t now = 0, max = 0;

	cg_read_number(g, "pids", "pids.current", &now);
	cg_read_number(g, "pids", "pids.max", &max);
	begin(j, "pids", '{');
	some(j, "current", now);
	/* It was made of the container's: cmd/runtime/cgroup/apply.c. */
	some(j, "limit", max == UINT64_MAX ? 0 : max > 256 ? (max - 256) / 2 : max);
	end(j, '}');
}

static void blkio_entry(struct json_line *j, uint64_t major, uint64_t minor, const char *op, uint64_t v)
{
	begin(j, NULL, '{');
	some(j, "major", major);
	some(j, "minor", minor);
	key(j, "op");
	fprintf(j->out, "\"%s\"", op);
	some(j, "value", v);
	end(j, '}');
}

/* Lines `8:0 Read 4096`; that of the total has no device. False: there was none. */
static bool v1_blkio(struct json_line *j, const struct cg *g, const char *file, const char *name)
{
	char *text = cg_read(g, "blkio", file), *save = NULL;
	bool any = false;

	for (char *l = text ? strtok_r(text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save)) {
		unsigned int major, minor;
		char op[16];
		uint64_t v;

		if (sscanf(l, "%u:%u %15s %" SCNu64, &major, &minor, op, &v) != 4)
			continue;
		if (!any)
			begin(j, name, '[');
		any = true;
		blkio_entry(j, major, minor, op, v);
	}
	if (any)
		end(j, ']');
	free(text);
	return any;
}

/* Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 …`. */
static void v2_io(struct json_line *j, const char *text, const char *name, const char *in, const char *out)
{
	bool any = false;

	for (const char *l = text; l && *l; l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL) {
		unsigned int major, minor;
		size_t len = strcspn(l, "\n");

		if (sscanf(l, "%u:%u ", &major, &minor) != 2)
			continue;
		for (int i = 0; i < 2; i++) {
			const char *at = strstr(l, i ? out : in);

			if (!at || (size_t)(at - l) > len)
				continue;
			if (!any)
				begin(j, name, '[');
			any = true;
			blkio_entry(j, major, minor, i ? "Write" : "Read", strtoull(strchr(at, '=') + 1, NULL, 10));
		}
	}
	if (any)
		end(j, ']');
}

static void blkio(struct json_line *j, const struct cg *g)
{
	char *text;

	begin(j, "blkio", '{');
	if (g->version == CG_V2) {
		text = cg_read(g, "io", "io.stat");
		v2_io(j, text, "ioServiceBytesRecursive", "rbytes=", "wbytes=");
		v2_io(j, text, "ioServicedRecursive", "rios=", "wios=");
		free(text);
	} else {
		if (!v1_blkio(j, g, "blkio.bfq.io_service_bytes_recursive", "ioServiceBytesRecursive"))
			v1_blkio(j, g, "blkio.throttle.io_service_bytes_recursive", "ioServiceBytesRecursive");
		if (!v1_blkio(j, g, "blkio.bfq.io_serviced_recursive", "ioServicedRecursive"))
			v1_blkio(j, g, "blkio.throttle.io_serviced_recursive", "ioServicedRecursive");
	}
	end(j, '}');
}

/* For each size of huge pages that the kernel has a file for. */
static void hugetlb(struct json_line *j, const struct cg *g)
{
	const char *dir = cg_dir(g, "hugetlb"), *last = g->version == CG_V2 ? ".current" : ".usage_in_bytes";
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *e;

	begin(j, "hugetlb", '{');
	while (d && (e = readdir(d))) {
		char size[64], file[128];
		uint64_t used = 0, max = 0, fails = 0;
		size_t n = strlen(e->d_name), m = strlen(last);
		char *events;

		if (strncmp(e->d_name, "hugetlb.", 8) || n <= m + 8 || strcmp(e->d_name + n - m, last) || strstr(e->d_name, ".rsvd."))
			continue;
		snprintf(size, sizeof(size), "%.*s", (int)(n - m - 8), e->d_name + 8);
		cg_read_number(g, "hugetlb", e->d_name, &used);
		snprintf(file, sizeof(file), "hugetlb.%s.max_usage_in_bytes", size);
		cg_read_number(g, "hugetlb", file, &max);
		snprintf(file, sizeof(file), "hugetlb.%s.failcnt", size);
		cg_read_number(g, "hugetlb", file, &fails);
		snprintf(file, sizeof(file), "hugetlb.%s.events", size);
		events = cg_read(g, "hugetlb", file);
		begin(j, size, '{');
		some(j, "usage", used);
		some(j, "max", max);
		number(j, "failcnt", events ? cg_keyed(events, "max") : fails);
		end(j, '}');
		free(events);
	}
	if (d)
		closedir(d);
	end(j, '}');
}

void cg_stats_write(const struct cg *g, FILE *out)
{
	struct json_line j = {out, false};

	begin(&j, NULL, '{');
	cpu(&j, g);
	cpuset(&j, g);
	memory(&j, g);
	pids(&j, g);
	blkio(&j, g);
	hugetlb(&j, g);
	fputs(",\"intel_rdt\":{},\"network_interfaces\":null}", out);
}

/* The number behind NAME= in the sentry's answer. */
static uint64_t said(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *c = text; c; c = strchr(c, ' ') ? strchr(c, ' ') + 1 : NULL)
		if (strncmp(c, name, n) == 0 && c[n] == '=')
			return strtoull(c + n + 1, NULL, 10);
	return 0;
}

void cg_stats_of_sentry(const char *text, FILE *out)
{
	struct json_line j = {out, false};
	struct cg none = {0};
	uint64_t limit = said(text, "memory_limit");

	begin(&j, NULL, '{');
	begin(&j, "cpu", '{');
	begin(&j, "usage", '{');
	some(&j, "total", said(text, "cpu_ns"));
	number(&j, "kernel", said(text, "system_ns"));
	number(&j, "user", said(text, "user_ns"));
	end(&j, '}');
	begin(&j, "throttling", '{');
	some(&j, "throttledTime", said(text, "throttled_ns"));
	end(&j, '}');
	end(&j, '}');
	cpuset(&j, &none);
	begin(&j, "memory", '{');
	memory_entry(&j, "usage", limit ? limit : said(text, "memory_total"), said(text, "memory"), 0, 0);
	memory_entry(&j, "swap", 0, 0, 0, 0);
	memory_entry(&j, "kernel", 0, 0, 0, 0);
	memory_entry(&j, "kernelTCP", 0, 0, 0, 0);
	end(&j, '}');
	begin(&j, "pids", '{');
	some(&j, "current", said(text, "pids"));
	some(&j, "limit", said(text, "pids_limit"));
	end(&j, '}');
	fputs(",\"blkio\":{},\"hugetlb\":{},\"intel_rdt\":{},\"network_interfaces\":null}", out);
}
