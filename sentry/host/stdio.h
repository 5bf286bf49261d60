/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing descriptors that Picket's caller shares with us (standard input, output and error): O_NONBLOCK
 * belongs to the caller's open file description and must not be touched, so each call asks for RWF_NOWAIT, and where the host
 * has it not for a kind of file, looks with poll(2) first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* off < 0: the description's own position. Returns bytes, 0 at end of file, -EAGAIN when it would block, a negative errno. */
ssize_t host_stdio_read(int fd, void *buf, size_t len, int64_t off);
ssize_t host_stdio_write(int fd, const void *buf, size_t len, int64_t off);
/* Is it set not to block? Then these are enough, and cheaper: bytes, or a negative errno. */
bool host_stdio_nonblocking(int fd);
ssize_t host_stdio_read_now(int fd, void *buf, size_t len);
ssize_t host_stdio_write_now(int fd, const void *buf, size_t len);
/* Regular files: position and metadata. */
int64_t host_stdio_seek(int fd, int64_t off, int whence);
int host_stdio_truncate(int fd, uint64_t size);
int host_stdio_stat(int fd, struct stat *st);
/* Bytes that can be read now (FIONREAD). */
int host_stdio_pending(int fd, int *ret);
void host_stdio_close(int fd);
/* Wait until *fd* takes bytes, at most *ms* milliseconds. */
void host_stdio_wait_writable(int fd, int ms);
/* A bell for the host loop (eventfd): ring it, and take what was rung (false: nothing). */
int host_turn_create(void);
void host_turn_ring(int fd);
bool host_turn_taken(int fd);
