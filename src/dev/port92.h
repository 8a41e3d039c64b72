/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System control port A (0x92) of the PS/2: fast A20 and fast reset. The caller
 * holds the device's mutex; the callback runs with it held and must not call back.
 */
#ifndef TANE_DEV_PORT92_H
#define TANE_DEV_PORT92_H

#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define PORT92_RESET 0x01
#define PORT92_A20   0x02

struct port92_regs {
	uint8_t control;
};

struct port92 {
	struct port92_regs regs;
	void (*reset)(void *opaque);
	void *opaque;
};

extern const struct io_ops port92_io; /* one port */

/* `reset` is called when the guest pulls the processor's reset line. */
void port92_init(struct port92 *port, void (*reset)(void *opaque), void *opaque);
void port92_reset(struct port92 *port);

int port92_save(const struct port92 *port, struct state_writer *writer,
		const char *section, struct err *err);
/* On an error nothing has changed. */
int port92_load(struct port92 *port, struct bytes image, const char *section,
		struct err *err);

#endif
