/* SPDX-License-Identifier: MIT */
/* libFuzzer: records and names of kept writes, of any bytes. The checksum is put right first, or nothing would get past it. */
#include <stdlib.h>
#include <string.h>

#include "fuse-snap/index.h"
#include "fuse-snap/upper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void use(const uint8_t *p, size_t len)
{
	struct upper_record r, again;
	struct upper_buf b = {0};
	struct upper_bytes list;
	struct upper_xattr x;
	unsigned n = 0, m = 0;

	if (upper_record_decode(p, len, &r) < 0)
		return;
	upper_record_begin(&b, &r);
	for (list = r.xattrs; upper_xattr_next(&list, &x); n++)
		upper_put_xattr(&b, x.name, x.value, x.size);
	/* What was read can be written, and is the same then. */
	if (upper_record_end(&b) < 0 || upper_record_decode(b.p, b.len, &again) < 0 || again.mode != r.mode || again.links != r.links ||
		again.origin.len != r.origin.len)
		abort();
	for (list = again.xattrs; upper_xattr_next(&list, &x); m++)
		;
	if (n != m)
		abort();
	upper_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char name[256], host[256], back[256];
	struct upper_header h;
	uint8_t *p;

	upper_header_decode(data, len, &h);
	if (len > 0 && len < 250) {
		memcpy(host, data, len);
		host[len] = '\0';
		if (upper_name_decode(host, name) == 0 && upper_name_encode(name, strlen(name), host[8] == '%' && !strncmp(host, ".picket.%", 9), back) == 0 &&
			strcmp(back, host) != 0)
			abort();
	}
	if (len < 32 || len > UPPER_RECORD_MAX)
		return 0;
	p = malloc(len);
	memcpy(p, data, len);
	memcpy(p, "PKU1", 4);
	p[8] &= 3;
	p[9] = p[10] = p[11] = 0;
	uint32_t crc = snap_crc32c(0, p + 8, len - 8);
	memcpy(p + 4, &crc, 4);
	use(p, len);
	free(p);
	return 0;
}
