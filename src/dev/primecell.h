/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all of ARM's PrimeCells have in their last 32 bytes of 4 KiB: PeriphID0 to 3,
 * which tell part, designer (ARM is 0x41) and revision, and PCellID0 to 3. Eight words
 * of 8 bits each. Buses look there to find the driver.
 */
#ifndef TANE_DEV_PRIMECELL_H
#define TANE_DEV_PRIMECELL_H

#include <stdint.h>

#define PRIMECELL_SIZE 0x1000 /* of the range of registers of each of them */
#define PRIMECELL_IDS  0xfe0

/* The word at `offset`, a multiple of 4 below PRIMECELL_SIZE; 0 where no ID is. */
static inline uint8_t primecell_id(uint16_t part, uint8_t revision, uint64_t offset)
{
	const uint8_t ids[] = {
		(uint8_t)part,
		(uint8_t)(0x10 | part >> 8),
		(uint8_t)(revision << 4 | 0x4),
		0x00,
		0x0d,
		0xf0,
		0x05,
		0xb1,
	};

	return offset < PRIMECELL_IDS ? 0 : ids[(offset - PRIMECELL_IDS) / 4];
}

#endif
