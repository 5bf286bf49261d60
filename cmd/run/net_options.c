/* SPDX-License-Identifier: MIT */
/* --network, -p, --add-host, --dns and their kin. */
#include "cmd/run/net_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "cmd/run/run.h"
#include "cmd/run/udp_relay.h"
#include "net/err.h"

#define CONTAINER "container:"

const char *network_mode(const struct run_options *o)
{
	static const char *const words[][2] = {{"slirp", "slirp"}, {"bridge", "slirp"},
		{"default", "slirp"}, {"private", "slirp"}, {"none", "none"}, {"host", "host"}};

	if (!o->network)
		return "slirp";
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(o->network, words[i][0]) == 0)
			return words[i][1];
	return strncmp(o->network, CONTAINER, strlen(CONTAINER)) == 0 && o->network[strlen(CONTAINER)] ? "container" : NULL;
}

/* ---- Checks ---- */

static bool is_address(const char *s)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, s, buf) == 1 || inet_pton(AF_INET6, s, buf) == 1;
}

static bool is_host_name(const char *s)
{
	return *s && strlen(s) < 256 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(s);
}

/* NAME:ADDRESS or NAME=ADDRESS; the address of a host-gateway is ours to know. Returns the name's length, 0 if it is neither. */
static size_t split_host(const char *text, const char **address)
{
	size_t len = strcspn(text, ":=");
	char *name = xstrndup(text, len);
	bool good = text[len] && is_host_name(name);

	free(name);
	if (!good)
		return 0;
	*address = text + len + 1;
	return strcmp(*address, "host-gateway") == 0 || is_address(*address) ? len : 0;
}

static int check_names(const struct net_options *n)
{
	const char *address;

	for (size_t i = 0; i < n->add_host.count; i++)
		if (!split_host(n->add_host.items[i], &address))
			return complain(EXIT_PICKET, "--add-host takes NAME:ADDRESS or NAME:host-gateway, not \"%s\"",
				n->add_host.items[i]);
	for (size_t i = 0; i < n->dns.count; i++)
		if (!is_address(n->dns.items[i]))
			return complain(EXIT_PICKET, "--dns takes the address of a name server, not \"%s\"", n->dns.items[i]);
	for (size_t i = 0; i < n->dns_search.count; i++)
		if (!is_host_name(n->dns_search.items[i]))
			return complain(EXIT_PICKET, "--dns-search takes a domain, not \"%s\"", n->dns_search.items[i]);
	for (size_t i = 0; i < n->dns_option.count; i++)
		if (!n->dns_option.items[i][0] || strpbrk(n->dns_option.items[i], " \t\n"))
			return complain(EXIT_PICKET, "--dns-option takes one word, not \"%s\"", n->dns_option.items[i]);
	return 0;
}

static bool is_mac(const char *s)
{
	if (strlen(s) != 17)
		return false;
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !strchr("0123456789abcdefABCDEF", s[i]))
			return false;
	return true;
}

/* docker's rules about which go together. */
static int check_mode(const struct run_options *o, const char *mode)
{
	bool ports = o->net.publish.count || o->net.publish_all;

	if (!mode)
		return complain(EXIT_PICKET,
			"--network takes slirp, none, host or container:SANDBOX; there is no network called \"%s\"", o->network);
	if (strcmp(mode, "container") == 0 && ports)
		return complain(EXIT_PICKET, "ports are published by the sandbox whose network is shared: leave -p to it");
	if (strcmp(mode, "container") == 0 && (o->hostname || o->net.dns.count || o->net.add_host.count))
		return complain(EXIT_PICKET,
			"--hostname, --dns and --add-host are the business of the sandbox whose network is shared");
	if (strcmp(mode, "host") == 0)
		warn("--network host is unsafe: the sandbox can reach everything this machine can, its own services included");
	if (strcmp(mode, "host") == 0 && ports)
		warn("published ports are discarded with --network host: the program's own ports are this machine's");
	if (strcmp(mode, "none") == 0 && ports)
		warn("published ports are discarded with --network none");
	if (o->net.mac && !is_mac(o->net.mac))
		return complain(EXIT_PICKET, "\"%s\" is no MAC address", o->net.mac);
	if (o->net.mac && strcmp(mode, "slirp") != 0)
		return complain(EXIT_PICKET, "--mac-address needs --network slirp");
	return 0;
}

