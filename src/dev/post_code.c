/* SPDX-License-Identifier: BSD-2-Clause */
/* POST code port; see post_code.h. Before the first write it reads all ones. */
#include "dev/post_code.h"

static uint64_t post_code_read(void *dev, uint64_t offset, unsigned size)
{
	const struct post_code *post = dev;

	(void)offset;
	(void)size;
	return post->regs.last;
}

static void post_code_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct post_code *post = dev;

	(void)offset;
	(void)size;
	post->regs.last = (uint8_t)value;
}

const struct io_ops post_code_io = {
	.read = post_code_read,
	.write = post_code_write,
	.max_size = 1,
};

void post_code_reset(struct post_code *post)
{
	post->regs.last = 0xff;
}

void post_code_init(struct post_code *post)
{
	post_code_reset(post);
}

static const struct state_field fields[] = {
	STATE_FIELD(struct post_code_regs, last),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int post_code_save(const struct post_code *post, struct state_writer *writer,
		   const char *section, struct err *err)
{
	return state_save(writer, section, &layout, &post->regs, err);
}

int post_code_load(struct post_code *post, struct bytes image, const char *section,
		   struct err *err)
{
	struct post_code_regs regs = { .last = 0xff };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	post->regs = regs;
	return 0;
}
