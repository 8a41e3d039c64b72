/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System control port A. Bit 0 resets the processor when it goes from 0 to 1,
 * bit 1 opens the A20 line. All bits read back; A20 has no other effect, since
 * memory never wraps at 1 MiB, and it is open from the start.
 */
#include "dev/port92.h"

static uint64_t port92_read(void *dev, uint64_t offset, unsigned size)
{
	const struct port92 *port = dev;

	(void)offset;
	(void)size;
	return port->regs.control;
}

static void port92_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct port92 *port = dev;
	uint8_t old = port->regs.control;

	(void)offset;
	(void)size;
	port->regs.control = (uint8_t)value;
	if ((value & ~old) & PORT92_RESET)
		port->reset(port->opaque);
}

const struct io_ops port92_io = {
	.read = port92_read,
	.write = port92_write,
	.max_size = 1,
};

void port92_reset(struct port92 *port)
{
	port->regs.control = PORT92_A20;
}

void port92_init(struct port92 *port, void (*reset)(void *opaque), void *opaque)
{
	*port = (struct port92){ .reset = reset, .opaque = opaque };
	port92_reset(port);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct port92_regs, control),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int port92_save(const struct port92 *port, struct state_writer *writer,
		const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &port->regs, err);
}

int port92_load(struct port92 *port, struct bytes image, const char *section,
		struct err *err)
{
	struct port92_regs regs = { .control = PORT92_A20 };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	port->regs = regs; /* the guest may write any value, so any is valid */
	return 0;
}
