/* SPDX-License-Identifier: MIT */
/* /sys and the system's files of /proc: processors, memory and interfaces that agree with each other; formats; settings. */
#include "proc_util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

static int lines(const char *begin)
{
	int n = 0;

	for (char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		n += !strncmp(p, begin, strlen(begin));
	return n;
}

/* How many processors "0-3,5" stands for. */
static int in_list(const char *s)
{
	int n = 0;

	while (*s >= '0' && *s <= '9') {
		char *end;
		long from = strtol(s, &end, 10), to = from;

		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		n += (int)(to - from) + 1;
		s = *end == ',' ? end + 1 : end;
	}
	return n;
}

static void show_cpus(void)
{
	int online = (int)sysconf(_SC_NPROCESSORS_ONLN);

	slurp("/sys/devices/system/cpu/online");
	printf("online %d\n", in_list(text) == online);
	slurp("/sys/devices/system/cpu/present");
	printf("present %d\n", in_list(text) >= online);
	slurp("/proc/cpuinfo");
	printf("cpuinfo %d\n", lines("processor\t:") == online);
	slurp("/proc/stat");
	printf("stat %d\n", lines("cpu") == online + 1);
	slurp("/sys/devices/system/node/node0/cpulist");
	printf("node %d\n", in_list(text) > 0);
	slurp("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list");
	printf("siblings %d\n", in_list(text) > 0);
	printf("a processor that is not there: %s\n", result(access("/sys/devices/system/cpu/cpu4095", F_OK)));
	slurp("/proc/self/status");
	printf("allowed %d\n", in_list(strstr(text, "Cpus_allowed_list:\t") + 19) == online);
}

static long kb(const char *key)
{
	char *p = strstr(text, key);

	return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

static void show_memory(void)
{
	static const char *const keys[] = {"MemTotal:", "MemFree:", "MemAvailable:", "Buffers:", "Cached:", "SwapCached:", "Active:",
		"Inactive:", "Unevictable:", "Mlocked:", "SwapTotal:", "SwapFree:", "Dirty:", "Writeback:", "AnonPages:", "Mapped:",
		"Shmem:", "Slab:", "PageTables:", "CommitLimit:", "Committed_AS:", "VmallocTotal:", "HugePages_Total:", "Hugepagesize:"};
	struct sysinfo si;
	char *at = text;

	slurp("/proc/meminfo");
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char *p = strstr(at, keys[i]);

		if (!p || (p != text && p[-1] != '\n'))
			printf("%s is missing or out of order\n", keys[i]);
		else
			at = p;
	}
	sysinfo(&si);
	printf("total agrees %d\n", kb("MemTotal:") == (long)(si.totalram * si.mem_unit / 1024));
	printf("free < total %d\n", kb("MemFree:") < kb("MemTotal:"));
	printf("line '%.9s' width %d\n", text, (int)strcspn(text, "\n"));
}

static void show_formats(void)
{
	double up, idle, l[3];
	int running, all, last, n = 0;
	unsigned long v[10];
	struct utsname u;
	struct sysinfo si;

	slurp("/proc/uptime");
	printf("uptime %d", sscanf(text, "%lf %lf\n%n", &up, &idle, &n));
	sysinfo(&si);
	printf(" whole line %d agrees %d\n", n == (int)strlen(text), (long)up - si.uptime < 3 && si.uptime - (long)up < 3);
	slurp("/proc/loadavg");
	printf("loadavg %d running %d\n", sscanf(text, "%lf %lf %lf %d/%d %d", l, l + 1, l + 2, &running, &all, &last),
		running >= 1 && running <= all);
	slurp("/proc/stat");
	printf("stat %d\n", sscanf(text, "cpu  %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7,
				 v + 8, v + 9));
	printf("intr %d ctxt %d btime %d processes %d running %d blocked %d softirq %d\n", lines("intr "), lines("ctxt "), lines("btime "),
		lines("processes "), lines("procs_running "), lines("procs_blocked "), lines("softirq "));
	uname(&u);
	slurp("/proc/version");
	printf("version %d\n", !strncmp(text, "Linux version ", 14) && !strncmp(text + 14, u.release, strlen(u.release)));
	slurp("/proc/sys/kernel/osrelease");
	text[strcspn(text, "\n")] = 0;
	printf("osrelease %d\n", !strcmp(text, u.release));
	slurp("/proc/filesystems");
	printf("filesystems %d %d %d\n", lines("nodev\tproc\n"), lines("nodev\ttmpfs\n"), lines("nodev\tsysfs\n"));
	slurp("/proc/swaps");
	printf("%.8s\n", text);
	slurp("/proc/partitions");
	printf("%.26s", text);
	slurp("/proc/vmstat");
	printf("vmstat %d %d\n", lines("nr_free_pages "), lines("pgfault "));
	slurp("/proc/softirqs");
	printf("softirqs %d\n", lines("         RCU:"));
	slurp("/proc/tty/drivers");
	printf("tty %d\n", lines("/dev/ptmx"));
	slurp("/proc/sys/kernel/random/uuid");
	printf("uuid %zu\n", strlen(text));
	printf("dmesg: %s\n", result(open("/proc/kmsg", O_RDONLY)) ? "checked" : "");
}

static void show_interface(void)
{
	static const char *const files[] = {"address", "broadcast", "mtu", "type", "addr_len", "flags", "operstate", "carrier", "dev_id",
		"statistics/rx_errors", "statistics/collisions"};
	char path[256], real[4096];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/sys/class/net/lo/%s", files[i]);
		printf("%s: %s", files[i], slurp(path) < 0 ? "none\n" : text);
	}
	printf("speed: %s\n", result(slurp("/sys/class/net/lo/speed")));
	slurp("/sys/class/net/lo/ifindex");
	printf("index agrees %d\n", atoi(text) == (int)if_nametoindex("lo"));
	printf("place %s\n", realpath("/sys/class/net/lo", real));
	printf("class %s\n", realpath("/sys/class/net/lo/subsystem", real));
	printf("other: %s\n", result(access("/sys/class/net/eth99", F_OK)));
	slurp("/proc/net/dev");
	printf("/proc/net/dev %d\n", !!strstr(text, "lo:"));
}

