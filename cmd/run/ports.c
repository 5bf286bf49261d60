/* SPDX-License-Identifier: MIT */
/* Published ports: docker's way to write them, and slirp4netns' way to be asked for them. */
#include "cmd/run/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/run/udp_relay.h"
#include "net/err.h"
#include "net/slirp.h"

#define PORTS_MAX 1024	   /* of one sandbox */
#define PORTS_FILE_MAX 65536
#define CHOICES 20	   /* tries to find a free port that stays free */
#define ANSWER_TIMEOUT 5000 /* of slirp4netns, in ms */

/* ---- Reading ---- */

static int number(const char *s, uint16_t *ret)
{
	int64_t v;

	if (parse_number(s, 1, 65535, &v) < 0)
		return -1;
	*ret = (uint16_t)v;
	return 0;
}

/* "80" or "80-90". */
static int range(char *s, uint16_t *first, uint16_t *last)
{
	char *dash = strchr(s, '-');

	if (dash)
		*dash = '\0';
	if (number(s, first) < 0)
		return -1;
	*last = *first;
	return dash && (number(dash + 1, last) < 0 || *last < *first) ? -1 : 0;
}

static int add(struct port_list *list, const struct port *p)
{
	if (list->count >= PORTS_MAX)
		return -1;
	list->items = xrealloc(list->items, (list->count + 1) * sizeof(*list->items));
	list->items[list->count++] = *p;
	return 0;
}

static int protocol(char *s, bool *udp, char **err)
{
	char *slash = strrchr(s, '/');

	*udp = false;
	if (!slash)
		return 0;
	*slash++ = '\0';
	*udp = strcasecmp(slash, "udp") == 0;
	if (!*udp && strcasecmp(slash, "tcp") != 0)
		return err_set(err, "only tcp and udp ports can be published, not %s", slash);
	return 0;
}

static int address(const char *ip, struct port *p, const char *text, char **err)
{
	struct in_addr a;

	if (ip && (*ip == '[' || strchr(ip, ':')))
		return err_set(err, "-p %s: ports are published at IPv4 addresses only", text);
	if (ip && *ip && inet_pton(AF_INET, ip, &a) != 1)
		return err_set(err, "-p %s: \"%s\" is no IPv4 address", text, ip);
	snprintf(p->ip, sizeof(p->ip), "%s", ip && *ip ? ip : "0.0.0.0");
	return 0;
}

/* One port for each of the guest's; several of the host's for one of the guest's are a choice. */
static int add_ranges(struct port_list *ret, struct port p, const uint16_t host[2], const uint16_t guest[2], const char *text,
	char **err)
{
	unsigned int n = guest[1] - guest[0] + 1u, hosts = host[0] ? host[1] - host[0] + 1u : 0;

	if (hosts && hosts != n && n != 1)
		return err_set(err, "-p %s: the two ranges differ in length", text);
	for (unsigned int i = 0; i < n; i++) {
		p.guest = (uint16_t)(guest[0] + i);
		p.host = hosts == n ? (uint16_t)(host[0] + i) : 0;
		p.from = p.host ? 0 : host[0];
		p.to = p.host ? 0 : host[1];
		if (add(ret, &p) < 0)
			return err_set(err, "more than %d ports are to be published", PORTS_MAX);
	}
	return 0;
}

int ports_parse(const char *text, struct port_list *ret, char **err)
{
	char *copy = xstrdup(text), *guest, *host = NULL, *ip = NULL;
	uint16_t hosts[2] = {0}, guests[2] = {0};
	struct port p = {0};
	int r = protocol(copy, &p.udp, err);

	guest = strrchr(copy, ':');
	if (guest) {
		*guest++ = '\0';
		host = strrchr(copy, ':');
		if (host && strchr(copy, ']') > host)
			host = NULL;
		if (host)
			*host++ = '\0';
		ip = host ? copy : strchr(copy, '.') || *copy == '[' ? copy : NULL;
		host = host ? host : ip ? NULL : copy;
	} else {
		guest = copy;
	}
	if (host && strcmp(host, "0") == 0)
		host = NULL; /* any */
	if (r == 0)
		r = address(ip, &p, text, err);
	if (r == 0 && (range(guest, &guests[0], &guests[1]) < 0 || (host && *host && range(host, &hosts[0], &hosts[1]) < 0)))
		r = err_set(err, "-p %s: not [[IP:]PORT:]PORT[/PROTOCOL] with ports from 1 to 65535", text);
	if (r == 0)
		r = add_ranges(ret, p, hosts, guests, text, err);
	free(copy);
	return r;
}

