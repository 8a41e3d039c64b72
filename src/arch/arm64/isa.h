/* SPDX-License-Identifier: BSD-2-Clause */
/* What an arm64 machine keeps, besides what all device-tree machines have. */
#ifndef TANE_ARCH_ARM64_ISA_H
#define TANE_ARCH_ARM64_ISA_H

#include "arch/arm64/gic.h"

struct isa {
	struct gic gic;
	bool has_pmu; /* KVM gives vCPUs a PMU */
};

/*
 * How many bits guest physical addresses shall have: enough for RAM, and for the PCI
 * window above it if KVM goes that far, but not more: fewer bits are fewer levels of
 * KVM's page tables. 0: `max`, which is KVM's, is not enough for the RAM.
 */
unsigned isa_choose_ipa_bits(uint64_t ram_end, uint64_t window_end, unsigned max);
#define ISA_MIN_IPA_BITS 32u

#endif
