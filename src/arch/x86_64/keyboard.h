/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PC's keyboard and mouse: the controller, what is plugged into it, and the keys that
 * the guest has not fetched yet. The machine's mutex of small chips guards all of it.
 */
#ifndef TANE_ARCH_X86_64_KEYBOARD_H
#define TANE_ARCH_X86_64_KEYBOARD_H

#include "dev/i8042.h"
#include "dev/ps2_keyboard.h"
#include "dev/ps2_mouse.h"

/* Events that may wait: those of 4096 characters, with Shift or without. */
#define KEYBOARD_MAX_EVENTS 16384u

struct keyboard {
	struct i8042 controller;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	key_event events[KEYBOARD_MAX_EVENTS];
	unsigned head, used;
	enum {
		KEYBOARD_READY,
		KEYBOARD_SENDING, /* the guest has not read the last event */
		KEYBOARD_RESTING, /* it has, and gets no other before keyboard_tick() */
	} state;
	const struct keyboard_ops *ops;
	void *opaque;
};

struct keyboard_ops {
	void (*reset)(void *opaque); /* the guest pulls the processor's reset line */
	void (*rest)(void *opaque);  /* call keyboard_tick() KEYBOARD_REST_NS from now */
};

/* Between two events: what a byte takes on a keyboard's wire. */
#define KEYBOARD_REST_NS 1000000

/* `irqs` as of i8042_init(). Callbacks run with the mutex held and must not call back. */
void keyboard_init(struct keyboard *keyboard, const struct keyboard_ops *ops,
		   const struct irq_line irqs[I8042_NR_PORTS], void *opaque);

/* Keys that wait are forgotten. */
void keyboard_reset(struct keyboard *keyboard);

void keyboard_tick(struct keyboard *keyboard);

/* Type `text` (dev/keymap.h). On an error nothing is typed. */
int keyboard_type(struct keyboard *keyboard, const char *text, struct err *err);

#endif
