/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mouse on a PS/2 port that nobody moves. The caller holds the mutex of the controller
 * that it is plugged into.
 */
#ifndef TANE_DEV_PS2_MOUSE_H
#define TANE_DEV_PS2_MOUSE_H

#include "dev/ps2.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

struct ps2_mouse_regs {
	uint8_t status; /* first byte of the answer to Status Request */
	uint8_t resolution;
	uint8_t sample_rate;
	uint8_t wrap;    /* it sends back what it is sent */
	uint8_t command; /* whose parameter is awaited; 0 = none */
	uint8_t last;    /* the last byte sent, for Resend */
	struct ps2_fifo answers;
};

struct ps2_mouse {
	struct ps2_mouse_regs regs;
};

extern const struct ps2_ops ps2_mouse_ops;

void ps2_mouse_init(struct ps2_mouse *mouse);
void ps2_mouse_reset(struct ps2_mouse *mouse);

int ps2_mouse_save(const struct ps2_mouse *mouse, struct state_writer *writer,
		   const char *section, struct err *err);
/* On an error nothing has changed. */
int ps2_mouse_load(struct ps2_mouse *mouse, struct bytes image, const char *section,
		   struct err *err);

#endif
