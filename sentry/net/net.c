/* SPDX-License-Identifier: MIT */
/* The network state of a sandbox, and the content of /proc/net. */
#include "net/net.h"

#include "control/config.h"
#include "host/socket.h"
#include "kernel/kernel.h"
#include "net/netlink.h"
#include "net/unix.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const proc_names[] = {
	"arp",
	"dev",
	"icmp",
	"if_inet6",
	"igmp",
	"ipv6_route",
	"netstat",
	"route",
	"snmp",
	"snmp6",
	"sockstat",
	"sockstat6",
	"tcp",
	"tcp6",
	"udp",
	"udp6",
	"wireless",
};
_Static_assert(ARRAY_SIZE(proc_names) < NET_PROC_MAX, "one more is for unix");

/* The host's files show the namespace of the process that opened them: opened here, once, read later with pread. */
static void open_proc(struct net_state *net, int proc_fd)
{
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(proc_names); i++) {
		int fd = -1;

		if (net->inet) {
			snprintf(path, sizeof(path), "%sself/net/%s", proc_fd < 0 ? "/proc/" : "", proc_names[i]);
			fd = openat(proc_fd < 0 ? AT_FDCWD : proc_fd, path, O_RDONLY | O_CLOEXEC);
		}
		net->proc[net->n_proc++] = (struct net_proc_file){.name = proc_names[i], .fd = fd};
	}
	net->proc[net->n_proc++] = (struct net_proc_file){.name = "unix", .fd = -1};
}

static int open_host(struct net_state *net)
{
	struct rlimit lim;

	net->ioctl_fd = host_socket(AF_INET, SOCK_DGRAM, 0);
	if (net->ioctl_fd == -EAFNOSUPPORT)
		net->ioctl_fd = host_socket(AF_INET6, SOCK_DGRAM, 0);
	if (net->ioctl_fd < 0)
		return net->ioctl_fd;
	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -errno;
	net->max_inet = lim.rlim_cur > 1u << 20 ? 1u << 19 : (uint32_t)lim.rlim_cur / 2;
	net->route_fd = host_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	return net->route_fd < 0 ? net->route_fd : 0;
}

int net_create(struct kernel *k)
{
	struct net_state *net = calloc(1, sizeof(*net));
	int err = 0;

	if (!net)
		return -ENOMEM;
	atomic_init(&net->ping_range, INT32_MAX);
	net->ports_fd = k->config ? k->config->ports_fd : -1;
	lock_init(&net->ports_lock, RANK_SOCKET_IO);
	lock_init(&net->route_lock, RANK_SOCKET_PEER);
	lock_init(&net->names_lock, RANK_SOCKET_PEER);
	lock_init(&net->flight_lock, RANK_SOCKET_PEER);
	for (size_t i = 0; i < UNIX_HASH_SIZE; i++)
		list_init(&net->names[i]);
	list_init(&net->unix_all);
	list_init(&net->flight);
	list_init(&net->doomed);
	list_init(&net->netlink_all);
	net->ioctl_fd = net->route_fd = -1;
	/*
	 * Without a namespace of its own the sandbox has the host's network, and gets that only if it was asked for; or one that
	 * who starts it has entered before.
	 */
	net->inet = k->config && (!k->config->nouserns || k->config->network == CONFIG_NET_HOST ||
				  k->config->network == CONFIG_NET_GIVEN);
	if (net->inet)
		err = open_host(net);
	open_proc(net, k->config ? k->config->proc_fd : -1);
	k->net = net;
	net_settle_init(k);
	if (!err && net->inet && (k->config->network == CONFIG_NET_GIVEN || k->config->network == CONFIG_NET_HOST))
		err = netlink_events_create(k);
	if (err)
		net_destroy(k);
	return err;
}

void net_destroy(struct kernel *k)
{
	struct net_state *net = k->net;

	if (!net)
		return;
	netlink_events_destroy(k);
	k->net = NULL;
	if (net->ioctl_fd >= 0)
		host_sock_close(net->ioctl_fd);
	if (net->route_fd >= 0)
		host_sock_close(net->route_fd);
	for (size_t i = 0; i < net->n_proc; i++)
		if (net->proc[i].fd >= 0)
			close(net->proc[i].fd);
	lock_destroy(&net->ports_lock);
	lock_destroy(&net->route_lock);
	lock_destroy(&net->names_lock);
	lock_destroy(&net->flight_lock);
	free(net);
}

/* --- /proc/net --------------------------------------------------------------------------------------------------- */

const char *net_proc_name(struct kernel *k, size_t i)
{
	for (size_t j = 0; j < k->net->n_proc; j++) {
		bool there = k->net->proc[j].fd >= 0 || strcmp(k->net->proc[j].name, "unix") == 0;

		if (there && i-- == 0)
			return k->net->proc[j].name;
	}
	return NULL;
}

