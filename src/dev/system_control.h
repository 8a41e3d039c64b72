/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System control port B (0x61): speaker, timer 2 gate and output, NMI status.
 * The caller holds the device's mutex; callbacks run with it held and must not
 * call back.
 */
#ifndef TANE_DEV_SYSTEM_CONTROL_H
#define TANE_DEV_SYSTEM_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define SYSTEM_CONTROL_TIMER2_GATE   0x01
#define SYSTEM_CONTROL_SPEAKER       0x02
#define SYSTEM_CONTROL_REFRESH       0x10
#define SYSTEM_CONTROL_TIMER2_OUTPUT 0x20

struct system_control_regs {
	uint8_t control; /* the low four bits, as written */
	uint8_t refresh; /* 0 or SYSTEM_CONTROL_REFRESH */
};

struct system_control_ops {
	/* The output of timer 2 now. */
	bool (*timer2_output)(void *opaque);
	/* The guest changed bits 0 and 1 (timer 2 gate, speaker). May be NULL. */
	void (*speaker)(void *opaque, uint8_t low2bits);
};

struct system_control {
	struct system_control_regs regs;
	const struct system_control_ops *ops;
	void *opaque;
};

extern const struct io_ops system_control_io; /* one port */

/* `ops` must live as long as the chip. */
void system_control_init(struct system_control *sc, const struct system_control_ops *ops,
			 void *opaque);
void system_control_reset(struct system_control *sc);

int system_control_save(const struct system_control *sc, struct state_writer *writer,
			const char *section, struct err *err);
/* On an error nothing has changed. Calls speaker() with what was loaded. */
int system_control_load(struct system_control *sc, struct bytes image,
			const char *section, struct err *err);

#endif
