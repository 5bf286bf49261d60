/* SPDX-License-Identifier: MIT */
/* Messages to and from systemd. */
#include "cmd/runtime/cgroup/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/runtime/cgroup/fail.h"

#define MESSAGE_MAX (1u << 20)
#define LINE_MAX_LEN 512
#define MANAGER "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"

enum { CALL = 1, REPLY = 2, ERROR = 3, SIGNAL = 4 };
enum { FIELD_PATH = 1, FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR, FIELD_REPLY, FIELD_DESTINATION, FIELD_SENDER, FIELD_SIGNATURE };

/* A message that has come. */
struct message {
	unsigned char *data;
	size_t len, body; /* where the body begins */
	uint8_t type;
	uint32_t reply_to;
	const char *member, *error, *signature;
};

struct reader {
	const struct message *m;
	size_t at;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void put(struct dbus_text *t, const void *data, size_t len)
{
	if (t->failed)
		return;
	if (t->room - t->len < len) {
		size_t room = (t->len + len) * 2;
		unsigned char *more = realloc(t->data, room);

		if (!more) {
			t->failed = true;
			return;
		}
		t->data = more;
		t->room = room;
	}
	if (len)
		memcpy(t->data + t->len, data, len);
	t->len += len;
}

void dbus_align(struct dbus_text *t, size_t to)
{
	while (!t->failed && t->len % to)
		put(t, "", 1);
}

void dbus_u8(struct dbus_text *t, uint8_t v)
{
	put(t, &v, 1);
}

void dbus_u32(struct dbus_text *t, uint32_t v)
{
	dbus_align(t, 4);
	put(t, &v, sizeof(v));
}

void dbus_u64(struct dbus_text *t, uint64_t v)
{
	dbus_align(t, 8);
	put(t, &v, sizeof(v));
}

void dbus_string(struct dbus_text *t, const char *s)
{
	dbus_u32(t, (uint32_t)strlen(s));
	put(t, s, strlen(s) + 1);
}

void dbus_signature(struct dbus_text *t, const char *s)
{
	dbus_u8(t, (uint8_t)strlen(s));
	put(t, s, strlen(s) + 1);
}

size_t dbus_array(struct dbus_text *t, size_t align)
{
	size_t at;

	dbus_u32(t, 0);
	at = t->len;
	dbus_align(t, align);
	return at;
}

void dbus_array_end(struct dbus_text *t, size_t at, size_t align)
{
	size_t begin = (at + align - 1) / align * align;
	uint32_t len = (uint32_t)(t->len - begin);

	if (!t->failed)
		memcpy(t->data + at - 4, &len, sizeof(len));
}

/* Wait until the socket can be read or written. */
static int wait_for(struct dbus *d, short what, char **err)
{
	for (;;) {
		uint64_t t = now();
		struct pollfd p = {.fd = d->fd, .events = what};
		int r;

		if (t >= d->deadline)
			return cg_fail(err, -ETIMEDOUT, "systemd did not answer in time");
		r = poll(&p, 1, (int)((d->deadline - t) / 1000 + 1));
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return cg_fail(err, -errno, "waiting for systemd: %s", strerror(errno));
	}
}

static int send_all(struct dbus *d, const void *data, size_t len, char **err)
{
	const unsigned char *p = data;

	while (len) {
		ssize_t n = send(d->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return cg_fail(err, -errno, "writing to systemd: %s", strerror(errno));
		r = wait_for(d, POLLOUT, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int receive(struct dbus *d, void *data, size_t len, char **err)
{
	unsigned char *p = data;

	while (len) {
		int r = wait_for(d, POLLIN, err);
		ssize_t n = r < 0 ? 0 : recv(d->fd, p, len, MSG_DONTWAIT);

		if (r < 0)
			return r;
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return cg_fail(err, n ? -errno : -ECONNRESET, "systemd: %s", n ? strerror(errno) : "closed the connection");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static size_t message_size(const unsigned char head[16])
{
	uint32_t body, fields;

	memcpy(&body, head + 4, 4);
	memcpy(&fields, head + 12, 4);
	if (head[0] != 'l' || body > MESSAGE_MAX || fields > MESSAGE_MAX)
		return 0;
	return ((size_t)16 + fields + 7) / 8 * 8 + body;
}

static bool get_u32(struct reader *r, uint32_t *ret)
{
	r->at = (r->at + 3) / 4 * 4;
	if (r->at > r->m->len || r->m->len - r->at < 4)
		return false;
	memcpy(ret, r->m->data + r->at, 4);
	r->at += 4;
	return true;
}

/* A string with a NUL behind it, of `len` bytes from here. */
static const char *get_bytes(struct reader *r, size_t len)
{
	const char *s = (const char *)r->m->data + r->at;

	if (r->at > r->m->len || r->m->len - r->at <= len || s[len] || memchr(s, 0, len))
		return NULL;
	r->at += len + 1;
	return s;
}

static const char *get_string(struct reader *r)
{
	uint32_t len;

	return get_u32(r, &len) ? get_bytes(r, len) : NULL;
}

static const char *get_signature(struct reader *r)
{
	return r->at < r->m->len ? get_bytes(r, r->m->data[r->at++]) : NULL;
}

/* The fields of the header: (yv), each with one of four kinds of value. */
static bool read_fields(struct message *m, size_t end)
{
	struct reader r = {m, 16};

	while (r.at < end) {
		const char *kind, *text = NULL;
		uint32_t number = 0;
		uint8_t field;

		r.at = (r.at + 7) / 8 * 8;
		if (r.at >= end)
			break;
		field = m->data[r.at++];
		kind = get_signature(&r);
		if (!kind)
			return false;
		if (strcmp(kind, "u") == 0) {
			if (!get_u32(&r, &number))
				return false;
		} else {
			text = strcmp(kind, "g") == 0 ? get_signature(&r) : get_string(&r);
			if (!text)
				return false;
		}
		if (field == FIELD_REPLY)
			m->reply_to = number;
		else if (field == FIELD_MEMBER)
			m->member = text;
		else if (field == FIELD_ERROR)
			m->error = text;
		else if (field == FIELD_SIGNATURE)
			m->signature = text;
	}
	return true;
}

static int next_message(struct dbus *d, struct message *m, char **err)
{
	unsigned char head[16];
	uint32_t fields;
	size_t size;
	int r = receive(d, head, sizeof(head), err);

	if (r < 0)
		return r;
	size = message_size(head);
	if (!size)
		return cg_fail(err, -EPROTO, "systemd answered with something that is no message");
	*m = (struct message){.data = malloc(size), .len = size, .type = head[1]};
	if (!m->data)
		return -ENOMEM;
	memcpy(m->data, head, sizeof(head));
	memcpy(&fields, head + 12, 4);
	r = receive(d, m->data + 16, size - 16, err);
	m->body = ((size_t)16 + fields + 7) / 8 * 8;
	if (r == 0 && !read_fields(m, 16 + fields))
		r = cg_fail(err, -EPROTO, "systemd answered with a damaged message");
	if (r < 0)
		free(m->data);
	return r;
}

/* JobRemoved: number, object, unit, result. */
static void note_signal(struct dbus *d, const struct message *m)
{
	struct reader r = {m, m->body};
	const char *unit, *result;
	uint32_t number;

	if (!d->unit || !m->member || strcmp(m->member, "JobRemoved") || !m->signature || strcmp(m->signature, "uoss"))
		return;
	if (!get_u32(&r, &number) || !get_string(&r))
		return;
	unit = get_string(&r);
	result = unit ? get_string(&r) : NULL;
	if (!result || strcmp(unit, d->unit) != 0)
		return;
	d->job_gone = true;
	snprintf(d->job_result, sizeof(d->job_result), "%s", result);
}

static void header_string(struct dbus_text *t, uint8_t field, const char *kind, const char *value)
{
	dbus_align(t, 8);
	dbus_u8(t, field);
	dbus_signature(t, kind);
	if (*kind == 'g')
		dbus_signature(t, value);
	else
		dbus_string(t, value);
}

static int send_call(struct dbus *d, const char *to, const char *object, const char *interface, const char *member, const char *signature,
	const struct dbus_text *body, char **err)
{
	struct dbus_text t = {0};
	size_t at;
	int r;

	dbus_u8(&t, 'l');
	dbus_u8(&t, CALL);
	dbus_u8(&t, 0);
	dbus_u8(&t, 1);
	dbus_u32(&t, (uint32_t)body->len);
	dbus_u32(&t, ++d->serial);
	at = dbus_array(&t, 8);
	header_string(&t, FIELD_PATH, "o", object);
	header_string(&t, FIELD_INTERFACE, "s", interface);
	header_string(&t, FIELD_MEMBER, "s", member);
	if (d->bus)
		header_string(&t, FIELD_DESTINATION, "s", to);
	if (*signature)
		header_string(&t, FIELD_SIGNATURE, "g", signature);
	dbus_array_end(&t, at, 8);
	dbus_align(&t, 8);
	put(&t, body->data, body->len);
	r = t.failed || body->failed ? cg_fail(err, -ENOMEM, "out of memory") : send_all(d, t.data, t.len, err);
	free(t.data);
	return r;
}

static int error_code(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} errors[] = {{"org.freedesktop.systemd1.UnitExists", -EEXIST}, {"org.freedesktop.systemd1.NoSuchUnit", -ENOENT},
		{"org.freedesktop.DBus.Error.AccessDenied", -EACCES}, {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", -EACCES},
		{"org.freedesktop.DBus.Error.PropertyReadOnly", -EOPNOTSUPP}};

	for (size_t i = 0; name && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].code;
	return -EIO;
}

static int take_reply(const struct message *m, char **reply, char **err)
{
	struct reader r = {m, m->body};
	bool text = m->signature && (*m->signature == 's' || *m->signature == 'o');
	const char *s = text ? get_string(&r) : NULL;

	if (m->type == ERROR)
		return cg_fail(err, error_code(m->error), "systemd: %s", s ? s : m->error ? m->error : "an error without a name");
	if (reply)
		*reply = s ? strdup(s) : NULL;
	return 0;
}

static int call(struct dbus *d, const char *to, const char *object, const char *interface, const char *member, const char *signature,
	const struct dbus_text *body, char **reply, char **err)
{
	int r = send_call(d, to, object, interface, member, signature, body, err);
	bool answered = false;

	while (r == 0 && !answered) {
		struct message m;

		r = next_message(d, &m, err);
		if (r < 0)
			break;
		if (m.type == SIGNAL)
			note_signal(d, &m);
		answered = (m.type == REPLY || m.type == ERROR) && m.reply_to == d->serial;
		if (answered)
			r = take_reply(&m, reply, err);
		free(m.data);
	}
	return r;
}

int dbus_manager(struct dbus *d, const char *interface, const char *member, const char *signature, struct dbus_text *body, char **reply, char **err)
{
	int r = call(d, MANAGER, OBJECT, interface, member, signature, body, reply, err);

	free(body->data);
	*body = (struct dbus_text){0};
	return r;
}

int dbus_wait_job(struct dbus *d, char **err)
{
	while (!d->job_gone) {
		struct message m;
		int r = next_message(d, &m, err);

		if (r < 0)
			return r;
		if (m.type == SIGNAL)
			note_signal(d, &m);
		free(m.data);
	}
	return strcmp(d->job_result, "done") == 0 ? 0 : cg_fail(err, -EIO, "systemd: the job of %s ended: %s", d->unit, d->job_result);
}

/* One line of the conversation before the messages. */
static int expect(struct dbus *d, const char *word, char **err)
{
	char line[LINE_MAX_LEN];
	size_t n = 0;

	for (;;) {
		int r = receive(d, &line[n], 1, err);

		if (r < 0)
			return r;
		if (line[n] == '\n')
			break;
		if (++n == sizeof(line))
			return cg_fail(err, -EPROTO, "systemd: a line that is too long");
	}
	line[n] = '\0';
	return strncmp(line, word, strlen(word)) == 0 ? 0 : cg_fail(err, -EACCES, "the bus of systemd refuses us: %.60s", line);
}

/* No user's number is said, since inside a user namespace ours is not the one that the other side sees: it takes the socket's. */
static int authenticate(struct dbus *d, char **err)
{
	static const char begin[] = "\0AUTH EXTERNAL\r\n", data[] = "DATA\r\n", end[] = "BEGIN\r\n";
	int r = send_all(d, begin, sizeof(begin) - 1, err);

	if (r == 0)
		r = expect(d, "DATA", err);
	if (r == 0)
		r = send_all(d, data, sizeof(data) - 1, err);
	if (r == 0)
		r = expect(d, "OK ", err);
	return r == 0 ? send_all(d, end, sizeof(end) - 1, err) : r;
}

static int greet(struct dbus *d, char **err)
{
	struct dbus_text body = {0};
	int r = call(d, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", &body, NULL, err);

	dbus_string(&body, "type='signal',path='" OBJECT "',interface='" MANAGER ".Manager',member='JobRemoved'");
	if (r == 0)
		r = call(d, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", &body, NULL, err);
	free(body.data);
	return r;
}

int dbus_open(struct dbus *d, const char *socket_path, bool bus, uint64_t timeout_us, char **err)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);
	struct dbus_text none = {0};
	int r = 0;

	*d = (struct dbus){.fd = -1, .bus = bus, .deadline = now() + timeout_us};
	if (strlen(socket_path) >= sizeof(a.sun_path))
		return cg_fail(err, -ENAMETOOLONG, "%s: the path is too long", socket_path);
	strcpy(a.sun_path, socket_path);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		r = cg_fail(err, -errno, "systemd at %s: %s", socket_path, strerror(errno));
	/* systemd would take a process's number for one of its own PID namespace. */
	if (r == 0 && (getsockopt(d->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid <= 0))
		r = cg_fail(err, -ESRCH, "systemd is in another PID namespace");
	if (r == 0)
		r = authenticate(d, err);
	if (r == 0 && bus)
		r = greet(d, err);
	/* Without it no signals come over a bus. */
	if (r == 0 && bus)
		r = dbus_manager(d, MANAGER ".Manager", "Subscribe", "", &none, NULL, err);
	if (r < 0)
		dbus_close(d);
	return r;
}

void dbus_close(struct dbus *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}
