/* SPDX-License-Identifier: MIT */
/* What went wrong, in one sentence for a person: what failed, on what, why. Libraries fill it, commands print it. */
#ifndef PICKET_SNAP_ERROR_H
#define PICKET_SNAP_ERROR_H

struct snap_error {
	int err; /* positive errno */
	char text[1024];
};

/**
 * snap_fail - fill @e (which may be NULL) and return -@err
 *
 * ENOSPC and EDQUOT always read alike: the text gets the reason appended by snap_fail_errno only.
 */
int snap_fail(struct snap_error *e, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** snap_fail_errno - as snap_fail, with ": " and the text of @err appended. */
int snap_fail_errno(struct snap_error *e, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
