/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ARM PrimeCell GPIO PL061 (DDI 0190): eight lines and an interrupt, in
 * PRIMECELL_SIZE bytes. Machines without ACPI have their power button on it, as
 * gpio-keys. The caller holds the device's mutex around every function here; the
 * interrupt is driven with it held.
 */
#ifndef TANE_DEV_PL061_H
#define TANE_DEV_PL061_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "dev/primecell.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define PL061_NR_LINES 8

/* Registers by offset; bit n is line n. */
enum pl061_register {
	PL061_DATA = 0x000, /* up to 0x3fc: bits 9 to 2 of the address are a mask */
	PL061_DIR = 0x400,  /* 1: output */
	PL061_IS = 0x404,   /* 1: by level, 0: by edge */
	PL061_IBE = 0x408,  /* 1: by both edges */
	PL061_IEV = 0x40c,  /* 1: rising or high, 0: falling or low */
	PL061_IE = 0x410,
	PL061_RIS = 0x414,
	PL061_MIS = 0x418,
	PL061_IC = 0x41c,
	PL061_AFSEL = 0x420, /* kept, without effect */
};

/* Everything that outlives a snapshot. */
struct pl061_regs {
	uint8_t data; /* what outputs are driven to */
	uint8_t dir, is, ibe, iev, ie, afsel;
	uint8_t edges; /* that were seen and not cleared */
};

struct pl061 {
	struct pl061_regs regs;
	uint8_t inputs; /* the lines from outside, as they are */
	struct irq_line irq;
	bool irq_level;
};

extern const struct io_ops pl061_io;

/* All lines are low. `irq` is copied. */
void pl061_init(struct pl061 *gpio, const struct irq_line *irq);
/* The lines from outside stay as they are. */
void pl061_reset(struct pl061 *gpio);

/*
 * A line from outside goes high or low. A key of Linux's gpio-keys must be held longer
 * than its debounce-interval, which is 5 ms.
 */
void pl061_set(struct pl061 *gpio, unsigned line, bool level);

int pl061_save(const struct pl061 *gpio, struct state_writer *writer, const char *section,
	       struct err *err);
/* On an error nothing has changed. The lines from outside are this machine's. */
int pl061_load(struct pl061 *gpio, struct bytes image, const char *section,
	       struct err *err);

#endif
