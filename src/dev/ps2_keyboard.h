/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's keyboard on a PS/2 port (IBM PS/2 Technical Reference, "Keyboards"). The caller
 * holds the mutex of the controller that it is plugged into; next_key() runs with it held
 * and must not call back.
 */
#ifndef TANE_DEV_PS2_KEYBOARD_H
#define TANE_DEV_PS2_KEYBOARD_H

#include "dev/ps2.h"
#include "dev/scancodes.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

struct ps2_keyboard_regs {
	uint8_t scanning; /* it sends keys */
	uint8_t set;      /* scan code set, 1 or 2 */
	uint8_t leds;     /* bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock */
	uint8_t typematic;
	uint8_t command;         /* whose parameter is awaited; 0 = none */
	uint8_t last;            /* the last byte sent, for Resend */
	struct ps2_fifo scans;   /* scan codes */
	struct ps2_fifo answers; /* go first */
};

struct ps2_keyboard {
	struct ps2_keyboard_regs regs;
	bool (*next_key)(void *opaque, key_event *event);
	void *opaque;
};

extern const struct ps2_ops ps2_keyboard_ops;

/*
 * `next_key` gives what was typed, in order; false: nothing more for now. It is called
 * when the last one is sent, so that no key is lost, however slowly the guest reads.
 */
void ps2_keyboard_init(struct ps2_keyboard *keyboard,
		       bool (*next_key)(void *opaque, key_event *event), void *opaque);
void ps2_keyboard_reset(struct ps2_keyboard *keyboard);

int ps2_keyboard_save(const struct ps2_keyboard *keyboard, struct state_writer *writer,
		      const char *section, struct err *err);
/* On an error nothing has changed. */
int ps2_keyboard_load(struct ps2_keyboard *keyboard, struct bytes image,
		      const char *section, struct err *err);

#endif
