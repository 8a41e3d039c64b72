/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug console (0xe9 of Bochs, 0x402 of SeaBIOS and EDK2): a byte written goes
 * to the sink, and a read gives 0xe9, by which firmware sees that it is there.
 * It keeps nothing, so it has no reset, save or load. The caller holds the
 * device's mutex; the callback runs with it held.
 */
#ifndef TANE_DEV_DEBUG_CONSOLE_H
#define TANE_DEV_DEBUG_CONSOLE_H

#include <stdint.h>

#include "core/bus.h"

#define DEBUG_CONSOLE_PRESENT 0xe9

struct debug_console {
	void (*output)(void *opaque, uint8_t byte);
	void *opaque;
};

extern const struct io_ops debug_console_io; /* one port */

void debug_console_init(struct debug_console *console,
			void (*output)(void *opaque, uint8_t byte), void *opaque);

#endif
