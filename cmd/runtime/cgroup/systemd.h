/* SPDX-License-Identifier: MIT */
/* Groups that systemd makes: transient scopes. org.freedesktop.systemd1(5). */
#ifndef PICKET_RUNTIME_CGROUP_SYSTEMD_H
#define PICKET_RUNTIME_CGROUP_SYSTEMD_H

#include "cmd/runtime/cgroup/group.h"
#include "cmd/runtime/cgroup/host.h"

/* The name of its unit. */
int cg_systemd_plan(struct cg *g, const struct cg_host *h, const struct cg_request *rq, char **err);

/* Have a scope made with `pid` in it; g gets its directories. Waits until the process is there. */
int cg_systemd_make(struct cg *g, const struct cg_request *rq, pid_t pid, char **err);

/* The directories of its unit, in which a process is whose hierarchies these are. 0 or a negative errno with *err. */
int cg_systemd_found(struct cg *g, const struct cg_host *h, char **err);

/* Tell systemd of new limits, or it would write the old ones again when it reads its units anew. */
int cg_systemd_update(const struct cg *g, const struct cg_resources *r, char **err);

/* End the scope. */
void cg_systemd_stop(const struct cg *g);

#endif
