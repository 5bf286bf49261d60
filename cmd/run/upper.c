/* SPDX-License-Identifier: MIT */
/* Layers of writes. */
#include "cmd/run/upper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmd/lib/message.h"
#include "fuse-snap/upper.h"

#define STORAGE_MIN (1 << 20)

/* Has the file system user.* attributes? The layer's own header says so at its second start. */
static int check_xattrs(int fd, const char *path, const char *what)
{
	if (fgetxattr(fd, UPPER_XATTR, NULL, 0) >= 0 || errno == ENODATA)
		return 0;
	if (errno == EOPNOTSUPP)
		return complain(-1,
			"%s cannot be kept in %s: that file system has no user extended attributes; use --rm, or put "
			"Picket's store on ext4, xfs, btrfs or (from Linux 6.6) tmpfs by XDG_DATA_HOME",
			what, path);
	return complain(-1, "cannot read %s in %s: %s", what, path, strerror(errno));
}

int upper_layer_open(struct launch *l, const char *path, const char *what)
{
	int fd, lock;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return complain(-1, "cannot make %s in %s: %s", what, path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return complain(-1, "cannot open %s in %s: %s", what, path, strerror(errno));
	if (check_xattrs(fd, path, what)) {
		close(fd);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			complain(-1, "%s is in use by another sandbox that runs: one at a time can have it; stop that one first",
				what);
		else
			complain(-1, "cannot lock %s in %s: %s", what, path, strerror(errno));
		close(fd);
		return -1;
	}
	/* The sandbox's descriptor is another one, of its own mount; this one has the lock as long as its keeper lives. */
	lock = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (lock < 0) {
		complain(-1, "cannot lock %s in %s: %s", what, path, strerror(errno));
		close(fd);
		return -1;
	}
	launch_hold(l, lock);
	return fd;
}

static int storage_option(const char *text, int64_t *size)
{
	if (strncmp(text, "size=", 5) != 0 || parse_size(text + 5, size) < 0)
		return complain(EXIT_PICKET, "--storage-opt %s is not known: size=BYTES is, as size=2g", text);
	if (*size < STORAGE_MIN)
		return complain(EXIT_PICKET, "--storage-opt %s is too small: 1m is the least", text);
	return 0;
}

int write_upper(struct run *r)
{
	int64_t size = 0;
	int status = 0;

	for (size_t i = 0; status == 0 && i < r->o->storage_opts.count; i++)
		status = storage_option(r->o->storage_opts.items[i], &size);
	if (status)
		return status;
	if (size) {
		char text[24];

		snprintf(text, sizeof(text), "%lld", (long long)size);
		launch_record(&r->launch, CONFIG_STORAGE_SIZE, text);
	}
	if (!r->entry.temporary) {
		char *path = xasprintf("%s/upper", r->entry.dir);
		int fd = upper_layer_open(&r->launch, path, "the sandbox's layer of writes");

		free(path);
		if (fd < 0)
			return EXIT_PICKET;
		launch_record(&r->launch, CONFIG_UPPER, launch_give_host(&r->launch, fd, true));
	}
	return 0;
}
