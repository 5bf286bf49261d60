/* SPDX-License-Identifier: MIT */
/* What the programs about /proc and /sys share. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char text[1 << 20];

/* The whole file, into text; its length, -1: it cannot be read. */
static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n, at = 0;

	text[0] = 0;
	if (fd < 0)
		return -1;
	while ((n = read(fd, text + at, sizeof(text) - 1 - (size_t)at)) > 0)
		at += n;
	text[at] = 0;
	close(fd);
	return n < 0 ? -1 : at;
}

static const char *result(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}
