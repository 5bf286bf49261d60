/* SPDX-License-Identifier: MIT */
/*
 * picket-sentry: the application kernel of one sandbox. Reads the launch configuration, builds the sandbox, gives up what
 * it no longer needs, and runs the first program until it ends.
 */
#include "control/control.h"
#include "kernel/kernel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int config_fd(int argc, char **argv)
{
	char *end;
	long fd;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("picket-sentry " PICKET_VERSION);
		exit(0);
	}
	if (argc != 3 || strcmp(argv[1], "--config-fd") != 0)
		return -1;
	fd = strtol(argv[2], &end, 10);
	return *end || end == argv[2] || fd < 0 || fd > 1 << 20 ? -1 : (int)fd;
}

int main(int argc, char **argv)
{
	int fd = config_fd(argc, argv);

	if (fd < 0) {
		fprintf(stderr, "picket-sentry: started by picket, not by hand (usage: picket-sentry --config-fd FD)\n");
		return 125;
	}
	return sandbox_run(fd);
}
