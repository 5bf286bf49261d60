/* SPDX-License-Identifier: MIT */
/*
 * The launch configuration (docs/launch.md): its keyword table, shared by the writer (cmd/run/launch.c) and the reader
 * (sentry/control/config.c). This header includes nothing of the sentry, so that the command line can use it.
 *
 * On the wire the configuration is a sequence of NUL-terminated strings: a keyword, then as many arguments as the
 * table says. Numbers and descriptors are decimal. An unknown keyword, a missing argument or a missing final NUL is
 * an error. Keywords marked repeatable may stand more than once; their order is kept.
 */
#ifndef PICKET_CONTROL_CONFIG_H
#define PICKET_CONTROL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_FORMAT "1"

/* The most a configuration may hold, in bytes; the kernel's own limit for arguments and environment is lower. */
#define CONFIG_SIZE_MAX (16u << 20)

/* The most a message on the control socket may hold, in bytes, without its terminator. */
#define CONFIG_MESSAGE_MAX 4096

/* X(ENUMERATOR, keyword, number of arguments, repeatable) */
#define CONFIG_KEYWORDS(X)               \
	X(VERSION, "version", 1, 0)      \
	X(ID, "id", 1, 0)                \
	X(ARG, "arg", 1, 1)              \
	X(ENV, "env", 1, 1)              \
	X(CWD, "cwd", 1, 0)              \
	X(USER, "user", 1, 0)            \
	X(HOSTNAME, "hostname", 1, 0)    \
	X(ROOT_SNAP, "root-snap", 1, 0)  \
	X(PACK, "pack", 2, 1)            \
	X(TWINS, "twins", 1, 1)          \
	X(ROOT_DIR, "root-dir", 1, 0)    \
	X(ROOT_BIND, "root-bind", 2, 0)  \
	X(ROOT_HOST, "root-host", 0, 0)  \
	X(HOST_DIR, "host-dir", 2, 1)    \
	X(HOST_LINK, "host-link", 2, 1)  \
	X(ROOT_RO, "root-ro", 1, 0)      \
	X(BIND, "bind", 3, 1)            \
	X(TMPFS, "tmpfs", 2, 1)          \
	X(UPPER, "upper", 1, 0)          \
	X(STORAGE_SIZE, "storage-size", 1, 0) \
	X(VOLUME, "volume", 3, 1)        \
	X(COW, "cow", 3, 1)              \
	X(FILE, "file", 3, 1)            \
	X(SECRET, "secret", 2, 1)        \
	X(HIDE, "hide", 2, 1)            \
	X(PLACE, "place", 4, 1)          \
	X(STDIO, "stdio", 3, 0)          \
	X(TTY, "tty", 3, 0)              \
	X(CONTROL, "control", 1, 0)      \
	X(NETWORK, "network", 1, 0)      \
	X(NETWORK_FIRST, "network-first", 0, 0) \
	X(MEMORY, "memory", 1, 0)        \
	X(PIDS, "pids", 1, 0)            \
	X(TRACE, "trace", 1, 0)          \
	X(REPORT, "report", 1, 0)        \
	X(PROC, "proc", 1, 0)            \
	X(SYSNET, "sysnet", 1, 0)        \
	X(NOUSERNS, "nouserns", 0, 0)    \
	X(GUEST, "guest", 1, 0)        \
	X(CPUS, "cpus", 1, 0)            \
	X(CPUS_HELD, "cpus-held", 0, 0)  \
	X(MEMORY_HELD, "memory-held", 0, 0) \
	X(ULIMIT, "ulimit", 3, 1)        \
	X(SHM_SIZE, "shm-size", 1, 0)    \
	X(OOM_ADJ, "oom-score-adj", 1, 0) \
	X(SYSCTL, "sysctl", 2, 1)        \
	X(CAPS, "caps", 1, 0)            \
	X(NO_NEW_PRIVS, "no-new-privs", 0, 0) \
	X(GROUP_ADD, "group-add", 1, 1)  \
	X(DOMAINNAME, "domainname", 1, 0) \
	X(SECCOMP, "seccomp", 1, 0)      \
	X(PORTS, "ports", 1, 0)          \
	X(HANG_UP, "hang-up", 0, 0)      \
	X(HOLD, "hold", 0, 0)            \
	X(FD, "fd", 2, 1)                \
	X(BARE, "bare", 0, 0)            \
	X(IDS, "ids", 3, 0)              \
	X(CAP_SETS, "cap-sets", 5, 0)    \
	X(MOUNT, "mount", 7, 1)          \
	X(DEVICES, "devices", 0, 0)      \
	X(DEVICE, "device", 7, 1)        \
	X(MASK, "mask", 1, 1)            \
	X(READONLY, "readonly", 1, 1)    \
	X(PROPAGATION, "propagation", 1, 0) \
	X(NO_REWRITE, "no-rewrite", 0, 0)

