/* SPDX-License-Identifier: MIT */
/* pack and unpack: Picket's side of cp and export that runs inside. */
#include "cmd/guest/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/copy/pack.h"
#include "cmd/copy/rules.h"
#include "cmd/copy/unpack.h"

static int say(const char *text)
{
	fprintf(stderr, "%s\n", text);
	return 1;
}

static int write_all(void *arg, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static void warn(void *arg, const char *text)
{
	fprintf(stderr, "warning: %s\n", text);
}

static int missing(const char *path)
{
	fprintf(stderr, "there is no %s in the sandbox: %s\n", path, strerror(errno));
	return 1;
}

/* -x: all but what is mounted, without a top entry; -c: the contents; -L: a link at the end is followed. */
int guest_pack(int argc, char **argv)
{
	struct pack_options opt = {.xattrs = true, .warn = warn};
	struct snap_error e = {0};
	struct tar_out out;
	char base[NAME_MAX + 1];
	bool dir = false;
	struct stat st;
	int c, r;

	while ((c = getopt(argc + 1, argv - 1, "Lx")) != -1) {
		if (c == 'L')
			opt.follow = true;
		else if (c == 'x')
			opt.one_fs = true;
	}
	if (optind != argc)
		return say("picket-guest: pack needs a path");
	argv += optind - 1;
	dir = copy_says_dir(argv[0]);
	opt.follow |= dir;
	if ((opt.follow ? stat : lstat)(argv[0], &st) < 0)
		return missing(argv[0]);
	if (dir && !S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return missing(argv[0]);
	}
	copy_base(argv[0], base, sizeof(base));
	opt.name = opt.one_fs ? "" : copy_says_contents(argv[0]) ? "." : base;
	r = tar_out_init(&out, write_all, NULL);
	if (r)
		return say("out of memory");
	r = pack_tree(AT_FDCWD, argv[0], &opt, &out, &e);
	if (!r && (r = tar_out_finish(&out)) < 0)
		snap_fail_errno(&e, -r, "cannot write the archive");
	tar_out_free(&out);
	return r ? say(e.text) : 0;
}

static int unpack_stream(int dirfd, const struct unpack_options *opt)
{
	struct unpack *u = unpack_new(dirfd, opt);
	char *chunk = malloc(256u << 10);
	struct snap_error e = {0};
	ssize_t n = 0;
	int r = 0;

	if (!u || !chunk)
		return say("out of memory");
	while (!r && ((n = read(STDIN_FILENO, chunk, 256u << 10)) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			r = unpack_feed(u, chunk, (size_t)n, &e);
	if (!r && n < 0)
		r = snap_fail_errno(&e, errno, "cannot read the archive");
	if (!r)
		r = unpack_finish(u, &e);
	unpack_free(u);
	free(chunk);
	return r ? say(e.text) : 0;
}

/*
 * What comes is a file of name N (-f N), a directory (-d N), the contents of one (-c), or anything, and then PATH must
 * be a directory. -a: owners as the archive has them.
 */
int guest_unpack(int argc, char **argv)
{
	struct unpack_options opt = {
		.owner = UNPACK_OWNER_ROOT, .devices = true, .special_bits = true, .xattrs = true, .warn = warn};
	enum copy_source what = COPY_FILE;
	struct copy_place place;
	bool contents = false;
	char err[4352];
	int c, dirfd;

	while ((c = getopt(argc + 1, argv - 1, "acf:d:")) != -1) {
		if (c == 'a')
			opt.owner = UNPACK_OWNER_ARCHIVE;
		else if (c == 'c')
			contents = true;
		else if (c == 'f' || c == 'd')
			opt.from = optarg;
		if (c == 'd')
			what = COPY_DIR;
	}
	if (optind != argc)
		return say("picket-guest: unpack needs a path");
	argv += optind - 1;
	if (contents)
		what = COPY_CONTENTS;
	if (!opt.from && !contents) { /* an archive as it is */
		struct stat st;

		if (stat(argv[0], &st) < 0)
			return missing(argv[0]);
		if (!S_ISDIR(st.st_mode)) {
			fprintf(stderr, "the destination %s must be a directory for an archive\n", argv[0]);
			return 1;
		}
		snprintf(place.dir, sizeof(place.dir), "%s", argv[0]);
		place.name[0] = 0;
	} else if (copy_destination(argv[0], what, &place, err) < 0) {
		return say(err);
	}
	umask(0);
	if (contents && place.name[0])
		opt.from = ".";
	opt.to = place.name[0] ? place.name : NULL;
	dirfd = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0) {
		fprintf(stderr, "cannot open the directory %s: %s\n", place.dir, strerror(errno));
		return 1;
	}
	return unpack_stream(dirfd, &opt);
}
