/* SPDX-License-Identifier: MIT */
/* Files of /proc and /sys about the system: there, and of the form that programs parse. The values differ by nature. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static char buf[1 << 18];

static const char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, total = 0;

	buf[0] = 0;
	if (fd < 0) {
		printf("%s: %s\n", path, strerror(errno));
		return buf;
	}
	while ((n = read(fd, buf + total, sizeof(buf) - 1 - (size_t)total)) > 0)
		total += n;
	buf[total] = 0;
	close(fd);
	return buf;
}

static long long value(const char *key)
{
	char *p = strstr(buf, key);

	return p ? atoll(p + strlen(key)) : -1;
}

static int count(const char *key)
{
	int n = 0;

	for (const char *p = buf; (p = strstr(p, key)); p++)
		n++;
	return n;
}

static void memory(void)
{
	struct sysinfo si;

	slurp("/proc/meminfo");
	long long total = value("MemTotal:"), free_kb = value("MemFree:"), avail = value("MemAvailable:");
	printf("meminfo %d %d %d swap %d\n", total > 0, free_kb > 0 && free_kb <= total, avail > 0 && avail <= total,
		value("SwapTotal:") >= 0);
	sysinfo(&si);
	printf("sysinfo agrees %d\n", llabs((long long)(si.totalram * si.mem_unit / 1024) - total) < 1024);
}

static void processors(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned a = 99, b = 99;

	slurp("/proc/cpuinfo");
	printf("cpuinfo %d model %d flags %d\n", count("processor\t:") == n, count("model name\t:") == n, count("flags\t\t:") == n);
	int fields = sscanf(slurp("/sys/devices/system/cpu/online"), "%u-%u", &a, &b);
	printf("online %d\n", fields == 2 ? b + 1 - a == (unsigned)n : n == 1);
	slurp("/sys/devices/system/cpu/cpu0/topology/core_id");
	printf("topology %d\n", isdigit(buf[0]) != 0);
	slurp("/proc/stat");
	unsigned long long v[10];
	printf("stat %d cpus %d btime %d processes %d\n", sscanf(buf, "cpu  %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu", v,
		v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7, v + 8, v + 9), count("\ncpu") == n, value("\nbtime ") > 1500000000,
		value("\nprocesses ") > 0);
}

static void times(void)
{
	double up, idle, l[3];
	int running, all, last;

	printf("uptime %d", sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle));
	printf(" loadavg %d", sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", l, l + 1, l + 2, &running, &all, &last));
	printf(" counts %d\n", running >= 1 && all >= running && last > 0);
	printf("version %d\n", !strncmp(slurp("/proc/version"), "Linux version ", 14));
}

static void tables(void)
{
	slurp("/proc/filesystems");
	printf("filesystems %d %d\n", count("nodev\tproc\n"), count("nodev\ttmpfs\n"));
	slurp("/proc/mounts");
	printf("mounts %d\n", count(" /proc proc ") >= 1);
	slurp("/proc/self/mountinfo");
	printf("mountinfo %d\n", count(" / /proc ") >= 1 && count(" - proc ") >= 1);
	slurp("/proc/net/dev");
	printf("net/dev %d\n", count("lo:"));
	printf("tcp %d\n", !strncmp(slurp("/proc/net/tcp"), "  sl  local_address", 19));
	printf("swaps %d\n", !strncmp(slurp("/proc/swaps"), "Filename", 8));
	slurp("/proc/devices");
	printf("devices %d %d\n", count("  1 mem\n"), count("136 pts\n"));
	slurp("/proc/cmdline");
	slurp("/proc/diskstats");
	slurp("/proc/partitions");
	slurp("/proc/vmstat");
	slurp("/proc/interrupts");
}

static void settings(void)
{
	static const char *const numbers[] = {
		"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max", "/proc/sys/kernel/ngroups_max",
		"/proc/sys/kernel/cap_last_cap", "/proc/sys/kernel/overflowuid", "/proc/sys/kernel/random/entropy_avail",
		"/proc/sys/fs/file-max", "/proc/sys/fs/nr_open", "/proc/sys/fs/pipe-max-size",
		"/proc/sys/fs/inotify/max_user_watches", "/proc/sys/vm/overcommit_memory", "/proc/sys/vm/max_map_count",
		"/proc/sys/vm/mmap_min_addr", "/proc/sys/vm/swappiness", "/proc/sys/net/core/somaxconn",
		"/proc/sys/net/ipv4/ip_local_port_range", "/proc/sys/net/ipv6/conf/all/disable_ipv6"};
	char one[64], two[64];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		printf("%s %d\n", numbers[i], isdigit(slurp(numbers[i])[0]) != 0);
	printf("ostype %s", slurp("/proc/sys/kernel/ostype"));
	gethostname(one, sizeof(one));
	slurp("/proc/sys/kernel/hostname");
	printf("hostname %d\n", !strncmp(buf, one, strlen(one)) && buf[strlen(one)] == '\n');
	snprintf(one, sizeof(one), "%.40s", slurp("/proc/sys/kernel/random/uuid"));
	snprintf(two, sizeof(two), "%.40s", slurp("/proc/sys/kernel/random/uuid"));
	printf("uuid %zu new %d version %c\n", strlen(one), strcmp(one, two) != 0, one[14]);
	snprintf(one, sizeof(one), "%.40s", slurp("/proc/sys/kernel/random/boot_id"));
	snprintf(two, sizeof(two), "%.40s", slurp("/proc/sys/kernel/random/boot_id"));
	printf("boot_id %zu same %d\n", strlen(one), !strcmp(one, two));
}

static void places(void)
{
	struct statfs st;

	statfs("/proc", &st);
	printf("/proc %lx\n", (long)st.f_type);
	statfs("/sys", &st);
	printf("/sys %lx\n", (long)st.f_type);
	slurp("/sys/class/net/lo/mtu");
	printf("lo mtu %d\n", atoi(buf) > 0);
	slurp("/sys/kernel/mm/transparent_hugepage/enabled");
	printf("thp %d\n", strchr(buf, '[') != NULL);
	DIR *d = opendir("/sys/class/net");
	struct dirent *de;
	int lo = 0;
	while (d && (de = readdir(d)))
		lo += !strcmp(de->d_name, "lo");
	printf("interfaces lo %d\n", lo);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	memory();
	processors();
	times();
	tables();
	settings();
	places();
	return 0;
}
