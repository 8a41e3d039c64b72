/* SPDX-License-Identifier: BSD-2-Clause */
/* Milestone register; see milestone.h. */
#include "dev/milestone.h"

static uint64_t milestone_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return UINT64_MAX;
}

static void milestone_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const struct milestone *milestone = dev;

	(void)size;
	if (!offset)
		milestone->reached(milestone->opaque, (uint8_t)value);
}

const struct io_ops milestone_io = {
	.read = milestone_read,
	.write = milestone_write,
	.max_size = 4,
};

void milestone_init(struct milestone *dev, void (*reached)(void *opaque, uint8_t number),
		    void *opaque)
{
	*dev = (struct milestone){ .reached = reached, .opaque = opaque };
}
