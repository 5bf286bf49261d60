/* SPDX-License-Identifier: MIT */
/* picket-snapd: the FUSE server of one snapshot. Started by picket; lives while something uses it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve.h"

static const char usage[] =
	"Usage: picket-snapd --serve --store DIR --chain HEX [--socket NAME]\n"
	"       picket-snapd --mount DIR --store DIR --chain HEX [--name IMAGE]\n"
	"\n"
	"Serves one snapshot of a picket store through FUSE. picket starts it; there is no need to.\n"
	"\n"
	"  --serve        hand out descriptors of the snapshot's packs on the socket at descriptor 3, until the last\n"
	"                 client has gone; descriptor 4 is the lock file of that socket, 5 the directory of both\n"
	"  --socket NAME  name of the socket in that directory\n"
	"  --mount DIR    show the snapshot's tree, read-only, at DIR until it is unmounted ('picket umount DIR')\n"
	"  --store DIR    the store\n"
	"  --chain HEX    chainID of the image's layers\n"
	"  --name IMAGE   what /proc/mounts shows as the source\n";

struct options {
	bool serve;
	const char *mount;
	const char *store;
	const char *chain;
	const char *name;
	const char *socket;
};

static int complain(const char *text)
{
	fprintf(stderr, "picket-snapd: %s\n", text);
	return 125;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"serve", no_argument, NULL, 's'},
		{"mount", required_argument, NULL, 'm'},
		{"store", required_argument, NULL, 'd'},
		{"chain", required_argument, NULL, 'c'},
		{"name", required_argument, NULL, 'n'},
		{"socket", required_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			o->serve = true;
			break;
		case 'm':
			o->mount = optarg;
			break;
		case 'd':
			o->store = optarg;
			break;
		case 'c':
			o->chain = optarg;
			break;
		case 'n':
			o->name = optarg;
			break;
		case 'k':
			o->socket = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -1;
		}
	}
	return optind == argc && o->chain && o->serve == !o->mount ? 0 : -1;
}

static int open_packs(struct snapshot *s, struct snap_error *e)
{
	s->pack_fds = calloc(s->ix.pack_count + 1, sizeof(*s->pack_fds));
	if (!s->pack_fds)
		return snap_fail_errno(e, ENOMEM, "cannot open the image");
	for (uint32_t i = 0; i < s->ix.pack_count; i++)
		s->pack_fds[i] = -1;
	for (uint32_t i = 0; i < s->ix.pack_count; i++) {
		struct digest d;
		int r;

		memcpy(d.b, s->ix.packs[i].layer, sizeof(d.b));
		r = store_open_pack(s->store, &d, &s->pack_fds[i], e);
		if (r)
			return r;
	}
	return 0;
}

static int open_snapshot(const struct options *o, struct snapshot *s, struct snap_error *e)
{
	struct digest chain;
	struct stat st;
	void *map;
	int r;

	if (digest_parse(o->chain, &chain))
		return snap_fail(e, EINVAL, "'%s' is not a chainID", o->chain);
	r = store_open(o->store, &s->store, e);
	if (!r)
		r = store_open_image_index(s->store, &chain, &s->index_fd, e);
	if (r)
		return r;
	if (fstat(s->index_fd, &st))
		return snap_fail_errno(e, errno, "cannot read the index");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, s->index_fd, 0);
	if (map == MAP_FAILED)
		return snap_fail_errno(e, errno, "cannot read the index");
	s->map = map;
	s->map_len = (size_t)st.st_size;
	r = snap_index_open(s->map, s->map_len, &s->ix);
	return r ? snap_fail_errno(e, -r, "the index of the image is damaged") : open_packs(s, e);
}

/* Two descriptors a pack, one a client: the usual soft limit may be too low. */
static void raise_limit(void)
{
	struct rlimit lim;

	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static void close_snapshot(struct snapshot *s)
{
	for (uint32_t i = 0; s->pack_fds && i < s->ix.pack_count; i++)
		if (s->pack_fds[i] >= 0)
			close(s->pack_fds[i]);
	free(s->pack_fds);
	if (s->map)
		munmap(s->map, s->map_len);
	if (s->index_fd >= 0)
		close(s->index_fd);
	store_close(s->store);
}

int main(int argc, char **argv)
{
	struct snapshot s = {.index_fd = -1};
	struct options o = {.name = "picket"};
	struct snap_error e;
	int status;

	if (parse(argc, argv, &o)) {
		fputs(usage, stderr);
		return 125;
	}
	umask(077);
	raise_limit();
	if (open_snapshot(&o, &s, &e))
		status = complain(e.text);
	else if (o.serve)
		_exit(serve(&s, o.socket)); /* its thread still uses the snapshot */
	else
		status = mount_tree(&s, o.mount, o.name);
	close_snapshot(&s);
	return status;
}
