/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scan codes of a PC keyboard, sets 1 and 2. Set 1 is what software of a PC expects, set 2
 * what keyboards send; the keyboard controller translates between them. Here a key is named
 * by its code in set 1.
 */
#ifndef TANE_DEV_SCANCODES_H
#define TANE_DEV_SCANCODES_H

#include <stdint.h>

/* A key event: the key's make code in set 1, and these. */
typedef uint16_t key_event;

#define KEY_EXTENDED 0x0100u /* 0xe0 comes before it */
#define KEY_PAUSE    0x0200u /* all of it; has a sequence of its own, and no release */
#define KEY_RELEASED 0x8000u

#define SCANCODE_EXTENDED 0xe0
#define SCANCODE_PAUSE    0xe1
#define SCANCODE_RELEASED 0xf0 /* of set 2: before the code; in set 1 it is bit 7 */

/* The longest sequence that an event makes: that of the Pause key in set 2. */
#define SCANCODES_MAX 8

/* What the controller makes of a code of set 2. Not of SCANCODE_RELEASED. */
uint8_t scancode_translate(uint8_t set2);

/* The bytes that say so in scan code set `set` (1 or 2); how many. */
unsigned scancodes_of(key_event event, unsigned set, uint8_t bytes[SCANCODES_MAX]);

#endif
