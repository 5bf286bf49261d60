/* SPDX-License-Identifier: MIT */
/*
 * As much of D-Bus as asking systemd takes: method calls and one signal, over a UNIX socket. A client of our own, since a static program cannot load
 * libsystemd, and `busctl` would be a process and a parser more in each start. D-Bus Specification 0.42.
 */
#ifndef PICKET_RUNTIME_CGROUP_DBUS_H
#define PICKET_RUNTIME_CGROUP_DBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message body, or a whole message, that is being written. */
struct dbus_text {
	unsigned char *data;
	size_t len, room;
	bool failed; /* out of memory; the rest of the writing is ignored */
};

struct dbus {
	int fd;
	bool bus; /* a bus's daemon is between */
	uint32_t serial;
	uint64_t deadline; /* us of the monotonic clock */
	const char *unit;  /* whose job is waited for */
	bool job_gone;
	char job_result[32];
};

void dbus_align(struct dbus_text *t, size_t to);
void dbus_u8(struct dbus_text *t, uint8_t v);
void dbus_u32(struct dbus_text *t, uint32_t v);
void dbus_u64(struct dbus_text *t, uint64_t v);
void dbus_string(struct dbus_text *t, const char *s); /* also an object's path */
void dbus_signature(struct dbus_text *t, const char *s);
/* An array whose elements are aligned to `align`: begin returns what end wants. */
size_t dbus_array(struct dbus_text *t, size_t align);
void dbus_array_end(struct dbus_text *t, size_t at, size_t align);

/* Connect to the socket, and say who we are. 0 or a negative errno with *err. */
int dbus_open(struct dbus *d, const char *socket, bool bus, uint64_t timeout_us, char **err);
void dbus_close(struct dbus *d);

/*
 * Call a method of systemd's manager and wait for the answer. `body` is freed. 0; -EEXIST: there is a unit of that name; -ENOENT: there is none;
 * otherwise a negative errno; *err is what systemd said. *reply, if not NULL: a string that the answer begins with, to be freed, or NULL.
 */
int dbus_manager(struct dbus *d, const char *interface, const char *member, const char *signature, struct dbus_text *body, char **reply, char **err);

/* Wait for the end of the job of d->unit that was asked for. */
int dbus_wait_job(struct dbus *d, char **err);

#endif
