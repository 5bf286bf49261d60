/* SPDX-License-Identifier: MIT */
/*
 * The launcher: one process in namespaces of its own that becomes the sentry. Life cycle:
 *
 *	sandbox_spawn   the process exists and sets itself up (namespaces, empty root) while the caller does other work
 *	sandbox_ready   set up is done, or failed for a reason the caller may fall back from (sandbox_mode_missing)
 *	sandbox_exec    hand over the descriptors and the configuration; the sentry runs
 *	sandbox_kill    SIGKILL and reap, in any state
 *
 * The process is pid 1 of its pid namespace, and is killed with its parent, so no caller has to clean up after itself.
 */
#ifndef PICKET_ROOTLESS_SANDBOX_H
#define PICKET_ROOTLESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rootless/netns.h"

/* Descriptor numbers inside the sentry. */
#define SANDBOX_CONFIG_FD 3
#define SANDBOX_PROC_FD 4
#define SANDBOX_SYSNET_FD 5
#define SANDBOX_FIRST_FD 10 /* the caller's descriptors, in order */
#define SANDBOX_FDS_MAX 4096

/* Which ids the sandbox's user namespace has. docs/rootless.md, "Real owners". */
enum sandbox_ids {
	SANDBOX_IDS_ONE, /* the caller's, as 0 */
	/*
	 * All of the caller's own namespace, in which it is user 0 with its capabilities. The sentry is a user of no one else's, and has capabilities
	 * over files. In a namespace made for it; where the host gives none, in the caller's itself, unless that is the first.
	 */
	SANDBOX_IDS_ALL,
	SANDBOX_IDS_IN_PLACE, /* the same in the caller's own namespace, which is not the first */
};

/* `count` ids of the caller's namespace from `outside` on, which are `inside` and up in the sandbox's. */
struct sandbox_id_range {
	unsigned int inside, outside, count;
};

struct sandbox_options {
	const char *sentry; /* path of picket-sentry */
	bool no_namespaces; /* run without any namespace: no_new_privs and no capabilities only */
	bool host_network;  /* share the caller's network namespace (which may be a container's: netns.h) */
	const struct netns_sysctl *sysctls; /* of the network namespace that is made */
	size_t n_sysctls;
	bool join;	    /* share this one, of another sandbox: */
	int join_net;	    /* the namespace, */
	int join_user;	    /* and the user namespace that owns it */
	enum sandbox_ids ids;
	bool no_stderr;		   /* the sentry has nothing of the caller's standard error, which somebody may be reading to its end */
	const char *oom_score_adj; /* of the sentry and its stubs; NULL: 500, so that a sandbox goes before the user's programs */
	const struct sandbox_id_range *uids, *gids; /* with SANDBOX_IDS_ALL: these alone, and with these numbers; NULL: all */
	size_t n_uids, n_gids;
	uid_t uid;	    /* the caller's effective ids, which a new user namespace does not tell any more */
	gid_t gid;
};

struct sandbox {
	pid_t pid;	   /* child of the caller; 0: none */
	int pidfd;	   /* -1 when the kernel has none */
	int setup_sock;	   /* private */
	uid_t uid;	   /* what the sentry is in the caller's user namespace, with SANDBOX_IDS_ALL and _IN_PLACE */
	gid_t gid;
	bool proc;	   /* after sandbox_ready: SANDBOX_PROC_FD will be a /proc of the pid namespace */
	bool sysnet;	   /* the same of SANDBOX_SYSNET_FD, /proc/sys/net, which is then not in that /proc */
	bool mode_missing; /* after a failed sandbox_ready: the host refused the namespaces, not something else */
};

/* Start the process. 0, or -1 with a sentence in *err (to be freed) and out->mode_missing set. */
int sandbox_spawn(const struct sandbox_options *opt, struct sandbox *out, char **err);

/* Wait until its namespaces and its root stand. On failure returns -1 with *err; the process is gone. */
int sandbox_ready(struct sandbox *s, char **err);

/* What a descriptor is given for. */
enum sandbox_fd_kind {
	SANDBOX_FD_PLAIN,  /* a file, a socket: as it is */
	SANDBOX_FD_DIR_RO, /* a directory of the host: confined to what is below it, nothing is written there */
	SANDBOX_FD_DIR_RW, /* the same, written to */
};

/*
 * Give it fds[0..count), each with its kind (enum sandbox_fd_kind), which become SANDBOX_FIRST_FD and up, and the
 * descriptor `config`, and let it execute the sentry. Returns 0 when execve has succeeded; -1 with *err, and the
 * process gone, if not. The caller's descriptors stay open and its own.
 */
int sandbox_exec(struct sandbox *s, int config, const int *fds, const unsigned char *kinds, size_t count, char **err);

/* SIGKILL, reap, and forget. Safe on a zeroed struct and after sandbox_reap. */
void sandbox_kill(struct sandbox *s);

/* The child's side, never returns: set up, obey the parent on `sock`, execute the sentry. Private to rootless/. */
void sandbox_child(const struct sandbox_options *opt, int sock, int parent_pidfd) __attribute__((noreturn));

/* An errno that means: this host does not let us have namespaces (a limit, a policy, a kernel without them). */
bool sandbox_mode_error(int err);

/* The first bytes of the set-up messages. */
#define SANDBOX_MSG_READY 'R' /* child: then '1' or '0' for proc, and for sysnet */
#define SANDBOX_MSG_ERROR 'E' /* child: then 'm' (mode missing) or 'f', then a sentence */
#define SANDBOX_MSG_MAPPED 'M' /* parent: the ids are mapped */
#define SANDBOX_MSG_FDS 'F'   /* parent: struct sandbox_fds_msg; descriptors with SCM_RIGHTS, the configuration first */
#define SANDBOX_MSG_MAX 512
#define SANDBOX_BATCH 200 /* descriptors in one message; the kernel's limit is 253 */

struct sandbox_fds_msg {
	char type;
	unsigned char kinds[SANDBOX_BATCH];
	size_t total; /* of all messages, without the configuration */
};

#endif