static void try_write(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	printf("%s: %s", path, result(fd));
	if (fd >= 0) {
		printf(", %s", result(write(fd, value, strlen(value))));
		close(fd);
	}
	printf("\n");
}

static void show_settings(void)
{
	char host[65];
	struct statfs fs;

	try_write("/proc/sys/vm/swappiness", "1\n");
	try_write("/proc/sys/kernel/ostype", "x\n");
	gethostname(host, sizeof(host));
	slurp("/proc/sys/kernel/hostname");
	printf("host name agrees %d\n", !strncmp(host, text, strlen(host)));
	printf("make a setting: %s\n", result(open("/proc/sys/kernel/nonesuch", O_WRONLY | O_CREAT, 0644)));
	printf("make a file in /proc: %s\n", result(mkdir("/proc/nonesuch", 0755)));
	printf("chmod: %s\n", result(chmod("/proc/version", 0600)));
	statfs("/proc", &fs);
	printf("proc %lx\n", (long)fs.f_type);
	statfs("/sys", &fs);
	printf("sys %lx\n", (long)fs.f_type);
}

static int listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int found = 0;

	while (d && (e = readdir(d)))
		found += !strcmp(e->d_name, name);
	if (d)
		closedir(d);
	return found;
}

static void show_lists(void)
{
	struct stat a, b;

	printf("%d %d %d %d\n", listed("/proc", "self"), listed("/proc", "version"), listed("/sys", "class"), listed("/sys/class", "net"));
	stat("/proc/version", &a);
	stat("/proc/version", &b);
	printf("numbers stay %d\n", a.st_ino == b.st_ino);
	stat("/proc/self/status", &a);
	stat("/proc/self/status", &b);
	printf("also of a process %d\n", a.st_ino == b.st_ino);
	lstat("/sys/class/net/lo", &a);
	printf("link %d\n", S_ISLNK(a.st_mode));
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	show_cpus();
	show_memory();
	show_formats();
	show_interface();
	show_settings();
	show_lists();
	return 0;
}
