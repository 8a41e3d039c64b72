/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernels as they unpack, kept from one run to the next: Debian packs its own with xz, and
 * unpacking it takes longer than all else that comes before its first instruction.
 *
 * Nothing depends on the cache. What cannot be had, kept or trusted costs time only.
 */
#ifndef TANE_ARCH_KERNEL_CACHE_H
#define TANE_ARCH_KERNEL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/bytes.h"

/* A kernel's place in it. */
struct kernel_cache {
	int folder;
	char name[112];
};

/*
 * The place of the file `kernel`, in the folder `path`, which is made if only it is missing
 * (NULL: there is no cache). False: none; else to be closed.
 */
bool kernel_cache_open(struct kernel_cache *cache, const char *path, int kernel);
void kernel_cache_close(struct kernel_cache *cache);

/* Read exactly `size` bytes. False: it is not there; some of them may be written. */
bool kernel_cache_read(const struct kernel_cache *cache, uint8_t *to, size_t size);
/* Keep it, and throw away what is there for longest. */
void kernel_cache_write(const struct kernel_cache *cache, struct bytes unpacked);
/* It turned out to be damaged. */
void kernel_cache_drop(const struct kernel_cache *cache);

#endif
