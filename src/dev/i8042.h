/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 8042 keyboard controller of a PC, with a PS/2 port for the keyboard and one for the
 * mouse. Port 0x60 is data, 0x64 is status and command. The caller holds the device's
 * mutex, which guards what is plugged in as well; callbacks run with it held and must not
 * call back.
 */
#ifndef TANE_DEV_I8042_H
#define TANE_DEV_I8042_H

#include <stdbool.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"
#include "dev/ps2.h"
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
	uint8_t from_device; /* the output byte is a device's, not an answer of ours */
	uint8_t held, held_status; /* a device's byte that an answer went before */
	uint8_t released;          /* translation: the byte before was "released" */
};

enum i8042_port {
	I8042_KEYBOARD,
	I8042_MOUSE,
	I8042_NR_PORTS,
};

struct i8042 {
	struct i8042_regs regs;
	void (*reset)(void *opaque);
	void *opaque;
	struct ps2_port ports[I8042_NR_PORTS];
	struct irq_line irqs[I8042_NR_PORTS];
	bool levels[I8042_NR_PORTS];
};

extern const struct io_ops i8042_data_io;    /* one port, 0x60 */
extern const struct io_ops i8042_command_io; /* one port, 0x64 */

/*
 * `reset` is called when the guest pulls the processor's reset line. `irqs` (copied) are
 * the interrupts of keyboard and mouse, ISA lines 1 and 12. Nothing is plugged in.
 */
void i8042_init(struct i8042 *kbc, void (*reset)(void *opaque),
		const struct irq_line irqs[I8042_NR_PORTS], void *opaque);
/* What is plugged in must be reset first. */
void i8042_reset(struct i8042 *kbc);

/* Plug a device in, before the guest runs. */
void i8042_plug(struct i8042 *kbc, enum i8042_port port, const struct ps2_ops *ops,
		void *dev);

/* A device that had nothing to send has something now. */
void i8042_poll(struct i8042 *kbc);

int i8042_save(const struct i8042 *kbc, struct state_writer *writer, const char *section,
	       struct err *err);
/* On an error nothing has changed. What is plugged in must be loaded first. */
int i8042_load(struct i8042 *kbc, struct bytes image, const char *section,
	       struct err *err);

#endif
