/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host bridge of the Intel 440FX (82441FX PMC, order no. 290549), as far as software
 * uses it today: its identity, and the PAM registers. Those say for each of 13 segments
 * from 0xc0000 to 0xfffff whether reads and writes go to RAM, or to PCI, where the
 * firmware's ROM is. After a reset all go to PCI.
 *
 * The bus's lock is held around all of it, and around the callback, but for init.
 */
#ifndef TANE_DEV_I440FX_H
#define TANE_DEV_I440FX_H

#include "dev/pci.h"

/* Twelve of 16 KiB, and one of 64 KiB at 0xf0000. */
#define I440FX_SEGMENTS     13
#define I440FX_FIRST        0xc0000u
#define I440FX_SEGMENT_SIZE 0x4000u
#define I440FX_LAST_SIZE    0x10000u

/* What goes to RAM in a segment. */
#define I440FX_READ_RAM  1u
#define I440FX_WRITE_RAM 2u

struct i440fx {
	struct pci_function function;
	uint8_t routes[I440FX_SEGMENTS]; /* what was told last */
	/* `route` of segment `segment` is another now. */
	void (*set_route)(void *opaque, unsigned segment, unsigned route);
	void *opaque;
};

/* Set it up; then plug `function` in as 00.0. */
void i440fx_init(struct i440fx *bridge,
		 void (*set_route)(void *opaque, unsigned segment, unsigned route),
		 void *opaque);
/* After pci_bus_reset(). */
void i440fx_reset(struct i440fx *bridge);

/* Where segment `segment` is. */
uint32_t i440fx_segment_base(unsigned segment);
uint32_t i440fx_segment_size(unsigned segment);

/* Section "i440fx.pci". On an error nothing has changed. */
int i440fx_save(const struct i440fx *bridge, struct state_writer *writer,
		struct err *err);
int i440fx_load(struct i440fx *bridge, struct bytes image, struct err *err);

#endif
