/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m: a page of registers that turns a message into an edge on a shared peripheral
 * interrupt. A driver reads which interrupts are the frame's (MSI_TYPER), and gives a
 * device the address of MSI_SETSPI_NS and an interrupt's number as data. It keeps
 * nothing, so there is nothing to reset or save.
 */
#include "dev/gic_v2m.h"

#define MSI_TYPER        0x008u
#define MSI_IIDR         0xfccu
#define TYPER_FIRST      16                      /* shift */
#define IIDR_PRODUCT     (('t' & 0x3full) << 20) /* no product that has quirks in Linux */
#define IIDR_IMPLEMENTER 0x43bull                /* Arm's JEP106 code */

void gic_v2m_init(struct gic_v2m *v2m, uint32_t first, uint32_t count,
		  void (*raise)(void *opaque, uint32_t intid), void *opaque)
{
	*v2m = (struct gic_v2m){
		.first = first,
		.count = count,
		.raise = raise,
		.opaque = opaque,
	};
}

bool gic_v2m_has(const struct gic_v2m *v2m, uint32_t data)
{
	return data >= v2m->first && data - v2m->first < v2m->count;
}

static uint64_t read_register(void *dev, uint64_t offset, unsigned size)
{
	const struct gic_v2m *v2m = dev;

	if (size != 4)
		return 0;
	switch (offset) {
	case MSI_TYPER:
		return v2m->first << TYPER_FIRST | v2m->count;
	case MSI_IIDR:
		return IIDR_PRODUCT | IIDR_IMPLEMENTER;
	default:
		return 0;
	}
}

/* 16 bits of data are a message too. */
static void write_register(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const struct gic_v2m *v2m = dev;

	if (offset == GIC_V2M_SETSPI_NS && size >= 2 && gic_v2m_has(v2m, (uint32_t)value))
		v2m->raise(v2m->opaque, (uint32_t)value);
}

const struct io_ops gic_v2m_io = {
	.read = read_register,
	.write = write_register,
	.max_size = 4,
};
