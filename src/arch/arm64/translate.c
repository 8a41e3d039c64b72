/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk of stage 1 translation tables (Arm ARM, D8.2; physical addresses of up to 48
 * bits). KVM does not do it for us, and a register dump wants to show the code.
 *
 * Bit 55 of an address chooses TTBR0 or TTBR1. Tables have the size of a granule, 4, 16 or
 * 64 KiB, of which each level takes the bits that index it, eight bytes an entry. The
 * first table has what is left of the bits that TCR allows. Tables are the guest's, so
 * nothing of them is believed but what memory_read() takes.
 */
#include "arch/arm64/translate.h"
#include "util/bytes.h"

#define SCTLR_M 1ull

/* Of TCR: the fields for TTBR0, and how far up those for TTBR1 are. */
#define TCR_T0SZ      0
#define TCR_EPD0      7
#define TCR_TG0       14
#define TCR_T1_FIELDS 16

#define DESCRIPTOR_VALID   1ull
#define DESCRIPTOR_TABLE   2ull /* or, at the last level, a page */
#define DESCRIPTOR_ADDRESS 0x0000fffffffff000ull

/* log2 of the granule; the two fields have different codes. 0: reserved. */
static unsigned granule_shift(bool upper, unsigned code)
{
	static const uint8_t shifts[2][4] = { { 12, 16, 14, 0 }, { 0, 14, 12, 16 } };

	return shifts[upper][code & 3];
}

static bool read_descriptor(const struct memory *memory, uint64_t table, uint64_t index,
			    uint64_t *descriptor)
{
	uint8_t bytes[8];

	if (!memory_read(memory, table + 8 * index, bytes, sizeof(bytes)))
		return false;
	*descriptor = load_le64(bytes);
	return *descriptor & DESCRIPTOR_VALID;
}

/* `bits` of the address count; `granule` is a log2. */
static bool walk(const struct memory *memory, uint64_t table, unsigned granule,
		 unsigned bits, uint64_t virtual, uint64_t *physical)
{
	const unsigned stride = granule - 3;
	unsigned shift = granule;
	uint64_t descriptor, offset;

	virtual &= (1ull << bits) - 1;
	while (shift + stride < bits)
		shift += stride;
	for (;; shift -= stride) {
		if (!read_descriptor(memory, table, virtual >> shift, &descriptor))
			return false;
		offset = (1ull << shift) - 1;
		virtual &= offset;
		if (shift == granule || !(descriptor & DESCRIPTOR_TABLE))
			break;
		table = descriptor & DESCRIPTOR_ADDRESS & ~((1ull << granule) - 1);
	}
	if (shift == granule && !(descriptor & DESCRIPTOR_TABLE))
		return false;
	*physical = (descriptor & DESCRIPTOR_ADDRESS & ~offset) | virtual;
	return true;
}

/* From bit `bits` to bit 55 all are the same; what is above may be a tag. */
static bool is_canonical(uint64_t virtual, bool upper, unsigned bits)
{
	const uint64_t middle = virtual << 8 >> (8 + bits);

	return middle == (upper ? (1ull << (56 - bits)) - 1 : 0);
}

bool arm64_translate(const struct arm64_mmu *mmu, const struct memory *memory,
		     uint64_t virtual, uint64_t *physical)
{
	const bool upper = virtual >> 55 & 1;
	const uint64_t fields = upper ? mmu->tcr >> TCR_T1_FIELDS : mmu->tcr;
	const unsigned size = fields >> TCR_T0SZ & 0x3f, bits = 64 - size;
	const unsigned granule = granule_shift(upper, fields >> TCR_TG0 & 3);
	const uint64_t table = (upper ? mmu->ttbr1 : mmu->ttbr0) & DESCRIPTOR_ADDRESS;

	if (!(mmu->sctlr & SCTLR_M)) {
		*physical = virtual;
		return true;
	}
	if (!granule || (fields >> TCR_EPD0 & 1) || size < 16 || bits <= granule ||
	    !is_canonical(virtual, upper, bits))
		return false;
	return walk(memory, table, granule, bits, virtual, physical);
}
