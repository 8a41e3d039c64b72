/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of chips share: an interrupt line that watches itself, byte
 * accesses as the guest does them, and saved states made by hand.
 */
#ifndef TESTS_UNIT_CHIP_H
#define TESTS_UNIT_CHIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bus.h"
#include "core/irq.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* An interrupt line that knows its level and how often it rose. */
struct chip_irq {
	bool level;
	unsigned raised;
	unsigned redundant; /* calls that did not change the level */
};

static inline void chip_irq_set(void *opaque, bool level)
{
	struct chip_irq *irq = opaque;

	if (level == irq->level)
		irq->redundant++;
	else if (level)
		irq->raised++;
	irq->level = level;
}

static inline struct irq_line chip_irq_line(struct chip_irq *irq)
{
	return (struct irq_line){ .set = chip_irq_set, .opaque = irq };
}

static inline uint8_t chip_in(const struct io_ops *io, void *dev, unsigned offset)
{
	return (uint8_t)io->read(dev, offset, 1);
}

static inline void chip_out(const struct io_ops *io, void *dev, unsigned offset,
			    unsigned value)
{
	io->write(dev, offset, 1, (uint8_t)value);
}

static inline struct bytes chip_image(const struct state_writer *writer)
{
	return (struct bytes){ writer->data, writer->size };
}

/* A section "chip" with one field only, as an older or a hostile program may write it. */
static inline void chip_section(struct state_writer *writer, const char *name,
				const void *value, size_t size)
{
	const struct state_field field = { .name = name, .size = (uint16_t)size };
	const struct state_layout layout = { .version = 1,
					     .nr_fields = 1,
					     .fields = &field };
	struct err err;

	state_writer_free(writer);
	assert_int_equal(state_save(writer, "chip", &layout, value, &err), 0);
}

/* A small generator of the same numbers each time (xorshift, period 2^32 - 1). */
static inline uint32_t chip_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

#endif
