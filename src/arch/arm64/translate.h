/* SPDX-License-Identifier: BSD-2-Clause */
/* From the guest's virtual addresses to its physical ones; see translate.c. */
#ifndef TANE_ARCH_ARM64_TRANSLATE_H
#define TANE_ARCH_ARM64_TRANSLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/memory.h"

/* The registers of EL1 that say how addresses are translated. */
struct arm64_mmu {
	uint64_t sctlr, tcr, ttbr0, ttbr1;
};

/* false: the address is not mapped, or its tables are not in RAM. */
bool arm64_translate(const struct arm64_mmu *mmu, const struct memory *memory,
		     uint64_t virtual, uint64_t *physical);

#endif
