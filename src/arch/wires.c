/* SPDX-License-Identifier: BSD-2-Clause */
/* Wires between devices and the interrupt controller; see wires.h. */
#include "arch/wires.h"

void wires_init(struct wires *wires, struct vm *vm,
		void (*set)(struct vm *vm, unsigned number, bool level))
{
	wires->set = set;
	wires->vm = vm;
	wires->nr_ends = 0;
	for (unsigned i = 0; i < WIRES_MAX_PINS; i++) {
		struct pin *pin = &wires->pins[i];

		*pin = (struct pin){ .wires = wires, .number = i };
		pthread_mutex_init(&pin->lock, NULL);
	}
}

void wires_destroy(struct wires *wires)
{
	for (unsigned i = 0; i < WIRES_MAX_PINS; i++)
		pthread_mutex_destroy(&wires->pins[i].lock);
}

static void wire_set(void *opaque, bool level)
{
	const struct wire *wire = opaque;
	struct pin *pin = wire->pin;

	pthread_mutex_lock(&pin->lock);
	pin->levels = level ? pin->levels | wire->bit : pin->levels & ~wire->bit;
	pin->wires->set(pin->wires->vm, pin->number, pin->levels != 0);
	pthread_mutex_unlock(&pin->lock);
}

struct irq_line wires_connect(struct wires *wires, unsigned number)
{
	struct wire *end = &wires->ends[wires->nr_ends++];
	struct pin *pin = &wires->pins[number];

	*end = (struct wire){ .pin = pin, .bit = 1u << pin->devices++ };
	return (struct irq_line){ .set = wire_set, .opaque = end };
}