static bool has(const struct port_list *list, const struct port *p)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].guest == p->guest && list->items[i].udp == p->udp)
			return true;
	return false;
}

void ports_add_exposed(char *const *exposed, struct port_list *ret)
{
	for (; exposed && *exposed; exposed++) {
		struct port_list more = {0};
		char *err = NULL;

		if (!strchr(*exposed, ':') && ports_parse(*exposed, &more, &err) == 0)
			for (size_t i = 0; i < more.count; i++)
				if (!has(ret, &more.items[i]) && add(ret, &more.items[i]) < 0)
					break;
		ports_free(&more);
		free(err);
	}
}

void ports_free(struct port_list *list)
{
	free(list->items);
	*list = (struct port_list){0};
}

/* ---- Is it free? ---- */

static const char *protocol_name(const struct port *p)
{
	return p->udp ? "udp" : "tcp";
}

/* Take the port for a moment, as slirp4netns will. Returns which it was (number 0: any), or a negative errno. */
static int try_port(const struct port *p, uint16_t wanted)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(wanted)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, (p->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0), r, one = 1;

	if (fd < 0)
		return -errno;
	inet_pton(AF_INET, p->ip, &a.sin_addr);
	if (!p->udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	r = bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (!p->udp && listen(fd, 1) < 0) ||
			    getsockname(fd, (struct sockaddr *)&a, &len) < 0
		    ? -errno
		    : ntohs(a.sin_port);
	close(fd);
	return r;
}

static int first_open_port(void)
{
	char text[16] = "1024";
	int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0)
		text[n] = '\0';
	return atoi(text);
}

static int refuse(const struct port *p, uint16_t port, int e, char **err)
{
	if (e == EADDRINUSE)
		return err_set(err, "cannot publish port %u: %s:%u/%s is in use already; choose another: -p %u:%u", p->guest,
			p->ip, port, protocol_name(p), port < 60000 ? port + 1u : 8080u, p->guest);
	if (e == EACCES)
		return err_set(err,
			"cannot publish port %u at %u: ports below %d are root's here; choose one above (-p 8%03u:%u), or "
			"lower the bound: sysctl net.ipv4.ip_unprivileged_port_start=%u",
			p->guest, port, first_open_port(), port, p->guest, port);
	if (e == EADDRNOTAVAIL)
		return err_set(err, "cannot publish port %u: %s is no address of this machine", p->guest, p->ip);
	return err_set(err, "cannot publish port %u at %s:%u/%s: %s", p->guest, p->ip, port, protocol_name(p), strerror(e));
}

static bool same_place(const struct port *a, const struct port *b)
{
	return a->host == b->host && a->udp == b->udp &&
	       (strcmp(a->ip, b->ip) == 0 || strcmp(a->ip, "0.0.0.0") == 0 || strcmp(b->ip, "0.0.0.0") == 0);
}

int ports_check(const struct port_list *list, char **err)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct port *p = &list->items[i];
		int r = try_port(p, p->host);

		for (size_t j = 0; p->host && j < i; j++)
			if (same_place(p, &list->items[j]))
				return err_set(err, "port %u of this machine is to be published twice", p->host);
		if (r < 0 && !(p->from && r == -EADDRINUSE))
			return refuse(p, p->host, -r, err);
	}
	return 0;
}

/* ---- Asking slirp4netns ---- */

static int api_connect(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int e = -errno;

		close(fd);
		return e;
	}
	return fd;
}

/* One request a connection; its end is shown by shutdown(2), the answer's by the connection's end. */
static int api_ask(const char *path, const char *request, char **err)
{
	char text[4096];
	size_t len = 0;
	ssize_t n = 0;
	json_t *answer, *error;
	int fd = api_connect(path), r = 0;

	if (fd < 0)
		return err_set(err, "cannot reach slirp4netns, which publishes ports: %s", strerror(-fd));
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0)
		n = -1;
	while (n >= 0 && len < sizeof(text) - 1) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};

		if (poll(&pfd, 1, ANSWER_TIMEOUT) != 1)
			break;
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	text[len] = '\0';
	answer = json_loads(text, 0, NULL);
	error = json_object_get(answer, "error");
	if (!json_object_get(answer, "return")) {
		const char *why = json_string_value(json_object_get(error, "desc"));

		r = err_set(err, "%s", why ? why : "no answer");
	}
	json_decref(answer);
	return r;
}

