/* SPDX-License-Identifier: MIT */
/* config.json and the process of an exec: whatever they hold, they are read or refused in a sentence. */
#include <stdlib.h>

#include "cmd/runtime/spec/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct spec_process *p;
	struct spec *s;
	char *err = NULL;

	if (spec_parse((const char *)data, len, "/bundle", &s, &err) == 0)
		spec_free(s);
	free(err);
	err = NULL;
	if (spec_process_parse((const char *)data, len, &p, &err) == 0)
		spec_process_free(p);
	free(err);
	return 0;
}
