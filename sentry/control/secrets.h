/* SPDX-License-Identifier: MIT */
/* Secrets of one run (docs/launch.md, record `secret`). */
#pragma once

#include "control/rootfs.h"

/*
 * Mount /run/secrets and make the files of the configuration in it: mode 0400, owned by *u*. *init* still has root's credentials. Closes
 * the descriptors. 0 or a negative errno with a sentence in *err*.
 */
int rootfs_place_secrets(struct task *init, const struct config *c, const struct rootfs_user *u, struct rootfs_error *err);
