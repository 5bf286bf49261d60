/* SPDX-License-Identifier: MIT */
/* libFuzzer target: manifests, configs, headers, references and archives. The first byte chooses which. */
#include "fuse-snap/refname.h"
#include "net/archive.h"
#include "net/challenge.h"
#include "net/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Archives that are packed are spooled into a store. */
static struct store_txn *txn;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/fuzz-net-XXXXXX";
	struct store *store;
	struct snap_error e;

	if (!mkdtemp(path) || store_open(path, &store, &e) || store_begin(store, &txn, &e))
		abort();
	return 0;
}

static void fuzz_documents(const uint8_t *data, size_t size)
{
	struct image_config config;
	struct platform platform;
	struct manifest manifest;
	struct snap_error e;

	platform_default(&platform);
	if (!manifest_parse(&manifest, data, size, NULL, &platform, "x", &e))
		manifest_free(&manifest);
	if (!image_config_parse(&config, data, size, "x", &e))
		image_config_free(&config);
}

static void fuzz_text(const char *text)
{
	char canonical[REF_NAME_MAX + 1];
	struct challenge challenge;
	struct platform platform;
	struct ref_name ref, again;
	struct snap_error e;

	challenge_parse(&challenge, text);
	platform_parse(&platform, text, &e);
	if (ref_parse(text, &ref, &e))
		return;
	ref_canonical(&ref, canonical);
	/* What was taken must be taken again, and mean the same; also in its short form. */
	if (ref_parse(canonical, &again, &e) || strcmp(ref.repository, again.repository))
		abort();
	if (ref_parse(ref_familiar(canonical), &again, &e) || strcmp(ref.repository, again.repository))
		abort();
}

static void fuzz_archive(const uint8_t *data, size_t size)
{
	struct inflate_limits limits = {.absolute = 1 << 20, .slack = 1 << 20};
	int fd = memfd_create("archive", MFD_CLOEXEC);
	struct archive *archive;
	struct member member;
	struct snap_error e;
	char path[64];
	size_t len;
	void *text;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!archive_open(path, txn, &limits, &archive, &e)) {
		if (!archive_read(archive, "manifest.json", 1 << 20, &text, &len, &e))
			free(text);
		if (!archive_find(archive, "a/../b/./c", &member))
			member_close(&member);
		archive_close(archive);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size)
		return 0;
	switch (data[0] % 3) {
	case 0:
		fuzz_documents(data + 1, size - 1);
		break;
	case 1:
		text = strndup((const char *)data + 1, size - 1);
		if (text)
			fuzz_text(text);
		free(text);
		break;
	default:
		fuzz_archive(data + 1, size - 1);
	}
	return 0;
}
