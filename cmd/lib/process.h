/* SPDX-License-Identifier: MIT */
/* Processes that are the same later: a pid, its start time, and the boot in which both hold. */
#ifndef PICKET_CMD_PROCESS_H
#define PICKET_CMD_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Start time of a process in ticks since boot, from /proc/PID/stat; 0 if there is no such process (a zombie is none). */
uint64_t process_start(pid_t pid);

/* This boot's id: 36 characters; "" where /proc does not tell. Static. */
const char *boot_id(void);

/* Whether the process that was noted so still lives. */
bool process_lives(pid_t pid, uint64_t start, const char *boot);

/* End it, and no later one with its pid, by SIGKILL. Whether it lived. */
bool process_end(pid_t pid, uint64_t start, const char *boot);

/*
 * Close what came by execve from the caller's surroundings (what is ours is close-on-exec), from number `from` on: a pipe that a
 * process in the background held would never end for who reads it.
 */
void process_close_inherited(int from);

#endif
