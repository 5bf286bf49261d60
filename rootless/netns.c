/* SPDX-License-Identifier: MIT */
/* Entering a container's network namespace, and what is set in it. network_namespaces(7), ip(7), icmp(7). */
#include "rootless/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/err.h"
#include "rootless/root.h"

#define PORT_START "net.ipv4.ip_unprivileged_port_start"
#define PING_RANGE "net.ipv4.ping_group_range"
#define GID_TOP 0x7fffffffu /* the highest that ping_group_range takes */

/* --- parameters ---------------------------------------------------------------------------------------------------- */

/* Dots and slashes of a name mean the other if the first of them is a slash, as for sysctl(8). False: not a name of net. */
static bool parameter_path(const char *name, char *path, size_t size)
{
	const char *first = strpbrk(name, "./");
	int n = snprintf(path, size, "/proc/sys/%s", name);
	char *p = path + strlen("/proc/sys/");

	if (!first || n < 0 || (size_t)n >= size)
		return false;
	for (char *c = p; *first == '.' && *c; c++)
		*c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
	if (strncmp(p, "net/", 4) != 0)
		return false;
	for (char *c = p; c; c = strchr(c, '/')) {
		c += *c == '/';
		if (*c == '/' || *c == '\0' || (*c == '.' && strspn(c, ".") == strcspn(c, "/")))
			return false;
	}
	return true;
}

static int write_parameter(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static bool same_name(const char *name, const char *dotted)
{
	for (; *name && *dotted; name++, dotted++)
		if (*name != *dotted && !(*name == '/' && *dotted == '.'))
			return false;
	return *name == *dotted;
}

bool netns_is_guests(const char *name)
{
	return same_name(name, PORT_START) || same_name(name, PING_RANGE);
}

/*
 * The groups of this user namespace that stand lowest and highest outside of it: a range from the one to the other has all of them, whoever
 * the sentry will be.
 */
static void group_range(uint32_t *low, uint32_t *high)
{
	uint64_t inside, outside, count, top = 0, bottom = UINT64_MAX;
	FILE *f = fopen("/proc/self/gid_map", "re");

	*low = *high = 0;
	while (f && fscanf(f, "%" SCNu64 " %" SCNu64 " %" SCNu64, &inside, &outside, &count) == 3 && count) {
		if (inside > GID_TOP)
			continue;
		if (count > GID_TOP + 1u - inside)
			count = GID_TOP + 1u - inside;
		if (outside < bottom) {
			bottom = outside;
			*low = (uint32_t)inside;
		}
		if (outside + count - 1 >= top) {
			top = outside + count - 1;
			*high = (uint32_t)(inside + count - 1);
		}
	}
	if (f)
		fclose(f);
}

/* Where /proc/sys cannot be written these two things are refused inside. */
static void loosen(void)
{
	uint32_t low, high;
	char range[32];

	group_range(&low, &high);
	snprintf(range, sizeof(range), "%u %u", low, high);
	write_parameter("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	write_parameter("/proc/sys/net/ipv4/ping_group_range", range);
}

int netns_configure(const struct netns_sysctl *sysctls, size_t n, char **err)
{
	char path[512];
	int r;

	for (size_t i = 0; i < n; i++)
		if (!parameter_path(sysctls[i].name, path, sizeof(path)))
			return err_set(err, "sysctl \"%s\" is not a parameter of a network namespace", sysctls[i].name);
	loosen();
	for (size_t i = 0; i < n; i++) {
		parameter_path(sysctls[i].name, path, sizeof(path));
		if (netns_is_guests(sysctls[i].name))
			continue;
		r = write_parameter(path, sysctls[i].value);
		if (r < 0)
			return err_set(err, "cannot set sysctl \"%s\" to \"%s\": %s", sysctls[i].name, sysctls[i].value, strerror(-r));
	}
	return 0;
}

/* --- the namespace ------------------------------------------------------------------------------------------------- */

/* Does the file *link* name the namespace *st*? One that cannot be looked at (EACCES) is another user's. */
static bool is_of(const char *link, const struct stat *st)
{
	struct stat other;

	return stat(link, &other) == 0 && other.st_dev == st->st_dev && other.st_ino == st->st_ino;
}

static int join(const char *path, bool *host, char **err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return err_set(err, "cannot open the network namespace %s: %s", path, strerror(errno));
	r = fstat(fd, &st);
	*host = r == 0 && (is_of("/proc/self/ns/net", &st) || is_of("/proc/1/ns/net", &st));
	if (r == 0 && !is_of("/proc/self/ns/net", &st))
		r = setns(fd, CLONE_NEWNET);
	if (r < 0)
		err_set(err, "cannot join the network namespace %s: %s", path, strerror(errno));
	close(fd);
	return r;
}

static enum netns_result make(char **err)
{
	int r;

	if (unshare(CLONE_NEWNET) < 0) {
		if (errno == EPERM)
			return NETNS_REFUSED;
		err_set(err, "cannot make a network namespace: %s", strerror(errno));
		return NETNS_FAILED;
	}
	r = root_loopback_up();
	if (r < 0)
		err_set(err, "cannot bring up the loopback interface: %s", strerror(-r));
	return r < 0 ? NETNS_FAILED : NETNS_PRIVATE;
}

enum netns_result netns_enter(const struct netns_request *r, char **err)
{
	enum netns_result result = NETNS_HOST;
	bool host = true;

	if (r->kind == NETNS_PATH) {
		if (join(r->path, &host, err) < 0)
			return NETNS_FAILED;
		result = host ? NETNS_HOST : NETNS_PRIVATE;
	} else if (r->kind == NETNS_NEW) {
		result = make(err);
	}
	if (result == NETNS_HOST && r->n_sysctls) {
		err_set(err, "sysctl \"%s\" not allowed in host network namespace", r->sysctls[0].name);
		return NETNS_FAILED;
	}
	if (result == NETNS_PRIVATE && netns_configure(r->sysctls, r->n_sysctls, err) < 0)
		return NETNS_FAILED;
	return result;
}
