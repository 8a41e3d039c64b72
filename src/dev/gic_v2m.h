/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m: a frame beside a GICv2 that takes messages (Arm Server Base System
 * Architecture, appendix E). See gic_v2m.c.
 */
#ifndef TANE_DEV_GIC_V2M_H
#define TANE_DEV_GIC_V2M_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"

#define GIC_V2M_SIZE      0x1000u
#define GIC_V2M_SETSPI_NS 0x040u /* where messages go: the data is an INTID */

struct gic_v2m {
	uint32_t first, count;                       /* INTIDs that it raises */
	void (*raise)(void *opaque, uint32_t intid); /* an edge */
	void *opaque;
};

extern const struct io_ops gic_v2m_io;

void gic_v2m_init(struct gic_v2m *v2m, uint32_t first, uint32_t count,
		  void (*raise)(void *opaque, uint32_t intid), void *opaque);

/* Does a message of `data` raise an interrupt? */
bool gic_v2m_has(const struct gic_v2m *v2m, uint32_t data);

#endif
