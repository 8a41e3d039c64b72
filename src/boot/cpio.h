/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive as Linux unpacks it at its start: cpio, "newc" format (Linux,
 * driver-api/early-userspace/buffer-format.rst), written to memory. Owner is root,
 * times are 0: the same content gives the same bytes.
 */
#ifndef TANE_BOOT_CPIO_H
#define TANE_BOOT_CPIO_H

#include "util/bytes.h"
#include "util/err.h"

#define CPIO_MAX_SIZE (1u << 30)

/* Zeroes are an empty archive. */
struct cpio {
	uint8_t *data;
	size_t size, capacity;
	unsigned nr_entries;
};

/*
 * Append a folder or a file. The name has no leading '/', and the folders that it lies in
 * come before it. -1 if that is too much, or there is no memory.
 */
int cpio_add_folder(struct cpio *cpio, const char *name, struct err *err);
int cpio_add_file(struct cpio *cpio, const char *name, unsigned permissions,
		  struct bytes data, struct err *err);

/* Append what ends it. */
int cpio_finish(struct cpio *cpio, struct err *err);

void cpio_free(struct cpio *cpio);

#endif
