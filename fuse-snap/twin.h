/* SPDX-License-Identifier: MIT */
/*
 * Twin files: pre-patched copies of executable segments (docs/twins.md), of all files of a layer or of one file of the host. The format, and its
 * reader, which needs libc alone and is used by the sentry too.
 *
 * Little-endian. A page of head, then for each segment its text (whole pages, at the same offsets as in the file), its trampoline area (whole
 * pages) and its sites; then the packs and the table of segments. Written once and never changed.
 */
#ifndef PICKET_SNAP_TWIN_H
#define PICKET_SNAP_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sentry/arch/x86_64/rewrite.h"

#define TWIN_MAGIC "PKTTWIN\0"
#define TWIN_VERSION (1u << 16 | REWRITE_VERSION) /* of the format, and of what is planned */
#define TWIN_PAGE 4096u
#define TWIN_ENTRY 0x7f8000020000ull /* of stub_site: where the trampolines lead */

/* Bounds that a writer keeps and a reader insists on. */
#define TWIN_MAX_SEGS 65536u
#define TWIN_MAX_PACKS 1024u
#define TWIN_MAX_SITES (1u << 20) /* of a segment */

enum twin_kind {
	TWIN_OF_LAYER = 1, /* segments are found by pack and offset in it */
	TWIN_OF_FILE,	   /* of one file of the host, while it is the same */
};

/* Which file of the host, and in which state. */
struct twin_file {
	uint64_t dev; /* major << 32 | minor */
	uint64_t ino;
	uint64_t size;
	int64_t mtime_sec;
	int64_t ctime_sec;
	uint32_t mtime_nsec;
	uint32_t ctime_nsec;
};

struct twin_head {
	char magic[8];
	uint32_t version;
	uint32_t kind;
	uint64_t file_len;
	uint64_t entry; /* TWIN_ENTRY of the writer */
	uint32_t n_segs;
	uint32_t n_packs;
	uint64_t segs_off;
	uint64_t packs_off; /* of 32 bytes each: the layer's digest, as in its index; all zero: its own */
	struct twin_file of;
	uint8_t layer[32]; /* TWIN_OF_LAYER: the layer's digest */
	uint32_t body_crc; /* CRC-32C of all behind the page of the head; `picket verify` checks it */
	uint32_t head_crc; /* CRC-32C of the head up to here */
};

struct twin_seg {
	uint64_t off;	   /* of the first page, in the pack or the file */
	uint64_t len;	   /* bytes of the file from there */
	uint64_t text_off; /* in the twin file, as all that follow */
	uint64_t area_off;
	uint64_t sites_off; /* struct rewrite_site[] */
	uint32_t area_len;  /* bytes in use */
	uint32_t n_sites;
	uint32_t pack;
	uint32_t crc; /* CRC-32C of the sites */
};

/**
 * twin_head_check - is this the head of a twin file of *file_len* bytes that fits this version?
 *
 * Then its tables lie inside the file. Returns 0, -EINVAL (damaged, or no twin file), -EPROTONOSUPPORT (another version).
 */
int twin_head_check(const struct twin_head *h, uint64_t file_len);

/** twin_segs_check - does each segment lie inside the file, and are they sorted by (pack, off) without overlap? */
bool twin_segs_check(const struct twin_head *h, const struct twin_seg *segs);

/** twin_verify - is the twin file @fd whole? (twincheck.c, of the store.) Returns 0, or -EINVAL, -EPROTONOSUPPORT … */
int twin_verify(int fd);

/** twin_page_up - rounded up to whole pages. */
static inline uint64_t twin_page_up(uint64_t n)
{
	return (n + TWIN_PAGE - 1) & ~(uint64_t)(TWIN_PAGE - 1);
}

#endif