enum config_keyword {
#define CONFIG_ENUM(name, keyword, args, repeat) CONFIG_##name,
	CONFIG_KEYWORDS(CONFIG_ENUM)
#undef CONFIG_ENUM
	CONFIG_KEYWORD_COUNT
};

/* --- the reader (sentry/control/config.c) ------------------------------------------------------------------------- */

enum config_root { CONFIG_ROOT_UNSET, CONFIG_ROOT_IS_SNAP, CONFIG_ROOT_IS_DIR, CONFIG_ROOT_IS_BIND, CONFIG_ROOT_IS_HOST };
enum config_network { CONFIG_NET_NONE, CONFIG_NET_SLIRP, CONFIG_NET_HOST, CONFIG_NET_CONTAINER, CONFIG_NET_GIVEN };

struct config_pack {
	uint32_t number;
	int fd;
};
struct config_host_entry { /* host-dir: fd >= 0, target NULL; host-link: fd -1 */
	const char *name, *target;
	int fd;
};
struct config_bind {
	const char *target; /* of root-bind: NULL */
	int fd;
	bool writable;
	bool owners;	/* files have the owners, modes and capabilities on disk that they have inside */
	unsigned flags; /* MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME */
};
struct config_layer { /* volume: lower -1; cow: upper -1 for memory */
	const char *target;
	int lower_fd, upper_fd;
	bool writable, copy; /* copy: an empty volume gets what the image has there */
};
struct config_tmpfs {
	const char *target, *options;
};
struct config_fd { /* a descriptor of the host, and its number in the first process */
	int number, fd;
};
struct config_secret {
	const char *name;
	int fd;
};
struct config_hide { /* an object of the host that no volume shows: major << 32 | minor of its device, its inode number */
	uint64_t dev, ino;
};
struct config_place { /* a name in a directory of the host that no guest makes, moves or removes; hidden: nor sees */
	uint64_t dev, ino; /* of the directory */
	const char *name;
	bool hidden;
};
struct config_ulimit {
	unsigned resource;   /* RLIMIT_* */
	uint64_t soft, hard; /* UINT64_MAX: none */
};
struct config_sysctl {
	const char *name, *value; /* name with dots, as sysctl(8) */
};
/* What --ulimit and its kin ask for: config_limits.c, control/limits.c. */
struct config_limits {
	uint64_t cpus;	   /* billionths of a processor, 0: no limit */
	uint64_t shm_size; /* bytes, 0: the default */
	int oom_score_adj;
	bool cpus_held;	   /* by the host: nothing is left to do */
	bool memory_held;  /* the same: it is told who is over the limit, and ends him */
	bool caps_given, no_new_privs, oom_given;
	uint64_t caps; /* the most that anybody inside has, by bit */
	const char *domainname;
	struct config_ulimit *ulimits;
	struct config_sysctl *sysctls;
	const char **groups; /* names or numbers */
	size_t n_ulimits, n_sysctls, n_groups;
};
/* What picket-runtime asks for: config_bare.c, control/rootfs_bare.c. */
enum config_mount_type { CONFIG_MOUNT_FS, CONFIG_MOUNT_BIND, CONFIG_MOUNT_NODE };
struct config_mount {
	const char *target, *type, *source;
	enum config_mount_type kind;
	int fd;		      /* bind: of the host, else -1 */
	uint32_t flags;	      /* MS_* that are kept with a mount */
	uint32_t propagation; /* MS_SHARED …, with MS_REC; 0: none */
	const char *options;  /* of the file system */
};
struct config_device {
	const char *path;
	uint32_t mode; /* with the type */
	uint64_t rdev;
	uint32_t uid, gid;
};
struct config_ids {
	uint32_t uid, gid, umask; /* umask: UINT32_MAX: as it is */
};
struct config_cap_sets {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};
struct config_bare {
	bool on;	   /* nothing is mounted or made but what is named here */
	bool ids_given, sets_given;
	bool devices_given; /* those that every container has */
	struct config_ids ids;
	struct config_cap_sets sets;
	struct config_mount *mounts;
	struct config_device *devices;
	const char **masked, **readonly;
	size_t n_mounts, n_devices, n_masked, n_readonly;
	uint32_t propagation; /* of the root */
};
struct config_file {
	const char *path, *content;
	uint32_t mode;
};