int net_check(const struct run_options *o)
{
	struct port_list ports = {0};
	char *err = NULL;
	int status = check_mode(o, network_mode(o));

	status = status ? status : check_names(&o->net);
	for (size_t i = 0; status == 0 && i < o->net.publish.count; i++)
		if (ports_parse(o->net.publish.items[i], &ports, &err) < 0)
			status = complain(EXIT_PICKET, "%s", err);
	ports_free(&ports);
	free(err);
	return status;
}

/* ---- Another sandbox's network ---- */

/* The network namespace of the sentry *pid*, and the user namespace it belongs to, which may be one above the sentry's. */
static int open_namespaces(struct run *r, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	r->join_net = open(path, O_RDONLY | O_CLOEXEC);
	if (r->join_net < 0)
		return -errno;
	r->join_user = ioctl(r->join_net, NS_GET_USERNS);
	if (r->join_user < 0) {
		int e = -errno;

		close(r->join_net);
		return e;
	}
	r->join = true;
	return 0;
}

/* The network that an entry was started with, by its option's words. */
static const char *network_of(const struct entry *e)
{
	const char *found = NULL;

	for (size_t i = 0; i < e->config.options.count; i++) {
		const char *w = e->config.options.items[i];

		if (strncmp(w, "--network=", 10) == 0)
			found = w + 10;
		else if (strcmp(w, "--network") == 0 && i + 1 < e->config.options.count)
			found = e->config.options.items[i + 1];
	}
	return found ? found : "slirp";
}

static int join(struct run *r)
{
	const char *name = r->o->network + strlen(CONTAINER), *theirs;
	struct entry e;
	char *err = NULL;
	int result, status = 0;

	if (entry_find(name, &e, &err) < 0) {
		status = complain(EXIT_PICKET, "%s", err);
		free(err);
		return status;
	}
	theirs = network_of(&e);
	if (e.state.status != ENTRY_RUNNING && e.state.status != ENTRY_PAUSED)
		status = complain(EXIT_PICKET, "cannot share the network of %s, which is not running: picket start %s", name, name);
	else if (strcmp(e.id, r->entry.id) == 0)
		status = complain(EXIT_PICKET, "a sandbox cannot share its own network");
	else if (strcmp(theirs, "host") == 0)
		r->network = "host";
	else if (r->no_namespaces)
		status = complain(EXIT_PICKET, "sharing a network needs user namespaces, which this host does not give");
	else if ((result = open_namespaces(r, e.state.sentry)) < 0)
		status = complain(EXIT_PICKET, "cannot share the network of %s: %s", name, strerror(-result));
	if (status == 0 && !r->o->hostname) {
		free(r->shared_id);
		r->shared_id = xstrdup(e.short_id);
		r->shared_none = strcmp(theirs, "none") == 0;
	}
	entry_free(&e);
	return status;
}

/* ---- A start ---- */

int net_begin(struct run *r)
{
	char *err = NULL;
	int status = 0;

	if (strcmp(r->network, "container") == 0)
		return join(r);
	if (strcmp(r->network, "slirp") != 0)
		return 0;
	for (size_t i = 0; i < r->o->net.publish.count; i++)
		if (ports_parse(r->o->net.publish.items[i], &r->ports, &err) < 0)
			status = complain(EXIT_PICKET, "%s", err);
	if (r->o->net.publish_all)
		ports_add_exposed(r->record.ports, &r->ports);
	if (r->o->net.publish_all)
		ports_add_exposed(r->o->net.expose.items, &r->ports);
	if (status == 0 && ports_check(&r->ports, &err) < 0)
		status = complain(EXIT_PICKET, "%s", err);
	if (r->ports.count)
		r->network_asked = true; /* without it they would not be there */
	free(err);
	return status;
}

static char *runtime_file(const struct run *r, const char *name)
{
	char *err = NULL, *dir = entry_runtime(&r->entry, true, &err), *path = NULL;

	if (dir)
		path = xasprintf("%s/%s", dir, name);
	free(dir);
	free(err);
	return path;
}

void net_end(struct run *r)
{
	char *path = r->ports.count ? runtime_file(r, "ports") : NULL;

	if (path)
		unlink(path);
	free(path);
	path = net_api_socket(r);
	if (path)
		unlink(path);
	free(path);
	ports_free(&r->ports);
	if (r->udp_relay > 0) {
		kill(r->udp_relay, SIGKILL);
		while (waitpid(r->udp_relay, NULL, 0) < 0 && errno == EINTR)
			;
	}
	r->udp_relay = 0;
	if (r->join) {
		close(r->join_net);
		close(r->join_user);
	}
	r->join = false;
	free(r->shared_id);
	r->shared_id = NULL;
}

