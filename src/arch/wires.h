/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the interrupt lines of devices to the inputs of the interrupt controller. An input
 * (pin) may have up to 32 devices on it and is high while any of them is.
 */
#ifndef TANE_ARCH_WIRES_H
#define TANE_ARCH_WIRES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/irq.h"
#include "core/vm.h"

#define WIRES_MAX_PINS   96
#define WIRES_MAX_INPUTS 96

struct pin {
	struct wires *wires;
	pthread_mutex_t lock; /* held around wires->set() */
	uint32_t levels;
	unsigned devices; /* how many are connected */
	unsigned number;
};

/* A device's end. */
struct wire {
	struct pin *pin;
	uint32_t bit;
};

struct wires {
	/* Drive input `number` of the controller. Any thread. */
	void (*set)(struct vm *vm, unsigned number, bool level);
	struct vm *vm;
	struct pin pins[WIRES_MAX_PINS];
	struct wire ends[WIRES_MAX_INPUTS];
	unsigned nr_ends;
};

void wires_init(struct wires *wires, struct vm *vm,
		void (*set)(struct vm *vm, unsigned number, bool level));
void wires_destroy(struct wires *wires);

/* A line to input `number`, below WIRES_MAX_PINS. The builder knows that there is room. */
struct irq_line wires_connect(struct wires *wires, unsigned number);

#endif
