/* SPDX-License-Identifier: MIT */
/* `spec` and `features`: what a configuration looks like, and what of it is known here. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/lib/str.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/spec/spec.h"

struct arguments {
	const char *bundle;
	bool rootless;
};

static const struct option_row options[] = {
	{OPTION_TEXT, "bundle", 'b', offsetof(struct arguments, bundle), "directory to write config.json into (default: here)"},
	{OPTION_FLAG, "rootless", 0, offsetof(struct arguments, rootless), "of an ordinary user's container"},
	{OPTION_END},
};

static int write_template(const char *path, bool rootless)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (!out && fd < 0 && errno == EEXIST)
		return fail("File config.json exists. Remove it first");
	if (!out)
		return fail("cannot make %s: %s", path, strerror(errno));
	r = spec_write_template(out, rootless);
	if (fclose(out) != 0 || r < 0) {
		r = fail("cannot write %s: %s", path, strerror(errno));
		unlink(path);
	}
	return r;
}

static int run_spec(const struct runtime *rt, int argc, char **argv)
{
	struct arguments a = {0};
	char *path;
	int r;

	(void)rt;
	if (options_words(options, &a, 0, 0, argc, argv) < 0)
		return 1;
	path = xasprintf("%s/config.json", a.bundle ? a.bundle : ".");
	r = write_template(path, a.rootless);
	free(path);
	return r < 0;
}

static int run_features(const struct runtime *rt, int argc, char **argv)
{
	static const struct option_row none[] = {{OPTION_END}};
	char nothing;

	(void)rt;
	if (options_words(none, &nothing, 0, 0, argc, argv) < 0)
		return 1;
	if (spec_write_features(stdout) < 0 || fflush(stdout) != 0)
		return fail("cannot write: %s", strerror(errno)) < 0;
	return 0;
}

const struct verb verb_features = {
	.name = "features",
	.usage = "",
	.help = "show what the runtime knows, as JSON",
	.run = run_features,
};

const struct verb verb_spec = {
	.name = "spec",
	.usage = "[--bundle DIR] [--rootless]",
	.help = "write a config.json to start from",
	.run = run_spec,
	.options = options,
};
