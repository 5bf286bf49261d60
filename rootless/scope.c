/* SPDX-License-Identifier: MIT */
/* Scopes of the user's systemd. org.freedesktop.systemd1(5), sd-bus(3). */
#include "rootless/scope.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIBRARY "libsystemd.so.0"
#define LINGER "/var/lib/systemd/linger/"
#define MANAGER "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"
#define ADDRESS_MAX 512
#define N_ADDRESSES 3

/* What is used of libsystemd's interface, which is stable: no headers of it are needed to build. */
struct sd_bus;
struct sd_message;
struct sd_error {
	const char *name, *message;
	int need_free;
};
typedef int message_fn(struct sd_message *m, void *arg, struct sd_error *e);

static struct {
	int (*new)(struct sd_bus **ret);
	int (*set_address)(struct sd_bus *b, const char *address);
	int (*set_bus_client)(struct sd_bus *b, int on);
	int (*start)(struct sd_bus *b);
	int (*get_fd)(struct sd_bus *b);
	int (*process)(struct sd_bus *b, struct sd_message **ret);
	int (*wait)(struct sd_bus *b, uint64_t us);
	void (*close)(struct sd_bus *b);
	struct sd_bus *(*unref)(struct sd_bus *b);
	int (*add_match_async)(
		struct sd_bus *b, void **slot, const char *match, message_fn *fn, message_fn *added, void *arg);
	int (*call_async)(struct sd_bus *b, void **slot, struct sd_message *m, message_fn *fn, void *arg, uint64_t us);
	int (*message_new_method_call)(struct sd_bus *b, struct sd_message **ret, const char *to, const char *path,
		const char *interface, const char *member);
	int (*message_append)(struct sd_message *m, const char *types, ...);
	int (*message_read)(struct sd_message *m, const char *types, ...);
	const struct sd_error *(*message_get_error)(struct sd_message *m);
	struct sd_message *(*message_unref)(struct sd_message *m);
} sd;

static const struct {
	const char *name;
	void *fn;
} functions[] = {
	{"sd_bus_new", &sd.new},
	{"sd_bus_set_address", &sd.set_address},
	{"sd_bus_set_bus_client", &sd.set_bus_client},
	{"sd_bus_start", &sd.start},
	{"sd_bus_get_fd", &sd.get_fd},
	{"sd_bus_process", &sd.process},
	{"sd_bus_wait", &sd.wait},
	{"sd_bus_close", &sd.close},
	{"sd_bus_unref", &sd.unref},
	{"sd_bus_add_match_async", &sd.add_match_async}, /* 237 */
	{"sd_bus_call_async", &sd.call_async},
	{"sd_bus_message_new_method_call", &sd.message_new_method_call},
	{"sd_bus_message_append", &sd.message_append},
	{"sd_bus_message_read", &sd.message_read},
	{"sd_bus_message_get_error", &sd.message_get_error},
	{"sd_bus_message_unref", &sd.message_unref},
};

struct request {
	struct sd_bus *bus;
	const char *unit;
	uint64_t deadline; /* us of the monotonic clock */
	bool done;
	int result; /* once done; 0 or a negative errno */
	char *why;
	size_t why_len;
};

struct address {
	char text[ADDRESS_MAX];
	bool manager; /* the manager itself, with no bus between */
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

__attribute__((format(printf, 3, 4))) static int finish(struct request *q, int result, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(q->why, q->why_len, format, ap);
	va_end(ap);
	q->done = true;
	q->result = result;
	return result;
}

static bool load(void)
{
	static void *library;

	if (library)
		return true;
	library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; library && i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *fn = dlsym(library, functions[i].name);

		if (!fn) {
			dlclose(library);
			library = NULL;
			break;
		}
		memcpy(functions[i].fn, &fn, sizeof(fn));
	}
	return library;
}

