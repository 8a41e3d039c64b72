/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flat code: bytes that go to an address and run there in real mode, as a CPU
 * wakes up. `--rom FILE[@ADDR]`.
 */
#ifndef TANE_BOOT_FLAT_H
#define TANE_BOOT_FLAT_H

#include <stdint.h>

#include "boot/boot.h"

/* The last address that real mode can name as SELECTOR:OFFSET with offset < 16. */
#define FLAT_ADDRESS_MAX 0xffff0ull

/* FILE[@ADDR] taken apart. `file` is inside the spec, not terminated. */
struct flat_spec {
	const char *file;
	int file_length;
	uint64_t address; /* 0 if not given */
};

/*
 * Parse `FILE[@ADDR]`, ADDR as strtoull() reads it. The last '@' counts, unless
 * a '/' follows it: then it belongs to a directory's name.
 */
int flat_parse_spec(const char *spec, struct flat_spec *out, struct err *err);

/* Code at its place, and where the CPU starts: base = cs * 16. */
struct flat_image {
	struct boot_segment segment;
	uint16_t cs;
	uint16_t ip;
};

/*
 * Put `code` at `address`. `max_size` is the size of RAM from address 0. The
 * segment points into `code`.
 */
int flat_load(struct flat_image *image, struct bytes code, uint64_t address,
	      uint64_t max_size, struct err *err);

#endif