static void show_unix(FILE *f, struct unix_sock *u)
{
	bool path = u->name && u->name->un.sun_path[0];

	lock_acquire(&u->lock);
	fprintf(f, "%016" PRIx64 ": %08X 00000000 %08X %04X %02X %5" PRIu64, (uint64_t)0,
		(unsigned)refs_read(&u->sock.refs), u->state == UNIX_LISTEN ? 0x10000 : 0, (unsigned)u->sock.type,
		u->state == UNIX_CONNECTED || u->peer ? 3 : 1, u->sock.ino);
	if (u->name) {
		size_t n = u->name->len - offsetof(struct sockaddr_un, sun_path);

		fputc(' ', f);
		for (size_t i = 0; i < n; i++) {
			char c = u->name->un.sun_path[i];

			if (path && !c)
				break;
			fputc(c ? c : '@', f);
		}
	}
	fputc('\n', f);
	lock_release(&u->lock);
}

/* All sockets with a reference each, so that they can be locked one by one. */
static size_t snapshot_unix(struct net_state *net, struct unix_sock ***ret)
{
	struct unix_sock *u, **all;
	size_t n = 0, cap = 0;

	LOCK_SCOPE(&net->names_lock);
	list_for_each_entry(u, &net->unix_all, all_link)
		cap++;
	all = calloc(cap + 1, sizeof(struct unix_sock *));
	*ret = all;
	if (!all)
		return 0;
	list_for_each_entry(u, &net->unix_all, all_link)
		if (refs_tryget(&u->sock.refs))
			all[n++] = u;
	return n;
}

static ssize_t read_unix(struct kernel *k, char **ret)
{
	struct unix_sock **all;
	size_t n = snapshot_unix(k->net, &all), len = 0;
	char *text = NULL;
	FILE *f = all ? open_memstream(&text, &len) : NULL;

	if (f)
		fprintf(f, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	for (size_t i = 0; i < n; i++) {
		if (f)
			show_unix(f, all[i]);
		unix_put(all[i]);
	}
	free(all);
	if (!f || fclose(f) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return (ssize_t)len;
}

#define PROC_FILE_MAX (4u << 20)

static ssize_t read_host(int fd, char **ret)
{
	size_t len = 0, cap = 8192;
	char *buf = malloc(cap), *more;
	ssize_t n;

	while (buf) {
		n = pread(fd, buf + len, cap - len - 1, (off_t)len);
		if (n < 0) {
			free(buf);
			return -errno;
		}
		len += (size_t)n;
		if (n == 0 || len > PROC_FILE_MAX) {
			buf[len] = '\0';
			*ret = buf;
			return (ssize_t)len;
		}
		if (cap - len < 4096) {
			more = realloc(buf, cap *= 2);
			if (!more)
				free(buf);
			buf = more;
		}
	}
	return -ENOMEM;
}

#define UID_COLUMN 7 /* of lines about sockets, from 0 */

/* Every socket is the sentry's; where its user is not the one that is shown as 0, the lines are made to say so. In place: it gets no longer. */
static size_t show_owner(char *text, uint32_t own)
{
	char *from = strchr(text, '\n'), *to = from, number[16];
	int n = snprintf(number, sizeof(number), "%u", own);

	while (from && *from) {
		size_t line = strcspn(from + 1, "\n") + 1, at = 1;

		for (int i = 0; i < UID_COLUMN && at < line; i++) {
			at += strspn(from + at, " ");
			at += strcspn(from + at, " \n");
		}
		memmove(to, from, at < line ? at : line);
		to += at < line ? at : line;
		if (at < line) {
			size_t pad = strspn(from + at, " "), len = strcspn(from + at + pad, " \n");

			if (len == (size_t)n && pad + len >= 6 && !memcmp(from + at + pad, number, len)) {
				memcpy(to, "     0", 6);
				to += 6;
				at += pad + len;
			}
			memmove(to, from + at, line - at);
			to += line - at;
		}
		from += line;
	}
	if (to)
		*to = '\0';
	return to ? (size_t)(to - text) : strlen(text);
}

static bool of_sockets(const char *name)
{
	return !strncmp(name, "tcp", 3) || !strncmp(name, "udp", 3) || !strcmp(name, "icmp");
}

ssize_t net_proc_read(struct kernel *k, const char *name, char **ret)
{
	ssize_t n;

	net_await_unbroken(k);
	for (size_t i = 0; i < k->net->n_proc; i++) {
		const struct net_proc_file *p = &k->net->proc[i];

		if (strcmp(p->name, name) != 0)
			continue;
		if (p->fd >= 0) {
			n = read_host(p->fd, ret);
			return n > 0 && k->host_uid && of_sockets(name) ? (ssize_t)show_owner(*ret, k->host_uid) : n;
		}
		return strcmp(name, "unix") == 0 ? read_unix(k, ret) : -ENOENT;
	}
	return -ENOENT;
}
