/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a UART and the serial port that it belongs to ask of each other, whatever the
 * chip is: a port of the machine (arch/serial.c) drives any of them through a table. The
 * port holds its mutex around every function of a chip; what the chip calls runs with it
 * held and must not call back into the chip.
 */
#ifndef TANE_DEV_UART_H
#define TANE_DEV_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "core/irq.h"

/* What a chip asks of its port. */
struct uart_ops {
	/*
	 * A byte leaves the chip. The sink always takes it; it returns false if
	 * it would rather have no more before tx_ready().
	 */
	bool (*transmit)(void *opaque, uint8_t byte);
	/* The receiver has become empty or the guest listens: there is room again.
	   May be NULL. */
	void (*rx_drained)(void *opaque);
};

/* A kind of chip. `uart` is one of this kind. */
struct uart_model {
	const char *name;
	uint64_t size; /* of the range of its registers */
	const struct io_ops *io;
	void (*init)(void *uart, const struct uart_ops *ops, const struct irq_line *irq,
		     void *opaque);
	/* A full sink stays full: it is not part of the chip. */
	void (*reset)(void *uart);
	/* How many bytes receive() would take now; 0 while the guest does not listen. */
	size_t (*rx_room)(const void *uart);
	/* Bytes arrive. Returns how many were taken; the rest is the caller's. */
	size_t (*receive)(void *uart, const uint8_t *data, size_t size);
	/* A break arrives. False if there was no room for it. */
	bool (*receive_break)(void *uart);
	/* The sink that returned false takes bytes again. */
	void (*tx_ready)(void *uart);
};

#endif
