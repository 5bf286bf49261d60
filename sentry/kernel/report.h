/* SPDX-License-Identifier: MIT */
/*
 * What a run has touched (--report): files of volumes that it changed, hosts it spoke to, calls that were refused, programs it executed. Kept
 * in tables of bounded size, one lock for each, and only where kernel.report is set; what finds no room any more is counted.
 */
#pragma once

#include "kernel/kernel.h"
#include "platform/platform.h"
#include "vfs/touched.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct report;
struct task;
struct file;
struct syscall_desc;

/* Set k->report. *host_network*: loopback is the host's. 0, -ENOMEM. */
int report_create(struct kernel *k, bool host_network);

/* *path* of a volume was changed; *inside*: of the sandbox's own tree. Inode locks may be held. */
void report_file(struct kernel *k, const char *path, size_t len, enum touched how, bool inside);
/* The first program is about to start: from now on changes of the sandbox's own tree are told too. */
void report_begin(struct kernel *k);
/* A call has ended with *ret*; *d* NULL: a number Linux does not have. Looks at refusals alone. */
void report_call(struct task *t, const struct syscall_desc *d, const struct guest_syscall *c, int64_t ret);
/* *t* is about to run *f*. */
void report_program(struct task *t, struct file *f);
/* The guest spoke to *addr* (checked: AF_INET or AF_INET6), or tried and got the errno *err* (negative; 0: it went out). */
void report_contact(struct kernel *k, bool tcp, const struct sockaddr *addr, socklen_t len, int err);
/* A datagram that a guest has received from *from*: answers of name servers say what the addresses to come are called. */
void report_datagram(struct kernel *k, const struct sockaddr *from, socklen_t len, const uint8_t *data, size_t size);

/* The sandbox holds *now* bytes; the most that it was seen to hold. */
uint64_t report_memory(struct kernel *k, uint64_t now);

/*
 * The report as lines of JSON, one object a line (docs/scripts.md), into *fd*. Bounded by REPORT_SIZE_MAX. 0 or a negative errno. May take
 * a while: never on the host loop's thread.
 */
#define REPORT_SIZE_MAX (4u << 20)
int report_write(struct kernel *k, int fd);
