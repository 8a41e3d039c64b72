/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset control register (0xcf9) of the Intel PIIX. The range to claim is the
 * four ports from 0xcf8, see reset_control.c. The caller holds the device's
 * mutex; the callback runs with it held and must not call back.
 */
#ifndef TANE_DEV_RESET_CONTROL_H
#define TANE_DEV_RESET_CONTROL_H

#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define RESET_CONTROL_NR_PORTS 4
#define RESET_CONTROL_OFFSET   1 /* of the register, in that range */

#define RESET_CONTROL_HARD 0x02 /* System Reset: also the chips, not only the processor */
#define RESET_CONTROL_CPU  0x04 /* Reset CPU: does it, when it goes from 0 to 1 */
#define RESET_CONTROL_FULL 0x08 /* Full Reset: power cycle */

struct reset_control_regs {
	uint8_t control;
};

struct reset_control {
	struct reset_control_regs regs;
	void (*reset)(void *opaque);
	void *opaque;
};

extern const struct io_ops reset_control_io;

/* `reset` is called for each kind of reset: here they are all the same. */
void reset_control_init(struct reset_control *rc, void (*reset)(void *opaque),
			void *opaque);
void reset_control_reset(struct reset_control *rc);

int reset_control_save(const struct reset_control *rc, struct state_writer *writer,
		       const char *section, struct err *err);
/* On an error nothing has changed. */
int reset_control_load(struct reset_control *rc, struct bytes image, const char *section,
		       struct err *err);

#endif