char *net_api_socket(const struct run *r)
{
	return r->ports.count ? runtime_file(r, "slirp.sock") : NULL;
}

int net_publish(struct run *r, char **err)
{
	char *api = net_api_socket(r), *path;
	int result;

	if (!api)
		return r->ports.count ? err_set(err, "cannot publish ports: there is no place for slirp4netns' socket") : 0;
	result = ports_publish(&r->ports, api, err);
	free(api);
	if (result == 0) {
		pid_t relay = udp_relay_start(&r->ports, r->sandbox.pid, err);

		r->udp_relay = relay > 0 ? relay : 0;
		result = relay < 0 ? -1 : 0;
	}
	path = result < 0 ? NULL : runtime_file(r, "ports");
	if (path && ports_write(&r->ports, path) < 0)
		result = err_set(err, "cannot write %s: %s", path, strerror(errno));
	free(path);
	return result;
}

/* ---- Files ---- */

/* The whole of a small host file; "" if it cannot be read. */
static char *host_file(const char *path)
{
	char buf[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return xstrdup(buf);
}

/* An address of this machine that the sandbox can reach: its loopback is out of reach. */
static const char *gateway(char *buf, size_t len)
{
	struct ifaddrs *all, *i;

	snprintf(buf, len, "%s", SLIRP_GATEWAY);
	if (getifaddrs(&all) < 0)
		return buf;
	for (i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
			continue;
		inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, buf, (socklen_t)len);
		break;
	}
	freeifaddrs(all);
	return buf;
}

static void write_hosts(struct run *r, const char *hostname, const char *own)
{
	char *text = NULL, gw[INET_ADDRSTRLEN];
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	if (strcmp(r->network, "host") == 0) {
		char *theirs = host_file("/etc/hosts");

		fputs(theirs, f);
		free(theirs);
	} else {
		fprintf(f, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	}
	for (size_t i = 0; i < r->o->net.add_host.count; i++) {
		const char *address, *entry = r->o->net.add_host.items[i];
		size_t len = split_host(entry, &address);

		if (strcmp(address, "host-gateway") == 0)
			address = strcmp(r->network, "slirp") == 0 ? gateway(gw, sizeof(gw)) : "127.0.0.1";
		fprintf(f, "%s\t%.*s\n", address, (int)len, entry);
	}
	if (strcmp(r->network, "host") != 0)
		fprintf(f, "%s\t%s\n", own, hostname);
	fclose(f);
	launch_record(&r->launch, CONFIG_FILE, "/etc/hosts", "644", text);
	free(text);
}

static void add_line(FILE *f, const char *word, const struct str_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		fprintf(f, "%s %s", i ? "" : word, list->items[i]);
	if (list->count)
		fputc('\n', f);
}

static void write_resolv(struct run *r, bool none)
{
	const struct net_options *n = &r->o->net;
	bool host = strcmp(r->network, "host") == 0;
	char *text = NULL, *theirs = host && !n->dns.count ? host_file("/etc/resolv.conf") : NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return;
	if (theirs)
		fputs(theirs, f);
	else if (!n->dns.count && !none)
		fputs(SLIRP_RESOLV_CONF, f);
	for (size_t i = 0; i < n->dns.count; i++)
		fprintf(f, "nameserver %s\n", n->dns.items[i]);
	add_line(f, "search", &n->dns_search);
	add_line(f, "options", &n->dns_option);
	fclose(f);
	launch_record(&r->launch, CONFIG_FILE, "/etc/resolv.conf", "644", text);
	free(text);
	free(theirs);
}

void net_write_files(struct run *r, const char *hostname)
{
	bool shared = strcmp(r->network, "container") == 0;
	bool none = strcmp(r->network, "none") == 0 || (shared && r->shared_none);
	char *line = xasprintf("%s\n", hostname);

	launch_record(&r->launch, CONFIG_FILE, "/etc/hostname", "644", line);
	free(line);
	write_hosts(r, hostname, none ? "127.0.0.1" : SLIRP_GUEST_ADDRESS);
	write_resolv(r, none);
}
