/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ARM PrimeCell Real Time Clock PL031 (DDI 0224): seconds since the Unix epoch and
 * one alarm, in PRIMECELL_SIZE bytes. The caller holds the device's mutex around every
 * function here; callbacks run with it held and must not call back.
 */
#ifndef TANE_DEV_PL031_H
#define TANE_DEV_PL031_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "dev/primecell.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

enum pl031_register {
	PL031_DR = 0x00,   /* the counter */
	PL031_MR = 0x04,   /* match: the alarm */
	PL031_LR = 0x08,   /* load: sets the counter */
	PL031_CR = 0x0c,   /* bit 0: it runs */
	PL031_IMSC = 0x10, /* bit 0 of these is the one interrupt */
	PL031_RIS = 0x14,
	PL031_MIS = 0x18,
	PL031_ICR = 0x1c,
};

/* Everything that outlives a snapshot. */
struct pl031_regs {
	uint32_t mr, lr;
	uint8_t imsc, ris; /* 0 or 1 */
	/* The counter is `offset` + the seconds that have passed since `phase_ns`. */
	uint32_t offset;
	uint32_t phase_ns; /* below a second: where in a host's second ours begin */
	uint32_t seen;     /* the counter at the last look */
};

struct pl031_ops {
	/* The time in ns since the Unix epoch, UTC. Not negative; it may jump. */
	int64_t (*now)(void *opaque);
	/*
	 * Call pl031_tick() once, when now() has reached `deadline_ns`; replaces
	 * the one before, INT64_MAX takes it back.
	 */
	void (*arm)(void *opaque, int64_t deadline_ns);
};

struct pl031 {
	struct pl031_regs regs;
	const struct pl031_ops *ops;
	struct irq_line irq;
	void *opaque;
	int64_t armed; /* what arm() was told last */
	bool irq_level;
};

extern const struct io_ops pl031_io;

/* `ops` must live as long as the chip; `irq` is copied. The clock shows now(). */
void pl031_init(struct pl031 *rtc, const struct pl031_ops *ops,
		const struct irq_line *irq, void *opaque);

/* Ends interrupts and the alarm; time lives on. */
void pl031_reset(struct pl031 *rtc);

/* The time of the last arm() has come, or now() has jumped. Always harmless. */
void pl031_tick(struct pl031 *rtc);

int pl031_save(const struct pl031 *rtc, struct state_writer *writer, const char *section,
	       struct err *err);
/*
 * On an error nothing has changed. The clock went on in the meantime: it shows the time
 * that has passed on the host since the snapshot.
 */
int pl031_load(struct pl031 *rtc, struct bytes image, const char *section,
	       struct err *err);

#endif
