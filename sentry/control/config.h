/* SPDX-License-Identifier: MIT */
/*
 * The launch configuration (docs/launch.md): its keyword table, shared by the writer (cmd/launch.c) and the reader
 * (sentry/control/config.c). This header includes nothing of the sentry, so that the command line can use it.
 *
 * On the wire the configuration is a sequence of NUL-terminated strings: a keyword, then as many arguments as the
 * table says. Numbers and descriptors are decimal. An unknown keyword, a missing argument or a missing final NUL is
 * an error. Keywords marked repeatable may stand more than once; their order is kept.
 */
#ifndef PICKET_CONTROL_CONFIG_H
#define PICKET_CONTROL_CONFIG_H

#define CONFIG_VERSION "1"

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
	X(ROOT_DIR, "root-dir", 1, 0)    \
	X(ROOT_HOST, "root-host", 0, 0)  \
	X(HOST_DIR, "host-dir", 2, 1)    \
	X(HOST_LINK, "host-link", 2, 1)  \
	X(ROOT_RO, "root-ro", 1, 0)      \
	X(BIND, "bind", 3, 1)            \
	X(TMPFS, "tmpfs", 2, 1)          \
	X(FILE, "file", 3, 1)            \
	X(STDIO, "stdio", 3, 0)          \
	X(TTY, "tty", 2, 0)              \
	X(CONTROL, "control", 1, 0)      \
	X(NETWORK, "network", 1, 0)      \
	X(MEMORY, "memory", 1, 0)        \
	X(PIDS, "pids", 1, 0)            \
	X(TRACE, "trace", 1, 0)          \
	X(PROC, "proc", 1, 0)            \
	X(NOUSERNS, "nouserns", 0, 0)

enum config_keyword {
#define CONFIG_ENUM(name, keyword, args, repeat) CONFIG_##name,
	CONFIG_KEYWORDS(CONFIG_ENUM)
#undef CONFIG_ENUM
	CONFIG_KEYWORD_COUNT
};

#endif
