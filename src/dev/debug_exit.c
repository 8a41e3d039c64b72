/* SPDX-License-Identifier: BSD-2-Clause */
/* Debug exit; see debug_exit.h. */
#include "dev/debug_exit.h"

static uint64_t debug_exit_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0;
}

static void debug_exit_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const struct debug_exit *exit_dev = dev;

	(void)offset;
	(void)size;
	exit_dev->exit(exit_dev->opaque, (uint32_t)value);
}

const struct io_ops debug_exit_io = {
	.read = debug_exit_read,
	.write = debug_exit_write,
	.max_size = 4,
};

void debug_exit_init(struct debug_exit *dev, void (*exit)(void *opaque, uint32_t value),
		     void *opaque)
{
	*dev = (struct debug_exit){ .exit = exit, .opaque = opaque };
}
