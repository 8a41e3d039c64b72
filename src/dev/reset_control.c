/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset control register. A guest chooses the kind of reset by bits 1 and 3 and
 * triggers it by taking bit 2 from 0 to 1.
 *
 * It is a byte register in the middle of PCI's 32-bit address register at
 * 0xcf8, and the chip tells them apart by the width of the access: only a byte
 * at 0xcf9 is a reset. If the register stood alone on the bus, a 32-bit write
 * to 0xcf8 would be cut into bytes, and a scan of PCI function 4 would reset
 * the machine. So the range is the whole of 0xcf8 to 0xcfb, and everything else
 * in it behaves as if nobody were there.
 */
#include <stdbool.h>

#include "dev/reset_control.h"

#define CONTROL_MASK (RESET_CONTROL_HARD | RESET_CONTROL_CPU | RESET_CONTROL_FULL)

static bool is_register(uint64_t offset, unsigned size)
{
	return offset == RESET_CONTROL_OFFSET && size == 1;
}

static uint64_t reset_control_read(void *dev, uint64_t offset, unsigned size)
{
	const struct reset_control *rc = dev;

	return is_register(offset, size) ? rc->regs.control : UINT64_MAX;
}

static void reset_control_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct reset_control *rc = dev;
	uint8_t old = rc->regs.control;

	if (!is_register(offset, size))
		return;
	rc->regs.control = value & CONTROL_MASK;
	if ((value & ~old) & RESET_CONTROL_CPU)
		rc->reset(rc->opaque);
}

const struct io_ops reset_control_io = {
	.read = reset_control_read,
	.write = reset_control_write,
	.max_size = 4,
};

void reset_control_reset(struct reset_control *rc)
{
	rc->regs.control = 0;
}

void reset_control_init(struct reset_control *rc, void (*reset)(void *opaque),
			void *opaque)
{
	*rc = (struct reset_control){ .reset = reset, .opaque = opaque };
}

static const struct state_field fields[] = {
	STATE_FIELD(struct reset_control_regs, control),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int reset_control_save(const struct reset_control *rc, struct state_writer *writer,
		       const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &rc->regs, err);
}

int reset_control_load(struct reset_control *rc, struct bytes image, const char *section,
		       struct err *err)
{
	struct reset_control_regs regs = { 0 };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	if (regs.control & ~CONTROL_MASK)
		return state_err_impossible(err, section);
	rc->regs = regs;
	return 0;
}
