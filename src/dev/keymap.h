/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From text to the keys of a US keyboard that type it.
 *
 * ASCII characters are typed as they are, a line feed by Enter. Other keys have names in
 * angle brackets, such as <esc>, <f1> and <pgup>, with modifiers in front: <ctrl-alt-del>,
 * <shift-tab>, <alt-x>. <lt> and <gt> type the brackets themselves, though > may stand by
 * itself. Names may be in capitals.
 */
#ifndef TANE_DEV_KEYMAP_H
#define TANE_DEV_KEYMAP_H

#include "dev/scancodes.h"
#include "util/err.h"

/* A key and the modifiers that are held down with it, bits as in keymap.c. */
struct key_press {
	key_event key;
	uint8_t modifiers;
};

/* The most events that a press makes: four modifiers and a key, down and up. */
#define KEYMAP_MAX_EVENTS 10u

/*
 * The first press that `*text` names; *text then points behind it. 1: there is one; 0: at
 * the end of the text; -1: no key has that name.
 */
int keymap_next(const char **text, struct key_press *press, struct err *err);

/* The events of a press, in order; how many. */
unsigned keymap_events(const struct key_press *press,
		       key_event events[KEYMAP_MAX_EVENTS]);

#endif
