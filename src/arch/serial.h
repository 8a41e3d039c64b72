/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A serial port of the machine: a UART, a console, and what is between them.
 * All architectures have one.
 */
#ifndef TANE_ARCH_SERIAL_H
#define TANE_ARCH_SERIAL_H

#include <pthread.h>

#include "core/config.h"
#include "core/console.h"
#include "core/console_ends.h"
#include "core/vm.h"
#include "dev/pl011.h"
#include "dev/uart16550.h"

struct serial {
	struct vm *vm;
	const struct uart_model *model;
	union {
		struct pl011 pl011;
		struct uart16550 uart16550;
	} chip;               /* of that model */
	char name[16];        /* "uart16550.0" */
	pthread_mutex_t lock; /* guards the chip */
	bool sent;            /* the access under way has sent a byte */
	struct console console;
	struct console_ends ends;
	bool open;
};

/*
 * Make the port number `number` (0 is COM1) as the configuration says, by a chip of
 * `model` (&uart16550_model, &pl011_model), its registers at `base` of `space`, its
 * interrupt on `irq`.
 */
int serial_init(struct serial *serial, struct vm *vm, unsigned number,
		const struct uart_model *model, enum bus_space space, uint64_t base,
		const struct irq_line *irq, struct err *err);
void serial_reset(struct serial *serial);
void serial_destroy(struct serial *serial);

#endif
