/* SPDX-License-Identifier: MIT */
/* The verbs: one line each. */
#include <stddef.h>

#include "cmd/runtime/runtime.h"

#define VERB(name) extern const struct verb verb_##name;
#include "cmd/runtime/verbs.def"
#undef VERB

const struct verb *const verbs[] = {
#define VERB(name) &verb_##name,
#include "cmd/runtime/verbs.def"
#undef VERB
	NULL,
};
