/* SPDX-License-Identifier: MIT */
/* `state`: one container, as JSON. */
#include <jansson.h>
#include <stdio.h>

#include "cmd/lib/jtext.h"
#include "cmd/runtime/log.h"
#include "cmd/runtime/runtime.h"
#include "cmd/runtime/state.h"

static const struct option_row options[] = {
	{OPTION_END},
};

static int run_state(const struct runtime *rt, int argc, char **argv)
{
	struct container c;
	json_t *v;

	if (options_words(options, NULL, 1, 1, argc, argv) < 0 || container_open(rt, argv[1], &c) < 0)
		return 1;
	v = container_oci_state(&c, container_status(&c));
	json_object_set_new(v, "rootfs", jtext(c.rootfs));
	json_object_set_new(v, "created", jtext(c.created));
	json_object_set_new(v, "owner", jtext(c.owner));
	json_dumpf(v, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(v);
	container_close(&c);
	return 0;
}

const struct verb verb_state = {"state", "ID", "show the state of a container, as JSON", run_state, options};
