/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt line as a device sees it: something with a level. The machine
 * connects it to a pin of the interrupt controller; a unit test to a variable.
 */
#ifndef TANE_CORE_IRQ_H
#define TANE_CORE_IRQ_H

#include <stdbool.h>

struct irq_line {
	void (*set)(void *opaque, bool level);
	void *opaque;
};

/* Drive the line. A line that is not connected (set == NULL) swallows it. */
static inline void irq_set(const struct irq_line *line, bool level)
{
	if (line->set)
		line->set(line->opaque, level);
}

#endif