/* The address of a socket, if there is one. Bytes that mean something in addresses are written as %XX. */
static bool socket_address(const char *dir, const char *name, char *buf)
{
	char path[256];
	struct stat st;
	size_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) || stat(path, &st) < 0 ||
		!S_ISSOCK(st.st_mode))
		return false;
	n = (size_t)snprintf(buf, ADDRESS_MAX, "unix:path=");
	for (const char *c = path; *c && n + 4 < ADDRESS_MAX; c++)
		n += (size_t)snprintf(buf + n, ADDRESS_MAX - n,
			isalnum((unsigned char)*c) || strchr("-_/.", *c) ? "%c" : "%%%02x", (unsigned char)*c);
	return true;
}

/* Where the user's manager may be asked. How many. */
static size_t addresses(struct address ret[N_ADDRESSES])
{
	const char *bus = getenv("DBUS_SESSION_BUS_ADDRESS"), *dir = getenv("XDG_RUNTIME_DIR");
	char own[64];
	struct stat st;
	size_t n = 0;

	if (bus && strncmp(bus, "unix:path=", 10) == 0 && !strchr(bus, ';') && strlen(bus) < ADDRESS_MAX)
		ret[n++] = (struct address){0}, strcpy(ret[0].text, bus);
	if (!dir || !*dir) { /* cron, su */
		snprintf(own, sizeof(own), "/run/user/%u", (unsigned int)getuid());
		dir = own;
	}
	if (stat(dir, &st) < 0 || st.st_uid != getuid())
		return n;
	if (socket_address(dir, "bus", ret[n].text) && (n == 0 || strcmp(ret[0].text, ret[n].text) != 0))
		ret[n++].manager = false;
	if (socket_address(dir, "systemd/private", ret[n].text))
		ret[n++].manager = true;
	return n;
}

static int on_reply(struct sd_message *m, void *arg, struct sd_error *unused)
{
	const struct sd_error *e = sd.message_get_error(m);
	struct request *q = arg;

	if (e)
		finish(q, -EACCES, "the user's systemd: %s", e->message ? e->message : e->name);
	return 0;
}

/* JobRemoved: number, object, unit, result. */
static int on_removed(struct sd_message *m, void *arg, struct sd_error *unused)
{
	const char *job, *unit, *result;
	struct request *q = arg;
	uint32_t number;

	if (sd.message_read(m, "uoss", &number, &job, &unit, &result) < 0 || strcmp(unit, q->unit) != 0)
		return 0;
	if (strcmp(result, "done") == 0)
		finish(q, 0, "%s", "");
	else
		finish(q, -EIO, "the user's systemd could not start a scope: %s", result);
	return 0;
}

/*
 * The manager takes the process's number in its own PID namespace: one that is not to be seen from here would move
 * another process. The other end of the connection is the manager, or the bus's daemon beside it.
 */
static bool same_pids(struct sd_bus *b)
{
	int fd = sd.get_fd(b);
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0;
}

static int send_request(struct request *q, pid_t pid)
{
	struct sd_message *m = NULL;
	uint64_t t = now();
	int r;

	r = sd.add_match_async(q->bus, NULL,
		"type='signal',path='" OBJECT "',interface='" INTERFACE "',member='JobRemoved'", on_removed, NULL, q);
	if (r >= 0)
		r = sd.message_new_method_call(q->bus, &m, MANAGER, OBJECT, INTERFACE, "StartTransientUnit");
	if (r >= 0)
		r = sd.message_append(m, "ssa(sv)a(sa(sv))", q->unit, "fail", 4, "Description", "s", "Picket sandbox",
			"Delegate", "b", 1, "CollectMode", "s", "inactive-or-failed", "PIDs", "au", 1, (uint32_t)pid,
			0);
	if (r >= 0)
		r = sd.call_async(q->bus, NULL, m, on_reply, q, t < q->deadline ? q->deadline - t : 1);
	sd.message_unref(m);
	return r;
}

