/* SPDX-License-Identifier: MIT */
/*
 * Minikube, through its own program: profiles, nodes, and what is done on them. What the program prints is a stranger's
 * text: its JSON is parsed, its lines are taken for words, nothing of it is executed.
 */
#ifndef PICKET_CMD_MINIKUBE_H
#define PICKET_CMD_MINIKUBE_H

#include <jansson.h>
#include <stdbool.h>

#include "cmd/lib/str.h"
#include "fuse-snap/digest.h"

struct minikube {
	char *program;	       /* where PATH has it */
	char *profile;	       /* by name, also if none was named */
	char *runtime;	       /* containerd, docker, cri-o */
	char *driver;	       /* docker, kvm2, none … */
	char *status;	       /* Running, OK, Stopped … */
	struct str_list nodes; /* as minikube's own commands name them */
};

/* What a command of minikube's said; each ends with a NUL. The caller frees with mk_said_free(). */
struct mk_said {
	char *out, *err;
	size_t out_len;
};

void mk_said_free(struct mk_said *said);

/*
 * Run `minikube [-p PROFILE] ARGS…` and wait for it. `input`: what it reads from standard input, NULL: nothing. Its exit
 * status, 128+N, or -1 after a complaint if it could not be started. Output beyond some megabytes is cut off.
 */
int mk_run(const struct minikube *mk, const char *input, struct mk_said *said, const char *const *args);

/* The line of what it said that tells people most: without its emoji, and the last error if there are several. */
const char *mk_reason(const struct mk_said *said);

/*
 * Find minikube and what its profile is (NULL: the one that is active). With `running` one that does not run is refused.
 * 0, or -1 after a complaint. mk_close() in any case.
 */
int mk_open(struct minikube *mk, const char *profile, bool running);
void mk_close(struct minikube *mk);

/* Keep the nodes that are named, if any is. 0, or -1 after a complaint. */
int mk_choose_nodes(struct minikube *mk, const struct str_list *names);

/*
 * Run a command line on a node, by its shell: its output without the carriage returns of the terminal that minikube
 * gives it, standard error in it. The status is 0 or not; minikube does not tell which.
 */
int mk_ssh(const struct minikube *mk, const char *node, const char *line, struct mk_said *said);

/* The images of the profile, as `minikube image ls --format json` lists them. NULL after a complaint. */
json_t *mk_images(const struct minikube *mk);

/* The ID of one of them; false if it has none. */
bool mk_image_id(const json_t *image, struct digest *id);

/*
 * What makes up a node's programs, as a tar archive in a new file below $TMPDIR: of `archive`, or of the programs that
 * belong to this one. *path is to be unlinked and freed, `sum` is its SHA-256. 0, or -1 after a complaint.
 */
int mk_archive(const char *archive, char **path, struct digest *sum);

/* A file that belongs to Picket, not a program: node.sh. Allocated; NULL after a complaint. */
char *mk_data_file(const char *name);

/*
 * `minikube:NAME`: get that image into the store if it is not there as it is in Minikube. *name is what the store calls
 * it, allocated. An exit status; a complaint has been made if it is not 0.
 */
int mk_fetch_image(const char *name, const char *profile, bool quiet, char **stored);

/* NAME of `minikube:NAME`, or NULL. */
const char *mk_image_name(const char *reference);

#endif
