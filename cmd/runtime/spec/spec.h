/* SPDX-License-Identifier: MIT */
/*
 * config.json of the OCI runtime specification: read, checked whole, and turned into a launch configuration (docs/launch.md).
 * docs/oci.md lists every field and what becomes of it.
 *
 * All strings are borrowed from the JSON tree that the structure owns; they hold no NUL. Arrays are the structure's. What is refused is
 * refused in one sentence that names the field and its value; what is ignored, although it asks for something, is a warning.
 */
#ifndef PICKET_RUNTIME_SPEC_H
#define PICKET_RUNTIME_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/lib/str.h"

struct launch;

#define SPEC_VERSION "1.2.0"	       /* of the specification, that we implement */
#define SPEC_BYTES_MAX (8u << 20)     /* of a config.json */

struct spec_user {
	uint32_t uid, gid, umask; /* umask: SPEC_NO_UMASK if the configuration has none */
	const uint32_t *groups;	  /* additionalGids */
	size_t n_groups;
};
#define SPEC_NO_UMASK UINT32_MAX

struct spec_rlimit {
	unsigned resource;   /* RLIMIT_* */
	uint64_t soft, hard; /* UINT64_MAX: none */
};

/* By bit, as capabilities(7) numbers them. */
struct spec_caps {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* `process`, of config.json or of an exec. */
struct spec_process {
	json_t *tree; /* its own reference */
	bool terminal;
	uint16_t rows, cols; /* consoleSize; 0: none given */
	struct spec_user user;
	const char **args, **env; /* NULL-terminated; args NULL: none (allowed for config.json until `start`) */
	size_t n_args, n_env;
	const char *cwd;
	struct spec_caps caps; /* all 0 if the field is absent, as runc has it */
	const struct spec_rlimit *rlimits;
	size_t n_rlimits;
	bool no_new_privs;
	bool oom_given;
	int oom_score_adj;
	struct str_list warnings;
};

enum spec_ns { SPEC_NS_PID, SPEC_NS_NETWORK, SPEC_NS_MOUNT, SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_USER, SPEC_NS_CGROUP, SPEC_NS_TIME, SPEC_NS_COUNT };

struct spec_namespace {
	bool given;	  /* it stands in linux.namespaces; not: the caller's */
	const char *path; /* NULL: a new one */
};

struct spec_id_map {
	uint32_t inside, outside, count;
};

enum spec_mount_type { SPEC_PROC, SPEC_SYSFS, SPEC_DEVPTS, SPEC_MQUEUE, SPEC_TMPFS, SPEC_CGROUP, SPEC_BIND, SPEC_MOUNT_TYPES };

struct spec_mount {
	enum spec_mount_type type;
	const char *target; /* as given; relative: below / */
	const char *source; /* bind: a path of the host, absolute, or relative to the bundle */
	bool recursive;	    /* rbind */
	bool readonly;	    /* ro, or rro */
	unsigned long flags, flags_cleared; /* MS_* of mount(2), without MS_BIND and MS_REC */
	unsigned long recursive_flags, recursive_cleared; /* rro, rnosuid …: those set and cleared on all that is below too */
	unsigned long propagation;    /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, or 0; | MS_REC */
	bool copy_up;		    /* tmpcopyup */
	char *data;		    /* what else stands in options, joined by commas; "" for none */
};

struct spec_device {
	const char *path;
	char type;	    /* c b p */
	unsigned major, minor;
	uint32_t mode, uid, gid; /* mode: permissions */
};

struct spec_sysctl {
	const char *name, *value;
};

struct spec {
	json_t *tree;		 /* config.json */
	char *bundle;		 /* absolute */
	char *root;		 /* root.path, absolute */
	bool root_readonly;
	struct spec_process process; /* its tree is NULL if there is no `process` */
	const char *hostname, *domainname; /* NULL: none given */

	struct spec_mount *mounts; /* in order */
	size_t n_mounts;
	struct spec_device *devices; /* linux.devices alone; the default ones are made in any case */
	size_t n_devices;
	const char **masked, **readonly; /* NULL-terminated, possibly NULL */
	struct spec_sysctl *sysctls;	 /* net.*: of the container's network namespace (the network side sets them); others: the sentry's */
	size_t n_sysctls;
	unsigned long rootfs_propagation; /* MS_*, 0: none given */

	struct spec_namespace ns[SPEC_NS_COUNT];
	struct spec_id_map *uid_map, *gid_map;
	size_t n_uid_map, n_gid_map;

	/* Subtrees for those who act on them, borrowed from the tree; NULL: absent. All are of the right JSON type. */
	json_t *hooks, *seccomp, *resources, *annotations, *linux_;
	const char *cgroups_path;     /* NULL: none */
	const char *rootfs_mount_label, *oci_version;

	/* annotations dev.picket.* */
	const char *trace;   /* dev.picket.trace: a file of the host; NULL: no trace */
	bool debug;	     /* dev.picket.debug */
	bool no_rewrite;     /* dev.picket.rewrite=off */
	bool network_none;   /* dev.picket.network=none: nothing but loopback, whatever the namespace */

	struct str_list warnings; /* one sentence each, for the log */
};

/*
 * Read BUNDLE/config.json, or *config* if it is not NULL, and check it whole. Nothing is made or opened but this file. Returns 0, or -1 with a
 * sentence in *err (to be freed), and then *out is untouched. Free with spec_free(), which takes NULL.
 */
int spec_read(const char *bundle, const char *config, struct spec **out, char **err);
/* The same for text in memory; *bundle* gives meaning to relative paths. */
int spec_parse(const char *text, size_t len, const char *bundle, struct spec **out, char **err);
void spec_free(struct spec *s);

/* A `process` object of a file (exec --process). Free with spec_process_free(). */
int spec_process_read(const char *path, struct spec_process **out, char **err);
int spec_process_parse(const char *text, size_t len, struct spec_process **out, char **err);
void spec_process_free(struct spec_process *p);

/*
 * Append to *l* what the configuration asks for, and open what it names (root, binds) as this process: `bare`, arg, env, cwd, ids, groups, caps, ulimits,
 * umask, hostname, root-dir, root-ro, mounts, devices, masked and read-only paths, sysctls (without net.*), trace. Not: version, id, stdio, tty, control, network, hold,
 * seccomp, memory, pids. More warnings may come. 0, or -1 with a sentence in *err.
 */
int spec_launch(struct spec *s, struct launch *l, char **err);
/* The part of it that a session has too: arg, env, cwd, ids, groups, caps, ulimits, umask, no-new-privs, oom-score-adj. */
int spec_launch_process(const struct spec_process *p, struct launch *l, char **err);

/* A bit of capabilities(7) by its name, "CAP_CHOWN"; -1 if Linux has none of that name. */
int spec_capability(const char *name);
/* The name of bit *cap*, NULL beyond the last one. */
const char *spec_capability_name(unsigned cap);

/* `spec`: write a config.json to start from, as runc's, into *out*. */
int spec_write_template(FILE *out, bool rootless);
/* `features`: one JSON object. */
int spec_write_features(FILE *out);

#endif
