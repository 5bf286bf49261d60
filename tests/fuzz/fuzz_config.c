/* SPDX-License-Identifier: MIT */
/* libFuzzer target: the reader of the launch configuration. */
#include "control/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c;
	const char *err;
	unsigned record;
	char *bytes = malloc(size ? size : 1);

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	if (config_parse(bytes, size, &c, &err, &record) == 0)
		config_free(c);
	return 0;
}