static int forward(const struct port *p, uint16_t host, const char *api, char **err)
{
	char request[256];

	if (p->udp && is_loopback(p->ip))
		return 0; /* the relay's (udp_relay.h) */
	snprintf(request, sizeof(request),
		"{\"execute\":\"add_hostfwd\",\"arguments\":{\"proto\":\"%s\",\"host_addr\":\"%s\",\"host_port\":%u,"
		"\"guest_addr\":\"" SLIRP_GUEST_ADDRESS "\",\"guest_port\":%u}}",
		protocol_name(p), p->ip, host, p->guest);
	return api_ask(api, request, err);
}

/* A free one of those it may be, published at once; between the look and the deed it may go, hence again. */
static int choose(struct port *p, const char *api, char **err)
{
	int r = -1, tries = p->from ? p->to - p->from + 1 : CHOICES;

	for (int i = 0; r < 0 && i < tries; i++) {
		int host = try_port(p, p->from ? (uint16_t)(p->from + i) : 0);

		if (host > 0)
			r = forward(p, (uint16_t)host, api, err);
		if (host > 0 && r == 0)
			p->host = (uint16_t)host;
	}
	if (r < 0 && p->from)
		return err_set(err, "cannot publish port %u: none of the ports %u to %u is free", p->guest, p->from, p->to);
	return r < 0 ? err_set(err, "cannot publish port %u: no port is free", p->guest) : 0;
}

int ports_publish(struct port_list *list, const char *api, char **err)
{
	for (size_t i = 0; i < list->count; i++) {
		struct port *p = &list->items[i];
		char *why = NULL;
		int r = p->host ? forward(p, p->host, api, &why) : choose(p, api, &why);

		if (r < 0 && p->host) { /* slirp4netns says no reason */
			int now = try_port(p, p->host);

			if (now < 0)
				refuse(p, p->host, -now, err);
			else
				err_set(err, "cannot publish port %u at %s:%u: slirp4netns: %s", p->guest, p->ip, p->host, why);
		} else if (r < 0) {
			err_set(err, "%s", why);
		}
		free(why);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- What is published ---- */

int ports_write(const struct port_list *list, const char *path)
{
	FILE *f = fopen(path, "we");
	bool bad;

	if (!f)
		return -errno;
	for (size_t i = 0; i < list->count; i++) {
		const struct port *p = &list->items[i];

		fprintf(f, "%s %s %u %u\n", protocol_name(p), p->ip, p->host, p->guest);
	}
	bad = ferror(f);
	return fclose(f) || bad ? -EIO : 0;
}

int ports_read(const char *path, struct port_list *ret)
{
	FILE *f = fopen(path, "re");
	char line[128];

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), f)) {
		struct port p = {0};
		char proto[4];

		if (sscanf(line, "%3s %15s %hu %hu", proto, p.ip, &p.host, &p.guest) != 4 || strspn(p.ip, "0123456789.") != strlen(p.ip))
			continue;
		p.udp = strcmp(proto, "udp") == 0;
		if (add(ret, &p) < 0)
			break;
	}
	fclose(f);
	return 0;
}

/* How many of the following belong to the same range as the i-th. */
static size_t run_length(const struct port_list *list, size_t i)
{
	const struct port *a = &list->items[i];
	size_t n = 1;

	for (; i + n < list->count; n++) {
		const struct port *b = &list->items[i + n];

		if (b->udp != a->udp || strcmp(a->ip, b->ip) != 0 || b->host != a->host + n || b->guest != a->guest + n)
			break;
	}
	return n;
}

char *ports_text(const struct port_list *list)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	for (size_t i = 0, n; f && i < list->count; i += n) {
		const struct port *p = &list->items[i];

		n = run_length(list, i);
		fprintf(f, "%s%s:%u", i ? ", " : "", p->ip, p->host);
		if (n > 1)
			fprintf(f, "-%zu->%u-%zu/%s", p->host + n - 1, p->guest, p->guest + n - 1, protocol_name(p));
		else
			fprintf(f, "->%u/%s", p->guest, protocol_name(p));
	}
	if (f)
		fclose(f);
	return text ? text : xstrdup("");
}
