/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller of a PC that has no keyboard and no mouse. Port
 * 0x60 is data, 0x64 is status and command. The caller holds the device's
 * mutex; callbacks run with it held and must not call back.
 */
#ifndef TANE_DEV_I8042_H
#define TANE_DEV_I8042_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define I8042_RAM_SIZE 32

struct i8042_regs {
	uint8_t status; /* without the bits that follow from the rest */
	uint8_t output; /* the byte that OBF announces */
	uint8_t output_port;
	uint8_t command; /* whose data byte is awaited; 0 = none: it is for the keyboard */
	uint8_t ram[I8042_RAM_SIZE]; /* ram[0] is the command byte */
};

struct i8042 {
	struct i8042_regs regs;
	void (*reset)(void *opaque);
	void *opaque;
	struct irq_line irq;
	bool irq_level;
};

extern const struct io_ops i8042_data_io;    /* one port, 0x60 */
extern const struct io_ops i8042_command_io; /* one port, 0x64 */

/*
 * `reset` is called when the guest pulls the processor's reset line. `irq`
 * (copied) is the keyboard's interrupt, ISA line 1.
 */
void i8042_init(struct i8042 *kbc, void (*reset)(void *opaque),
		const struct irq_line *irq, void *opaque);
void i8042_reset(struct i8042 *kbc);

int i8042_save(const struct i8042 *kbc, struct state_writer *writer, const char *section,
	       struct err *err);
/* On an error nothing has changed. */
int i8042_load(struct i8042 *kbc, struct bytes image, const char *section,
	       struct err *err);

#endif
