/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several initrds in a row. Linux unpacks them in order, each one over the last,
 * as if they were one (early-userspace, "initramfs buffer format").
 */
#ifndef TANE_BOOT_INITRD_H
#define TANE_BOOT_INITRD_H

#include <stdint.h>

#include "util/err.h"

/*
 * Plan where `nr` files of `sizes` bytes go: offsets[i] is the start of file i
 * in the whole, a multiple of 4; the gaps are to be zeros. *total is the size of
 * the whole. -1 if the sum does not fit 64 bits.
 */
int initrd_plan(const uint64_t *sizes, unsigned nr, uint64_t *offsets, uint64_t *total,
		struct err *err);

#endif
