/* SPDX-License-Identifier: MIT */
/*
 * Containers on disk: ROOT/ID/ (docs/runtime.md). All functions that fail have said why with fail(), unless it says otherwise.
 *
 * Locks: ROOT/ID/lock (flock) is held by who changes a container from one state to another: create until the container stands,
 * start, delete. A monitor never takes it.
 */
#ifndef PICKET_RUNTIME_STATE_H
#define PICKET_RUNTIME_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct runtime;

#define CONTAINER_ID_MAX 1024
#define OCI_VERSION "1.2.0"

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
};

struct container {
	char *id;
	int root; /* ROOT, */
	int dir;  /* and ROOT/ID, as descriptors */
	int lock; /* -1: not held */
	/*
	 * state.json, an object; NULL: create has not come so far. Besides the members below it has what other parts noted for delete
	 * (cgroup …), as they named it.
	 */
	json_t *state;
	bool making;  /* it is what create noted before it was done */
	bool damaged; /* there is a file, which cannot be read: delete --force */
	const char *bundle, *rootfs, *created, *owner; /* parts of state, "" where absent */
	bool terminal; /* its program has one */
	pid_t pid;				       /* of the monitor; 0: none was noted */
	uint64_t start;
	const char *boot;
};

/* Letters, digits, _ + - . : and neither "." nor "..". */
bool container_id_valid(const char *id);

/* Find one and read it. -1 after fail("container does not exist: ID"), or another sentence. */
int container_open(const struct runtime *rt, const char *id, struct container *ret);

/* As container_open, -ENOENT without a word if there is none; one that is damaged is found too. */
int container_find(const struct runtime *rt, const char *id, struct container *ret);

/* As container_find, also if its state cannot be understood: then it has none, and for `making`. */
int container_find_damaged(const struct runtime *rt, const char *id, struct container *ret);

/* Make ROOT/ID; its lock is held. */
int container_make(const struct runtime *rt, const char *id, struct container *ret);

/* Take the lock, and read the state again. `wait` false: -EBUSY without a word if another holds it. -ENOENT if it was removed meanwhile. */
int container_lock(struct container *c, bool wait);
void container_unlock(struct container *c);

/* Read the state again, without the lock. -ENOENT if it was removed meanwhile. */
int container_reload(struct container *c);

/* Let go of all descriptors and memory; the files stay. */
void container_close(struct container *c);

/* Remove ROOT/ID with what is in it. The lock is held. */
int container_remove(struct container *c);

/* Write state.json: `state` is taken over. From then on the container is created. */
int container_write(struct container *c, json_t *state);

/* Before that: note (making.json) what delete --force needs if create is killed: pid, start, boot, cgroup … */
int container_note(struct container *c, json_t *state);

enum container_status container_status(const struct container *c);
const char *container_status_name(enum container_status s);

/* The monitor lives. */
bool container_lives(const struct container *c);

/* The OCI state of a container, as hooks and `state` see it: ociVersion id status pid bundle annotations. A new reference. */
json_t *container_oci_state(const struct container *c, enum container_status s);

/* The ids of all containers, allocated. */
struct str_list;
int containers_list(const struct runtime *rt, struct str_list *ret);

/* Marks that the monitor leaves beside state.json. */
#define CONTAINER_STARTED "started"
#define CONTAINER_PAUSED_MARK "paused"
#define CONTAINER_SOCKET "control.sock"

/* ---- Asking the monitor ---- */

/* A connection to it; a negative errno without a word. */
int container_connect(const struct container *c);

/*
 * Ask: `request` is released. 0 and the answer (to be released; NULL: not wanted), or a negative errno without a word, as
 * keeper_receive() of cmd/lib/packet.h: -EREMOTEIO and an answer with "error" if it refused; -ESRCH if no monitor lives.
 */
int container_ask(const struct container *c, json_t *request, const int *fds, size_t count, json_t **answer);

/* The process that listens at the control socket, for one whose state says nothing; 0: none. */
pid_t container_listener(const struct container *c);

/* What went wrong, for a sentence: the monitor's own words, or those of the errno. Valid while `answer` is. */
const char *container_ask_error(int result, const json_t *answer);

/* Wait until the monitor has ended; at most `ms` (-1: for ever). Whether it has. */
bool container_wait(const struct container *c, int ms);

#endif
