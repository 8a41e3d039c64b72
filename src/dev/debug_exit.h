/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug exit (QEMU's isa-debug-exit): a write of 1, 2 or 4 bytes ends the
 * machine with that value; a read gives 0. It keeps nothing, so it has no
 * reset, save or load. The caller holds the device's mutex; the callback runs
 * with it held.
 */
#ifndef TANE_DEV_DEBUG_EXIT_H
#define TANE_DEV_DEBUG_EXIT_H

#include <stdint.h>

#include "core/bus.h"

#define DEBUG_EXIT_NR_PORTS 4

struct debug_exit {
	void (*exit)(void *opaque, uint32_t value);
	void *opaque;
};

extern const struct io_ops debug_exit_io;

void debug_exit_init(struct debug_exit *dev, void (*exit)(void *opaque, uint32_t value),
		     void *opaque);

#endif
