/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory, and the only way to it (see memory.c).
 *
 * Addresses are guest physical, lengths are bytes. Any thread may call the
 * accessors; the guest may change the bytes at any time, so copy once, check,
 * then use. Adding RAM belongs to the machine's builder, before vCPUs run.
 */
#ifndef TANE_CORE_MEMORY_H
#define TANE_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define MEMORY_PAGE_SIZE   4096u
#define MEMORY_MAX_REGIONS 8

struct memory_region {
	uint64_t gpa;
	uint64_t size; /* a multiple of MEMORY_PAGE_SIZE */
	uint8_t *hva;
	uint64_t *dirty;   /* a bit per page that the VMM wrote, not the guest */
	size_t dirty_size; /* of the bitmap, in bytes */
};

struct memory {
	bool hugepages; /* RAM is from the host's pool of huge pages; set before the first */
	struct memory_region regions[MEMORY_MAX_REGIONS];
	unsigned nr_regions;
};

/* Reserve RAM at `gpa` as the next region. The caller gives it to KVM. */
int memory_add_ram(struct memory *memory, uint64_t gpa, uint64_t size, struct err *err);
void memory_destroy(struct memory *memory);

/* All RAM reads zero again; its host pages are given back, but huge ones of the pool. No
 * vCPU may run. */
int memory_discard(struct memory *memory, struct err *err);

/*
 * The host address of [gpa, gpa + len), or NULL if that is not all RAM of one
 * region (so NULL for len 0 outside RAM, and for every range that wraps). The
 * one for writing marks the pages as written. Valid as long as the VM.
 */
const void *memory_for_read(const struct memory *memory, uint64_t gpa, uint64_t len);
void *memory_for_write(struct memory *memory, uint64_t gpa, uint64_t len);

/*
 * The same for what may be written later or not at all, as rings and their buffers
 * are: nothing is marked yet. Whoever wrote, or had the host's kernel write,
 * calls memory_mark_written() afterwards, for [hva, hva + len) inside such a range; what
 * is not RAM is left alone.
 */
void *memory_map(const struct memory *memory, uint64_t gpa, uint64_t len);
void memory_mark_written(const struct memory *memory, const void *hva, uint64_t len);

/*
 * The guest does not need [hva, hva + len) of such a range for now: give the host
 * its pages that lie wholly inside. They read zero until somebody writes to them, and
 * are marked as written. Returns how many bytes that were; 0 if it is not RAM, or
 * from the pool of huge pages, which stay.
 */
uint64_t memory_give_back(const struct memory *memory, const void *hva, uint64_t len);

/* Copy. false, with nothing copied, when the range is not all RAM of one region. */
bool memory_read(const struct memory *memory, uint64_t gpa, void *to, size_t len);
bool memory_write(struct memory *memory, uint64_t gpa, const void *from, size_t len);

/* Fetch and clear bit `page` of region `region`: did the VMM write that page? */
bool memory_take_dirty(struct memory *memory, unsigned region, uint64_t page);

/* Is `hva` inside guest RAM? For accounting of our own memory. */
bool memory_owns(const struct memory *memory, uintptr_t hva);

#endif
