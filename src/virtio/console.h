/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-console (virtio 1.2, 5.3): terminals (hvc0 ...) and named byte streams
 * (/dev/virtio-ports/NAME) of the guest. See console.c.
 */
#ifndef TANE_VIRTIO_CONSOLE_H
#define TANE_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"
#include "core/console.h"
#include "core/platform.h"
#include "util/err.h"
#include "virtio/virtio.h"

#define VIRTIO_CONSOLE_MAX_NAME 63 /* bytes of a port's name */

/*
 * The device with config->ports, which are at least one and live as long as it. NULL with
 * a message on an error. virtio_free() frees it.
 */
struct virtio *virtio_console_new(struct platform *platform,
				  const struct vm_config *config, bool packed,
				  struct err *err);

/* The console behind SERIAL_CONSOLE; NULL: none. */
struct console *virtio_console_terminal(struct virtio *virtio);

/* The console of the port with this name; NULL: there is none. */
struct console *virtio_console_port(struct virtio *virtio, const char *name);

/* The terminal behind SERIAL_CONSOLE has this size now, in characters. Any thread. */
void virtio_console_resize(struct virtio *virtio, uint16_t cols, uint16_t rows);

/*
 * Write out what the guest has printed, also what still waits in its queues: as
 * console_drain(), of all ports. No vCPU and no loop may run.
 */
void virtio_console_drain(struct virtio *virtio,
			  const struct console_interrupt *interrupt, int timeout_ms);

#endif
