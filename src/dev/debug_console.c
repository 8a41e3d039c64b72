/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug console; see debug_console.h, which tells all there is to it. */
#include "dev/debug_console.h"

static uint64_t debug_console_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return DEBUG_CONSOLE_PRESENT;
}

static void debug_console_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const struct debug_console *console = dev;

	(void)offset;
	(void)size;
	console->output(console->opaque, (uint8_t)value);
}

const struct io_ops debug_console_io = {
	.read = debug_console_read,
	.write = debug_console_write,
	.max_size = 1,
};

void debug_console_init(struct debug_console *console,
			void (*output)(void *opaque, uint8_t byte), void *opaque)
{
	*console = (struct debug_console){ .output = output, .opaque = opaque };
}