/* All strings point into *bytes*. Absent descriptors are -1, absent strings NULL. */
struct config {
	char *bytes;
	const char *id, *cwd, *user, *hostname;
	const char **argv, **envp; /* NULL-terminated */
	size_t argc, n_env;
	enum config_root root;
	int root_fd;
	struct config_bind root_bind; /* CONFIG_ROOT_IS_BIND: its fd is root_fd too */
	struct config_pack *packs;
	struct config_host_entry *host_entries;
	struct config_bind *binds;
	struct config_tmpfs *tmpfs;
	struct config_layer *layers;
	size_t n_layers;
	int upper_fd;		/* of the root; -1: memory */
	uint64_t storage_size;	/* bytes, 0: no limit */
	struct config_file *files;
	struct config_secret *secrets;
	struct config_hide *hidden;
	struct config_place *places;
	size_t n_packs, n_host_entries, n_binds, n_tmpfs, n_files, n_secrets, n_hidden, n_places;
	struct config_fd *fds;
	size_t n_fds;
	int *twins; /* twin files (docs/twins.md) */
	size_t n_twins;
	bool root_ro, tty, nouserns;
	bool network_first; /* the first program waits for it */
	bool hold; /* the first program waits for `go` */
	bool no_rewrite;
	int stdio[3];
	uint16_t rows, cols;
	bool tty_utf8, tty_hangs_up;
	int control_fd, trace_fd, report_fd, proc_fd, sysnet_fd, guest_fd, seccomp_fd, ports_fd;
	enum config_network network;
	uint64_t memory; /* bytes, 0: no limit */
	uint32_t pids;	 /* 0: the default */
	struct config_limits limits;
	struct config_bare bare;
};

/*
 * Parse *len* bytes (taken over: malloc'ed; freed on failure too). 0; -EINVAL with a sentence in *err (static text) and the
 * number of the record it is about in *record; -ENOMEM.
 */
int config_parse(char *bytes, size_t len, struct config **ret, const char **err, unsigned *record);
/*
 * The same for the configuration of a session (docs/sandboxes.md): `version`, `arg`, `env`, `cwd`, `user`, `stdio`, `tty` and `guest`
 * alone. Descriptors in it are below *n_fds*: places in an array of the caller's.
 */
int config_parse_session(char *bytes, size_t len, unsigned n_fds, struct config **ret, const char **err, unsigned *record);
/* All of *fd*, malloc'ed, for the two above. -E2BIG beyond CONFIG_SIZE_MAX; errors of read(2). */
int config_slurp(int fd, char **ret, size_t *len);
/* Read *fd* to its end and parse. -E2BIG beyond CONFIG_SIZE_MAX; errors of read(2). */
int config_read(int fd, struct config **ret, const char **err, unsigned *record);
/* Frees the memory; descriptors stay open. */
void config_free(struct config *c);

/* A record of config_limits. 0, -EINVAL with *err, -ENOMEM. */
int config_limits_record(struct config_limits *l, enum config_keyword kw, char *const *args, const char **err);
void config_limits_free(struct config_limits *l);
/* A record of config_bare; the same. */
int config_bare_record(struct config_bare *b, enum config_keyword kw, char *const *args, const char **err);
void config_bare_free(struct config_bare *b);

#endif
