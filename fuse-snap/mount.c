/* SPDX-License-Identifier: MIT */
/* `picket mount`: the tree at a directory, through fusermount3, until it is unmounted. */
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int run(struct fuse_session *session, const char *dir)
{
	int r = 1;

	if (fuse_set_signal_handlers(session))
		return 1;
	if (!fuse_session_mount(session, dir)) {
		/* The caller waits for us: it goes on when the mount is there. */
		r = fuse_daemonize(0);
		if (!r)
			r = fuse_session_loop(session);
		fuse_session_unmount(session);
	}
	fuse_remove_signal_handlers(session);
	return r ? 1 : 0;
}

/* Commas separate options, so a name that holds one is not shown. */
static int add_options(struct fuse_args *args, const char *name)
{
	char opt[600];

	snprintf(opt, sizeof(opt), "-oro,nosuid,nodev,auto_unmount,subtype=picket,fsname=%s", strchr(name, ',') ? "image" : name);
	return fuse_opt_add_arg(args, "picket-snapd") || fuse_opt_add_arg(args, opt);
}

int mount_tree(struct snapshot *s, const char *dir, const char *name)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct snapfuse fs = { &s->ix, s->pack_fds };
	struct fuse_session *session = NULL;
	int r = 1;

	if (!add_options(&args, name))
		session = fuse_session_new(&args, &snapfuse_tree_ops, sizeof(snapfuse_tree_ops), &fs);
	if (session) {
		r = run(session, dir);
		fuse_session_destroy(session);
	}
	fuse_opt_free_args(&args);
	return r;
}