static int converse(struct request *q, const struct address *a, pid_t pid)
{
	int r = sd.new(&q->bus);

	if (r < 0)
		return r;
	r = sd.set_address(q->bus, a->text);
	if (r >= 0)
		r = sd.set_bus_client(q->bus, !a->manager);
	if (r >= 0)
		r = sd.start(q->bus);
	if (r >= 0 && !same_pids(q->bus))
		return finish(q, -ESRCH, "the user's systemd is in another PID namespace");
	if (r >= 0)
		r = send_request(q, pid);
	while (r >= 0 && !q->done) {
		uint64_t t = now();

		if (t >= q->deadline)
			return finish(q, -ETIMEDOUT, "the user's systemd did not answer in time");
		r = sd.process(q->bus, NULL);
		if (r == 0 && !q->done)
			r = sd.wait(q->bus, q->deadline - t);
		if (r == -EINTR)
			r = 0;
	}
	return q->done ? q->result : r;
}

static int ask(struct request *q, const struct address *a, pid_t pid)
{
	int r;

	q->done = false;
	r = converse(q, a, pid);
	if (r < 0 && !q->done)
		snprintf(q->why, q->why_len, "%s: %s", a->text, strerror(-r));
	if (q->bus) {
		sd.close(q->bus);
		sd.unref(q->bus);
		q->bus = NULL;
	}
	return r;
}

int scope_start(pid_t pid, const char *name, char *why, size_t len)
{
	struct address list[N_ADDRESSES];
	size_t n = addresses(list);
	char unit[128];
	struct request q = {.unit = unit, .deadline = now() + SCOPE_TIMEOUT, .why = why, .why_len = len};
	int r = -ENOENT;

	if ((size_t)snprintf(unit, sizeof(unit), "%s.scope", name) >= sizeof(unit))
		return finish(&q, -ENAMETOOLONG, "the name is too long");
	if (!n)
		return finish(&q, -ENOENT, "there is no systemd of the user's own to ask");
	if (!load())
		return finish(&q, -ELIBACC, LIBRARY " is not installed or too old, by which the user's systemd is asked");
	for (size_t i = 0; i < n && r < 0 && r != -ETIMEDOUT; i++)
		r = ask(&q, &list[i], pid);
	return r;
}

int scope_group(struct cgroup *g, pid_t pid, const char *id, const struct cgroup_limits *limits, char *why, size_t len)
{
	char name[64], place[CGROUP_PATH_MAX];
	const char *last;
	int r;

	*g = (struct cgroup){0};
	if (!cgroup_offered()) {
		snprintf(why, len, "this host's cgroup v2 has none of the controllers memory, cpu and pids");
		return -ENODEV;
	}
	/* With the number of the process: after a restart the last scope may not be gone yet. */
	snprintf(name, sizeof(name), "picket-%.12s-%d", id, (int)pid);
	r = scope_start(pid, name, why, len);
	if (r < 0)
		return r;
	last = cgroup_dir(pid, place, sizeof(place)) ? strrchr(place, '/') : NULL;
	if (!last || strncmp(last + 1, name, strlen(name)) != 0) {
		snprintf(why, len, "the user's systemd gave a scope, but not on this machine's cgroup v2");
		return -EIO;
	}
	r = cgroup_within(g, place, pid, id, limits);
	if (r < 0)
		snprintf(why, len, r == -ENODEV ? "the scopes of the user's systemd have no controllers" : "%s: %s",
			place, strerror(-r));
	return r;
}

bool scope_stays(void)
{
	const struct passwd *p;
	char path[CGROUP_PATH_MAX], session[64];

	snprintf(session, sizeof(session), "/user-%u.slice/session-", (unsigned int)getuid());
	if (cgroup_dir(getpid(), path, sizeof(path)) && strstr(path, session))
		return true;
	p = getpwuid(getuid());
	return p && (size_t)snprintf(path, sizeof(path), LINGER "%s", p->pw_name) < sizeof(path) &&
	       access(path, F_OK) == 0;
}
