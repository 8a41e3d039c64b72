/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Milestone register: a guest writes a number when it has got somewhere (kernel
 * entered, init runs...), and the machine notes the time. It is one I/O port,
 * or a register in memory for accesses of 1, 2 or 4 bytes. A read gives all
 * ones. It keeps nothing, so it has no reset, save or load. The caller holds
 * the device's mutex; the callback runs with it held.
 */
#ifndef TANE_DEV_MILESTONE_H
#define TANE_DEV_MILESTONE_H

#include <stdint.h>

#include "core/bus.h"

struct milestone {
	void (*reached)(void *opaque, uint8_t number);
	void *opaque;
};

#define MILESTONE_SIZE 4 /* of its range in memory */

extern const struct io_ops milestone_io;

void milestone_init(struct milestone *dev, void (*reached)(void *opaque, uint8_t number),
		    void *opaque);

#endif
