/* SPDX-License-Identifier: BSD-2-Clause */
/* Any registers, any transfers of a device, any saved state: never outside of 16 MiB. */
#include "chip.h"

#include "dev/i8237.h"

static bool read_memory(void *opaque, uint64_t gpa, void *to, size_t size)
{
	(void)opaque;
	FUZZ_CHECK(size && gpa + size <= 1u << 24);
	memset(to, 0, size);
	return gpa & 0x10000;
}

static bool write_memory(void *opaque, uint64_t gpa, const void *from, size_t size)
{
	static volatile uint8_t sink;

	(void)opaque;
	FUZZ_CHECK(size && gpa + size <= 1u << 24);
	for (size_t i = 0; i < size; i++)
		sink = ((const uint8_t *)from)[i];
	(void)sink;
	return true;
}

static void released(void *opaque)
{
	(void)opaque;
}

static const struct i8237_ops ops = { read_memory, write_memory, released };

static void reload(struct fuzz_input *input, struct i8237 *dma)
{
	struct state_writer writer = { 0 };
	struct err err;

	FUZZ_CHECK(i8237_save(dma, &writer, "u", &err) == 0);
	fuzz_damage(input, &writer);
	(void)i8237_load(dma, (struct bytes){ writer.data, writer.size }, "u", &err);
	state_writer_free(&writer);
}

static void transfer(struct fuzz_input *input, struct i8237 *dma)
{
	const unsigned how = (unsigned)fuzz_next(input, 1);
	const size_t size = fuzz_next(input, 2);
	uint8_t *data = calloc(1, size + 1);
	const unsigned channel = how & 7;
	size_t moved;
	bool tc;

	if (how & 8)
		moved = i8237_to_memory(dma, channel, data, size, &tc);
	else
		moved = i8237_from_memory(dma, channel, data, size, &tc);
	FUZZ_CHECK(moved <= size);
	/* All of it, unless it came to the end or the channel is off. */
	FUZZ_CHECK(tc || moved == 0 || size - moved < (channel < 4 ? 1 : 2));
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct i8237 dma;

	i8237_init(&dma, &ops, NULL);
	while (input.size) {
		switch (fuzz_next(&input, 1) % 8) {
		case 0:
			reload(&input, &dma);
			break;
		case 1:
			fuzz_access(&input, &i8237_io_2, &dma, I8237_NR_PORTS_2);
			break;
		case 2:
			fuzz_access(&input, &i8237_page_io, &dma, I8237_NR_PAGES);
			break;
		case 3:
		case 4:
			transfer(&input, &dma);
			break;
		default:
			fuzz_access(&input, &i8237_io_1, &dma, I8237_NR_PORTS_1);
			break;
		}
	}
	return 0;
}
