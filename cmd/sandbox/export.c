/* SPDX-License-Identifier: MIT */
/* picket export: the tree of a sandbox as a tar archive, without what is mounted in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/lib/message.h"
#include "cmd/sandbox/inside.h"

#define PIECE (256u << 10)

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int pass(struct inside *g, int fd, const char *name)
{
	char *piece = xrealloc(NULL, PIECE);
	int r = 0, status = 0;
	ssize_t n;

	while (!r && (n = inside_read(g, piece, PIECE)) > 0)
		r = write_all(fd, piece, (size_t)n);
	free(piece);
	if (r)
		return complain(EXIT_FAILED, "cannot write the archive: %s", strerror(-r));
	if (n < 0)
		return complain(EXIT_FAILED, "cannot export %s: %s", name, strerror((int)-n));
	if (inside_finish(g))
		status = complain(EXIT_FAILED, "cannot export %s: %s", name, g->said);
	return status;
}

static int export(const char *name, int fd)
{
	struct str_list words = {0};
	struct inside g;
	int status;

	str_list_add(&words, xstrdup("pack"));
	str_list_add(&words, xstrdup("-x"));
	str_list_add(&words, xstrdup("/"));
	status = inside_start(&g, name, &words, false);
	str_list_free(&words);
	status = status ? status : pass(&g, fd, name);
	inside_free(&g);
	return status;
}

int cmd_export(const void *opts, int argc, char **argv)
{
	const struct export_options *o = opts;
	char *temporary;
	int fd, status;

	if (!o->output && isatty(STDOUT_FILENO))
		return complain(
			EXIT_FAILED, "an archive is nothing for a terminal: say -o FILE, or send the output elsewhere");
	if (!o->output)
		return export(argv[0], STDOUT_FILENO);
	/* The file appears when it is whole. */
	temporary = xasprintf("%s.%d.tmp", o->output, (int)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		status = complain(EXIT_FAILED, "cannot write %s: %s", o->output, strerror(errno));
		free(temporary);
		return status;
	}
	status = export(argv[0], fd);
	if (close(fd) < 0 && !status)
		status = complain(EXIT_FAILED, "cannot write %s: %s", o->output, strerror(errno));
	if (!status && rename(temporary, o->output) < 0)
		status = complain(EXIT_FAILED, "cannot write %s: %s", o->output, strerror(errno));
	if (status)
		unlink(temporary);
	free(temporary);
	return status;
}
